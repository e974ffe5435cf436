#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A policy one over a bound, given to a daemon that enforces another: refused with the bound, the
# value and the lines that ask for most; what was enforced stays, and a good text is taken again.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
policy_begin
cp "$POL/a.pol" "$TMPDIR/good.pol"
nic_start
daemon_start
wait_for "generation 1" status_is 1 generation
digest=$(status digest nic)

refused()	# GOLDEN CODE TEXT LINES
{
	mkdir "$POL.next"
	cp "$TOP/tests/golden/$1/"*.pol "$POL.next"
	rm -r "$POL"
	mv "$POL.next" "$POL"
	exits "$2" rf reload
	says "$3"
	says "$4"
	says 'refused: generation 1 stays enforced'
	is "the generation" "$(status generation)" 1
	is "the NIC's image" "$(status digest nic)" "$digest"
	is "the policy is good" "$(status ok policy)" false
}

refused 066-too-many-counters 7 '1025 rules ask for a counter; the NIC has 1024' 'a.pol:3 (1025)'
refused 067-too-many-locals 1 '4097 local IPs; at most 4096 in all' 'a.pol:2:25'
refused 068-table-too-big 7 '5123 rules in the table of 192.0.2.1; a table holds 5120' \
    'a.pol:3 (5121)'
refused 069-image-too-big 7 'all tables together hold 131072' 'b.pol:4 (130146)'
refused 087-too-many-rules 1 'this is rule 100001; a policy has at most 100000' 'a.pol:4 (99999)'

rm -f "$POL"/*
cp "$TMPDIR/good.pol" "$POL/a.pol"
exits 0 rf reload
is "the policy is good" "$(status ok policy)" true
