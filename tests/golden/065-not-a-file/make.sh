#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
ln -s /dev/null link.pol
mkfifo pipe
echo 'segment "s" { members = "192.0.2.1", mode = "learn" }' >a.pol
