/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - one job's memory: many allocations, one end.
 * Does:    hands out zeroed, 16-byte aligned pieces from blocks; frees all at once.
 * Limits:  cap_bytes given at start; beyond is NULL, and arena_failed() stays true.
 * Memory:  blocks from malloc; nothing is freed before arena_fini() or arena_reset().
 */
#ifndef ARENA_H
#define ARENA_H

#include "base.h"

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t used_bytes;	/* of all blocks, headers included */
	size_t cap_bytes;
	bool failed;
};

void arena_init(struct arena *a, size_t cap_bytes);
void arena_fini(struct arena *a);
void arena_reset(struct arena *a);
bool arena_failed(const struct arena *a);

/* NULL where the cap or memory is reached. Zero bytes gives a valid pointer. */
MUST_CHECK void *arena_alloc(struct arena *a, size_t bytes);
/* count * size without wrapping. */
MUST_CHECK void *arena_array(struct arena *a, size_t count, size_t size);
MUST_CHECK char *arena_strdup(struct arena *a, const char *s);
MUST_CHECK void *arena_memdup(struct arena *a, const void *p, size_t bytes);
MUST_CHECK char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
