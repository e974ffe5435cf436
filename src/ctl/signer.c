/* SPDX-License-Identifier: Apache-2.0 */
/* signer - the loop of the process that holds the private key. */
#include "tls_key.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "bytes.h"
#include "clock.h"
#include "keys_ca.h"

/* Tokens of SIGNER_RATE_MAX a second: waits where there is none. */
static void
rate_wait(uint64_t *allowed_ns)
{
	uint64_t now = clock_mono_ns(), step = NS_PER_S / SIGNER_RATE_MAX;

	if (*allowed_ns + NS_PER_S < now)
		*allowed_ns = now - NS_PER_S;	/* a burst of one second */
	*allowed_ns += step;
	while (now < *allowed_ns) {
		if (poll(NULL, 0, 1) != 0)
			break;
		now = clock_mono_ns();
	}
}

/* r and s of 32 bytes each from mbedTLS's DER: two INTEGERs in a SEQUENCE. */
static bool
der_to_raw(const uint8_t *der, size_t len, uint8_t raw[64])
{
	struct rd r;

	rd_init(&r, der, len);
	memset(raw, 0, 64);
	if (rd_u8(&r) != 0x30 || rd_u8(&r) != len - 2)
		return false;
	for (int i = 0; i < 2; i++) {
		const uint8_t *p;
		uint8_t n;

		if (rd_u8(&r) != 0x02)
			return false;
		n = rd_u8(&r);
		p = rd_bytes(&r, n);
		if (p == NULL || n == 0 || n > 33 || (n == 33 && p[0] != 0))
			return false;
		if (n == 33)
			memcpy(raw + 32 * i, p + 1, 32);
		else
			memcpy(raw + 32 * i + 32 - n, p, n);
	}
	return rd_done(&r);
}

static bool
digest_sign(mbedtls_pk_context *key, struct keys_rng *rng, const uint8_t *digest, size_t len,
    uint8_t raw[64])
{
	mbedtls_md_type_t md = len == 32 ? MBEDTLS_MD_SHA256 : len == 48 ? MBEDTLS_MD_SHA384 :
	    len == 64 ? MBEDTLS_MD_SHA512 : MBEDTLS_MD_NONE;
	uint8_t der[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
	size_t der_len = 0;

	return md != MBEDTLS_MD_NONE && mbedtls_pk_sign(key, md, digest, len, der, sizeof(der),
	    &der_len, mbedtls_ctr_drbg_random, &rng->drbg) == 0 && der_to_raw(der, der_len, raw);
}

static enum rc
serve_loop(int fd, mbedtls_pk_context *key, struct keys_rng *rng)
{
	uint64_t allowed_ns = 0;

	for (;;) {
		uint8_t ask[SIGNER_REQUEST_BYTES + 1], answer[SIGNER_ANSWER_BYTES] = { 1, 1 };
		ssize_t n = recv(fd, ask, sizeof(ask), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? RC_OK : RC_PEER;
		rate_wait(&allowed_ns);
		memcpy(answer + 2, ask + 2, 4);
		if (n == SIGNER_REQUEST_BYTES && ask[0] == 1 &&
		    digest_sign(key, rng, ask + SIGNER_HEAD_BYTES, ask[1],
		    answer + SIGNER_HEAD_BYTES))
			answer[1] = 0;
		if (send(fd, answer, sizeof(answer), MSG_NOSIGNAL) != (ssize_t)sizeof(answer))
			return RC_PEER;
	}
}

enum rc
signer_serve(int fd, uint8_t *pem, size_t len, struct diag *diag)
{
	mbedtls_pk_context key;
	struct keys_rng rng;
	enum rc rc = keys_rng_open(&rng, diag);
	int err;

	mbedtls_pk_init(&key);
	if (rc != RC_OK)
		goto out;
	err = mbedtls_pk_parse_key(&key, pem, len, NULL, 0, mbedtls_ctr_drbg_random, &rng.drbg);
	mem_wipe(pem, len);
	if (err != 0) {
		rc = keys_fail(diag, "read the server key", err);
		goto out;
	}
	if (mbedtls_pk_get_type(&key) != MBEDTLS_PK_ECKEY || mbedtls_pk_get_bitlen(&key) != 256) {
		diag_set(diag, "keys", "the server key is not ECDSA P-256");
		rc = RC_INVALID;
		goto out;
	}
	rc = serve_loop(fd, &key, &rng);
out:
	mbedtls_pk_free(&key);
	keys_rng_close(&rng);
	return rc;
}
