#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A profile: compile tells what is beyond it, the NIC reports its own, and a reload beyond it is
# refused before anything is loaded, with the table and its lines; the old generation stays.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
policy_begin
exits 0 "$RINGFENCE" compile --profile 0,0 "$POL"
prints 'fits profile 0,0'
exits 2 "$RINGFENCE" compile --profile 40 "$POL"
says 'two numbers of 0 to 65535'
exits 2 "$RINGFENCE" compile --profile 40,65536 "$POL"
exits 7 "$RINGFENCE" compile --profile 1,0 --output "$TMPDIR/image" "$POL"
says 'the profile grants 1 lines and 0 loads (0: any)'
says 'its heaviest lines: a.pol:'
test ! -e "$TMPDIR/image" || fail "an image beyond the profile was written"

# the same as an object
exits 0 "$RINGFENCE" compile --profile 400,0 --json "$POL"
prints '"ok":true,.*"profile":{"lines_max":400,"loads_max":0,"fits":true}}$'
exits 7 "$RINGFENCE" compile --profile 1,0 --json "$POL"
prints '"ok":false,.*"no_fit":true,"profile":{"lines_max":1,"loads_max":0,"fits":false}}$'
exits 0 "$RINGFENCE" compile --output "$TMPDIR/plain" --json "$POL"
! grep -q '"profile"\|"no_fit"' "$TMPDIR/out" || fail "a profile that nobody named"
mkdir "$TMPDIR/bad"
echo 'segmet "x" { }' >"$TMPDIR/bad/a.pol"
exits 1 "$RINGFENCE" compile --profile 400,9 --json "$TMPDIR/bad"
prints '"ok":false,.*"no_fit":false,"profile":{"lines_max":400,"loads_max":9}}$'

# the greatest that a generation may cost, by the compiler itself
lines=1
while ! "$RINGFENCE" compile --profile "$lines,0" "$POL" >/dev/null 2>&1; do
	lines=$((lines + 1))
	[ "$lines" -lt 200 ] || fail "no profile of 200 lines fits"
done
daemon_start
nic_options="--profile $lines,0"
nic_start
wait_for "generation 1" status_is 1 generation
is "the profile" "$(status lines_max nic) $(status loads_max nic)" "$lines 0"
exits 0 rf status
prints "profile $lines lines, 0 loads a packet (0: any)"

# many peers make its trees deeper, and so cost lines
{
	printf 'segment "web" {\n  members = "10.20.3.7", mode = "enforce",\n'
	i=1
	while [ "$i" -le 100 ]; do
		printf '  inbound { allow = tcp(%d), from = "10.%d.7.9" },\n' $((8000 + i)) "$i"
		i=$((i + 1))
	done
	echo '}'
} >"$POL/a.pol"
exits 7 rf reload --json
prints '"no_fit":true'
exits 7 rf reload
says "the profile grants $lines lines and 0 loads"
says 'its heaviest lines: a.pol:'
is "the generation" "$(status generation)" 1
daemon_end TERM
