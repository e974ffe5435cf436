#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What it costs a process to enter a room: tests/bench/rights.c.
set -eu
exec "$BUILD/bench/rights"
