#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A reload that must be confirmed: undone in time, kept by confirm, and no other reload meanwhile,
# so that what it goes back to is always something that was confirmed.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
policy_begin
nic_start
daemon_start
wait_for "generation 1" status_is 1 generation
first=$(status sha256)
exits 6 rf confirm
says 'no reload waits'

# nobody confirms: what was enforced before is again, under a new number
policy_open
exits 0 rf reload --confirm 1
is "the generation" "$(status generation)" 2
wait_for "the way back" status_is 3 generation
is "the policy enforced" "$(status sha256)" "$first"

# while one waits no other follows it, by no way
exits 0 rf reload --confirm 600
is "the generation" "$(status generation)" 4
second=$(status sha256)
sed -i 's/tcp(8080)/tcp(8081)/' "$POL/a.pol"
for more in '' '--confirm=600'; do
	# shellcheck disable=SC2086 # none is no argument
	exits 6 rf reload $more
	says 'generation 4 waits to be confirmed'
	says 'refused: generation 4 stays'
done
kill -HUP "$daemon_pid"
wait_for "three refusals" sh -c "[ \$(grep -c 'reload-refused rc=conflict' \
    '$TMPDIR/daemon.log') = 3 ]"
is "the policy enforced" "$(status sha256)" "$second"
exits 0 rf confirm
exits 6 rf confirm
exits 0 rf reload
is "the generation" "$(status generation)" 5

# the way back at once
exits 0 rf reload --quiet
sed -i 's/tcp(8081)/tcp(8082)/' "$POL/a.pol"
exits 0 rf reload --confirm 600
exits 0 rf rollback
exits 6 rf confirm
exits 0 rf reload
is "the generation" "$(status generation)" 8
daemon_end TERM
