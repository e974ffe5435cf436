#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where the kernel refuses a layer, a room says what it lacks: also those that live as long as a
# compile, once each and not again with every reload. The layer is that of the namespaces, which a
# user namespace without any below it refuses.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
# shellcheck disable=SC2016 # the inner shell's
NONE='echo 0 >/proc/sys/user/max_user_namespaces; exec "$0" "$@"'
unshare -U -r sh -c "$NONE" true 2>/dev/null || { echo "no user namespace to be had"; exit 77; }
policy_begin
nic_start
unshare -U -r sh -c "$NONE" "$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$STATE" \
    --socket "$SOCK" >>"$TMPDIR/daemon.log" 2>&1 &
daemon_pid=$!
wait_for "generation 1" status_is 1 generation
policy_open
exits 0 rf reload
is "the generation" "$(status generation)" 2
exits 0 rf status
if grep -q OFF "$TMPDIR/out"; then
	echo "sanitizer builds give up no rights"
	exit 77
fi
for room in compile build; do
	log_is 1 "warn rights-missing room=$room layers=namespaces\$" ||
	    fail "$room says it $(log_count "rights-missing room=$room") times"
done
daemon_end TERM
is "the daemon's exit" "$(cat "$TMPDIR/code")" 0
