#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A policy that cuts off whoever pushed it, through the very NIC it is for: unconfirmed, it undoes
# itself, and he is back in time.
#
#   $C  10.9.0.1               $S  10.9.0.2: the daemon
#   +--------+      +-----------------------------+
#   |     c0 |------| wire0 [ NIC ] tap srv0      |
#   +--------+ veth +-----------------------------+
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
command -v ip >/dev/null || { echo "ip (iproute2) is not installed"; exit 77; }
[ -c /dev/net/tun ] || { echo "no /dev/net/tun here"; exit 77; }
C=rfpc$$
S=rfps$$
AT=10.9.0.2:8443
KEYS=$TMPDIR/keys
CONFIRM_S=5
ip netns add "$S" 2>/dev/null || { echo "no network namespaces here"; exit 77; }

end_netns()
{
	code=$?
	for ns in "$C" "$S"; do
		ip netns del "$ns" 2>/dev/null || :
	done
	(exit "$code")
	daemon_clean
}
trap end_netns EXIT

ip netns add "$C"
for ns in "$C" "$S"; do
	ip netns exec "$ns" sysctl -qw net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || :
	ip -n "$ns" link set lo up
done
ip -n "$S" link add wire0 type veth peer name c0 netns "$C"
ip -n "$S" link set wire0 up
ip -n "$C" addr add 10.9.0.1/24 dev c0
ip -n "$C" link set c0 up
exits 0 "$RINGFENCE" keys init "$KEYS" --san 10.9.0.2

mkdir "$POL"
cat >"$POL/a.pol" <<'END'
segment "control" {
  members = "10.9.0.2", mode = "enforce",
  inbound { allow = tcp(8443), from = "10.9.0.0/24" },
}
END
ip netns exec "$S" "$RINGFENCE" nic --wire dev:wire0 --host tap:srv0 --socket "$NIC" \
    >>"$TMPDIR/nic.log" 2>&1 &
nic_pid=$!
wait_for "the tap" ip -n "$S" link set srv0 up
ip -n "$S" addr add 10.9.0.2/24 dev srv0
ip netns exec "$S" "$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$STATE" \
    --socket "$SOCK" --listen "$AT" --keys "$KEYS" >>"$TMPDIR/daemon.log" 2>&1 &
daemon_pid=$!
wait_for "generation 1" status_is 1 generation
first=$(status sha256)

far()	# SECONDS VERB...: from the other side of the NIC
{
	far_s=$1
	shift
	timeout "$far_s" ip netns exec "$C" "$RINGFENCE" "$@" --remote "$AT" \
	    --ca "$KEYS/ca.crt" --cert "$KEYS/client.crt" --key "$KEYS/client.key"
}

wait_for "an answer through the NIC" far 5 status
sed 's/8443/22/' "$POL/a.pol" >"$TMPDIR/a.pol"
mv "$TMPDIR/a.pol" "$POL/a.pol"
far 60 reload --confirm "$CONFIRM_S" >"$TMPDIR/reload.out" 2>"$TMPDIR/reload.err" &
reload_pid=$!
more_pids="$more_pids $reload_pid"
wait_for "the reload" log_is 1 'reload-done generation=2 changed=yes'
far 1 status >"$TMPDIR/out" 2>&1 && fail "the policy does not cut off who pushed it"
is "what waits" "$(rf status --json | grep -c '"generation":2')" 1

# he does nothing, for he can do nothing
wait_for "the way back" log_is 1 'unconfirmed generation=2 is undone, enforced=1'
wait_for "an answer again" far 5 status
exits 0 far 10 status --json
prints "\"sha256\":\"$first\""
prints '"undone":'
is "the generation" "$(status generation)" 1
# his question was carried through by TCP, or his command says that it was not
code=0
wait "$reload_pid" || code=$?
case $code in
0|5) ;;
*) fail "the reload that was cut off ended with $code: $(cat "$TMPDIR/reload.err")" ;;
esac
