/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_groups - the table of big groups that all bodies of a family share.
 * Does:    a peer of more than image_big_ranges ranges of a family is big; bodies ask in which
 *          combination of big groups an address is, instead of having its ranges in their trees.
 * Shape:   groups are numbered in the order of their ranges, sets in the order of addresses: the
 *          same groups give the same table, whatever the rules.
 * Limits:  WIRE_GROUP_*_MAX; beyond is RC_LIMIT before memory is taken.
 * Memory:  groups and sets in the caller's arena, bytes malloc'ed.
 */
#ifndef IMAGE_GROUPS_H
#define IMAGE_GROUPS_H

#include "image_build.h"

struct image_group {
	const struct addr_range *ranges;	/* borrowed; sorted, of one family */
	uint32_t count;
	uint32_t rule_id;		/* the first that names it */
};

struct image_groups {
	uint8_t family;
	struct image_group *items;	/* none twice */
	uint32_t count;
	uint32_t sets, words;		/* set i: words of bits[i * words], a bit a group */
	uint64_t *bits;
	uint8_t *table;			/* struct wire_groups and what follows; NULL = none */
	size_t len;
	uint8_t digest[32];		/* of the table, and of what its sets mean */
};

/* All big groups of the input, and their table. */
MUST_CHECK enum rc image_groups_build(struct image_groups *g, struct arena *a,
    const struct image_input *in, uint8_t family, struct image_heavy *heavy, struct diag *diag);
void image_groups_fini(struct image_groups *g);
/* Number of the group that is these ranges, UINT32_MAX where it is not a big one. */
uint32_t image_groups_of(const struct image_groups *g, const struct addr_range *ranges,
    uint32_t count);

/* NULL, or what is wrong with a foreign table, and where. O(len). */
const char *image_groups_check(const uint8_t *p, uint64_t len, uint8_t family, const uint8_t **at);

#endif
