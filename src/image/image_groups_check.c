/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_groups_check - a foreign group table: does every walk end at a set that there is, and is it
 * as the encoder writes it? O(len).
 */
#include <string.h>

#include "image_groups.h"
#include "image_read.h"

struct table {
	const struct wire_groups *g;
	const uint8_t *p;
	uint64_t keys, leaves;
	uint32_t leaf_keys, leaf_bytes, sets_at, node_keys, node_bytes;
	const uint8_t *at;		/* of the first fault */
	const char *what;
};

static bool
fail(struct table *t, const void *at, const char *what)
{
	t->at = at;
	t->what = what;
	return false;
}

static bool
zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static bool
shape(struct table *t, uint64_t len, uint8_t family)
{
	const struct wire_groups *g = t->g;
	bool full = g->key_bytes == 16;

	if (g->family != family || (family == 4 ? g->key_bytes != 4 : g->key_bytes != 8 && !full) ||
	    g->reserved != 0 || !zero(g->reserved2, sizeof(g->reserved2)))
		return fail(t, g, "a group table's family, keys or reserved bytes are wrong");
	t->keys = le32_get(g->keys);
	t->leaf_keys = family == 4 ? WIRE_GROUP_LEAF_V4 : full ? WIRE_GROUP_LEAF_V6_FULL
	    : WIRE_GROUP_LEAF_V6;
	t->sets_at = family == 4 ? WIRE_GROUP_SETS_V4 : full ? WIRE_GROUP_SETS_V6_FULL
	    : WIRE_GROUP_SETS_V6;
	t->node_keys = family == 4 ? WIRE_KEYS_V4 : WIRE_KEYS_V6;
	t->node_bytes = t->leaf_bytes = full ? 2 * WIRE_LINE : WIRE_LINE;
	t->leaves = t->keys / (t->leaf_keys + 1) + 1;
	if (le32_get(g->sets) == 0 || le32_get(g->sets) > WIRE_GROUP_SETS_MAX ||
	    le32_get(g->sets) > t->keys + 1 || t->keys > len)
		return fail(t, &g->keys, "a group table's keys or sets are miscounted");
	return true;
}

/* Nodes of level i, of which the table has depth; level depth is the leaves. */
static uint64_t
level_nodes(const struct table *t, unsigned level)
{
	uint64_t n = t->leaves - 1;

	for (unsigned i = t->g->depth; i > level; i--)
		n /= t->node_keys + 1;
	return n + 1;
}

static bool
levels(struct table *t, uint64_t len)
{
	const struct wire_groups *g = t->g;
	uint64_t at = 1;

	if (g->depth > WIRE_GROUP_DEPTH_MAX || level_nodes(t, 0) != 1 ||
	    (g->depth > 0 && level_nodes(t, 1) == 1))
		return fail(t, &g->depth, "a group table's depth is not that of its keys");
	for (unsigned i = 0; i <= WIRE_GROUP_DEPTH_MAX; i++) {
		if (le32_get(g->start[i]) != (i <= g->depth ? at : 0))
			return fail(t, &g->start[i], "a group table's levels do not begin where "
			    "they must");
		if (i <= g->depth)
			at += level_nodes(t, i) * (t->node_bytes / WIRE_LINE);
	}
	if (le32_get(g->bytes) != at * WIRE_LINE || at * WIRE_LINE > len)
		return fail(t, &g->bytes, "a group table is not as long as it says");
	return true;
}

/* Place i of a node or leaf of the last one of a level is past the keys: all ones. */
static bool
ones(const struct table *t, const uint8_t *node, uint32_t i, uint32_t low_at)
{
	static const uint8_t all[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (t->g->key_bytes == 4)
		return le32_get(((const le32 *)node)[i]) == INT32_MAX;
	return memcmp(node + 8 * (size_t)i, all, 8) == 0 &&
	    (t->g->key_bytes == 8 || memcmp(node + low_at + 8 * (size_t)i, all, 8) == 0);
}

/* Keys past the boundaries stand in the last node of each level. */
static bool
padding(struct table *t)
{
	uint64_t step = 1;

	for (unsigned level = t->g->depth + 1u; level-- > 0;) {
		bool leaf = level == t->g->depth;
		uint32_t n = leaf ? t->leaf_keys : t->node_keys;
		uint64_t last = level_nodes(t, level) - 1;
		const uint8_t *p = t->p + (size_t)le32_get(t->g->start[level]) * WIRE_LINE +
		    last * t->node_bytes;

		for (uint32_t i = 0; i < n; i++) {
			bool past = (last * (n + 1) + i + 1) * step - 1 >= t->keys;

			if (past != ones(t, p, i, leaf ? WIRE_GROUP_LOW_LEAF
			    : WIRE_GROUP_LOW_NODE))
				return fail(t, p, "keys of a group table end where they must not");
		}
		step *= n + 1;
	}
	return true;
}

/* Ascending, whatever level they stand in. */
static bool
order(struct table *t)
{
	struct addr last = { 0 };
	bool whole = t->g->key_bytes != 16;

	for (uint32_t i = 0; i < t->keys; i++) {
		struct addr k = image_groups_key(t->g, i);

		if (i > 0 && addr_cmp(&last, &k) >= 0)
			return fail(t, &t->g->keys, "keys of a group table are out of order");
		whole = whole || k.lo != UINT64_MAX;
		last = k;
	}
	return whole || fail(t, t->g, "a group table's keys are longer than they must be");
}

/* Each set is below the next new number, neighbours differ, all numbers are there. */
static bool
sets(struct table *t)
{
	const uint8_t *p = t->p + (size_t)le32_get(t->g->start[t->g->depth]) * WIRE_LINE;
	uint32_t seen = 0, last = UINT32_MAX, used, n = t->leaf_keys + 1;

	for (uint64_t leaf = 0, rank = 0; leaf < t->leaves; leaf++, p += t->leaf_bytes) {
		const le16 *ids = (const le16 *)(p + t->sets_at);

		for (uint32_t i = 0; i < n; i++, rank++) {
			uint32_t id = le16_get(ids[i]);

			if (rank > t->keys ? id != 0 : id > seen || id == last)
				return fail(t, &ids[i], "sets of a group table are not in order");
			seen += rank <= t->keys && id == seen;
			last = id;
		}
		used = t->sets_at + 2 * n;
		if (!zero(p + used, t->leaf_bytes - used))
			return fail(t, p + used, "a reserved byte is not zero");
	}
	return seen == le32_get(t->g->sets) ||
	    fail(t, &t->g->sets, "a group table's sets are miscounted");
}

const char *
image_groups_check(const uint8_t *p, uint64_t len, uint8_t family, const uint8_t **at)
{
	struct table t = { .g = (const struct wire_groups *)p, .p = p };

	*at = p;
	if (len < sizeof(*t.g))
		return "a group table is cut short";
	if (shape(&t, len, family) && levels(&t, len) && padding(&t) && order(&t))
		(void)sets(&t);
	*at = t.what != NULL ? t.at : p;
	return t.what;
}
