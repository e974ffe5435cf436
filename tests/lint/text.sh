#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Text of the tree: licence lines, file length, header guards, line width, trailing space, words
# that mean "not done", and places that only one machine knows.
set -eu
cd "$(dirname "$0")/../.."
LINES_MAX=800
COLUMNS_MAX=100
# shellcheck disable=SC2016 # the tab stop arithmetic is awk's
code='
function complain(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad = 1 }
function width(s,   i, n, part) {
	n = split(s, part, "\t")
	w = length(part[1])
	for (i = 2; i <= n; i++) w = int(w / 8) * 8 + 8 + length(part[i])
	return w
}
FNR == 1 { licensed = 0; last = FILENAME }
FNR <= 2 && /SPDX-License-Identifier: Apache-2.0/ { licensed = 1 }
FNR == 3 && !licensed { complain("no licence line") }
FNR == lines_max + 1 { complain("longer than " lines_max " lines") }
/[ \t]$/ { complain("space at the end of the line") }
width($0) > columns_max && $0 !~ /https?:/ { complain("wider than " columns_max " columns") }
END { exit bad }'

bad=0
list=${TMPDIR:-/tmp}/lint-text.$$
find src fw tests lua \( -name '*.[ch]' -o -name '*.re' -o -name '*.sh' -o -name '*.lua' \) \
    ! -path 'tests/data/*' 2>/dev/null | sort >"$list"
printf 'build.sh\ndeps.sh\n.ci/run\n' >>"$list"
xargs awk -v lines_max=$LINES_MAX -v columns_max=$COLUMNS_MAX "$code" \
    <"$list" || bad=1

# Guards: src/util/str.h has STR_H.
grep '\.h$' "$list" >"$list.h" || :
while read -r f; do
	guard=$(basename "$f" .h | tr 'a-z-' 'A-Z_')_H
	if ! grep -q "^#ifndef $guard\$" "$f" || ! grep -q "^#define $guard\$" "$f"; then
		echo "$f: guard is not $guard"
		bad=1
	fi
done <"$list.h"
rm -f "$list" "$list.h"

# The patterns are spelled so that this file does not match itself.
undone='TO''DO|FIX''ME|XX''X:|HA''CK:'
machine='deb\.deb''ian|deb\.node''source|snapshot\.deb''ian|registry\.npm''js'
machine=$machine'|/wo''rk/|/ro''ot/|/tmp/''wt'
for d in src fw tests lua policy man build.sh deps.sh deps.lock README.md .ci; do
	[ -e "$d" ] || continue
	if grep -rnE -I --exclude-dir=corpus -e "$undone" -e "$machine" "$d"; then
		echo "^ words that must not be in the tree"
		bad=1
	fi
done
exit $bad
