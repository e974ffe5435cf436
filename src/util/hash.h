/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash - digests and checksums.
 * Does:    SHA-256 (FIPS 180-4, from mbedTLS), CRC32C (RFC 3720, polynomial 0x1EDC6F41
 *          reflected), FNV-1a 64 for tables of trusted keys.
 * Context: pure.
 */
#ifndef HASH_H
#define HASH_H

#include "base.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 65 };

void sha256(const void *p, size_t len, uint8_t out[SHA256_BYTES]);

struct sha256_ctx {
	_Alignas(8) unsigned char opaque[256];
};
void sha256_init(struct sha256_ctx *c);
void sha256_update(struct sha256_ctx *c, const void *p, size_t len);
void sha256_final(struct sha256_ctx *c, uint8_t out[SHA256_BYTES]);

/* Lower-case hexadecimal of n bytes, NUL at the end: out holds 2 * n + 1. */
void hex_encode(const void *p, size_t n, char *out);
/* Of text of such digits to at most cap bytes, *len of them; false for any other. */
MUST_CHECK bool hex_decode(const char *text, void *out, size_t cap, size_t *len);

/* crc of the bytes before, 0 at the start. */
uint32_t crc32c(uint32_t crc, const void *p, size_t len);

uint64_t fnv1a64(uint64_t h, const void *p, size_t len);
#define FNV1A64_INIT UINT64_C(0xcbf29ce484222325)

#endif
