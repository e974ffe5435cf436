#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# POST /v1/judge: the lines that judge --json prints, from what the daemon enforces; bodies that are
# no capture, and one that ends inside a frame.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
command -v curl >/dev/null || { echo "curl is not installed"; exit 77; }
CAPTURE=$TOP/tests/data/demo.pcap

post()	# STATUS FILE: the answer in $TMPDIR/out
{
	got=$(curl -s --unix-socket "$SOCK" -o "$TMPDIR/out" -w '%{http_code}' \
	    --data-binary "@$2" http://localhost/v1/judge)
	is "the status of $2" "$got" "$1"
}

policy_begin
daemon_start
post 404 "$CAPTURE"
nic_start
wait_for "generation 1" status_is 1 generation
exits 0 "$RINGFENCE" judge "$CAPTURE" --policy "$POL" --json
cp "$TMPDIR/out" "$TMPDIR/offline"
post 200 "$CAPTURE"
cmp "$TMPDIR/out" "$TMPDIR/offline" || fail "the daemon judges otherwise"

: >"$TMPDIR/empty"
post 400 "$TMPDIR/empty"
prints 'urn:ringfence:'
head -c 900 "$CAPTURE" >"$TMPDIR/cut"
post 400 "$TMPDIR/cut"
prints 'the file ends inside a frame.*"file":"the capture"'
post 400 "$TOP/README.md"

# many frames: as many lines
head -c 24 "$CAPTURE" >"$TMPDIR/many"
tail -c +25 "$CAPTURE" >"$TMPDIR/frames"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	cp "$TMPDIR/frames" "$TMPDIR/once"
	cat "$TMPDIR/once" "$TMPDIR/once" >"$TMPDIR/frames"
done
cat "$TMPDIR/frames" >>"$TMPDIR/many"
post 200 "$TMPDIR/many"
is "the lines" "$(grep -c '"verdict"' "$TMPDIR/out")" 14336
is "generation after it" "$(status generation)" 1
daemon_end TERM
is "the exit code at TERM" "$(cat "$TMPDIR/code")" 0
