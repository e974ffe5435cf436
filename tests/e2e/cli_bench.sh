#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench: an object a table, then one of the whole NIC, each with every figure; own packets and a
# capture's; what is no capture, or none of this policy, is refused; a policy without any table.
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
	sed '$d' "$1" | grep -v '^{"scope":"table","local":"[0-9a-f.:]*","body":[0-9]*,"rules":' &&
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

# what packing and proving took: of each body once, all of them within the whole
sums_hold()	# FILE
{
	awk '
	function get(name) {
		if (!match($0, "\"" name "\":[0-9.e-]*"))
			exit 1
		return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0
	}
	/"scope":"table"/ && !seen[get("body")]++ {
		compile += get("compile_ms")
		prove += get("prove_ms")
		bodies++
	}
	/"scope":"nic"/ {
		print bodies, "bodies:", compile, "and", prove, "ms of", get("compile_ms"),
		    get("prove_ms")
		ok = bodies > 0 && compile <= get("compile_ms") && prove <= get("prove_ms")
	}
	END { exit !ok }' "$1" || fail "the parts are more than the whole"
}

figure()	# LOCAL FIGURE: in thousandths
{
	sed -n "s/.*\"local\":\"$1\".*\"$2\":\([0-9.]*\).*/\1/p" "$TMPDIR/out" |
	    awk '{ printf "%d\n", $1 * 1000 }'
}

least()	# FILE NUMBER: keeps the smaller
{
	[ -s "$1" ] && [ "$(cat "$1")" -le "$2" ] || echo "$2" >"$1"
}

exits 0 "$RINGFENCE" bench --policy "$TOP/policy" --json
sums_hold "$TMPDIR/out"
mkdir "$TMPDIR/sizes"
{
	cat <<-'END'
	segment "few" { members = "10.0.0.1", mode = "enforce",
	  inbound { allow = tcp(443), from = "10.9.0.1" } }
	segment "twin" { members = ip "10.0.0.2/31", mode = "enforce",
	  inbound { allow = tcp(80), from = "10.9.0.2" } }
	segment "many" { members = "10.0.1.1", mode = "enforce",
	END
	for i in $(seq 1 800); do
		from=10.$((i % 200)).$((i % 7)).5
		echo "inbound { allow = tcp($((2000 + i))), from = \"$from\" },"
	done
	echo '}'
} >"$TMPDIR/sizes/a.pol"
# each the best of a few runs: others may have the processor in between
for _ in 1 2 3; do
	exits 0 "$RINGFENCE" bench --policy "$TMPDIR/sizes" --json
	sums_hold "$TMPDIR/out"
	for f in compile_ms prove_ms; do
		is "the twin's $f" "$(figure 10.0.0.2 $f)" "$(figure 10.0.0.3 $f)"
		least "$TMPDIR/few.$f" "$(figure 10.0.0.1 $f)"
		least "$TMPDIR/many.$f" "$(figure 10.0.1.1 $f)"
	done
done
for f in compile_ms prove_ms; do
	[ "$(cat "$TMPDIR/few.$f")" -gt 0 ] || fail "$f of a small table is nothing"
	[ "$(cat "$TMPDIR/many.$f")" -gt $((4 * $(cat "$TMPDIR/few.$f"))) ] ||
	    fail "$f: $(cat "$TMPDIR/many.$f") us of 800 rules, $(cat "$TMPDIR/few.$f") of one"
done

# no segment, no table: the guard's rules judge, or nothing does but the default
mkdir "$TMPDIR/none"
echo 'defaults { unsegmented = "drop" }' >"$TMPDIR/none/a.pol"
for n in guarded bare; do
	exits 0 "$RINGFENCE" bench --policy "$TMPDIR/none" --json
	is "$n: lines" "$(grep -c . "$TMPDIR/out")" 1
	prints '"scope":"nic","tables":0,'
	for name in $figures; do
		[ "$n.$name" != bare.rules ] || continue
		is "$n: $name" "$(grep -c "\"$name\":[0-9]*[.0-9]*[1-9]" "$TMPDIR/out")" 1
	done
	exits 0 "$RINGFENCE" bench --policy "$TMPDIR/none" --pcap "$TOP/tests/data/demo.pcap" --json
	prints '"packets":"capture"'
	echo 'policy "guard" { stage = "guard" }' >"$TMPDIR/none/guard.pol"
done
