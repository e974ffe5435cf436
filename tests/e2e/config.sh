#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The configuration file: found in its order, under the command line and above the defaults, shown
# with origins in its own form; wrong, it stops its service alone and says why; a reload takes what
# may change, names the rest, and refuses what it cannot reach.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
policy_begin
unset RINGFENCE_CONFIG
CONF=$TMPDIR/rf.conf

conf()	# LINE...
{
	printf '%s\n' "$@" >"$CONF.new"
	mv "$CONF.new" "$CONF"
}

# --- shown, found, checked

conf '[nic]' "wire = \"pcap:$TOP/tests/data/demo.pcap\"" "host = pcap:$TMPDIR/host.pcap" \
    "socket = $NIC" '' '[run]' "nic = $NIC" "policy = $POL # here" "state = $STATE" \
    "socket = $SOCK"
exits 0 "$RINGFENCE" config show run --origin --config "$CONF" --verbose
prints "^# $CONF, by command line\$"
prints "^policy = $POL	# $CONF:8\$"
prints '^keys = /etc/ringfence/keys	# default$'
prints '^# listen =	# not set$'
prints '^verbose = yes	# command line$'
RINGFENCE_CONFIG=$CONF exits 0 "$RINGFENCE" config show --origin
prints "^# $CONF, by environment\$"
exits 0 "$RINGFENCE" config show run --json --config "$CONF" --state /x
prints '"key":"state","value":"/x","origin":"command line","reload":false'
prints "\"key\":\"policy\",\"value\":\"$POL\",\"origin\":\"file\",\"file\":\"$CONF\",\"line\":8"
# what is shown is a file that comes to the same
"$RINGFENCE" config show --config "$CONF" >"$TMPDIR/again.conf"
exits 0 "$RINGFENCE" config check "$TMPDIR/again.conf"
"$RINGFENCE" config show --config "$TMPDIR/again.conf" | cmp - "$TMPDIR/again.conf" ||
    fail "config show is no fixed point"
exits 2 "$RINGFENCE" config show --state /x
says 'needs the name of the service'
# an error of usage comes before anything is printed
exits 2 "$RINGFENCE" config show run --origin --config "$CONF" --listen 8443
[ ! -s "$TMPDIR/out" ] || fail "a usage error behind $(head -n 1 "$TMPDIR/out")"
says '^ringfence: error .*listen'
# a file that is not there is told as every error is
for verb in check show; do
	exits 1 "$RINGFENCE" config "$verb" --config "$TMPDIR/none.conf"
	says "^ringfence: error config: $TMPDIR/none.conf: No such file or directory"
	[ ! -s "$TMPDIR/out" ] || fail "config $verb prints of no file: $(cat "$TMPDIR/out")"
done
exits 1 "$RINGFENCE" config check --json --config "$TMPDIR/none.conf"
prints '"code":"config"'
exits 2 "$RINGFENCE" config shw
says 'did you mean show?'
exits 1 "$RINGFENCE" config check "$TMPDIR/none.conf"
says 'none.conf: No such file'
for service in nic run; do
	exits 2 "$RINGFENCE" $service --config "$TMPDIR/none.conf"
	says 'none.conf: No such file'
	RINGFENCE_CONFIG=$TMPDIR/none.conf exits 2 "$RINGFENCE" $service
	says 'none.conf: No such file or directory, of RINGFENCE_CONFIG'
done
head -c 65537 /dev/zero | tr '\0' '#' >"$TMPDIR/big.conf"
exits 1 "$RINGFENCE" config check "$TMPDIR/big.conf"
says '65536'

# --- the services by the file alone, the command line above it

"$RINGFENCE" nic --config "$CONF" >>"$TMPDIR/nic.log" 2>&1 &
nic_pid=$!
wait_for "the NIC's socket" test -S "$NIC"
RINGFENCE_CONFIG=$CONF "$RINGFENCE" run --state "$TMPDIR/other" >>"$TMPDIR/daemon.log" 2>&1 &
daemon_pid=$!
wait_for "generation 1" status_is 1 generation
test -f "$TMPDIR/other/gen-1" || fail "the command line does not win over the file"
test ! -e "$STATE" || fail "the state of the file is used"

# --- a reload takes the policy directory, and names what it does not take

mkdir "$TMPDIR/policy2"
sed 's/8080/8081/' "$POL/a.pol" >"$TMPDIR/policy2/a.pol"
sed -e "s,^policy.*,policy = $TMPDIR/policy2," -e '$a group = root' "$CONF" >"$CONF.new"
mv "$CONF.new" "$CONF"
exits 0 rf reload
is "the directory" "$(status dir policy)" "$TMPDIR/policy2"
is "the generation" "$(status generation)" 2
log_is 1 'config-restart key=group' || fail "the group is not named"
log_is 0 'config-restart key=policy' || fail "the policy is taken, and named"

# --- wrong: refused with its line, what was in force stays; by the command too

sed 's/^policy/polcy/' "$CONF" >"$CONF.new"
cp "$CONF" "$TMPDIR/good.conf"
mv "$CONF.new" "$CONF"
exits 1 rf reload
says "$CONF:8:1: error unknown-key"
says 'did you mean policy?'
is "the directory" "$(status dir policy)" "$TMPDIR/policy2"
is "the generation" "$(status generation)" 2
exits 2 "$RINGFENCE" run --config "$CONF"
says "$CONF:8:1: error unknown-key"
says 'the configuration of run is refused'
rm "$CONF"
exits 1 rf reload
says 'rf.conf: No such file'
cp "$TMPDIR/good.conf" "$CONF"

# what is wrong with the NIC's is not the daemon's matter, nor the other way round
sed 's/^wire/wyre/' "$TMPDIR/good.conf" >"$CONF"
exits 0 rf reload
exits 2 "$RINGFENCE" nic --config "$CONF"
says "$CONF:2:1: error unknown-key: unknown key wyre of"
exits 1 "$RINGFENCE" config check "$CONF"

# --- out of reach: a directory that main's room does not hold

mkdir -p /tmp/ringfence-config-test.$$
trap 'rm -rf /tmp/ringfence-config-test.$$; daemon_clean' EXIT
cp "$POL/a.pol" /tmp/ringfence-config-test.$$
sed "s,^policy.*,policy = /tmp/ringfence-config-test.$$," "$TMPDIR/good.conf" >"$CONF"
code=0
rf reload >"$TMPDIR/out" 2>"$TMPDIR/err" || code=$?
if rf status --json | grep -q landlock; then
	echo "no Landlock here: nothing is out of reach"
	exit 77
fi
is "the exit code of the reload" "$code" 1
says "$CONF:8:10: error config: policy = .* cannot be opened by the running daemon"
says 'needs a restart'
is "the directory" "$(status dir policy)" "$TMPDIR/policy2"

# --- SIGHUP reads it too
cp "$TMPDIR/good.conf" "$CONF"
sed -i "s,^policy.*,policy = $POL," "$CONF"
kill -HUP "$daemon_pid"
wait_for "the signal's reload" status_is "$POL" dir policy
