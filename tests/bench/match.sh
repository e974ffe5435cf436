#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Dependent lookups on the packed tables, beside a pointer chase of equal depth: as built, with
# 128-bit vectors where there are wider ones, and the walk built for this processor alone.
set -eu
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-$PWD/build/rel}
"$BUILD/bench/match" "$@"
[ $# = 0 ] || exit 0
echo "match: 128-bit vectors"
"$BUILD/bench/match" narrow
tmp=$(mktemp -d /tmp/rf-match.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
if ! musl-gcc -std=c11 -O3 -march=native -Isrc/wire -Ifw -c -o "$tmp/walk.o" fw/fw_match.c \
    2>"$tmp/log"; then
	echo "SKIP match, -O3 -march=native: $(head -n 1 "$tmp/log")"
	exit 0
fi
# before the library, whose own walk is then not taken
musl-gcc -static -o "$tmp/match" "$BUILD/obj/tests/bench/match.o" "$tmp/walk.o" \
    "$BUILD"/obj/tests/support/*.o -Wl,--start-group "$BUILD/libringfence.a" \
    build/deps/musl/*.a -Wl,--end-group
echo "match: the walk at -O3 -march=native"
"$tmp/match" narrow
