/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_intern - equal contents, one number.
 * Does:    numbers byte strings, and address sets, in the order in which they are first seen; the
 *          same input gives the same numbers.
 * Limits:  as many as were promised at the start; memory grows with the distinct bytes.
 * Memory:  copies byte strings that are new into the arena, borrows sets; lives as long as it.
 */
#ifndef POL_INTERN_H
#define POL_INTERN_H

#include "addr.h"
#include "arena.h"
#include "rc.h"

struct pol_bytes {
	const uint8_t *p;
	size_t len;
	uint64_t hash;
};

struct pol_intern {
	struct arena *arena;
	struct pol_bytes *items;	/* by number */
	uint32_t count, max;
	uint32_t *slots;		/* number + 1; 0 = free */
	uint32_t mask;
};

/* max: how many distinct contents may come. */
MUST_CHECK enum rc pol_intern_init(struct pol_intern *t, struct arena *a, uint32_t max);
MUST_CHECK enum rc pol_intern_add(struct pol_intern *t, const void *p, size_t len, uint32_t *id);

/* Sets: the same ranges are first known by their address in memory, then by content. They are
 * borrowed for as long as the table lives; a list of addresses is large. */
struct pol_sets {
	struct addr_set *items;		/* by number */
	uint64_t *hashes;
	uint32_t count, max;
	struct pol_sets_seen {
		const struct addr_range *ranges;
		uint32_t count, id;
	} *seen;
	uint32_t *slots;		/* number + 1; 0 = free */
	uint32_t mask;
};

MUST_CHECK enum rc pol_sets_init(struct pol_sets *t, struct arena *a, uint32_t max);
uint32_t pol_sets_add(struct pol_sets *t, const struct addr_set *s);

#endif
