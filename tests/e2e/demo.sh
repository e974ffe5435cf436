#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration on its capture, which needs no right.
set -eu
DEMO=replay "$TOP/tests/demo.sh"
