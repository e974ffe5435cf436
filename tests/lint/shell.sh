#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every script passes shellcheck.
set -eu
cd "$(dirname "$0")/../.."
command -v shellcheck >/dev/null || { echo "shellcheck is not installed"; exit 77; }
{
	printf 'build.sh\ndeps.sh\n'
	echo .ci/run
	find tests -name '*.sh'
	find src/agent/service -name '*.initd'
} | sort | xargs shellcheck -x
