/* SPDX-License-Identifier: Apache-2.0 */
/* prove_sweep - edges and cuts of an axis: gathered, sorted, passed. */
#include "prove_sweep.h"

#include <stdlib.h>
#include <string.h>

void
prove_sweep_fini(struct prove_sweep *w)
{
	free(w->edges);
	free(w->cuts);
	free(w->bits);
}

enum rc
prove_sweep_init(struct prove_sweep *w, uint32_t words)
{
	memset(w, 0, sizeof(*w));
	w->bits = calloc(MAX(words, 1u), sizeof(*w->bits));
	return w->bits == NULL ? RC_NOMEM : RC_OK;
}

enum rc
prove_edge_add(struct prove_sweep *w, uint64_t hi, uint64_t lo, uint32_t bit)
{
	if (w->count == w->cap) {
		uint32_t cap = w->cap == 0 ? 256 : w->cap * 2;
		struct prove_edge *more = realloc(w->edges, cap * sizeof(*more));

		if (more == NULL)
			return RC_NOMEM;
		w->edges = more;
		w->cap = cap;
	}
	w->edges[w->count++] = (struct prove_edge){ .hi = hi, .lo = lo, .bit = bit };
	return RC_OK;
}

enum rc
prove_cut_add(struct prove_sweep *w, uint64_t at)
{
	if (w->cut_count == w->cut_cap) {
		uint32_t cap = w->cut_cap == 0 ? 256 : w->cut_cap * 2;
		uint64_t *more = realloc(w->cuts, cap * sizeof(*more));

		if (more == NULL)
			return RC_NOMEM;
		w->cuts = more;
		w->cut_cap = cap;
	}
	w->cuts[w->cut_count++] = at;
	return RC_OK;
}

static bool
edge_before(const struct prove_edge *a, const struct prove_edge *b)
{
	return a->hi != b->hi ? a->hi < b->hi : a->lo < b->lo;
}

static size_t
edges_run(const struct prove_edge *e, size_t from, size_t count)
{
	size_t i = from + 1;

	while (i < count && !edge_before(&e[i], &e[i - 1]))
		i++;
	return MIN(i, count);
}

/* Edges come in runs, one a set of peers: runs are merged until there is one. */
static void
edges_sort(struct prove_edge *e, struct prove_edge *room, size_t count)
{
	while (count > 0 && edges_run(e, 0, count) < count) {
		for (size_t at = 0; at < count;) {
			size_t mid = edges_run(e, at, count);
			size_t end = mid < count ? edges_run(e, mid, count) : count;
			size_t i = at, k = mid;

			for (size_t n = at; n < end; n++)
				room[n] = i < mid && (k == end || !edge_before(&e[k], &e[i])) ?
				    e[i++] : e[k++];
			at = end;
		}
		memcpy(e, room, count * sizeof(*e));
	}
}

enum rc
prove_cuts_sort(struct prove_sweep *w)
{
	uint64_t *room = calloc((size_t)w->cut_count + 1, sizeof(*room));
	uint32_t k = 0;

	if (room == NULL)
		return RC_NOMEM;
	prove_u64_sort(w->cuts, room, w->cut_count);
	for (uint32_t i = 0; i < w->cut_count; i++)
		if (k == 0 || w->cuts[k - 1] != w->cuts[i])
			w->cuts[k++] = w->cuts[i];
	w->cut_count = k;
	free(room);
	return RC_OK;
}

enum rc
prove_sweep_sort(struct prove_sweep *w)
{
	struct prove_edge *room = calloc((size_t)w->count + 1, sizeof(*room));

	if (room == NULL)
		return RC_NOMEM;
	edges_sort(w->edges, room, w->count);
	free(room);
	return prove_cuts_sort(w);
}

void
prove_sweep_to(struct prove_sweep *w, uint64_t hi, uint64_t lo)
{
	while (w->next < w->count && (w->edges[w->next].hi < hi ||
	    (w->edges[w->next].hi == hi && w->edges[w->next].lo <= lo))) {
		uint32_t bit = w->edges[w->next++].bit;

		w->bits[bit / 64] ^= UINT64_C(1) << bit % 64;
	}
}

enum rc
prove_maps_cut(struct prove_sweep *w, const struct prove_map *maps, uint32_t count)
{
	enum rc rc = prove_cut_add(w, 0);

	for (uint32_t i = 0; i < count && rc == RC_OK; i++)
		for (uint32_t k = 0; k < maps[i].count && rc == RC_OK; k++)
			rc = prove_cut_add(w, maps[i].steps[k].lo);
	return rc;
}

prove_tuple
prove_maps_tuple(const struct prove_map *maps, uint32_t count, uint64_t x)
{
	prove_tuple t = 0;

	for (uint32_t i = 0; i < count; i++)
		t |= (prove_tuple)(prove_map_at(&maps[i], x) & 0xffff) << 16 * i;
	return t;
}

enum rc
prove_span_add(struct prove_sweep *w, uint32_t lo, uint32_t hi, uint32_t bit)
{
	enum rc rc = prove_edge_add(w, 0, lo, bit);

	if (rc == RC_OK)
		rc = prove_edge_add(w, 0, (uint64_t)hi + 1, bit);
	if (rc == RC_OK)
		rc = prove_cut_add(w, lo);
	if (rc == RC_OK)
		rc = prove_cut_add(w, (uint64_t)hi + 1);
	return rc;
}
