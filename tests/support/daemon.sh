# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the daemon's tests share: a policy of their own, a NIC on captures, a daemon, waiting.
# Sourced with RINGFENCE, TOP and TMPDIR set; sets the trap that ends what it started.
POL=$TMPDIR/policy
STATE=$TMPDIR/state
SOCK=$TMPDIR/ringfence.sock
NIC=$TMPDIR/nic.sock
nic_pid=
daemon_pid=
daemon_options=
more_pids=
WAIT_S=15

daemon_clean()
{
	code=$?
	trap '' EXIT INT TERM
	for p in $more_pids $daemon_pid $nic_pid; do
		kill -9 "$p" 2>/dev/null || :
	done
	[ "$code" -eq 0 ] || [ "$code" -eq 77 ] || for f in "$TMPDIR"/*.log; do
		echo "--- $(basename "$f")"
		tail -n 30 "$f"
	done
	exit "$code"
}
trap daemon_clean EXIT
trap 'exit 130' INT TERM

fail()
{
	echo "FAILED: $*"
	exit 1
}

wait_for()	# WHAT COMMAND...
{
	wait_what=$1
	shift
	wait_end=$(($(date +%s) + WAIT_S))
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$wait_end" ] || fail "waited for $wait_what"
	done
}

exits()	# CODE COMMAND...: output in $TMPDIR/out and $TMPDIR/err
{
	want=$1
	shift
	got=0
	"$@" >"$TMPDIR/out" 2>"$TMPDIR/err" || got=$?
	[ "$got" = "$want" ] || {
		head -n 20 "$TMPDIR/out" "$TMPDIR/err"
		fail "exit $got, not $want: $*"
	}
}

says()	# PATTERN: in what the last command said on standard error
{
	grep -q -e "$1" "$TMPDIR/err" || { cat "$TMPDIR/err"; fail "nothing says: $1"; }
}

prints()	# PATTERN
{
	grep -q -e "$1" "$TMPDIR/out" || { cat "$TMPDIR/out"; fail "nothing prints: $1"; }
}

is()	# WHAT GOT WANT
{
	[ "$2" = "$3" ] || fail "$1 is $2, not $3"
}

policy_begin()
{
	mkdir -p "$POL"
	cat >"$POL/a.pol" <<-'END'
	segment "web" {
	  members = "10.20.3.7", mode = "enforce",
	  inbound { allow = tcp(8080), from = "10.9.0.0/24", count = true },
	}
	END
}

policy_open()	# the intruder too
{
	sed 's,"10.9.0.0/24",any,' "$POL/a.pol" >"$TMPDIR/a.pol"
	cp "$TMPDIR/a.pol" "$POL/a.pol"
}

rf()	# VERB...: asks the daemon
{
	rf_verb=$1
	shift
	"$RINGFENCE" "$rf_verb" --socket "$SOCK" "$@"
}

# One value of the status: KEY, or KEY of the object OBJECT.
status()	# KEY [OBJECT]
{
	rf status --json >"$TMPDIR/status" 2>/dev/null || return 1
	if [ $# -eq 2 ]; then
		sed "s/.*\"$2\":{//" "$TMPDIR/status"
	else
		cat "$TMPDIR/status"
	fi | sed -n "s/^[^}]*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

status_is()	# VALUE KEY [OBJECT]
{
	status_want=$1
	shift
	[ "$(status "$@")" = "$status_want" ]
}

nic_listens()
{
	[ "$(grep -c nic-ready "$TMPDIR/nic.log")" -gt "$nic_readies" ]
}

nic_start()	# with $nic_options, and $wire instead of the demo's capture
{
	touch "$TMPDIR/nic.log"
	nic_readies=$(grep -c nic-ready "$TMPDIR/nic.log" || :)
	# shellcheck disable=SC2086 # words
	"$RINGFENCE" nic --wire "pcap:${wire-$TOP/tests/data/demo.pcap}" \
	    --host "pcap:$TMPDIR/host.pcap" --socket "$NIC" ${nic_options-} \
	    >>"$TMPDIR/nic.log" 2>&1 &
	nic_pid=$!
	# the socket of one that was killed may still be there: the log says when this one listens
	wait_for "the NIC" nic_listens
}

nic_kill()
{
	kill -9 "$nic_pid"
	wait "$nic_pid" 2>/dev/null || :
	nic_pid=
}

tls_begin()	# $KEYS, not made yet, and a free $PORT
{
	python3 -c 'import ssl' 2>/dev/null || {
		echo "python3 with ssl is not installed"
		exit 77
	}
	command -v openssl >/dev/null || { echo "openssl is not installed"; exit 77; }
	PYTHONPATH=$TOP/tests/support
	PYTHONDONTWRITEBYTECODE=1
	export PYTHONPATH PYTHONDONTWRITEBYTECODE
	KEYS=$TMPDIR/keys
	PORT=$(python3 -c 'import tls_rig; print(tls_rig.free_port())')
	export KEYS PORT
}

daemon_start()	# with $daemon_options, words of run beside those of every test
{
	# shellcheck disable=SC2086 # words
	"$RINGFENCE" run --nic "$NIC" --policy "$POL" --state "$STATE" --socket "$SOCK" \
	    $daemon_options >>"$TMPDIR/daemon.log" 2>&1 &
	daemon_pid=$!
	wait_for "the daemon" rf status
}

daemon_end()	# SIGNAL: its exit code is in $TMPDIR/code
{
	kill "-$1" "$daemon_pid"
	end_code=0
	wait "$daemon_pid" 2>/dev/null || end_code=$?
	echo "$end_code" >"$TMPDIR/code"
	daemon_pid=
}

watch_start()
{
	rf watch "$@" >"$TMPDIR/watch" 2>"$TMPDIR/watch.log" &
	watch_pid=$!
	more_pids="$more_pids $watch_pid"
	wait_for "ringfence watch" grep -q watching "$TMPDIR/watch.log"
}

log_count()	# PATTERN
{
	grep -c -e "$1" "$TMPDIR/daemon.log" || :
}

log_is()	# COUNT PATTERN
{
	[ "$(log_count "$2")" = "$1" ]
}
