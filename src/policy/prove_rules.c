/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_rules - what the rules say of one direction of one table, in match order.
 * The order is that of "VERDICTS" in ringfence-policy(5), written here a third time on purpose: it
 * shares nothing with pol_build, whose work is being checked, nor with pol_ref, the oracle of
 * tests.
 */
#include "prove_impl.h"

#include <stdlib.h>
#include <string.h>

static uint32_t
words_for(uint32_t bits)
{
	return (bits + 63) / 64;
}

/* Stage, denies before allows, the strictest mode or the strongest state, then the source. */
static int
entry_cmp(const void *pa, const void *pb)
{
	const struct prove_entry *a = pa, *b = pb;
	uint8_t strength_a = a->rule->deny ? a->rule->mode : a->state;
	uint8_t strength_b = b->rule->deny ? b->rule->mode : b->state;

	if (a->outcome.log >> 4 != b->outcome.log >> 4)
		return a->outcome.log >> 4 < b->outcome.log >> 4 ? -1 : 1;
	if (a->rule->deny != b->rule->deny)
		return a->rule->deny ? -1 : 1;
	if (strength_a != strength_b)
		return strength_a > strength_b ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static bool
rule_has_state(const struct pol_rule *rule, uint8_t state)
{
	for (uint32_t i = 0; i < rule->service_count; i++)
		if (rule->services[i].state == state)
			return true;
	return false;
}

/* The rule's entries: a deny has one, an allow one for each state among its services. */
static uint32_t
rule_entries(const struct pol_rules *r, const struct pol_names *names, uint32_t index,
    struct prove_entry *out)
{
	const struct pol_rule *rule = &r->rules[index];
	uint8_t stage = r->segments[rule->segment].stage;
	uint32_t n = 0;

	for (uint8_t state = 0; state < WIRE_STATE__COUNT; state++) {
		if (rule->deny ? state > 0 : !rule_has_state(rule, state))
			continue;
		out[n++] = (struct prove_entry){ .rule = rule, .index = index, .state = state,
			.outcome = { .verdict = rule->deny ? WIRE_DROP : WIRE_PASS,
			    .mode = rule->deny ? rule->mode : 0, .state = rule->deny ? 0 : state,
			    /* the stage rides in the upper half until the entries are sorted */
			    .log = (uint8_t)(stage << 4 | rule->log),
			    .counter = names->rule_counters[index],
			    .rule_id = names->rule_ids[index] } };
	}
	return n;
}

static enum rc
entries_make(const struct pol_rules *r, const struct pol_names *names,
    const struct prove_index *index, const uint32_t *segments, uint32_t segment_count,
    struct arena *a, struct prove_side *s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < segment_count; i++)
		count += index->segment_first[segments[i] + 1] - index->segment_first[segments[i]];
	s->entries = arena_array(a, (size_t)count * WIRE_STATE__COUNT, sizeof(*s->entries));
	if (s->entries == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < segment_count; i++) {
		uint32_t end = index->segment_first[segments[i] + 1];

		for (uint32_t k = index->segment_first[segments[i]]; k < end; k++)
			if (r->rules[index->segment_rules[k]].dir == s->dir)
				s->entry_count += rule_entries(r, names, index->segment_rules[k],
				    s->entries + s->entry_count);
	}
	qsort(s->entries, s->entry_count, sizeof(*s->entries), entry_cmp);
	for (uint32_t i = 0; i < s->entry_count; i++)
		s->entries[i].outcome.log &= 1;
	s->entry_words = words_for(s->entry_count);
	return RC_OK;
}

/* Entries whose peers are the same set. */
static enum rc
sets_make(const struct prove_index *index, struct arena *a, struct prove_side *s)
{
	uint64_t *keys = arena_array(a, s->entry_count, sizeof(*keys));
	uint64_t *room = arena_array(a, s->entry_count, sizeof(*room));

	s->sets = arena_array(a, s->entry_count, sizeof(*s->sets));
	s->set_entries = arena_array(a, s->entry_count, sizeof(*s->set_entries));
	if (keys == NULL || room == NULL || s->sets == NULL || s->set_entries == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < s->entry_count; i++)
		keys[i] = (uint64_t)index->peer_ids[s->entries[i].index] << 32 | i;
	prove_u64_sort(keys, room, s->entry_count);
	for (uint32_t i = 0; i < s->entry_count; i++) {
		uint32_t e = (uint32_t)keys[i];

		if (i == 0 || keys[i] >> 32 != keys[i - 1] >> 32)
			s->sets[s->set_count++] = (struct prove_set){ .first = i,
				.peer = &s->entries[e].rule->peer,
				.id = (uint32_t)(keys[i] >> 32) };
		s->sets[s->set_count - 1].count++;
		s->set_entries[i] = e;
	}
	s->set_words = words_for(s->set_count);
	return RC_OK;
}

static enum rc
atoms_make(struct arena *a, struct prove_side *s)
{
	size_t count = 0;

	for (uint32_t i = 0; i < s->entry_count; i++)
		count += s->entries[i].rule->service_count;
	s->atoms = arena_array(a, count, sizeof(*s->atoms));
	if (s->atoms == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < s->entry_count; i++) {
		const struct prove_entry *e = &s->entries[i];

		for (uint32_t k = 0; k < e->rule->service_count; k++) {
			const struct pol_service *service = &e->rule->services[k];

			if (!e->rule->deny && service->state != e->state)
				continue;
			if (service->atom.family != 0 && service->atom.family != s->family)
				continue;
			s->atoms[s->atom_count++] = (struct prove_atom){ .service = service->atom,
				.entry = i };
		}
	}
	s->atom_words = words_for(s->atom_count);
	return RC_OK;
}

/* The strictest mode among the segments an address is a member of; the earliest of equals. */
static void
default_make(const struct pol_rules *r, const struct pol_names *names, const uint32_t *segments,
    uint32_t segment_count, struct prove_side *s)
{
	const struct pol_segment *best = NULL;

	for (uint32_t i = 0; i < segment_count; i++) {
		const struct pol_segment *g = &r->segments[segments[i]];
		bool earlier;

		if (g->members_all)
			continue;
		earlier = best != NULL && (g->pos.file != best->pos.file ?
		    g->pos.file < best->pos.file : g->pos.line != best->pos.line ?
		    g->pos.line < best->pos.line : g->pos.seq < best->pos.seq);
		if (best == NULL || g->mode > best->mode || (g->mode == best->mode && earlier))
			best = g;
	}
	s->has_default = best != NULL;
	if (best != NULL)
		s->deflt = (struct prove_outcome){ .verdict = WIRE_DROP, .mode = best->mode,
			.counter = WIRE_COUNTER_NONE,
			.rule_id = names->default_ids[best - r->segments] };
}

enum rc
prove_side_make(const struct pol_rules *r, const struct pol_names *names,
    const struct prove_index *index, const uint32_t *segments, uint32_t segment_count,
    uint8_t family, uint8_t dir, struct arena *a, struct prove_side *out)
{
	enum rc rc;

	memset(out, 0, sizeof(*out));
	out->family = family;
	out->dir = dir;
	rc = entries_make(r, names, index, segments, segment_count, a, out);
	if (rc == RC_OK)
		rc = sets_make(index, a, out);
	if (rc == RC_OK)
		rc = atoms_make(a, out);
	default_make(r, names, segments, segment_count, out);
	return rc;
}
