#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# TCP through the software NIC between two veth pairs, with the offloads that interfaces have by
# default; what the policy denies; the daemon's death; the NIC's own restart from its store.
# Topology: tests/support/softnic.sh.
set -eu
. "$TOP/tests/support/softnic.sh"
topology
nic_start dev:wire0 dev:host0 "$TMPDIR/store"
background serve8000 "$S" "$PEER" serve 10.9.0.2 8000
background serve9000 "$S" "$PEER" serve 10.9.0.2 9000

# Nothing is committed: nothing passes.
get "$C" 10.9.0.2 8000 1000 2>/dev/null && fail "passed without an image"
"$NIC_TOOL" load "$SOCK" 1 10.9.0.2,6,8000 || fail "load"
[ "$(status generation)" = 1 ] || fail "generation is not 1"

# Segments of up to 64 KiB, both directions, every byte checked.
get "$C" 10.9.0.2 8000 50000000 || fail "get over the NIC"
in_ns "$C" "$PEER" put 10.9.0.2 8000 50000000 || fail "put over the NIC"
[ "$(status tx_lost)" = 0 ] || fail "frames were lost on send"

# The other port is denied, and told.
get "$C" 10.9.0.2 9000 1000 2>/dev/null && fail "port 9000 was not denied"
"$NIC_TOOL" alerts "$SOCK" >"$TMPDIR/alerts"
grep -q '^drop default rule=200 .* dport=9000' "$TMPDIR/alerts" ||
    fail "no alert: $(cat "$TMPDIR/alerts")"

# One NIC a socket, one NIC an interface, one daemon a NIC.
in_ns "$N" "$NIC_TOOL" run "$SOCK" dev:wire0 dev:host0 >"$TMPDIR/second" 2>&1 &&
    fail "a second NIC on the same socket"
grep -q conflict "$TMPDIR/second" || fail "second socket: $(cat "$TMPDIR/second")"
in_ns "$N" "$NIC_TOOL" run "$TMPDIR/other.sock" dev:wire0 dev:host0 >"$TMPDIR/second" 2>&1 &&
    fail "a second NIC on the same interface"
grep -q 'port-busy' "$TMPDIR/second" || fail "second port: $(cat "$TMPDIR/second")"
mkfifo "$TMPDIR/hold"
"$NIC_TOOL" hold "$SOCK" <"$TMPDIR/hold" >"$TMPDIR/hold.log" 2>&1 &
hold=$!
exec 8>"$TMPDIR/hold"
wait_for "the holder" grep -q attached "$TMPDIR/hold.log"
"$NIC_TOOL" status "$SOCK" >"$TMPDIR/second" 2>&1 && fail "a second daemon"
grep -q conflict "$TMPDIR/second" || fail "second daemon: $(cat "$TMPDIR/second")"

# kill -9 of the daemon changes no verdict, and the next one attaches.
kill -9 "$hold"
wait "$hold" 2>/dev/null || :
exec 8>&-
get "$C" 10.9.0.2 8000 100000 || fail "after the daemon's death"
get "$C" 10.9.0.2 9000 1000 2>/dev/null && fail "port 9000 after the daemon's death"
wait_for "a new daemon" "$NIC_TOOL" status "$SOCK"

# A NIC that is killed passes nothing; started again it enforces what it stored.
kill -9 "$nic_pid"
wait "$nic_pid" 2>/dev/null || :
get "$C" 10.9.0.2 8000 1000 2>/dev/null && fail "passed without a NIC"
nic_start dev:wire0 dev:host0 "$TMPDIR/store"
[ "$(status generation)" = 1 ] || fail "the stored image was not read"
get "$C" 10.9.0.2 8000 100000 || fail "after the NIC's restart"
get "$C" 10.9.0.2 9000 1000 2>/dev/null && fail "port 9000 after the NIC's restart"
nic_stop
[ ! -e "$SOCK" ] || fail "the socket stayed"

# Errors that a person can fix.
ip -n "$N" link set host0 down
in_ns "$N" "$NIC_TOOL" run "$SOCK" dev:wire0 dev:host0 >"$TMPDIR/err" 2>&1 && fail "host0 down"
grep -q 'host0 is down' "$TMPDIR/err" || fail "down: $(cat "$TMPDIR/err")"
grep -q 'ip link set host0 up' "$TMPDIR/err" || fail "no hint: $(cat "$TMPDIR/err")"
in_ns "$N" "$NIC_TOOL" run "$SOCK" dev:nosuch dev:host0 >"$TMPDIR/err" 2>&1 && fail "nosuch"
grep -q 'no such interface' "$TMPDIR/err" || fail "nosuch: $(cat "$TMPDIR/err")"
in_ns "$N" "$NIC_TOOL" run "$SOCK" dev:lo dev:wire0 >"$TMPDIR/err" 2>&1 && fail "lo"
grep -q 'not an Ethernet interface' "$TMPDIR/err" || fail "lo: $(cat "$TMPDIR/err")"

# An interface that goes away ends the NIC, with a message.
ip -n "$N" link set host0 up
nic_start dev:wire0 dev:host0
ip -n "$N" link del host0
code=0
wait "$nic_pid" || code=$?
nic_pid=
[ "$code" != 0 ] || fail "the NIC ended well without its interface"
grep -q 'interface host0 is gone' "$TMPDIR/nic.log" || fail "no word of host0"
echo "ok"
