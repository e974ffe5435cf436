/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups - the walk of a group table, for every address and every table that holds as stated in
 * suppose(): each load lies inside the image and is aligned, the set is one that there is.
 * bounds: any image up to 64 MiB; up to two levels of nodes
 * seconds: 8
 * unwind: 9
 * options: -DKEY=4
 * options: -DKEY=8
 * options: -DKEY=16
 * plant: fw_match.c s/node \* (WIRE_KEYS_V4 + 1) +/node * (WIRE_KEYS_V4 + 1) + 1 +/
 * plant -DKEY=8: fw_match.c s/+ fw_node_v6(p, hi)/+ 1 + fw_node_v6(p, hi)/
 * plant -DKEY=16: fw_match.c s/WIRE_GROUP_SETS_V6_FULL, /WIRE_GROUP_SETS_V6_FULL + 2, /
 */
#include "prove.h"

#include "groups_facts.h"
#define MODEL_AT
#include "walk_model.h"

#include "fw_match.c"

#define DEPTH_MAX 2

static struct group_path path;
static uint32_t image_bytes, line, sets;
static struct wire_groups table;	/* the header, of which facts are known */
static bool walking;

/* Asked for first, and once: a node may lie at the same place. */
const uint8_t *
model_at(uint64_t off)
{
	if (walking || off != (uint64_t)line * WIRE_LINE)
		return NULL;
	walking = true;
	return (const uint8_t *)&table;
}

uint8_t
model_load8(uint64_t off)
{
	(void)off;
	return nondet_u8();
}

uint16_t
model_load16(uint64_t off)
{
	uint64_t at = (uint64_t)line * WIRE_LINE +
	    (uint64_t)le32_get(table.start[table.depth]) * WIRE_LINE;
	uint16_t v = nondet_u16();

	/* a set of a leaf that there is */
	__CPROVER_assume(off < at || (off - at) / GROUP_NODE_BYTES > path.last[table.depth] ||
	    (off - at) % GROUP_NODE_BYTES < GROUP_SETS_AT || (off - at) % GROUP_NODE_BYTES >
	    GROUP_SETS_AT + 2 * GROUP_LEAF_KEYS || v < sets);
	return v;
}

uint32_t
model_load32(uint64_t off)
{
	__CPROVER_assert(!walking, "where the table is, first");
	if (off == offsetof(struct wire_image_hdr, groups_at) + (KEY == 4 ? 0 : 4))
		return line;
	return nondet_u32();
}

uint32_t
model_keys(const uint8_t *node, uint64_t off, uint32_t keys)
{
	uint32_t n = nondet_u32();

	(void)node;
	__CPROVER_assume(n <= keys);
	for (uint32_t i = 0; keys == GROUP_NODE_KEYS && i < WIRE_GROUP_DEPTH_MAX; i++)
		__CPROVER_assume(i >= table.depth || off != path.at[i] +
		    (uint64_t)line * WIRE_LINE || n <= path.keys[i]);
	return n;
}

uint32_t
model_rows(uint32_t row, uint32_t cells)
{
	(void)row, (void)cells;
	return nondet_u32();
}

static void
suppose(void)
{
	__CPROVER_assume(image_bytes <= WIRE_IMAGE_BYTES_MAX && image_bytes >= 128);
	__CPROVER_assume(((uint64_t)line + 1) * WIRE_LINE <= image_bytes);
	__CPROVER_assume(table.key_bytes == KEY && table.depth <= DEPTH_MAX);
	__CPROVER_assume(sets > 0 && sets <= WIRE_GROUP_SETS_MAX);
	__CPROVER_assume(group_path_holds(&path, &table, image_bytes - line * WIRE_LINE));
}

int
main(void)
{
	struct fw_key k;

	__CPROVER_havoc_object(&path);
	__CPROVER_havoc_object(&table);
	image_bytes = nondet_u32();
	line = nondet_u32();
	sets = nondet_u32();
	__CPROVER_assume(image_bytes <= WIRE_IMAGE_BYTES_MAX);
	model_image = any_bytes(image_bytes);
	suppose();
	k.family = KEY == 4 ? 4 : 6;
	__CPROVER_assert(fw_group_set(model_image, &k) < sets, "a set that there is");
	return 0;
}
