/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_tree - a tree that the check lets through has an outermost path as facts.h says, in a body
 * of any size, wherever its levels are said to lie; and each record of lower halves has one.
 * bounds: any body up to 64 MiB, every depth; one record of lower halves
 * seconds: 4
 * unwind: 8
 * options: -DTREE=4
 * options: -DTREE=8
 * options: -DTREE=2
 * options: -DTREE=64
 * replace: node_keys:note_keys bad:refused
 * plant: fw_image_body.c s/node \* (WIRE_LINE \/ key_bytes + 1)/node * (WIRE_LINE \/ key_bytes)/
 * plant -DTREE=64: fw_image_body.c s/max >= le32_get(h->low_ranks)/max > le32_get(h->low_ranks)/
 * plant -DTREE=2: fw_image_body.c s/line + node > UINT32_MAX ||//
 * plant -DTREE=8: fw_image_body.c s/WIRE_LINE, &b))/2, \&b))/
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

enum { KEYS = TREE == 4 ? WIRE_KEYS_V4 : TREE == 2 ? WIRE_KEYS_U16 : WIRE_KEYS_V6
};

static struct chain chain;
static uint32_t nodes;
static const uint8_t *body;
static uint32_t body_bytes;

/* nodes.c: no more than the walk's, and no more than keys of a line. Level 0 may be a root. */
uint32_t
note_keys(const uint8_t *node, uint32_t key_bytes)
{
	uint32_t n = nondet_u32();

	__CPROVER_assert(WIRE_LINE / key_bytes == KEYS, "keys of this kind");
	__CPROVER_assert(__CPROVER_r_ok(node, WIRE_LINE), "a node is there");
	__CPROVER_assume(n <= KEYS);
	if (nodes < WIRE_DEPTH_MAX) {
		chain.keys[nodes] = n;
		if (nodes > 0 || TREE == 64)
			chain.at[nodes] = (uint64_t)(node - body);
		chain.last[nodes + 1] = chain.last[nodes] * (KEYS + 1) + n;
	}
	nodes++;
	return n;
}

static void
tree_prove(const struct part *p)
{
	static uint8_t root[WIRE_LINE];
	uint32_t depth = nondet_u32(), at = nondet_u32(), max;
	struct wire_tree t;

	__CPROVER_havoc_object(&t);
	__CPROVER_assume(depth >= 1 && depth <= (TREE == 2 ? WIRE_DEPTH_U16_MAX
	    : WIRE_DEPTH_V4_MAX));
	if (!tree(p, root, at, t.start, 4, depth, TREE == 64 ? 8 : TREE, &max))
		return;
	__CPROVER_assert(nodes == depth && max == chain.last[depth], "the rank of the last");
	__CPROVER_assert(max <= UINT32_MAX / 64, "not too many");
	__CPROVER_assert(chain_holds(&chain, at, t.start, depth, KEYS, body_bytes), "a path");
}

/* One record: each is checked by itself, in a turn of the loop that keeps nothing. */
static void
low_prove(const struct part *p, const struct wire_half *h)
{
	uint32_t ranks = nondet_u32();
	const struct wire_low *low;

	__CPROVER_assume(ranks == 1 && h->low_depth >= 1 && h->low_depth <= WIRE_DEPTH_LOW_MAX);
	if (!low_trees(p, ranks))
		return;
	__CPROVER_assert((uint64_t)le32_get(h->low_at) * WIRE_LINE + ranks * sizeof(*low) <=
	    body_bytes, "the records are inside");
	low = (const struct wire_low *)(body + (uint64_t)le32_get(h->low_at) * WIRE_LINE);
	le16 start[3] = { le16_put(1), low->start[0], low->start[1] };

	__CPROVER_assert(chain.at[0] == (uint64_t)le32_get(low->at) * WIRE_LINE &&
	    chain.at[0] + WIRE_LINE <= body_bytes, "the root is inside");
	__CPROVER_assert(chain_holds(&chain, le32_get(low->at), start, h->low_depth, KEYS,
	    body_bytes), "a path");
	__CPROVER_assert((uint64_t)le32_get(low->classes) + chain.last[h->low_depth] <
	    le32_get(h->low_ranks), "a class each");
}

int
main(void)
{
	struct fw_view v = { .bad_at = 0 };
	struct wire_half half;
	struct part p = { .v = &v, .half = &half };

	__CPROVER_havoc_object(&half);
	body_bytes = nondet_u32();
	__CPROVER_assume(body_bytes <= WIRE_IMAGE_BYTES_MAX);
	body = any_bytes(body_bytes);
	v.image = body;
	p.body_bytes = body_bytes;
	v.len = body_bytes;
	if (TREE == 64)
		low_prove(&p, &half);
	else
		tree_prove(&p);
	return 0;
}
