#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Certificates of clients: each kind that is refused, by which alert, and its one line of the log.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
tls_begin

exits 0 "$RINGFENCE" keys init "$KEYS"
for name in viewer gone; do
	exits 0 "$RINGFENCE" keys client "$KEYS" "$name"
done
exits 0 "$RINGFENCE" keys revoke "$KEYS" "$KEYS/gone.crt"
policy_begin
nic_start
daemon_options="--listen 127.0.0.1:$PORT --keys $KEYS"
daemon_start
python3 "$TOP/tests/e2e/ctl_certs.py" "$PORT" "$KEYS"
