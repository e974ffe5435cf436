/* SPDX-License-Identifier: Apache-2.0 */
/*
 * causality_prop - a citation is a cause: without the cited rule a verdict or its citation is
 * another, without any other rule it is the same. And warnings are proofs: without a rule that is
 * "shadowed" or "never matches", the image already built is proved to say all that is left.
 * Shape:   a rule is deleted from the policy, and the rest is built, encoded and asked again.
 */
#include "t.h"

#include "gen_rules.h"
#include "pol_image.h"

enum { VERDICTS = 10000, KEYS = 20, OTHERS = 3, POLICIES = 400 };

#define ARENA_BYTES ((size_t)256 << 20)

static struct gen gen;
static struct diags diags;
static struct arena arena;

/* The rules without rule i; what else there is stays shared. */
static struct pol_rules
rules_without(const struct pol_rules *r, uint32_t i)
{
	struct pol_rules out = *r;

	CHECK(i < r->rule_count);
	out.rules = arena_array(&arena, r->rule_count, sizeof(*out.rules));
	CHECK(out.rules != NULL);
	memcpy(out.rules, r->rules, i * sizeof(*out.rules));
	memcpy(out.rules + i, r->rules + i + 1, (r->rule_count - i - 1) * sizeof(*out.rules));
	out.rule_count--;
	return out;
}

struct answer {
	bool table, is_default;
	struct image_action action;
	const struct image_symbol *symbol;
};

static struct answer
ask(const struct pol_image *image, const struct addr *local, const struct pkt_key *k)
{
	struct answer a = { 0 };

	a.table = image_lookup(image->bytes, image->len, local, k, &a.action, &a.is_default);
	if (a.table)
		a.symbol = image_symbol_find(&image->symbols, a.action.rule_id);
	return a;
}

/* Ids may move to the next free value where two rules mean the same: lines do not move. */
static bool
answers_equal(const struct answer *x, const struct answer *y)
{
	if (x->table != y->table || x->is_default != y->is_default)
		return false;
	if (!x->table || (x->symbol == NULL && y->symbol == NULL))
		return true;
	if (x->symbol == NULL || y->symbol == NULL)
		return false;
	return x->action.verdict == y->action.verdict && x->action.mode == y->action.mode &&
	    x->action.state == y->action.state && x->action.log == y->action.log &&
	    (x->action.counter == WIRE_COUNTER_NONE) == (y->action.counter == WIRE_COUNTER_NONE) &&
	    x->symbol->line == y->symbol->line && x->symbol->col == y->symbol->col &&
	    strcmp(x->symbol->file, y->symbol->file) == 0;
}

struct asked {
	struct addr local;
	struct pkt_key key;
	struct answer answer;
	uint32_t cited;
};

/* Index of the rule that the answer cites; rule_count where it is a default. Rules that were merged
 * have one id: the linear reference knows which of them it is. */
static uint32_t
cited(const struct pol_rules *r, const struct pol_image *image, const struct asked *q)
{
	struct pol_outcome o;

	if (!q->answer.table || q->answer.is_default)
		return r->rule_count;
	CHECK(pol_ref_match(r, &q->local, &q->key, &o) && o.matched);
	CHECK(image->names.rule_ids[o.rule] == q->answer.action.rule_id);
	return o.rule;
}

/* Two rules in one place cannot be told apart in messages, nor in citations. */
static bool
place_is_shared(const struct pol_rules *r, uint32_t i)
{
	for (uint32_t k = 0; k < r->rule_count; k++)
		if (k != i && r->rules[k].pos.file == r->rules[i].pos.file &&
		    r->rules[k].pos.line == r->rules[i].pos.line &&
		    r->rules[k].pos.col == r->rules[i].pos.col)
			return true;
	return false;
}

/* Rule i deleted: every answer that cites it changes, no other does. Where another rule has its
 * place, that may take over unseen. */
static bool
deletion_holds(const struct pol_rules *r, const struct asked *asked, uint32_t i)
{
	struct pol_rules rest = rules_without(r, i);
	struct pol_image image;
	bool good = true, shared = place_is_shared(r, i);

	if (pol_image_pack(&rest, POL_PASS_ALL, &arena, &image, &diags) != RC_OK)
		return false;
	for (uint32_t k = 0; k < KEYS; k++) {
		struct answer now = ask(&image, &asked[k].local, &asked[k].key);

		good = good && ((shared && asked[k].cited == i) ||
		    answers_equal(&asked[k].answer, &now) == (asked[k].cited != i));
	}
	pol_image_fini(&image);
	return good;
}

static bool
policy_holds(unsigned long *verdicts, unsigned long *deletions)
{
	struct asked asked[KEYS];
	struct pol_image image;
	struct pol_rules r;
	bool good, deleted[40] = { false };

	gen_rules(&gen, &arena, 1 + gen_below(&gen, 4), 30, &r);
	if (pol_image_make(&r, POL_PASS_ALL, &arena, &image, &diags) != RC_OK)
		return false;
	for (uint32_t k = 0; k < KEYS; k++) {
		gen_key(&gen, &r, &asked[k].local, &asked[k].key);
		asked[k].answer = ask(&image, &asked[k].local, &asked[k].key);
		asked[k].cited = cited(&r, &image, &asked[k]);
	}
	good = true;
	for (uint32_t k = 0; k < KEYS + OTHERS && good && r.rule_count > 0; k++) {
		uint32_t i = k < KEYS ? asked[k].cited : gen_below(&gen, r.rule_count);

		*verdicts += k < KEYS;
		if (i == r.rule_count || deleted[i])
			continue;
		deleted[i] = true;
		++*deletions;
		good = deletion_holds(&r, asked, i);
	}
	pol_image_fini(&image);
	return good;
}

static void
cited_rules_are_causes(void)
{
	unsigned long verdicts = 0, deletions = 0;

	while (verdicts < t_tries(VERDICTS)) {
		arena_reset(&arena);
		if (!T_OK(policy_holds(&verdicts, &deletions)))
			break;
	}
	printf("# %lu verdicts, %lu rules deleted one at a time\n", verdicts, deletions);
}

/* The names that the old image has, without rule i. */
static struct pol_names
names_without(const struct pol_names *n, uint32_t count, uint32_t i)
{
	uint32_t *ids = arena_array(&arena, count, sizeof(*ids)), k = 0;
	uint16_t *counters = arena_array(&arena, count, sizeof(*counters));

	CHECK(ids != NULL && counters != NULL);
	for (uint32_t from = 0; from < count; from++)
		if (from != i) {
			ids[k] = n->rule_ids[from];
			counters[k++] = n->rule_counters[from];
		}
	return (struct pol_names){ ids, counters, n->default_ids };
}

static bool
is_warned(const struct pol_rules *r, uint32_t i)
{
	const struct pol_pos *p = &r->rules[i].pos;

	for (uint32_t k = 0; k < diags.count; k++) {
		const struct diag *d = &diags.items[k];

		if ((strcmp(d->code, "shadowed") == 0 || strcmp(d->code, "never-matches") == 0) &&
		    strcmp(d->file, r->files[p->file]) == 0 && d->line == p->line &&
		    d->col == p->col)
			return true;
	}
	return false;
}

/* Warned exactly where the image says all of the rest; the image of the rest is no larger. */
static bool
warning_holds(const struct pol_rules *r, const struct pol_image *image, uint32_t i, bool warned,
    unsigned long *tally)
{
	struct pol_rules rest = rules_without(r, i);
	struct pol_names names = names_without(&image->names, r->rule_count, i);
	struct pol_proof proof;
	struct diag d = { 0 };
	bool same = pol_prove(&rest, &names, image->bytes, image->len, &arena, &proof, &d) ==
	    RC_OK;

	tally[same]++;
	if (same != warned)
		printf("# %s:%u is %swarned of, and without it the image says %s\n",
		    r->files[r->rules[i].pos.file], r->rules[i].pos.line, warned ? "" : "not ",
		    same ? "the same" : d.text);
	return same == warned;
}

static bool
warnings_hold(unsigned passes, unsigned long *tally)
{
	struct pol_image image;
	struct pol_rules r;
	bool good = true;

	diags_fini(&diags);
	CHECK(diags_init(&diags));
	gen_rules(&gen, &arena, 1 + gen_below(&gen, 4), 24, &r);
	if (pol_image_make(&r, passes, &arena, &image, &diags) != RC_OK)
		return false;
	for (uint32_t i = 0; i < r.rule_count && good; i++)
		if (r.files[r.rules[i].pos.file][0] != '<' && !place_is_shared(&r, i))
			good = warning_holds(&r, &image, i, is_warned(&r, i), tally);
	pol_image_fini(&image);
	return good;
}

static void
warnings_are_proofs(void)
{
	unsigned long tally[2] = { 0 };

	for (unsigned long i = 0; i < t_tries(POLICIES); i++) {
		arena_reset(&arena);
		if (!T_OK(warnings_hold((unsigned)i % (POL_PASS_ALL + 1), tally)))
			break;
	}
	T_OK(tally[0] > 0 && tally[1] > 0);
	printf("# %lu rules that never decide, each warned of; %lu that do, none warned of\n",
	    tally[1], tally[0]);
}

int
main(void)
{
	gen.state = t_seed();
	arena_init(&arena, ARENA_BYTES);
	if (!diags_init(&diags))
		return 1;
	T_RUN(cited_rules_are_causes);
	T_RUN(warnings_are_proofs);
	diags_fini(&diags);
	arena_fini(&arena);
	return t_done();
}
