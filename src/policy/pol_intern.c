/* SPDX-License-Identifier: Apache-2.0 */
/* pol_intern - open addressing, at most half full, never shrinking. */
#include "pol_intern.h"

#include <string.h>

#include "hash.h"

static uint32_t
table_size(uint32_t max)
{
	uint32_t size = 16;

	CHECK(max <= UINT32_MAX / 4);
	while (size < 2 * max)
		size *= 2;
	return size;
}

enum rc
pol_intern_init(struct pol_intern *t, struct arena *a, uint32_t max)
{
	uint32_t size = table_size(max);

	*t = (struct pol_intern){ .arena = a, .max = max, .mask = size - 1 };
	t->items = arena_array(a, max, sizeof(*t->items));
	t->slots = arena_array(a, size, sizeof(*t->slots));
	return t->items == NULL || t->slots == NULL ? RC_NOMEM : RC_OK;
}

enum rc
pol_intern_add(struct pol_intern *t, const void *p, size_t len, uint32_t *id)
{
	uint64_t hash = fnv1a64(FNV1A64_INIT, p, len);
	uint32_t at = (uint32_t)(hash ^ hash >> 32) & t->mask;
	struct pol_bytes *b;

	for (; t->slots[at] != 0; at = (at + 1) & t->mask) {
		b = &t->items[t->slots[at] - 1];
		if (b->hash == hash && b->len == len && memcmp(b->p, p, len) == 0) {
			*id = t->slots[at] - 1;
			return RC_OK;
		}
	}
	CHECK(t->count < t->max);
	b = &t->items[t->count];
	*b = (struct pol_bytes){ arena_memdup(t->arena, p, len), len, hash };
	if (b->p == NULL)
		return RC_NOMEM;
	*id = t->count++;
	t->slots[at] = t->count;
	return RC_OK;
}

enum rc
pol_sets_init(struct pol_sets *t, struct arena *a, uint32_t max)
{
	uint32_t size = table_size(max);

	*t = (struct pol_sets){ .max = max, .mask = size - 1 };
	t->items = arena_array(a, max, sizeof(*t->items));
	t->hashes = arena_array(a, max, sizeof(*t->hashes));
	t->seen = arena_array(a, size, sizeof(*t->seen));
	t->slots = arena_array(a, size, sizeof(*t->slots));
	return t->items == NULL || t->hashes == NULL || t->seen == NULL || t->slots == NULL ?
	    RC_NOMEM : RC_OK;
}

static uint64_t
hash_step(uint64_t h, uint64_t x)
{
	h = (h ^ x) * UINT64_C(0xff51afd7ed558ccd);
	return h ^ h >> 32;
}

static uint64_t
set_hash(const struct addr_set *s)
{
	uint64_t h = s->count;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct addr_range *r = &s->ranges[i];

		h = hash_step(h, r->lo.hi ^ r->lo.family);
		h = hash_step(h, r->lo.lo);
		h = hash_step(h, r->hi.hi);
		h = hash_step(h, r->hi.lo);
	}
	return h;
}

/* The number of the set by what it holds; it is added where it is new. */
static uint32_t
set_number(struct pol_sets *t, const struct addr_set *s)
{
	uint64_t hash = set_hash(s);
	uint32_t at = (uint32_t)(hash ^ hash >> 32) & t->mask;

	for (; t->slots[at] != 0; at = (at + 1) & t->mask) {
		uint32_t id = t->slots[at] - 1;

		if (t->hashes[id] == hash && addr_set_equal(&t->items[id], s))
			return id;
	}
	CHECK(t->count < t->max);
	t->items[t->count] = *s;
	t->hashes[t->count] = hash;
	t->slots[at] = t->count + 1;
	return t->count++;
}

uint32_t
pol_sets_add(struct pol_sets *t, const struct addr_set *s)
{
	uint64_t place = hash_step(s->count, (uint64_t)(uintptr_t)s->ranges);
	uint32_t at = (uint32_t)(place >> 32) & t->mask, id;

	if (s->count == 0)
		return set_number(t, s);
	for (int i = 0; i < 8 && t->seen[at].ranges != NULL; i++) {
		if (t->seen[at].ranges == s->ranges && t->seen[at].count == s->count)
			return t->seen[at].id;
		at = (at + 1) & t->mask;
	}
	id = set_number(t, s);
	/* full: the last one seen there is forgotten */
	t->seen[at] = (struct pol_sets_seen){ s->ranges, s->count, id };
	return id;
}
