/* SPDX-License-Identifier: Apache-2.0 */
/* pol_plan - old image and new rules, class by class. */
#include "pol_plan.h"

#include <string.h>

#include "prove_joint.h"

/* A body and the segments it was compared with, and what came of it: out->items[first ..]. */
struct done {
	uint32_t body, count, first, items;
	const uint32_t *segments;
};

struct plan {
	const struct pol_rules *rules;
	const struct pol_names *names;
	const uint8_t *image;
	struct arena *a;
	struct pol_plan *out;
	struct prove_index index;
	struct prove_joint joint[2];	/* of v4, v6 */
	struct done *done;
	uint32_t done_count;
};

static uint8_t
effect(uint8_t verdict, uint8_t mode)
{
	if (verdict != WIRE_DROP || mode == WIRE_LEARN)
		return WIRE_PASS;
	return mode == WIRE_COMPLY ? WIRE_WOULD_DROP : WIRE_DROP;
}

/* The first entry in both: its peers hold the address, its services the rest. */
static const struct prove_outcome *
rules_say(const struct prove_side *s, const uint64_t *row, const uint64_t *bits)
{
	for (uint32_t i = 0; i < s->entry_words; i++)
		if ((row[i] & bits[i]) != 0)
			return &s->entries[i * 64 +
			    (uint32_t)__builtin_ctzll(row[i] & bits[i])].outcome;
	return &s->deflt;
}

static void
row_fill(const struct prove_side *s, const uint64_t *sets, uint64_t *row)
{
	memset(row, 0, s->entry_words * sizeof(*row));
	for (uint32_t i = 0; i < s->set_count; i++)
		for (uint32_t k = 0; sets[i / 64] >> i % 64 & 1 && k < s->sets[i].count; k++) {
			uint32_t e = s->set_entries[s->sets[i].first + k];

			row[e / 64] |= UINT64_C(1) << e % 64;
		}
}

/* Examples of gains and losses are kept half and half as far as there are both. */
static void
change_add(struct pol_plan_item *item, const struct pol_change *c)
{
	uint64_t *n = c->becomes == WIRE_PASS ? &item->gained : c->was == WIRE_PASS ?
	    &item->lost : &item->other;

	if (++*n <= PLAN_EXAMPLES_MAX / 2 && item->count < PLAN_EXAMPLES_MAX)
		item->examples[item->count++] = *c;
}

static void
classes_compare(const struct prove_half *h, const struct prove_side *s,
    const struct prove_classes *remotes, const struct prove_classes *services, uint64_t *row,
    struct pol_plan_item *item)
{
	for (uint32_t i = 0; i < remotes->count; i++) {
		struct prove_row cells;

		row_fill(s, prove_bits(remotes, i), row);
		prove_row_open(h, remotes->tuples[i], &cells);
		for (uint32_t v = 0; v < services->count; v++) {
			uint32_t cell = prove_row_cell(&cells, services->tuples[v]);
			const struct wire_action *old = &h->actions[MIN(cell, h->rules)];
			const struct prove_outcome *o = rules_say(s, row,
			    prove_bits(services, v));
			struct pol_change c = { .key = services->keys[v],
				.was = effect(old->verdict, old->mode),
				.becomes = effect(o->verdict, o->mode),
				.old_id = le32_get(old->rule_id), .new_id = o->rule_id };

			c.key.remote = remotes->keys[i].remote;
			c.key.dir = s->dir;
			if (c.was != c.becomes)
				change_add(item, &c);
		}
	}
}

static enum rc
side_compare(struct plan *p, const struct addr *local, uint32_t body, const uint32_t *segments,
    uint32_t count, uint8_t dir)
{
	struct pol_plan_item item = { .local = *local, .locals = 1, .dir = dir };
	struct prove_classes remotes, services;
	struct arena scratch;
	struct prove_half h;
	struct prove_side s;
	struct prove_work work = { .steps = 0 };
	uint64_t *row = NULL;
	enum rc rc;

	arena_init(&scratch, p->a->cap_bytes);
	prove_classes_init(&remotes, 0);
	prove_classes_init(&services, 0);
	rc = prove_side_make(p->rules, p->names, &p->index, segments, count, local->family, dir,
	    &scratch, &s);
	if (rc == RC_OK)
		rc = prove_half_decode(p->image, body, dir, &scratch, &h);
	if (rc == RC_OK) {
		prove_classes_init(&remotes, s.set_words);
		prove_classes_init(&services, s.entry_words);
		rc = prove_axis_remote(&h, &s, &p->joint[local->family == 6], &remotes);
	}
	if (rc == RC_OK)
		rc = prove_axis_services(&h, &s, &work, &services);
	if (rc == RC_OK)
		rc = prove_work_add(&work, (uint64_t)remotes.count * services.count);
	if (rc == RC_OK) {
		row = arena_array(&scratch, (size_t)s.entry_words + 1, sizeof(*row));
		rc = row == NULL ? RC_NOMEM : RC_OK;
	}
	if (rc == RC_OK) {
		CHECK(s.has_default);
		classes_compare(&h, &s, &remotes, &services, row, &item);
		if (item.gained + item.lost + item.other > 0 && p->out->count < PLAN_ITEMS_MAX)
			p->out->items[p->out->count++] = item;
		else if (item.gained + item.lost + item.other > 0)
			p->out->items_left_out++;
	}
	prove_classes_fini(&remotes);
	prove_classes_fini(&services);
	arena_fini(&scratch);
	return rc;
}

/* The segments whose rules apply to the local IP, in the arena; false where it is none. */
static bool
segments_of(const struct pol_rules *r, const struct addr *local, uint32_t *out, uint32_t *count)
{
	bool member = false;

	*count = 0;
	for (uint32_t i = 0; i < r->segment_count; i++) {
		bool in = !r->segments[i].members_all &&
		    addr_set_has(&r->segments[i].members, local);

		member |= in;
		if (in || r->segments[i].members_all)
			out[(*count)++] = i;
	}
	return member && !addr_is_multicast(local);
}

static enum rc
local_compare(struct plan *p, const struct addr *local, uint32_t body)
{
	uint32_t *segments = arena_array(p->a, p->rules->segment_count + 1, sizeof(*segments));
	uint32_t count, first = p->out->count;
	enum rc rc = RC_OK;

	if (segments == NULL)
		return RC_NOMEM;
	if (!segments_of(p->rules, local, segments, &count)) {
		p->out->removed++;
		p->out->removed_one = *local;
		return RC_OK;
	}
	for (uint32_t i = p->done_count; i-- > 0;) {
		const struct done *d = &p->done[i];

		if (d->body != body || d->count != count ||
		    memcmp(d->segments, segments, count * sizeof(*segments)) != 0)
			continue;
		for (uint32_t k = 0; k < d->items; k++)
			p->out->items[d->first + k].locals++;
		return RC_OK;
	}
	for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN && rc == RC_OK; dir++)
		rc = side_compare(p, local, body, segments, count, dir);
	p->done[p->done_count++] = (struct done){ .body = body, .segments = segments,
		.count = count, .first = first, .items = p->out->count - first };
	return rc;
}

/* Local IPs of the new rules that the old image has no table for. */
static void
added_count(struct plan *p)
{
	struct addr_set all = { 0 };

	for (uint32_t i = 0; i < p->rules->segment_count; i++)
		if (!p->rules->segments[i].members_all &&
		    addr_set_union(p->a, &all, &p->rules->segments[i].members, &all) != RC_OK)
			return;
	for (uint32_t i = 0; i < all.count; i++) {
		struct addr at = all.ranges[i].lo;

		do {
			if (prove_body_of(p->image, &at) != 0 || addr_is_multicast(&at))
				continue;
			p->out->added++;
			p->out->added_one = at;
		} while (addr_cmp(&at, &all.ranges[i].hi) < 0 && addr_next(&at));
	}
}

enum rc
pol_plan_make(const struct pol_rules *r, const struct pol_names *names, const uint8_t *old_image,
    struct arena *a, struct pol_plan *out)
{
	struct plan p = { .rules = r, .names = names, .image = old_image, .a = a, .out = out };
	const struct wire_image_hdr *hdr = (const struct wire_image_hdr *)old_image;
	const struct wire_table *t = (const struct wire_table *)(old_image +
	    (size_t)le32_get(hdr->tables_at) * WIRE_LINE);
	uint32_t count = le32_get(hdr->table_count);
	enum rc rc = prove_index_make(r, a, &p.index);

	memset(out, 0, sizeof(*out));
	p.done = arena_array(a, (size_t)count + 1, sizeof(*p.done));
	if (p.done == NULL)
		return RC_NOMEM;
	if (rc == RC_OK)
		rc = prove_joints_make(r, &p.index, old_image, p.joint);
	for (uint32_t i = 0; i < count && rc == RC_OK; i++) {
		struct addr local = addr_from_bytes(t[i].family, t[i].local);
		uint32_t body = prove_body_of(old_image, &local);

		if (body != 0)
			rc = local_compare(&p, &local, body);
	}
	prove_joints_fini(p.joint);
	if (rc == RC_OK)
		added_count(&p);
	return rc;
}
