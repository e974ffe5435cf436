/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_index - rules by segment, and which rules have equal sets of peers.
 * Sets are told apart by where they lie, then by what they hold, so that a group that thousands of
 * rules share is read once.
 */
#include "prove_impl.h"

#include <string.h>

struct known {
	const struct addr_set *set;
	uint64_t hash;
	uint32_t id;
};

/* A run that is sorted ends before this. */
static size_t
run_end(const uint64_t *v, size_t from, size_t count)
{
	size_t i = from + 1;

	while (i < count && v[i - 1] <= v[i])
		i++;
	return MIN(i, count);
}

static void
merge(const uint64_t *x, size_t nx, const uint64_t *y, size_t ny, uint64_t *out)
{
	size_t i = 0, k = 0;

	while (i < nx && k < ny)
		*out++ = y[k] < x[i] ? y[k++] : x[i++];
	if (i < nx)
		memcpy(out, x + i, (nx - i) * sizeof(*out));
	if (k < ny)
		memcpy(out, y + k, (ny - k) * sizeof(*out));
}

/* Each round merges neighbouring runs, so there are half as many. */
void
prove_u64_sort(uint64_t *v, uint64_t *room, size_t count)
{
	while (count > 0 && run_end(v, 0, count) < count) {
		for (size_t at = 0; at < count;) {
			size_t mid = run_end(v, at, count);
			size_t end = mid < count ? run_end(v, mid, count) : count;

			merge(v + at, mid - at, v + mid, end - mid, room + at);
			at = end;
		}
		memcpy(v, room, count * sizeof(*v));
	}
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
		h = hash_step(h, s->ranges[i].lo.hi ^ s->ranges[i].lo.family);
		h = hash_step(h, s->ranges[i].lo.lo);
		h = hash_step(h, s->ranges[i].hi.hi);
		h = hash_step(h, s->ranges[i].hi.lo);
	}
	return h;
}

static bool
sets_equal(const struct addr_set *x, const struct addr_set *y)
{
	if (x->count != y->count)
		return false;
	for (uint32_t i = 0; x->ranges != y->ranges && i < x->count; i++)
		if (addr_cmp(&x->ranges[i].lo, &y->ranges[i].lo) != 0 ||
		    addr_cmp(&x->ranges[i].hi, &y->ranges[i].hi) != 0)
			return false;
	return true;
}

/* Slot of the set in an open table, or the free one where it belongs. */
static struct known *
known_find(struct known *table, uint32_t mask, const struct addr_set *set, uint64_t hash,
    bool by_place)
{
	for (uint64_t h = hash ^ hash >> 29;; h++) {
		struct known *k = &table[h & mask];

		if (k->set == NULL || (k->hash == hash && (by_place ?
		    k->set->ranges == set->ranges && k->set->count == set->count :
		    sets_equal(k->set, set))))
			return k;
	}
}

static enum rc
peers_number(const struct pol_rules *r, struct arena *scratch, struct prove_index *out)
{
	struct known *places, *contents;
	uint32_t mask = 1, count = 0;

	while (mask < r->rule_count * 2u)
		mask = mask * 2;
	places = arena_array(scratch, mask, sizeof(*places));
	contents = arena_array(scratch, mask, sizeof(*contents));
	if (places == NULL || contents == NULL)
		return RC_NOMEM;
	mask--;
	for (uint32_t i = 0; i < r->rule_count; i++) {
		const struct addr_set *set = &r->rules[i].peer;
		uint64_t place = hash_step(set->count, (uint64_t)(uintptr_t)set->ranges);
		struct known *k = known_find(places, mask, set, place, true);

		if (k->set == NULL) {
			uint64_t hash = set_hash(set);
			struct known *c = known_find(contents, mask, set, hash, false);

			if (c->set == NULL)
				*c = (struct known){ set, hash, count++ };
			*k = (struct known){ set, place, c->id };
		}
		out->peer_ids[i] = k->id;
	}
	return RC_OK;
}

enum rc
prove_index_make(const struct pol_rules *r, struct arena *a, struct prove_index *out)
{
	uint32_t n = r->segment_count;
	struct arena scratch;
	enum rc rc;

	out->segment_first = arena_array(a, (size_t)n + 2, sizeof(*out->segment_first));
	out->segment_rules = arena_array(a, r->rule_count, sizeof(*out->segment_rules));
	out->peer_ids = arena_array(a, r->rule_count, sizeof(*out->peer_ids));
	if (out->segment_first == NULL || out->segment_rules == NULL || out->peer_ids == NULL)
		return RC_NOMEM;
	/* counting sort; one place too far, so that filling moves the starts into place */
	for (uint32_t i = 0; i < r->rule_count; i++)
		out->segment_first[r->rules[i].segment + 2]++;
	for (uint32_t s = 2; s <= n; s++)
		out->segment_first[s] += out->segment_first[s - 1];
	for (uint32_t i = 0; i < r->rule_count; i++)
		out->segment_rules[out->segment_first[r->rules[i].segment + 1]++] = i;
	arena_init(&scratch, a->cap_bytes);
	rc = peers_number(r, &scratch, out);
	arena_fini(&scratch);
	return rc;
}
