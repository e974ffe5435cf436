#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manuals against the binary: each verb, option, event and exit code of the one is in the other,
# and the examples run.
set -eu
bad=0
complain()
{
	echo "FAILED: $*"
	bad=1
}

"$RINGFENCE" --help >"$TMPDIR/help"
verbs=$(sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p' "$TMPDIR/help")
[ "$(echo "$verbs" | wc -l)" -ge 12 ] || complain "--help lists too few verbs: $verbs"
: >"$TMPDIR/options"
sed -n 's/^  .*--\([a-z-]*\).*/\1/p' "$TMPDIR/help" >>"$TMPDIR/options"
for verb in $verbs; do
	"$RINGFENCE" "$verb" --help >"$TMPDIR/verb"
	grep -q "^usage: ringfence $verb" "$TMPDIR/verb" || complain "$verb --help has no usage"
	"$RINGFENCE" help "$verb" | cmp -s - "$TMPDIR/verb" || complain "help $verb is another text"
	grep -qw "$verb" "$TOP/man/ringfence.1" || complain "$verb is not in ringfence.1"
	sed -n 's/^  .*--\([a-z-]*\).*/\1/p' "$TMPDIR/verb" >>"$TMPDIR/options"
	case $verb in
	nic|run) page=$TOP/man/ringfence.8 ;;
	*)	page=$TOP/man/ringfence.1 ;;
	esac
	grep -q "^\.Cm .*$verb" "$page" || complain "$verb is not in the synopsis of $page"
	# every option that usage shows is in that page
	sed -n '1s/.*usage: //p' "$TMPDIR/verb" | grep -o -e '--[a-z]*' | sed 's/--//' |
	while read -r option; do
		grep -q "Fl -$option" "$page" || echo "$verb --$option is not in $page"
	done >"$TMPDIR/missing"
	[ ! -s "$TMPDIR/missing" ] || complain "$(cat "$TMPDIR/missing")"
done
sort -u "$TMPDIR/options" >"$TMPDIR/have"
sed -n 's/^\.It .*Fl -\([a-z-]*\).*/\1/p' "$TOP/man/ringfence.1" | sort -u >"$TMPDIR/told"
diff "$TMPDIR/have" "$TMPDIR/told" || complain "options of --help (<) and of ringfence.1 (>) differ"

# keys of the configuration: those of each service, and no others
for service in nic run; do
	"$RINGFENCE" config show "$service" --json | sed 's/.*"key":"\([a-z-]*\)".*/\1/' | sort \
	    >"$TMPDIR/have"
	[ "$(wc -l <"$TMPDIR/have")" -ge 6 ] || complain "config show $service shows too little"
	sed -n "/^\.Ss Keys of $service/,/^\.El/s/^\.It Ic \([a-z-]*\) .*/\1/p" \
	    "$TOP/man/ringfence.conf.5" | sort >"$TMPDIR/told"
	diff "$TMPDIR/have" "$TMPDIR/told" || complain "keys of $service (<) and of the manual (>)"
done

# exit codes: those of the source
sed -n 's/^	EXIT_[A-Z_]* = \([0-9]*\).*/\1/p' "$TOP/src/cli/cli.h" >"$TMPDIR/codes"
[ -s "$TMPDIR/codes" ] || complain "src/cli/cli.h has no exit codes"
while read -r code; do
	sed -n '/^\.Sh EXIT STATUS/,/^\.El/p' "$TOP/man/ringfence.1" | grep -q "^\.It $code\$" ||
	    complain "exit code $code is not in ringfence.1"
done <"$TMPDIR/codes"

# events of the services' logs
grep -ho 'log_[a-z]*("[a-z-]*' "$TOP"/src/agent/*.c "$TOP"/src/softnic/*.c "$TOP"/src/proc/*.c |
    sed 's/.*("//' | sort -u >"$TMPDIR/events"
[ -s "$TMPDIR/events" ] || complain "no events in the sources"
while read -r event; do
	sed -n '/^\.Ss Events/,/^\.Sh/p' "$TOP/man/ringfence.8" | grep -qw -e "$event" ||
	    complain "event $event is not in ringfence.8"
done <"$TMPDIR/events"

# the examples of ringfence.1, in a directory that has what they name
mkdir "$TMPDIR/run" "$TMPDIR/run/tests" "$TMPDIR/run/tests/data"
cp -R "$TOP/policy" "$TMPDIR/run/policy"
cp "$TOP/tests/data/demo.pcap" "$TMPDIR/run/tests/data/"
cd "$TMPDIR/run"
sed -n '/^\.Sh EXAMPLES/,/^\.Sh DIAG/p' "$TOP/man/ringfence.1" | grep '^ringfence ' >../examples
[ -s ../examples ] || complain "ringfence.1 has no examples"
while read -r _ arguments; do
	# shellcheck disable=SC2086 # words of a command line
	"$RINGFENCE" $arguments >../out 2>&1 || complain "ringfence $arguments: exit $?"
done <../examples
exit $bad
