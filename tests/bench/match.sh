#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Dependent lookups on the packed tables, beside a pointer chase of equal depth.
set -eu
"${BUILD:-build/rel}/bench/match" "$@"
