/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash over whole words. Its length byte counts bytes, as in the paper. */
#include "fw_hash.h"

#include "fw_port.h"

enum { WORDS_MAX = 31 };

static uint64_t
rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline __attribute__((always_inline)) void
rounds(uint64_t v[4], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

/* c rounds a word, d at the end. */
static inline __attribute__((always_inline)) uint64_t
siphash(const uint8_t key[16], const uint64_t *words, uint32_t count, unsigned c, unsigned d)
{
	uint64_t k0 = fw_word(key), k1 = fw_word(key + 8);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
		k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u };

	FW_CHECK(count <= WORDS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		v[3] ^= words[i];
		rounds(v, c);
		v[0] ^= words[i];
	}
	uint64_t last = (uint64_t)count << 59;

	v[3] ^= last;
	rounds(v, c);
	v[0] ^= last;
	v[2] ^= 0xff;
	rounds(v, d);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
fw_siphash(const uint8_t key[16], const uint64_t *words, uint32_t count)
{
	return siphash(key, words, count, 2, 4);
}

uint64_t
fw_siphash13(const uint8_t key[16], const uint64_t *words, uint32_t count)
{
	return siphash(key, words, count, 1, 3);
}
