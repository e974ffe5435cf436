#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A list of 200,000 prefixes: checked in a second, compiled and proved, each packet at the borders
# of its prefixes judged as the list's file says; and a reload with one prefix less.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
command -v python3 >/dev/null || {
	echo "skip: no python3"
	exit 77
}
WAIT_S=120
mkdir -p "$POL/lists"
list=$POL/lists/bad.netset
cat >"$POL/a.pol" <<'END'
local bad = list "bad" { file = "lists/bad.netset", max = 200000 }
segment "web" {
  members = { "10.1.0.1", "fd00::1" }, mode = "enforce",
  inbound { allow = tcp(443), from = any - bad },
  inbound { deny = tcp(25), from = bad },
  inbound { allow = tcp(25), from = any },
}
END
py()	# VERB WORD...
{
	python3 "$TOP/tests/e2e/lists.py" "$@"
}

py make "$list" 200000
exits 0 "$RINGFENCE" check "$POL"
exits 0 "$RINGFENCE" compile "$POL" -o "$TMPDIR/x.img"
py frames "$list" "$TMPDIR/x.pcap" "$TMPDIR/want"
exits 0 "$RINGFENCE" judge "$TMPDIR/x.pcap" --policy "$POL" --json
py compare "$TMPDIR/want" "$TMPDIR/out" || fail "verdicts"

nic_start
daemon_start
wait_for "generation 1" status_is 1 generation
prefix=$(sed -n '/^[0-9.]*\/24$/{p;q;}' "$list")
packet="${prefix%0/24}7 > 10.1.0.1 tcp/443"
exits 0 rf explain "$packet"
prints '^drop default'
py gone "$list" "$prefix"
exits 3 rf plan
exits 0 rf reload
wait_for "generation 2" status_is 2 generation
exits 0 rf explain "$packet"
prints '^pass rule'

# one entry more than there may be: the old generation stays
sed -i 's/200000/199998/' "$POL/a.pol"
exits 1 rf reload
says 'lists/bad.netset:200000:1: error limit: list "bad" has 199999 entries; at most 199998'
is "the generation" "$(status generation)" 2
daemon_end TERM
