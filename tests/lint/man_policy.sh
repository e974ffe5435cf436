#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ringfence-policy(5) and the sources say the same: codes of messages, keys, names of ICMP types.
# Its examples and policy/ compile without a message. Every code that a policy can give is given
# in tests/golden.
set -eu
cd "$(dirname "$0")/../.."
page=man/ringfence-policy.5
tmp=${TMPDIR:-/tmp}/man-policy.$$
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp"
bad=0

same()	# WHAT SOURCES MANUAL: two sorted lists
{
	if [ ! -s "$2" ]; then
		echo "$1: none found in the sources"
		bad=1
	elif ! diff "$2" "$3" >"$tmp/diff"; then
		echo "$1 (< sources, > manual):"
		sed -n '/^[<>]/p' "$tmp/diff"
		bad=1
	fi
}

section()	# NAME: its lines
{
	awk -v name="$1" '/^\.S[hs] / { on = substr($0, 5) == name } on' "$page"
}

# shellcheck disable=SC2016 # awk's own dollar
# The second argument of diag_set, the third of refuse: all the texts in it; one without a text is
# the parameter of a function whose callers are looked at.
code_calls='
{ text = text " " $0 }
END {
	while (match(text, /(diag_set|refuse)\(/)) {
		skip = substr(text, RSTART, RLENGTH) ~ /refuse/ ? 2 : 1
		text = substr(text, RSTART + RLENGTH)
		rest = text
		while (skip-- > 0)
			sub(/^[^,]*,/, "", rest)
		sub(/,.*/, "", rest)
		while (match(rest, /"[a-z-]+"/)) {
			print substr(rest, RSTART + 1, RLENGTH - 2)
			rest = substr(rest, RSTART + RLENGTH)
		}
	}
}'
# pol_packet.re reads questions, no policy
find src/policy src/image src/util -name '*.[ch]' -o -name '*.re' | grep -v pol_packet | sort |
    while read -r f; do
	awk "$code_calls" "$f"
done | sort -u >"$tmp/codes"
section Errors >"$tmp/page"
section Warnings >>"$tmp/page"
sed -n 's/^\.It Li //p' "$tmp/page" | sort >"$tmp/codes.man"
same "codes" "$tmp/codes" "$tmp/codes.man"

for table in icmp4_names icmp6_names; do
	sed -n "/ $table\\[\\] =/,/^};/p" src/policy/pol_bind_service.c |
	    grep -o '{ "[^}]*}' | tr -d '{}",' |
	    awk '{ print $1, $2, $3 == "ANY_CODE" ? "any" : $3 }' >>"$tmp/icmp"
done
section Services |
    sed -nE 's/^\.It ([^ ]*) Ta ([0-9]*) Ta ([0-9a-z]*)$/\1 \2 \3/p' >"$tmp/icmp.man"
same "ICMP types" "$tmp/icmp" "$tmp/icmp.man"

# Keys: words of the page in .Ic, or before = in its text and grammar.
cat src/policy/pol_bind_*.c | tr '\n' ' ' |
    grep -oE '(later_)?keys\[\] = \{[^}]*\}' | grep -o '"[a-z_0-9]*"' | tr -d '"' |
    sort -u >"$tmp/keys"
{
	sed -n 's/^\.I[tc] //p' "$page" | tr -c 'a-z_0-9\n' '\n'
	grep -oE '"[a-z_]+"[ )]*"="' "$page" | tr -dc 'a-z_\n'
} | sort -u >"$tmp/words"
comm -12 "$tmp/keys" "$tmp/words" >"$tmp/keys.man"
same "keys" "$tmp/keys" "$tmp/keys.man"

# Codes that no text of a policy can give, and why.
cat >"$tmp/exempt" <<-END
	bad-image an image that is read
	bad-symbols a symbols file that is read
	broken-rules a broken evaluation
	image memory runs out
	file-changed a race with another process
	file-owner a file of the daemon's state
	io a disk that fails
	no-memory memory runs out
	not-regular a race with another process
	out-of-memory memory runs out
	path-length a path of a caller
	proof-failed a broken compiler
	proof-memory memory runs out
	too-many-lists told before as image-too-big
	too-many-locals told before as limit
	too-many-rules told before as table-too-big
END
cut -d' ' -f1 "$tmp/exempt" | sort >"$tmp/exempt.codes"
cat tests/golden/*/want.err |
    sed -nE 's/^.*(error|warning) ([a-z-]+): .*/\2/p' >"$tmp/given"
sort -u "$tmp/given" "$tmp/exempt.codes" >"$tmp/covered"
same "codes given in tests/golden" "$tmp/codes" "$tmp/covered"

# Examples: .\" example DIR/FILE before the block that is the file.
awk -v tmp="$tmp" '
$2 == "example" {
	file = dir = tmp "/ex/" $3
	sub(/\/[^\/]*$/, "", dir)
	system("mkdir -p " dir)
}
/^\.Ed/ { file = ""; open = 0 }
open && /^\./ { print "a macro in the example " file; exit 1 }
open { print >file }
/^\.Bd/ && file { open = 1 }' "$page" || bad=1
for dir in "$tmp"/ex/* policy; do
	if ! "$RINGFENCE" check "$dir" >"$tmp/out" 2>"$tmp/err" || [ -s "$tmp/err" ]; then
		echo "${dir#"$tmp"/ex/}:"
		cat "$tmp/err"
		bad=1
	fi
done
if [ "$(find "$tmp/ex" -name '*.pol' | wc -l)" -lt 5 ]; then
	echo "examples not found in $page"
	bad=1
fi
exit $bad
