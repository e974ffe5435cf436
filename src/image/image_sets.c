/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_sets - distinct sets of units.
 *
 * A set is a bit vector with a summary (one bit a word), because most are sparse: intersections
 * look only at words that both summaries name. The hash finds candidates; equality is always
 * decided on the words.
 */
#include <string.h>

#include "bytes.h"
#include "image_build.h"

enum { CHUNK_SETS = 64, SLOTS_FIRST = 256 };

static uint64_t
word_hash(uint64_t word, uint32_t at)
{
	uint64_t h = (word ^ ((uint64_t)at + 1) * UINT64_C(0x9e3779b97f4a7c15)) *
	    UINT64_C(0xd6e8feb86659fd93);

	h = (h ^ h >> 32) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 29;
}

enum rc
image_sets_init(struct image_sets *s, struct arena *a, struct image_work *work, uint32_t units)
{
	CHECK(units <= IMAGE_UNITS_MAX);
	memset(s, 0, sizeof(*s));
	s->arena = a;
	s->work = work;
	s->words = MAX((units + 63) / 64, 1);
	s->sum_words = (s->words + 63) / 64;
	s->slot_count = SLOTS_FIRST;
	s->chunks = arena_array(a, IMAGE_CLASSES_MAX / CHUNK_SETS + 1, sizeof(*s->chunks));
	s->hashes = arena_array(a, SLOTS_FIRST / 2, sizeof(*s->hashes));
	s->slots = arena_array(a, SLOTS_FIRST, sizeof(*s->slots));
	return s->chunks != NULL && s->hashes != NULL && s->slots != NULL ? RC_OK : RC_NOMEM;
}

uint64_t *
image_sets_get(const struct image_sets *s, uint32_t id)
{
	CHECK(id < s->count);
	return s->chunks[id / CHUNK_SETS] + (size_t)(id % CHUNK_SETS) * (s->sum_words + s->words);
}

static enum rc
slots_grow(struct image_sets *s)
{
	uint32_t n = s->slot_count * 2;
	uint32_t *slots = arena_array(s->arena, n, sizeof(*slots));
	uint64_t *hashes = arena_array(s->arena, n / 2, sizeof(*hashes));

	if (slots == NULL || hashes == NULL)
		return RC_NOMEM;
	memcpy(hashes, s->hashes, s->count * sizeof(*hashes));
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t at = (uint32_t)hashes[i] & (n - 1);

		while (slots[at] != 0)
			at = (at + 1) & (n - 1);
		slots[at] = i + 1;
	}
	s->slots = slots;
	s->hashes = hashes;
	s->slot_count = n;
	return RC_OK;
}

static enum rc
set_append(struct image_sets *s, const uint64_t *words, uint64_t hash)
{
	uint32_t id = s->count, each = s->sum_words + s->words;
	uint64_t *set;

	if (id >= IMAGE_CLASSES_MAX)
		return RC_LIMIT;
	if (id % CHUNK_SETS == 0) {
		s->chunks[id / CHUNK_SETS] = arena_array(s->arena, (size_t)CHUNK_SETS * each,
		    sizeof(*set));
		if (s->chunks[id / CHUNK_SETS] == NULL)
			return RC_NOMEM;
	}
	s->count++;
	s->hashes[id] = hash;
	set = image_sets_get(s, id);
	for (uint32_t i = 0; i < s->words; i++) {
		set[s->sum_words + i] = words[i];
		if (words[i] != 0)
			set[i / 64] |= UINT64_C(1) << i % 64;
	}
	return RC_OK;
}

enum rc
image_sets_put(struct image_sets *s, const uint64_t *words, uint64_t hash, uint32_t *id)
{
	uint32_t at;
	enum rc rc = image_work_add(s->work, 1 + s->words / 4);

	if (rc != RC_OK)
		return rc;
	if (s->count >= s->slot_count / 2) {
		rc = slots_grow(s);
		if (rc != RC_OK)
			return rc;
	}
	at = (uint32_t)hash & (s->slot_count - 1);
	while (s->slots[at] != 0) {
		uint32_t i = s->slots[at] - 1;

		if (s->hashes[i] == hash && bytes_equal(image_sets_get(s, i) + s->sum_words,
		    words, s->words * sizeof(*words))) {
			*id = i;
			return RC_OK;
		}
		at = (at + 1) & (s->slot_count - 1);
	}
	rc = set_append(s, words, hash);
	if (rc != RC_OK)
		return rc;
	*id = s->count - 1;
	s->slots[at] = s->count;
	return RC_OK;
}

enum rc
image_sets_and(struct image_sets *s, const uint64_t *x, const uint64_t *y, const uint64_t *stop,
    uint64_t *scratch, uint32_t *id)
{
	const uint32_t base = s->sum_words;
	uint64_t hash = 0, steps = base;
	bool stopped = false;
	enum rc rc;

	for (uint32_t i = 0; i < base && !stopped; i++) {
		for (uint64_t m = x[i] & y[i]; m != 0 && !stopped; m &= m - 1) {
			uint32_t w = i * 64 + (uint32_t)__builtin_ctzll(m);
			uint64_t v = x[base + w] & y[base + w];
			uint64_t end = stop != NULL ? v & stop[w] : 0;

			if (end != 0) {
				end &= -end;
				v &= end | (end - 1);
				stopped = true;
			}
			if (v != 0)
				hash += word_hash(v, w);
			scratch[w] = v;
			steps++;
		}
	}
	s->work->steps += steps;
	rc = image_sets_put(s, scratch, hash, id);
	for (uint32_t i = 0; i < base; i++)
		for (uint64_t m = x[i] & y[i]; m != 0; m &= m - 1)
			scratch[i * 64 + (uint32_t)__builtin_ctzll(m)] = 0;
	return rc;
}

uint32_t
image_sets_first(const struct image_sets *s, const uint64_t *x, const uint64_t *y)
{
	const uint32_t base = s->sum_words;
	uint64_t steps = base;

	for (uint32_t i = 0; i < base; i++) {
		for (uint64_t m = x[i] & y[i]; m != 0; m &= m - 1) {
			uint32_t w = i * 64 + (uint32_t)__builtin_ctzll(m);
			uint64_t v = x[base + w] & y[base + w];

			steps++;
			if (v == 0)
				continue;
			s->work->steps += steps;
			return w * 64 + (uint32_t)__builtin_ctzll(v);
		}
	}
	s->work->steps += steps;
	return UINT32_MAX;
}
