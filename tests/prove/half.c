/* SPDX-License-Identifier: Apache-2.0 */
/*
 * half - the walk of one sub-table, for every packet and every half of which facts.h holds: all
 * that it reads lies inside the body and is aligned, and what it finds is a rule or none.
 * Memory is not there: a load gives any value that the check lets stand at that place. Trees are
 * what tree.c proves of them.
 * bounds: any body up to 64 MiB; trees as `tree` proves; a product is taken to be monotone
 * seconds: 30
 * unwind: 13
 * options: -DFAMILY=4
 * options: -DFAMILY=6
 * options: -DFAMILY=4 -DLANE
 * options: -DFAMILY=6 -DLANE
 * replace: fw_rank_v4:any_rank_v4 fw_rank_v6:any_rank_v6
 * replace: fw_rank_u16:any_rank_u16 fw_rank_low:any_rank_low
 * plant: fw_match.c s/array == 0 ? rank/array == 0 ? rank + 1/
 * plant: fw_match.c s/h->mp_at, (seg << shift)/h->mp_at, (seg << shift) + 1/
 * plant -DFAMILY=6: fw_match.c s/array == 0 ? rank/array == 0 ? rank + 1/
 * plant -DFAMILY=4 -DLANE: fw_match.c s/h->mp_at, (seg << shift)/h->mp_at, (seg << shift) + 1/
 * plant -DFAMILY=6 -DLANE: fw_match.c s/array == 0 ? rank/array == 0 ? rank + 1/
 */
#include "prove.h"

#include "facts.h"
#include "walk_model.h"

#include "fw_match.c"

static struct wire_half half;
static struct cells_fact arrays[A__COUNT];
static uint32_t root_keys[WIRE_ROOT__COUNT];
static struct sizes sizes;

uint8_t
model_load8(uint64_t off)
{
	uint64_t at = (uint64_t)le32_get(half.proto_at) * WIRE_LINE;
	uint8_t v = nondet_u8();

	__CPROVER_assume(off < at || off >= at + 256 || v < le16_get(half.proto_classes));
	return v;
}

uint16_t
model_load16(uint64_t off)
{
	uint16_t v = nondet_u16();

	for (int i = 0; i < A__COUNT; i++) {
		uint64_t at = (uint64_t)arrays[i].at * WIRE_LINE;

		__CPROVER_assume(!arrays[i].is || off < at || off >= at + arrays[i].count * 2 ||
		    v < arrays[i].limit || (arrays[i].none && v == WIRE_CELL_NONE));
	}
	return v;
}

uint32_t
model_load32(uint64_t off)
{
	(void)off;
	return nondet_u32();
}

/* Roots are in the half; tree.c goes on from there. */
uint32_t
model_keys(const uint8_t *node, uint64_t off, uint32_t keys)
{
	uint32_t n = nondet_u32();

	(void)off;
	__CPROVER_assert(__CPROVER_same_object(node, &half), "a root");
	__CPROVER_assume(n <= keys);
	for (int i = 0; i < WIRE_ROOT__COUNT; i++)
		__CPROVER_assume(node != half.roots[i] || n <= root_keys[i]);
	return n;
}

/* As tree.c proves: from what the root gave to a rank of the tree. */
static uint32_t
any_rank(const uint8_t *image, uint64_t body, uint32_t rank, const struct wire_tree *t, int depth)
{
	uint32_t r = nondet_u32(), root = WIRE_ROOT_REMOTE, d = half.remote_depth;
	le32 keys = half.remote_keys;

	if (t == &half.dport)
		root = WIRE_ROOT_DPORT, d = half.dport_depth, keys = half.dport_keys;
	if (t == &half.sport)
		root = WIRE_ROOT_SPORT, d = half.sport_depth, keys = half.sport_keys;
	if (t == &half.vlan)
		root = WIRE_ROOT_VLAN, d = half.vlan_depth, keys = half.vlan_keys;
	__CPROVER_assert(image == model_image && body == 0, "the body");
	__CPROVER_assert(root != WIRE_ROOT_REMOTE || t == &half.remote, "a tree of the half");
	__CPROVER_assert(depth == (int)d, "its depth");
	__CPROVER_assert(rank <= root_keys[root], "what its root gave");
	__CPROVER_assume(r <= le32_get(keys));
	return r;
}

uint32_t
any_rank_v4(const uint8_t *image, uint64_t body, uint32_t rank, const struct wire_tree *t,
    int depth, uint32_t x)
{
	(void)x;
	return any_rank(image, body, rank, t, depth);
}

uint32_t
any_rank_v6(const uint8_t *image, uint64_t body, uint32_t rank, const struct wire_tree *t,
    int depth, uint64_t x)
{
	(void)x;
	return any_rank(image, body, rank, t, depth);
}

uint32_t
any_rank_u16(const uint8_t *image, uint64_t body, uint32_t rank, const struct wire_tree *t,
    int depth, uint32_t x)
{
	(void)x;
	return any_rank(image, body, rank, t, depth);
}

uint32_t
any_rank_low(const uint8_t *image, uint64_t body, const struct wire_half *h, uint32_t high,
    uint64_t x)
{
	uint32_t r = nondet_u32();

	(void)x;
	__CPROVER_assert(image == model_image && body == 0 && h == &half, "the half");
	__CPROVER_assert(high <= le32_get(half.remote_keys), "a rank of the upper half");
	__CPROVER_assume(r < le32_get(half.low_ranks));
	return r;
}

/* A product is monotone: of a row of those that there are, the last cell is one of the array. */
uint32_t
model_rows(uint32_t row, uint32_t cells)
{
	const struct { uint64_t rows, cells, size; } known[] = {
		{ 2 * (uint64_t)le16_get(half.proto_classes), le16_get(half.vlan_classes),
		    sizes.rows },
		{ sizes.rows, le16_get(half.sport_classes), sizes.head },
		{ le16_get(half.q_classes), le16_get(half.b_row), sizes.b },
		{ le16_get(half.remote_classes), le16_get(half.m_row), sizes.m },
	};
	uint32_t product = nondet_u32();

	for (int i = 0; i < 4; i++)
		__CPROVER_assume(row >= known[i].rows || cells != known[i].cells ||
		    (uint64_t)product + cells <= known[i].size);
	return product;
}

static void
suppose(uint64_t bytes, uint32_t sets)
{
	const struct wire_half *h = &half;

	__CPROVER_assume(half_header(h, FAMILY));
	half_arrays(h, &sizes, sets, arrays);
	for (int i = 0; i < A__COUNT; i++)
		__CPROVER_assume(!arrays[i].is || (arrays[i].count <= WIRE_IMAGE_BYTES_MAX &&
		    (uint64_t)arrays[i].at * WIRE_LINE + arrays[i].count * 2 <= bytes));
	__CPROVER_assume((uint64_t)le32_get(h->proto_at) * WIRE_LINE + 256 <= bytes);
	/* a row has one cell at least: no more rows than cells */
	__CPROVER_assume(le16_get(h->sport_classes) == 0 || sizes.rows <= sizes.head);
}

int
main(void)
{
	uint32_t bytes = nondet_u32(), sets = nondet_u32(), groups = nondet_u32(), cell;
	struct fw_key k;

	__CPROVER_assume(bytes <= WIRE_IMAGE_BYTES_MAX && sets <= WIRE_GROUP_SETS_MAX);
	__CPROVER_havoc_object(&half);
	__CPROVER_havoc_object(&sizes);
	__CPROVER_havoc_object(root_keys);
	model_image = any_bytes(bytes);
	suppose(bytes, sets);
	__CPROVER_assume(half.group == 0 || groups < sets);
	k.family = FAMILY;
#if defined(LANE)
	struct fw_lane lane = { .half = &half, .body = model_image, .groups = groups,
		.key = k };

	fw_lane_walk(&lane);
	cell = fw_lane_rule(&lane);
#else
	cell = fw_half(model_image, 0, &half, &k, groups);
#endif
	__CPROVER_assert(cell < le16_get(half.rules) || cell == WIRE_CELL_NONE,
	    "a rule of the body, or none");
	return 0;
}
