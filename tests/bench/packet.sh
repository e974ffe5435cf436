#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nanoseconds of a judged packet: parse, table, rules, flow, verdict, by number of rules. The
# policy is text, compiled by the binary; tests/bench/packet.c tells what is asked.
set -eu
cd "$(dirname "$0")/../.."
. tests/support/bench.sh

for size in "10 1" "1000 1" "5000 1" "5000 48"; do
	rules=${size% *}
	segments=${size#* }
	policy_make "$rules" "$segments"
	"$RINGFENCE" compile "$POL" -o "$TMPDIR/x.img" >"$TMPDIR/compile.log" 2>&1 ||
	    die "compile of $rules rules"
	"$BUILD/bench/packet" "$TMPDIR/x.img" "$rules" "$segments"
done
