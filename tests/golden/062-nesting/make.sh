#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# a hundred and one brackets
awk 'BEGIN { for (i = 0; i < 101; i++) s = s "{"; print "local t = " s }' >a.pol
