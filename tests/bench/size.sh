#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bytes of the binary; tests/lint/size.sh holds them against their bound.
set -eu
cd "$(dirname "$0")/../.."
RINGFENCE=${RINGFENCE:-$PWD/build/ringfence}
echo "size:    $(wc -c <"$RINGFENCE") bytes, static, stripped"
