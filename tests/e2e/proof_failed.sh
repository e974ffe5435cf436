#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A proof that fails, by a program whose compiler is wrong on purpose: one packet of the test
# grammar at the line of its rule, exit 1, nothing written, nothing loaded, and the packet as a
# capture that others read and that the two policies judge differently.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
FAULTY=$BUILD/tools/ringfence_faulty
RIGHT=$RINGFENCE

policy_ports()	# PORT: in the rule that the fault meets, with that of PORT
{
	mkdir -p "$POL"
	cat >"$POL/a.pol" <<-END
	segment "web" {
	  members = { "10.20.3.7", "fd00:20:3::7" }, mode = "enforce",
	  inbound { allow = tcp(8080), from = "10.9.0.0/24" },
	  inbound { allow = tcp($1), from = "10.9.0.3" },
	}
	END
}

# the fault is met by one port only, and the program itself has none
policy_ports 6665
exits 0 "$FAULTY" check "$POL"
policy_ports 6666
exits 0 "$RIGHT" check "$POL"

exits 1 "$FAULTY" check "$POL"
says '^a.pol:4:[0-9]*: error proof-failed: the image differs from the policy for 10.9.0.3 > '
says 'hint: this is a fault of the compiler; nothing was loaded'
says '^1 error, 0 warnings$'
is "messages" "$(grep -c 'error proof-failed' "$TMPDIR/err")" 1
packet=$(sed -n 's/.* the policy for \(.*\): rule [0-9a-f]* decides.*/\1/p' "$TMPDIR/err")
rule=$(sed -n 's/.* the policy says \([0-9a-f]*\)$/\1/p' "$TMPDIR/err")
# it is a packet in the grammar of explain, which the right compiler lets through by that line
exits 0 "$RIGHT" explain --policy "$POL" --json "$packet"
prints '"verdict":"pass"'
prints '"line":4'
exits 0 "$RIGHT" compile "$POL" -o "$TMPDIR/right.img"
exits 0 "$RIGHT" image "$TMPDIR/right.img"
prints "rule $(printf '%d' "0x$rule")  a.pol:4:"

# the capture; no image beside it
exits 1 "$FAULTY" compile "$POL" -o "$TMPDIR/x.img" --counterexample "$TMPDIR/c.pcap" --json
prints '"code":"proof-failed"'
tail -n 1 "$TMPDIR/out" >"$TMPDIR/last"
frame=$(sed -n 's/.*"counterexample":"\([0-9a-f]*\)".*/\1/p' "$TMPDIR/last")
[ -n "$frame" ] || fail "no frame in $(cat "$TMPDIR/last")"
[ ! -e "$TMPDIR/x.img" ] || fail "an image whose proof failed was written"
exits 1 "$FAULTY" check "$POL" --counterexample "$TMPDIR/c2.pcap"
cmp "$TMPDIR/c.pcap" "$TMPDIR/c2.pcap" || fail "check writes another packet than compile"
exits 1 "$FAULTY" check "$POL" --counterexample "$TMPDIR/no/c.pcap"
says 'error io: .*no/c.pcap'

# one frame, and it is the one of the message
exits 0 "$RIGHT" judge "$TMPDIR/c.pcap" --policy "$POL" --json
is "frames" "$(grep -c '"verdict"' "$TMPDIR/out")" 1
prints '"verdict":"pass"'
prints '"line":4'
# what the faulty tables say: those of the port that the fault puts there
mkdir "$TMPDIR/wrong"
sed 's/6666/6667/' "$POL/a.pol" >"$TMPDIR/wrong/a.pol"
exits 0 "$RIGHT" judge "$TMPDIR/c.pcap" --policy "$TMPDIR/wrong" --json
prints '"verdict":"drop"'

# a daemon of that program: the generation stays, the client gets the frame through the socket
policy_ports 6665
RINGFENCE=$FAULTY
daemon_start
nic_start
wait_for "generation 1" status_is 1 generation
exits 0 rf reload --counterexample "$TMPDIR/none.pcap"
[ ! -e "$TMPDIR/none.pcap" ] || fail "a counterexample of a proof that holds"
policy_ports 6666
exits 1 rf reload --counterexample "$TMPDIR/d.pcap"
says '^a.pol:4:[0-9]*: error proof-failed: '
says "the policy for $packet: rule"
says 'refused: generation 1 stays enforced'
cmp "$TMPDIR/c.pcap" "$TMPDIR/d.pcap" || fail "reload writes another packet than compile"
exits 1 rf reload --json
prints "\"ok\":false,\"generation\":1,\"changed\":false,\"rc\":\"conflict\""
prints "\"counterexample\":\"$frame\""
exits 1 rf reload --policy "$POL" --counterexample "$TMPDIR/e.pcap"
cmp "$TMPDIR/c.pcap" "$TMPDIR/e.pcap" || fail "a text that was sent has another packet"
exits 1 rf check "$POL" --counterexample "$TMPDIR/f.pcap"
cmp "$TMPDIR/c.pcap" "$TMPDIR/f.pcap" || fail "the daemon's check has another packet"
is "the generation" "$(status generation)" 1
is "refusals" "$(log_count 'reload-refused rc=conflict')" 3
exits 0 rf counters
policy_ports 6665
exits 0 rf reload
is "the generation" "$(status generation)" 1
daemon_end TERM

command -v tshark >/dev/null || { echo "tshark is not installed: the rest is tested"; exit 77; }
tshark -r "$TMPDIR/c.pcap" -T fields -e ip.src -e ip.dst -e tcp.dstport -e tcp.flags.syn \
    -e tcp.checksum.status -o tcp.check_checksum:TRUE >"$TMPDIR/shark" 2>/dev/null
is "tshark's frame" "$(tr '\t' ' ' <"$TMPDIR/shark")" "10.9.0.3 10.20.3.7 6666 1 1"
