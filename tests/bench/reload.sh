#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon's times, on a NIC whose ports are captures; every figure is a median of RUNS:
#   reload   from `ringfence reload` starting to it ending with the new generation enforced, each
#            with a changed policy; the parts as the daemon tells them. Two readers check it: the
#            reload's own answer, and a status asked right after it.
#   start    from starting the daemon to the end of the first `ringfence status` that is answered,
#            and to its being ready: the text compared with that of what the NIC holds
set -eu
cd "$(dirname "$0")/../.."
. tests/support/bench.sh
RUNS=${RUNS:-20}

number()	# KEY FILE
{
	sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$2"
}

reloads()	# RULES SEGMENTS
{
	policy_make "$1" "$2"
	daemon_start
	"$RINGFENCE" reload --socket "$SOCK" --json >"$TMPDIR/answer" || die "reload"
	generation=$(number generation "$TMPDIR/answer")
	rm -f "$TMPDIR"/wall "$TMPDIR"/eval_us "$TMPDIR"/build_us "$TMPDIR"/load_us
	i=0
	while [ "$i" -lt "$RUNS" ]; do
		i=$((i + 1))
		policy_make "$1" "$2"
		sed -i "s/tcp(1003)/tcp($((200 + i)))/" "$POL/bench.pol"
		"$BUILD/bench/elapsed" "$RINGFENCE" reload --socket "$SOCK" --json \
		    >"$TMPDIR/answer" || die "reload"
		tail -n 1 "$TMPDIR/answer" >>"$TMPDIR/wall"
		for key in eval_us build_us load_us; do
			number "$key" "$TMPDIR/answer" >>"$TMPDIR/$key"
		done
		"$RINGFENCE" status --socket "$SOCK" --json >"$TMPDIR/status" || die "status"
		generation=$((generation + 1))
		[ "$(number generation "$TMPDIR/answer") $(number generation "$TMPDIR/status")" = \
		    "$generation $generation" ] || die "generation $generation is not enforced"
	done
	daemon_stop
	awk -v rules="$1" -v segments="$2" -v us="$(median <"$TMPDIR/wall")" -v runs="$RUNS" \
	    -v eval_us="$(median <"$TMPDIR/eval_us")" \
	    -v build_us="$(median <"$TMPDIR/build_us")" \
	    -v load_us="$(median <"$TMPDIR/load_us")" 'BEGIN {
		printf "reload:  %5d rules in %2d tables: %.1f ms to enforced (median of %d): " \
		    "evaluate %.1f, build and prove %.1f, load and commit %.1f ms\n", rules,
		    segments, us / 1000, runs, eval_us / 1000, build_us / 1000, load_us / 1000 }'
}

starts()	# RULES SEGMENTS: the NIC holds the policy already
{
	policy_make "$1" "$2"
	daemon_start
	"$RINGFENCE" reload --socket "$SOCK" >"$TMPDIR/reload.log" || die "reload"
	daemon_stop
	rm -f "$TMPDIR/answered" "$TMPDIR/ready"
	i=0
	while [ "$i" -lt "$RUNS" ]; do
		i=$((i + 1))
		"$BUILD/bench/start" "$RINGFENCE" "$TMPDIR/notify" "$SOCK" run --nic "$NIC" \
		    --policy "$POL" --state "$TMPDIR/state" --socket "$SOCK" \
		    >"$TMPDIR/times" 2>>"$TMPDIR/daemon.log" || die "start"
		sed -n 's/^answered //p' "$TMPDIR/times" >>"$TMPDIR/answered"
		sed -n 's/^ready //p' "$TMPDIR/times" >>"$TMPDIR/ready"
	done
	awk -v rules="$1" -v segments="$2" -v us="$(median <"$TMPDIR/answered")" \
	    -v runs="$RUNS" -v ready="$(median <"$TMPDIR/ready")" 'BEGIN {
		printf "start:   %5d rules in %2d tables: %.1f ms to the first answer, %.1f ms " \
		    "to ready (median of %d)\n", rules, segments, us / 1000, ready / 1000, runs }'
}

nic_start
reloads 10 1
reloads 1000 13
reloads 5000 48
starts 10 1
starts 5000 48
