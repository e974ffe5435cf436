/* SPDX-License-Identifier: Apache-2.0 */
/* prove_class - a set of distinct classes: found by hash, told apart by all their bits. */
#include "prove_impl.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

enum { CLASSES_MAX = 1 << 22 };
#define CLASSES_BYTES_MAX ((size_t)256 << 20)	/* of their bits */

void
prove_classes_init(struct prove_classes *c, uint32_t words)
{
	memset(c, 0, sizeof(*c));
	c->words = MAX(words, 1u);
}

void
prove_classes_fini(struct prove_classes *c)
{
	free(c->tuples);
	free(c->kinds);
	free(c->bits);
	free(c->keys);
	free(c->slots);
	memset(c, 0, sizeof(*c));
}

static uint64_t
class_hash(prove_tuple tuple, uint8_t kind, const uint64_t *bits, uint32_t words)
{
	uint64_t h = (tuple ^ kind) * UINT64_C(0x9e3779b97f4a7c15);

	for (uint32_t i = 0; i < words; i++)
		h = (h ^ bits[i]) * UINT64_C(0xff51afd7ed558ccd) ^ h >> 32;
	return h ^ h >> 29;
}

/* The slot that holds the class, or the free one where it belongs. */
static uint32_t *
slot_find(const struct prove_classes *c, prove_tuple tuple, uint8_t kind, const uint64_t *bits)
{
	uint64_t h = class_hash(tuple, kind, bits, c->words);

	CHECK(c->slot_count > c->count);
	for (;; h++) {
		uint32_t *slot = &c->slots[h & (c->slot_count - 1)];
		uint32_t i = *slot - 1;

		if (*slot == 0)
			return slot;
		if (c->tuples[i] == tuple && c->kinds[i] == kind &&
		    bytes_equal(prove_bits(c, i), bits, c->words * sizeof(*bits)))
			return slot;
	}
}

static bool
array_grow(void *array, size_t count, size_t size)
{
	void **p = array, *q;
	size_t bytes;

	if (!size_mul(count, size, &bytes))
		return false;
	q = realloc(*p, bytes);
	if (q != NULL)
		*p = q;
	return q != NULL;
}

static enum rc
classes_grow(struct prove_classes *c)
{
	uint32_t cap = c->cap == 0 ? 64 : c->cap * 2;

	if (cap > CLASSES_MAX || (size_t)cap * c->words * sizeof(*c->bits) > CLASSES_BYTES_MAX)
		return RC_LIMIT;
	if (!array_grow(&c->tuples, cap, sizeof(*c->tuples)) ||
	    !array_grow(&c->kinds, cap, sizeof(*c->kinds)) ||
	    !array_grow(&c->bits, cap, c->words * sizeof(*c->bits)) ||
	    !array_grow(&c->keys, cap, sizeof(*c->keys)) ||
	    !array_grow(&c->slots, (size_t)cap * 2, sizeof(*c->slots)))
		return RC_NOMEM;
	c->cap = cap;
	c->slot_count = cap * 2;
	memset(c->slots, 0, c->slot_count * sizeof(*c->slots));
	for (uint32_t i = 0; i < c->count; i++)
		*slot_find(c, c->tuples[i], c->kinds[i], prove_bits(c, i)) = i + 1;
	return RC_OK;
}

enum rc
prove_classes_put(struct prove_classes *c, prove_tuple tuple, uint8_t kind, const uint64_t *bits,
    const struct pkt_key *key, uint32_t *index)
{
	uint32_t *slot;
	enum rc rc = c->count == c->cap ? classes_grow(c) : RC_OK;

	if (rc != RC_OK)
		return rc;
	slot = slot_find(c, tuple, kind, bits);
	*index = *slot != 0 ? *slot - 1 : c->count;
	if (*slot != 0)
		return RC_OK;
	c->tuples[c->count] = tuple;
	c->kinds[c->count] = kind;
	c->keys[c->count] = *key;
	memcpy(c->bits + (size_t)c->count * c->words, bits, c->words * sizeof(*bits));
	*slot = ++c->count;
	return RC_OK;
}

enum rc
prove_classes_add(struct prove_classes *c, prove_tuple tuple, uint8_t kind, const uint64_t *bits,
    const struct pkt_key *key)
{
	uint32_t index;

	return prove_classes_put(c, tuple, kind, bits, key, &index);
}
