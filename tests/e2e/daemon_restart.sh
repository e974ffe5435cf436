#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon's death changes no verdict, its return uploads nothing; a second one is refused; the
# NIC goes away and comes back; the state is lost or damaged.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
policy_begin
nic_start
daemon_start
wait_for "generation 1" status_is 1 generation
hash=$(status sha256)

# a second daemon: on the state, on the socket, on the NIC
exits 6 "$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$STATE" --socket "$TMPDIR/s2"
says 'another daemon has the state directory'
exits 6 "$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$TMPDIR/state2" --socket "$SOCK"
says 'another daemon has the socket'
exits 6 "$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$TMPDIR/state2" \
    --socket "$TMPDIR/s2"
rf status >/dev/null || fail "the first daemon is gone"
is "the generation" "$(status generation)" 1

# a second NIC on the same socket
exits 6 "$RINGFENCE" nic --wire "pcap:$TOP/tests/data/demo.pcap" --host pcap:/dev/null \
    --socket "$NIC"

# killed, and back: what the NIC holds is read back, nothing is uploaded
daemon_end KILL
daemon_start
wait_for "the compile" grep -q 'reload-done generation=1 changed=no' "$TMPDIR/daemon.log"
is "the hash" "$(status sha256)" "$hash"
is "the generation" "$(status generation)" 1
exits 0 rf counters --json
prints '"packets":8'

# killed, the state lost: the generation is the NIC's, and rises above it
daemon_end KILL
rm -rf "$STATE"
daemon_start
wait_for "the compile" log_is 2 'reload-done generation=1 changed=no'
is "the generation" "$(status generation)" 1
policy_open
exits 0 rf reload
is "the generation" "$(status generation)" 2
hash=$(status sha256)

# killed, the policy bad: the NIC keeps what it has, the daemon stays and says why
daemon_end KILL
cp "$POL/a.pol" "$TMPDIR/good.pol"
echo 'nonsense(' >>"$POL/a.pol"
daemon_start
wait_for "the refusal" status_is false ok policy
is "the generation" "$(status generation)" 2
is "the hash" "$(status sha256)" "$hash"

# the NIC goes, and comes back with what it committed
nic_kill
wait_for "the loss" status_is down state nic
is "the generation is still known" "$(status generation)" 2
exits 5 rf counters
says 'the NIC is not there'
nic_start
wait_for "the return" status_is up state nic
is "the generation" "$(status generation)" 2
is "the hash" "$(status sha256)" "$hash"
is "restores" "$(log_count nic-restored)" 0

# it comes back with nothing: it gets what was committed last, though the policy is bad
nic_kill
rm -f "$NIC".image*
nic_start
wait_for "the restore" grep -q 'nic-restored generation=3' "$TMPDIR/daemon.log"
wait_for "generation 3" status_is 3 generation
is "the hash" "$(status sha256)" "$hash"

# it comes back with a damaged store and none before: it denies, says so, and gets the newest
nic_kill
wait_for "the loss" status_is down state nic
printf 'x' | dd of="$NIC.image" bs=1 seek=200 conv=notrunc 2>/dev/null
nic_start
wait_for "the restore" log_is 2 'nic-restored generation='
is "the hash" "$(status sha256)" "$hash"
log_is 1 'nic-alarm nic=.* text="its stored image was damaged when it booted"' ||
    fail "the log has no alarm"
exits 0 rf status
prints 'ALARM its stored image was damaged when it booted'
nic_kill
wait_for "the loss" status_is down state nic
nic_start
wait_for "the return" status_is up state nic
is "the alarm" "$(status alarm nic)" ''

# a reload while it is away is compiled, told as not reached, and loaded when it is back
nic_kill
wait_for "the loss" status_is down state nic
sed 's/8080/8082/' "$TMPDIR/good.pol" >"$POL/a.pol"
exits 5 rf reload
says 'will be loaded when it is'
nic_start
wait_for "generation 5" status_is 5 generation
is "the policy" "$(status waits_for_nic policy)" false

# a damaged state file: found, told, the one before is used, verdicts stay
daemon_end KILL
printf 'x' | dd of="$STATE/gen-5" bs=1 seek=200 conv=notrunc 2>/dev/null
daemon_start
wait_for "the compile" grep -q 'reload-done generation=5 changed=no' "$TMPDIR/daemon.log"
case $(status alarm state) in
*'generation 5 on the disk is damaged'*) ;;
*) fail "no alarm: $(status alarm state)" ;;
esac
is "the generation" "$(status generation)" 5
test -f "$STATE/gen-5.bad" || fail "the damaged file is not set aside"
