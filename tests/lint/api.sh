#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The routes of src/ctl/api.c are those of src/ctl/openapi.json and of ringfence-api(7).
set -eu
cd "$(dirname "$0")/../.."
TMPDIR=${TMPDIR:-/tmp}
sed -n 's/^	{ HTTP_\([A-Z]*\), "\([^"]*\)",.*/\1 \2/p' src/ctl/api.c |
    sort >"$TMPDIR/api.routes"
# one space of indent a level: paths at two, methods at three
awk '/^ "paths": *{/ { in_paths = 1; next }
	/^ }/ { in_paths = 0 }
	in_paths && /^  "\// { split($0, p, "\""); path = p[2] }
	in_paths && /^   "(get|post|put|delete|patch)":/ {
		split($0, m, "\"")
		print toupper(m[2]), path
	}
' src/ctl/openapi.json | sort >"$TMPDIR/openapi.routes"
grep '^\.It Li [A-Z]* /v1' man/ringfence-api.7 | sed 's/^\.It Li //; s/ Ns Op Li.*//' |
    tr ',' '\n' | sed 's/^ *//; s/ *$//; s/?.*//; s,/N$,/{n},; s,/N/,/{n}/,' |
    sort >"$TMPDIR/man.routes"
[ "$(wc -l <"$TMPDIR/api.routes")" -gt 10 ] || { echo "src/ctl/api.c: no routes found"; exit 1; }
bad=0
diff "$TMPDIR/api.routes" "$TMPDIR/openapi.routes" || { echo "openapi.json differs"; bad=1; }
diff "$TMPDIR/api.routes" "$TMPDIR/man.routes" || { echo "ringfence-api.7 differs"; bad=1; }
exit $bad
