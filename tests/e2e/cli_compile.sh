#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compile: passes by name, each of which changes bytes, not verdicts; the same twice.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
LOOP=$TOP/tests/golden/086-merged
X=$TMPDIR/x.img

for passes in all none merge dedupe,shadow,aggregate,fold; do
	exits 0 "$RINGFENCE" compile "$LOOP" -o "$X" --passes "$passes"
	wc -c <"$X" >"$TMPDIR/bytes.$passes"
done
exits 0 "$RINGFENCE" compile "$LOOP" -o "$TMPDIR/y.img"
exits 0 "$RINGFENCE" compile "$LOOP" -o "$X" --passes dedupe,shadow,merge,aggregate,fold
cmp "$X" "$TMPDIR/y.img" || fail "all is not what is done without the option"
for passes in none dedupe,shadow,aggregate,fold; do
	[ "$(cat "$TMPDIR/bytes.all")" -lt "$(cat "$TMPDIR/bytes.$passes")" ] ||
	    fail "merge saves nothing beside $passes"
done
exits 2 "$RINGFENCE" compile "$LOOP" -o "$X" --passes marge
says 'did you mean merge?'
exits 2 "$RINGFENCE" compile "$LOOP" -o "$X" --passes all,fold
says "no pass is called 'all'"
exits 0 "$RINGFENCE" compile "$LOOP" -o "$X" --counterexample "$TMPDIR/c.pcap"
[ ! -e "$TMPDIR/c.pcap" ] || fail "a counterexample of a proof that holds"
exits 2 "$RINGFENCE" check "$LOOP" --passes none
says 'unknown option'
