/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_sha256 - digest and checksum of images, without a library.
 * Does:    SHA-256 in pieces of any length; CRC32C.
 * Context: pure; O(len). Not for secrets: table look-ups and no wiping.
 * Source:  FIPS 180-4 section 6.2; RFC 3720 appendix B.4 (polynomial 0x1EDC6F41, reflected).
 */
#ifndef FW_SHA256_H
#define FW_SHA256_H

#include "wire_types.h"

enum { FW_SHA256_BYTES = 32 };

struct fw_sha256 {
	uint32_t h[8];
	uint64_t bytes;			/* of the whole message so far */
	uint8_t block[64];		/* its first bytes % 64 are taken */
};

void fw_sha256_init(struct fw_sha256 *s);
void fw_sha256_update(struct fw_sha256 *s, const uint8_t *p, uint32_t len);
/* s is then used up. */
void fw_sha256_final(struct fw_sha256 *s, uint8_t out[FW_SHA256_BYTES]);

/* crc is that of the bytes before, 0 at the start. */
uint32_t fw_crc32c(uint32_t crc, const uint8_t *p, uint32_t len);

#endif
