/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_units - the rules of one list, one family, as boxes.
 * Does:    drops what the other family has, joins a rule's services that differ in destination
 *          port only (IMAGE_JOIN_PORTS), numbers the rest in match order.
 * Memory:  from the arena; borrows the list.
 */
#ifndef IMAGE_UNITS_H
#define IMAGE_UNITS_H

#include "image_build.h"

struct image_units {
	struct image_unit *items[2];		/* by enum wire_dir */
	uint32_t counts[2];
	const struct image_rule **rules;	/* by action index: those that have a unit */
	uint32_t rule_count, rule_counts[2];
	uint64_t spans;				/* of all units, as the rules list them */
};

/* RC_LIMIT past IMAGE_UNITS_MAX in a direction. */
MUST_CHECK enum rc image_units_from(struct image_units *out, struct arena *a,
    const struct image_list *list, uint8_t family, const struct image_groups *groups);

#endif
