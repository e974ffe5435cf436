/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_tree - a sorted array of keys as a static B-tree whose child numbers are arithmetic.
 *
 * Below a node of level i hang (keys + 1)^(depth - 1 - i) ranks per child, so slot j of node n
 * holds key number (n * (keys + 1) + j + 1) * that - 1. Nodes that no value can reach are not
 * stored; keys past the end are all ones and below no value.
 */
#include <string.h>

#include "bytes.h"
#include "image_build.h"

unsigned
image_tree_depth(uint32_t count, unsigned keys_per_node)
{
	unsigned depth = 0;
	uint64_t ranks = 1;

	while (ranks - 1 < count) {
		ranks *= keys_per_node + 1;
		depth++;
	}
	return depth;
}

static void
key_put(uint8_t *p, uint64_t key, unsigned key_bytes)
{
	key = wire_key_flip(key, key_bytes);
	for (unsigned i = 0; i < key_bytes; i++)
		p[i] = (uint8_t)(key >> 8 * i);
}

enum rc
image_tree_build(struct image_tree *t, struct arena *a, const uint64_t *keys, uint32_t count,
    unsigned key_bytes, unsigned depth_min, unsigned depth_max)
{
	unsigned fan = WIRE_LINE / key_bytes + 1;
	uint64_t below[WIRE_DEPTH_MAX + 1];
	uint8_t *to;

	memset(t, 0, sizeof(*t));
	t->keys = count;
	t->depth = MAX(image_tree_depth(count, fan - 1), depth_min);
	if (t->depth > depth_max)
		return RC_LIMIT;
	CHECK(t->depth <= WIRE_DEPTH_MAX);
	below[t->depth] = 1;		/* ranks below a child of level depth - 1 */
	for (unsigned i = t->depth; i > 0; i--)
		below[i - 1] = below[i] * fan;
	for (unsigned i = 0; i < t->depth; i++) {
		if (i > 0 && i <= ARRAY_LEN(t->start))
			t->start[i - 1] = t->lines;
		t->lines += (uint32_t)(count / below[i]) + 1;
	}
	to = t->nodes = arena_array(a, t->lines, WIRE_LINE);
	if (to == NULL)
		return RC_NOMEM;
	for (unsigned i = 0; i < t->depth; i++) {
		for (uint64_t n = 0; n <= count / below[i]; n++) {
			for (unsigned j = 0; j + 1 < fan; j++, to += key_bytes) {
				uint64_t at = (n * fan + j + 1) * below[i + 1] - 1;

				key_put(to, at < count ? keys[at] : UINT64_MAX, key_bytes);
			}
		}
	}
	return RC_OK;
}
