#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Yesterday's flows by tomorrow's policy: plan says which it would let and which it would cut, by
# which line; then the reload cuts those and no other. Live ones that drain, and ended ones too.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
policy_begin
nic_options="--flows 1024"		# few entries: each is looked at soon
nic_start
daemon_start
wait_for "generation 1" status_is 1 generation

flows_are()	# COUNT
{
	[ "$(rf flows --json --last 1000 | wc -l)" = "$1" ]
}

flows_cut()	# COUNT
{
	[ "$(rf flows --json --last 1000 | grep -c '"end":"cut"')" = "$1" ]
}

planned()	# PYTHON: of the plan d in $TMPDIR/out
{
	python3 -c "import json, sys
d = json.load(sys.stdin)
f = d['flows']
print($1)" <"$TMPDIR/out"
}

# The capture has a connection that a rule allows, an intruder, and a stranger's packets.
wait_for "three flows" flows_are 3
exits 0 rf plan
prints 'nothing changes: generation 1'
exits 0 rf plan --json
is "flows of no change" "$(planned 'f["told"], f["known"], f["live"], f["changes"]')" \
    "True 3 {'judged': 3, 'cut': 0, 'let': 0, 'other': 0} []"

# let: by a directory here, that the daemon is sent
mkdir "$TMPDIR/next"
sed 's,"10.9.0.0/24",any,' "$POL/a.pol" >"$TMPDIR/next/a.pol"
exits 3 rf plan --policy "$TMPDIR/next"
prints '^flows judged: 3 live, 0 ended$'
prints '^flows cut: 0 live, 0 ended$'
prints '^flows let: 1 live, 0 ended$'
prints '^    live  10.66.0.66 > 10.20.3.7 tcp/8080 .*: drop, then pass rule  a.pol:3$'

# cut: by the default of the segment, which stands on its first line
sed -i 's/tcp(8080)/tcp(8081)/' "$POL/a.pol"
exits 3 rf plan
prints '^flows cut: 1 live, 0 ended$'
prints '^  by a.pol:1  web (default): 1 live, 0 ended$'
prints '^    live  10.9.0.5 > 10.20.3.7 tcp/8080 .*: pass, then drop default  a.pol:1$'
packet=$(sed -n 's/^    live  \(10.9.0.5 .*\): pass, then drop.*/\1/p' "$TMPDIR/out")
exits 0 "$RINGFENCE" explain "$packet" --policy "$POL"
prints '^drop default'
exits 3 rf plan --json
is "the flow that is cut" "$(planned '[(c["local"], c["direction"], c["packets"] > 0,
    c["old"]["line"], c["new"]["line"]) for c in f["changes"]]')" \
    "[('10.20.3.7', 'in', True, 3, 1)]"
[ "$(rf flows --json --from 10.9.0.5 | sed 's/.*"number":\([0-9]*\).*/\1/')" -ge \
    "$(planned 'f["changes"][0]["number"]')" ] || fail "its number is not that of flows"

# a live flow that the new policy lets drain is not cut; nor what a deny of comply would drop
cp "$POL/a.pol" "$TMPDIR/next/a.pol"
cat >"$TMPDIR/next/site.pol" <<'END'
policy "site" { stage = "infra" }
defaults { live_flows = "drain" }
END
exits 3 rf plan --policy "$TMPDIR/next"
prints '^flows cut: 0 live, 0 ended$'
rm "$TMPDIR/next/site.pol"
sed 's/"enforce"/"comply"/' "$POL/a.pol" >"$TMPDIR/next/a.pol"
exits 3 rf plan --policy "$TMPDIR/next"
prints '^flows cut: 0 live, 0 ended$'
prints '^flows let: 1 live, 0 ended$'
prints '^flows other: 1 live, 0 ended$'
prints ': pass, then would-drop default  a.pol:1$'

# and so it comes
exits 0 rf reload
wait_for "the cut" flows_cut 1
exits 0 rf flows --json --last 1000
grep '"end":"cut"' "$TMPDIR/out" >"$TMPDIR/cut"
grep -q '"source":"10.9.0.5"' "$TMPDIR/cut" || fail "another flow was cut: $(cat "$TMPDIR/cut")"

# an ended flow, by the policy before
sed -i 's/tcp(8081)/tcp(8080)/' "$POL/a.pol"
exits 3 rf plan
prints '^flows judged: 2 live, 1 ended$'
prints '^flows let: 0 live, 1 ended$'
prints '^    ended 10.9.0.5 > .*: drop, then pass rule  a.pol:3$'

nic_kill
wait_for "the loss" status_is down state nic
exits 3 rf plan
prints '^flows: the NIC tells none now$'
grep -q 'flows not' "$TMPDIR/out" && fail "all that are known were judged, and it says otherwise"

# A later fragment without its first one: rules have no say in it. More openings than the NIC has
# entries for, and more than it can tell: nobody knows those.
python3 - "$TMPDIR/scan.pcap" <<'END'
import struct
import sys

with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    for i in range(66000):
        ip = struct.pack("!BBHHHBBH8B", 0x45, 0, 40, 1, 100 if i == 0 else 0, 64, 6, 0,
                         10, 9, 0, i % 200 + 1, 10, 20, 3, 7)
        total = sum(struct.unpack("!10H", ip))
        total = ~((total & 0xffff) + (total >> 16)) & 0xffff
        frame = (bytes(12) + b"\x08\0" + ip[:10] + struct.pack("!H", total) + ip[12:] +
                 struct.pack("!HHIIBBHHH", 1024 + i // 200, 8081, 1, 0, 0x50, 2, 1000, 0, 0))
        f.write(struct.pack("<IIII", 1, i * 10, len(frame), len(frame)) + frame)
END
wire=$TMPDIR/scan.pcap
nic_options="--flows 131072"
nic_start
lost_some()
{
	rf plan >"$TMPDIR/out" || [ $? -eq 3 ]
	grep -Eq '^flows not judged: [1-9]' "$TMPDIR/out" &&
	    grep -Eq '^flows not known: [1-9][0-9]* were lost or forgotten$' "$TMPDIR/out"
}
wait_for "flows that nobody knows" lost_some

# several lines cut: each flow is of one, the heaviest line stands first
cat >"$TMPDIR/next/a.pol" <<'END'
segment "web" {
  members = "10.20.3.7", mode = "enforce",
  inbound { allow = tcp(8081), from = "10.9.0.0/25" },
  inbound { deny = any, from = "10.9.0.0/28" },
  inbound { deny = any, from = "10.9.0.64/27" },
}
END
many_planned()
{
	rf plan --json --policy "$TMPDIR/next" >"$TMPDIR/out" || [ $? -eq 3 ]
	[ "$(planned 'f["live"]["cut"]')" -gt 2000 ]
}
wait_for "2,000 flows to cut" many_planned
is "the lines that cut" "$(planned '[c["line"] for c in f["cut_by"]]')" "[1, 5, 4]"
is "what each cuts, together" "$(planned '[sum(c[k] for c in f["cut_by"]) - f[k]["cut"]
    for k in ("live", "ended")]')" "[0, 0]"
daemon_end TERM
