/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_half - of a half that the check lets through, all of facts.h holds: for every half, body
 * size and group table. What one array or one tree is asked to hold is noted, and believed here;
 * check_array.c and check_tree.c prove it.
 * bounds: factors of a size (classes, rows) up to 15; arrays and trees are asked, not read
 * seconds: 60
 * unwind: 17
 * options:
 * replace: cells:note_cells tree:note_tree low_trees:note_low protocols:note_protocols
 * replace: bad:refused
 * plant: fw_image_body.c s/(dport - 1) >> h->b_shift >= b_row/dport >> h->b_shift > b_row/
 */
#include "prove.h"

#include "facts.h"

#include "fw_image_body.c"

/* Where a refusal points to is not looked at. */
bool
refused(const struct part *p, const void *what)
{
	(void)p, (void)what;
	return false;
}

#ifndef FACTOR_MAX
#define FACTOR_MAX 15
#endif

static struct wire_half halves[2];	/* one after the other, as in a body */
static struct cells_fact noted[A__COUNT];
static uint32_t cells_noted, trees_noted;
static bool low_noted, protocols_noted;

bool
note_cells(const struct part *p, le32 at, uint64_t count, uint32_t limit, bool none_allowed)
{
	bool good = nondet_u8() & 1;

	__CPROVER_assert(p->half == &halves[1] && cells_noted < A__COUNT, "an array of the half");
	if (good)
		noted[cells_noted++] = (struct cells_fact){ true, le32_get(at), count, limit,
			none_allowed };
	return good;
}

bool
note_tree(const struct part *p, const uint8_t *root, uint32_t at_line, const le16 *start,
    uint32_t levels, uint32_t depth, uint32_t key_bytes, uint32_t *rank_max)
{
	const struct wire_half *h = &halves[1];
	const struct wire_tree *const trees[] = { &h->remote, &h->dport, &h->sport, &h->vlan };
	const uint8_t depths[] = { h->remote_depth, h->dport_depth, h->sport_depth,
		h->vlan_depth };
	const struct wire_tree *t = trees[trees_noted & 3];

	(void)p;
	__CPROVER_assert(trees_noted < WIRE_ROOT__COUNT, "one of four");
	__CPROVER_assert(root == h->roots[trees_noted & 3] && at_line == le32_get(t->at) &&
	    start == t->start && levels == 4 && depth == depths[trees_noted & 3] &&
	    key_bytes == (trees_noted > 0 ? 2 : h->family == 4 ? 4 : 8), "the tree as it is");
	trees_noted++;
	*rank_max = nondet_u32();
	__CPROVER_assume(*rank_max <= UINT32_MAX / 64);
	return nondet_u8() & 1;
}

bool
note_low(const struct part *p, uint32_t ranks)
{
	(void)p;
	__CPROVER_assert(ranks == le32_get(halves[1].remote_keys) + 1, "a record each rank");
	low_noted = true;
	return nondet_u8() & 1;
}

bool
note_protocols(const struct part *p)
{
	(void)p;
	protocols_noted = true;
	return nondet_u8() & 1;
}

static bool
is_noted(const struct cells_fact *want)
{
	for (int i = 0; i < A__COUNT; i++)
		if (noted[i].is && noted[i].at == want->at && noted[i].count == want->count &&
		    noted[i].limit == want->limit && noted[i].none == want->none)
			return true;
	return false;
}

int
main(void)
{
	struct fw_view v = { .image = (const uint8_t *)halves };
	struct part p = { .v = &v, .half = &halves[1] };
	struct cells_fact want[A__COUNT];
	uint8_t family = nondet_u8();

	__CPROVER_havoc_object(halves);
	__CPROVER_assume(family == 4 || family == 6);
	/* sizes are products of these: SAT has no easy way with large ones */
	__CPROVER_assume(le16_get(halves[1].proto_classes) <= FACTOR_MAX &&
	    le16_get(halves[1].vlan_classes) <= FACTOR_MAX &&
	    le16_get(halves[1].sport_classes) <= FACTOR_MAX &&
	    le16_get(halves[1].q_classes) <= FACTOR_MAX &&
	    le16_get(halves[1].b_row) <= FACTOR_MAX &&
	    le16_get(halves[1].remote_classes) <= FACTOR_MAX &&
	    le16_get(halves[1].m_row) <= FACTOR_MAX);
	v.sets[0] = nondet_u32();
	v.sets[1] = nondet_u32();
	if (!half_check(&p, &halves[0], &halves[0], family))
		return 0;
	__CPROVER_assert(half_header(&halves[1], family), "steps, shifts, rows");
	__CPROVER_assert(le16_get(halves[1].rules) == le16_get(halves[0].rules) &&
	    le32_get(halves[1].actions_at) == le32_get(halves[0].actions_at),
	    "the body's actions");
	__CPROVER_assert((halves[1].group == 0) == (halves[0].group == 0), "groups in all or none");
	__CPROVER_assert(halves[1].group == 0 || v.sets[family == 6] != 0, "there are sets");
	__CPROVER_assert(trees_noted == WIRE_ROOT__COUNT && protocols_noted &&
	    (low_noted || halves[1].low_depth == 0), "trees, protocols");
	struct sizes s = { .rows = le16_get(halves[1].proto_classes) * 2 *
		(uint64_t)le16_get(halves[1].vlan_classes) };

	s.head = s.rows * le16_get(halves[1].sport_classes);
	s.b = (uint64_t)le16_get(halves[1].q_classes) * le16_get(halves[1].b_row);
	s.m = (uint64_t)le16_get(halves[1].remote_classes) * le16_get(halves[1].m_row);
	half_arrays(&halves[1], &s, v.sets[family == 6], want);
	for (int i = 0; i < A__COUNT; i++)
		__CPROVER_assert(!want[i].is || is_noted(&want[i]), "an array is held to");
	return 0;
}
