#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The key directory changed under a running daemon: what cannot serve is refused with its file and
# reason, and alarmed; the old keys serve on; good ones are taken without a failed connection.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
tls_begin

exits 0 "$RINGFENCE" keys init "$KEYS"
exits 0 "$RINGFENCE" keys client "$KEYS" viewer
says "^made $KEYS/viewer.crt and $KEYS/viewer.key\$"
for file in viewer.crt viewer.key; do
	[ -s "$KEYS/$file" ] || fail "it made no $file"
done
exits 0 "$RINGFENCE" keys client "$KEYS" gone
policy_begin
nic_start
daemon_options="--listen 127.0.0.1:$PORT --keys $KEYS"

# what never served is an alarm too, and no reason to end
mkdir "$TMPDIR/good"
cp -p "$KEYS"/* "$TMPDIR/good"
echo garbage >"$KEYS/server.key"
daemon_start
wait_for "an alarm" sh -c "'$RINGFENCE' status --socket '$SOCK' | grep 'ALARM.*server.key'"
exits 0 rf status
prints 'nobody is served over TLS'
cp -p "$TMPDIR/good/server.key" "$KEYS/server.key"
kill -HUP "$daemon_pid"
python3 "$TOP/tests/e2e/ctl_keys.py" "$PORT" "$KEYS" "$daemon_pid" "$SOCK"
