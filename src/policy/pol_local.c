/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_local - which addresses are local, and which segments each is in.
 * Does:    local IPs are the members of every segment, none twice, without multicast; locals in
 *          the same segments are one class. A bit a segment and local: 2 MiB at both limits.
 * Limits:  POL_LOCALS_MAX, checked on the size of the union before anything is enumerated.
 */
#include "pol_job.h"

#include <string.h>

bool
pol_pos_before(const struct pol_pos *a, const struct pol_pos *b)
{
	if (a->file != b->file)
		return a->file < b->file;
	if (a->line != b->line)
		return a->line < b->line;
	return a->seq < b->seq;
}

bool
pol_class_has(const struct pol_class *c, uint32_t segment)
{
	return c->segments[segment / 64] >> segment % 64 & 1;
}

uint32_t
pol_local_at(const struct pol_job *j, const struct addr *a)
{
	uint32_t lo = 0, hi = j->local_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(&j->locals[mid], a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static enum rc
too_many(struct pol_job *j, uint64_t size)
{
	const struct pol_segment *big = NULL;
	struct diag d;

	for (uint32_t i = 0; i < j->r->segment_count; i++) {
		const struct pol_segment *s = &j->r->segments[i];

		if (big == NULL || addr_set_size(&s->members) > addr_set_size(&big->members))
			big = s;
	}
	CHECK(big != NULL);
	diag_set(&d, "too-many-locals", "%llu local IPs; at most %d may be members of segments",
	    (unsigned long long)size, POL_LOCALS_MAX);
	diag_hint(&d, "segment \"%s\" is the largest, with %llu members", big->name,
	    (unsigned long long)addr_set_size(&big->members));
	pol_say(j, &d, DIAG_ERROR, &big->pos);
	return RC_LIMIT;
}

/* Every member of every segment, without those that no packet can come from. */
static enum rc
members_all(struct pol_job *j, struct addr_set *out)
{
	const struct pol_rules *r = j->r;
	const struct addr m4 = { 0, UINT64_C(0xe0000000), 4 }, b4 = { 0, UINT32_MAX, 4 };
	const struct addr m6 = { UINT64_C(0xff) << 56, 0, 6 };
	const struct addr_range multicast[] = { addr_prefix(&m4, 4), addr_prefix(&b4, 32),
		addr_prefix(&m6, 8) };
	struct addr_set cut;
	struct addr_range *all;
	size_t n = 0, at = 0;
	enum rc rc;

	for (uint32_t i = 0; i < r->segment_count; i++)
		n += r->segments[i].members.count;
	all = arena_array(&j->scratch, n, sizeof(*all));
	if (all == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < r->segment_count; i++) {
		const struct addr_set *m = &r->segments[i].members;

		if (m->count > 0)
			memcpy(all + at, m->ranges, m->count * sizeof(*all));
		at += m->count;
	}
	CHECK(at == n);
	rc = addr_set_from(&j->scratch, all, n, out);
	if (rc == RC_OK)
		rc = addr_set_from(&j->scratch, multicast, ARRAY_LEN(multicast), &cut);
	if (rc == RC_OK)
		rc = addr_set_minus(&j->scratch, out, &cut, out);
	return rc;
}

/* Row of bits for each local. */
static uint64_t *
bits_fill(struct pol_job *j)
{
	uint64_t *bits = arena_array(j->arena, (size_t)MAX(j->local_count, 1) * j->words,
	    sizeof(*bits));

	for (uint32_t s = 0; bits != NULL && s < j->r->segment_count; s++) {
		const struct addr_set *m = &j->r->segments[s].members;

		for (uint32_t i = 0; i < m->count; i++) {
			uint32_t l = pol_local_at(j, &m->ranges[i].lo);

			for (; l < j->local_count &&
			    addr_cmp(&j->locals[l], &m->ranges[i].hi) <= 0; l++)
				bits[(size_t)l * j->words + s / 64] |= UINT64_C(1) << s % 64;
		}
	}
	return bits;
}

static uint32_t
strictest(const struct pol_job *j, const struct pol_class *c)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < j->r->segment_count; i++) {
		const struct pol_segment *s = &j->r->segments[i], *b;

		if (!pol_class_has(c, i))
			continue;
		b = best == UINT32_MAX ? NULL : &j->r->segments[best];
		if (b == NULL || s->mode > b->mode ||
		    (s->mode == b->mode && pol_pos_before(&s->pos, &b->pos)))
			best = i;
	}
	CHECK(best != UINT32_MAX);
	return best;
}

static enum rc
classes_find(struct pol_job *j)
{
	struct pol_intern seen;
	uint64_t *bits = bits_fill(j);
	enum rc rc;

	j->class_of = arena_array(j->arena, j->local_count, sizeof(*j->class_of));
	j->classes = arena_array(j->arena, j->local_count, sizeof(*j->classes));
	if (bits == NULL || j->class_of == NULL || j->classes == NULL)
		return RC_NOMEM;
	rc = pol_intern_init(&seen, &j->scratch, j->local_count);
	for (uint32_t l = 0; rc == RC_OK && l < j->local_count; l++) {
		const uint64_t *row = bits + (size_t)l * j->words;
		struct pol_class *c;
		uint32_t id;

		rc = pol_intern_add(&seen, row, j->words * sizeof(*row), &id);
		if (rc != RC_OK)
			break;
		j->class_of[l] = id;
		c = &j->classes[id];
		if (id == j->class_count) {
			j->class_count++;
			c->segments = row;
			c->first_local = l;
			c->strictest = strictest(j, c);
		}
		c->local_count[POL_ANY_FAMILY]++;
		c->local_count[j->locals[l].family == 4 ? POL_V4 : POL_V6]++;
	}
	return rc;
}

enum rc
pol_locals_find(struct pol_job *j)
{
	struct addr_set all;
	uint64_t size;
	enum rc rc = members_all(j, &all);

	if (rc != RC_OK)
		return rc;
	size = addr_set_size(&all);
	if (size > POL_LOCALS_MAX)
		return too_many(j, size);
	j->words = MAX((j->r->segment_count + 63) / 64, 1);
	j->locals = arena_array(j->arena, size, sizeof(*j->locals));
	if (j->locals == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < all.count; i++) {
		struct addr a = all.ranges[i].lo;

		do {
			CHECK(j->local_count < size);
			j->locals[j->local_count++] = a;
		} while (addr_cmp(&a, &all.ranges[i].hi) < 0 && addr_next(&a));
	}
	CHECK(j->local_count == size);
	return classes_find(j);
}
