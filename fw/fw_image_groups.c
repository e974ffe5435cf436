/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group tables: each walk ends in a leaf that is there, at a set that there is.
 * As with a body's trees the last node of a level has the largest children of all, so that the
 * outermost path bounds every one.
 */
#include "fw_image.h"

#include "fw_port.h"

/* A table whose header has been checked. */
struct groups {
	const uint8_t *p;
	const struct wire_groups *hdr;
	uint32_t bytes;
	uint32_t node_bytes, node_keys, leaf_keys, sets_at;
};

static bool
bad(struct fw_view *v, const void *what)
{
	v->bad_at = (uint32_t)((const uint8_t *)what - v->image);
	return false;
}

/* Keys of a node or leaf that are not padding; key i of 16 bytes is split, its end at low_at. */
static uint32_t
keys_used(const struct groups *g, const uint8_t *node, uint32_t keys, uint32_t low_at)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < keys; i++) {
		if (g->hdr->key_bytes == 4)
			n += le32_get(((const le32 *)node)[i]) != 0x7fffffffu;
		else
			n += le64_get(((const le64 *)node)[i]) != UINT64_MAX ||
			    (g->hdr->key_bytes == 16 &&
			    le64_get(((const le64 *)(node + low_at))[i]) != UINT64_MAX);
	}
	return n;
}

static bool
header(struct fw_view *v, struct groups *g, uint32_t line, uint8_t family)
{
	const struct wire_groups *h;
	uint8_t sum = 0;
	bool full;

	if (((uint64_t)line + 1) * WIRE_LINE > v->len)
		return bad(v, v->image + offsetof(struct wire_image_hdr, groups_at));
	h = (const struct wire_groups *)(v->image + (size_t)line * WIRE_LINE);
	for (uint32_t i = 0; i < sizeof(h->reserved2); i++)
		sum |= h->reserved2[i];
	full = family == 6 && h->key_bytes == 16;
	if (h->family != family || (family == 4 ? h->key_bytes != 4 : h->key_bytes != 8 && !full) ||
	    h->depth > WIRE_GROUP_DEPTH_MAX || (h->reserved | sum) != 0)
		return bad(v, h);
	if (le32_get(h->sets) == 0 || le32_get(h->sets) > WIRE_GROUP_SETS_MAX)
		return bad(v, &h->sets);
	if (le32_get(h->bytes) > v->len - line * WIRE_LINE)
		return bad(v, &h->bytes);
	g->p = (const uint8_t *)h;
	g->hdr = h;
	g->bytes = le32_get(h->bytes);
	g->node_bytes = full ? 2 * WIRE_LINE : WIRE_LINE;
	g->node_keys = family == 4 ? WIRE_KEYS_V4 : WIRE_KEYS_V6;
	g->leaf_keys = family == 4 ? WIRE_GROUP_LEAF_V4 : full ? WIRE_GROUP_LEAF_V6_FULL
	    : WIRE_GROUP_LEAF_V6;
	g->sets_at = family == 4 ? WIRE_GROUP_SETS_V4 : full ? WIRE_GROUP_SETS_V6_FULL
	    : WIRE_GROUP_SETS_V6;
	return true;
}

/* Node number node of a level, NULL where it does not lie inside. */
static const uint8_t *
node_at(const struct groups *g, uint32_t level, uint64_t node)
{
	uint64_t at = (uint64_t)le32_get(g->hdr->start[level]) * WIRE_LINE + node * g->node_bytes;

	return at + g->node_bytes <= g->bytes ? g->p + at : NULL;
}

/* The outermost path; *last is the last leaf. */
static bool
path(struct fw_view *v, const struct groups *g, uint64_t *last)
{
	const struct wire_groups *h = g->hdr;
	uint32_t depth = h->depth;

	*last = 0;
	for (uint32_t level = 0; level < depth; level++) {
		const uint8_t *node = node_at(g, level, *last);

		if (node == NULL)
			return bad(v, &h->start[level]);
		*last = *last * (g->node_keys + 1) + keys_used(g, node, g->node_keys,
		    WIRE_GROUP_LOW_NODE);
		if (*last > WIRE_IMAGE_BYTES_MAX / WIRE_LINE)
			return bad(v, &h->start[level]);
	}
	return node_at(g, depth, *last) != NULL || bad(v, &h->start[depth]);
}

/* Each set of each leaf is one that there is. */
static bool
leaves(struct fw_view *v, const struct groups *g, uint64_t last)
{
	uint32_t sets = le32_get(g->hdr->sets);

	for (uint64_t leaf = 0; leaf <= last; leaf++) {
		const le16 *ids = (const le16 *)(node_at(g, g->hdr->depth, leaf) + g->sets_at);

		for (uint32_t i = 0; i <= g->leaf_keys; i++)
			if (le16_get(ids[i]) >= sets)
				return bad(v, &ids[i]);
	}
	return true;
}

/* O(bytes of the tables). */
bool
fw_image_groups_check(struct fw_view *v)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)v->image;

	for (uint32_t v6 = 0; v6 < 2; v6++) {
		uint32_t line = le32_get(h->groups_at[v6]);
		struct groups g;
		uint64_t last;

		if (line == 0)
			continue;
		FW_CHECK(v->len >= sizeof(*h));
		if (!header(v, &g, line, v6 ? 6 : 4) || !path(v, &g, &last) ||
		    !leaves(v, &g, last))
			return false;
		v->sets[v6] = le32_get(g.hdr->sets);
	}
	return true;
}
