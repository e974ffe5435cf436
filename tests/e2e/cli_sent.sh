#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the command sends to a daemon, over the socket and over TLS: the text of a directory to
# check, plan and reload, a capture to judge.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
python3 -c 'import ssl' 2>/dev/null || { echo "python3 with ssl is not installed"; exit 77; }
KEYS=$TMPDIR/keys
PORT=$(PYTHONPATH=$TOP/tests/support PYTHONDONTWRITEBYTECODE=1 \
    python3 -c 'import tls_rig; print(tls_rig.free_port())')
exits 0 "$RINGFENCE" keys init "$KEYS"
exits 0 "$RINGFENCE" keys client "$KEYS" viewer
exits 0 "$RINGFENCE" keys client "$KEYS" operator --role operate
policy_begin
nic_start
daemon_options="--listen 127.0.0.1:$PORT --keys $KEYS"
daemon_start
wait_for "generation 1" status_is 1 generation

far()	# NAME ARGUMENT...: over TLS with the certificate NAME
{
	far_name=$1
	shift
	"$RINGFENCE" "$@" --remote "127.0.0.1:$PORT" --ca "$KEYS/ca.crt" \
	    --cert "$KEYS/$far_name.crt" --key "$KEYS/$far_name.key"
}
wait_for "TLS" far viewer status

cp -r "$POL" "$TMPDIR/mine"
sed -i 's/tcp(8080)/tcp(9090)/' "$TMPDIR/mine/a.pol"
mkdir "$TMPDIR/wrong"
printf 'segment "x" {\n  members = "10.20.3.300", mode = "learn",\n}\n' >"$TMPDIR/wrong/b.pol"
capture=$TOP/tests/data/demo.pcap

asked()	# COMMAND...: the same of the socket and of TLS
{
	exits 0 "$@" check "$TMPDIR/mine"
	prints '^tables 1, rules '
	exits 0 "$@" check "$TMPDIR/mine" --json
	prints '"ok":true,"tables":1'
	exits 1 "$@" check "$TMPDIR/wrong"
	says '^b.pol:2:'
	exits 1 "$@" plan --policy "$TMPDIR/wrong"
	says '^ringfence: b.pol:2:13: error'
	exits 0 "$@" plan --policy "$POL"
	prints 'nothing changes'
	exits 3 "$@" plan --policy "$TMPDIR/mine"
	prints ' > 10.20.3.7 tcp/9090 .*: drop, then pass  a.pol:'
	exits 0 "$@" judge "$capture" --json
	cmp -s "$TMPDIR/out" "$TMPDIR/judged" || fail "judged in another way than here: $*"
	exits 0 "$@" judge "$capture"
	prints ' pass rule  a.pol:3  web$'
	exits 1 "$@" judge "$TMPDIR/mine/a.pol"
	says 'capture'
}
near()	# VERB ARGUMENT...
{
	"$RINGFENCE" "$@" --socket "$SOCK"
}
exits 0 "$RINGFENCE" judge "$capture" --policy "$POL" --json
cp "$TMPDIR/out" "$TMPDIR/judged"
asked near
asked far viewer
exits 0 near judge - --json <"$capture"
cmp -s "$TMPDIR/out" "$TMPDIR/judged" || fail "standard input is judged in another way"
exits 2 "$RINGFENCE" judge "$capture" --policy "$POL" --socket "$SOCK"
exits 2 far viewer judge "$capture" --policy "$POL"
is "the generation" "$(status generation)" 1

# reload: by an operator only; the daemon's directory stays as it is
before=$(cksum <"$POL/a.pol")
exits 4 far viewer reload --policy "$TMPDIR/mine"
exits 1 far operator reload --policy "$TMPDIR/wrong"
says '^b.pol:2:'
exits 1 far operator reload --policy "$TMPDIR/nowhere"
is "the generation" "$(status generation)" 1
exits 0 far operator reload --policy "$TMPDIR/mine"
is "the generation" "$(status generation)" 2
is "posted" "$(status posted policy)" true
is "the daemon's directory" "$(cksum <"$POL/a.pol")" "$before"
exits 0 rf explain '10.9.0.5 > 10.20.3.7 tcp/9090'
prints ' pass rule  a.pol:3  web'
exits 0 rf reload
is "posted" "$(status posted policy)" false
