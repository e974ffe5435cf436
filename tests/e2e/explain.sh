#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# explain: by a directory and by what the daemon enforces, with the same answer; what it refuses.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
policy_begin
bad='10.66.0.66 > 10.20.3.7 tcp/8080'
exits 0 "$RINGFENCE" explain '10.9.0.5 > 10.20.3.7 tcp/8080' --policy "$POL"
prints '^pass rule  10.9.0.5 > 10.20.3.7 tcp/8080 sport=49152$'
prints 'in  10.20.3.7 pass rule  a.pol:3  web$'
exits 0 "$RINGFENCE" explain "$bad" --policy "$POL"
prints 'in  10.20.3.7 drop default  a.pol:1  web$'
prints 'nearest allow  a.pol:3  web$'
prints 'peer is 10.66.0.66, it takes 10.9.0.0/24$'
exits 0 "$RINGFENCE" explain "$bad" --policy "$POL" --json
cp "$TMPDIR/out" "$TMPDIR/offline"

# what it refuses
exits 2 "$RINGFENCE" explain '10.9.0.5 > web tcp/8080' --policy "$POL"
says 'an address, not "web"'
exits 2 "$RINGFENCE" explain "$bad" --policy "$POL" --socket "$SOCK"
says 'one of them'
exits 1 "$RINGFENCE" explain "$bad" --policy "$TMPDIR/nowhere"
exits 5 "$RINGFENCE" explain "$bad" --socket "$SOCK"
says 'no daemon answers'

# the daemon: nothing enforced yet, then the same answer, then that of what is enforced
daemon_start
exits 1 rf explain "$bad"
says 'is not known'
nic_start
wait_for "generation 1" status_is 1 generation
exits 0 rf explain "$bad" --json
cmp "$TMPDIR/out" "$TMPDIR/offline" || fail "the daemon explains otherwise"
policy_open
exits 0 rf explain "$bad" --json
cmp "$TMPDIR/out" "$TMPDIR/offline" || fail "the directory is explained, not what is enforced"
exits 0 rf reload
exits 0 rf explain "$bad"
prints '^pass rule'
exits 2 rf explain '10.9.0.5 > 10.20.3.7 tcp/70000'
says 'a port of at most 65535'
echo 'segmet "x" { }' >>"$POL/a.pol"
exits 1 "$RINGFENCE" explain "$bad" --policy "$POL"
says 'did you mean "segment"'
daemon_end TERM
is "the exit code at TERM" "$(cat "$TMPDIR/code")" 0
