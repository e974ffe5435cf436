/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_joint - what the shared group table and the large sets of peers tell apart together, once
 * for all tables of a family; private to the prover.
 * Shape:   the line of addresses is cut where the table's set number changes or a large set begins
 *          or ends; a class is a pair (set number, large sets that hold the address). before[i] is
 *          one more than the index of the last interval of the same class, 0 where there is none;
 *          block_min is the least of PROVE_BLOCK of them. So the classes of any stretch are found
 *          without looking at the blocks that only repeat them.
 * Limits:  a set is large with more than prove_big_ranges ranges of the family; which are makes no
 *          difference to what is proved.
 * Memory:  malloc'ed; prove_joints_fini frees it.
 */
#ifndef PROVE_JOINT_H
#define PROVE_JOINT_H

#include "prove_impl.h"

enum { PROVE_BLOCK = 64 };

extern uint32_t prove_big_ranges;

struct prove_addr {
	uint64_t hi, lo;		/* of v4 only lo */
};

struct prove_joint {
	uint8_t family;
	uint32_t *big;			/* by number of a set of peers: its own + 1; 0 = small */
	uint32_t big_count;
	struct prove_addr *from;	/* of each interval, ascending; the first is 0 */
	uint32_t *class_of, *before, *block_min;
	uint32_t count;
	struct prove_classes classes;	/* tuple: the set number */
};

/* Of v4 and v6. Fini also after a failure, and of zeros. */
MUST_CHECK enum rc prove_joints_make(const struct pol_rules *r, const struct prove_index *index,
    const uint8_t *image, struct prove_joint out[2]);
void prove_joints_fini(struct prove_joint j[2]);
/* Index of the interval that holds an address. */
uint32_t prove_joint_at(const struct prove_joint *j, struct prove_addr a);

static inline bool
prove_addr_before(struct prove_addr a, struct prove_addr b)
{
	return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

#endif
