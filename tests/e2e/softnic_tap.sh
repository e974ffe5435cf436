#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A TAP as host port: the server's own interface, in the NIC's namespace.
#
#   $C  10.9.0.1           $N
#   +--------+      +-------------------------------------+
#   |     c0 |------| wire0 [ NIC ] srv0  10.9.0.2 server |
#   +--------+ veth +-------------------------------------+
set -eu
. "$TOP/tests/support/softnic.sh"
[ -c /dev/net/tun ] || { echo "no /dev/net/tun"; exit 77; }
topology
nic_start dev:wire0 tap:srv0
ip -n "$N" addr add 10.9.0.2/24 dev srv0
background serve8000 "$N" "$PEER" serve 10.9.0.2 8000
background serve9000 "$N" "$PEER" serve 10.9.0.2 9000
get "$C" 10.9.0.2 8000 1000 2>/dev/null && fail "passed without an image"
"$NIC_TOOL" load "$SOCK" 1 10.9.0.2,6,8000 || fail "load"
get "$C" 10.9.0.2 8000 50000000 || fail "get over the NIC"
in_ns "$C" "$PEER" put 10.9.0.2 8000 50000000 || fail "put over the NIC"
get "$C" 10.9.0.2 9000 1000 2>/dev/null && fail "port 9000 was not denied"
[ "$(status tx_lost)" = 0 ] || fail "frames were lost on send"
in_ns "$N" "$NIC_TOOL" run "$TMPDIR/other.sock" pcap:/dev/null tap:srv0 >"$TMPDIR/second" 2>&1 &&
    fail "the same tap twice"
nic_stop
ip -n "$N" link show srv0 >/dev/null 2>&1 && fail "the tap stayed"
echo "ok"
