#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The control channel over TLS: every verb through it, every kind of certificate that is refused,
# slow and silent peers, keys replaced under it, its processes killed.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
python3 -c 'import ssl' 2>/dev/null || { echo "python3 with ssl is not installed"; exit 77; }
command -v openssl >/dev/null || { echo "openssl is not installed"; exit 77; }
command -v curl >/dev/null || { echo "curl is not installed"; exit 77; }
PYTHONPATH=$TOP/tests/support
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
KEYS=$TMPDIR/keys
PORT=$(python3 -c 'import tls_rig; print(tls_rig.free_port())')
AT=127.0.0.1:$PORT

# keys: six files of mode 0600, never over others; clients by role
exits 0 "$RINGFENCE" keys init "$KEYS" --san 127.0.0.9
for f in ca server client; do
	is "the mode of $f.key" "$(stat -c %a "$KEYS/$f.key")" 600
	is "the mode of $f.crt" "$(stat -c %a "$KEYS/$f.crt")" 600
done
before=$(cat "$KEYS"/* | cksum)
exits 6 "$RINGFENCE" keys init "$KEYS"
is "the key directory" "$(cat "$KEYS"/* | cksum)" "$before"
exits 0 "$RINGFENCE" keys client "$KEYS" viewer --role view
exits 0 "$RINGFENCE" keys client --role operate "$KEYS" operator
exits 0 "$RINGFENCE" keys client "$KEYS" gone --role operate
exits 2 "$RINGFENCE" keys client "$KEYS" x --role root
for f in client viewer operator gone server; do
	openssl verify -CAfile "$KEYS/ca.crt" "$KEYS/$f.crt" >/dev/null ||
	    fail "openssl does not take $f.crt"
done

policy_begin
nic_start
daemon_options="--listen $AT --keys $KEYS"
daemon_start
wait_for "generation 1" status_is 1 generation

far()	# NAME ARGUMENT...: over TLS with the certificate NAME
{
	far_name=$1
	shift
	"$RINGFENCE" "$@" --remote "$AT" --ca "$KEYS/ca.crt" --cert "$KEYS/$far_name.crt" \
	    --key "$KEYS/$far_name.key"
}

# every verb that asks; options before and after the verb
wait_for "TLS" far viewer status
exits 0 far viewer status --json
prints '"generation":1'
exits 0 "$RINGFENCE" --remote "$AT" --ca "$KEYS/ca.crt" --cert "$KEYS/viewer.crt" \
    --key "$KEYS/viewer.key" status --json
prints '"generation":1'
exits 0 far viewer counters --json
prints '"packets":'
exits 0 far viewer history
policy_open
for verb in reload confirm rollback; do
	exits 4 far viewer "$verb"
	says 'role'
done
is "the generation" "$(status generation)" 1
exits 0 far operator reload --json
prints '"generation":2'
exits 0 far operator rollback
is "the generation" "$(status generation)" 3
exits 0 far operator reload --confirm 60
exits 0 far operator confirm
is "the generation" "$(status generation)" 4
exits 5 "$RINGFENCE" status --remote "127.0.0.1:1" --ca "$KEYS/ca.crt" \
    --cert "$KEYS/viewer.crt" --key "$KEYS/viewer.key"
exits 2 "$RINGFENCE" status --remote "$AT"
exits 2 far viewer status --socket "$SOCK"
curl -sS --max-time 10 --cacert "$KEYS/ca.crt" --cert "$KEYS/viewer.crt" \
    --key "$KEYS/viewer.key" "https://localhost:$PORT/v1/status" >"$TMPDIR/out" ||
    fail "curl gets no answer"
prints '"generation":4'

far viewer watch --json --count 1 >"$TMPDIR/far-watch" 2>"$TMPDIR/far-watch.log" &
watch_pid=$!
more_pids="$more_pids $watch_pid"
wait_for "watch over TLS" grep -q watching "$TMPDIR/far-watch.log"

python3 "$TOP/tests/e2e/ctl_tls.py" "$PORT" "$KEYS" "$daemon_pid" "$SOCK"
