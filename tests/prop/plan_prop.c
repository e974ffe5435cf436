/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_prop - two random policies: each packet that a plan names changes as it says, by the
 * reference; and a packet at an edge that changes has its table and direction in the plan.
 */
#include "t.h"

#include "gen_rules.h"
#include "pol_image.h"
#include "pol_plan.h"

enum { PAIRS = 250, KEYS = 80, ARENA_BYTES = 128 << 20 };

static struct gen gen;
static struct arena arena;
static struct diags diags;
static unsigned long examples, changes;

static uint8_t
effect(const struct pol_rules *r, const struct addr *local, const struct pkt_key *k, bool *is)
{
	struct pol_outcome o;

	*is = pol_ref_match(r, local, k, &o);
	if (!*is || !o.deny || o.mode == WIRE_LEARN)
		return WIRE_PASS;
	return o.mode == WIRE_COMPLY ? WIRE_WOULD_DROP : WIRE_DROP;
}

static void
examples_hold(const struct pol_rules *was, const struct pol_rules *is, const struct pol_plan *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		const struct pol_plan_item *item = &p->items[i];

		T_OK(item->count > 0 && item->gained + item->lost + item->other >= item->count);
		for (uint32_t k = 0; k < item->count; k++) {
			const struct pol_change *c = &item->examples[k];
			bool old_local, new_local;

			T_IS_UINT(c->was, effect(was, &item->local, &c->key, &old_local));
			T_IS_UINT(c->becomes, effect(is, &item->local, &c->key, &new_local));
			T_OK(old_local && new_local && c->key.dir == item->dir);
			examples++;
		}
	}
}

/* Items stand for several local IPs, so only that there is one of the direction can be asked. */
static void
changes_are_there(const struct pol_rules *was, const struct pol_rules *is,
    const struct pol_plan *p)
{
	for (int j = 0; j < KEYS; j++) {
		const struct pol_rules *from = j % 2 == 0 ? was : is;
		bool old_local, new_local, there = false;
		struct pkt_key k;
		struct addr local;

		gen_key(&gen, from, &local, &k);
		if (local.family == 0 || effect(was, &local, &k, &old_local) ==
		    effect(is, &local, &k, &new_local) || !old_local || !new_local)
			continue;
		for (uint32_t i = 0; i < p->count; i++)
			there |= p->items[i].dir == k.dir;
		T_OK(there || p->items_left_out > 0);
		changes++;
	}
}

static void
plans(void)
{
	for (unsigned long i = 0; i < t_tries(PAIRS) && t.case_failed == 0; i++) {
		static struct pol_plan plan;
		struct pol_rules was, is;
		struct pol_image old_image, new_image;

		arena_reset(&arena);
		diags_fini(&diags);
		CHECK(diags_init(&diags));
		gen_rules(&gen, &arena, 4, 14, &was);
		gen_rules(&gen, &arena, 4, 14, &is);
		CHECK(pol_image_make(&was, POL_PASS_ALL, &arena, &old_image, &diags) == RC_OK);
		CHECK(pol_image_make(&is, POL_PASS_ALL, &arena, &new_image, &diags) == RC_OK);
		if (T_IS_INT(pol_plan_make(&is, &new_image.names, old_image.bytes, &arena, &plan),
		    RC_OK)) {
			examples_hold(&was, &is, &plan);
			changes_are_there(&was, &is, &plan);
		}
		T_IS_INT(pol_plan_make(&was, &old_image.names, old_image.bytes, &arena, &plan),
		    RC_OK);
		T_OK(plan.count == 0 && plan.added == 0 && plan.removed == 0);
		pol_image_fini(&old_image);
		pol_image_fini(&new_image);
	}
	T_OK(examples > 0 && changes > 0);
	printf("# %lu examples, %lu changes met\n", examples, changes);
}

int
main(void)
{
	gen.state = t_seed();
	arena_init(&arena, ARENA_BYTES);
	T_RUN(plans);
	diags_fini(&diags);
	arena_fini(&arena);
	return t_done();
}
