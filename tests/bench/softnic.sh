#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the software NIC carries, beside a kernel bridge, and a bridge with nftables of the same
# policy as sets: one run, rounds in turn, the median of each. PEERS allowed sources, ROUNDS rounds.
#   64 B: delivered frames a second, counted by the server's interface, sender not waiting
#   TCP: one connection with default offloads, both ends check every byte
# The NIC is `ringfence nic` with `ringfence run` on a policy of the same addresses. It keeps flows;
# the nftables rules are stateless. Topology: tests/support/softnic.sh.
set -eu
cd "$(dirname "$0")/../.."
TOP=$PWD
BUILD=${BUILD:-$PWD/build/rel}
RINGFENCE=${RINGFENCE:-$PWD/build/ringfence}
TMPDIR=$(mktemp -d /tmp/rf-bench.XXXXXX)
export TOP BUILD TMPDIR
PEERS=${PEERS:-5000}
ROUNDS=${ROUNDS:-3}
FRAMES=${FRAMES:-300000}
TCP_BYTES=${TCP_BYTES:-500000000}
. "$TOP/tests/support/softnic.sh"
trap 'cleanup; rm -rf "$TMPDIR"' EXIT
topology
background serve "$S" "$PEER" serve 10.9.0.2 8000

# 60 bytes, the checksum not counted: IPv4 10.9.0.1 > 10.9.0.3, UDP 1025 > 53, to a MAC address that
# nobody has, so that the server's stack drops it early.
frame=0200000000020200000000ff08004500002e00000000401166aa0a0900010a09000304010035001a0000
frame=${frame}000000000000000000000000000000000000

mkdir "$TMPDIR/policy"
{
	echo 'local peers = {'
	awk -v n="$PEERS" 'BEGIN { for (i = 0; i < n; i++) { v = 1 + 2 * i
		printf "  \"172.16.%d.%d\",\n", int(v / 256), v % 256 } }'
	echo '  "10.9.0.1" }'
	for rule in "10.9.0.2 tcp(8000)" "10.9.0.3 udp(53)"; do
		echo "segment \"${rule#* }\" { members = \"${rule% *}\", mode = \"enforce\","
		echo "  inbound { allow = ${rule#* }, from = peers } }"
	done
} >"$TMPDIR/policy/bench.pol"

enforced()
{
	"$RINGFENCE" status --socket "$TMPDIR/rf.sock" --json | grep -q '"rules":'
}

path_nic()
{
	rm -rf "$SOCK.image" "$TMPDIR/state"
	ip netns exec "$N" "$RINGFENCE" nic --wire dev:wire0 --host dev:host0 --socket "$SOCK" \
	    >>"$TMPDIR/nic.log" 2>&1 &
	nic_pid=$!
	"$RINGFENCE" run --nic "$SOCK" --policy "$TMPDIR/policy" --state "$TMPDIR/state" \
	    --socket "$TMPDIR/rf.sock" >>"$TMPDIR/daemon.log" 2>&1 &
	daemon_pid=$!
	pids="$pids $daemon_pid"
	wait_for "a generation" enforced
}

path_bridge()
{
	ip -n "$N" link add br0 type bridge
	ip -n "$N" link set wire0 master br0
	ip -n "$N" link set host0 master br0
	ip -n "$N" link set br0 up
}

path_nft()
{
	path_bridge
	in_ns "$N" nft -f - <<-END || fail "nft"
	table bridge t {
		set peers { type ipv4_addr; elements = { $(awk -v n="$PEERS" 'BEGIN {
			for (i = 0; i < n; i++) { v = 1 + 2 * i
				printf "172.16.%d.%d, ", int(v / 256), v % 256 }
			print "10.9.0.1" }') } }
		set services { type ipv4_addr . inet_proto . inet_service
			elements = { 10.9.0.2 . tcp . 8000, 10.9.0.3 . udp . 53 } }
		chain f { type filter hook forward priority 0; policy drop;
			ether type arp accept
			ip daddr . ip protocol . th dport @services ip saddr @peers accept
			ip saddr . ip protocol . th sport @services ip daddr @peers accept
		}
	}
	END
}

path_end()
{
	if [ -n "$nic_pid" ]; then
		"$RINGFENCE" status --socket "$TMPDIR/rf.sock" | sed -n 's/^losses */# nic: /p'
		kill "$daemon_pid"
		wait "$daemon_pid" || fail "the daemon ended with $?"
		nic_stop
		tail -n 2 "$TMPDIR/nic.log" | sed 's/^/# /'
	fi
	in_ns "$N" nft delete table bridge t 2>/dev/null || :
	ip -n "$N" link del br0 2>/dev/null || :
}

measure()	# PATH
{
	"path_$1"
	wait_for "$1" get "$C" 10.9.0.2 8000 1000
	background rate "$S" "$PEER" rate s0 300
	in_ns "$C" "$PEER" send c0 "$FRAMES" "$frame" >/dev/null || fail "send"
	wait "$last_pid"
	sed -n 2p "$TMPDIR/rate.log" | awk '{ printf "%.0f\n", $1 * 1e9 / $2 }' >>"$TMPDIR/$1.pps"
	get "$C" 10.9.0.2 8000 "$TCP_BYTES" >>"$TMPDIR/$1.tcp" || fail "$1: TCP"
	path_end
}

median()	# FILE
{
	sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

paths="nic bridge"
if command -v nft >/dev/null; then
	paths="$paths nft"
else
	echo "skipped: nftables is not installed"
fi
i=0
while [ "$i" -lt "$ROUNDS" ]; do
	for p in $paths; do
		measure "$p"
	done
	i=$((i + 1))
done
echo "allowed sources: $PEERS; rounds: $ROUNDS; median; (ratio to the bridge)"
for p in $paths; do
	awk -v name="$p" -v pps="$(median "$TMPDIR/$p.pps")" -v tcp="$(median "$TMPDIR/$p.tcp")" \
	    -v bpps="$(median "$TMPDIR/bridge.pps")" -v btcp="$(median "$TMPDIR/bridge.tcp")" \
	    'BEGIN { printf "%-7s 64 B %8d frames/s (%.2f)   TCP %6d Mbit/s (%.2f)\n", name, pps,
		pps / bpps, tcp, tcp / btcp }'
done
