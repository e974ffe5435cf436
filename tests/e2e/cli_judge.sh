#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# judge: one object a frame, as the manual shows it; the same from pcap and standard input.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
LINE=$(grep -n 'allow = http' "$TOP/policy/payments.pol" | cut -d: -f1)
exits 0 "$RINGFENCE" judge "$TOP/tests/data/demo.pcap" --policy "$TOP/policy" --json
cp "$TMPDIR/out" "$TMPDIR/json"
is "objects" "$(grep -c . "$TMPDIR/json")" 14
sed -n 1p "$TMPDIR/json" >"$TMPDIR/out"
prints '^{"frame":1,"time":"2026-01-01T00:00:00.000000000Z","verdict":"pass",'
prints '"reason":"non-ip","hops":\[\]}$'
sed -n 2p "$TMPDIR/json" >"$TMPDIR/out"
prints '"frame":2,.*"verdict":"pass","reason":"rule","hops":\[{"direction":"in",'
prints '"direction":"in","local":"10.20.3.7",'
prints '"verdict":"pass","reason":"rule","segment":"pay-web","rule":[0-9]*,"file":"payments.pol",'
prints "\"line\":$LINE,\"generation\":1}\]}\$"
sed -n 3p "$TMPDIR/json" >"$TMPDIR/out"
prints '"direction":"out","local":"10.20.3.7","verdict":"pass","reason":"state"'
sed -n 11p "$TMPDIR/json" >"$TMPDIR/out"
prints '"verdict":"drop","reason":"default","hops":\[{"direction":"in"'
"$RINGFENCE" judge - --policy "$TOP/policy" --json <"$TOP/tests/data/demo.pcap" \
    >"$TMPDIR/stdin" 2>/dev/null
cmp "$TMPDIR/json" "$TMPDIR/stdin" || fail "standard input gives other verdicts"
if command -v python3 >/dev/null; then
	python3 -c 'import json,sys
for line in sys.stdin: json.loads(line)' <"$TMPDIR/json" || fail "that is no JSON"
	python3 "$TOP/tests/data/mkdemo.py" | cmp - "$TOP/tests/data/demo.pcap" ||
	    fail "demo.pcap is not what mkdemo.py writes"
fi
exits 0 "$RINGFENCE" judge "$TOP/tests/data/demo.pcap" --policy "$TOP/policy"
prints '10.66.0.66:50000 > 10.20.3.7:8080 tcp'
says '14 frames: 10 passed, 4 dropped, 0 would-drop'
# a reader that has seen enough is no error
"$RINGFENCE" judge "$TOP/tests/data/demo.pcap" --policy "$TOP/policy" 2>/dev/null | head -n 1 |
    grep -q ' 1 '
# comply: would-drop, and the frame's verdict says so
mkdir "$TMPDIR/comply"
sed 's/enforce/comply/' "$TOP/policy/infra.pol" >"$TMPDIR/comply/infra.pol"
sed 's/enforce/comply/' "$TOP/policy/payments.pol" >"$TMPDIR/comply/payments.pol"
exits 0 "$RINGFENCE" judge "$TOP/tests/data/demo.pcap" --policy "$TMPDIR/comply" --json
is "would-drops" "$(grep -c '^{"frame":[0-9]*,"time":"[^"]*","verdict":"would-drop"' \
    "$TMPDIR/out")" 4
