#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The README's quick start as it stands there, in a copy of what it names; and its rules are those
# that come out.
set -eu
fail()
{
	echo "FAILED: $*"
	exit 1
}

mkdir "$TMPDIR/tree" "$TMPDIR/tree/build" "$TMPDIR/tree/tests" "$TMPDIR/tree/tests/data"
cp -R "$TOP/policy" "$TMPDIR/tree/"
cp "$TOP/tests/data/demo.pcap" "$TMPDIR/tree/tests/data/"
ln -s "$RINGFENCE" "$TMPDIR/tree/build/ringfence"
sed -n '/^## Quick start/,/^## /s/^    //p' "$TOP/README.md" >"$TMPDIR/start.sh"
[ "$(grep -c ringfence "$TMPDIR/start.sh")" -ge 7 ] || fail "the quick start is not found"
cd "$TMPDIR/tree"
sh -eu "$TMPDIR/start.sh" >"$TMPDIR/out" 2>&1 || { cat "$TMPDIR/out"; fail "the quick start"; }
for want in '^ok: ' 'drop .*10.66.0.66' '^generation  *1' 'payments.pol' '^generation 2'; do
	grep -q "$want" "$TMPDIR/out" || { cat "$TMPDIR/out"; fail "it does not print $want"; }
done

mkdir "$TMPDIR/web"
sed -n '/^## A policy/,/^## /p' "$TOP/README.md" | sed -n '/^    workload/,/^    }/p' |
    sed 's/^    //' >"$TMPDIR/web/web.pol"
"$RINGFENCE" compile "$TMPDIR/web" -o "$TMPDIR/web.img" >"$TMPDIR/out" 2>&1 ||
    { cat "$TMPDIR/out"; fail "the README's policy"; }
"$RINGFENCE" image "$TMPDIR/web.img" | sed -n '/^table 10.20.3.7/,$p' |
    sed 's/  rule [0-9]*//; s/  */ /g; s/^ //' >"$TMPDIR/rules"
sed -n '/^## A policy/,/^## /s/^    //p' "$TOP/README.md" | grep -E '(pol|guard>):[0-9]' |
    sed 's/  */ /g' >"$TMPDIR/told"
[ "$(grep -c . "$TMPDIR/told")" = 5 ] || fail "the README's rules are not found"
while read -r line; do
	grep -qxF "$line" "$TMPDIR/rules" || { cat "$TMPDIR/rules"; fail "no such rule: $line"; }
done <"$TMPDIR/told"
