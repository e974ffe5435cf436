#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/faults.md names each row once, and each test that it names is there: a file below tests/,
# and the case in it (T_RUN, T_ROWS or the name of a row in C, def in Python, any words elsewhere).
set -eu
cd "$(dirname "$0")/../.."
list=tests/faults.md
TMPDIR=${TMPDIR:-/tmp}
bad=0

complain()
{
	echo "$list: $*"
	bad=1
}

has_case()	# FILE WORDS
{
	case $1 in
	*.c)	grep -qF -e "T_RUN($2)" -e ", $2);" -e "\"$2\"" "$1" ;;
	*.py)	grep -qF "def $2(" "$1" ;;
	*)	grep -qF "$2" "$1" ;;
	esac
}

for row in D1 D2 D3 D4 D5 D6 D7 D8 D9 M1 M2 M3 M4 M5 M6 M7 M8 M9 M10 S1 S2 S3 S4 S5 S6 \
    L1 L2 L3 L4 L5 L6 L7 L8 N1 N2 N3 N4 N5 N6 N7 N8 N9 N10 T1 T2 T3 T4 T6 T7 C1; do
	n=$(grep -c "^| $row |" "$list" || :)
	[ "$n" = 1 ] || complain "row $row is there $n times"
done
grep -n '^| [A-Z][0-9]* |' "$list" | awk -F' \\| ' 'NF != 4' >"$TMPDIR/odd"
[ ! -s "$TMPDIR/odd" ] || complain "not four columns: $(cat "$TMPDIR/odd")"
# the last column of each row: tests in backticks, or the word none and why
sed -n 's/^| \([A-Z][0-9]*\) |.* | \(.*\) |$/\1 \2/p' "$list" >"$TMPDIR/shown"
named=0
while read -r row shown; do
	case $shown in
	'none: '*) continue ;;
	'`'*) ;;
	*)	complain "$row: neither a test nor a reason: $shown"; continue ;;
	esac
	# shellcheck disable=SC2016 # backticks as they stand there
	printf '%s\n' "$shown" | grep -o '`[^`]*`' | tr -d '`' >"$TMPDIR/tests"
	while read -r file words; do
		named=$((named + 1))
		if [ ! -e "tests/$file" ]; then
			complain "$row: there is no tests/$file"
		elif [ -n "$words" ] && ! has_case "tests/$file" "$words"; then
			complain "$row: tests/$file has no $words"
		fi
	done <"$TMPDIR/tests"
done <"$TMPDIR/shown"
[ "$named" -ge 100 ] || complain "only $named tests are named"
echo "$named tests named"
exit $bad
