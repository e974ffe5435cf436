/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_axis - one field's values cut in classes: two values are in one class where the same units
 * match both.
 *
 * Units that name the same set of values enter and leave together, so the sweep has the ends of
 * distinct sets only. A 64-bit sum of the active units' hashes finds the class; the words decide.
 */
#include <stdlib.h>
#include <string.h>

#include "image_build.h"

struct distinct {
	struct image_values values;
	uint64_t hash;		/* of the values */
	uint64_t units_hash;
	uint32_t first, count;	/* units, in members[] */
};

struct event {
	u128 at;
	uint32_t set;		/* of distinct sets */
	uint32_t enter;
};

struct sweep {
	struct arena *arena;
	struct distinct *sets;
	uint32_t set_count;
	uint32_t *members, *set_of;	/* per unit */
	struct event *events;
	size_t event_count;
	uint64_t *active;
	uint64_t hash;
};

static uint64_t
mix(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t
values_hash(const struct image_values *v)
{
	uint64_t h = v->count;

	for (uint32_t i = 0; i < v->count; i++) {
		h = mix(h ^ (uint64_t)v->spans[i].lo) ^ (uint64_t)(v->spans[i].lo >> 64);
		h = mix(h ^ (uint64_t)v->spans[i].hi) ^ (uint64_t)(v->spans[i].hi >> 64);
	}
	return h;
}

static bool
values_equal(const struct image_values *a, const struct image_values *b)
{
	return a->count == b->count && (a->spans == b->spans || a->count == 0 ||
	    memcmp(a->spans, b->spans, a->count * sizeof(*a->spans)) == 0);
}

/* Fills sets, set_of and members. */
static enum rc
distinct_find(struct sweep *s, const struct image_unit *units, uint32_t n, enum image_axis_id id)
{
	uint32_t slots = 64, *table, at = 0;

	while (slots < 2 * n)
		slots *= 2;
	table = arena_array(s->arena, slots, sizeof(*table));
	s->sets = arena_array(s->arena, n, sizeof(*s->sets));
	s->set_of = arena_array(s->arena, n, sizeof(*s->set_of));
	s->members = arena_array(s->arena, n, sizeof(*s->members));
	if (table == NULL || s->sets == NULL || s->set_of == NULL || s->members == NULL)
		return RC_NOMEM;
	for (uint32_t u = 0; u < n; u++) {
		const struct image_values *v = &units[u].axis[id];
		uint64_t h = values_hash(v);
		uint32_t i = (uint32_t)h & (slots - 1);

		while (table[i] != 0 && (s->sets[table[i] - 1].hash != h ||
		    !values_equal(&s->sets[table[i] - 1].values, v)))
			i = (i + 1) & (slots - 1);
		if (table[i] == 0) {
			s->sets[s->set_count] = (struct distinct){ .values = *v, .hash = h };
			table[i] = ++s->set_count;
		}
		s->set_of[u] = table[i] - 1;
		s->sets[table[i] - 1].count++;
		s->sets[table[i] - 1].units_hash += mix(u);
	}
	for (uint32_t i = 0; i < s->set_count; i++) {
		s->sets[i].first = at;
		at += s->sets[i].count;
		s->sets[i].count = 0;
	}
	for (uint32_t u = 0; u < n; u++) {
		struct distinct *d = &s->sets[s->set_of[u]];

		s->members[d->first + d->count++] = u;
	}
	return RC_OK;
}

static void
toggle(struct sweep *s, uint32_t set, bool enter)
{
	const struct distinct *d = &s->sets[set];

	for (uint32_t i = 0; i < d->count; i++) {
		uint32_t u = s->members[d->first + i];

		s->active[u / 64] ^= UINT64_C(1) << u % 64;
	}
	s->hash += enter ? d->units_hash : -d->units_hash;
}

static int
event_cmp(const void *x, const void *y)
{
	const struct event *a = x, *b = y;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	return (int)a->enter - (int)b->enter;
}

static enum rc
events_make(struct sweep *s, u128 last)
{
	size_t n = 0;

	for (uint32_t i = 0; i < s->set_count; i++)
		n += 2 * (size_t)s->sets[i].values.count;
	if (n > IMAGE_EVENTS_MAX)
		return RC_LIMIT;
	s->events = arena_array(s->arena, n, sizeof(*s->events));
	if (s->events == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < s->set_count; i++) {
		const struct image_values *v = &s->sets[i].values;

		if (v->count == 0)
			toggle(s, i, true);
		for (uint32_t k = 0; k < v->count; k++) {
			CHECK(v->spans[k].lo <= v->spans[k].hi && v->spans[k].hi <= last);
			s->events[s->event_count++] = (struct event){ v->spans[k].lo, i, 1 };
			if (v->spans[k].hi < last)
				s->events[s->event_count++] =
				    (struct event){ v->spans[k].hi + 1, i, 0 };
		}
	}
	qsort(s->events, s->event_count, sizeof(*s->events), event_cmp);
	return RC_OK;
}

static enum rc
interval_add(struct image_axis *x, const struct sweep *s, u128 at)
{
	uint32_t id;
	enum rc rc = image_sets_put(&x->sets, s->active, s->hash, &id);

	if (rc != RC_OK)
		return rc;
	if (x->count > 0 && x->cls[x->count - 1] == id)
		return RC_OK;
	x->start[x->count] = at;
	x->cls[x->count++] = (uint16_t)id;
	return RC_OK;
}

enum rc
image_axis_build(struct image_axis *x, struct arena *a, struct image_work *work,
    const struct image_unit *units, uint32_t unit_count, enum image_axis_id id, u128 last)
{
	struct sweep s = { .arena = a };
	enum rc rc;

	memset(x, 0, sizeof(*x));
	rc = image_sets_init(&x->sets, a, work, unit_count);
	if (rc != RC_OK)
		return rc;
	s.active = arena_array(a, x->sets.words, sizeof(*s.active));
	if (s.active == NULL)
		return RC_NOMEM;
	rc = distinct_find(&s, units, unit_count, id);
	if (rc == RC_OK)
		rc = events_make(&s, last);
	if (rc != RC_OK)
		return rc;
	x->start = arena_array(a, s.event_count + 1, sizeof(*x->start));
	x->cls = arena_array(a, s.event_count + 1, sizeof(*x->cls));
	if (x->start == NULL || x->cls == NULL)
		return RC_NOMEM;
	if (s.event_count == 0 || s.events[0].at != 0)
		rc = interval_add(x, &s, 0);
	for (size_t i = 0; i < s.event_count && rc == RC_OK;) {
		u128 at = s.events[i].at;

		for (; i < s.event_count && s.events[i].at == at; i++) {
			toggle(&s, s.events[i].set, s.events[i].enter);
			work->steps += s.sets[s.events[i].set].count;
		}
		rc = interval_add(x, &s, at);
	}
	x->classes = x->sets.count;
	return rc;
}

void
image_axis_remap(struct image_axis *x, const uint16_t *map, uint32_t classes)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->count; i++) {
		uint16_t c = map[x->cls[i]];

		CHECK(c < classes);
		if (n > 0 && x->cls[n - 1] == c && !x->apart)
			continue;
		x->start[n] = x->start[i];
		x->cls[n++] = c;
	}
	x->count = n;
	x->classes = classes;
}
