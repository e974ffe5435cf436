/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_joint - the shared group table read as a function of the address, and swept together with
 * the edges of the large sets of peers.
 * The table is read from its root with the interval of addresses that reach each node, so that what
 * is found is what the walk does, whatever the keys are.
 */
#include "prove_joint.h"

#include <stdlib.h>
#include <string.h>

#include "prove_sweep.h"

uint32_t prove_big_ranges = 256;	/* tests set it lower */

/* How the table is laid out: of nodes [0], of leaves [1]. */
struct layout {
	const uint8_t *base;
	uint32_t level_at[WIRE_GROUP_DEPTH_MAX + 1];
	uint32_t depth, key_bytes;
	uint32_t keys[2], bytes[2], low_at[2];	/* low_at: of the lower halves, 16-byte keys */
	uint32_t sets_at;
	struct prove_addr max;			/* the last address */
};

struct step {
	struct prove_addr from;
	uint32_t set;
};

struct steps {
	struct step *items;
	uint32_t count, cap;
};

static enum rc
step_add(struct steps *s, struct prove_addr from, uint32_t set)
{
	if (s->count > 0 && s->items[s->count - 1].set == set)
		return RC_OK;
	if (s->count == s->cap) {
		uint32_t cap = s->cap == 0 ? 256 : s->cap * 2;
		struct step *more = realloc(s->items, cap * sizeof(*more));

		if (more == NULL)
			return RC_NOMEM;
		s->items = more;
		s->cap = cap;
	}
	s->items[s->count++] = (struct step){ from, set };
	return RC_OK;
}

static uint64_t
bytes_read(const uint8_t *p, uint32_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* A key is the last address before a boundary. */
static struct prove_addr
key_read(const struct layout *l, const uint8_t *node, bool leaf, uint32_t i)
{
	switch (l->key_bytes) {
	case 4:
		return (struct prove_addr){ 0, wire_key_flip(bytes_read(node + (size_t)i * 4, 4),
		    4) };
	case 8:
		return (struct prove_addr){ wire_key_flip(bytes_read(node + (size_t)i * 8, 8), 8),
			UINT64_MAX };
	default:
		return (struct prove_addr){
			wire_key_flip(bytes_read(node + (size_t)i * 8, 8), 8),
			wire_key_flip(bytes_read(node + l->low_at[leaf] + (size_t)i * 8, 8), 8) };
	}
}

static struct prove_addr
after(struct prove_addr a)
{
	a.lo++;
	a.hi += a.lo == 0;
	return a;
}

/* The keys of a node or leaf, ascending. */
static void
keys_sorted(const struct layout *l, const uint8_t *node, bool leaf, struct prove_addr *out)
{
	for (uint32_t i = 0; i < l->keys[leaf]; i++) {
		struct prove_addr k = key_read(l, node, leaf, i);
		uint32_t j = i;

		for (; j > 0 && prove_addr_before(k, out[j - 1]); j--)
			out[j] = out[j - 1];
		out[j] = k;
	}
}

/* The addresses lo..hi reach this node. Recursion is as deep as the table, at most
 * WIRE_GROUP_DEPTH_MAX. */
static enum rc
node_walk(const struct layout *l, uint32_t level, uint32_t index, struct prove_addr lo,
    struct prove_addr hi, struct steps *out)
{
	bool leaf = level == l->depth;
	const uint8_t *node = l->base + (size_t)l->level_at[level] * WIRE_LINE +
	    (size_t)index * l->bytes[leaf];
	struct prove_addr keys[WIRE_KEYS_V4], from = lo;
	uint32_t n = l->keys[leaf];
	enum rc rc;

	keys_sorted(l, node, leaf, keys);
	for (uint32_t below = 0; below <= n; below++) {
		/* addresses above keys[below - 1] and not above keys[below] */
		bool inner = below < n && prove_addr_before(keys[below], hi);
		struct prove_addr to = inner ? keys[below] : hi;

		if (prove_addr_before(to, from))
			continue;
		rc = leaf ? step_add(out, from,
		    (uint32_t)bytes_read(node + l->sets_at + (size_t)below * 2, 2)) :
		    node_walk(l, level + 1, index * (n + 1) + below, from, to, out);
		if (rc != RC_OK || !inner)
			return rc;
		from = after(to);
	}
	return RC_OK;
}

static void
layout_read(const struct wire_groups *g, struct layout *out)
{
	*out = (struct layout){ .base = (const uint8_t *)g, .depth = g->depth,
		.key_bytes = g->key_bytes, .bytes = { WIRE_LINE, WIRE_LINE },
		.keys = { WIRE_KEYS_V6, WIRE_GROUP_LEAF_V6 }, .sets_at = WIRE_GROUP_SETS_V6,
		.max = { UINT64_MAX, UINT64_MAX } };
	if (g->key_bytes == 4) {
		out->keys[0] = WIRE_KEYS_V4;
		out->keys[1] = WIRE_GROUP_LEAF_V4;
		out->sets_at = WIRE_GROUP_SETS_V4;
		out->max = (struct prove_addr){ 0, UINT32_MAX };
	} else if (g->key_bytes == 16) {
		out->keys[1] = WIRE_GROUP_LEAF_V6_FULL;
		out->bytes[0] = out->bytes[1] = 2 * WIRE_LINE;
		out->low_at[0] = WIRE_GROUP_LOW_NODE;
		out->low_at[1] = WIRE_GROUP_LOW_LEAF;
		out->sets_at = WIRE_GROUP_SETS_V6_FULL;
	}
	CHECK(out->depth <= WIRE_GROUP_DEPTH_MAX);
	for (uint32_t i = 0; i <= out->depth; i++)
		out->level_at[i] = le32_get(g->start[i]);
}

/* The set number of every address; all of set 0 where the image has no such table. */
static enum rc
steps_decode(const uint8_t *image, uint8_t family, struct steps *out)
{
	const struct wire_image_hdr *hdr = (const struct wire_image_hdr *)image;
	uint32_t line = le32_get(hdr->groups_at[family == 6]);
	const struct prove_addr zero = { 0, 0 };
	struct layout l;

	if (line == 0)
		return step_add(out, zero, 0);
	layout_read((const struct wire_groups *)(image + (size_t)line * WIRE_LINE), &l);
	return node_walk(&l, 0, 0, zero, l.max, out);
}

/* --- large sets of peers ---------------------------------------------------------------------- */

/* Edges of a set, as runs in order. */
static enum rc
edges_add(struct prove_sweep *w, const struct addr_set *peer, uint8_t family, uint32_t bit)
{
	uint32_t first, n;
	enum rc rc = RC_OK;

	addr_set_family(peer, family, &first, &n);
	for (uint32_t i = first; i < first + n && rc == RC_OK; i++) {
		struct addr end = peer->ranges[i].hi;

		rc = prove_edge_add(w, peer->ranges[i].lo.hi, peer->ranges[i].lo.lo, bit);
		if (rc == RC_OK && addr_next(&end))
			rc = prove_edge_add(w, end.hi, end.lo, bit);
	}
	return rc;
}

static enum rc
big_find(const struct pol_rules *r, const struct prove_index *index, struct prove_sweep *w,
    struct prove_joint *out)
{
	enum rc rc = RC_OK;

	out->big = calloc((size_t)r->rule_count + 1, sizeof(*out->big));
	if (out->big == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < r->rule_count && rc == RC_OK; i++) {
		uint32_t first, n;

		CHECK(index->peer_ids[i] < r->rule_count);
		if (out->big[index->peer_ids[i]] != 0)
			continue;
		addr_set_family(&r->rules[i].peer, out->family, &first, &n);
		if (n <= prove_big_ranges)
			continue;
		rc = edges_add(w, &r->rules[i].peer, out->family, out->big_count);
		out->big[index->peer_ids[i]] = ++out->big_count;
	}
	return rc;
}

/* --- both ------------------------------------------------------------------------------------- */

static enum rc
interval_add(struct prove_joint *j, struct prove_addr from, uint32_t set, const uint64_t *bits)
{
	const struct pkt_key none = { .dir = 0 };
	uint32_t class;
	enum rc rc = prove_classes_put(&j->classes, set, 0, bits, &none, &class);

	if (rc != RC_OK || (j->count > 0 && j->class_of[j->count - 1] == class))
		return rc;
	j->from[j->count] = from;
	j->class_of[j->count++] = class;
	return RC_OK;
}

/* Steps and edges are passed together, in order. */
static enum rc
intervals_make(const struct steps *s, struct prove_sweep *w, struct prove_joint *j)
{
	size_t max = (size_t)s->count + w->count;
	uint32_t at = 0;
	enum rc rc = RC_OK;

	CHECK(s->count > 0 && s->items[0].from.hi == 0 && s->items[0].from.lo == 0);
	j->from = calloc(max, sizeof(*j->from));
	j->class_of = calloc(max, sizeof(*j->class_of));
	if (j->from == NULL || j->class_of == NULL)
		return RC_NOMEM;
	while (rc == RC_OK && (at < s->count || w->next < w->count)) {
		struct prove_addr here;

		if (w->next < w->count)
			here = (struct prove_addr){ w->edges[w->next].hi, w->edges[w->next].lo };
		if (w->next == w->count || (at < s->count &&
		    prove_addr_before(s->items[at].from, here)))
			here = s->items[at].from;
		while (at < s->count && !prove_addr_before(here, s->items[at].from))
			at++;
		prove_sweep_to(w, here.hi, here.lo);
		rc = interval_add(j, here, s->items[at - 1].set, w->bits);
	}
	CHECK(rc != RC_OK || j->count <= max);
	return rc;
}

static enum rc
repeats_find(struct prove_joint *j)
{
	uint32_t *last = calloc(j->classes.count, sizeof(*last));

	j->before = calloc(j->count, sizeof(*j->before));
	j->block_min = calloc(j->count / PROVE_BLOCK + 1, sizeof(*j->block_min));
	if (last == NULL || j->before == NULL || j->block_min == NULL) {
		free(last);
		return RC_NOMEM;
	}
	for (uint32_t i = 0; i < j->count; i++) {
		uint32_t *min = &j->block_min[i / PROVE_BLOCK];

		j->before[i] = last[j->class_of[i]];
		last[j->class_of[i]] = i + 1;
		*min = i % PROVE_BLOCK == 0 ? j->before[i] : MIN(*min, j->before[i]);
	}
	free(last);
	return RC_OK;
}

static enum rc
joint_make(const struct pol_rules *r, const struct prove_index *index, const uint8_t *image,
    uint8_t family, struct prove_joint *out)
{
	struct prove_sweep w = { .count = 0 };
	struct steps steps = { .count = 0 };
	enum rc rc;

	CHECK(family == 4 || family == 6);
	*out = (struct prove_joint){ .family = family };
	rc = big_find(r, index, &w, out);
	prove_classes_init(&out->classes, (out->big_count + 63) / 64);
	if (rc == RC_OK) {
		w.bits = calloc(out->classes.words, sizeof(*w.bits));
		rc = w.bits == NULL ? RC_NOMEM : prove_sweep_sort(&w);
	}
	if (rc == RC_OK)
		rc = steps_decode(image, family, &steps);
	if (rc == RC_OK)
		rc = intervals_make(&steps, &w, out);
	if (rc == RC_OK)
		rc = repeats_find(out);
	free(steps.items);
	prove_sweep_fini(&w);
	return rc;
}

enum rc
prove_joints_make(const struct pol_rules *r, const struct prove_index *index, const uint8_t *image,
    struct prove_joint out[2])
{
	enum rc rc = joint_make(r, index, image, 4, &out[0]);

	return rc == RC_OK ? joint_make(r, index, image, 6, &out[1]) : rc;
}

void
prove_joints_fini(struct prove_joint j[2])
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		free(j[v6].big);
		free(j[v6].from);
		free(j[v6].class_of);
		free(j[v6].before);
		free(j[v6].block_min);
		prove_classes_fini(&j[v6].classes);
	}
	memset(j, 0, 2 * sizeof(*j));
}

uint32_t
prove_joint_at(const struct prove_joint *j, struct prove_addr a)
{
	uint32_t lo = 0, hi = j->count;

	CHECK(j->count > 0);
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (prove_addr_before(a, j->from[mid]))
			hi = mid;
		else
			lo = mid;
	}
	return lo;
}
