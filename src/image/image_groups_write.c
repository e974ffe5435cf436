/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_groups_write - boundaries and sets as a static B-tree whose last level is of leaves.
 *
 * Every (leaf keys + 1)th boundary stands above the leaves; of those every (node keys + 1)th one
 * level higher, and so on. Nodes that no value reaches are not stored.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "image_groups.h"

struct writer {
	const u128 *keys;
	uint32_t count;
	unsigned key_bytes;
	uint32_t leaf, fan;		/* keys of a leaf; children of a node */
	size_t node_bytes, sets_at;	/* a leaf is as long as a node */
	uint64_t nodes[WIRE_GROUP_DEPTH_MAX + 1];	/* by level */
	unsigned depth;
};

/* Whole v6 addresses only where a boundary lies inside an upper half. */
static void
shape(struct writer *w, uint8_t family)
{
	*w = (struct writer){ w->keys, w->count, 4, WIRE_GROUP_LEAF_V4, WIRE_KEYS_V4 + 1, WIRE_LINE,
		WIRE_GROUP_SETS_V4, { 0 }, 0 };
	if (family == 4)
		return;
	w->key_bytes = 8;
	w->leaf = WIRE_GROUP_LEAF_V6;
	w->fan = WIRE_KEYS_V6 + 1;
	w->sets_at = WIRE_GROUP_SETS_V6;
	for (uint32_t i = 0; i < w->count; i++) {
		if ((uint64_t)w->keys[i] == UINT64_MAX)
			continue;
		w->key_bytes = 16;
		w->leaf = WIRE_GROUP_LEAF_V6_FULL;
		w->node_bytes = 2 * WIRE_LINE;
		w->sets_at = WIRE_GROUP_SETS_V6_FULL;
		return;
	}
}

static void
levels(struct writer *w)
{
	uint64_t nodes = w->count / (w->leaf + 1) + 1;

	for (uint64_t n = nodes; n > 1; n = (n - 1) / w->fan + 1)
		w->depth++;
	CHECK(w->depth <= WIRE_GROUP_DEPTH_MAX);
	for (unsigned i = w->depth + 1; i-- > 0; nodes = (nodes - 1) / w->fan + 1)
		w->nodes[i] = nodes;
	CHECK(w->nodes[0] == 1);
}

static void
key_put(const struct writer *w, uint8_t *node, uint32_t i, uint32_t low_at, uint64_t at)
{
	u128 key = at < w->count ? w->keys[at] : ~(u128)0;

	if (w->key_bytes == 4) {
		put_le32(node + 4 * (size_t)i, (uint32_t)wire_key_flip((uint32_t)key, 4));
		return;
	}
	put_le64(node + 8 * (size_t)i, (uint64_t)(key >> 64));
	if (w->key_bytes == 16)
		put_le64(node + low_at + 8 * (size_t)i, (uint64_t)key);
}

/* step: boundaries from one key of the level to the next. */
static void
level_put(const struct writer *w, uint8_t *p, unsigned level, uint64_t step,
    const uint16_t *sets)
{
	bool leaf = level == w->depth;
	uint32_t n = leaf ? w->leaf : w->fan - 1;

	for (uint64_t node = 0; node < w->nodes[level]; node++, p += w->node_bytes) {
		for (uint32_t i = 0; i < n; i++)
			key_put(w, p, i, leaf ? WIRE_GROUP_LOW_LEAF : WIRE_GROUP_LOW_NODE,
			    (node * (n + 1) + i + 1) * step - 1);
		for (uint32_t i = 0; leaf && i <= n; i++)
			if (node * (n + 1) + i <= w->count)
				put_le16(p + w->sets_at + 2 * (size_t)i, sets[node * (n + 1) + i]);
	}
}

enum rc
image_groups_write(struct image_groups *g, const u128 *keys, const uint16_t *sets, uint32_t count)
{
	struct writer w = { .keys = keys, .count = count };
	struct wire_groups h = { .family = g->family };
	uint32_t line = 1;
	uint64_t step = 1;

	shape(&w, g->family);
	levels(&w);
	for (unsigned i = 0; i <= w.depth; i++) {
		h.start[i] = le32_put(line);
		line += (uint32_t)(w.nodes[i] * w.node_bytes / WIRE_LINE);
	}
	h.key_bytes = (uint8_t)w.key_bytes;
	h.depth = (uint8_t)w.depth;
	h.keys = le32_put(count);
	h.sets = le32_put(g->sets.count);
	h.bytes = le32_put(line * WIRE_LINE);
	g->len = (size_t)line * WIRE_LINE;
	g->table = calloc(1, g->len);
	if (g->table == NULL)
		return RC_NOMEM;
	memcpy(g->table, &h, sizeof(h));
	for (unsigned i = w.depth + 1; i-- > 0;) {
		level_put(&w, g->table + (size_t)le32_get(h.start[i]) * WIRE_LINE, i, step, sets);
		step *= i == w.depth ? w.leaf + 1 : w.fan;
	}
	return RC_OK;
}
