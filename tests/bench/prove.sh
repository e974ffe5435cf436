#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compile and proof: seconds and memory by rules and tables; fails beyond the bounds.
set -eu
"$BUILD/bench/prove"
