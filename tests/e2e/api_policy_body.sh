#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Policy text in the body of check and reload: enforced and kept, over a restart, until a reload
# enforces the directory; bodies that are refused, with words.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
command -v curl >/dev/null || { echo "curl is not installed"; exit 77; }

post()	# VERB BODY-FILE: the finished job in $TMPDIR/out
{
	curl -s --unix-socket "$SOCK" -o "$TMPDIR/job" -H 'If-Match: *' -X POST \
	    --data-binary "@$2" "http://localhost/v1/policy/$1"
	job=$(sed -n 's/^{"id":\([0-9]*\),.*/\1/p' "$TMPDIR/job")
	[ -n "$job" ] || { cat "$TMPDIR/job"; fail "$1 began no job"; }
	curl -s --unix-socket "$SOCK" "http://localhost/v1/jobs/$job?wait=30" >"$TMPDIR/out"
	prints '"state":"done"'
}

refused()	# WORDS BODY
{
	printf '%s' "$2" >"$TMPDIR/bad"
	post check "$TMPDIR/bad"
	prints '"ok":false'
	prints "$1"
}

TEXT='segment \"web\" { members = \"10.20.3.7\", mode = \"enforce\",\n'
TEXT="$TEXT"' inbound { allow = tcp(9090), from = any } }'
packet='10.66.0.66 > 10.20.3.7 tcp/9090'
policy_begin
nic_start
daemon_start
wait_for "generation 1" status_is 1 generation
printf '{"files":[{"path":"posted.pol","text":"%s\\n"}]}' "$TEXT" >"$TMPDIR/body"
post check "$TMPDIR/body"
prints '"ok":true,"tables":1'
is "generation after check" "$(status generation)" 1
is "posted" "$(status posted policy)" false

post reload "$TMPDIR/body"
prints '"ok":true,"generation":2,"changed":true'
is "posted" "$(status posted policy)" true
exits 0 rf explain "$packet"
prints 'pass rule  posted.pol:2'
exits 0 rf status
prints 'what is enforced was posted'
curl -s --unix-socket "$SOCK" http://localhost/v1/policy >"$TMPDIR/out"
prints '"path":"posted.pol","text":"segment '

# a list beside it
printf '{"files":[{"path":"a.pol","text":"%s"},{"path":"l/bad.txt","text":"%s"}]}' \
    'segment \"web\" { members = \"10.20.3.7\", mode = \"enforce\",\n inbound { allow = '"\
"'tcp(9090), from = any - list \"bad\" } }\nlist \"bad\" { file = \"l/bad.txt\" }\n' \
    '# bad\n192.0.2.0/24\n' >"$TMPDIR/list"
post check "$TMPDIR/list"
prints '"ok":true,"tables":1'
sed 's,192.0.2.0/24,192.0.2.1/24,' "$TMPDIR/list" >"$TMPDIR/wrong"
post check "$TMPDIR/wrong"
prints '"file":"l/bad.txt","line":2,"col":1'

# what is wrong, and where
printf '{"files":[{"path":"a.pol","text":"segmet {}\\n"}]}' >"$TMPDIR/wrong"
post reload "$TMPDIR/wrong"
prints '"ok":false'
prints '"file":"a.pol","line":1'
is "generation after it" "$(status generation)" 2
refused 'byte 0 of the body' ''"nonsense"
refused 'one member, the array files' '{"files":[],"more":1}'
refused 'no .pol file at the top' '{"files":[]}'
refused 'an object of path and text' '{"files":[{"path":"a.pol"}]}'
refused 'a path that is too long, not plain' '{"files":[{"path":"../a.pol","text":""}]}'
refused 'a path that is too long, not plain' '{"files":[{"path":"/a.pol","text":""}]}'
refused 'a path with a NUL' '{"files":[{"path":"a\u0000.pol","text":""}]}'
refused "another file's" '{"files":[{"path":"a.pol","text":""},{"path":"a.pol","text":""}]}'
refused 'a NUL byte in the text' '{"files":[{"path":"a.pol","text":"\u0000"}]}'

# over a restart, until the next reload
daemon_end TERM
daemon_start
wait_for "the start's round" log_is 1 posted-kept
is "the generation" "$(status generation)" 2
is "posted" "$(status posted policy)" true
exits 0 rf reload
prints 'generation 3'
is "posted" "$(status posted policy)" false
exits 0 rf explain "$packet"
prints '^drop default'
daemon_end TERM
is "the exit code at TERM" "$(cat "$TMPDIR/code")" 0
