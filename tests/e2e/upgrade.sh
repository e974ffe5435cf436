#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One daemon after another: ten upgrades and ten reloads under clients of both sockets and under
# packets: nobody is refused, what was accepted is answered, no verdict changes. A daemon that
# cannot do the work leaves the one that runs as it is.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
python3 -c 'import ssl' 2>/dev/null || { echo "python3 with ssl is not installed"; exit 77; }
command -v curl >/dev/null || { echo "curl is not installed"; exit 77; }
PYTHONPATH=$TOP/tests/support
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
UPGRADES=${UPGRADES:-10}
# a busy machine is slow, and that is no fault of a daemon
WAIT_S=60
RIG_WAIT_S=60
export RIG_WAIT_S
RIG=$TOP/tests/e2e/upgrade.py
KEYS=$TMPDIR/keys
PORT=$(python3 -c 'import tls_rig; print(tls_rig.free_port())')
NS=rfu$$
netns=

end_netns()
{
	code=$?
	# what it started is its own to end
	if [ -n "${manager_pid:-}" ] && kill -TERM "$manager_pid" 2>/dev/null; then
		wait "$manager_pid" 2>/dev/null || :
	fi
	[ -z "$netns" ] || ip netns del "$netns" 2>/dev/null || :
	(exit "$code")
	daemon_clean
}
trap end_netns EXIT

exits 0 "$RINGFENCE" keys init "$KEYS"
mkdir -p "$POL"
cat >"$POL/a.pol" <<'END'
segment "web" {
  members = "10.20.3.7", mode = "enforce",
  inbound { allow = udp(8080), from = "10.9.0.0/24" },
}
END

# --- a NIC between two interfaces, where that can be had

if [ "$(id -u)" = 0 ] && ip netns add "$NS" 2>/dev/null; then
	netns=$NS
	ip netns exec "$NS" sysctl -qw net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || :
	ip -n "$NS" link add rfw type veth peer name rfc
	ip -n "$NS" link set rfw up
	ip -n "$NS" link set rfc up
	ip netns exec "$NS" "$RINGFENCE" nic --wire dev:rfw --host tap:rfh --socket "$NIC" \
	    >>"$TMPDIR/nic.log" 2>&1 &
	nic_pid=$!
	wait_for "the tap" ip -n "$NS" link set rfh up
else
	nic_start
fi
daemon_options="--listen 127.0.0.1:$PORT --keys $KEYS"
daemon_start
wait_for "generation 1" status_is 1 generation

takeover()	# another daemon in the place of this one
{
	# shellcheck disable=SC2086 # words
	"$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$STATE" --socket "$SOCK" \
	    $daemon_options --takeover >>"$TMPDIR/daemon.log" 2>&1 &
	next_pid=$!
	more_pids="$more_pids $next_pid"
	wait "$daemon_pid" || fail "the daemon before ended with $?"
	daemon_pid=$next_pid
}

# --- clients and packets, upgrades and reloads

mkfifo "$TMPDIR/clients" "$TMPDIR/probes"
python3 "$RIG" clients "$SOCK" "$PORT" "$KEYS" 6 6 <"$TMPDIR/clients" >"$TMPDIR/clients.out" \
    2>"$TMPDIR/clients.log" &
clients_pid=$!
more_pids="$more_pids $clients_pid"
exec 8>"$TMPDIR/clients"
wait_for "the clients" grep -q asking "$TMPDIR/clients.out"
if [ -n "$netns" ]; then
	ip netns exec "$NS" python3 "$RIG" probe rfc rfh <"$TMPDIR/probes" \
	    >"$TMPDIR/probes.out" 2>"$TMPDIR/probes.log" &
	probes_pid=$!
	more_pids="$more_pids $probes_pid"
	exec 9>"$TMPDIR/probes"
	wait_for "the probes" grep -q probing "$TMPDIR/probes.out"
fi
i=0
while [ "$i" -lt "$UPGRADES" ]; do
	i=$((i + 1))
	before=$daemon_pid
	takeover
	is "the daemon's process" "$([ "$daemon_pid" != "$before" ] && echo new)" new
	# the rules mean the same and stand elsewhere: a generation of its own; put in place whole,
	# for the daemon that just came compiles now
	printf -- '-- %d\n%s\n' "$i" "$(cat "$POL/a.pol")" >"$TMPDIR/a.pol"
	mv "$TMPDIR/a.pol" "$POL/a.pol"
	exits 0 rf reload
done
echo end >&8
wait "$clients_pid" || { cat "$TMPDIR/clients.out"; fail "the clients"; }
cat "$TMPDIR/clients.out"

held=$(status sha256)
# the death of the whole daemon, every process of it at once, changes no verdict
children=$(cat "/proc/$daemon_pid/task/$daemon_pid/children")
[ -n "$children" ] || fail "the daemon has no children to die with it"
# shellcheck disable=SC2086 # words
kill -9 "$daemon_pid" $children
wait "$daemon_pid" 2>/dev/null || :
# its port is free when the last of them is gone, not when main is
for child in $children; do
	wait_for "the end of $child" sh -c "! grep -qs '^State:.[^Z]' /proc/$child/status"
done
daemon_start
is "the hash after its death" "$(status sha256)" "$held"
if [ -n "$netns" ]; then
	echo end >&9
	wait "$probes_pid" || { cat "$TMPDIR/probes.out"; fail "the probes"; }
	cat "$TMPDIR/probes.out"
fi
[ "$(status generation)" -gt 1 ] || fail "no reload was enforced"
is "takeovers" "$(log_count '^info takeover text=')" "$UPGRADES"
is "restores" "$(log_count nic-restored)" 0

# --- text that was posted, accepted and not yet enforced is enforced by the end

sed 's/8080/8082/' "$POL/a.pol" >"$TMPDIR/posted.pol"
printf '{"files":[{"path":"a.pol","text":"%s"}]}' \
    "$(sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/$/\\n/' "$TMPDIR/posted.pol" | tr -d '\n')" \
    >"$TMPDIR/body"
generation=$(status generation)
curl -sS --max-time 10 --unix-socket "$SOCK" -H 'If-Match: *' \
    -H 'Content-Type: application/json' --data-binary "@$TMPDIR/body" \
    http://localhost/v1/policy/reload >"$TMPDIR/out" || fail "curl"
prints '"state":"'
takeover
wait_for "the posted text" status_is $((generation + 1)) generation
is "posted" "$(status posted policy)" true

# --- those that cannot do the work: said to who started them, and nothing else happens

pid=$daemon_pid
hash=$(status sha256)
refused()	# CODE PATTERN ARGUMENT...
{
	refused_code=$1 refused_pattern=$2
	shift 2
	exits "$refused_code" "$RINGFENCE" run --takeover --nic "$NIC" "$@"
	says "$refused_pattern"
	kill -0 "$pid" || fail "the daemon that ran is gone"
	is "the hash" "$(status sha256)" "$hash"
	curl -sS --max-time 10 --cacert "$KEYS/ca.crt" --cert "$KEYS/client.crt" \
	    --key "$KEYS/client.key" "https://localhost:$PORT/v1/status" >"$TMPDIR/out" ||
	    fail "no TLS any more"
	prints "$hash"
}
refused 2 'ADDRESS:PORT' --policy "$POL" --state "$STATE" --socket "$SOCK" --listen 8443
refused 6 'another state directory' --policy "$POL" --state "$TMPDIR/other" --socket "$SOCK"
refused 1 'server.crt\|ca.crt' --policy "$POL" --state "$STATE" --socket "$SOCK" \
    --listen "127.0.0.1:$PORT" --keys "$TMPDIR/nokeys"
refused 1 'no group' --policy "$POL" --state "$STATE" --socket "$SOCK" --group none-of-these
wait_for "the word of it" grep -q 'takeover-ended' "$TMPDIR/daemon.log"
head -c 4096 "$RINGFENCE" >"$TMPDIR/cut"
chmod +x "$TMPDIR/cut"
"$TMPDIR/cut" run --takeover --socket "$SOCK" 2>/dev/null && fail "half a binary ran"
is "the hash" "$(status sha256)" "$hash"
# strangers are not heard
python3 - "$SOCK.takeover" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(10)
s.connect(sys.argv[1])
s.send(b"RFT1 HELLO")
assert s.recv(200) == b"RFT1 GIVE"
s.send(b"RFT2 GO")
assert s.recv(200) == b"", "a stranger's word is taken"
END
is "the hash" "$(status sha256)" "$hash"

# --- other options: TLS elsewhere, none at all; the paths stay; then an orderly end

PORT=$(python3 -c 'import tls_rig; print(tls_rig.free_port())')
daemon_options="--listen 127.0.0.1:$PORT --keys $KEYS"
takeover
wait_for "the other port" curl -sS --max-time 10 --cacert "$KEYS/ca.crt" \
    --cert "$KEYS/client.crt" --key "$KEYS/client.key" "https://localhost:$PORT/v1/status"
daemon_options=
takeover
wait_for "an answer" rf status
curl -sS --max-time 10 -k "https://localhost:$PORT/" >"$TMPDIR/out" 2>&1 && fail "TLS is still served"
test -S "$SOCK" || fail "the socket's path is gone"
daemon_end TERM
is "the exit code" "$(cat "$TMPDIR/code")" 0
test ! -e "$SOCK" || fail "the socket's path is left"
test ! -e "$SOCK.takeover" || fail "the takeover socket's path is left"
# with nobody there it starts as ever
daemon_options=--takeover
daemon_start
wait_for "the generation" status_is "$hash" sha256
daemon_end TERM

# what LISTEN_FDS holds has to be the daemon's
# shellcheck disable=SC2016 # the inner shell's
exits 1 sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3</dev/null' sh "$RINGFENCE" run --nic "$NIC" \
    --policy "$POL" --state "$STATE" --socket "$SOCK"
says 'descriptor 3 of LISTEN_FDS does not listen'

# --- a service manager that keeps the sockets: its restarts refuse nobody either

mkfifo "$TMPDIR/manager" "$TMPDIR/clients2"
python3 "$RIG" manager "$TMPDIR/notify" "$RINGFENCE" run --nic "$NIC" --policy "$POL" \
    --state "$STATE" --socket "$SOCK" --listen "127.0.0.1:$PORT" --keys "$KEYS" \
    <"$TMPDIR/manager" >"$TMPDIR/manager.out" 2>"$TMPDIR/manager.log" &
manager_pid=$!
more_pids="$more_pids $manager_pid"
exec 7>"$TMPDIR/manager"
wait_for "the manager's daemon" grep -q started "$TMPDIR/manager.out"
python3 "$RIG" clients "$SOCK" "$PORT" "$KEYS" 6 6 <"$TMPDIR/clients2" >"$TMPDIR/clients.out" \
    2>"$TMPDIR/clients.log" &
clients_pid=$!
more_pids="$more_pids $clients_pid"
exec 8>"$TMPDIR/clients2"
wait_for "the clients" grep -q asking "$TMPDIR/clients.out"
i=0
while [ "$i" -lt 5 ]; do
	i=$((i + 1))
	echo again >&7
	wait_for "restart $i" sh -c "[ \$(grep -c '^again local tls' '$TMPDIR/manager.out') = $i ]"
done
echo end >&8
wait "$clients_pid" || { cat "$TMPDIR/clients.out"; fail "the clients of a restart"; }
cat "$TMPDIR/clients.out"
test -S "$SOCK" || fail "the socket's path did not stay for its keeper"
echo end >&7
wait "$manager_pid" || fail "the manager"
[ -n "$netns" ] || { echo "no network namespaces: verdicts were not probed"; exit 77; }
