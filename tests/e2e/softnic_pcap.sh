#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A capture replayed through the software NIC, without any right: it waits for a generation, is
# judged on the capture's clock, and what passed is written with its own times.
#
#   in.pcap --> wire [ NIC ] host --> out.pcap
set -eu
NIC_TOOL=$BUILD/tools/nic_tool
SOCK=$TMPDIR/nic.sock
nic_pid=
trap '[ -z "$nic_pid" ] || kill "$nic_pid"' EXIT

fail()
{
	echo "FAILED: $*"
	cat "$TMPDIR/nic.log"
	exit 1
}

wait_for()	# WHAT COMMAND...
{
	what=$1
	shift
	end=$(($(date +%s) + 10))
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$end" ] || fail "waited for $what"
	done
}

nic_start()	# WIRE HOST
{
	"$NIC_TOOL" run "$SOCK" "$1" "$2" >"$TMPDIR/nic.log" 2>&1 &
	nic_pid=$!
	wait_for "the NIC" "$NIC_TOOL" status "$SOCK"
}

nic_stop()
{
	kill "$nic_pid"
	wait "$nic_pid" || fail "the NIC ended with an error"
	nic_pid=
}

status()	# KEY
{
	"$NIC_TOOL" status "$SOCK" | sed -n "s/^$1=//p"
}

status_is()	# KEY VALUE
{
	[ "$(status "$1")" = "$2" ]
}

beats_past()	# HEARTBEAT
{
	[ "$(status heartbeat)" -gt "$1" ]
}

# SYN, SYN and ACK, ACK; a denied SYN; a large frame cut to 60 bytes; a UDP question, its answer,
# and another answer 61 s later, when the flow has ended on the capture's clock.
"$BUILD/tools/pcap_make" "$TMPDIR/in.pcap" \
    1000,10.9.0.1,5000,10.9.0.2,8000,6,2,0 \
    2001,10.9.0.2,8000,10.9.0.1,5000,6,18,0 \
    3000,10.9.0.1,5000,10.9.0.2,8000,6,16,10 \
    4000,10.9.0.1,5001,10.9.0.2,9000,6,2,0 \
    5000,10.9.0.1,5000,10.9.0.2,8000,6,16,1400,60 \
    6000,10.9.0.1,5002,10.9.0.3,53,17,0,30 \
    7000,10.9.0.3,53,10.9.0.1,5002,17,0,30 \
    61000008000,10.9.0.3,53,10.9.0.1,5002,17,0,30

load()
{
	"$NIC_TOOL" load "$SOCK" 1 10.9.0.2,6,8000 10.9.0.3,17,53 || fail "load"
}

replay()	# OUT
{
	nic_start "pcap:$TMPDIR/in.pcap" "pcap:$1"
	beats_from=$(status heartbeat)
	wait_for "heartbeats" beats_past "$((beats_from + 5))"
	status_is packets 0 || fail "the replay did not wait for a generation"
	load
	wait_for "the replay" status_is packets 8
	# It stays, idle.
	beats_from=$(status heartbeat)
	wait_for "heartbeats after the replay" beats_past "$((beats_from + 5))"
}

replay "$TMPDIR/out.pcap"
status_is passed 6 || fail "passed: $(status passed), not 6"
status_is dropped 2 || fail "dropped: $(status dropped), not 2"
nic_stop
"$BUILD/tools/pcap_list" "$TMPDIR/out.pcap" >"$TMPDIR/out"
cat >"$TMPDIR/want" <<END
1 1767225600.000001000 54 54
2 1767225600.000002001 54 54
3 1767225600.000003000 64 64
4 1767225600.000005000 60 1454
5 1767225600.000006000 72 72
6 1767225600.000007000 72 72
END
diff "$TMPDIR/want" "$TMPDIR/out" || fail "other frames than wanted (<) passed (>)"

# The same capture, the same bytes.
replay "$TMPDIR/again.pcap"
nic_stop
cmp "$TMPDIR/out.pcap" "$TMPDIR/again.pcap" || fail "the second replay differs"

# Alerts have the capture's time. They go to the first that attaches after them.
alert_seen()
{
	"$NIC_TOOL" alerts "$SOCK" >>"$TMPDIR/alerts"
	grep -q '^drop default .*dport=9000 time=1767225600000004000$' "$TMPDIR/alerts"
}
nic_start "pcap:$TMPDIR/in.pcap" pcap:/dev/null
load
wait_for "the alert" alert_seen
nic_stop

# Cut inside the last frame: what was whole is judged, the rest is said.
head -c -5 "$TMPDIR/in.pcap" >"$TMPDIR/cut.pcap"
nic_start "pcap:$TMPDIR/cut.pcap" pcap:/dev/null
load
wait_for "the cut replay" status_is packets 7
grep -q 'replay-failed .*byte [0-9]*: the file ends inside a frame' "$TMPDIR/nic.log" ||
    fail "no word of the cut"
nic_stop

# Refused at once.
echo "this is no capture" >"$TMPDIR/text"
for wire in "pcap:$TMPDIR/text" pcap:/nonexistent/x pcap: eth0 tap:x; do
	"$NIC_TOOL" run "$SOCK" "$wire" pcap:/dev/null >"$TMPDIR/err" 2>&1 && fail "$wire taken"
	grep -q '^error\|: error' "$TMPDIR/err" || fail "$wire: $(cat "$TMPDIR/err")"
done
[ ! -e "$SOCK" ] || fail "the socket stayed"
echo "ok"
