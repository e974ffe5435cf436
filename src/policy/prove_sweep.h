/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_sweep - one axis from its least value to its greatest; private to the prover.
 * Does:    keeps the edges, where an interval of a rule begins or ends and its bit is turned over,
 *          and the cuts, the values at which anything may change.
 * Memory:  malloc'ed; prove_sweep_fini frees it.
 */
#ifndef PROVE_SWEEP_H
#define PROVE_SWEEP_H

#include "prove_impl.h"

/* At this value a bit is turned over. */
struct prove_edge {
	uint64_t hi, lo;		/* lo only on the 16-bit axes and of v4 */
	uint32_t bit;
};

struct prove_sweep {
	struct prove_edge *edges;
	uint32_t count, cap, next;
	uint64_t *cuts;			/* of the upper (or only) 64 bits */
	uint32_t cut_count, cut_cap;
	uint64_t *bits;			/* as they are at the value reached */
};

MUST_CHECK enum rc prove_sweep_init(struct prove_sweep *w, uint32_t words);
void prove_sweep_fini(struct prove_sweep *w);
MUST_CHECK enum rc prove_edge_add(struct prove_sweep *w, uint64_t hi, uint64_t lo, uint32_t bit);
MUST_CHECK enum rc prove_cut_add(struct prove_sweep *w, uint64_t at);
/* An interval lo..hi of a bit, with cuts at both ends. */
MUST_CHECK enum rc prove_span_add(struct prove_sweep *w, uint32_t lo, uint32_t hi, uint32_t bit);
/* Cuts wherever one of the maps changes, and at 0. */
MUST_CHECK enum rc prove_maps_cut(struct prove_sweep *w, const struct prove_map *maps,
    uint32_t count);
/* The classes that the maps give a value. */
prove_tuple prove_maps_tuple(const struct prove_map *maps, uint32_t count, uint64_t x);
/* After the last edge and cut: in order, cuts none twice. */
MUST_CHECK enum rc prove_sweep_sort(struct prove_sweep *w);
MUST_CHECK enum rc prove_cuts_sort(struct prove_sweep *w);
/* Turns over all edges up to a value. */
void prove_sweep_to(struct prove_sweep *w, uint64_t hi, uint64_t lo);

#endif
