#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mandoc -T lint on every manual.
set -eu
cd "$(dirname "$0")/../.."
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
set -- man/*.[1-8]
[ -f "$1" ] || { echo "no manuals in man/"; exit 77; }
mandoc -T lint -W style "$@"
