#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
printf '\357\273\277-- a mark\n' >a.pol
printf '\377\376l\000' >b.pol
printf '#!/usr/bin/env lua\n' >c.pol
printf -- '-- one line\n-- \000\n' >d.pol
printf -- '-- \303\050\n' >e.pol
