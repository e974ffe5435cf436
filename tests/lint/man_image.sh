#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ringfence-image(5) and wire_image.h say the same: each row of a structure becomes assertions about
# offset and size, rows must cover the structure without a gap, limits must have their values.
# Nothing is run; the compiler judges.
set -eu
cd "$(dirname "$0")/../.."
page=man/ringfence-image.5
tmp=${TMPDIR:-/tmp}/man-image.$$
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp"

awk '
$2 == "struct" { name = $3; at = 0; print "/* " name " */" }
$2 == "constants" { name = "constants" }
/^\.El/ && name {
	if (name != "constants")
		printf "_Static_assert(sizeof(struct %s) == %d, \"%s ends\");\n", name, at, name
	name = ""
}
/^\.It WIRE_/ && name == "constants" {
	printf "_Static_assert(%s == %d, \"%s\");\n", $2, $4, $2
}
/^\.It [0-9]/ && name != "" && name != "constants" {
	f = "struct " name ", " $6
	if ($2 != at)
		printf "_Static_assert(0, \"%s: a gap before %s\");\n", name, $6
	printf "_Static_assert(offsetof(%s) == %d, \"%s.%s begins\");\n", f, $2, name, $6
	printf "_Static_assert(sizeof(((struct %s *)0)->%s) == %d, \"%s.%s\");\n", name, $6, $4,
	    name, $6
	at = $2 + $4
}' "$page" >"$tmp/rows"
grep -oE '^struct wire_[a-z_]+ \{' src/wire/wire_image.h | sed 's/struct //; s/ {//' |
    sort >"$tmp/want"
sed -n 's/^\/\* \(wire_[a-z_]*\) \*\/$/\1/p' "$tmp/rows" | sort >"$tmp/got"
bad=0
if ! diff "$tmp/want" "$tmp/got"; then
	echo "structures: < wire_image.h, > manual"
	bad=1
fi
if [ "$(grep -c Static_assert "$tmp/rows")" -lt 150 ]; then
	echo "rows of $page not found"
	bad=1
fi
{
	echo '#include <stddef.h>'
	echo '#include <stdint.h>'
	echo '#include "wire_image.h"'
	cat "$tmp/rows"
} >"$tmp/rows.c"
gcc -std=c11 -fsyntax-only -Isrc/wire "$tmp/rows.c" 2>&1 | grep -E 'error|warning' && bad=1
exit $bad
