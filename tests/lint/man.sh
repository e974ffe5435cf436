#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mandoc -T lint on every manual. Pages of ours that refer to each other need not be installed.
set -eu
cd "$(dirname "$0")/../.."
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
set -- man/*.[1-8]
[ -f "$1" ] || { echo "no manuals in man/"; exit 77; }
found=$(mandoc -T lint -W style "$@" 2>&1 |
    grep -v -e ' not found: Xr ringfence' -e 'outdated mandoc.db') || :
[ -z "$found" ] || { echo "$found"; exit 1; }
