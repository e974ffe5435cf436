/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_pass - passes over one list, and what each field of a rule permits them.
 * Does:    a pass names, for items of a list, an earlier one that takes all of their packets
 *          (covered_by). It changes nothing; the caller removes them if the pass is on. A first
 *          match is never changed by that, so neither is a verdict, a citation or a count.
 * Shape:   pol_pass_fields is the law, and tests hold both passes to it field by field: of two
 *          rules, the later may go if every field is as its column demands. Actions are free: the
 *          later rule is never reached, whatever it would have done.
 */
#ifndef POL_PASS_H
#define POL_PASS_H

#include "pol_job.h"

enum pol_permit {
	POL_MUST_EQUAL,		/* the same in both */
	POL_MUST_COVER,		/* the earlier one's holds the later's */
	POL_FREE
};

struct pol_pass_field {
	const char *field;
	uint8_t dedupe, shadow;	/* enum pol_permit */
};

static const struct pol_pass_field pol_pass_fields[] = {
	{ "dir",	POL_MUST_EQUAL,	POL_MUST_EQUAL },
	{ "peer",	POL_MUST_EQUAL,	POL_MUST_COVER },	/* several together */
	{ "services",	POL_MUST_EQUAL,	POL_MUST_COVER },	/* each by one atom */
	{ "vlans",	POL_MUST_EQUAL,	POL_MUST_COVER },	/* each by one range */
	{ "verdict",	POL_FREE,	POL_FREE },
	{ "mode",	POL_FREE,	POL_FREE },
	{ "state",	POL_FREE,	POL_FREE },
	{ "log",	POL_FREE,	POL_FREE },
	{ "counter",	POL_FREE,	POL_FREE },
	{ "rule_id",	POL_FREE,	POL_FREE },
};

/* Work that the shadow pass may do in one build; what is left then counts as not covered. */
enum {
	POL_SHADOW_STEPS_MAX = 48 * 1000 * 1000,
	POL_SHADOW_ITEM_STEPS_MAX = 4096,	/* of one rule: ranges x services */
	POL_SHADOW_ATOMS_MAX = 1 << 20		/* services in one list */
};

MUST_CHECK enum rc pol_pass_dedupe(struct pol_job *j, struct pol_list *l);
MUST_CHECK enum rc pol_pass_shadow(struct pol_job *j, struct pol_list *l);

#endif
