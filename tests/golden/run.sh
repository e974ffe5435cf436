#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Policies and what they become: each directory NNN-name holds *.pol, or a make.sh that
# writes them where it runs (what is no text, or is long); and what is wanted: want.err, the
# messages; and where it compiles want.rules, the rules as printed, want.opt, those of each table in
# the order of match without the built-in guard's, want.table, the image read back. TAP.
# usage: run.sh [--accept] [NNN-name...]   (--accept rewrites what is wanted: review the diff)
set -eu
cd "$(dirname "$0")"
here=$(pwd)
list=${BUILD:-../../build/rel}/tools/pol_list
tmp=${TMPDIR:-/tmp}/golden.$$
accept=
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp"
if [ "${1:-}" = --accept ]; then
	accept=1
	shift
fi
[ $# -gt 0 ] || set -- [0-9]*

same()	# WANTED GOT: equal, or the wanted file missing and nothing got
{
	if [ -e "$1" ]; then
		diff -u "$1" "$2" >>"$tmp/diff"
	elif [ -s "$2" ]; then
		sed "s|^|+|" "$2" >>"$tmp/diff"
		return 1
	fi
}

keep()	# WANTED GOT
{
	rm -f "$1"
	[ ! -s "$2" ] || cp "$2" "$1"
}

n=0
bad=0
for dir; do
	n=$((n + 1))
	: >"$tmp/diff"
	code=0
	src=$dir
	rm -rf "$tmp/made" "$tmp/got.opt" "$tmp/got.table"
	if [ -e "$dir/make.sh" ]; then
		mkdir "$tmp/made"
		src=$tmp/made
		(cd "$src" && sh "$here/$dir/make.sh")
	fi
	"$list" -b "$tmp/got" "$src" >"$tmp/rules" 2>"$tmp/err" || code=$?
	sed "s|$tmp/made|DIR|" "$tmp/err" >"$tmp/err.plain"
	mv "$tmp/err.plain" "$tmp/err"
	for view in opt table; do
		[ -e "$tmp/got.$view" ] || : >"$tmp/got.$view"
	done
	if [ "$code" -gt 1 ]; then
		echo "exit $code" >>"$tmp/err"
	fi
	if [ -n "$accept" ]; then
		keep "$dir/want.rules" "$tmp/rules"
		keep "$dir/want.err" "$tmp/err"
		keep "$dir/want.opt" "$tmp/got.opt"
		keep "$dir/want.table" "$tmp/got.table"
	fi
	good=1
	same "$dir/want.rules" "$tmp/rules" || good=
	same "$dir/want.err" "$tmp/err" || good=
	same "$dir/want.opt" "$tmp/got.opt" || good=
	same "$dir/want.table" "$tmp/got.table" || good=
	if [ -n "$good" ]; then
		echo "ok $n - $dir"
	else
		bad=$((bad + 1))
		echo "not ok $n - $dir"
		sed 's/^/# /' "$tmp/diff"
	fi
done
echo "1..$n"
[ "$bad" = 0 ]
