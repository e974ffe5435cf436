/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_prop - the prover against random policies: what the compiler makes is proved, with every
 * pass on and off. Images that were changed are mutant_prop's.
 */
#include "t.h"

#include "gen_rules.h"
#include "prove_joint.h"

enum { POLICIES = 400, NO_MEMORY_POLICIES = 8 };

#define ARENA_BYTES ((size_t)512 << 20)

static struct gen gen;
static struct diags diags;

struct built {
	struct arena a;
	struct pol_rules rules;
	struct pol_names names;
	uint8_t *image;
	size_t len;
};

static bool
build(struct built *b, uint32_t segments, uint32_t rules, unsigned passes)
{
	struct image_symbols symbols;
	struct image_input in;
	struct diag d = { 0 };

	memset(b, 0, sizeof(*b));
	arena_init(&b->a, ARENA_BYTES);
	gen_rules(&gen, &b->a, segments, rules, &b->rules);
	if (pol_build(&b->rules, passes, &b->a, &in, &symbols, &diags) != RC_OK) {
		diags_print(&diags, stdout);
		return false;
	}
	in.big_ranges = gen_below(&gen, 3);	/* sets of two ranges may be shared by all tables */
	if (image_encode(&in, &b->image, &b->len, &d) == RC_OK &&
	    image_check(b->image, b->len, &d) == RC_OK &&
	    pol_names_get(&b->rules, passes, &b->a, &b->names) == RC_OK)
		return true;
	diags_print(&diags, stdout);
	diag_print(&d, stdout);
	return false;
}

static void
unbuild(struct built *b)
{
	free(b->image);
	arena_fini(&b->a);
}

/* The rules that decide, and with what other division of labour they are found: whether a set of
 * peers is swept in each table or once for all, and what is taken from the row before, is no one's
 * business. */
static bool
same_by_halves(struct built *b, const struct pol_proof *p, struct arena *a)
{
	const uint32_t before = prove_big_ranges, run_before = prove_run_min;
	struct pol_proof other;
	struct diag d = { 0 };
	bool same;

	prove_big_ranges = gen_below(&gen, 3);
	prove_run_min = gen_below(&gen, 3);
	same = pol_prove(&b->rules, &b->names, b->image, b->len, a, &other, &d) == RC_OK &&
	    memcmp(p->decides, other.decides, b->rules.rule_count * sizeof(*p->decides)) == 0;
	prove_big_ranges = before;
	prove_run_min = run_before;
	for (uint32_t i = 0; same && i < b->rules.rule_count; i++)
		same = (p->instead[i] == UINT32_MAX) == (other.instead[i] == UINT32_MAX);
	if (!same)
		printf("# with large sets apart: %s\n", d.text);
	return same;
}

static void
test_proved(void)
{
	unsigned long boxes = 0, wrong = 0;

	for (unsigned i = 0; i < t_tries(POLICIES); i++) {
		struct pol_proof p;
		struct diag d = { 0 };
		struct built b;
		struct arena a;

		if (!T_OK(build(&b, 1 + gen_below(&gen, 6), 1 + gen_below(&gen, 24),
		    i % (POL_PASS_ALL + 1))))
			return;
		arena_init(&a, ARENA_BYTES);
		if (pol_prove(&b.rules, &b.names, b.image, b.len, &a, &p, &d) != RC_OK) {
			if (wrong++ < 5)
				printf("# policy %u: %s\n", i, d.text);
		} else if (!T_OK(same_by_halves(&b, &p, &a))) {
			printf("# policy %u\n", i);
		}
		boxes += p.boxes;
		arena_fini(&a);
		unbuild(&b);
	}
	T_IS_UINT(wrong, 0);
	printf("# %lu boxes compared\n", boxes);
}

/* Memory that ends anywhere is RC_NOMEM with a message, and neither "proved" nor "differs". */
static void
test_no_memory(void)
{
	unsigned long ended = 0;

	for (unsigned i = 0; i < t_tries(NO_MEMORY_POLICIES); i++) {
		enum rc rc = RC_NOMEM;
		struct pol_proof p;
		struct built b;
		struct arena a;

		if (!T_OK(build(&b, 1 + gen_below(&gen, 3), 1 + gen_below(&gen, 12),
		    POL_PASS_ALL)))
			return;
		prove_big_ranges = gen_below(&gen, 3);
		for (size_t cap = 1; rc == RC_NOMEM && cap < ARENA_BYTES; cap += 2048) {
			struct diag d = { 0 };

			arena_init(&a, cap);
			rc = pol_prove(&b.rules, &b.names, b.image, b.len, &a, &p, &d);
			T_OK(rc == RC_OK || (rc == RC_NOMEM && d.text[0] != '\0'));
			ended += rc == RC_NOMEM;
			arena_fini(&a);
		}
		T_IS_INT(rc, RC_OK);
		unbuild(&b);
	}
	T_OK(ended > NO_MEMORY_POLICIES);
	printf("# memory ended %lu times\n", ended);
}

int
main(void)
{
	gen.state = t_seed();
	if (!diags_init(&diags))
		return 1;
	T_RUN(test_proved);
	T_RUN(test_no_memory);
	diags_fini(&diags);
	return t_done();
}
