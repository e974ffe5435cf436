/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_job - what the files of pol_build share: one build, from rules to lists.
 * Shape:   a rule is cut into parts, one for each state of its services (a deny is one part); a
 *          part has an item in each family that it can match: the image's rule. The rank of a
 *          part and its rule's place are the order of the match. A class is a set of segments
 *          that some local IP is in; it has one list a family.
 * Memory:  results in arena; what only the build needs in scratch.
 */
#ifndef POL_JOB_H
#define POL_JOB_H

#include "pol.h"
#include "pol_intern.h"

enum { POL_ANY_FAMILY = 0, POL_V4 = 1, POL_V6 = 2, POL_FAMILIES = 3 };

struct pol_item {
	struct image_rule rule;
	uint32_t src;			/* index in pol_rules.rules */
	uint32_t serial;		/* its own number */
	uint32_t peer_id, service_id, vlan_id;	/* equal numbers, equal contents */
};

struct pol_part {
	uint32_t src;
	uint8_t rank;			/* smaller matches first */
	uint8_t state;
	bool made[POL_FAMILIES];
	struct pol_item *items[POL_FAMILIES];	/* NULL = cannot match there */
};

struct pol_class {
	const uint64_t *segments;	/* one bit each */
	uint32_t first_local, local_count[POL_FAMILIES];	/* by family; [0] of both */
	uint32_t strictest;		/* the segment of the default deny */
	uint32_t list[POL_FAMILIES];
};

/* One list while it is worked on. covered_by: index of an earlier rule that takes every packet
 * of this one; UINT32_MAX = none is known. */
struct pol_list {
	struct pol_item **items;
	uint32_t *covered_by;
	uint32_t count;
	uint8_t family;			/* POL_V4, POL_V6, or POL_ANY_FAMILY for the guard's */
};

/* What became of a rule, over all lists. */
struct pol_fate {
	uint32_t listed, covered;	/* items in lists; of them, covered */
	uint32_t by;			/* the first rule that covers */
	uint32_t packed;		/* items in lists that are kept */
};

struct pol_job {
	const struct pol_rules *r;
	struct arena *arena;
	struct arena scratch;
	struct diags *diags;
	unsigned passes;

	struct addr *locals;		/* sorted */
	uint32_t local_count;
	uint32_t *class_of;		/* by local */
	struct pol_class *classes;
	uint32_t class_count, words;	/* words of a class's bits */

	struct pol_part *parts;		/* by rule, then state */
	uint32_t part_count;
	uint32_t *segment_first, *segment_parts;	/* of segment s: [first[s], first[s + 1]) */
	uint32_t item_count;
	struct pol_sets peers;
	struct pol_intern services, vlans, lists;
	const struct service **service_arrays;	/* by service number */

	uint32_t *rule_ids, *default_ids;	/* by rule; by segment */
	uint32_t guard_default_id;
	uint16_t *counters;			/* by rule */
	uint32_t counter_count;

	struct pol_fate *fates;		/* by rule */
	uint64_t steps_left;		/* what the shadow pass may still spend */
	uint32_t not_compared;		/* items it left out */
	struct image_list *image_lists;
	uint32_t image_list_count, packed_count, gathered_count;
};

static inline uint8_t
pol_family(uint8_t index)
{
	return index == POL_V4 ? 4 : index == POL_V6 ? 6 : 0;
}

/* Adds a warning, or an error, with a place; the caller sets text and hint. */
void pol_say(struct pol_job *j, struct diag *d, enum diag_level level, const struct pol_pos *pos);

/* pol_local.c: the local IPs and their classes. */
MUST_CHECK enum rc pol_locals_find(struct pol_job *j);
/* Index of the first local >= a. */
uint32_t pol_local_at(const struct pol_job *j, const struct addr *a);
bool pol_class_has(const struct pol_class *c, uint32_t segment);
bool pol_pos_before(const struct pol_pos *a, const struct pol_pos *b);

/* pol_part.c: rules into parts, parts into items. */
MUST_CHECK enum rc pol_parts_make(struct pol_job *j);
MUST_CHECK enum rc pol_item_get(struct pol_job *j, struct pol_part *p, uint8_t family,
    struct pol_item **out);

/* pol_id.c: ids and counters. */
MUST_CHECK enum rc pol_ids_give(struct pol_job *j);

/* pol_warn.c, pol_warn_side.c: what the compiler says about rules that stand. */
void pol_warnings(struct pol_job *j);
void pol_warn_one_sided(struct pol_job *j);

/* pol_limit.c: "a.pol:3 (40), b.pol:7 (12)": the lines with most of what weight says, by rule. */
enum { POL_LINES_TEXT_BYTES = 256 };
void pol_lines_heaviest(struct pol_job *j, const uint32_t *weights,
    char out[POL_LINES_TEXT_BYTES]);

#endif
