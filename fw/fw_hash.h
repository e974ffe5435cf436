/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_hash - SipHash: a keyed hash that who sends packets cannot steer.
 * Shape:   2-4, and 1-3, which is for what is asked of every packet: nobody sees its values.
 * Limits:  whole 8-byte words; the callers' keys are padded to that.
 * Context: pure.
 * Source:  Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef FW_HASH_H
#define FW_HASH_H

#include "wire_types.h"

uint64_t fw_siphash(const uint8_t key[16], const uint64_t *words, uint32_t count);
uint64_t fw_siphash13(const uint8_t key[16], const uint64_t *words, uint32_t count);

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

#endif
