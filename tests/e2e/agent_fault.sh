#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A daemon whose children die or stand still, that is asked too often, and that has a double.
set -eu
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$TOP/tests/support"
exec python3 "$TOP/tests/e2e/agent_fault.py" "$@"
