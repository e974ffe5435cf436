#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The services as files: systemd reads the units without a word, finds them closed enough, and lets
# them make every system call that they make; the OpenRC scripts define what openrc-run calls.
set -eu
DIR=$TOP/src/agent/service
EXPOSURE_MAX=20		# tenths
pids=
# shellcheck disable=SC2154 # set by the trap itself
trap 'code=$?; trap - EXIT; for p in $pids; do kill "$p" 2>/dev/null || :; done; exit $code' EXIT
skipped=

fail()
{
	echo "FAILED: $*"
	exit 1
}

wait_for()	# WHAT COMMAND...: until the command holds, at most 20 s
{
	what=$1
	shift
	end=$(($(date +%s) + 20))
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$end" ] && continue
		tail -n 5 "$TMPDIR"/*.log
		fail "waited for $what"
	done
}

# --- units

# The members of a group of calls, its groups opened, each on a line.
calls_of()	# GROUP
{
	systemd-analyze syscall-filter "$1" | sed -e 1d -e 's/#.*//' |
	    while read -r call; do
		case $call in
		'')	;;
		@*)	calls_of "$call" ;;
		*)	echo "$call" ;;
		esac
	done
}

allowed()	# UNIT: the calls its filter lets through
{
	: >"$TMPDIR/allowed"
	sed -n 's/^SystemCallFilter=//p' "$1" >"$TMPDIR/filters"
	while read -r line; do
		take=add
		case $line in
		"~"*)	take=drop
			line=${line#"~"} ;;
		esac
		for word in $line; do
			case $word in
			@*)	calls_of "$word" ;;
			*)	echo "$word" ;;
			esac
		done | sort -u >"$TMPDIR/words"
		if [ "$take" = add ]; then
			sort -u "$TMPDIR/allowed" "$TMPDIR/words" >"$TMPDIR/next"
		else
			comm -23 "$TMPDIR/allowed" "$TMPDIR/words" >"$TMPDIR/next"
		fi
		mv "$TMPDIR/next" "$TMPDIR/allowed"
	done <"$TMPDIR/filters"
}

calls_fit()	# UNIT TRACE
{
	allowed "$1"
	[ "$(wc -l <"$TMPDIR/allowed")" -gt 100 ] || fail "$1: the filter was not understood"
	for call in mount ptrace bpf init_module; do
		grep -q -x "$call" "$TMPDIR/allowed" && fail "$1 lets $call through"
	done
	sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' "$2" | sort -u >"$TMPDIR/made"
	[ "$(wc -l <"$TMPDIR/made")" -gt 20 ] || fail "$2: too few calls to be a service"
	comm -13 "$TMPDIR/allowed" "$TMPDIR/made" >"$TMPDIR/refused"
	[ ! -s "$TMPDIR/refused" ] ||
	    fail "$1 refuses calls that the service makes:" "$(tr '\n' ' ' <"$TMPDIR/refused")"
	echo "$(basename "$1"): $(wc -l <"$TMPDIR/made") calls, all within the filter"
}

units()
{
	mkdir "$TMPDIR/units"
	for name in ringfence ringfence-nic; do
		unit=$TMPDIR/units/$name.service
		sed "s,@BINDIR@,${RINGFENCE%/*}," "$DIR/$name.service" >"$unit"
		systemd-analyze security --offline=true --no-pager "$unit" \
		    >"$TMPDIR/security" 2>&1 ||
		    { cat "$TMPDIR/security"; fail "security of $name"; }
		level=$(sed -n 's/.*exposure level for .*: \([0-9]*\)\.\([0-9]\) .*/\1\2/p' \
		    "$TMPDIR/security")
		[ "${level:-99}" -le "$EXPOSURE_MAX" ] ||
		    { grep '^✗' "$TMPDIR/security"; fail "$name: exposure $level tenths"; }
		echo "$name.service: exposure $level tenths of $EXPOSURE_MAX"
	done
	systemd-analyze verify --man=no "$TMPDIR"/units/*.service >"$TMPDIR/verify" 2>&1 ||
	    { cat "$TMPDIR/verify"; fail "verify"; }
	# what is wrong elsewhere on this machine is not ours
	if grep ringfence "$TMPDIR/verify"; then
		fail "systemd has something to say"
	fi
}

traced()
{
	mkdir "$TMPDIR/policy"
	cp "$TOP/policy/payments.pol" "$TOP/policy/infra.pol" "$TMPDIR/policy"
	strace -f -o "$TMPDIR/nic.trace" "$RINGFENCE" nic \
	    --wire "pcap:$TOP/tests/data/demo.pcap" --host "pcap:/dev/null" \
	    --socket "$TMPDIR/nic.sock" >"$TMPDIR/nic.log" 2>&1 &
	nic=$!
	pids="$pids $nic"
	wait_for "the NIC" test -S "$TMPDIR/nic.sock"
	"$BUILD/tools/notify_hear" "$TMPDIR/notify" >"$TMPDIR/heard.log" 2>&1 &
	pids="$pids $!"
	wait_for "the manager" test -S "$TMPDIR/notify"
	NOTIFY_SOCKET=$TMPDIR/notify strace -f -o "$TMPDIR/run.trace" "$RINGFENCE" run \
	    --nic "$TMPDIR/nic.sock" --policy "$TMPDIR/policy" --state "$TMPDIR/state" \
	    --socket "$TMPDIR/rf.sock" >"$TMPDIR/run.log" 2>&1 &
	run=$!
	pids="$pids $run"
	wait_for "ready" grep -q '^READY=1 STATUS=generation 1 is enforced' "$TMPDIR/heard.log"
	for verb in reload counters status; do
		"$RINGFENCE" "$verb" --socket "$TMPDIR/rf.sock" >"$TMPDIR/$verb.log" 2>&1 ||
		    fail "$verb"
	done
	# strace passes what it gets to the daemon, and ends as it does
	kill -TERM "$(awk 'NR == 1 { print $1 }' "$TMPDIR/run.trace")"
	wait "$run" || fail "the daemon ended with $?"
	kill -TERM "$(awk 'NR == 1 { print $1 }' "$TMPDIR/nic.trace")"
	wait "$nic" || fail "the NIC ended with $?"
	calls_fit "$DIR/ringfence.service" "$TMPDIR/run.trace"
	calls_fit "$DIR/ringfence-nic.service" "$TMPDIR/nic.trace"
}

# --- OpenRC

# The script sourced as openrc-run does it, and its start_pre(); what it sets, a line each.
openrc_run()	# SCRIPT
{
	cat >"$TMPDIR/openrc.sh" <<-'END'
	checkpath() { echo "path: $*"; }
	. "$1"
	start_pre
	echo "$supervisor $command_user $command $command_args"
	END
	sh -eu "$TMPDIR/openrc.sh" "$1"
}

openrc_is()	# SCRIPT WANT
{
	got=$(openrc_run "$DIR/$1") || fail "$1 does not run"
	[ "$got" = "$2" ] || fail "$1 sets: $got"
}

openrc()
{
	openrc_is ringfence.initd "path: -d -m 0755 -o ringfence:ringfence /run/ringfence
path: -d -m 0700 -o ringfence:ringfence /var/lib/ringfence
supervise-daemon ringfence:ringfence @BINDIR@/ringfence run --nic /run/ringfence-nic/nic.sock"
	openrc_is ringfence-nic.initd "path: -d -m 0750 -o ringfence:ringfence /run/ringfence-nic
path: -d -m 0700 -o ringfence:ringfence /var/lib/ringfence-nic
supervise-daemon ringfence:ringfence @BINDIR@/ringfence nic --socket /run/ringfence-nic/nic.sock \
--store /var/lib/ringfence-nic/image"
}

openrc
if ! command -v systemd-analyze >/dev/null; then
	skipped="systemd-analyze is not installed: the units are not checked"
else
	units
	if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
		traced
	else
		skipped="strace cannot be used: the filters of calls are not checked"
	fi
fi
[ -z "$skipped" ] || { echo "$skipped"; exit 77; }
echo "units and scripts are right"
