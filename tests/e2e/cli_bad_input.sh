#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bad input to check, compile, image and judge: a clear message and the exit code of the manual.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
D=$TMPDIR/d
LINE=$(grep -n 'allow = http' "$TOP/policy/payments.pol" | cut -d: -f1)

fresh()
{
	rm -rf "$D"
	mkdir "$D"
}

# usage: 2, with the nearest name
exits 2 "$RINGFENCE"
exits 2 "$RINGFENCE" chek
says 'did you mean check?'
exits 2 "$RINGFENCE" check
exits 2 "$RINGFENCE" check a b
exits 2 "$RINGFENCE" check --jsn a
says 'did you mean --json?'
exits 2 "$RINGFENCE" compile "$TOP/policy"
says 'needs --output'
exits 2 "$RINGFENCE" show gard
exits 2 "$RINGFENCE" check --color=maybe a
exits 2 "$RINGFENCE" watch --count 0
exits 2 "$RINGFENCE" nic --wire pcap:a --host pcap:b --flows 1
exits 2 "$RINGFENCE" nic --wire eth0 --host pcap:b --socket "$TMPDIR/nic"
says 'it takes dev:IFNAME, tap:IFNAME or pcap:FILE'
# a directory that cannot be made says why, not that it is not there
"$RINGFENCE" nic --wire pcap:a --host pcap:b --socket /sys/ringfence/nic 2>"$TMPDIR/err" &&
    fail "a socket in /sys"
says 'cannot make /sys/ringfence'
grep -q 'No such file' "$TMPDIR/err" && fail "the wrong reason: $(cat "$TMPDIR/err")"
exits 0 "$RINGFENCE" --version
prints '^ringfence [0-9]'
exits 0 "$RINGFENCE" --help
exits 0 "$RINGFENCE" help judge
prints '^usage: ringfence judge FILE'
exits 0 "$RINGFENCE" show guard
prints 'policy "guard"'
for words in "gard" "guard x" "guard --json" "policy 0" "policy 4294967296" "policy 1 a.pol x" \
    "policy a.pol 1" "policy 1 2 3" "policy --json a.pol"; do
	# shellcheck disable=SC2086 # words
	exits 2 "$RINGFENCE" show $words
	says '^ringfence: error usage: '
done

# what is right
exits 0 "$RINGFENCE" check "$TOP/policy"
prints '^ok: [0-9]* tables, [0-9]* rules'
exits 0 "$RINGFENCE" check --quiet "$TOP/policy"
test ! -s "$TMPDIR/err" || fail "--quiet says something"
exits 0 "$RINGFENCE" check --json "$TOP/policy"
prints '"ok":true,"errors":0'
exits 0 "$RINGFENCE" check --color=always "$TOP/policy"
prints "$(printf '\033')"
NO_COLOR=1 "$RINGFENCE" check "$TOP/policy" 2>/dev/null | grep -q "$(printf '\033')" &&
    fail "colour in spite of NO_COLOR"
# a working copy, open in an editor, is none of that: names with a dot are passed over
fresh
cp "$TOP"/policy/*.pol "$D"
mkdir "$D/.git"
head -c 5000000 /dev/zero >"$D/.git/pack"
ln -s user@host.1 "$D/.#infra.pol"
printf '\377' >"$D/.infra.pol.swp"
exits 0 "$RINGFENCE" check "$D"

# directories and files that are not right: 1
exits 1 "$RINGFENCE" check "$TMPDIR/none"
says 'No such file'
fresh
exits 1 "$RINGFENCE" check "$D"
: >"$D/a.pol"
exits 1 "$RINGFENCE" check "$TOP/README.md"
echo 'x = 1' >"$TMPDIR/outside.pol"
fresh
ln -s "$TMPDIR/outside.pol" "$D/a.pol"
exits 1 "$RINGFENCE" check "$D"
says 'a.pol'
fresh
mkfifo "$D/a.pol"
exits 1 "$RINGFENCE" check "$D"
fresh
printf 'x = "\377"\n' >"$D/a.pol"
exits 1 "$RINGFENCE" check "$D"
says 'not valid UTF-8'
fresh
printf '\033Lua' >"$D/a.pol"
exits 1 "$RINGFENCE" check "$D"
says 'compiled Lua'
fresh
head -c 5000000 /dev/zero | tr '\0' '-' >"$D/a.pol"
exits 1 "$RINGFENCE" check "$D"
says '4194304'
if [ "$(id -u)" != 0 ]; then
	fresh
	: >"$D/a.pol"
	chmod 0 "$D/a.pol"
	exits 1 "$RINGFENCE" check "$D"
	says 'Permission denied'
fi
fresh
echo 'while true do end' >"$D/a.pol"
exits 1 "$RINGFENCE" check "$D"
says 'a.pol:1:1: error budget'
# what the instructions do not count, the process's CPU and memory do
fresh
cat >"$D/a.pol" <<'END'
local big = ("a"):rep(60000)
for i = 1, 1000000000 do local y = (big .. i):upper():lower():upper() end
END
exits 1 "$RINGFENCE" check "$D"
says 'error budget'		# of CPU, or on a fast machine of instructions
cat >"$D/a.pol" <<'END'
local t = {}
for i = 0, 60000 do t[#t + 1] = ("10.%d.%d.%d"):format(i >> 14, (i >> 6) & 255, (i & 63) * 4) end
for i = 1, 1000 do ip(t) end
END
exits 1 "$RINGFENCE" check "$D"
says 'more than .*256 MiB'
fresh
echo 'segment "x" { members = "10.0.0.1", mode = "enforced" }' >"$D/a.pol"
exits 1 "$RINGFENCE" check --json "$D"
prints '"level":"error".*"file":"a.pol","line":1'
prints '"ok":false,"errors":'

# 10 MB of rules: refused by a bound, in bounded time
fresh
awk 'BEGIN { print "segment \"x\" { members = \"10.0.0.1\", mode = \"enforce\","
	for (i = 0; i < 45000; i++)
		printf "  inbound { allow = tcp(%d), from = \"10.%d.%d.0/24\", why = \"%064d\" }" \
		    ",\n", i % 65535, i / 65536, i / 256 % 256, i
	print "}" }' >"$TMPDIR/part"
for i in 1 2 3 4; do
	sed "s/segment \"x\"/segment \"x$i\"/" "$TMPDIR/part" | head -c 4190000 |
	    sed '$d' >"$D/$i.pol"
	echo '}' >>"$D/$i.pol"
done
bytes=$(cat "$D"/*.pol | wc -c)
[ "$bytes" -gt 10000000 ] || fail "only $bytes bytes of rules"
start=$(date +%s)
got=0
"$RINGFENCE" check "$D" >"$TMPDIR/out" 2>"$TMPDIR/err" || got=$?
case $got in
1|7) ;;
*) fail "10 MB of rules: exit $got" ;;
esac
says error
[ $(($(date +%s) - start)) -le 80 ] || fail "10 MB of rules took too long"

# one table too small for its rules: 7
fresh
awk 'BEGIN { print "segment \"x\" { members = \"10.0.0.1\", mode = \"enforce\","
	for (i = 0; i < 5200; i++)
		printf "inbound { allow = tcp(%d), from = \"10.%d.%d.0/24\" },\n", i + 1,
		    i / 256 + 1, i % 256
	print "}" }' >"$D/a.pol"
exits 7 "$RINGFENCE" check "$D"
says 5120

# images
exits 0 "$RINGFENCE" compile "$TOP/policy" -o "$TMPDIR/x.img"
exits 0 "$RINGFENCE" image "$TMPDIR/x.img"
prints "payments.pol:$LINE"
exits 0 "$RINGFENCE" image --json "$TMPDIR/x.img"
prints "\"file\":\"payments.pol\",\"line\":$LINE"
cp "$TMPDIR/x.img" "$TMPDIR/y.img"
exits 0 "$RINGFENCE" image "$TMPDIR/y.img"
cp "$TMPDIR/x.img.sym" "$TMPDIR/y.img.sym"
printf 'X' | dd of="$TMPDIR/y.img.sym" bs=1 seek=40 conv=notrunc 2>/dev/null
exits 1 "$RINGFENCE" image "$TMPDIR/y.img"
head -c 1000 "$TMPDIR/x.img" >"$TMPDIR/y.img"
exits 1 "$RINGFENCE" image "$TMPDIR/y.img"
exits 1 "$RINGFENCE" image "$TMPDIR/none"
exits 1 "$RINGFENCE" image "$TOP/README.md"
exits 1 "$RINGFENCE" compile "$TOP/policy" -o "$TMPDIR/none/x.img"
# what is no plain file is never replaced: -o /dev/stdout as root would take the system's
mkfifo "$TMPDIR/fifo"
ln -s x.img "$TMPDIR/link.img"
for f in fifo link.img; do
	exits 1 "$RINGFENCE" compile "$TOP/policy" -o "$TMPDIR/$f"
	says 'no plain file'
done
{ [ -p "$TMPDIR/fifo" ] && [ -L "$TMPDIR/link.img" ]; } || fail "a fifo or a link was replaced"
# a reader that has seen enough is no error
"$RINGFENCE" image "$TMPDIR/x.img" 2>"$TMPDIR/err" | :
test ! -s "$TMPDIR/err" || { cat "$TMPDIR/err"; fail "image speaks of a closed pipe"; }
got=0
"$RINGFENCE" image "$TMPDIR/x.img" >/dev/full 2>"$TMPDIR/err" || got=$?
is "image on a full disk" "$got" 1
is "lines it says" "$(grep -c error "$TMPDIR/err")" 1

# whom to ask
for remote in localhost :443 '[::1]' ::1:443 '[localhost]:443' localhost:https localhost:65536; do
	exits 2 "$RINGFENCE" status --remote "$remote" --ca a --cert b --key c
	says 'it takes HOST:PORT$'
	says 'hint: an IPv6 address stands in brackets'
done

# captures
exits 1 "$RINGFENCE" judge "$TMPDIR/none" --policy "$TOP/policy"
exits 1 "$RINGFENCE" judge "$TOP/README.md" --policy "$TOP/policy"
says 'not a capture'
head -c 1000 "$TOP/tests/data/demo.pcap" >"$TMPDIR/cut.pcap"
exits 1 "$RINGFENCE" judge "$TMPDIR/cut.pcap" --policy "$TOP/policy" --json
says 'capture'
is "frames before the cut" "$(grep -c '"frame"' "$TMPDIR/out")" 13
exits 1 "$RINGFENCE" judge "$TOP/tests/data/demo.pcap" --policy "$TMPDIR/none"
