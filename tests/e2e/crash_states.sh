#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a power cut may leave of the daemon's state and the NIC's store: old or new, never damage.
set -eu
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$TOP/tests/support"
exec python3 "$TOP/tests/e2e/crash_states.py"
