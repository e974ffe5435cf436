#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
awk 'BEGIN { for (i = 0; i < 65536; i++) printf "-- %060d\n", i }' >a.pol
echo >>a.pol
