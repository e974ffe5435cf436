#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compile and proof: CPU time and memory by rules and tables; fails beyond the bounds.
set -eu
"$BUILD/bench/prove"
