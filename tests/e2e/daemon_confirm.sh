#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A reload that must be confirmed: the NIC undoes it in time, whatever becomes of the daemon or of
# the NIC; confirm keeps it, rollback ends it at once, and no other reload comes meanwhile, so that
# what it goes back to is always something that was confirmed.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
NIC_TOOL=$BUILD/tools/nic_tool

nic_enforces()	# GENERATION: asked without a daemon
{
	"$NIC_TOOL" status "$NIC" | grep -qx "generation=$1"
}

policy_begin
nic_start
daemon_start
wait_for "generation 1" status_is 1 generation
first=$(status sha256)
exits 6 rf confirm
says 'no reload waits'

# nobody confirms: what was enforced before is again
policy_open
exits 0 rf reload --confirm 1
is "the generation" "$(status generation)" 2
is "what it goes back to" "$(status former unconfirmed)" 1
exits 0 rf status
prints 'to be confirmed within [01] s, else 1 again'
wait_for "the way back" status_is 1 generation
is "the policy enforced" "$(status sha256)" "$first"
log_is 1 'unconfirmed generation=2 is undone, enforced=1' || fail "the log does not say so"
exits 0 rf status
prints 'UNDONE generation 2 was not confirmed: generation 1 is enforced again'
exits 6 rf confirm

# killed in the wait, and not there: the NIC goes back by itself
exits 0 rf reload --confirm 1
is "the generation" "$(status generation)" 3
daemon_end KILL
wait_for "the NIC's way back" nic_enforces 1

# a start enforces again nothing that was undone, as long as nobody says so
daemon_start
wait_for "the start's round" log_is 1 'reload-refused rc=conflict'
is "the generation" "$(status generation)" 1
exits 0 rf status
prints 'enforced once, and not confirmed'
prints 'UNDONE generation 3 was not confirmed'
exits 0 rf reload --confirm 600
is "the generation" "$(status generation)" 4
second=$(status sha256)

# killed in the wait, and back: it waits on
daemon_end KILL
daemon_start
wait_for "the start's round" log_is 1 'reload-done generation=4 changed=no'
is "what it goes back to" "$(status former unconfirmed)" 1

# while one waits no other follows it, by no way
sed -i 's/tcp(8080)/tcp(8081)/' "$POL/a.pol"
for more in '' '--confirm=600'; do
	# shellcheck disable=SC2086 # none is no argument
	exits 6 rf reload $more
	says 'generation 4 waits to be confirmed'
	says 'refused: generation 4 stays'
done
kill -HUP "$daemon_pid"
wait_for "three refusals" log_is 4 'reload-refused rc=conflict'
is "the policy enforced" "$(status sha256)" "$second"

# the NIC boots in the wait: what was confirmed is enforced, and the daemon leaves it so
nic_kill
rm -f "$NIC"
nic_start
wait_for "the NIC" status_is up state nic
wait_for "the way back" log_is 1 'unconfirmed generation=4 is undone, enforced=1'
is "the generation" "$(status generation)" 1
is "the policy enforced" "$(status sha256)" "$first"

# kept, also over the NIC's and the daemon's end
exits 0 rf reload --confirm 600
exits 0 rf confirm
exits 6 rf confirm
is "the generation" "$(status generation)" 5
second=$(status sha256)
daemon_end KILL
nic_kill
rm -f "$NIC"
nic_start
daemon_start
wait_for "the start's round" log_is 1 'reload-done generation=5 changed=no'
is "the policy enforced" "$(status sha256)" "$second"
exits 0 rf reload
is "the generation" "$(status generation)" 5

# the way back at once, by default and by its number; another number needs a load as well
for more in '' 5; do
	sed -i 's/tcp(8081)/tcp(8082)/' "$POL/a.pol"
	exits 0 rf reload --confirm 600
	# shellcheck disable=SC2086 # none is no argument
	exits 0 rf rollback $more
	is "the generation" "$(status generation)" 5
	is "the policy enforced" "$(status sha256)" "$second"
	exits 6 rf confirm
done
exits 0 rf reload
is "the generation" "$(status generation)" 8

# the state is lost as well: numbers rise above all the NIC had
sed -i 's/tcp(8082)/tcp(8083)/' "$POL/a.pol"
exits 0 rf reload --confirm 1
daemon_end KILL
rm -rf "$STATE"
wait_for "the NIC's way back" nic_enforces 8
daemon_start
wait_for "generation 10" status_is 10 generation
daemon_end TERM
