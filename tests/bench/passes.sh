#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What each pass of the compiler saves: bytes, rules, milliseconds.
set -eu
"$BUILD/bench/passes"
