#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon on a capture: start, status, watch with the policy's line, reload good and bad, SIGHUP,
# counters, USR1, TERM.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
python3 -c '' 2>/dev/null || { echo "python3 is not installed"; exit 77; }
policy_begin
daemon_start
is "the NIC" "$(status state nic)" down
is "the generation" "$(status generation)" 0
watch_start --json
nic_start
wait_for "generation 1" status_is 1 generation
wait_for "the capture's end" grep -q replay-end "$TMPDIR/nic.log"

# each drop with its line, as the capture has it: three to the web address, one to no local IP
wait_for "3 drops" sh -c "[ \$(grep -c '\"verdict\":\"drop\"' '$TMPDIR/watch') = 3 ]"
line=$(head -n 1 "$TMPDIR/watch")
for want in '"verdict":"drop"' '"reason":"default"' '"direction":"in"' '"local":"10.20.3.7"' \
    '"src":"10.66.0.66"' '"dport":8080' '"flags":"syn"' '"file":"a.pol"' '"line":1' \
    '"segment":"web"' '"generation":1' '"suppressed":0' '"time":"2026-01-01T00:00:00.010'; do
	case $line in
	*"$want"*) ;;
	*) fail "$want is not in $line" ;;
	esac
done
exits 0 rf counters --json
prints '"file":"a.pol","line":3,"segment":"web","packets":8,"bytes":494'

# nothing has changed
exits 0 rf reload
prints 'generation 1 stays'
# a new text
cp "$POL/a.pol" "$TMPDIR/first.pol"
policy_open
exits 0 rf reload --json
prints '"ok":true,"generation":2,"changed":true'
is "the generation" "$(status generation)" 2

# the text of each, to the byte
exits 0 rf show policy
cmp "$TMPDIR/out" "$POL/a.pol" || fail "what is enforced is shown otherwise"
exits 0 rf show policy 1
cmp "$TMPDIR/out" "$TMPDIR/first.pol" || fail "generation 1 is shown otherwise"
exits 0 rf show policy 1 a.pol
cmp "$TMPDIR/out" "$TMPDIR/first.pol" || fail "a file of generation 1 is shown otherwise"
exits 0 rf show policy 2 --json
prints '^{"generation":2,"files":\[{"path":"a.pol","text":"segment '
exits 1 rf show policy 1 b.pol
says '^ringfence: error not-found: generation 1 has no file b.pol$'
exits 1 rf show policy 99
says '^ringfence: error not-found: generation 99 is not kept$'
says '^ *hint: .ringfence history. lists'

# the same table, other lines: a generation of its own, so that each verdict names its text
{ echo '-- a line above'; cat "$POL/a.pol"; } >"$TMPDIR/a.pol"
cp "$TMPDIR/a.pol" "$POL/a.pol"
exits 0 rf reload --json
is "the generation" "$(status generation)" 3
# and neither packed nor sent again
grep -Eq '"reused_bodies":[1-9]' "$TMPDIR/out" || fail "all tables were packed again"
grep -Eq '"copied_bytes":[1-9]' "$TMPDIR/out" || fail "all tables were sent again"
exits 0 rf counters
prints 'a.pol:4'

# a bad text: the errors as check prints them, exit 1, the old generation stays
echo 'segmet "x" { }' >>"$POL/a.pol"
exits 1 "$RINGFENCE" check "$POL"
grep -v '^[0-9]* error' "$TMPDIR/err" >"$TMPDIR/check.err"
exits 1 rf reload
grep -v '^refused: generation 3' "$TMPDIR/err" >"$TMPDIR/reload.err"
cmp "$TMPDIR/check.err" "$TMPDIR/reload.err" || fail "reload says other things than check"
says 'did you mean "segment"'
says 'refused: generation 3 stays enforced'
is "the generation" "$(status generation)" 3
is "the policy" "$(status ok policy)" false
exits 0 rf status
says 'a.pol:6:1: error'

# SIGHUP does the same
sed -i '$d' "$POL/a.pol"
echo '-- a line below' >>"$POL/a.pol"
sed -i 's/tcp(8080)/tcp(8081)/' "$POL/a.pol"
kill -HUP "$daemon_pid"
wait_for "generation 4" status_is 4 generation

# many at once: each gets the outcome of a compile that began after it asked
asked=
for i in 1 2 3 4 5 6; do
	rf reload --json >"$TMPDIR/reload.$i" 2>&1 &
	asked="$asked $!"
done
more_pids="$more_pids $asked"
for p in $asked; do
	wait "$p" || fail "one of six reloads failed"
done
for i in 1 2 3 4 5 6; do
	grep -q '"ok":true,"generation":4' "$TMPDIR/reload.$i" || fail "reload $i got no answer"
done
[ "$(log_count reload-done)" -le 9 ] || fail "six reloads at once made too many compiles"

# several files; an escape is for a terminal to hide, not for a file
printf -- '-- \033[2J \302\233 \303\244\n' >"$POL/esc.pol"
exits 0 rf reload
exits 0 rf show policy
{
	printf '==> a.pol <==\n'
	cat "$POL/a.pol"
	printf '\n==> esc.pol <==\n'
	cat "$POL/esc.pol"
} | cmp - "$TMPDIR/out" || fail "two files are shown otherwise"
exits 0 rf show policy esc.pol
cmp "$TMPDIR/out" "$POL/esc.pol" || fail "esc.pol is shown otherwise"
python3 -c 'import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
got = b""
try:
    while part := os.read(fd, 4096):
        got += part
except OSError:
    pass
sys.exit(os.waitpid(pid, 0)[1] or got != b"-- ?[2J \302? \303\244\r\n")' \
    "$RINGFENCE" show policy esc.pol --socket "$SOCK" || fail "a terminal gets an escape"
rm "$POL/esc.pol"
exits 0 rf reload

# a file that is written all the time: refused by its name, and what was enforced stays
generation=$(status generation)
(
	i=0
	while [ ! -e "$TMPDIR/enough" ] && [ $i -lt 2000000 ]; do
		i=$((i + 1))
		echo "-- $i"
	done >"$POL/b.pol"
) &
more_pids="$more_pids $!"
writer=$!
refused_changing()
{
	! rf reload >"$TMPDIR/out" 2>"$TMPDIR/err" &&
	    grep -q '^b.pol: error file-changed: the file was written each of 4 times' "$TMPDIR/err"
}
wait_for "a refusal" refused_changing
is "the generation" "$(status generation)" "$generation"
touch "$TMPDIR/enough"
wait "$writer"
rm "$POL/b.pol"
exits 0 rf reload

kill -USR1 "$daemon_pid"
wait_for "the dump" grep -q 'state nic="{' "$TMPDIR/daemon.log"
daemon_end TERM
is "the exit code at TERM" "$(cat "$TMPDIR/code")" 0
exits 5 rf status
says 'no daemon answers'
test ! -S "$SOCK" || fail "the socket is still there"
