/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_image - a checked image read as functions: of each axis to a class, of classes to a cell.
 * A tree is read from its root with the interval of values that reach each node, so that what is
 * found is what the walk does, whatever the keys are.
 */
#include "prove_impl.h"

#include <string.h>

/* How a tree is laid out. */
struct tree {
	const uint8_t *root, *nodes;
	uint32_t level_at[WIRE_DEPTH_MAX];	/* lines after nodes, by level > 0 */
	uint32_t depth, keys, key_bytes;
	uint64_t max;				/* the largest value there is */
};

/* Steps while they are gathered; the arena has no realloc, so they grow by doubling copies. */
struct gather {
	struct arena *a;
	struct prove_map *map;
	uint32_t cap;
};

static enum rc
step_add(struct gather *g, uint64_t lo, uint32_t value)
{
	struct prove_map *m = g->map;
	struct prove_step *more;

	if (m->count > 0 && m->steps[m->count - 1].value == value)
		return RC_OK;
	if (m->count == g->cap) {
		g->cap = g->cap == 0 ? 32 : g->cap * 2;
		more = arena_array(g->a, g->cap, sizeof(*more));
		if (more == NULL)
			return RC_NOMEM;
		if (m->count > 0)
			memcpy(more, m->steps, m->count * sizeof(*more));
		m->steps = more;
	}
	m->steps[m->count++] = (struct prove_step){ .lo = lo, .value = value };
	return RC_OK;
}

static uint64_t
key_read(const struct tree *t, const uint8_t *node, uint32_t i)
{
	uint64_t v = 0;

	for (uint32_t b = t->key_bytes; b-- > 0;)
		v = v << 8 | node[i * t->key_bytes + b];
	return wire_key_flip(v, t->key_bytes);
}

/* The keys of a node, ascending. */
static void
keys_sorted(const struct tree *t, const uint8_t *node, uint64_t *out)
{
	for (uint32_t i = 0; i < t->keys; i++) {
		uint64_t k = key_read(t, node, i);
		uint32_t j = i;

		for (; j > 0 && out[j - 1] > k; j--)
			out[j] = out[j - 1];
		out[j] = k;
	}
}

/* The values lo..hi reach this node: one step per value of the function below it. Recursion is as
 * deep as the tree, at most WIRE_DEPTH_MAX. */
static enum rc
node_walk(const struct tree *t, uint32_t level, uint32_t index, uint64_t lo, uint64_t hi,
    struct gather *g)
{
	const uint8_t *node = level == 0 ? t->root : t->nodes +
	    ((size_t)t->level_at[level] + index) * WIRE_LINE;
	uint64_t keys[WIRE_KEYS_U16], from = lo;
	enum rc rc;

	keys_sorted(t, node, keys);
	for (uint32_t below = 0; below <= t->keys; below++) {
		/* values above keys[below - 1] and not above keys[below] */
		uint64_t to = below < t->keys ? MIN(keys[below], hi) : hi;
		uint32_t rank = index * (t->keys + 1) + below;

		if (from > to || (below > 0 && keys[below - 1] >= hi))
			continue;
		rc = level + 1 < t->depth ? node_walk(t, level + 1, rank, from, to, g) :
		    step_add(g, from, rank);
		if (rc != RC_OK)
			return rc;
		if (to == hi)
			return RC_OK;
		from = to + 1;
	}
	return RC_OK;
}

static enum rc
tree_map(const struct tree *t, struct arena *a, struct prove_map *out)
{
	struct gather g = { .a = a, .map = out };

	*out = (struct prove_map){ 0 };
	if (t->depth == 0)
		return step_add(&g, 0, 0);
	CHECK(t->depth <= WIRE_DEPTH_MAX);
	return node_walk(t, 0, 0, 0, t->max, &g);
}

static void
tree_open(const uint8_t *body, const uint8_t *root, const struct wire_tree *w, uint32_t depth,
    uint32_t keys, uint64_t max, struct tree *out)
{
	*out = (struct tree){ .root = root, .nodes = body + (size_t)le32_get(w->at) * WIRE_LINE,
		.depth = depth, .keys = keys, .key_bytes = WIRE_LINE / keys, .max = max };
	for (uint32_t i = 1; i < WIRE_DEPTH_MAX; i++)
		out->level_at[i] = le16_get(w->start[i - 1]);
}

static uint16_t
cell_read(const uint8_t *body, le32 at, size_t index)
{
	const uint8_t *p = body + (size_t)le32_get(at) * WIRE_LINE + index * 2;

	return (uint16_t)(p[0] | p[1] << 8);
}

/* Ranks become classes; equal neighbours become one step. */
static void
map_classes(struct prove_map *m, const uint8_t *body, le32 at, uint32_t first)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		uint32_t class = cell_read(body, at, (size_t)first + m->steps[i].value);

		if (n == 0 || m->steps[n - 1].value != class)
			m->steps[n++] = (struct prove_step){ .lo = m->steps[i].lo, .value = class };
	}
	m->count = n;
}

static enum rc
axis_decode(const uint8_t *body, const uint8_t *root, const struct wire_tree *w, uint32_t depth,
    le32 classes_at, struct arena *a, struct prove_map *out)
{
	struct tree t;
	enum rc rc;

	tree_open(body, root, w, depth, WIRE_KEYS_U16, UINT16_MAX, &t);
	rc = tree_map(&t, a, out);
	if (rc == RC_OK && le32_get(classes_at) != 0)
		map_classes(out, body, classes_at, 0);
	return rc;
}

/* The lower half's map of one rank of the upper. */
static enum rc
low_decode(const uint8_t *body, const struct wire_half *h, uint32_t rank, struct arena *a,
    struct prove_map *out)
{
	const struct wire_low *low = (const struct wire_low *)(body +
	    (size_t)le32_get(h->low_at) * WIRE_LINE) + rank;
	const uint8_t *root = body + (size_t)le32_get(low->at) * WIRE_LINE;
	struct tree t = { .root = root, .nodes = root,
		.level_at = { 0, 1, le16_get(low->start[0]), le16_get(low->start[1]) },
		.depth = h->low_depth, .keys = WIRE_KEYS_V6, .key_bytes = 8, .max = UINT64_MAX };
	enum rc rc = tree_map(&t, a, out);

	if (rc == RC_OK)
		map_classes(out, body, h->remote_at, le32_get(low->classes));
	return rc;
}

static enum rc
remote_decode(const uint8_t *body, const struct wire_half *h, struct arena *a,
    struct prove_half *out, uint32_t sub)
{
	struct prove_map *m = &out->remote[sub];
	uint32_t ranks = 0;
	struct tree t;
	enum rc rc;

	tree_open(body, h->roots[WIRE_ROOT_REMOTE], &h->remote, h->remote_depth,
	    h->family == 4 ? WIRE_KEYS_V4 : WIRE_KEYS_V6,
	    h->family == 4 ? UINT32_MAX : UINT64_MAX, &t);
	rc = tree_map(&t, a, m);
	if (rc != RC_OK)
		return rc;
	if (h->family == 4 || h->low_depth == 0) {
		map_classes(m, body, h->remote_at, 0);
		return RC_OK;
	}
	for (uint32_t i = 0; i < m->count; i++)
		ranks = MAX(ranks, m->steps[i].value + 1);
	out->low[sub] = arena_array(a, ranks, sizeof(*out->low[sub]));
	out->low_count[sub] = ranks;
	if (out->low[sub] == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < m->count; i++) {
		struct prove_map *low = &out->low[sub][m->steps[i].value];

		if (low->count == 0)
			rc = low_decode(body, h, m->steps[i].value, a, low);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* The counters of a body, by the directory; the check holds records to it. */
static const le16 *
slots_of(const uint8_t *image, uint32_t body_line)
{
	const struct wire_image_hdr *hdr = (const struct wire_image_hdr *)image;
	const struct wire_body *dir = (const struct wire_body *)(image +
	    (size_t)le32_get(hdr->bodies_at) * WIRE_LINE);
	uint32_t i = 0;

	while (i < le32_get(hdr->body_count) && le32_get(dir[i].line) != body_line)
		i++;
	CHECK(i < le32_get(hdr->body_count));
	return (const le16 *)(image + (size_t)le32_get(hdr->slots_at) * WIRE_LINE) +
	    le32_get(dir[i].slots);
}

enum rc
prove_half_decode(const uint8_t *image, uint32_t body_line, uint8_t dir, struct arena *a,
    struct prove_half *out)
{
	const uint8_t *body = image + (size_t)body_line * WIRE_LINE;
	const struct wire_half *first = (const struct wire_half *)body + dir;
	enum rc rc = RC_OK;

	memset(out, 0, sizeof(*out));
	out->body = body;
	out->count = MAX(first->subs, 1u);
	CHECK(out->count <= WIRE_SUBS_MAX);
	out->rules = le16_get(first->rules);
	out->actions = (const struct wire_action *)(body +
	    (size_t)le32_get(first->actions_at) * WIRE_LINE);
	out->slots = slots_of(image, body_line);
	for (uint32_t i = 0; i < out->count && rc == RC_OK; i++) {
		const struct wire_half *h = i == 0 ? first : (const struct wire_half *)(body +
		    (size_t)le32_get(first->next) * WIRE_LINE) + (i - 1);

		out->halves[i] = h;
		rc = remote_decode(body, h, a, out, i);
		if (rc == RC_OK)
			rc = axis_decode(body, h->roots[WIRE_ROOT_SPORT], &h->sport,
			    h->sport_depth, h->sport_at, a, &out->sport[i]);
		if (rc == RC_OK)
			rc = axis_decode(body, h->roots[WIRE_ROOT_DPORT], &h->dport,
			    h->dport_depth, h->dport_at, a, &out->dport[i]);
		if (rc == RC_OK)
			rc = axis_decode(body, h->roots[WIRE_ROOT_VLAN], &h->vlan,
			    h->vlan_depth, h->vlan_at, a, &out->vlan[i]);
	}
	return rc;
}

uint32_t
prove_map_at(const struct prove_map *m, uint64_t x)
{
	uint32_t lo = 0, hi = m->count;

	CHECK(m->count > 0 && m->steps[0].lo == 0);
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->steps[mid].lo <= x)
			lo = mid;
		else
			hi = mid;
	}
	return m->steps[lo].value;
}

uint32_t
prove_group(const struct prove_half *h, uint32_t sub, uint32_t set)
{
	const struct wire_half *w = h->halves[sub];

	return w->group == 0 ? 0 : cell_read(h->body, w->gmap_at, set);
}

uint32_t
prove_row_of(const struct prove_half *h, uint32_t sub, uint32_t local, uint32_t group)
{
	const struct wire_half *w = h->halves[sub];
	unsigned shift = w->group & (WIRE_GROUP_USED - 1);

	return w->group == 0 ? local :
	    cell_read(h->body, w->x_at, ((size_t)local << shift) | group);
}

uint8_t
prove_proto(const struct prove_half *h, uint32_t sub, uint8_t proto)
{
	return h->body[(size_t)le32_get(h->halves[sub]->proto_at) * WIRE_LINE + proto];
}

uint32_t
prove_pv(const struct prove_half *h, uint32_t sub, uint8_t proto, bool rest, uint32_t vlan_class)
{
	const struct wire_half *w = h->halves[sub];
	size_t class = prove_proto(h, sub, proto);

	return (uint32_t)((class * 2 + rest) * le16_get(w->vlan_classes) + vlan_class);
}

uint32_t
prove_q(const struct prove_half *h, uint32_t sub, uint32_t pv, uint32_t sport_class)
{
	const struct wire_half *w = h->halves[sub];

	return cell_read(h->body, w->head_at, (size_t)pv * le16_get(w->sport_classes) +
	    sport_class);
}

/* One product in two steps: row and column give a segment, the column's low bits a cell in it. In
 * one where shift is 0. */
static uint32_t
product(const uint8_t *body, le32 rows_at, uint32_t row_segments, le32 pool_at, unsigned shift,
    uint32_t row, uint32_t column)
{
	size_t segment = cell_read(body, rows_at, (size_t)row * row_segments + (column >> shift));

	if (shift == 0)
		return (uint32_t)segment;
	return cell_read(body, pool_at, (segment << shift) + (column & ((1u << shift) - 1)));
}

uint32_t
prove_s(const struct prove_half *h, uint32_t sub, uint32_t q, uint32_t dport_class)
{
	const struct wire_half *w = h->halves[sub];

	return product(h->body, w->b_at, le16_get(w->b_row), w->bp_at, w->b_shift, q, dport_class);
}

void
prove_row_open(const struct prove_half *h, prove_tuple remote, struct prove_row *out)
{
	out->count = h->count;
	for (uint32_t i = 0; i < h->count; i++) {
		const struct wire_half *w = h->halves[i];

		out->segments[i] = h->body + (size_t)le32_get(w->m_at) * WIRE_LINE +
		    (size_t)prove_tuple_get(remote, i) * le16_get(w->m_row) * 2;
		out->pool[i] = h->body + (size_t)le32_get(w->mp_at) * WIRE_LINE;
		out->shift[i] = w->m_shift;
	}
}

uint32_t
prove_row_cell(const struct prove_row *row, prove_tuple s)
{
	uint32_t best = WIRE_CELL_NONE;

	for (uint32_t i = 0; i < row->count; i++) {
		uint32_t column = prove_tuple_get(s, i), low = (1u << row->shift[i]) - 1;
		const uint8_t *g = row->segments[i] + (size_t)(column >> row->shift[i]) * 2;
		const uint8_t *c = low == 0 ? g : row->pool[i] + ((((size_t)g[0] |
		    (size_t)g[1] << 8) << row->shift[i]) + (column & low)) * 2;
		uint32_t cell = (uint32_t)(c[0] | c[1] << 8);

		best = MIN(best, cell);
	}
	return best;
}

bool
prove_segments_same(const struct prove_half *h, prove_tuple s, prove_tuple t)
{
	for (uint32_t i = 0; i < h->count; i++) {
		unsigned shift = h->halves[i]->m_shift;

		if (prove_tuple_get(s, i) >> shift != prove_tuple_get(t, i) >> shift)
			return false;
	}
	return true;
}

bool
prove_row_same(const struct prove_row *x, const struct prove_row *y, prove_tuple s)
{
	for (uint32_t i = 0; i < x->count; i++) {
		size_t at = (size_t)(prove_tuple_get(s, i) >> x->shift[i]) * 2;
		const uint8_t *p = x->segments[i] + at, *q = y->segments[i] + at;

		if (p[0] != q[0] || p[1] != q[1])
			return false;
	}
	return true;
}

uint32_t
prove_body_of(const uint8_t *image, const struct addr *local)
{
	const struct wire_image_hdr *hdr = (const struct wire_image_hdr *)image;
	const struct wire_bucket *b;
	const struct wire_table *t;
	uint32_t body = 0, at = 0;
	uint64_t lo = 0, hi = 0, h;
	uint8_t bytes[16];

	addr_to_wire(local, bytes);
	for (int i = 7; i >= 0; i--) {
		lo = lo << 8 | bytes[i];
		hi = hi << 8 | bytes[8 + i];
	}
	h = wire_local_hash(le64_get(hdr->seed), local->family, lo, hi);
	b = (const struct wire_bucket *)(image + ((size_t)le32_get(hdr->hash_at) +
	    (size_t)(h & (le32_get(hdr->buckets) - 1))) * WIRE_LINE);
	/* two slots of one tag would be read over each other: so they are here */
	for (int i = 0; i < WIRE_BUCKET_SLOTS; i++)
		if (le16_get(b->tag[i]) == h >> 48) {
			body |= le32_get(b->body[i]);
			at |= le32_get(b->table[i]);
		}
	t = (const struct wire_table *)(image + (size_t)at * sizeof(*t));
	return t->family == local->family && memcmp(t->local, bytes, 16) == 0 ? body : 0;
}
