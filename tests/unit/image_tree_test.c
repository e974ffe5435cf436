/* SPDX-License-Identifier: Apache-2.0 */
/* image_tree - ranks against counting, around every capacity. */
#include "image_build.h"

#include "bytes.h"
#include "t.h"

struct row {
	const char *name;
	unsigned key_bytes, depth;
	uint32_t count;
};

static const struct row rows[] = {
	{ "v4 none", 4, 0, 0 }, { "v4 one", 4, 1, 1 }, { "v4 a node", 4, 1, 16 },
	{ "v4 a node and one", 4, 2, 17 }, { "v4 two levels", 4, 2, 288 },
	{ "v4 three", 4, 3, 289 }, { "v4 three, full", 4, 3, 4912 }, { "v4 four", 4, 4, 4913 },
	{ "v4 some", 4, 4, 10007 }, { "v6 a node", 8, 1, 8 }, { "v6 two", 8, 2, 9 },
	{ "v6 two, full", 8, 2, 80 }, { "v6 three", 8, 3, 81 }, { "v6 four", 8, 4, 729 },
	{ "v6 five", 8, 5, 6561 }, { "port a node", 2, 1, 32 }, { "port two", 2, 2, 33 },
	{ "port two, full", 2, 2, 1088 }, { "port three", 2, 3, 1089 },
	{ "port many", 2, 3, 20000 },
};

static uint64_t
key_of(const struct row *r, uint32_t i)
{
	return r->key_bytes == 2 ? i * 3u : (uint64_t)i * 0x10001 + 5;
}

static uint32_t
walk(const struct image_tree *x, unsigned key_bytes, uint64_t value)
{
	unsigned keys = WIRE_LINE / key_bytes;
	uint32_t rank = 0;

	for (unsigned level = 0; level < x->depth; level++) {
		const uint8_t *node = x->nodes + ((level > 0 ? x->start[level - 1] : 0) + rank) *
		    (size_t)WIRE_LINE;
		uint32_t below = 0;

		if (!T_OK(node + WIRE_LINE <= x->nodes + (size_t)x->lines * WIRE_LINE))
			return UINT32_MAX;
		for (unsigned i = 0; i < keys; i++) {
			const uint8_t *p = node + i * key_bytes;
			uint64_t key = key_bytes == 2 ? get_le16(p) : key_bytes == 4 ? get_le32(p)
			    : get_le64(p);

			key = wire_key_flip(key, key_bytes);
			below += key < value;
		}
		rank = rank * (keys + 1) + below;
	}
	return rank;
}

static void
ranks_are_counts(const struct row *r)
{
	uint64_t *keys = calloc(r->count + 1, sizeof(*keys));
	uint64_t ones = UINT64_MAX >> (64 - 8 * r->key_bytes);
	struct image_tree x;
	struct arena a;
	uint32_t bad = 0;

	CHECK(keys != NULL);
	arena_init(&a, (size_t)64 << 20);
	for (uint32_t i = 0; i < r->count; i++)
		keys[i] = key_of(r, i);
	if (T_IS_INT(image_tree_build(&x, &a, keys, r->count, r->key_bytes, 0, WIRE_DEPTH_MAX),
	    RC_OK)) {
		T_IS_UINT(x.depth, r->depth);
		for (uint32_t i = 0; i < r->count; i++) {
			bad += walk(&x, r->key_bytes, keys[i]) != i;
			bad += walk(&x, r->key_bytes, keys[i] + 1) != i + 1;
		}
		bad += walk(&x, r->key_bytes, 0) != 0;
		bad += walk(&x, r->key_bytes, ones) != r->count;
		T_IS_UINT(bad, 0);
	}
	arena_fini(&a);
	free(keys);
}

static void
too_deep_is_a_limit(void)
{
	static uint64_t keys[300];
	struct image_tree x;
	struct arena a;

	arena_init(&a, (size_t)1 << 20);
	for (uint32_t i = 0; i < ARRAY_LEN(keys); i++)
		keys[i] = i;
	T_IS_INT(image_tree_build(&x, &a, keys, 288, 4, 0, 2), RC_OK);
	T_IS_INT(image_tree_build(&x, &a, keys, 289, 4, 0, 2), RC_LIMIT);
	T_IS_INT(image_tree_build(&x, &a, keys, 0, 4, 2, 2), RC_OK);
	T_IS_UINT(x.depth, 2);
	T_IS_UINT(x.lines, 2);
	arena_fini(&a);
}

int
main(void)
{
	T_ROWS(rows, ranks_are_counts);
	T_RUN(too_deep_is_a_limit);
	return t_done();
}
