#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
mkdir -p 1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18
echo 'segment "s" { members = "192.0.2.1", mode = "learn" }' >a.pol
