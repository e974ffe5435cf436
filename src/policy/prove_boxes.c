/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_boxes - every class of remote addresses with every class of services: the image's answer
 * and the rules' answer, compared; and which entries ever decide.
 * A row is one class of addresses. Few entries' peers hold any one address, so a row remembers
 * which words of its bits are not 0, and only those are looked at.
 */
#include "prove_impl.h"

#include <string.h>

static bool
outcome_equal(const struct prove_outcome *x, const struct prove_outcome *y)
{
	return x->verdict == y->verdict && x->mode == y->mode && x->state == y->state &&
	    x->log == y->log && x->counter == y->counter && x->rule_id == y->rule_id;
}

static struct prove_outcome
action_outcome(const struct prove_half *h, uint32_t cell)
{
	const struct wire_action *a = &h->actions[MIN(cell, h->rules)];
	uint16_t counter = le16_get(a->counter);

	return (struct prove_outcome){ .verdict = a->verdict,
		.mode = a->verdict == WIRE_DROP ? a->mode : 0,
		.state = a->verdict == WIRE_PASS ? a->state : 0, .log = a->log,
		.counter = counter == WIRE_COUNTER_NONE ? counter : le16_get(h->slots[counter]),
		.rule_id = le32_get(a->rule_id) };
}

static struct image_action
outcome_action(const struct prove_outcome *o)
{
	return (struct image_action){ .verdict = o->verdict, .mode = o->mode, .state = o->state,
		.log = o->log, .counter = o->counter, .rule_id = o->rule_id };
}

/* Whether action index `cell` of the image is what entry `e` says (e = entry_count: the
 * default). */
static bool
answers_equal(const struct prove_half *h, const struct prove_side *s, uint32_t cell, uint32_t e)
{
	struct prove_outcome got;

	if ((cell >= h->rules) != (e == s->entry_count))
		return false;
	if (e == s->entry_count && !s->has_default)
		return true;
	got = action_outcome(h, cell);
	return outcome_equal(&got, e == s->entry_count ? &s->deflt : &s->entries[e].outcome);
}

static void
difference_fill(struct pol_proof *out, const struct prove_half *h, const struct prove_side *s,
    const struct pkt_key *remote, const struct pkt_key *service, uint32_t cell, uint32_t e)
{
	struct prove_outcome got = action_outcome(h, cell);

	out->key = *service;
	out->key.remote = remote->remote;
	out->key.dir = s->dir;
	out->got = outcome_action(&got);
	out->got_default = cell >= h->rules;
	out->want_default = e == s->entry_count;
	out->want = outcome_action(out->want_default ? &s->deflt : &s->entries[e].outcome);
	out->rule = out->want_default ? UINT32_MAX : s->entries[e].index;
}

/* Answers seen equal are remembered: pairs (entry, cell) recur over millions of boxes. */
enum { SEEN_SLOTS = 4096, BLOCK_BYTES = 256 << 10 };

struct boxes {
	const struct prove_half *h;
	const struct prove_side *s;
	const struct prove_classes *remotes, *services;
	uint64_t *row;			/* entries whose peers hold the remote address */
	uint32_t *words;		/* those of row that are not 0 */
	uint32_t word_count;
	uint64_t *seen;
	bool *decides;			/* by entry */
	uint64_t steps;			/* words of the row looked at */
};

static enum rc
boxes_init(struct boxes *b, struct arena *a)
{
	b->row = arena_array(a, (size_t)b->s->entry_words + 1, sizeof(*b->row));
	b->words = arena_array(a, (size_t)b->s->entry_words + 1, sizeof(*b->words));
	b->seen = arena_array(a, SEEN_SLOTS, sizeof(*b->seen));
	b->decides = arena_array(a, (size_t)b->s->entry_count + 1, sizeof(*b->decides));
	return b->row == NULL || b->words == NULL || b->seen == NULL || b->decides == NULL ?
	    RC_NOMEM : RC_OK;
}

static void
row_fill(struct boxes *b, uint32_t remote)
{
	const uint64_t *bits = prove_bits(b->remotes, remote);

	for (uint32_t i = 0; i < b->word_count; i++)
		b->row[b->words[i]] = 0;
	b->word_count = 0;
	for (uint32_t i = 0; i < b->s->set_words; i++)
		for (uint64_t x = bits[i]; x != 0; x &= x - 1) {
			const struct prove_set *set =
			    &b->s->sets[i * 64 + (uint32_t)__builtin_ctzll(x)];

			for (uint32_t k = 0; k < set->count; k++) {
				uint32_t e = b->s->set_entries[set->first + k];

				b->row[e / 64] |= UINT64_C(1) << e % 64;
			}
		}
	for (uint32_t i = 0; i < b->s->entry_words; i++)
		if (b->row[i] != 0)
			b->words[b->word_count++] = i;
}

/* The first entry of the row that is in bits; entry_count where there is none. */
static uint32_t
row_first(struct boxes *b, const uint64_t *bits)
{
	for (uint32_t i = 0; i < b->word_count; i++) {
		uint32_t at = b->words[i];
		uint64_t both = b->row[at] & bits[at];

		if (both == 0)
			continue;
		b->steps += i + 1;
		return at * 64 + (uint32_t)__builtin_ctzll(both);
	}
	b->steps += b->word_count + 1;
	return b->s->entry_count;
}

/* One row with the classes of services from..to-1. */
static enum rc
row_compare(struct boxes *b, struct pol_proof *out, uint32_t remote, uint32_t from, uint32_t to)
{
	struct prove_row cells;

	row_fill(b, remote);
	prove_row_open(b->h, b->remotes->tuples[remote], &cells);
	for (uint32_t v = from; v < to; v++) {
		uint32_t e = row_first(b, prove_bits(b->services, v));
		uint32_t cell = prove_row_cell(&cells, b->services->tuples[v]);
		uint64_t pair = (uint64_t)e << 32 | cell;
		uint64_t *slot = &b->seen[(pair * UINT64_C(0x9e3779b97f4a7c15) >> 40) &
		    (SEEN_SLOTS - 1)];

		if (*slot == pair + 1)
			continue;
		if (!answers_equal(b->h, b->s, cell, e)) {
			difference_fill(out, b->h, b->s, &b->remotes->keys[remote],
			    &b->services->keys[v], cell, e);
			return RC_CONFLICT;
		}
		*slot = pair + 1;
		b->decides[e] = true;
	}
	out->boxes += to - from;
	return RC_OK;
}

/* All rows with as many classes of services as stay in a cache meanwhile. */
static enum rc
rows_compare(struct boxes *b, struct prove_work *work, struct pol_proof *out)
{
	const uint32_t n = b->services->count;
	const uint32_t block = MAX(BLOCK_BYTES / (b->services->words * 8), 1u);
	enum rc rc = RC_OK;

	for (uint32_t from = 0; from < n && rc == RC_OK; from += MIN(block, n - from)) {
		for (uint32_t r = 0; r < b->remotes->count && rc == RC_OK; r++) {
			b->steps = b->s->entry_words;
			rc = row_compare(b, out, r, from, from + MIN(block, n - from));
			if (rc == RC_OK)
				rc = prove_work_add(work, b->steps);
		}
	}
	return rc;
}

/* For each entry that never decides: one box that it is in, and who decides there. */
static enum rc
instead_find(struct boxes *b, struct arena *a, struct pol_proof *out)
{
	uint32_t n = b->s->entry_count;
	uint32_t *service = arena_array(a, n, sizeof(*service));
	uint32_t *remote = arena_array(a, n, sizeof(*remote));

	if (service == NULL || remote == NULL)
		return RC_NOMEM;
	for (uint32_t v = 0; v < b->services->count; v++)
		for (uint32_t i = 0; i < b->s->entry_words; i++)
			for (uint64_t x = prove_bits(b->services, v)[i]; x != 0; x &= x - 1)
				service[i * 64 + (uint32_t)__builtin_ctzll(x)] = v + 1;
	for (uint32_t r = 0; r < b->remotes->count; r++)
		for (uint32_t i = 0; i < b->s->set_words; i++)
			for (uint64_t x = prove_bits(b->remotes, r)[i]; x != 0; x &= x - 1)
				remote[b->s->sets[i * 64 + (uint32_t)__builtin_ctzll(x)].first] =
				    r + 1;
	for (uint32_t i = 0; i < b->s->set_count; i++)
		for (uint32_t k = 0; k < b->s->sets[i].count; k++) {
			uint32_t e = b->s->set_entries[b->s->sets[i].first + k], by;
			uint32_t rule = b->s->entries[e].index;
			uint32_t r = remote[b->s->sets[i].first];

			if (b->decides[e] || r == 0 || service[e] == 0 ||
			    out->instead[rule] != UINT32_MAX)
				continue;
			row_fill(b, r - 1);
			by = row_first(b, prove_bits(b->services, service[e] - 1));
			CHECK(by < e);
			out->instead[rule] = b->s->entries[by].index;
		}
	return RC_OK;
}

enum rc
prove_boxes(const struct prove_half *h, const struct prove_side *s,
    const struct prove_classes *remotes, const struct prove_classes *services,
    struct prove_work *work, struct arena *a, struct pol_proof *out)
{
	struct boxes b = { .h = h, .s = s, .remotes = remotes, .services = services };
	bool all = true;
	enum rc rc = boxes_init(&b, a);

	if (rc == RC_OK)
		rc = rows_compare(&b, work, out);
	for (uint32_t e = 0; e < s->entry_count && rc == RC_OK; e++) {
		all = all && b.decides[e];
		if (b.decides[e])
			out->decides[s->entries[e].index] = true;
	}
	return rc == RC_OK && !all ? instead_find(&b, a, out) : rc;
}
