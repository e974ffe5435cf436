#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The local stack of the NIC's namespace neither hears the ports nor speaks through them, whatever
# addresses they have: tcx, clsact, and the NIC itself. Topology: tests/support/softnic.sh.
set -eu
. "$TOP/tests/support/softnic.sh"
topology
ip -n "$N" addr add 10.9.0.9/24 dev wire0
background local "$N" "$PEER" serve 10.9.0.9 7000
background client "$C" "$PEER" serve 10.9.0.1 7000

heard()	# packets that the namespace's IP has received
{
	# shellcheck disable=SC2016 # awk's
	in_ns "$N" awk '$1 == "Ip:" { v = $3 } END { print v }' /proc/net/snmp
}

open()
{
	get "$C" 10.9.0.9 7000 1000 >/dev/null 2>&1
}

speaks()
{
	get "$N" 10.9.0.1 7000 1000 >/dev/null 2>&1
}

closed()	# WHAT
{
	before=$(heard)
	open && fail "$1: the local stack was reached"
	[ "$(heard)" = "$before" ] || fail "$1: the local stack heard packets"
	speaks && fail "$1: the local stack spoke"
	return 0
}

open || fail "the local stack cannot be reached at all: this test could not fail"
speaks || fail "the local stack cannot speak at all: this test could not fail"

tried=0
for way in tcx clsact; do
	mkfifo "$TMPDIR/$way"
	ip netns exec "$N" "$PEER" guard "$way" wire0 <"$TMPDIR/$way" >"$TMPDIR/$way.log" 2>&1 &
	guard=$!
	exec 8>"$TMPDIR/$way"
	if wait_for "guard $way" grep -Eq 'ready|error' "$TMPDIR/$way.log" &&
	    grep -q ready "$TMPDIR/$way.log"; then
		tried=$((tried + 1))
		closed "$way"
	fi
	exec 8>&-
	wait "$guard" || echo "no $way on this kernel"
	open || fail "$way: the guard stayed"
	speaks || fail "$way: the guard stayed at egress"
done
[ "$tried" -gt 0 ] || fail "neither tcx nor clsact"

# Also ARP for the local address is the server's business now, and nobody has it there.
nic_start dev:wire0 dev:host0
"$NIC_TOOL" load "$SOCK" 1 10.9.0.2,6,8000 10.9.0.9,6,8000 || fail "load"
background serve "$S" "$PEER" serve 10.9.0.2 8000
ip -n "$C" neigh flush dev c0
ip -n "$N" neigh flush dev wire0
closed "nic"
get "$C" 10.9.0.2 8000 1000000 || fail "the NIC does not forward"
closed "nic, after traffic"
nic_stop
open || fail "the guard stayed after the NIC's end"
echo "$tried ways"
