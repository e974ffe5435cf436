#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mandoc -T lint on every manual; a manual of ours that another one names is in man/.
set -eu
cd "$(dirname "$0")/../.."
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
set -- man/*.[1-8]
[ -f "$1" ] || { echo "no manuals in man/"; exit 77; }
bad=0
mandoc -T lint -W style "$@" 2>&1 | grep '^mandoc: man/' | {
	while IFS= read -r line; do
		# it looks for the others where manuals are installed
		name=$(printf '%s' "$line" |
		    sed -n 's/.*referenced manual not found: Xr \([^ ]*\) \([1-8]\).*/\1.\2/p')
		[ -z "$name" ] || [ ! -f "man/$name" ] || continue
		echo "$line"
		bad=1
	done
	exit $bad
}
