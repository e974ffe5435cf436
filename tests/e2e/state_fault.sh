#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A disk that fails under the daemon's state, by strace; a full one and a read-only one, by a mount
# in a namespace of its own. FULL=1: each byte of a file.
set -eu
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$TOP/tests/support"
test=$TOP/tests/e2e/state_fault.py
TMPDIR=$TMPDIR/calls
mkdir "$TMPDIR"
python3 "$test"
rm -rf "$TMPDIR"
mkdir -p "$TMPDIR/small"
if unshare -m mount -t tmpfs none "$TMPDIR/small" 2>/dev/null; then
	# shellcheck disable=SC2016 # expanded inside
	TEST=$test exec unshare -m sh -ec '
		mount -t tmpfs -o size=64k,mode=700 none "$TMPDIR/small"
		python3 "$TEST" "$TMPDIR/small"'
fi
echo "no mount namespace: a full disk by injection only"
