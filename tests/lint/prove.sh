#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The harnesses of tests/prove and the table of fw/README.md say the same: each harness has a row,
# each row a harness, and the bounds are those that its head gives.
set -eu
cd "$(dirname "$0")/../.."
page=fw/README.md
bad=0
harnesses=0
for f in tests/prove/*.c; do
	harnesses=$((harnesses + 1))
	name=$(basename "$f" .c)
	bounds=$(sed -n 's/^ \* bounds: //p' "$f")
	row=$(grep "^| \`$name\` |" "$page" || :)
	if [ -z "$bounds" ] || [ "${row%"| $bounds |"}" = "$row" ]; then
		echo "$page: no row of $name with the bounds: $bounds"
		bad=1
	fi
done
rows=$(sed -n '/^## What is proved/,/^## Decisions/p' "$page" | grep -c '^| `')
[ "$rows" = $harnesses ] || { echo "$page: $rows rows, $harnesses harnesses"; bad=1; }
exit $bad
