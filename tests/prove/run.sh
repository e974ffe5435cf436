#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the harnesses of this folder: each "cbmc:" line of one must be proved; with the check of its
# "plant:" line taken out of a copy of the firmware, it must find what is missing.
# usage: CBMC=PROGRAM WORK=DIR run.sh [NAME...]
set -eu
cd "$(dirname "$0")/../.."

SECONDS_MAX=600		# of one run

prove()	# SOURCE INCLUDE-DIR OPTION...: cbmc's exit code; 10 = a property fails
{
	source=$1
	planted=$2
	shift 2
	code=0
	timeout "$SECONDS_MAX" "$CBMC" --bounds-check --pointer-check --pointer-overflow-check \
	    --signed-overflow-check --undefined-shift-check --div-by-zero-check \
	    --unwinding-assertions --max-field-sensitivity-array-size 8 "$@" \
	    -I"$planted" -Isrc/wire -Ifw "$source" >"$WORK/log" 2>&1 || code=$?
	return "$code"
}

failed=0
mkdir -p "$WORK"
if [ $# -eq 0 ]; then
	for f in tests/prove/*.c; do
		set -- "$@" "$(basename "$f" .c)"
	done
fi
for name; do
	f=tests/prove/$name.c
	rm -rf "$WORK/plant"
	mkdir -p "$WORK/plant" "$WORK/none"
	sed -n 's/^ \* cbmc: //p' "$f" >"$WORK/options"
	while read -r options; do
		start=$(date +%s)
		# shellcheck disable=SC2086 # options are several words
		if prove "$f" "$WORK/none" $options; then
			echo "proved $name $options: $(grep -o '0 of [0-9]* failed' "$WORK/log" |
			    sed 's/0 of \(.*\) failed/\1 properties/'), $(($(date +%s) - start)) s"
		else
			failed=1
			echo "NOT PROVED $name $options"
			grep -E 'FAILURE|rror' "$WORK/log" | tail -n 20 || tail -n 5 "$WORK/log"
		fi
	done <"$WORK/options"
	read -r options <"$WORK/options"
	sed -n 's/^ \* plant: //p' "$f" >"$WORK/plants"
	while read -r file expression; do
		sed "$expression" "fw/$file" >"$WORK/plant/$file"
		code=0
		# shellcheck disable=SC2086
		prove "$f" "$WORK/plant" $options || code=$?
		if cmp -s "fw/$file" "$WORK/plant/$file"; then
			failed=1
			echo "NO PLANT $name: the expression changes nothing in fw/$file"
		elif [ "$code" = 10 ]; then
			echo "found $name: without a check in fw/$file," \
			    "$(grep -c FAILURE "$WORK/log") properties fail"
		else
			failed=1
			echo "NOT FOUND $name: $expression in fw/$file (exit $code)"
		fi
		rm -f "$WORK/plant/$file"
	done <"$WORK/plants"
done
exit "$failed"
