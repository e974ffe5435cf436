#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# VLAN tags: the kernel cuts them out of what packet sockets see; the NIC puts them back, judges
# by the VID and sends them on. Topology: tests/support/softnic.sh.
set -eu
. "$TOP/tests/support/softnic.sh"
topology
nic_start dev:wire0 dev:host0
"$NIC_TOOL" load "$SOCK" 1 10.9.0.2,17,53,5 || fail "load"

macs=0200000000020200000000ff

# IPv4 10.9.0.1 > 10.9.0.2, UDP to port 53, two bytes of payload. A flow lives on in any VLAN: so
# each frame has a source port of its own.
udp()	# SPORT-HEX
{
	echo "08004500001e000000004011669c0a0900010a090002${1}0035000a00000000"
}

through()	# FRAME-HEX WANT-COUNT WANT-TAG WHAT
{
	background "count" "$S" "$PEER" count s0 0x0003 500
	in_ns "$C" "$PEER" send c0 3 "$1" >/dev/null || fail "send: $4"
	wait "$last_pid" || fail "count: $4"
	got=$(sed -n 2p "$TMPDIR/count.log" | cut -d' ' -f1,2)
	[ "$got" = "$2 $3" ] || fail "$4: frames and tag '$got', not '$2 $3'"
}

through "${macs}81000005$(udp 0401)" 3 5 "VID 5"
through "${macs}81006005$(udp 0402)" 3 24581 "VID 5, priority 3"
through "${macs}81000006$(udp 0403)" 0 -1 "VID 6"
through "${macs}$(udp 0404)" 0 -1 "no tag"
# The outer tag decides; the inner one stays.
through "${macs}88a800058100000a$(udp 0405)" 3 5 "VID 5 outside, 10 inside"
through "${macs}88a8000a81000005$(udp 0406)" 0 -1 "VID 10 outside, 5 inside"
"$NIC_TOOL" alerts "$SOCK" >"$TMPDIR/alerts"
grep -q 'vlan=6 ' "$TMPDIR/alerts" || fail "no alert of VID 6: $(cat "$TMPDIR/alerts")"
grep -q 'vlan=4096 ' "$TMPDIR/alerts" || fail "no alert without tag"
nic_stop
echo "ok"
