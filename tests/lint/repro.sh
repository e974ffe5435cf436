#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two builds in two folders, same bytes: the tree is copied, built again beside the same
# dependencies, and compared.
set -eu
cd "$(dirname "$0")/../.."
here=build/ringfence
[ -f src/cli/main.c ] || here=build/rel/libringfence.a
[ -f "$here" ] || { echo "$here is not built yet"; exit 77; }
copy=$(mktemp -d "${TMPDIR:-/tmp}/repro.XXXXXX")
trap 'rm -rf "$copy"' EXIT INT TERM
for f in build.sh deps.sh deps.lock src fw lua policy tests; do
	[ ! -e "$f" ] || cp -R "$f" "$copy/"
done
mkdir "$copy/build"
ln -s "$(cd build/deps && pwd -P)" "$copy/build/deps"
"$copy/build.sh" all >"$copy/log" 2>&1 || { cat "$copy/log"; exit 1; }
cmp "$here" "$copy/$here"
echo "$(sha256sum <"$here" | cut -d' ' -f1) twice"
