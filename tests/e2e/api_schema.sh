#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every route, asked well and badly: each answer is one that src/ctl/openapi.json describes, as
# ajv judges it.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
command -v node >/dev/null || { echo "node is not installed"; exit 77; }
command -v npm >/dev/null || { echo "npm is not installed"; exit 77; }
python3 -c 'import ssl' 2>/dev/null || { echo "python3 with ssl is not installed"; exit 77; }
NPM=$TOP/build/npm
mkdir -p "$NPM"
if ! cmp -s "$TOP/tests/npm/package-lock.json" "$NPM/installed"; then
	cp "$TOP/tests/npm/package.json" "$TOP/tests/npm/package-lock.json" "$NPM/"
	(cd "$NPM" && npm ci --ignore-scripts --no-audit --no-fund) >"$TMPDIR/npm.out" 2>&1 || {
		cat "$TMPDIR/npm.out"
		echo "the npm registry does not give ajv"
		exit 77
	}
	cp "$TOP/tests/npm/package-lock.json" "$NPM/installed"
fi
PYTHONPATH=$TOP/tests/support
PYTHONDONTWRITEBYTECODE=1
MODULES=$NPM/node_modules
export PYTHONPATH PYTHONDONTWRITEBYTECODE MODULES
KEYS=$TMPDIR/keys
PORT=$(python3 -c 'import tls_rig; print(tls_rig.free_port())')
exits 0 "$RINGFENCE" keys init "$KEYS"
exits 0 "$RINGFENCE" keys client "$KEYS" viewer
exits 0 "$RINGFENCE" keys client "$KEYS" operator --role operate
policy_begin
daemon_options="--listen 127.0.0.1:$PORT --keys $KEYS"
daemon_start
wait_for "TLS" "$RINGFENCE" status --remote "127.0.0.1:$PORT" --ca "$KEYS/ca.crt" \
    --cert "$KEYS/viewer.crt" --key "$KEYS/viewer.key"

ask()	# PART: answers of one state of things
{
	python3 "$TOP/tests/e2e/api_schema.py" "$PORT" "$KEYS" "$1" >>"$TMPDIR/answers"
}

ask no-nic
nic_start
wait_for "generation 1" status_is 1 generation
ask good
echo 'segmet "x" { }' >>"$POL/a.pol"
ask bad-policy
node "$TOP/tests/npm/validate.js" "$TOP/src/ctl/openapi.json" "$TMPDIR/answers"
# an answer that is wrong is found
sed '1s/\\"state\\"/\\"stat\\"/' "$TMPDIR/answers" >"$TMPDIR/broken"
! cmp -s "$TMPDIR/broken" "$TMPDIR/answers" || fail "no answer to break"
! node "$TOP/tests/npm/validate.js" "$TOP/src/ctl/openapi.json" "$TMPDIR/broken" \
    >"$TMPDIR/out" || fail "the validator takes anything"
