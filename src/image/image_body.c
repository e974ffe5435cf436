/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_body - the tables of one list for one family: both directions, split where the product of
 * classes is too big.
 *
 * A product is big where rules leave different fields open. Rules that name a rare field go to a
 * sub-table of their own; the product becomes a sum, and the walk takes the least of the answers.
 * A packet walks each of them: splits are tried in a fixed order, and one is kept where it divides
 * the bytes by more than what it multiplies the lines by.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "image_groups.h"
#include "image_units.h"

enum {
	SPLIT_NONE, SPLIT_VLAN, SPLIT_SPORT, SPLIT_DPORT, SPLIT_QUARTERS, SPLIT__COUNT,
	HALF_BYTES_MIN = 16 * 1024,	/* a direction smaller than this is never split ... */
	RULE_BYTES = 128,		/* ... nor one of fewer bytes a rule */
	RULE_BYTES_WIDE = 208		/* 1 MiB of 5,000 rules: above it bytes alone count */
};

#define ARENA_BYTES ((size_t)768 << 20)

/* What a body's packing took, and where it came to an end. */
struct pack {
	const struct image_groups *groups;	/* of the family */
	uint64_t split_max;			/* steps */
	uint64_t steps;				/* of all splits so far */
	bool spent;				/* a split took too many */
};

struct direction {
	struct image_half *halves;	/* subs of them */
	uint32_t subs;
	size_t bytes;
};

static bool
unit_names(const struct image_unit *u, enum image_axis_id id)
{
	return u->axis[id].count != 0;
}

static bool
unit_dport_range(const struct image_unit *u)
{
	const struct image_values *v = &u->axis[AXIS_DPORT];

	for (uint32_t i = 0; i < v->count; i++)
		if (v->spans[i].lo != v->spans[i].hi)
			return true;
	return false;
}

/* The sub-table, 0..3, of unit at of count. */
static uint32_t
split_place(int split, const struct image_unit *u, uint32_t at, uint32_t count)
{
	if (split == SPLIT_QUARTERS)
		return (uint32_t)((uint64_t)at * WIRE_SUBS_MAX / count);
	if (split >= SPLIT_VLAN && unit_names(u, AXIS_VLAN))
		return 1;
	if (split >= SPLIT_SPORT && unit_names(u, AXIS_SPORT))
		return 2;
	if (split >= SPLIT_DPORT && unit_dport_range(u))
		return 3;
	return 0;
}

/* Whether each unit is where the split before put it, so that the same would be packed again. */
static bool
split_repeats(int split, const struct image_unit *units, uint32_t count)
{
	for (uint32_t u = 0; u < count; u++)
		if (split == SPLIT_NONE || split == SPLIT_QUARTERS ||
		    split_place(split, &units[u], u, count) !=
		    split_place(split - 1, &units[u], u, count))
			return false;
	return count > 0;
}

/* RC_LIMIT where a part does not fit; also where the split would change nothing. */
static enum rc
direction_try(struct direction *d, struct arena *a, struct pack *p,
    const struct image_groups *used, int split, const struct image_unit *units, uint32_t count)
{
	struct image_work work = { .max = p->split_max };
	struct image_unit *parts[WIRE_SUBS_MAX];
	uint32_t counts[WIRE_SUBS_MAX] = { 0 };

	d->halves = arena_array(a, WIRE_SUBS_MAX, sizeof(*d->halves));
	if (d->halves == NULL)
		return RC_NOMEM;
	for (int i = 0; i < WIRE_SUBS_MAX; i++) {
		parts[i] = arena_array(a, count, sizeof(*parts[i]));
		if (parts[i] == NULL)
			return RC_NOMEM;
	}
	for (uint32_t u = 0; u < count; u++) {
		uint32_t at = split_place(split, &units[u], u, count);

		parts[at][counts[at]++] = units[u];
	}
	for (int i = 0; i < WIRE_SUBS_MAX; i++) {
		uint64_t before = work.steps;
		enum rc rc;

		if (counts[i] == 0 && (i > 0 || count > 0))
			continue;
		if (split != SPLIT_NONE && counts[i] == count)
			return RC_LIMIT;
		rc = image_half_build(&d->halves[d->subs], a, &work, p->groups->family,
		    p->groups->apart, used, parts[i], counts[i]);
		p->steps += work.steps - before;
		p->spent = p->spent || work.steps > work.max;
		if (rc != RC_OK)
			return rc;
		d->bytes += d->halves[d->subs++].bytes;
	}
	return RC_OK;
}

/* What a direction is to be judged by: bytes of the image times lines of each packet. One that is
 * too wide is as bad as one of the most parts. */
static uint64_t
direction_cost(const struct direction *d, uint32_t rules)
{
	uint64_t wide = MAX((uint64_t)HALF_BYTES_MIN, (uint64_t)RULE_BYTES_WIDE * rules);

	return d->bytes * (uint64_t)(d->bytes <= wide ? d->subs : WIRE_SUBS_MAX);
}

/* The split of the least cost, of those up to the first that fits the budget. What loses is
 * forgotten with its arena. */
static enum rc
direction_build(struct direction *best, struct arena arenas[2], struct pack *p,
    const struct image_unit *units, uint32_t count, uint32_t rules)
{
	const struct image_groups *used = NULL;
	size_t budget = MAX((size_t)HALF_BYTES_MIN, (size_t)RULE_BYTES * rules);
	int cur = 0;
	bool found = false, nomem = false;

	memset(best, 0, sizeof(*best));
	for (uint32_t i = 0; i < count; i++)
		if (units[i].group != IMAGE_GROUP_NONE)
			used = p->groups;
	for (int split = SPLIT_NONE; split < SPLIT__COUNT; split++) {
		struct direction d = { 0 };
		enum rc rc;

		if (split == SPLIT_QUARTERS && found)
			break;
		if (split_repeats(split, units, count))
			continue;
		rc = direction_try(&d, &arenas[cur], p, used, split, units, count);
		nomem = nomem || rc == RC_NOMEM;
		if (rc != RC_OK || (found && direction_cost(&d, rules) >=
		    direction_cost(best, rules))) {
			arena_reset(&arenas[cur]);
			continue;
		}
		*best = d;
		found = true;
		if (d.bytes <= budget)
			break;
		cur = 1 - cur;
		arena_reset(&arenas[cur]);
	}
	return found ? RC_OK : nomem ? RC_NOMEM : RC_LIMIT;
}

/* --- refusal ---------------------------------------------------------------------------------- */

struct heavy {
	uint32_t rule;
	uint64_t weight;
};

static int
heavy_cmp(const void *x, const void *y)
{
	const struct heavy *a = x, *b = y;

	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	return (a->rule > b->rule) - (a->rule < b->rule);
}

/* Rules that name several fields multiply: weight by fields named, then by ends they add. */
static uint64_t
unit_weight(const struct image_unit *u)
{
	uint64_t named = 0, ends = 0;

	for (int i = 0; i < AXIS__COUNT; i++) {
		named += unit_names(u, (enum image_axis_id)i);
		ends += u->axis[i].count;
	}
	return (named + unit_dport_range(u)) << 32 | ends;
}

/* all: the image takes too much, and this table made it so; NULL = this direction does. */
static enum rc
refuse(const struct image_units *u, uint8_t dir, const struct pack *p,
    const struct image_work *all, struct arena *a, struct image_heavy *heavy, struct diag *diag)
{
	uint32_t n = u->counts[dir];
	struct heavy *h = arena_array(a, n, sizeof(*h));
	char text[160];
	size_t len = 0;

	if (h == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < n; i++)
		h[i] = (struct heavy){ u->items[dir][i].rule, unit_weight(&u->items[dir][i]) };
	qsort(h, n, sizeof(*h), heavy_cmp);
	text[0] = '\0';
	heavy->count = 0;
	for (uint32_t i = 0; i < n && heavy->count < IMAGE_HEAVY_MAX; i++) {
		uint32_t id = u->rules[h[i].rule]->action.rule_id;
		bool again = false;

		for (uint32_t k = 0; k < heavy->count; k++)
			again = again || heavy->rule_ids[k] == id;
		if (again)
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u",
		    heavy->count > 0 ? ", " : "", id);
		heavy->rule_ids[heavy->count++] = id;
	}
	if (all != NULL)
		diag_set(diag, "image-too-big", "all tables together take more than %llu steps of "
		    "packing, %llu of them the last, of %u rules%s%s",
		    (unsigned long long)all->max, (unsigned long long)p->steps, u->rule_count,
		    heavy->count > 0 ? "; its heaviest rule ids are " : "", text);
	else if (p->spent)
		diag_set(diag, "table-too-big", "%u rules of one direction multiply beyond %llu "
		    "steps of packing; the heaviest rule ids are %s", u->rule_counts[dir],
		    (unsigned long long)p->split_max, text);
	else
		diag_set(diag, "table-too-big", "%u rules of one direction multiply beyond %u "
		    "cells in every split; the heaviest rule ids are %s", u->rule_counts[dir],
		    IMAGE_CELLS_MAX, text);
	diag_hint(diag, "give rules that name VLANs or source ports fewer distinct ports and "
	    "addresses, or divide the segment");
	return RC_LIMIT;
}

/* --- body ------------------------------------------------------------------------------------- */

/* counters: of the actions before that have one; it is this one's number. */
static void
action_put(struct wire_action *w, const struct image_action *a, uint16_t *counters)
{
	CHECK(a->rule_id != 0 && a->state < WIRE_STATE__COUNT && a->mode < WIRE_MODE__COUNT);
	CHECK(a->verdict == WIRE_PASS || a->verdict == WIRE_DROP);
	w->verdict = a->verdict;
	w->mode = a->mode;
	w->state = a->state;
	w->log = a->log;
	w->counter = le16_put(a->counter == WIRE_COUNTER_NONE ? a->counter : (*counters)++);
	w->rule_id = le32_put(a->rule_id);
}

static enum rc
actions_write(const struct image_units *u, const struct image_list *list, struct image_blob *b,
    struct arena *a, uint32_t *at, uint16_t *counters)
{
	struct wire_action *w = arena_array(a, u->rule_count + 1, sizeof(*w));

	*counters = 0;
	if (w == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < u->rule_count; i++)
		action_put(&w[i], &u->rules[i]->action, counters);
	action_put(&w[u->rule_count], &list->deflt, counters);
	*at = image_blob_add(b, w, ((size_t)u->rule_count + 1) * sizeof(*w));
	return RC_OK;
}

static enum rc
direction_write(const struct direction *d, struct image_blob *b, struct arena *a, uint32_t first,
    uint32_t actions_at, uint32_t rules, uint16_t counters)
{
	uint32_t next = 0;

	if (d->subs > 1)
		next = image_blob_room(b, (d->subs - 1) * sizeof(struct wire_half));
	for (uint32_t i = 0; i < d->subs; i++) {
		struct wire_half w;
		enum rc rc = image_half_write(&d->halves[i], b, a, &w);
		size_t at = i == 0 ? (size_t)first * WIRE_LINE
				   : (size_t)next * WIRE_LINE + (i - 1) * sizeof(w);

		if (rc != RC_OK || b->failed)
			return rc != RC_OK ? rc : RC_NOMEM;
		w.subs = (uint8_t)d->subs;
		w.rules = le16_put((uint16_t)rules);
		w.next = le32_put(i == 0 ? next : 0);
		w.actions_at = le32_put(actions_at);
		w.counters = le16_put(counters);
		memcpy(b->p + at, &w, sizeof(w));
	}
	return RC_OK;
}

static enum rc
body_fill(struct image_blob *b, struct arena arenas[3], const struct image_list *list,
    struct pack *p, struct image_work *all, struct image_heavy *heavy, struct diag *diag)
{
	struct image_units units;
	uint32_t actions_at;
	uint16_t counters;
	enum rc rc = image_units_from(&units, &arenas[0], list, p->groups->family, p->groups);

	if (rc != RC_OK) {
		diag_set(diag, "table-too-big", "more than %u services or no memory in one table "
		    "of %u rules", IMAGE_UNITS_MAX, list->count);
		return rc;
	}
	p->steps = units.spans * IMAGE_STEPS_SPAN;
	(void)image_blob_room(b, 2 * sizeof(struct wire_half));
	rc = actions_write(&units, list, b, &arenas[0], &actions_at, &counters);
	for (uint8_t dir = 0; dir < 2 && rc == RC_OK; dir++) {
		struct direction d = { 0 };

		p->spent = false;
		rc = direction_build(&d, &arenas[1], p, units.items[dir], units.counts[dir],
		    units.rule_counts[dir]);
		if (rc == RC_LIMIT)
			return refuse(&units, dir, p, NULL, &arenas[0], heavy, diag);
		if (rc == RC_OK)
			rc = direction_write(&d, b, &arenas[0], dir * WIRE_HALF_LINES, actions_at,
			    units.rule_count, counters);
		arena_reset(&arenas[1]);
		arena_reset(&arenas[2]);
	}
	if (rc == RC_LIMIT)
		diag_set(diag, "table-too-big", "addresses or ports of one table of %u rules are "
		    "deeper than its trees", list->count);
	if (rc == RC_OK && image_work_add(all, image_steps_up(p->steps)) != RC_OK)
		return refuse(&units, units.counts[1] > units.counts[0], p, all, &arenas[0],
		    heavy, diag);
	return rc;
}

static void
body_bytes_put(struct image_blob *b)
{
	for (int dir = 0; dir < 2; dir++) {
		struct wire_half *first = (struct wire_half *)b->p + dir;
		struct wire_half *more = (struct wire_half *)(b->p +
		    (size_t)le32_get(first->next) * WIRE_LINE);

		first->body_bytes = le32_put((uint32_t)b->len);
		for (uint32_t i = 1; i < first->subs; i++)
			more[i - 1].body_bytes = first->body_bytes;
	}
}

enum rc
image_body_build(const struct image_list *list, const struct image_groups *groups,
    struct image_work *all, uint8_t **out, size_t *len, struct image_heavy *heavy,
    struct diag *diag)
{
	struct pack p = { .groups = groups, .split_max = groups->steps_max };
	struct arena arenas[3];		/* units and bytes; two for tries */
	struct image_blob b = { 0 };
	enum rc rc;

	CHECK(list->count <= WIRE_TABLE_RULES_MAX);
	for (int i = 0; i < 3; i++)
		arena_init(&arenas[i], ARENA_BYTES);
	*out = NULL;
	*len = 0;
	rc = body_fill(&b, arenas, list, &p, all, heavy, diag);
	if (rc == RC_OK && b.failed)
		rc = RC_NOMEM;
	if (rc == RC_OK) {
		body_bytes_put(&b);
		*out = b.p;
		*len = b.len;
		b.p = NULL;
	}
	image_blob_fini(&b);
	for (int i = 0; i < 3; i++)
		arena_fini(&arenas[i]);
	return rc;
}
