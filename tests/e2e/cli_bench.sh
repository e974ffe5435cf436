#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench: an object a table, then one of the whole NIC, each with every figure; own packets and a
# capture's; what is no capture, or none of this policy, is refused.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
figures='p50_ns p99_ns mean_ns adversarial_mean_ns flow_p50_ns batch_mean_ns chase_ns
    loads_max lines_max bytes compile_ms prove_ms rules'

figures_hold()	# FILE: every figure is a number above 0 in each line
{
	for name in $figures; do
		is "$name" "$(grep -c "\"$name\":[0-9]*[.0-9]*[1-9]" "$1")" "$(grep -c . "$1")"
	done
	sed '$d' "$1" | grep -v '^{"scope":"table","local":"[0-9a-f.:]*","rules":' &&
	    fail "a line before the last is no table"
	tail -n 1 "$1" | grep -q '^{"scope":"nic","tables":5,"rules":' || fail "the last is not nic"
}

exits 0 "$RINGFENCE" bench --policy "$TOP/policy" --json
is "objects" "$(grep -c '"packets":"own"' "$TMPDIR/out")" 6
figures_hold "$TMPDIR/out"
exits 0 "$RINGFENCE" bench --policy "$TOP/policy" --pcap "$TOP/tests/data/demo.pcap" --json
tail -n 1 "$TMPDIR/out" | grep -q '"packets":"capture"' || fail "the capture is not used"
figures_hold "$TMPDIR/out"
exits 0 "$RINGFENCE" bench --policy "$TOP/policy"
prints '^nic  '
exits 1 "$RINGFENCE" bench --policy "$TOP/policy" --pcap "$TOP/policy/payments.pol" --json
is "output" "$(wc -c <"$TMPDIR/out")" 0
exits 2 "$RINGFENCE" bench --json
mkdir "$TMPDIR/other"
sed 's/10\.20\./10.77./g; s/fd00:20/fd00:77/g' "$TOP/policy/payments.pol" >"$TMPDIR/other/a.pol"
cp "$TOP/policy/infra.pol" "$TMPDIR/other/"
sed -i 's/10\.20\./10.77./g; s/fd00:20/fd00:77/g' "$TMPDIR/other/infra.pol"
exits 1 "$RINGFENCE" bench --policy "$TMPDIR/other" --pcap "$TOP/tests/data/demo.pcap"
says 'no frame has an address'

# as many local IPs as there may be end soon: those of one table are measured once
mkdir "$TMPDIR/many"
cat >"$TMPDIR/many/a.pol" <<'END'
segment "all" { members = ip "10.0.0.0/20", mode = "enforce",
  inbound { allow = tcp(443), from = any } }
END
exits 0 timeout 60 "$RINGFENCE" bench --policy "$TMPDIR/many" --json
is "lines" "$(grep -c . "$TMPDIR/out")" 4097
is "figures" "$(sed '$d; s/"local":"[^"]*",//' "$TMPDIR/out" | sort -u | grep -c .)" 1
