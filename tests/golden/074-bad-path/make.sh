#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
: >"$(printf 'c\001.pol')"
: >"$(printf 'c\302\233.pol')"
: >"$(printf 'd\377.pol')"
echo 'segment "s" { members = "192.0.2.1", mode = "learn" }' >a.pol
