#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A host that is out of descriptors, memory or processes, whose clock jumps, or that stands still.
set -eu
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$TOP/tests/support"
exec python3 "$TOP/tests/e2e/host_fault.py" "$@"
