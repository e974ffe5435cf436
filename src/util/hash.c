/* SPDX-License-Identifier: Apache-2.0 */
/* hash - digests: SHA-256 by mbedTLS, the small sums by hand. */
#include "hash.h"

#include <string.h>

#include "mbedtls/sha256.h"

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof(struct sha256_ctx),
    "the opaque context holds the library's");

static mbedtls_sha256_context *
ctx_of(struct sha256_ctx *c)
{
	return (mbedtls_sha256_context *)(void *)c->opaque;
}

void
sha256_init(struct sha256_ctx *c)
{
	CHECK(c != NULL);
	mbedtls_sha256_init(ctx_of(c));
	CHECK(mbedtls_sha256_starts(ctx_of(c), 0) == 0);
}

void
sha256_update(struct sha256_ctx *c, const void *p, size_t len)
{
	CHECK(p != NULL || len == 0);
	CHECK(mbedtls_sha256_update(ctx_of(c), p, len) == 0);
}

void
sha256_final(struct sha256_ctx *c, uint8_t out[SHA256_BYTES])
{
	CHECK(mbedtls_sha256_finish(ctx_of(c), out) == 0);
	mbedtls_sha256_free(ctx_of(c));
}

void
sha256(const void *p, size_t len, uint8_t out[SHA256_BYTES])
{
	struct sha256_ctx c;

	sha256_init(&c);
	sha256_update(&c, p, len);
	sha256_final(&c, out);
}

void
hex_encode(const void *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * n] = '\0';
}

bool
hex_decode(const char *text, void *out, size_t cap, size_t *len)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *b = out;

	*len = 0;
	for (size_t n = 0; text[0] != '\0'; text += 2, n++) {
		const char *hi = strchr(digits, text[0]);
		const char *lo = text[1] != '\0' ? strchr(digits, text[1]) : NULL;

		if (hi == NULL || lo == NULL || n == cap)
			return false;
		b[n] = (uint8_t)((hi - digits) << 4 | (lo - digits));
		*len = n + 1;
	}
	return true;
}

uint32_t
crc32c(uint32_t crc, const void *p, size_t len)
{
	/* one nibble at a time: 16 entries, each the remainder of its 4 bits */
	static const uint32_t nibble[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17,
		0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };
	const uint8_t *b = p;

	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= b[i];
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return ~crc;
}

uint64_t
fnv1a64(uint64_t h, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * UINT64_C(0x100000001b3);
	return h;
}
