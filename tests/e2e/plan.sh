#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# plan: nothing to change, packets gained and lost with their lines, a local IP more, a policy with
# errors; and that it changes nothing itself.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
policy_begin
nic_start
daemon_start
wait_for "generation 1" status_is 1 generation
exits 0 rf plan
prints 'nothing changes: generation 1'

# gained: every source but the old ones
policy_open
exits 3 rf plan
prints '^- a.pol:3  web'
prints '^+ a.pol:3  web'
prints '^in  10.20.3.7: [1-9][0-9]* classes gained, 0 lost, 0 other$'
prints ' > 10.20.3.7 tcp/8080 sport=.*: drop, then pass  a.pol:3$'
exits 3 rf plan --json
prints '"generation":1,"changed":true,"old":{"tables":1,'
packet=$(sed -n 's/.*"packet":"\([^"]*\)","was":"drop","becomes":"pass".*/\1/p' "$TMPDIR/out")
[ -n "$packet" ] || fail "no packet is gained"
exits 0 rf explain "$packet"
prints '^drop default'
exits 0 "$RINGFENCE" explain "$packet" --policy "$POL"
prints '^pass rule'

# lost: another port
sed -i 's/tcp(8080)/tcp(8081)/' "$POL/a.pol"
exits 3 rf plan --detailed
prints 'pass, then drop  a.pol:1$'
prints 'drop, then pass  a.pol:3$'

# one local IP more; comply lets pass what was dropped
sed -i 's/"10.20.3.7", mode = "enforce"/"10.20.3.7-10.20.3.8", mode = "comply"/' "$POL/a.pol"
exits 3 rf plan
prints 'local IPs: 1 added, 0 removed'
exits 3 rf plan --json
prints '"was":"drop","becomes":"would-drop"'

echo 'segmet "x" { }' >>"$POL/a.pol"
exits 1 rf plan
says 'did you mean "segment"'
is "the generation" "$(status generation)" 1
daemon_end TERM
exits 5 rf plan
