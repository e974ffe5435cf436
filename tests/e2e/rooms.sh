#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What each process of a running daemon and NIC has given up, that their work goes on with what is
# left, and the forbidden actions from within each room.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
KEYS=$TMPDIR/keys
PORT=$((20000 + $$ % 20000))

proc_is()	# PID KEY WANT
{
	is "$2 of $(tr '\0' ' ' <"/proc/$1/cmdline")" "$(sed -n "s/^$2:[[:space:]]*//p" \
	    "/proc/$1/status")" "$3"
}

closed()	# PID: no new privileges, a list of calls, no capability, not to be looked into
{
	proc_is "$1" NoNewPrivs 1
	proc_is "$1" Seccomp 2
	proc_is "$1" CapEff 0000000000000000
	proc_is "$1" CapPrm 0000000000000000
	checked=$((checked + 1))
}

child()	# NAME: the pid of the daemon's child
{
	for child_dir in /proc/[0-9]*; do
		[ "$(sed -n 's/^PPid:[[:space:]]*//p' "$child_dir/status" 2>/dev/null)" = \
		    "$daemon_pid" ] || continue
		case $(tr '\0' ' ' <"$child_dir/cmdline" 2>/dev/null) in
		"ringfence @$1 "*) ;;
		*)	continue ;;
		esac
		basename "$child_dir"
		return
	done
	return 1
}

generation_is()	# N, by a reload that says so
{
	exits 0 rf reload
	prints "generation $1"
	status_is "$1" generation || fail "generation $(status generation), not $1"
}

other_rule()	# PORT DIR
{
	sed "s/8080/$1/" "$TMPDIR/first.pol" >"$2/a.pol"
}

# Sanitizer builds limit no system calls.
if ! "$RINGFENCE" selftest signer >"$TMPDIR/tap"; then
	cat "$TMPDIR/tap"
	fail "selftest signer"
fi
if grep -q '^1\.\.0' "$TMPDIR/tap"; then
	echo "sanitizer builds limit no system calls"
	exit 77
fi

# --- from within: at least 30 refused in each room, and main's duties are done
for room in main compile build ctl signer nic store; do
	"$RINGFENCE" selftest $room >"$TMPDIR/tap" || { cat "$TMPDIR/tap"; fail "selftest $room"; }
	refused=$(grep -c "^ok .* - $room may not: " "$TMPDIR/tap" || :)
	skipped=$(grep -c '# SKIP' "$TMPDIR/tap" || :)
	[ $((refused - skipped)) -ge 30 ] || { cat "$TMPDIR/tap"; fail "$room: $refused refused"; }
	may=$(grep -c "^ok .* - $room may: " "$TMPDIR/tap" || :)
	[ "$room" != main ] || [ "$may" -ge 5 ] || fail "main does $may duties"
	[ "$room" = main ] || is "what $room may" "$may" 0
	echo "$room: $refused refused, $skipped of them not by this kernel"
done
exits 2 "$RINGFENCE" selftest attic
says "no room attic"
"$RINGFENCE" --help | grep -q selftest && fail "selftest is listed"

# --- from outside: every process of a daemon that serves both sockets
checked=0
policy_begin
cp "$POL/a.pol" "$TMPDIR/first.pol"
"$RINGFENCE" keys init "$KEYS" >/dev/null
nic_start
"$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$STATE" --socket "$SOCK" \
    --listen "127.0.0.1:$PORT" --keys "$KEYS" >>"$TMPDIR/daemon.log" 2>&1 &
daemon_pid=$!
wait_for "the daemon" rf status
wait_for "ctl" child ctl
wait_for "the signer" child signer
wait_for "the first generation" status_is 1 generation
closed "$daemon_pid"
closed "$nic_pid"
closed "$(child ctl)"
closed "$(child signer)"
is "processes looked at" "$checked" 4
is "what the log says is off" "$(log_count rights-off)" 0
rf status --json >"$TMPDIR/out"
prints '"sandbox":{"on":true'

remote()
{
	"$RINGFENCE" status --remote "127.0.0.1:$PORT" --ca "$KEYS/ca.crt" \
	    --cert "$KEYS/client.crt" --key "$KEYS/client.key"
}
exits 0 remote

# --- main's work goes on: edits, a directory put in place by renaming, a link, fresh keys
other_rule 8081 "$POL"
generation_is 2
mkdir "$POL.new"
other_rule 8082 "$POL.new"
mv "$POL" "$POL.old"
mv "$POL.new" "$POL"
generation_is 3
mkdir "$TMPDIR/v4"
other_rule 8083 "$TMPDIR/v4"
rm -r "$POL"
ln -s v4 "$POL"
generation_is 4
kill -HUP "$daemon_pid"
wait_for "the reload by signal" log_is 1 'reload-asked by=signal'
"$RINGFENCE" keys init "$TMPDIR/keys2" >/dev/null
for f in ca.crt server.crt server.key client.crt client.key; do
	cp "$TMPDIR/keys2/$f" "$KEYS/$f.new"
	mv "$KEYS/$f.new" "$KEYS/$f"
done
old_signer=$(child signer)
kill -HUP "$daemon_pid"
wait_for "the fresh keys" remote
signer_changed()
{
	[ "$(child signer)" != "$old_signer" ]
}
wait_for "the end of the signer that had the old key" signer_changed

# --- children that are killed come back as closed as they were
for name in ctl signer; do
	victim=$(child $name)
	kill -9 "$victim"
	wait_for "another $name" child $name
	[ "$(child $name)" != "$victim" ] || fail "$name is still $victim"
	new=$(child $name)
	wait_for "the rights of $name" grep -q '^Seccomp:.2' "/proc/$new/status"
	closed "$new"
done
wait_for "TLS" remote

# --- a NIC that goes and comes is found again, and has its image
nic_kill
wait_for "the loss" status_is down state nic
nic_start
wait_for "the return" status_is up state nic
closed "$nic_pid"
rf status --json >"$TMPDIR/out"
generation=$(status generation)
[ "$generation" -ge 4 ] || fail "generation $generation"
[ -f "$STATE/gen-$generation" ] || fail "generation $generation is not saved"
daemon_end TERM
is "the daemon's exit" "$(cat "$TMPDIR/code")" 0
[ ! -e "$SOCK" ] || fail "the socket is left behind"
kill "$nic_pid"
wait "$nic_pid" || fail "the NIC ended with $?"
nic_pid=
[ ! -e "$NIC" ] || fail "the NIC's socket is left behind"
grep -q 'seccomp-denied' "$TMPDIR/daemon.log" "$TMPDIR/nic.log" && fail "a call was missing"

# --- without a sandbox it says so, loudly
rm "$POL"
mv "$POL.old" "$POL"
"$RINGFENCE" nic --no-sandbox --wire "pcap:$TOP/tests/data/demo.pcap" --host pcap:/dev/null \
    --socket "$NIC" >"$TMPDIR/nic-off.log" 2>&1 &
nic_pid=$!
wait_for "the NIC" test -S "$NIC"
"$RINGFENCE" run --no-sandbox --nic "$NIC" --policy "$POL" --state "$STATE" --socket "$SOCK" \
    >"$TMPDIR/off.log" 2>&1 &
daemon_pid=$!
wait_for "the daemon" rf status
proc_is "$daemon_pid" Seccomp 0
proc_is "$(child ctl)" Seccomp 0
proc_is "$nic_pid" Seccomp 0
for room in main ctl compile build; do
	wait_for "$room says it" grep -q "rights-off room=$room" "$TMPDIR/off.log"
done
grep -q 'rights-off room=nic' "$TMPDIR/nic-off.log" || fail "the NIC does not say it"
exits 0 rf status
prints '^sandbox *OFF'
exits 0 rf reload
echo "rooms: $checked processes looked at"
