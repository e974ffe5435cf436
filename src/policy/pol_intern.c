/* SPDX-License-Identifier: Apache-2.0 */
/* pol_intern - open addressing, at most half full, never shrinking. */
#include "pol_intern.h"

#include <string.h>

#include "bytes.h"
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

	memset(t, 0, sizeof(*t));
	t->mask = size - 1;
	t->seen = arena_array(a, size, sizeof(*t->seen));
	if (t->seen == NULL)
		return RC_NOMEM;
	return pol_intern_init(&t->bytes, a, max);
}

static enum rc
set_bytes(struct pol_sets *t, const struct addr_set *s, size_t *len)
{
	struct wr w;

	*len = (size_t)s->count * POL_RANGE_BYTES;
	if (*len > t->cap) {
		size_t cap = MAX(2 * *len, (size_t)4096);

		t->buf = arena_alloc(t->bytes.arena, cap);
		t->cap = t->buf == NULL ? 0 : cap;
		if (t->buf == NULL)
			return RC_NOMEM;
	}
	wr_init(&w, t->buf, *len);
	for (uint32_t i = 0; i < s->count; i++) {
		const struct addr_range *r = &s->ranges[i];

		wr_u8(&w, r->lo.family);
		wr_le64(&w, r->lo.hi);
		wr_le64(&w, r->lo.lo);
		wr_le64(&w, r->hi.hi);
		wr_le64(&w, r->hi.lo);
	}
	CHECK(!w.failed && w.pos == *len);
	return RC_OK;
}

enum rc
pol_sets_add(struct pol_sets *t, const struct addr_set *s, uint32_t *id)
{
	static const uint8_t empty[1] = { 0 };
	uint64_t hash = (uint64_t)(uintptr_t)s->ranges * UINT64_C(0x9e3779b97f4a7c15) + s->count;
	uint32_t at = (uint32_t)(hash >> 32) & t->mask;
	size_t len;
	enum rc rc;

	if (s->count == 0)
		return pol_intern_add(&t->bytes, empty, 0, id);
	for (int i = 0; i < 8 && t->seen[at].ranges != NULL; i++) {
		if (t->seen[at].ranges == s->ranges && t->seen[at].count == s->count) {
			*id = t->seen[at].id;
			return RC_OK;
		}
		at = (at + 1) & t->mask;
	}
	rc = set_bytes(t, s, &len);
	if (rc == RC_OK)
		rc = pol_intern_add(&t->bytes, t->buf, len, id);
	if (rc == RC_OK)	/* full: the last one seen there is forgotten */
		t->seen[at] = (struct pol_sets_seen){ s->ranges, s->count, *id };
	return rc;
}
