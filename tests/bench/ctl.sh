#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The control channel: handshakes, requests, memory, start; then 100 live clients under attack.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/bench.sh
. tests/support/bench.sh
python3 -c 'import ssl' 2>/dev/null || {
	echo "ctl:     python3 with ssl is not installed"
	exit 0
}
policy_make 100 1
nic_start
PYTHONPATH=$PWD/tests/support PYTHONDONTWRITEBYTECODE=1 python3 tests/bench/ctl.py "$@"
