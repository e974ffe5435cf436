/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_plan - what new rules would change against an image that is enforced: for every packet.
 * Does:    walks the joint classes of the old image and the new rules, as pol_prove does, for each
 *          local IP that both know; where the effect differs, keeps one packet of the class.
 * Shape:   an effect is drop, would-drop or pass, with the mode counted in. Local IPs whose tables
 *          and rules are the same are one item.
 * Limits:  PLAN_ITEMS_MAX items, PLAN_EXAMPLES_MAX packets each; beyond they are counted only.
 * Memory:  the result lives in the arena.
 * Context: pure; in the query child.
 */
#ifndef POL_PLAN_H
#define POL_PLAN_H

#include "pol_prove.h"

enum { PLAN_ITEMS_MAX = 64, PLAN_EXAMPLES_MAX = 8 };

struct pol_change {
	struct pkt_key key;		/* as seen from the item's local IP */
	uint8_t was, becomes;		/* enum wire_verdict */
	uint32_t old_id, new_id;	/* of the deciding rules or defaults */
};

struct pol_plan_item {
	struct addr local;		/* of one of them */
	uint32_t locals;		/* that change so */
	uint8_t dir;
	uint64_t gained, lost, other;	/* classes: pass now; pass no longer; drop and would-drop */
	uint32_t count;
	struct pol_change examples[PLAN_EXAMPLES_MAX];
};

struct pol_plan {
	uint32_t added, removed;	/* local IPs */
	struct addr added_one, removed_one;
	uint64_t items_left_out;
	uint32_t count;
	struct pol_plan_item items[PLAN_ITEMS_MAX];
};

MUST_CHECK enum rc pol_plan_make(const struct pol_rules *r, const struct pol_names *names,
    const uint8_t *old_image, struct arena *a, struct pol_plan *out);

#endif
