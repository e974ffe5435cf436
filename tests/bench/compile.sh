#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `ringfence compile` of a policy directory: wall time of the whole command, median of RUNS; and
# from the daemon's answer to a reload, the part of the language and the part that builds, encodes
# and proves the image. 5,000 rules, in one table and in 48.
set -eu
cd "$(dirname "$0")/../.."
. tests/support/bench.sh
RUNS=${RUNS:-5}

number()	# KEY: of the reload's answer
{
	sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$TMPDIR/answer"
}

nic_start
for size in "10 1" "5000 1" "5000 48"; do
	rules=${size% *}
	segments=${size#* }
	policy_make "$rules" "$segments"
	i=0
	: >"$TMPDIR/times"
	while [ "$i" -lt "$RUNS" ]; do
		"$BUILD/bench/elapsed" "$RINGFENCE" compile "$POL" -o "$TMPDIR/x.img" \
		    >>"$TMPDIR/times" 2>"$TMPDIR/compile.log" || die "compile"
		i=$((i + 1))
	done
	daemon_start
	"$RINGFENCE" reload --socket "$SOCK" --json >"$TMPDIR/answer" || die "reload"
	daemon_stop
	awk -v rules="$rules" -v segments="$segments" -v us="$(grep -E '^[0-9]+$' \
	    "$TMPDIR/times" | median)" -v runs="$RUNS" -v eval_us="$(number eval_us)" \
	    -v build_us="$(number build_us)" -v bytes="$(wc -c <"$TMPDIR/x.img")" 'BEGIN {
		printf "compile: %5d rules in %2d tables: %.1f ms (median of %d); in the daemon " \
		    "evaluate %.1f ms, build and prove %.1f ms; image %d KiB\n", rules, segments,
		    us / 1000, runs, eval_us / 1000, build_us / 1000, bytes / 1024 }'
done
