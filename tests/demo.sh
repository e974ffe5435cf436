#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job, on real traffic: a policy edit becomes a judged packet. As root in network
# namespaces of its own; else, or with DEMO=replay, the same by replaying tests/data/demo.pcap.
#
#    client   10.9.0.5   --+
#                          +-- lan ---wire [ NIC ] host--- server: web 10.20.3.7, db 10.20.4.2
#    intruder 10.66.0.66 --+
#
# usage: tests/demo.sh    (RINGFENCE names the binary)
set -eu
cd "$(dirname "$0")/.."
RINGFENCE=${RINGFENCE:-$PWD/build/ringfence}
WEB=10.20.3.7
DB=10.20.4.2
CLIENT=10.9.0.5
INTRUDER=10.66.0.66
WAIT_MS=10000
START=$(date +%s)

DIR=$(mktemp -d "${TMPDIR:-/tmp}/ringfence-demo.XXXXXX")
NS=rf$$
pids=
names=

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	BOLD=$(printf '\033[1m') DIM=$(printf '\033[2m') GREEN=$(printf '\033[32m')
	RED=$(printf '\033[31m') OFF=$(printf '\033[0m') INK=always
else
	BOLD='' DIM='' GREEN='' RED='' OFF='' INK=never
fi

clean()
{
	code=$?
	trap '' EXIT INT TERM HUP PIPE
	for p in $pids; do
		kill "$p" 2>/dev/null || :
	done
	for p in $pids; do
		wait "$p" 2>/dev/null || :
	done
	for n in $names; do
		# what still runs in a namespace of ours is ours: the web server's shell and its nc
		for p in $(ip netns pids "$n" 2>/dev/null); do
			kill "$p" 2>/dev/null || :
		done
		ip netns del "$n" 2>/dev/null || :
	done
	if [ "$code" -ne 0 ]; then
		for f in "$DIR"/*.log; do
			[ ! -s "$f" ] || { echo "--- $(basename "$f")"; tail -n 20 "$f"; }
		done >&2
		echo "demo: failed" >&2
	fi
	rm -rf "$DIR"
	[ "$code" -ne 0 ] || head_line "Done in $(($(date +%s) - START)) s, everything cleaned up."
	exit "$code"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP PIPE

head_line()
{
	printf '\n%s%s%s\n' "$BOLD" "$*" "$OFF"
}

say()
{
	printf '   %s\n' "$*"
}

show()	# a command as the user would type it, then its output
{
	printf '   %s$ %s%s\n' "$DIM" "$1" "$OFF"
	shift
	"$@" 2>&1 | sed "s|$DIR/||g; s/^/   /"
}

good()
{
	printf '   %sok%s   %s\n' "$GREEN" "$OFF" "$*"
}

fail()
{
	printf '   %sFAIL%s %s\n' "$RED" "$OFF" "$*"
	exit 1
}

tick()	# a short pause, without a process of its own where the shell can
{
	sleep 0.05
}

until_true()	# WHAT COMMAND...: waits for it
{
	what=$1
	shift
	ms=0
	until "$@" >/dev/null 2>&1; do
		tick
		ms=$((ms + 50))
		[ "$ms" -lt "$WAIT_MS" ] || fail "waited $((WAIT_MS / 1000)) s for $what"
	done
}

rf()	# VERB...: asks the daemon
{
	verb=$1
	shift
	"$RINGFENCE" "$verb" --color="$INK" --socket "$DIR/ringfence.sock" "$@"
}

generation()
{
	rf status --json | sed 's/.*"generation":\([0-9]*\).*/\1/'
}

is_generation()
{
	[ "$(generation)" = "$1" ]
}

start_daemon()
{
	"$RINGFENCE" run --nic "$DIR/nic.sock" --policy "$DIR/policy" --state "$DIR/state" \
	    --socket "$DIR/ringfence.sock" >>"$DIR/daemon.log" 2>&1 &
	DAEMON=$!
	pids="$pids $DAEMON"
	until_true "the daemon" rf status
}

start_watch()
{
	rf watch >"$DIR/watch" 2>"$DIR/watch.log" &
	pids="$pids $!"
	until_true "ringfence watch" grep -q watching "$DIR/watch.log"
}

# The line of the policy that an alert names, as it stands in the file.
cite()	# FILE:LINE
{
	sed -n "${1#*:}p" "$DIR/policy/${1%:*}" | sed 's/^[ 	]*//'
}

show_alert()	# a pattern of the packet
{
	until_true "the alert" grep -q "$1" "$DIR/watch"
	line=$(grep -m 1 "$1" "$DIR/watch")
	printf '   %s$ ringfence watch%s\n   %s\n' "$DIM" "$OFF" "$line"
	place=$(printf '%s' "$line" | sed 's/\x1b\[[0-9]*m//g' | grep -o '[a-z]*\.pol:[0-9]*')
	say "$place reads:  $(cite "$place")  -- whose default is deny"
	good "the alert names the packet and the line that decided"
}

edit_policy()
{
	cp "$DIR/policy/payments.pol" "$DIR/before"
	sed 's/allow = http, from = clients/&  + ip "'$INTRUDER'"/; s/clients  +/clients +/' \
	    "$DIR/before" >"$DIR/policy/payments.pol"
	printf '   %s$ edit policy/payments.pol%s\n' "$DIM" "$OFF"
	diff "$DIR/before" "$DIR/policy/payments.pol" | sed -n 's/^\([<>]\)/   \1/p' || :
}

reload_policy()
{
	show "ringfence reload --quiet" rf reload --quiet
	is_generation 2 || fail "the generation is $(generation), not 2"
	good "the generation has risen from 1 to 2"
}

# --- real traffic ------------------------------------------------------------------------------

in_ns()	# NAME COMMAND...
{
	n=$1
	shift
	ip netns exec "$NS-$n" "$@"
}

link()	# NAME IF NAME IF
{
	ip link add "$2" netns "$NS-$1" type veth peer name "$4" netns "$NS-$3"
	in_ns "$1" ip link set "$2" up
	in_ns "$3" ip link set "$4" up
}

make_net()
{
	for n in client intruder lan nic server; do
		ip netns add "$NS-$n"
		names="$names $NS-$n"
		in_ns "$n" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
		    echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6' 2>/dev/null || :
		in_ns "$n" ip link set lo up
	done
	link client eth0 lan client
	link intruder eth0 lan intruder
	link nic wire lan nic
	link nic host server eth0
	in_ns lan ip link add lan type bridge
	for i in client intruder nic; do
		in_ns lan ip link set "$i" master lan
	done
	in_ns lan ip link set lan up
	in_ns client ip addr add $CLIENT/32 dev eth0
	in_ns intruder ip addr add $INTRUDER/32 dev eth0
	in_ns server ip addr add $WEB/32 dev eth0
	in_ns server ip addr add $DB/32 dev eth0
	in_ns client ip route add 10.20.0.0/16 dev eth0
	in_ns intruder ip route add 10.20.0.0/16 dev eth0
	in_ns server ip route add default dev eth0
}

# A web server of one shell line: each connection gets the page.
serve()
{
	printf 'HTTP/1.0 200 OK\r\nContent-Length: 31\r\n\r\nhello from the payment service\n' \
	    >"$DIR/page"
	# shellcheck disable=SC2016 # its own shell expands
	in_ns server sh -c 'n=0
	    while [ $n -lt 100 ]; do n=$((n + 1)); nc -N -l '$WEB' 8080 <"$0" || exit; done' \
	    "$DIR/page" >/dev/null 2>"$DIR/server.log" &
	pids="$pids $!"
}

listening()
{
	[ -n "$(in_ns server ss -Hltn "sport = :8080")" ]
}

fetch()	# NAME
{
	until_true "the web server" listening
	in_ns "$1" curl -sS --connect-timeout 2 --max-time 5 "http://$WEB:8080/"
}

start_nic_dev()
{
	in_ns nic "$RINGFENCE" nic --wire dev:wire --host dev:host --socket "$DIR/nic.sock" \
	    >>"$DIR/nic.log" 2>&1 &
	pids="$pids $!"
}

on_traffic()
{
	say "client $CLIENT and intruder $INTRUDER on the wire; behind the NIC a server with"
	say "web $WEB and db $DB; each in a network namespace of its own"
	make_net
	serve
	start_nic_dev
	start_daemon
	until_true "the first generation" is_generation 1
	start_watch
	head_line "1. The policy is compiled, proved to fit, loaded; the NIC enforces generation 1"
	show "ringfence status" rf status

	head_line "2. The client asks the web server"
	show "curl http://$WEB:8080/        # as $CLIENT" fetch client
	fetch client | grep -q 'payment service' || fail "the client got no page"
	good "allowed, and the page came"

	head_line "3. The intruder asks the same"
	if fetch intruder >"$DIR/intruder.out" 2>&1; then
		fail "the intruder got in"
	fi
	show "curl http://$WEB:8080/        # as $INTRUDER" cat "$DIR/intruder.out"
	good "refused: nothing came through"
	show_alert "$INTRUDER"

	head_line "4. The policy is edited, and reloaded"
	edit_policy
	reload_policy
	show "curl http://$WEB:8080/        # as $INTRUDER" fetch intruder
	fetch intruder | grep -q 'payment service' || fail "the intruder got no page"
	good "the intruder is allowed now"

	head_line "5. The daemon is killed: the NIC goes on"
	kill -9 "$DAEMON"
	wait "$DAEMON" 2>/dev/null || :
	fetch client | grep -q 'payment service' || fail "the client got no page"
	if in_ns intruder nc -z -w 1 $DB 5432 2>/dev/null; then
		fail "the intruder reached the database"
	fi
	start_daemon
	until_true "a start without upload" \
	    grep -q 'reload-done generation=2 changed=no' "$DIR/daemon.log"
	is_generation 2 || fail "the generation is $(generation), not 2"
	good "same verdicts without it; it came back, found generation 2, uploaded nothing"
	show "ringfence counters" rf counters
}

# --- a capture ---------------------------------------------------------------------------------

start_nic_pcap()	# OUTPUT
{
	"$RINGFENCE" nic --wire pcap:tests/data/demo.pcap --host "pcap:$1" \
	    --socket "$DIR/nic.sock" >>"$DIR/nic.log" 2>&1 &
	NIC=$!
	pids="$pids $NIC"
}

replayed()	# TIMES
{
	[ "$(grep -c replay-end "$DIR/nic.log")" = "$1" ]
}

# The frames that reached the host, of one sender.
passed_from()	# FILE ADDRESS
{
	"$RINGFENCE" judge "$1" --policy "$DIR/policy" --quiet 2>/dev/null |
	    grep -c " $2:[0-9]* > " || :
}

on_capture()
{
	say "no root: the same packets from tests/data/demo.pcap, through the same software NIC"
	start_daemon
	start_watch
	start_nic_pcap "$DIR/first.pcap"
	until_true "the first generation" is_generation 1
	until_true "the end of the capture" replayed 1
	head_line "1. The policy is compiled, proved to fit, loaded; the NIC enforces generation 1"
	show "ringfence status" rf status

	head_line "2. The client asks the web server"
	show "ringfence counters" rf counters
	[ "$(passed_from "$DIR/first.pcap" $CLIENT)" = 5 ] ||
	    fail "the client's packets are missing"
	good "allowed: the client's 5 packets reached the server, the 3 answers reached it"

	head_line "3. The intruder asks the same"
	[ "$(passed_from "$DIR/first.pcap" $INTRUDER)" = 0 ] || fail "the intruder got in"
	good "refused: none of its 4 packets reached the server"
	show_alert "$INTRUDER"

	head_line "4. The policy is edited, and reloaded"
	edit_policy
	reload_policy
	kill "$NIC"
	wait "$NIC" 2>/dev/null || :
	say "the NIC starts anew, with the generation it committed, and gets the capture again"
	start_nic_pcap "$DIR/second.pcap"
	until_true "the end of the capture" replayed 2
	[ "$(passed_from "$DIR/second.pcap" $INTRUDER)" = 3 ] || fail "the intruder is still out"
	is_generation 2 || fail "the generation is $(generation), not 2"
	good "the intruder is allowed now: 3 packets to the web address; the database stays closed"
}

# -----------------------------------------------------------------------------------------------

[ -x "$RINGFENCE" ] || { echo "demo: no binary at $RINGFENCE: ./build.sh first" >&2; exit 1; }
cp -R policy "$DIR/policy"
chmod -R u+w "$DIR/policy"
head_line "Ringfence: a firewall in the NIC; every verdict names its line"
if [ "${DEMO:-}" != replay ] && [ "$(id -u)" = 0 ] && ip netns add "$NS-try" 2>/dev/null; then
	ip netns del "$NS-try"
	on_traffic
else
	on_capture
fi
