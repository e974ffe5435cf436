#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the harnesses of this folder, JOBS at a time: each "options:" line of one must be proved;
# with the check of a "plant" line taken out of a copy of the firmware, the fault must be found, and
# each harness has one at least. The last lines say of each what was proved, with what bounds.
# usage: CBMC=FOLDER-OF-PROGRAMS WORK=DIR run.sh [NAME...]
set -eu
cd "$(dirname "$0")/../.."

SECONDS_MAX=${SECONDS_MAX:-900}		# of one run, on a machine with other work
JOBS=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
export SECONDS_MAX

head_of()	# NAME WORD: what the lines of a harness's head say after that word
{
	sed -n "s/^ \* $2: *//p" "tests/prove/$1.c"
}

prove()	# JOB NAME OPTION...: cbmc's exit code; 10 = a property fails
{
	job=$1
	name=$2
	shift 2
	"$CBMC/goto-cc" -DFW_MEM_PLAIN "$@" -I"$job/plant" -Isrc/wire -Ifw "tests/prove/$name.c" \
	    -o "$job/goto" >"$job/log" 2>&1 || return 2
	for pair in $(head_of "$name" replace); do
		"$CBMC/goto-instrument" --replace-calls "$pair" "$job/goto" "$job/goto" \
		    >"$job/log" 2>&1 || return 2
	done
	code=0
	timeout "$SECONDS_MAX" "$CBMC/cbmc" --bounds-check --pointer-check \
	    --pointer-overflow-check --signed-overflow-check --undefined-shift-check \
	    --div-by-zero-check --unwinding-assertions --max-field-sensitivity-array-size 8 \
	    --slice-formula --stop-on-fail --unwind "$(head_of "$name" unwind)" \
	    "$job/goto" >"$job/log" 2>&1 || code=$?
	return "$code"
}

why()	# LOG
{
	grep -A 4 -E 'Violated property|rror' "$1" || tail -n 3 "$1"
}

# One line on standard output, and the same in JOB/result; its first word is the verdict.
run_one()	# JOB
{
	job=$1
	{ read -r harness; read -r options; read -r plant; } <"$job/job" || :
	start=$(date +%s)
	code=0
	if [ -n "$plant" ]; then
		file=${plant%% *}
		sed "${plant#* }" "fw/$file" >"$job/plant/$file"
		! cmp -s "fw/$file" "$job/plant/$file" || code=3
	fi
	# shellcheck disable=SC2086 # options are several words
	[ "$code" = 3 ] || prove "$job" "$harness" $options || code=$?
	what="$harness${options:+ $options}"
	took="$(($(date +%s) - start)) s"
	case $code-${plant:+planted} in
	0-)	echo "proved $what: $(sed -n 's/.*0 of \([0-9]*\) failed.*/\1/p' "$job/log")" \
		    "properties, $took" ;;
	10-planted) echo "found $what: ${plant#* }:" "$(grep -A 2 'Violated property' "$job/log" |
		    sed -n '$s/^ *//p'), $took" ;;
	3-*)	echo "FAILED $what: $plant changes nothing" ;;
	124-*)	echo "FAILED $what: out of time, $SECONDS_MAX s" ;;
	*-planted) echo "FAILED $what: not found: $plant (exit $code)" ;;
	*)	echo "FAILED $what: not proved (exit $code): $(why "$job/log")" ;;
	esac >"$job/result"
	cat "$job/result"
}

# Writes NAME-1.job and so on, of three lines: harness, options, plant; prints "seconds path" each.
jobs_put()	# NAME
{
	awk -v to="$WORK/$1" -v name="$1" '
	function put(options, plant) {
		path = to "-" ++jobs ".job"
		printf "%s\n%s\n%s\n", name, options, plant >path
		print seconds + 0, path
	}
	/^ \* seconds: / { seconds = $3 }
	/^ \* options:/ { sub(/^[^:]*: */, ""); if (options++ == 0) first = $0; put($0, "") }
	/^ \* plant:/ { sub(/^[^:]*: */, ""); put(first, $0); plants++ }
	/^ \* plant -/ { of = $0; sub(/^ \* plant /, "", of); sub(/:.*/, "", of)
		sub(/^[^:]*: */, ""); put(of, $0); plants++ }
	END { if (!plants) { print name ": plants no fault" >"/dev/stderr"; exit 1 } }
	' "tests/prove/$1.c"
}

if [ "${1:-}" = --one ]; then
	job=${2%.job}
	mkdir -p "$job/plant"
	mv "$2" "$job/job"
	run_one "$job"
	exit 0
fi
rm -rf "$WORK"
mkdir -p "$WORK"
if [ $# -eq 0 ]; then
	for f in tests/prove/*.c; do
		set -- "$@" "$(basename "$f" .c)"
	done
fi
start=$(date +%s)
for harness; do
	jobs_put "$harness" >>"$WORK/jobs"
done
sort -rn "$WORK/jobs" | cut -d ' ' -f 2 | xargs -P "$JOBS" -I JOB "$0" --one JOB

# Per harness; a run without a result was ended and has failed.
echo "cbmc $("$CBMC/cbmc" --version | sed 's/ .*//'), $JOBS runs at a time:"
failed=0
for harness; do
	cat "$WORK/$harness"-*/result >"$WORK/results" 2>/dev/null || :
	runs=$(grep -c "/$harness-[0-9]*\.job\$" "$WORK/jobs")
	awk -v name="$harness" -v runs="$runs" -v bounds="$(head_of "$harness" bounds)" '
	/^(proved|found|FAILED) / { n[$1]++; took += $(NF - 1) }
	END { printf "%-12s %d of %d runs proved, %d of %d planted faults found, ",
		name, n["proved"], runs - plants, n["found"], plants
	      printf "%d s; bounds: %s\n", took, bounds
	      exit n["proved"] + n["found"] < runs }' \
	    plants="$(cat "$WORK/$harness"-*/job | awk 'NR % 3 == 0 && NF { n++ }
		END { print n + 0 }')" "$WORK/results" || failed=$((failed + 1))
done
echo "$# harnesses, $failed failed, $(($(date +%s) - start)) s"
[ "$failed" = 0 ]
