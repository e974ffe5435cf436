/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_hash - SipHash: a keyed hash that who sends packets cannot steer.
 * Shape:   2-4, and 1-3, which is for what is asked of every packet: nobody sees its values.
 * Limits:  whole 8-byte words, and for fw_siphash13_last up to 7 bytes more.
 * Context: pure.
 * Source:  Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef FW_HASH_H
#define FW_HASH_H

#include "wire_types.h"

uint64_t fw_siphash(const uint8_t key[16], const uint64_t *words, uint32_t count);
uint64_t fw_siphash13(const uint8_t key[16], const uint64_t *words, uint32_t count);
/* Of count words and tail_bytes < 8 bytes more, the low ones of tail. Unrolled where count is known
 * where it is called. */
static inline uint64_t fw_siphash13_last(const uint8_t key[16], const uint64_t *words,
    uint32_t count, uint64_t tail, uint32_t tail_bytes);

/* Eight bytes as one word, in the machine's order: for keys, not for the wire. */
static inline uint64_t
fw_word(const uint8_t *b)
{
	uint64_t w;

	__builtin_memcpy(&w, b, sizeof(w));
	return w;
}

/* Four bytes likewise. */
static inline uint64_t
fw_half_word(const uint8_t *b)
{
	uint32_t w;

	__builtin_memcpy(&w, b, sizeof(w));
	return w;
}

/* A field that was written a moment ago, read by itself: compilers join loads of neighbours, and a
 * processor stops where a load takes from several stores that are not in the cache yet. */
static inline uint32_t
fw_alone(uint32_t field)
{
	__asm__("" : "+r"(field));
	return field;
}

/* v after n rounds. */
static inline __attribute__((always_inline)) void
fw_sip_rounds(uint64_t v[4], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = (v[1] << 13 | v[1] >> 51) ^ v[0];
		v[3] = (v[3] << 16 | v[3] >> 48) ^ v[2];
		v[0] = v[0] << 32 | v[0] >> 32;
		v[2] += v[1];
		v[0] += v[3];
		v[1] = (v[1] << 17 | v[1] >> 47) ^ v[2];
		v[3] = (v[3] << 21 | v[3] >> 43) ^ v[0];
		v[2] = v[2] << 32 | v[2] >> 32;
	}
}

/* c rounds a word, d at the end; last holds the length in its top byte. */
static inline __attribute__((always_inline)) uint64_t
fw_sip(const uint8_t key[16], const uint64_t *words, uint32_t count, uint64_t last, unsigned c,
    unsigned d)
{
	uint64_t k0 = fw_word(key), k1 = fw_word(key + 8);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
		k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u };

	for (uint32_t i = 0; i < count; i++) {
		v[3] ^= words[i];
		fw_sip_rounds(v, c);
		v[0] ^= words[i];
	}
	v[3] ^= last;
	fw_sip_rounds(v, c);
	v[0] ^= last;
	v[2] ^= 0xff;
	fw_sip_rounds(v, d);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline __attribute__((always_inline)) uint64_t
fw_siphash13_last(const uint8_t key[16], const uint64_t *words, uint32_t count, uint64_t tail,
    uint32_t tail_bytes)
{
	return fw_sip(key, words, count, tail | (uint64_t)(8 * count + tail_bytes) << 56, 1, 3);
}

#endif
