#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill -9 at the system calls of a reload, and at random times: old or new is enforced, and the next
# start converges. FULL=1: at every call.
set -eu
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$TOP/tests/support"
exec python3 "$TOP/tests/e2e/reload_kill.py"
