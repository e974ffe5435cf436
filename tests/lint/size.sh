#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The binary is static, and within its size.
set -eu
BYTES_MAX=$((3 << 20))
bytes=$(wc -c <"$RINGFENCE")
echo "$bytes bytes of $BYTES_MAX"
[ "$bytes" -le "$BYTES_MAX" ]
# PT_INTERP (3) names a loader: a static program has none
od -An -v -tu1 -N 4096 "$RINGFENCE" | awk '
{ for (i = 1; i <= NF; i++) b[n++] = $i }
END {
	off = b[32] + 256 * b[33]
	size = b[54] + 256 * b[55]
	count = b[56] + 256 * b[57]
	if (b[4] != 2 || b[5] != 1 || count == 0) { print "not a 64-bit ELF file"; exit 1 }
	for (i = 0; i < count; i++)
		if (b[off + i * size] == 3) { print "it asks for a loader"; exit 1 }
}'
