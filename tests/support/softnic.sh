# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by the scripts that run a software NIC between namespaces of their own.
#
#   $C  10.9.0.1           $N                          $S  10.9.0.2
#   +--------+      +----------------------+      +--------+
#   |     c0 |------| wire0 [ NIC ] host0  |------| s0     |
#   +--------+ veth +----------------------+ veth +--------+

C=rfc$$
N=rfn$$
S=rfs$$
NIC_TOOL=$BUILD/tools/nic_tool
PEER=$BUILD/tools/net_peer
SOCK=$TMPDIR/nic.sock
nic_pid=
pids=

[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
command -v ip >/dev/null || { echo "ip (iproute2) is not installed"; exit 77; }
ip netns add "$N" 2>/dev/null || { echo "no network namespaces here"; exit 77; }

cleanup()
{
	for pid in $nic_pid $pids; do
		kill "$pid" 2>/dev/null || :
	done
	for ns in "$C" "$N" "$S"; do
		ip netns del "$ns" 2>/dev/null || :
	done
}
trap cleanup EXIT

fail()
{
	echo "FAILED: $*"
	for log in "$TMPDIR"/*.log; do
		[ ! -s "$log" ] || { echo "--- $log"; tail -n 20 "$log"; }
	done
	exit 1
}

in_ns()	# NS COMMAND...
{
	ip netns exec "$@"
}

wait_for()	# WHAT COMMAND...: until the command holds, at most 10 s
{
	what=$1
	shift
	end=$(($(date +%s) + 10))
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$end" ] || fail "waited for $what"
	done
}

topology()	# the drawing above; $N exists
{
	ip netns add "$C"
	ip netns add "$S"
	ip -n "$N" link add wire0 type veth peer name c0 netns "$C"
	ip -n "$N" link add host0 type veth peer name s0 netns "$S"
	for ns in "$C" "$N" "$S"; do
		in_ns "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 2>/dev/null || :
		ip -n "$ns" link set lo up
	done
	ip -n "$N" link set wire0 up
	ip -n "$N" link set host0 up
	ip -n "$C" addr add 10.9.0.1/24 dev c0
	ip -n "$S" addr add 10.9.0.2/24 dev s0
	ip -n "$C" link set c0 up
	ip -n "$S" link set s0 up
}

nic_start()	# WIRE HOST [STORE]: answers on $SOCK when this returns
{
	ip netns exec "$N" "$NIC_TOOL" run "$SOCK" "$1" "$2" ${3:+"$3"} \
	    >>"$TMPDIR/nic.log" 2>&1 &
	nic_pid=$!
	wait_for "the NIC" "$NIC_TOOL" status "$SOCK"
}

nic_stop()
{
	kill "$nic_pid"
	code=0
	wait "$nic_pid" || code=$?
	nic_pid=
	[ "$code" = 0 ] || fail "the NIC ended with $code"
}

# What runs in the background is started by ip itself, so that $! is its process.
background()	# NAME NS COMMAND...: output in NAME.log; returns once that begins with "ready"
{
	name=$1
	shift
	: >"$TMPDIR/$name.log"
	ip netns exec "$@" >"$TMPDIR/$name.log" 2>&1 </dev/null &
	last_pid=$!
	pids="$pids $last_pid"
	wait_for "$name" grep -q '^ready' "$TMPDIR/$name.log"
}

status()	# KEY
{
	"$NIC_TOOL" status "$SOCK" | sed -n "s/^$1=//p"
}

get()	# NS ADDR PORT BYTES
{
	in_ns "$1" "$PEER" get "$2" "$3" "$4"
}
