/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_groups - of a group table that the check lets through, groups_facts.h holds, and each set
 * of each leaf is one that there is: in three parts, the header, the outermost path, the leaves.
 * bounds: any table up to 64 MiB and five levels; header: images up to 192 bytes; two leaves
 * seconds: 20
 * unwind: 17
 * options: -DPART=1 -DKEY=4
 * options: -DPART=1 -DKEY=16
 * options: -DPART=2 -DKEY=4
 * options: -DPART=2 -DKEY=8
 * options: -DPART=2 -DKEY=16
 * options: -DPART=3 -DKEY=4
 * options: -DPART=3 -DKEY=8
 * options: -DPART=3 -DKEY=16
 * replace: keys_used:note_keys bad:refused
 * plant: fw_image_groups.c s/h->depth > WIRE_GROUP_DEPTH_MAX/h->depth > WIRE_GROUP_DEPTH_MAX + 1/
 * plant -DPART=2 -DKEY=4: fw_image_groups.c s/at + g->node_bytes <= g->bytes/at <= g->bytes/
 * plant -DPART=2 -DKEY=16: fw_image_groups.c s/(g->node_keys + 1)/g->node_keys/
 * plant -DPART=3 -DKEY=8: fw_image_groups.c s/i <= g->leaf_keys/i < g->leaf_keys/
 */
#include "prove.h"

#include "groups_facts.h"

#include "fw_image_groups.c"

enum { DEPTH_MAX = 5, IMAGE_BYTES = 3 * WIRE_LINE, LEAVES_BYTES = 2 * GROUP_NODE_BYTES };

static struct wire_groups table;
static struct group_path noted;
static uint32_t levels;

/* Where a refusal points to is not looked at. */
bool
refused(struct fw_view *v, const void *what)
{
	(void)v, (void)what;
	return false;
}

/* nodes.c: no more than the walk's, and no more than keys of a node. */
uint32_t
note_keys(const struct groups *g, const uint8_t *node, uint32_t keys, uint32_t low_at)
{
	uint32_t n = nondet_u32();

	__CPROVER_assert(keys == GROUP_NODE_KEYS && low_at == WIRE_GROUP_LOW_NODE, "a node's");
	__CPROVER_assert(__CPROVER_r_ok(node, GROUP_NODE_BYTES), "a node is there");
	__CPROVER_assume(n <= keys);
	if (levels < WIRE_GROUP_DEPTH_MAX) {
		noted.keys[levels] = n;
		noted.at[levels] = (uint64_t)(node - g->p);
		noted.last[levels + 1] = noted.last[levels] * (keys + 1) + n;
	}
	levels++;
	return n;
}

static struct groups
groups_of(const uint8_t *p, uint32_t bytes)
{
	return (struct groups){ .p = p, .hdr = &table, .bytes = bytes,
		.node_bytes = GROUP_NODE_BYTES, .node_keys = GROUP_NODE_KEYS,
		.leaf_keys = GROUP_LEAF_KEYS, .sets_at = GROUP_SETS_AT };
}

/* What the two others suppose. */
static void
header_prove(struct fw_view *v)
{
	uint32_t line = nondet_u32();
	const struct wire_groups *h;
	struct groups g;

	v->len = nondet_u32();
	/* as fw_image_check has seen to before */
	__CPROVER_assume(v->len >= sizeof(struct wire_image_hdr) && v->len <= IMAGE_BYTES);
	v->image = any_bytes(v->len);
	if (!header(v, &g, line, KEY == 4 ? 4 : 6))
		return;
	__CPROVER_assert(((uint64_t)line + 1) * WIRE_LINE <= v->len, "the header is inside");
	h = (const struct wire_groups *)(v->image + line * WIRE_LINE);
	__CPROVER_assert(g.hdr == h && g.p == (const uint8_t *)h, "the table");
	__CPROVER_assert(h->depth <= WIRE_GROUP_DEPTH_MAX, "levels");
	__CPROVER_assert(le32_get(h->sets) > 0 && le32_get(h->sets) <= WIRE_GROUP_SETS_MAX, "sets");
	__CPROVER_assert(g.bytes <= v->len - line * WIRE_LINE, "the table is inside");
	__CPROVER_assert(KEY == 4 ? h->key_bytes == 4 : h->key_bytes == 8 || h->key_bytes == 16,
	    "a width of keys");
	__CPROVER_assert(h->key_bytes != KEY || (g.node_bytes == GROUP_NODE_BYTES && g.node_keys ==
	    GROUP_NODE_KEYS && g.leaf_keys == GROUP_LEAF_KEYS && g.sets_at == GROUP_SETS_AT),
	    "as wide as the walk takes them");
}

static void
path_prove(struct fw_view *v)
{
	uint32_t bytes = nondet_u32();
	struct groups g;
	uint64_t last;

	__CPROVER_assume(bytes <= WIRE_IMAGE_BYTES_MAX && table.depth <= DEPTH_MAX);
	g = groups_of(any_bytes(bytes), bytes);
	if (!path(v, &g, &last))
		return;
	__CPROVER_assert(levels == table.depth && last == noted.last[table.depth], "the last leaf");
	__CPROVER_assert(group_path_holds(&noted, &table, bytes), "a path");
}

static void
leaves_prove(struct fw_view *v)
{
	struct groups g = groups_of(any_bytes(LEAVES_BYTES), LEAVES_BYTES);
	uint32_t last = nondet_u32(), leaf = nondet_u32(), i = nondet_u32();

	/* the path is inside */
	__CPROVER_assume(table.depth <= WIRE_GROUP_DEPTH_MAX && last < 2 &&
	    node_at(&g, table.depth, last) != NULL && leaf <= last && i <= GROUP_LEAF_KEYS);
	if (!leaves(v, &g, last))
		return;
	__CPROVER_assert(le16_get(((const le16 *)(g.p + (uint64_t)le32_get(
	    table.start[table.depth]) * WIRE_LINE + (uint64_t)leaf * GROUP_NODE_BYTES +
	    GROUP_SETS_AT))[i]) < le32_get(table.sets), "a set that there is");
}

int
main(void)
{
	struct fw_view v = { .bad_at = 0 };

	__CPROVER_havoc_object(&table);
	if (PART == 1)
		header_prove(&v);
	else if (PART == 2)
		path_prove(&v);
	else
		leaves_prove(&v);
	return 0;
}
