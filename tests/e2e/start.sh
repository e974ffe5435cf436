#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A start compiles only where it must: not while the NIC enforces what this binary made of the text
# that is there; but after another text, a damaged state, another image, another binary. The first
# reload after a start packs only the tables that changed.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
policy_begin
cat >"$POL/b.pol" <<'END'
segment "db" {
  members = "10.20.3.8", mode = "enforce",
  inbound { allow = tcp(5432), from = segment "web" },
}
END
nic_start
starts=0

warned()
{
	rf status --json | sed -n 's/.*"warnings":\([0-9]*\).*/\1/p'
}

# Starts it again; the end of its first round has to say so.
starts_with()	# COMPILED CHANGED GENERATION
{
	[ -z "$daemon_pid" ] || daemon_end TERM
	starts=$(log_count reload-done)
	daemon_start
	wait_for "the first round" log_is $((starts + 1)) reload-done
	tail -n 20 "$TMPDIR/daemon.log" | grep reload-done | tail -n 1 >"$TMPDIR/round"
	grep -q "generation=$3 changed=$2 compiled=$1 " "$TMPDIR/round" ||
	    fail "not compiled=$1 changed=$2 generation=$3: $(cat "$TMPDIR/round")"
	is "the generation" "$(status generation)" "$3"
	is "the policy is good" "$(status ok policy)" true
	is "warnings" "$(warned)" "$warnings"
	is "starting" "$(status starting)" false
}

daemon_start
wait_for "generation 1" status_is 1 generation
warnings=$(warned)
[ "${warnings:-0}" -ge 1 ] || fail "no warning that a start could lose"
rf status --json | sed 's/.*"messages":\(\[[^]]*\]\).*/\1/' >"$TMPDIR/messages"

starts_with no no 1
rf status --json | sed 's/.*"messages":\(\[[^]]*\]\).*/\1/' | cmp - "$TMPDIR/messages" ||
    fail "the messages of the compile are others after a start"

# the first reload after a start takes over the tables that did not change
sed 's/5432/5433/' "$POL/b.pol" >"$TMPDIR/b.pol" && mv "$TMPDIR/b.pol" "$POL/b.pol"
exits 0 rf reload
is "the generation" "$(status generation)" 2
grep 'reload-done generation=2 ' "$TMPDIR/daemon.log" >"$TMPDIR/round"
grep -q 'reused=[1-9]' "$TMPDIR/round" || fail "nothing is reused: $(cat "$TMPDIR/round")"
starts_with no no 2

# another text: of a file, of its name, of a comment that changes no rule
sed 's/5433/5434/' "$POL/b.pol" >"$TMPDIR/b.pol" && mv "$TMPDIR/b.pol" "$POL/b.pol"
starts_with yes yes 3
mv "$POL/b.pol" "$POL/c.pol"
starts_with yes no 3
starts_with no no 3
echo '-- a remark at the end' >>"$POL/c.pol"
starts_with yes no 3
starts_with no no 3
exits 0 rf reload
tail -n 5 "$TMPDIR/daemon.log" | grep -q 'reload-done generation=3 changed=no compiled=yes' ||
    fail "a reload that was asked for does not compile"

# a damaged state, none at all
daemon_end TERM
printf 'x' | dd of="$STATE/gen-3" bs=1 seek=300 conv=notrunc 2>/dev/null
starts_with yes no 3
starts_with no no 3
daemon_end KILL
rm -rf "$STATE"
starts_with yes no 3
starts_with no no 3

# an image that is not ours; a NIC with none, which gets what was committed
daemon_end TERM
"$BUILD/tools/nic_tool" load "$NIC" 9 10.20.3.7,6,8080 >"$TMPDIR/load.log" 2>&1 ||
    fail "the NIC takes no other image"
starts_with yes yes 10
starts_with no no 10
daemon_end TERM
nic_kill
rm -f "$NIC".image*
nic_start
starts_with no no 11

# another binary: the same but for its name of itself
daemon_end TERM
python3 - "$RINGFENCE" "$TMPDIR/other" <<'END' || { echo "no build id in the binary"; exit 77; }
import sys
data = open(sys.argv[1], "rb").read()
at = data.find(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0")
if at < 0:
    sys.exit(1)
at += 16
open(sys.argv[2], "wb").write(data[:at] + bytes(b ^ 0x5a for b in data[at:at + 20]) +
                              data[at + 20:])
END
chmod +x "$TMPDIR/other"
own=$RINGFENCE
RINGFENCE=$TMPDIR/other
starts_with yes no 11
starts_with no no 11
RINGFENCE=$own
starts_with yes no 11

# while the first compile runs the socket answers, and says so
daemon_end TERM
awk 'BEGIN { for (s = 1; s <= 40; s++) {
	printf "segment \"s%d\" {\n  members = \"10.21.0.%d\", mode = \"enforce\",\n", s, s
	for (i = 0; i < 100; i++)
		printf "  inbound { allow = tcp(%d), from = \"10.64.%d.0/24\" },\n", 1000 + i, i
	print "}" } }' >"$POL/big.pol"
starts=$(log_count reload-done)
# shellcheck disable=SC2086 # words
"$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$STATE" --socket "$SOCK" \
    $daemon_options >>"$TMPDIR/daemon.log" 2>&1 &
daemon_pid=$!
wait_for "an answer" rf status --json
rf status --json >"$TMPDIR/first"
[ "$(log_count reload-done)" = "$starts" ] && ! grep -q '"starting":true' "$TMPDIR/first" &&
    fail "it does not say that it starts: $(cat "$TMPDIR/first")"
wait_for "generation 12" status_is 12 generation
is "starting" "$(status starting)" false
