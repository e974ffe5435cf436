/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passes_prop - what makes an image smaller changes no verdict and no citation: with each pass off,
 * all on and none, the packed image is proved equal to the rules, and read without the encoder it
 * says of packets at their edges what the linear reference reads off the rules, line and all. And
 * each pass does something: some image is larger, or has more rules, without it.
 */
#include "t.h"

#include "gen_rules.h"
#include "pol_image.h"

enum { POLICIES = 250, KEYS = 60, ALL_ON = 0, VARIANTS = POL_PASS_COUNT + 2 };

#define ARENA_BYTES ((size_t)256 << 20)

static struct gen gen;
static struct diags diags;
static struct arena arena;

struct tally {
	uint64_t bytes, rules;
};

/* All on, all but one, none. */
static unsigned
passes_of(unsigned variant)
{
	return variant > POL_PASS_COUNT ? 0
	    : POL_PASS_ALL & ~(variant == ALL_ON ? 0 : 1u << (variant - 1));
}

static const char *
variant_name(unsigned variant)
{
	return variant == ALL_ON ? "all" : variant > POL_PASS_COUNT ? "none"
	    : pol_pass_names[variant - 1];
}

static bool
place_equal(const struct pol_rules *r, const struct image_symbol *s, const struct pol_outcome *o)
{
	const struct pol_pos *p = o->matched ? &r->rules[o->rule].pos :
	    &r->segments[o->segment].pos;

	return s != NULL && strcmp(s->file, r->files[p->file]) == 0 && s->line == p->line &&
	    s->col == p->col && s->is_default == !o->matched &&
	    strcmp(s->segment, r->segments[o->segment].name) == 0;
}

static bool
answer_holds(const struct pol_rules *r, const struct pol_image *image, const struct addr *local,
    const struct pkt_key *k)
{
	struct image_action a;
	struct pol_outcome o;
	bool is_default;

	if (!pol_ref_match(r, local, k, &o))
		return !image_lookup(image->bytes, image->len, local, k, &a, &is_default);
	if (!image_lookup(image->bytes, image->len, local, k, &a, &is_default) ||
	    is_default == o.matched)
		return false;
	if (is_default && local->family == 0)
		return a.verdict == WIRE_DROP;
	return (a.verdict == WIRE_DROP) == o.deny && (!o.deny || a.mode == o.mode) &&
	    (o.deny || a.state == o.state) &&
	    (!o.matched || (a.log == r->rules[o.rule].log &&
	    (a.counter != WIRE_COUNTER_NONE) == r->rules[o.rule].count)) &&
	    place_equal(r, image_symbol_find(&image->symbols, a.rule_id), &o);
}

static bool
policy_holds(struct tally *tally)
{
	struct pol_image images[VARIANTS];
	struct pol_rules r;
	bool good = true;

	gen_rules(&gen, &arena, 1 + gen_below(&gen, 4), 40, &r);
	for (unsigned v = 0; v < VARIANTS; v++) {
		/* the proof is in it */
		if (pol_image_make(&r, passes_of(v), &arena, &images[v], &diags) != RC_OK) {
			printf("# %s\n", variant_name(v));
			diags_print(&diags, stdout);
			return false;
		}
		tally[v].bytes += images[v].len;
		for (uint32_t i = 0; i < images[v].input.list_count; i++)
			tally[v].rules += images[v].input.lists[i].count;
	}
	for (int i = 0; i < KEYS && good; i++) {
		struct addr local;
		struct pkt_key k;

		gen_key(&gen, &r, &local, &k);
		for (unsigned v = 0; v < VARIANTS && good; v++) {
			good = answer_holds(&r, &images[v], &local, &k);
			if (!good)
				printf("# %s\n", variant_name(v));
		}
	}
	for (unsigned v = 0; v < VARIANTS; v++)
		pol_image_fini(&images[v]);
	return good;
}

static void
verdicts_and_lines_stay(void)
{
	struct tally tally[VARIANTS] = { { 0 } };

	for (unsigned long i = 0; i < t_tries(POLICIES); i++) {
		arena_reset(&arena);
		if (!T_OK(policy_holds(tally)))
			return;
	}
	for (unsigned v = 0; v < VARIANTS; v++)
		printf("# %s%s: %llu bytes, %llu rules\n",
		    v == ALL_ON || v > POL_PASS_COUNT ? "" : "without ", variant_name(v),
		    (unsigned long long)tally[v].bytes, (unsigned long long)tally[v].rules);
	T_OK(tally[1].rules >= tally[0].rules);
	T_OK(tally[2].rules > tally[0].rules);
	T_OK(tally[3].rules > tally[0].rules);
	T_OK(tally[4].bytes > tally[0].bytes);
	T_OK(tally[POL_PASS_COUNT + 1].bytes > tally[0].bytes);
}

/* Folded, a rule's ports are one box; apart, they are more than a direction may have. */
static void
ports_are_folded(void)
{
	enum { PLACES = 9, PORTS = 4000 };
	struct pol_image image;
	struct pol_rules r;

	arena_reset(&arena);
	gen.state = 3;
	gen_rules_large(&gen, &arena, 1, PLACES, &r);
	for (uint32_t i = 0; i < PLACES; i++) {
		struct pol_rule *p = &r.rules[i];
		struct pol_service first = p->services[0];

		p->dir = WIRE_IN;
		p->services = arena_array(&arena, PORTS, sizeof(*p->services));
		CHECK(p->services != NULL);
		for (uint32_t k = 0; k < PORTS; k++) {
			p->services[k] = first;
			p->services[k].atom.dport_lo = p->services[k].atom.dport_hi =
			    (uint16_t)(2 * k + i);
		}
		p->service_count = PORTS;
	}
	T_IS_INT(pol_image_make(&r, POL_PASS_ALL, &arena, &image, &diags), RC_OK);
	pol_image_fini(&image);
	T_IS_INT(pol_image_make(&r, POL_PASS_ALL & ~(unsigned)POL_PASS_FOLD, &arena, &image,
	    &diags), RC_LIMIT);
	pol_image_fini(&image);
}

int
main(void)
{
	gen.state = t_seed();
	arena_init(&arena, ARENA_BYTES);
	if (!diags_init(&diags))
		return 1;
	T_RUN(verdicts_and_lines_stay);
	T_RUN(ports_are_folded);
	diags_fini(&diags);
	arena_fini(&arena);
	return t_done();
}
