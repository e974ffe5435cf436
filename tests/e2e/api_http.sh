#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The API as a client of HTTP sees it: methods, types, lengths, keys, jobs that are cancelled.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
python3 -c '' 2>/dev/null || { echo "python3 is not installed"; exit 77; }
PYTHONPATH=$TOP/tests/support
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
policy_begin
nic_start
daemon_start
wait_for "generation 1" status_is 1 generation
python3 "$TOP/tests/e2e/api_http.py" "$SOCK"
