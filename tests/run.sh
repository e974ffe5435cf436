#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs tests: tests/run.sh VARIANT KIND...   (VARIANT: rel, asan, cover: where the programs are)
#   unit prop fuzz   programs below build/VARIANT, TAP, in parallel
#   lint             tests/lint/*.sh, in parallel
#   golden e2e       tests/golden/run.sh, tests/e2e/*.sh, one after the other
# A script passes with exit 0, skips with 77 (its last line says why); a program must also keep
# its TAP plan. One line per test; a failure prints its output. ONLY=REGEX picks by kind/name,
# WITHOUT=REGEX leaves out.
# Each test sees: TOP, BUILD (build/VARIANT), RINGFENCE (the binary), TMPDIR (its own, removed).
set -eu
cd "$(dirname "$0")/.."

LINES_MAX=80	# of a failing test's output

limit_s()	# KIND: how long one test may take
{
	case $1 in
	unit)	echo 60 ;;
	lint)	echo 240 ;;	# repro builds everything twice
	fuzz)	echo 120 ;;
	e2e)	echo 180 ;;
	*)	echo 600 ;;
	esac
}

# judge LOG EXIT KIND: prints "pass CHECKS", "skip WHY" or "fail WHY"
judge()
{
	awk -v code="$2" -v kind="$3" '
	/^ok / { ran++ }
	/^not ok / { ran++; if ($0 !~ /# SKIP/) bad++ }
	/^(not )?ok .*# SKIP/ { skipped++; why = $0; sub(/.*# SKIP */, "", why) }
	/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; planned = 1
		if (plan == 0) { why = $0; sub(/^1\.\.0 *#? *(SKIP)? */, "", why) } }
	/^# checks / { checks = $3 }
	NF { last = $0 }
	END {
		program = kind == "unit" || kind == "prop" || kind == "fuzz"
		if (code == 77) print "skip " (last == "" ? "no reason given" : last)
		else if (code == 124 || code == 137) print "fail timed out"
		else if (code != 0) print "fail exit " code
		else if (program && !planned) print "fail no TAP plan"
		else if (planned && plan != ran) print "fail plan " plan ", ran " ran + 0
		else if (bad) print "fail " bad " not ok"
		else if (planned && ran == skipped) print "skip " why
		else {
			text = checks ? checks " checks" : planned ? plan " cases" : ""
			if (skipped) text = text (text == "" ? "" : ", ") skipped " skipped: " why
			print "pass " text
		}
	}' "$1"
}

run_one()	# KIND/NAME
{
	kind=${1%%/*}
	name=${1#*/}
	case $kind in
	unit|prop|fuzz) program=$BUILD/$kind/$name ;;
	golden)	program=tests/golden/run.sh ;;
	*)	program=tests/$kind/$name.sh ;;
	esac
	log=$LOGS/$kind-$name
	TMPDIR=$(mktemp -d /tmp/rf-test.XXXXXX)
	export TMPDIR
	limit=$(limit_s "$kind")
	start=$(date +%s)
	code=0
	timeout -k 5 $((limit * TEST_TIMEOUT_SCALE)) "$program" >"$log.log" 2>&1 </dev/null ||
	    code=$?
	rm -rf "$TMPDIR"
	took=$(($(date +%s) - start))
	verdict=$(judge "$log.log" "$code" "$kind")
	echo "$verdict" >"$log.result"
	word=${verdict%% *}
	rest=${verdict#"$word"}
	rest=${rest# }
	case $word in
	pass)	echo "ok    $kind/$name${rest:+ ($rest)} ${took}s" ;;
	skip)	echo "skip  $kind/$name: $rest" ;;
	fail)	{ echo "FAIL  $kind/$name: $rest, ${took}s"
		tail -n "$LINES_MAX" "$log.log" | sed 's/^/      | /'; } >"$log.text"
		cat "$log.text" ;;
	esac
}

if [ "$1" = --one ]; then
	run_one "$2"
	exit 0
fi

list()	# KIND: the names of its tests
{
	case $1 in
	unit)	set -- unit tests/unit/*_test.c ;;
	prop)	set -- prop tests/prop/*_prop.c ;;
	fuzz)	set -- fuzz tests/fuzz/*_fuzz.c ;;
	golden)	set -- golden tests/golden/run.sh ;;
	*)	set -- "$1" "tests/$1"/*.sh ;;
	esac
	kind=$1
	shift
	for f; do
		[ -f "$f" ] || continue
		f=${f##*/}
		echo "$kind/${f%.*}"
	done | grep -E -e "${ONLY:-.}" | grep -v -E -e "${WITHOUT:-^$}" || :
}

TOP=$PWD
BUILD=$PWD/build/$1
RINGFENCE=${RINGFENCE:-$PWD/build/ringfence}
[ "$1" = rel ] || RINGFENCE=$BUILD/ringfence
LOGS=$BUILD/logs
TEST_TIMEOUT_SCALE=${TEST_TIMEOUT_SCALE:-1}
JOBS=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
export TOP BUILD RINGFENCE LOGS TEST_TIMEOUT_SCALE
shift
rm -rf "$LOGS"
mkdir -p "$LOGS"

for kind; do
	case $kind in
	golden|e2e) jobs=1 ;;
	*)	jobs=$JOBS ;;
	esac
	list "$kind" | tee -a "$LOGS/list" | xargs -P "$jobs" -I NAME "$0" --one NAME
done

# A test that left no verdict, because its runner was ended, has failed.
passed=0
failed=0
skipped=0
while read -r test; do
	result=$LOGS/${test%%/*}-${test#*/}.result
	case $(cat "$result" 2>/dev/null) in
	pass*)	passed=$((passed + 1)) ;;
	skip*)	skipped=$((skipped + 1)) ;;
	*)	failed=$((failed + 1)) ;;
	esac
done <"$LOGS/list"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
