/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree - the trees of a half, for every value looked for and every tree whose outermost path holds
 * as facts.h says: each node lies inside the body, and the rank is one of the tree's.
 * bounds: any body up to 64 MiB, every depth
 * seconds: 60
 * unwind: 13
 * options: -DTREE=4
 * options: -DTREE=6
 * options: -DTREE=16
 * options: -DTREE=64
 * plant: fw_match.c s/rank \* (WIRE_KEYS_V4 + 1) +/rank * (WIRE_KEYS_V4 + 1) + 1 +/
 * plant -DTREE=6: fw_match.c s/rank \* (WIRE_KEYS_V6 + 1) +/rank * (WIRE_KEYS_V6 + 1) + 1 +/
 * plant -DTREE=16: fw_match.c s/rank \* (WIRE_KEYS_U16 + 1) +/rank * (WIRE_KEYS_U16 + 1) + 1 +/
 * plant -DTREE=64: fw_match.c s/(uint64_t)start + rank) /(uint64_t)start + rank + 1) /
 */
#include "prove.h"

#include "facts.h"
#include "walk_model.h"

#include "fw_match.c"

static struct wire_half half;
static struct chain chain;
static struct wire_low low;		/* the one record that the walk reads */
static uint32_t low_index, depth;

uint8_t
model_load8(uint64_t off)
{
	(void)off;
	return nondet_u8();
}

static const uint8_t *
low_field(uint64_t off)
{
	uint64_t at = (uint64_t)le32_get(half.low_at) * WIRE_LINE + (uint64_t)low_index *
	    sizeof(low);

	__CPROVER_assert(off >= at && off < at + sizeof(low), "the record of the upper rank");
	return (const uint8_t *)&low + (off - at);
}

uint16_t
model_load16(uint64_t off)
{
	return le16_get(*(const le16 *)low_field(off));
}

uint32_t
model_load32(uint64_t off)
{
	return le32_get(*(const le32 *)low_field(off));
}

uint32_t
model_keys(const uint8_t *node, uint64_t off, uint32_t keys)
{
	uint32_t n = nondet_u32();

	(void)node;
	__CPROVER_assume(n <= keys);
	for (uint32_t i = TREE == 64 ? 0 : 1; i < WIRE_DEPTH_MAX; i++)
		__CPROVER_assume(i >= depth || off != chain.at[i] || n <= chain.keys[i]);
	return n;
}

uint32_t
model_rows(uint32_t row, uint32_t cells)
{
	(void)row, (void)cells;
	return nondet_u32();
}

int
main(void)
{
	uint32_t bytes = nondet_u32(), rank = nondet_u32(), x = nondet_u32();
	uint64_t x64 = (uint64_t)nondet_u32() << 32 | x;
	struct wire_tree t;

	__CPROVER_havoc_object(&half);
	__CPROVER_havoc_object(&chain);
	__CPROVER_havoc_object(&low);
	__CPROVER_havoc_object(&t);
	__CPROVER_assume(bytes <= WIRE_IMAGE_BYTES_MAX);
	model_image = any_bytes(bytes);
	depth = nondet_u32();
#if TREE == 64
	le16 start[4] = { le16_put(1), low.start[0], low.start[1] };
	uint32_t ranks = nondet_u32();

	low_index = nondet_u32();
	depth = half.low_depth;
	__CPROVER_assume(depth >= 1 && depth <= WIRE_DEPTH_LOW_MAX && low_index < ranks);
	__CPROVER_assume((uint64_t)le32_get(half.low_at) * WIRE_LINE + (uint64_t)ranks *
	    sizeof(low) <= bytes);
	__CPROVER_assume(chain.at[0] == (uint64_t)le32_get(low.at) * WIRE_LINE &&
	    chain.at[0] + WIRE_LINE <= bytes);
	__CPROVER_assume(chain_holds(&chain, le32_get(low.at), start, depth, WIRE_KEYS_V6, bytes));
	__CPROVER_assume((uint64_t)le32_get(low.classes) + chain.last[depth] <
	    le32_get(half.low_ranks));
	rank = fw_rank_low(model_image, 0, &half, low_index, x64);
	__CPROVER_assert(rank < le32_get(half.low_ranks), "a rank of the remote class array");
#else
	uint32_t keys = TREE == 4 ? WIRE_KEYS_V4 : TREE == 6 ? WIRE_KEYS_V6 : WIRE_KEYS_U16;

	__CPROVER_assume(depth >= 1 && depth <= (TREE == 4 ? WIRE_DEPTH_V4_MAX
	    : TREE == 6 ? WIRE_DEPTH_V6_MAX : WIRE_DEPTH_U16_MAX));
	__CPROVER_assume(chain_holds(&chain, le32_get(t.at), t.start, depth, keys, bytes));
	__CPROVER_assume(rank <= chain.keys[0]);
	rank = TREE == 4 ? fw_rank_v4(model_image, 0, rank, &t, (int)depth, x)
	    : TREE == 6 ? fw_rank_v6(model_image, 0, rank, &t, (int)depth, x64)
	    : fw_rank_u16(model_image, 0, rank, &t, (int)depth, x);
	__CPROVER_assert(rank <= chain.last[depth], "a rank of the tree");
#endif
	return 0;
}
