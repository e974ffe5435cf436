/* SPDX-License-Identifier: Apache-2.0 */
/* fw_sha256 - SHA-256 with a schedule of 16 words, CRC32C four bits at a time. */
#include "fw_sha256.h"

#include "fw_mem.h"
#include "fw_port.h"

static const uint32_t round_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2
};

static uint32_t
rotr(uint32_t v, unsigned n)
{
	return v >> n | v << (32 - n);
}

static uint32_t
be32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
block_mix(uint32_t h[8], const uint8_t *p)
{
	uint32_t w[16], s[8];

	for (unsigned i = 0; i < 8; i++)
		s[i] = h[i];
	for (unsigned i = 0; i < 64; i++) {
		uint32_t t1, t2;

		if (i < 16) {
			w[i] = be32_at(p + 4 * i);
		} else {
			uint32_t a = w[(i + 1) & 15], b = w[(i + 14) & 15];

			w[i & 15] += (rotr(a, 7) ^ rotr(a, 18) ^ a >> 3) + w[(i + 9) & 15] +
			    (rotr(b, 17) ^ rotr(b, 19) ^ b >> 10);
		}
		t1 = s[7] + (rotr(s[4], 6) ^ rotr(s[4], 11) ^ rotr(s[4], 25)) +
		    ((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constant[i] + w[i & 15];
		t2 = (rotr(s[0], 2) ^ rotr(s[0], 13) ^ rotr(s[0], 22)) +
		    ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		for (unsigned k = 7; k > 0; k--)
			s[k] = s[k - 1];
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (unsigned i = 0; i < 8; i++)
		h[i] += s[i];
}

void
fw_sha256_init(struct fw_sha256 *s)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
	};

	for (unsigned i = 0; i < 8; i++)
		s->h[i] = start[i];
	s->bytes = 0;
}

void
fw_sha256_update(struct fw_sha256 *s, const uint8_t *p, uint32_t len)
{
	uint32_t held = (uint32_t)(s->bytes & 63);

	s->bytes += len;
	if (held > 0) {
		uint32_t n = len < 64 - held ? len : 64 - held;

		memcpy(s->block + held, p, n);
		p += n;
		len -= n;
		if (held + n < 64)
			return;
		block_mix(s->h, s->block);
	}
	for (; len >= 64; len -= 64, p += 64)
		block_mix(s->h, p);
	if (len > 0)
		memcpy(s->block, p, len);
}

void
fw_sha256_final(struct fw_sha256 *s, uint8_t out[FW_SHA256_BYTES])
{
	uint32_t held = (uint32_t)(s->bytes & 63);
	uint64_t bits = s->bytes * 8;

	s->block[held++] = 0x80;
	if (held > 56) {
		memset(s->block + held, 0, 64 - held);
		block_mix(s->h, s->block);
		held = 0;
	}
	memset(s->block + held, 0, 56 - held);
	for (unsigned i = 0; i < 8; i++)
		s->block[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
	block_mix(s->h, s->block);
	for (unsigned i = 0; i < 32; i++)
		out[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i & 3)));
}

/* The remainder of v, four bits at a time. */
static const uint32_t crc_nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362,
	0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab,
	0xe330a81a, 0xf36e6f75
};

uint32_t
fw_crc32c(uint32_t crc, const uint8_t *p, uint32_t len)
{
	crc = ~crc;
	for (; len > 0; len--, p++) {
		crc ^= *p;
		crc = crc >> 4 ^ crc_nibble[crc & 15];
		crc = crc >> 4 ^ crc_nibble[crc & 15];
	}
	return ~crc;
}
