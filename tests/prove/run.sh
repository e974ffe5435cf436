#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the harnesses of this folder: each "options:" line of one must be proved; with the check of
# its "plant:" line taken out of a copy of the firmware, the first must find what is missing.
# usage: CBMC=FOLDER-OF-PROGRAMS WORK=DIR run.sh [NAME...]
set -eu
cd "$(dirname "$0")/../.."

SECONDS_MAX=300		# of one run

prove()	# NAME INCLUDE-DIR OPTION...: cbmc's exit code; 10 = a property fails
{
	name=$1
	planted=$2
	shift 2
	: >"$WORK/log"
	"$CBMC/goto-cc" -DFW_MEM_PLAIN "$@" -I"$planted" -Isrc/wire -Ifw "tests/prove/$name.c" \
	    -o "$WORK/goto" >"$WORK/log" 2>&1 || return 2
	pairs=$(sed -n 's/^ \* replace: //p' "tests/prove/$name.c")
	for pair in $pairs; do
		"$CBMC/goto-instrument" --replace-calls "$pair" "$WORK/goto" "$WORK/goto" \
		    >"$WORK/log" 2>&1 || return 2
	done
	code=0
	timeout "$SECONDS_MAX" "$CBMC/cbmc" --bounds-check --pointer-check \
	    --pointer-overflow-check --signed-overflow-check --undefined-shift-check \
	    --div-by-zero-check --unwinding-assertions --max-field-sensitivity-array-size 8 \
	    --slice-formula --stop-on-fail \
	    --unwind "$(sed -n 's/^ \* unwind: //p' "tests/prove/$name.c")" \
	    "$WORK/goto" >"$WORK/log" 2>&1 || code=$?
	return "$code"
}

why()
{
	grep -A 4 -E 'Violated property|rror' "$WORK/log" || tail -n 3 "$WORK/log"
}

failed=0
mkdir -p "$WORK"
if [ $# -eq 0 ]; then
	for f in tests/prove/*.c; do
		set -- "$@" "$(basename "$f" .c)"
	done
fi
for harness; do
	f=tests/prove/$harness.c
	rm -rf "$WORK/plant"
	mkdir -p "$WORK/plant" "$WORK/none"
	sed -n 's/^ \* options://p' "$f" >"$WORK/options"
	while read -r options; do
		start=$(date +%s)
		code=0
		# shellcheck disable=SC2086 # options are several words
		prove "$harness" "$WORK/none" $options || code=$?
		if [ "$code" = 0 ]; then
			echo "proved $harness $options: $(grep -o '0 of [0-9]* failed' \
			    "$WORK/log" | sed 's/0 of \(.*\) failed/\1 properties/')," \
			    "$(($(date +%s) - start)) s"
		else
			failed=1
			echo "NOT PROVED $harness $options (exit $code; 124 is out of time)"
			why
		fi
	done <"$WORK/options"
	read -r options <"$WORK/options" || :
	sed -n 's/^ \* plant: //p' "$f" >"$WORK/plants"
	while read -r file expression; do
		sed "$expression" "fw/$file" >"$WORK/plant/$file"
		code=0
		# shellcheck disable=SC2086
		prove "$harness" "$WORK/plant" $options || code=$?
		if cmp -s "fw/$file" "$WORK/plant/$file"; then
			failed=1
			echo "NO PLANT $harness: the expression changes nothing in fw/$file"
		elif [ "$code" = 10 ]; then
			echo "found $harness: $expression in fw/$file:" \
			    "$(grep -A 2 'Violated property' "$WORK/log" | tail -n 1)"
		else
			failed=1
			echo "NOT FOUND $harness: $expression in fw/$file (exit $code)"
		fi
		rm -f "$WORK/plant/$file"
	done <"$WORK/plants"
done
exit "$failed"
