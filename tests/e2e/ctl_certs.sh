#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Certificates of clients: each kind that is refused, by which alert, and its one line of the log.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
python3 -c '' 2>/dev/null || { echo "python3 is not installed"; exit 77; }
command -v openssl >/dev/null || { echo "openssl is not installed"; exit 77; }
PYTHONPATH=$TOP/tests/support
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
KEYS=$TMPDIR/keys
PORT=$(python3 -c 'import tls_rig; print(tls_rig.free_port())')

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
