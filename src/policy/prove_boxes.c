/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_boxes - every class of remote addresses with every class of services: the image's answer
 * and the rules' answer, compared; and which entries ever decide.
 * A row is one class of addresses. Few entries' peers hold any one address, so a row remembers
 * which words of its bits are not 0, and only those are looked at. Most rows differ from the one
 * before in few entries and few segments: a run of services that all read one segment of each
 * sub-table, the same as in the row before, and that has none of those entries, is answered as
 * there, which was compared.
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

uint32_t prove_run_min = 4;	/* services of a run, on average; tests set it otherwise */

/* Classes of services from..to-1, which read the same segment of each sub-table in any row. */
struct run {
	uint32_t from, to;
	const uint64_t *any;		/* entries of them all; NULL: compared in every row */
};

struct row {
	uint64_t *bits;			/* entries whose peers hold the remote address */
	uint32_t *words;		/* those of bits that are not 0 */
	uint32_t word_count;
	struct prove_row cells;
};

struct boxes {
	const struct prove_half *h;
	const struct prove_side *s;
	const struct prove_classes *remotes, *services;
	struct run *runs;
	uint32_t run_count, block;	/* block: services that stay in a cache */
	struct row rows[2];		/* by number modulo 2 */
	uint32_t *differs;		/* words in which the rows are not the same */
	uint64_t *delta;		/* the bits there */
	uint32_t differ_count;
	uint64_t *seen;
	bool *decides;			/* by entry */
	uint64_t steps;			/* words of the row looked at */
};

/* Runs that cannot be told from the row before: as long as a block. */
static void
runs_plain(struct boxes *b)
{
	uint32_t n = b->services->count;

	b->run_count = 0;
	for (uint32_t from = 0; from < n; from += MIN(b->block, n - from))
		b->runs[b->run_count++] = (struct run){ from, from + MIN(b->block, n - from),
			NULL };
}

static enum rc
runs_make(struct boxes *b, struct arena *a)
{
	const struct prove_classes *v = b->services;
	uint32_t n = v->count;

	b->runs = arena_array(a, (size_t)n + 1, sizeof(*b->runs));
	if (b->runs == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct run *last = &b->runs[MAX(b->run_count, 1u) - 1];

		if (b->run_count > 0 && i - last->from < b->block && prove_segments_same(b->h,
		    v->tuples[last->from], v->tuples[i]))
			last->to = i + 1;
		else
			b->runs[b->run_count++] = (struct run){ i, i + 1, prove_bits(v, i) };
	}
	if ((uint64_t)b->run_count * prove_run_min > n) {
		runs_plain(b);
		return RC_OK;
	}
	for (uint32_t i = 0; i < b->run_count; i++) {
		struct run *run = &b->runs[i];
		uint64_t *any;

		if (run->to - run->from == 1)
			continue;
		run->any = any = arena_array(a, v->words, sizeof(*any));
		if (any == NULL)
			return RC_NOMEM;
		for (uint32_t k = run->from; k < run->to; k++)
			for (uint32_t w = 0; w < v->words; w++)
				any[w] |= prove_bits(v, k)[w];
	}
	return RC_OK;
}

static enum rc
boxes_init(struct boxes *b, struct arena *a)
{
	size_t words = (size_t)b->s->entry_words + 1;
	bool ok = true;

	for (int i = 0; i < 2; i++) {
		b->rows[i].bits = arena_array(a, words, sizeof(*b->rows[i].bits));
		b->rows[i].words = arena_array(a, words, sizeof(*b->rows[i].words));
		ok = ok && b->rows[i].bits != NULL && b->rows[i].words != NULL;
	}
	b->differs = arena_array(a, words, sizeof(*b->differs));
	b->delta = arena_array(a, words, sizeof(*b->delta));
	b->seen = arena_array(a, SEEN_SLOTS, sizeof(*b->seen));
	b->decides = arena_array(a, (size_t)b->s->entry_count + 1, sizeof(*b->decides));
	b->block = MAX(BLOCK_BYTES / (b->services->words * 8), 1u);
	if (!ok || b->differs == NULL || b->delta == NULL || b->seen == NULL || b->decides == NULL)
		return RC_NOMEM;
	return runs_make(b, a);
}

static void
row_fill(const struct boxes *b, uint32_t remote, struct row *row)
{
	const uint64_t *bits = prove_bits(b->remotes, remote);

	for (uint32_t i = 0; i < row->word_count; i++)
		row->bits[row->words[i]] = 0;
	row->word_count = 0;
	for (uint32_t i = 0; i < b->s->set_words; i++)
		for (uint64_t x = bits[i]; x != 0; x &= x - 1) {
			const struct prove_set *set =
			    &b->s->sets[i * 64 + (uint32_t)__builtin_ctzll(x)];

			for (uint32_t k = 0; k < set->count; k++) {
				uint32_t e = b->s->set_entries[set->first + k];

				row->bits[e / 64] |= UINT64_C(1) << e % 64;
			}
		}
	for (uint32_t i = 0; i < b->s->entry_words; i++)
		if (row->bits[i] != 0)
			row->words[row->word_count++] = i;
	prove_row_open(b->h, b->remotes->tuples[remote], &row->cells);
}

/* Where the two rows hold different entries. */
static void
rows_differ(struct boxes *b)
{
	b->differ_count = 0;
	for (uint32_t i = 0; i < b->s->entry_words; i++) {
		uint64_t d = b->rows[0].bits[i] ^ b->rows[1].bits[i];

		if (d != 0) {
			b->differs[b->differ_count] = i;
			b->delta[b->differ_count++] = d;
		}
	}
}

/* Whether both rows answer each service of the run alike, the image's and the rules' answer. */
static bool
run_repeats(const struct boxes *b, const struct run *run)
{
	if (run->any == NULL || !prove_row_same(&b->rows[0].cells, &b->rows[1].cells,
	    b->services->tuples[run->from]))
		return false;
	for (uint32_t i = 0; i < b->differ_count; i++)
		if ((run->any[b->differs[i]] & b->delta[i]) != 0)
			return false;
	return true;
}

/* The first entry of the row that is in bits; entry_count where there is none. */
static uint32_t
row_first(struct boxes *b, const struct row *row, const uint64_t *bits)
{
	for (uint32_t i = 0; i < row->word_count; i++) {
		uint32_t at = row->words[i];
		uint64_t both = row->bits[at] & bits[at];

		if (both == 0)
			continue;
		b->steps += i + 1;
		return at * 64 + (uint32_t)__builtin_ctzll(both);
	}
	b->steps += row->word_count + 1;
	return b->s->entry_count;
}

static enum rc
run_compare(struct boxes *b, struct pol_proof *out, uint32_t remote, const struct run *run)
{
	const struct row *row = &b->rows[remote % 2];

	for (uint32_t v = run->from; v < run->to; v++) {
		uint32_t e = row_first(b, row, prove_bits(b->services, v));
		uint32_t cell = prove_row_cell(&row->cells, b->services->tuples[v]);
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
	return RC_OK;
}

/* One row with runs from..to-1; the row before had them too, if there is one. */
static enum rc
row_compare(struct boxes *b, struct pol_proof *out, uint32_t remote, uint32_t from, uint32_t to)
{
	enum rc rc = RC_OK;

	row_fill(b, remote, &b->rows[remote % 2]);
	if (remote > 0)
		rows_differ(b);
	for (uint32_t i = from; i < to && rc == RC_OK; i++) {
		if (remote > 0 && run_repeats(b, &b->runs[i]))
			b->steps += b->differ_count / 4 + 1;
		else
			rc = run_compare(b, out, remote, &b->runs[i]);
	}
	out->boxes += b->runs[to - 1].to - b->runs[from].from;
	return rc;
}

/* All rows with as many classes of services as stay in a cache meanwhile. */
static enum rc
rows_compare(struct boxes *b, struct prove_work *work, struct pol_proof *out)
{
	enum rc rc = RC_OK;

	for (uint32_t from = 0, to; from < b->run_count && rc == RC_OK; from = to) {
		for (to = from + 1; to < b->run_count &&
		    b->runs[to].to - b->runs[from].from <= b->block;)
			to++;
		for (uint32_t r = 0; r < b->remotes->count && rc == RC_OK; r++) {
			b->steps = b->s->entry_words;
			rc = row_compare(b, out, r, from, to);
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
			row_fill(b, r - 1, &b->rows[0]);
			by = row_first(b, &b->rows[0], prove_bits(b->services, service[e] - 1));
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
