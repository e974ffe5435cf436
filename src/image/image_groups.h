/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_groups - the table of big groups that all bodies of a family share.
 * Does:    finds the peers that are big, sweeps over the ends of their ranges, numbers the
 *          combinations, writes struct wire_groups and what follows it.
 * Shape:   a set is one combination, as a bit a group; sets are numbered in the order of addresses,
 *          so the same groups give the same bytes, whatever the rules and their order.
 * Limits:  WIRE_GROUP_*_MAX; beyond is RC_LIMIT before memory is taken.
 * Memory:  an arena of its own, about 40 bytes a range; borrows the input's ranges.
 */
#ifndef IMAGE_GROUPS_H
#define IMAGE_GROUPS_H

#include "arena.h"
#include "hash.h"
#include "image_build.h"

enum { IMAGE_GROUP_NONE = UINT32_MAX };

struct image_group {
	const struct addr_range *ranges;	/* sorted, of one family */
	uint32_t count;
	uint32_t rule_id;			/* the first that names it */
	uint8_t digest[SHA256_BYTES];		/* of the ranges */
};

struct image_groups {
	uint8_t family;
	uint8_t apart;				/* of the input */
	uint64_t steps_max;			/* of the input: of one split of one direction */
	struct arena arena;
	struct image_group *items;		/* none twice */
	uint32_t count;
	struct image_group_slot *slots;		/* by address of the ranges */
	uint32_t slot_count;
	struct image_work work;			/* of sets */
	struct image_sets sets;			/* of groups */
	uint8_t *table;				/* NULL = no big groups */
	size_t len;
	uint8_t digest[SHA256_BYTES];		/* of the table */
};

/* wanted: per list, whether it has a body of the family. *ranges counts up to
 * WIRE_GROUP_RANGES_MAX over both families. */
MUST_CHECK enum rc image_groups_build(struct image_groups *g, const struct image_input *in,
    uint8_t family, const bool *wanted, uint32_t *ranges, struct image_heavy *heavy,
    struct diag *diag);
void image_groups_fini(struct image_groups *g);
/* Number of the group that a peer of the input is, IMAGE_GROUP_NONE where it is not big. */
uint32_t image_groups_of(const struct image_groups *g, const struct addr_range *ranges,
    uint32_t count);

/* Of addresses as they are in a set. */
void image_ranges_digest(const struct addr_range *r, uint32_t count, uint8_t out[SHA256_BYTES]);

/* Boundaries as last addresses before them, ascending; the set of each rank, one more. */
MUST_CHECK enum rc image_groups_write(struct image_groups *g, const u128 *keys,
    const uint16_t *sets, uint32_t count);

/* NULL, or what is wrong with a foreign table, and where. O(len). */
const char *image_groups_check(const uint8_t *p, uint64_t len, uint8_t family, const uint8_t **at);

#endif
