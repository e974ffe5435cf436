#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `ringfence compile` of a policy directory: wall time of the whole command, median of RUNS; and
# from the daemon's answer to a reload, the part of the language and the part that builds, encodes
# and proves the image. 5,000 rules, in one table and in 48; and in one of which each tenth rule
# names a VLAN of its own, all with IPv6 twins.
set -eu
cd "$(dirname "$0")/../.."
. tests/support/bench.sh
RUNS=${RUNS:-5}

number()	# KEY: of the reload's answer
{
	sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$TMPDIR/answer"
}

nic_start
for size in "10 1 0" "5000 1 0" "5000 48 0" "5000 1 10"; do
	rules=${size%% *}
	each=${size##* }
	segments=${size#* }
	segments=${segments% *}
	policy_make "$rules" "$segments" "$each"
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
	awk -v rules="$rules" -v segments="$segments" -v each="$each" -v us="$(grep -E '^[0-9]+$' \
	    "$TMPDIR/times" | median)" -v runs="$RUNS" -v eval_us="$(number eval_us)" \
	    -v build_us="$(number build_us)" -v bytes="$(wc -c <"$TMPDIR/x.img")" 'BEGIN {
		printf "compile: %5d rules in %2d tables%s: %.1f ms (median of %d); in the " \
		    "daemon evaluate %.1f ms, build and prove %.1f ms; image %d KiB\n", rules,
		    segments, each ? ", VLANs, v4 and v6" : "", us / 1000, runs,
		    eval_us / 1000, build_us / 1000, bytes / 1024 }'
done
