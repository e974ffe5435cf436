#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The TLS port against what is no TLS 1.3, byte by byte; then the scanners, where they are.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
tls_begin
exits 0 "$RINGFENCE" keys init "$KEYS"
exits 0 "$RINGFENCE" keys client "$KEYS" viewer
policy_begin
nic_start
daemon_options="--listen 127.0.0.1:$PORT --keys $KEYS"
daemon_start
python3 "$TOP/tests/e2e/ctl_wire.py" "$PORT" "$KEYS" "$daemon_pid"

s_client()	# OPTION...: a request by openssl s_client; its talk in $TMPDIR/out
{
	printf 'GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
	    timeout 10 openssl s_client -connect "127.0.0.1:$PORT" -CAfile "$KEYS/ca.crt" \
	    -cert "$KEYS/viewer.crt" -key "$KEYS/viewer.key" -ign_eof "$@" \
	    >"$TMPDIR/out" 2>&1 || :
}
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
	s_client -ciphersuites $suite
	prints "Cipher is $suite"
	prints 'HTTP/1.1 200 OK'
done
for group in X25519 P-256; do
	s_client -groups $group
	prints 'HTTP/1.1 200 OK'
done
s_client -groups P-384:P-256	# asked for another share
prints 'HTTP/1.1 200 OK'
for options in '-tls1_2' '-tls1_2 -cipher ALL:@SECLEVEL=0' '-groups X448' '-groups P-384' \
    '-ciphersuites TLS_AES_128_CCM_SHA256' '-sigalgs RSA-PSS+SHA256'; do
	# shellcheck disable=SC2086 # words
	s_client $options
	! grep -q 'HTTP/1.1' "$TMPDIR/out" || fail "served with $options"
	prints 'alert'
done
s_client
prints 'No ALPN negotiated'
! grep -q 'Max Early Data: [1-9]' "$TMPDIR/out" || fail "early data is offered"

if command -v sslscan >/dev/null; then
	sslscan --no-colour "127.0.0.1:$PORT" >"$TMPDIR/scan" 2>&1 || fail "sslscan: $?"
	for v in SSLv2 SSLv3 TLSv1.0 TLSv1.1 TLSv1.2; do
		grep -q "$v *disabled" "$TMPDIR/scan" || fail "sslscan: $v is not disabled"
	done
else
	echo "# sslscan is not installed"
fi
for testssl in testssl testssl.sh; do
	command -v $testssl >/dev/null || continue
	timeout 120 $testssl --quiet --color 0 -p -s "127.0.0.1:$PORT" >"$TMPDIR/scan" 2>&1 || :
	! grep -q 'TLS 1\(.[012]\)\{0,1\} *offered' "$TMPDIR/scan" || fail "testssl: an old version"
done
command -v testssl >/dev/null || command -v testssl.sh >/dev/null ||
    echo "# testssl is not installed"
