#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the daemon tells its service manager: ready with the first outcome, reloading and ready
# again, a NIC that goes and comes, heartbeats, the end. Needs no right.
set -eu
NIC=$TMPDIR/nic.sock
HEARD=$TMPDIR/heard.log
pids=
p=
trap 'for p in $pids; do kill "$p" 2>/dev/null || :; done' EXIT

fail()
{
	echo "FAILED: $*"
	for log in "$TMPDIR"/*.log; do
		echo "--- $log"
		tail -n 20 "$log"
	done
	exit 1
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

heard()	# COUNT REGEX: the line was heard so often
{
	[ "$(grep -c -E -e "$2" "$HEARD")" -ge "$1" ]
}

nic_start()
{
	"$RINGFENCE" nic --wire "pcap:$TOP/tests/data/demo.pcap" --host pcap:/dev/null \
	    --socket "$NIC" >>"$TMPDIR/nic.log" 2>&1 &
	nic_pid=$!
	pids="$pids $nic_pid"
	wait_for "the NIC" test -S "$NIC"
}

cp -R "$TOP/policy" "$TMPDIR/policy"
"$BUILD/tools/notify_hear" "$TMPDIR/notify" >"$HEARD" 2>&1 &
pids="$pids $!"
wait_for "the manager" test -S "$TMPDIR/notify"
nic_start

# A second of patience, so a heartbeat each half; it is for this process, as the shell execs it.
NOTIFY_SOCKET=$TMPDIR/notify WATCHDOG_USEC=1000000 \
    "$RINGFENCE" run --nic "$NIC" --policy "$TMPDIR/policy" --state "$TMPDIR/state" \
    --socket "$TMPDIR/rf.sock" >"$TMPDIR/run.log" 2>&1 &
run_pid=$!
pids="$pids $run_pid"
wait_for "ready" heard 1 '^READY=1 STATUS=generation 1 is enforced$'
[ -S "$TMPDIR/rf.sock" ] || fail "ready, but nothing serves"
"$RINGFENCE" status --socket "$TMPDIR/rf.sock" >/dev/null || fail "ready, but no answer"

# SIGHUP, as the unit reloads: the manager hears the begin, with a time, and the end.
sed 's/tcp(5432)/tcp(5433)/' "$TOP/policy/payments.pol" >"$TMPDIR/policy/payments.pol"
cmp -s "$TOP/policy/payments.pol" "$TMPDIR/policy/payments.pol" && fail "the edit edits nothing"
kill -HUP "$run_pid"
wait_for "the reload" heard 1 '^READY=1 STATUS=generation 2 is enforced$'
heard 1 '^RELOADING=1 MONOTONIC_USEC=[0-9]+ STATUS=compiling$' || fail "no RELOADING=1"
awk '/^RELOADING/ { r = NR } /generation 2/ { exit !(r && r < NR) }' "$HEARD" ||
    fail "RELOADING=1 came after its end"

# A policy that is refused ends the reload too.
echo 'this is no policy' >"$TMPDIR/policy/payments.pol"
kill -HUP "$run_pid"
wait_for "the refusal" \
    heard 1 '^READY=1 STATUS=generation 2 is enforced; the last reload failed$'

# The NIC goes, and comes back.
kill "$nic_pid"
wait "$nic_pid" || :
wait_for "the loss" heard 1 '^STATUS=no NIC at '
nic_start
wait_for "the return" heard 1 '^STATUS=generation [0-9]+ is enforced'

wait_for "heartbeats" heard 3 '^WATCHDOG=1'
kill "$run_pid"
wait "$run_pid" || fail "the daemon ended with $?"
wait_for "the end" heard 1 '^STOPPING=1 STATUS='
[ "$(grep -c '^READY=1' "$HEARD")" = 3 ] || fail "READY=1 too often"
echo "ready, reload, refusal, loss, return, heartbeats, end: all heard"
