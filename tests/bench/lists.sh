#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Policies with lists of 200,000 prefixes: CPU time and memory of each step;
# fails beyond the bounds.
set -eu
"$BUILD/bench/lists"
