/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_pass - what makes rules fewer, and what each field of a rule permits.
 * Does:    merge joins rules before they have ids. Dedupe and shadow look at one list: they name,
 *          for items of it, an earlier one that takes all of their packets (covered_by), and
 *          change nothing; the caller removes them if the pass is on. A first match is never
 *          changed by that, so neither is a verdict, a citation or a count. Aggregate and fold are
 *          the encoder's (enum image_join of image.h): there alone it is known what no rule tells
 *          apart.
 * Shape:   pol_pass_fields is the law, and tests hold the passes to it field by field: of two
 *          rules, the later may go if every field is as its column demands. For dedupe and shadow
 *          actions are free: the later rule is never reached, whatever it would have done.
 */
#ifndef POL_PASS_H
#define POL_PASS_H

#include "pol_job.h"

enum pol_permit {
	POL_MUST_EQUAL,		/* the same in both */
	POL_MUST_COVER,		/* the earlier one's holds the later's */
	POL_MAY_DIFFER,		/* one field that says so may; it is joined */
	POL_MUST_NOT,		/* both are without */
	POL_FREE
};

struct pol_pass_field {
	const char *field;
	uint8_t dedupe, shadow, merge;	/* enum pol_permit */
};

static const struct pol_pass_field pol_pass_fields[] = {
	{ "dir",	POL_MUST_EQUAL,	POL_MUST_EQUAL,	POL_MUST_EQUAL },
	/* shadow: several earlier rules together */
	{ "peer",	POL_MUST_EQUAL,	POL_MUST_COVER,	POL_MAY_DIFFER },
	/* shadow: each by one atom, each by one range; a state is part of a service for merge */
	{ "services",	POL_MUST_EQUAL,	POL_MUST_COVER,	POL_MAY_DIFFER },
	{ "vlans",	POL_MUST_EQUAL,	POL_MUST_COVER,	POL_MAY_DIFFER },
	{ "verdict",	POL_FREE,	POL_FREE,	POL_MUST_EQUAL },
	{ "mode",	POL_FREE,	POL_FREE,	POL_MUST_EQUAL },	/* of a deny */
	{ "state",	POL_FREE,	POL_FREE,	POL_MAY_DIFFER },
	{ "log",	POL_FREE,	POL_FREE,	POL_MUST_EQUAL },
	{ "counter",	POL_FREE,	POL_FREE,	POL_MUST_NOT },
	{ "rule_id",	POL_FREE,	POL_FREE,	POL_FREE },	/* one for both */
	{ "place",	POL_FREE,	POL_FREE,	POL_MUST_EQUAL },
	{ "segment",	POL_FREE,	POL_FREE,	POL_MUST_EQUAL },
	{ "why",	POL_FREE,	POL_FREE,	POL_MUST_EQUAL },
};

/* Work that the shadow pass may do in one build; what is left then counts as not covered. */
enum {
	POL_SHADOW_STEPS_MAX = 48 * 1000 * 1000,
	POL_SHADOW_ITEM_STEPS_MAX = 4096,	/* of one rule: ranges x services */
	POL_SHADOW_ATOMS_MAX = 1 << 20		/* services in one list */
};

/* Fewer rules, in their order; what did not merge is shared with r. */
struct pol_merged {
	struct pol_rules rules;
	uint32_t *into;			/* by rule of r: its rule of rules */
};

/* Not on: the rules as they are. Everything lives in a. */
MUST_CHECK enum rc pol_pass_merge(const struct pol_rules *r, bool on, struct arena *a,
    struct pol_merged *out);

MUST_CHECK enum rc pol_pass_dedupe(struct pol_job *j, struct pol_list *l);
MUST_CHECK enum rc pol_pass_shadow(struct pol_job *j, struct pol_list *l);

#endif
