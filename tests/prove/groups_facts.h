/* SPDX-License-Identifier: Apache-2.0 */
/* groups_facts - what the walk relies upon of a group table of keys of KEY bytes: its outermost
 * path, as in facts.h, and its leaves. Bytes count from the table's start. */
#ifndef GROUPS_FACTS_H
#define GROUPS_FACTS_H

#include "wire_image.h"

enum {
	GROUP_NODE_KEYS = KEY == 4 ? WIRE_KEYS_V4 : WIRE_KEYS_V6,
	GROUP_NODE_BYTES = KEY == 16 ? 2 * WIRE_LINE : WIRE_LINE,
	GROUP_LEAF_KEYS = KEY == 4 ? WIRE_GROUP_LEAF_V4 : KEY == 8 ? WIRE_GROUP_LEAF_V6
	    : WIRE_GROUP_LEAF_V6_FULL,
	GROUP_SETS_AT = KEY == 4 ? WIRE_GROUP_SETS_V4 : KEY == 8 ? WIRE_GROUP_SETS_V6
	    : WIRE_GROUP_SETS_V6_FULL
};

/* last[depth] is the last leaf. */
struct group_path {
	uint32_t last[WIRE_GROUP_DEPTH_MAX + 1];
	uint32_t keys[WIRE_GROUP_DEPTH_MAX];
	uint64_t at[WIRE_GROUP_DEPTH_MAX];
};

static inline bool
group_path_holds(const struct group_path *p, const struct wire_groups *g, uint64_t bytes)
{
	bool holds = p->last[0] == 0;

	for (uint32_t i = 0; i < WIRE_GROUP_DEPTH_MAX; i++) {
		if (i >= g->depth)
			break;
		holds = holds && p->last[i] <= WIRE_IMAGE_BYTES_MAX / WIRE_LINE &&
		    p->keys[i] <= GROUP_NODE_KEYS &&
		    p->at[i] == (uint64_t)le32_get(g->start[i]) * WIRE_LINE +
		    (uint64_t)p->last[i] * GROUP_NODE_BYTES &&
		    p->at[i] + GROUP_NODE_BYTES <= bytes &&
		    p->last[i + 1] == p->last[i] * (GROUP_NODE_KEYS + 1) + p->keys[i];
	}
	return holds && p->last[g->depth] <= WIRE_IMAGE_BYTES_MAX / WIRE_LINE &&
	    (uint64_t)le32_get(g->start[g->depth]) * WIRE_LINE +
	    ((uint64_t)p->last[g->depth] + 1) * GROUP_NODE_BYTES <= bytes;
}

#endif
