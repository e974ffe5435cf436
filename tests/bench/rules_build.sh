#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pol_build: milliseconds by rules and tables; fails beyond its bounds.
set -eu
"$BUILD/bench/rules_build"
