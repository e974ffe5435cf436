#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sessions of the TLS channel resume after the control process was killed and after another daemon
# took over, without the signer; who was revoked or is over in between does not.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
tls_begin

policy_begin
exits 0 "$RINGFENCE" keys init "$KEYS"
nic_start
daemon_options="--listen 127.0.0.1:$PORT --keys $KEYS"
daemon_start
wait_for "generation 1" status_is 1 generation
python3 "$TOP/tests/e2e/resume.py" "$PORT" "$KEYS" "$daemon_pid" "$TMPDIR" "${SESSIONS:-120}" \
    "$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$STATE" --socket "$SOCK" \
    --listen "127.0.0.1:$PORT" --keys "$KEYS" --takeover
