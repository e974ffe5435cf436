#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
echo nothing >README
mkdir sub
echo '-- only directly in the directory' >sub/a.pol
