#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
printf '\033Lua\124\000' >a.pol
