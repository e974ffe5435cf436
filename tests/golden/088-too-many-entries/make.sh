#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
mkdir é
seq 1 4097 | sed 's|^|é/|' | xargs touch
echo 'segment "s" { members = "192.0.2.1", mode = "learn" }' >a.pol
