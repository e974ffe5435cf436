#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Real connections through the software NIC: packets and bytes of each flow are those that another
# program counted on the client's interface; a flood beyond every bound is counted to the last one.
# Topology: tests/support/softnic.sh.
set -eu
# shellcheck source=tests/support/softnic.sh
. "$TOP/tests/support/softnic.sh"
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
RF=$TMPDIR/rf.sock
topology
mkdir "$TMPDIR/policy"
cat >"$TMPDIR/policy/a.pol" <<'END'
segment "server" {
  members = "10.9.0.2", mode = "enforce",
  inbound { allow = tcp(8000), from = "10.9.0.0/24" },
  inbound { deny = tcp(9000), from = any },
}
END
in_ns "$N" "$RINGFENCE" nic --wire dev:wire0 --host dev:host0 --socket "$SOCK" --flows 4096 \
    >>"$TMPDIR/nic.log" 2>&1 &
pids="$pids $!"
wait_for "the NIC" test -S "$SOCK"
"$RINGFENCE" run --nic "$SOCK" --policy "$TMPDIR/policy" --state "$TMPDIR/state" --socket "$RF" \
    >>"$TMPDIR/daemon.log" 2>&1 &
daemon=$!
pids="$pids $daemon"

status_of()	# PYTHON of the status d
{
	"$RINGFENCE" status --socket "$RF" --json | python3 -c "import json, sys
d = json.load(sys.stdin)
print($1)"
}

status_is()	# VALUE PYTHON
{
	[ "$(status_of "$2")" = "$1" ]
}

flow_lines()	# OPTION...: SOURCE DESTINATION PACKETS BYTES of each direction, sorted
{
	"$RINGFENCE" flows --socket "$RF" --json --last 1000 "$@" | python3 -c 'import json, sys
lines = []
for text in sys.stdin:
    f = json.loads(text)
    p = f["l4"]["TCP"]
    a = "%s:%d" % (f["IP"]["source"], p["source_port"])
    b = "%s:%d" % (f["IP"]["destination"], p["destination_port"])
    lines.append((a, b, f["packets"]["forward"], f["bytes"]["forward"]))
    if f["packets"]["reverse"]:
        lines.append((b, a, f["packets"]["reverse"], f["bytes"]["reverse"]))
for line in sorted(lines):
    print(*line)'
}

ended()	# COUNT of flows that ended by FIN
{
	[ "$("$RINGFENCE" flows --socket "$RF" --json --last 1000 --port 8000 |
	    grep -c '"end":"fin"')" = "$1" ]
}

# Ten seconds after the last FIN, and what the firmware takes to come by.
wait_ended()	# COUNT
{
	until ended "$1"; do
		[ "$(date +%s)" -lt "$wait_end" ] || fail "waited for the end of $1 connections"
	done
}

wait_for "generation 1" status_is 1 'd["generation"]'
background serve "$S" "$PEER" serve 10.9.0.2 8000
background frames "$C" python3 "$TOP/tests/support/count_frames.py" c0
frames=$last_pid

# Three connections of different lengths, and one that is dropped.
for bytes in 10 1000 300000; do
	get "$C" 10.9.0.2 8000 "$bytes" || fail "get of $bytes bytes"
done
get "$C" 10.9.0.2 9000 10 2>/dev/null && fail "port 9000 was not denied"
"$RINGFENCE" flows --socket "$RF" >"$TMPDIR/flows"
wait_end=$(($(date +%s) + 40))
wait_ended 3
kill "$frames"
wait "$frames" 2>/dev/null || :
sed '/^ready/d' "$TMPDIR/frames.log" | sort >"$TMPDIR/want"
flow_lines | sort >"$TMPDIR/got"
[ "$(wc -l <"$TMPDIR/want")" -ge 7 ] || fail "too little was seen: $(cat "$TMPDIR/want")"
diff "$TMPDIR/want" "$TMPDIR/got" || fail "flows (>) are not what passed (<)"
flow_lines --verdict drop >"$TMPDIR/drops"
grep -q '10.9.0.2:9000' "$TMPDIR/drops" || fail "the dropped connection is no flow"
"$RINGFENCE" flows --socket "$RF" --verdict drop | grep -q 'a.pol:4' || fail "no line of the drop"

# A flood while nobody reads: packets to as many ports as there are, each a flow of its own.
totals='(lambda t: t["opened"] + t["ended"] + t["seen_opened"] + t["seen_ended"] ==
    t["records"] - t["updates"] + t["lost"] + t["unasked"])(d["flows"])'
dropped=$(status_of 'd["traffic"]["dropped"]')
seen=$(status_of 'd["flows"]["seen_opened"] + d["flows"]["unseen_packets"]')
kill -STOP "$daemon"
in_ns "$C" python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(1, 40001):
    s.sendto(b"x", ("10.9.0.2", port))'
kill -CONT "$daemon"
wait_for "the flood" status_is True "d['traffic']['dropped'] - $dropped >= 20000"
status_of 'd["flows"]' >"$TMPDIR/totals"
status_is True "$totals" || fail "totals do not add up: $(cat "$TMPDIR/totals")"
status_is True 'd["flows"]["lost"] > 0' || fail "nothing was lost: $(cat "$TMPDIR/totals")"
# Each dropped packet opened a flow, or is counted as one there was no place for.
status_is True "d['flows']['seen_opened'] + d['flows']['unseen_packets'] - $seen ==
    d['traffic']['dropped'] - $dropped" || fail "dropped and seen differ: $(cat "$TMPDIR/totals")"
get "$C" 10.9.0.2 8000 1000 || fail "a connection after the flood"
wait_end=$(($(date +%s) + 40))
wait_ended 4
cat "$TMPDIR/totals"
