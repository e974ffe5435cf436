#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The lexer of heads and chunks beside Node's (llhttp): what Node refuses is refused here too, and
# both see as many requests in the same bytes; what only Node takes is counted.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
python3 -c '' 2>/dev/null || { echo "python3 is not installed"; exit 77; }
command -v node >/dev/null || { echo "node is not installed"; exit 77; }
policy_begin
nic_start
daemon_start
node "$TOP/tests/support/http_count.js" "$TMPDIR/node.sock" "$TMPDIR/node.seen" \
    >"$TMPDIR/node.log" 2>&1 &
more_pids="$more_pids $!"
wait_for "node" test -S "$TMPDIR/node.sock"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/tests/support python3 "$TOP/tests/e2e/http_llhttp.py" \
    "$SOCK" "$TMPDIR/node.sock" "$TMPDIR/node.seen"
