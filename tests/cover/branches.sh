#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lists the lines of fw/ and src/policy/ that have a branch which no test took, each with the reason
# that reasons.txt gives for it: "file:line: text" below "== reason". Of a line that several objects
# hold, the object that took most counts. The last line counts; a reason that fits no line is named.
# usage: branches.sh build/cover/obj
set -eu
here=$(dirname "$0")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rf-cover.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

for f in "$1"/fw/*.gcda "$1"/src/policy/*.gcda; do
	gcov -b -c -t "$f" 2>/dev/null
done | awk '
function put() {
	if (has) { seen[key]++; missed[key] += bad; text[key] = line }
	has = bad = 0
}
/^ *-: *0:Source:/ { put(); sub(/.*Source:/, ""); file = $0; next }
/^ *[-#=0-9*]+: *[0-9]+:/ { put(); split($0, part, ":"); key = file ":" part[2] + 0
	line = $0; sub(/^[^:]*:[^:]*:[ \t]*/, "", line); next }
/^branch/ && file ~ /^(fw|src\/policy)\// { has = 1; if (/taken 0/ || /never/) bad = 1 }
END { put()
	for (k in seen) if (missed[k] == seen[k]) print k ": " text[k] }' |
    sort -t : -k 1,1 -k 2n >"$tmp/lines"

# reasons.txt: file pattern, tab, text pattern, tab, reason; the first that fits is taken
awk -F '\t' '
FNR == NR { if (/^[^#]/) { n++; file[n] = $1; what[n] = $2; why[n] = $3 } next }
{
	at = index($0, ": ")
	where = substr($0, 1, at - 1)
	sub(/:[0-9]+$/, "", where)
	text = substr($0, at + 2)
	for (i = 1; i <= n; i++)
		if (where ~ file[i] && text ~ what[i])
			break
	count[i]++
	list[i] = list[i] $0 "\n"
}
END {
	for (i = 1; i <= n; i++)
		if (count[i]) printf "== %s\n%s", why[i], list[i]
	printf "== without a reason\n%s", list[n + 1]
	for (i = 1; i <= n; i++)
		if (!count[i]) print "reasons.txt: fits no line: " file[i] " " what[i]
	for (i = 1; i <= n; i++) all += count[i]
	print all + count[n + 1], "lines with a branch not taken,", count[n + 1] + 0, \
	    "of them without a reason"
}' "$here/reasons.txt" "$tmp/lines"
