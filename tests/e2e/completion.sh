#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The completions of each shell parse, complete what the tables hold, and are installed where the
# shells look. A shell that is not there is counted, and named.
set -eu
cd "$TMPDIR"
missing=
ran=0

fail()
{
	echo "FAILED: $*"
	exit 1
}

is()	# WHAT GOT WANT
{
	[ "$2" = "$3" ] || fail "$1: got '$2', want '$3'"
}

has()	# SHELL
{
	if command -v "$1" >/dev/null; then
		ran=$((ran + 1))
		"$RINGFENCE" completion "$1" >"$1.out" || fail "completion $1"
		"$1" -n "$1.out" || fail "$1 -n"
		# every verb and every option that the help tells of
		for word in $verbs $options; do
			grep -q -e "$word" "$1.out" || fail "$1 does not know $word"
		done
	else
		missing="$missing $1"
		return 1
	fi
}

verbs=$("$RINGFENCE" help | sed -n 's/^  \([a-z]*\) .*/\1/p')
options=$(for v in $verbs; do "$RINGFENCE" help "$v"; done |
    sed -n 's/^  ....--\([a-z]*\).*/\1/p' | sort -u)
[ "$(echo "$verbs" | wc -l)" -ge 12 ] || fail "the help lists too little: $verbs"
[ "$(echo "$options" | wc -l)" -ge 15 ] || fail "the help lists too little: $options"
mkdir -p "pol dir" && : >file.img

if has bash; then
	cat >bash.test <<-'END'
	source bash.out
	try()	# WORD...: what the last one may become, sorted
	{
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_ringfence
		printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' '|'
		echo
	}
	try ringfence sta
	try ringfence --color never rel
	try ringfence --color = a
	try ringfence --color =
	try ringfence run --po
	try ringfence run --policy po
	try ringfence run --policy = po
	try ringfence image fil
	try ringfence check fil
	try ringfence nic --wire pc
	try ringfence completion z
	try ringfence help wa
	try ringfence judge x --policy y --flows ''
	try ringfence sta --s
	try ringfence config s
	END
	is bash "$(bash --norc bash.test)" "status|
reload|
always|auto|
always|auto|never|
--policy|
pol dir|
pol dir|
file.img|
|
pcap:|
zsh|
watch|
|
|
show|"
fi

if has zsh; then
	cp zsh.out _ringfence
	# a zsh with a terminal of its own: what stands on its line after the key goes to a file
	cat >zsh.test <<-'END'
	zmodload zsh/zpty
	zpty shell "TERM=dumb zsh -f -i"
	zpty -w shell 'PS1=; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d $PWD/dump'
	zpty -w shell 'show() { print -r -- "<$BUFFER>" >>got; print "@""@"; BUFFER=; }'
	zpty -w shell 'zle -N show; bindkey "^X" show; echo "@""@"'
	zpty -r -m shell text '*@@*'
	for line in "ringfence statu" "ringfence run --polic" "ringfence --color=nev" \
	    "ringfence image fil" "ringfence check po" "ringfence completion fi"; do
		zpty -w -n shell "$line"$'\t\x18'
		zpty -r -m shell text '*@@*'
	done
	END
	timeout 60 zsh -f zsh.test || fail "zsh: $?"
	is zsh "$(cat got)" "<ringfence status >
<ringfence run --policy=>
<ringfence --color=never >
<ringfence image file.img >
<ringfence check pol\\ dir/>
<ringfence completion fish >"
fi

if has fish; then
	cat >fish.test <<-'END'
	source fish.out
	for line in "ringfence sta" "ringfence --color a" "ringfence run --poli" \
	    "ringfence run --policy po" "ringfence image fil" "ringfence completion z" \
	    "ringfence status --st"
		complete -C "$line" | string split -f 1 \t | sort | string join "|"
		echo .
	end
	END
	HOME=$TMPDIR is fish "$(HOME=$TMPDIR fish --no-config fish.test)" "status
.
always|auto
.
--policy
.
pol dir/
.
file.img
.
zsh
.
."
fi

code=0
"$RINGFENCE" completion tcsh >out 2>err || code=$?
is "exit of an unknown shell" "$code" 2
grep -q 'bash, zsh or fish' err || fail "an unknown shell is not told which there are"
[ "$ran" -gt 0 ] || { echo "none of bash, zsh, fish is installed"; exit 77; }
echo "$ran of 3 shells${missing:+; skipped, not installed:$missing}"
