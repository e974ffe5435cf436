#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
awk 'BEGIN { for (i = 0; i < 65536; i++) print "-- 64 bytes a line, so that 4 MiB are full after 65536 of them." }' >a.pol
echo 'segment "s" { members = "192.0.2.1", mode = "learn" }' >b.pol
echo >>a.pol
