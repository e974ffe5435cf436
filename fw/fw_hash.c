/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash over whole words. Its length byte counts bytes, as in the paper. */
#include "fw_hash.h"

#include "fw_port.h"

enum { WORDS_MAX = 31 };

static uint64_t
whole_words(const uint8_t key[16], const uint64_t *words, uint32_t count, unsigned c, unsigned d)
{
	FW_CHECK(count <= WORDS_MAX);
	return fw_sip(key, words, count, (uint64_t)count << 59, c, d);
}

uint64_t
fw_siphash(const uint8_t key[16], const uint64_t *words, uint32_t count)
{
	return whole_words(key, words, count, 2, 4);
}

uint64_t
fw_siphash13(const uint8_t key[16], const uint64_t *words, uint32_t count)
{
	return whole_words(key, words, count, 1, 3);
}
