# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by the measurements that need a policy of some size, or a NIC and a daemon.
# Segment s has the local IP 10.20.0.s (from 1). Its rule i (from 0, counted over all segments)
# lets 10.(64 + i / 256).(i % 256).0/24 in at TCP port 1000 + i % 50000.
RINGFENCE=${RINGFENCE:-$PWD/build/ringfence}
BUILD=${BUILD:-$PWD/build/rel}
TMPDIR=$(mktemp -d /tmp/rf-bench.XXXXXX)
export RINGFENCE BUILD TMPDIR
POL=$TMPDIR/policy
NIC=$TMPDIR/nic.sock
SOCK=$TMPDIR/rf.sock
nic_pid=
daemon_pid=

bench_end()
{
	code=$?
	trap '' EXIT INT TERM
	for p in $daemon_pid $nic_pid; do
		kill "$p" 2>/dev/null || :
		wait "$p" 2>/dev/null || :
	done
	[ "$code" = 0 ] || tail -n 5 "$TMPDIR"/*.log 2>/dev/null || :
	rm -rf "$TMPDIR"
	exit "$code"
}
trap bench_end EXIT
trap 'exit 130' INT TERM

die()
{
	echo "FAILED: $*"
	exit 1
}

policy_make()	# RULES SEGMENTS [EACH]: each such rule names a VLAN of its own, all have IPv6 twins
{
	rm -rf "$POL"
	mkdir "$POL"
	awk -v rules="$1" -v segments="$2" -v each="${3:-0}" 'BEGIN {
		for (s = 1; s <= segments; s++) {
			printf "segment \"s%d\" {\n", s
			members = sprintf("\"10.20.0.%d\"", s)
			if (each)
				members = sprintf("ip { %s, \"2001:db8::%x\" }", members, s)
			printf "  members = %s, mode = \"enforce\",\n", members
			end = int(rules * s / segments)
			for (i = int(rules * (s - 1) / segments); i < end; i++) {
				from = sprintf("\"10.%d.%d.0/24\"", 64 + int(i / 256), i % 256)
				if (each)
					from = sprintf("ip { %s, \"2001:db8:%x::/48\" }", from,
					    i + 1)
				vlan = each && i % each == 0 ? ", vlan = " 1 + i / each : ""
				printf "  inbound { allow = tcp(%d), from = %s%s },\n",
				    1000 + i % 50000, from, vlan
			}
			print "}"
		}
	}' >"$POL/bench.pol"
}

wait_for()	# WHAT COMMAND...
{
	wait_what=$1
	shift
	wait_end=$(($(date +%s) + 20))
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$wait_end" ] || die "waited for $wait_what"
	done
}

nic_start()
{
	"$RINGFENCE" nic --wire "pcap:$PWD/tests/data/demo.pcap" --host pcap:/dev/null \
	    --socket "$NIC" >>"$TMPDIR/nic.log" 2>&1 &
	nic_pid=$!
	wait_for "the NIC" test -S "$NIC"
}

daemon_start()
{
	"$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$TMPDIR/state" --socket "$SOCK" \
	    >>"$TMPDIR/daemon.log" 2>&1 &
	daemon_pid=$!
	wait_for "the daemon" "$RINGFENCE" status --socket "$SOCK"
}

daemon_stop()
{
	kill "$daemon_pid"
	wait "$daemon_pid" || die "the daemon ended with $?"
	daemon_pid=
}

median()	# numbers on standard input
{
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}
