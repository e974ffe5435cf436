#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# judge and explain against an oracle that knows nothing but the manual: random policies as text,
# random frames. SEED and TRIES find more.
set -eu
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
nice -n 10 python3 "$TOP/tests/e2e/judge_oracle.py" "$RINGFENCE" "$TMPDIR" "${SEED:-1}" \
    "${TRIES:-20}" 300
