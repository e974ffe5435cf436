/* SPDX-License-Identifier: Apache-2.0 */
/* image_write - one half's axes, matrices and segments as the bytes of wire_image.h. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "hash.h"
#include "image_build.h"

enum { PIECES_MAX = 2 * WIRE_SUBS_MAX * 22 };

struct image_piece {
	size_t at, len;
	uint64_t hash;
};

/* --- blob ------------------------------------------------------------------------------------- */

static bool
blob_reserve(struct image_blob *b, size_t len)
{
	size_t cap = b->cap;
	uint8_t *p;

	if (b->failed || len > WIRE_IMAGE_BYTES_MAX - b->len) {
		b->failed = true;
		return false;
	}
	while (cap < b->len + len)
		cap = cap == 0 ? 4096 : cap * 2;
	if (cap == b->cap)
		return true;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->failed = true;
		return false;
	}
	memset(p + b->cap, 0, cap - b->cap);
	b->p = p;
	b->cap = cap;
	return true;
}

uint32_t
image_blob_room(struct image_blob *b, size_t len)
{
	size_t at = b->len;

	CHECK(len % WIRE_LINE == 0 && at % WIRE_LINE == 0);
	if (!blob_reserve(b, len))
		return 0;
	b->len += len;
	return (uint32_t)(at / WIRE_LINE);
}

uint32_t
image_blob_add(struct image_blob *b, const void *p, size_t len)
{
	uint64_t hash = fnv1a64(FNV1A64_INIT, p, len);
	size_t at = b->len;

	if (b->pieces == NULL)
		b->pieces = calloc(PIECES_MAX, sizeof(*b->pieces));
	if (b->pieces == NULL) {
		b->failed = true;
		return 0;
	}
	for (uint32_t i = 0; i < b->piece_count; i++) {
		const struct image_piece *x = &b->pieces[i];

		if (x->len == len && x->hash == hash && bytes_equal(b->p + x->at, p, len))
			return (uint32_t)(x->at / WIRE_LINE);
	}
	if (len == 0 || !blob_reserve(b, len + WIRE_LINE))
		return 0;
	memcpy(b->p + at, p, len);
	b->len += (len + WIRE_LINE - 1) / WIRE_LINE * WIRE_LINE;
	CHECK(b->piece_count < PIECES_MAX);
	b->pieces[b->piece_count++] = (struct image_piece){ at, len, hash };
	return (uint32_t)(at / WIRE_LINE);
}

uint32_t
image_blob_add_cells(struct image_blob *b, const uint16_t *cells, size_t count)
{
	uint8_t *bytes = malloc(MAX(count * 2, 1));
	uint32_t at;

	if (bytes == NULL) {
		b->failed = true;
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		put_le16(bytes + 2 * i, cells[i]);
	at = image_blob_add(b, bytes, count * 2);
	free(bytes);
	return at;
}

void
image_blob_fini(struct image_blob *b)
{
	free(b->p);
	free(b->pieces);
	memset(b, 0, sizeof(*b));
}

/* --- axes ------------------------------------------------------------------------------------- */

/* The root goes to the half, what is below it to an array. */
static void
tree_write(const struct image_tree *t, struct image_blob *b, uint8_t *root, struct wire_tree *w)
{
	CHECK(t->depth >= 1 && t->lines >= 1);
	memcpy(root, t->nodes, WIRE_LINE);
	w->at = le32_put(t->depth > 1 ? image_blob_add(b, t->nodes + WIRE_LINE,
	    (size_t)(t->lines - 1) * WIRE_LINE) : 0);
	for (unsigned i = 0; i < ARRAY_LEN(w->start); i++)
		w->start[i] = le16_put((uint16_t)(t->start[i] > 0 ? t->start[i] - 1 : 0));
}

static enum rc
axis_write(const struct image_axis *x, unsigned key_bytes, unsigned depth_max,
    struct image_blob *b, struct arena *a, uint8_t *root, struct wire_tree *tree, uint8_t *depth,
    le32 *classes)
{
	uint64_t *keys = arena_array(a, x->count, sizeof(*keys));
	struct image_tree t;
	bool own = true;
	enum rc rc;

	if (keys == NULL)
		return RC_NOMEM;
	for (uint32_t i = 1; i < x->count; i++)
		keys[i - 1] = (uint64_t)x->start[i] - 1;
	rc = image_tree_build(&t, a, keys, x->count - 1, key_bytes, 1, depth_max);
	if (rc != RC_OK)
		return rc;
	tree_write(&t, b, root, tree);
	*depth = (uint8_t)t.depth;
	/* the rank is the class where each rank has its own */
	for (uint32_t i = 0; i < x->count; i++)
		own = own && x->cls[i] == i;
	own = own && key_bytes == 2 && x->classes == x->count;
	*classes = le32_put(own ? 0 : image_blob_add_cells(b, x->cls, x->count));
	return RC_OK;
}

/* --- v6 remotes: upper halves, then lower halves of those that need them ---------------------- */

struct v6 {
	const struct image_axis *x;
	struct arena *arena;
	uint64_t *high;		/* boundaries of upper halves, as keys: value - 1 */
	uint64_t *low;		/* keys of lower halves, all of them in order */
	uint16_t *cls;		/* per upper rank; with lower ranks, per pair */
	struct { uint32_t first_low, lows, first_cls; } *ranks;
	uint32_t rank_count, low_count, cls_count, low_max;
};

/* Cuts the intervals in upper ranks; a value of which an interval ends inside is a rank alone. */
static void
v6_cut(struct v6 *v)
{
	const struct image_axis *x = v->x;

	for (uint32_t i = 0; i < x->count;) {
		uint64_t high = (uint64_t)(x->start[i] >> 64);
		uint32_t n = i, lows = 0, first = v->low_count;

		/* i begins inside high where its lower half is not 0: i - 1 covers high's start */
		if ((uint64_t)x->start[i] != 0)
			n--;
		if (v->rank_count > 0)
			v->high[v->rank_count - 1] = high - 1;
		v->ranks[v->rank_count].first_cls = v->cls_count;
		v->cls[v->cls_count++] = x->cls[n];
		for (i = n + 1; i < x->count && (uint64_t)(x->start[i] >> 64) == high; i++) {
			v->low[v->low_count++] = (uint64_t)x->start[i] - 1;
			v->cls[v->cls_count++] = x->cls[i];
			lows++;
		}
		v->ranks[v->rank_count].first_low = first;
		v->ranks[v->rank_count++].lows = lows;
		v->low_max = MAX(v->low_max, lows);
		/* after a rank alone the last class goes on, unless the next rank begins there */
		if (lows > 0 && high != UINT64_MAX &&
		    (i == x->count || (uint64_t)(x->start[i] >> 64) != high + 1)) {
			v->high[v->rank_count - 1] = high;
			v->ranks[v->rank_count].first_low = v->low_count;
			v->ranks[v->rank_count].first_cls = v->cls_count;
			v->ranks[v->rank_count++].lows = 0;
			v->cls[v->cls_count++] = x->cls[i - 1];
		}
	}
}

/* The tree of one rank's lower half; record's classes are the caller's. */
static enum rc
v6_low_write(const struct v6 *v, struct image_blob *b, const uint64_t *keys, uint32_t count,
    unsigned depth, struct wire_low *record)
{
	struct image_tree t;
	enum rc rc = image_tree_build(&t, v->arena, keys, count, 8, depth, WIRE_DEPTH_LOW_MAX);
	uint32_t at;

	if (rc != RC_OK)
		return rc;
	at = image_blob_room(b, (size_t)t.lines * WIRE_LINE);
	if (!b->failed)
		memcpy(b->p + (size_t)at * WIRE_LINE, t.nodes, (size_t)t.lines * WIRE_LINE);
	record->at = le32_put(at);
	record->start[0] = le16_put((uint16_t)(depth > 2 ? t.start[1] : 0));
	record->start[1] = le16_put((uint16_t)(depth > 3 ? t.start[2] : 0));
	record->count = le32_put(count);
	return RC_OK;
}

/* Trees of lower halves, all of one depth, one after the other; the first is the one without
 * keys. */
static enum rc
v6_lows_write(struct v6 *v, struct image_blob *b, struct wire_half *w)
{
	unsigned depth = image_tree_depth(v->low_max, WIRE_KEYS_V6);
	size_t bytes = (size_t)v->rank_count * sizeof(struct wire_low);
	struct wire_low *records = arena_array(v->arena, v->rank_count, sizeof(*records));
	struct wire_low none = { 0 };
	enum rc rc = RC_NOMEM;

	if (records != NULL)
		rc = v6_low_write(v, b, NULL, 0, depth, &none);
	for (uint32_t i = 0; rc == RC_OK && i < v->rank_count; i++) {
		records[i] = none;
		if (v->ranks[i].lows > 0)
			rc = v6_low_write(v, b, v->low + v->ranks[i].first_low, v->ranks[i].lows,
			    depth, &records[i]);
		records[i].classes = le32_put(v->ranks[i].first_cls);
	}
	if (rc != RC_OK)
		return rc;
	w->low_depth = (uint8_t)depth;
	w->low_at = le32_put(image_blob_room(b, (bytes + WIRE_LINE - 1) / WIRE_LINE * WIRE_LINE));
	if (!b->failed)
		memcpy(b->p + (size_t)le32_get(w->low_at) * WIRE_LINE, records, bytes);
	return RC_OK;
}

static enum rc
v6_write(const struct image_axis *x, struct image_blob *b, struct arena *a, struct wire_half *w)
{
	struct v6 v = { .x = x, .arena = a };
	/* Each interval begins a rank, ends inside one, or both; a rank with ends may need one more
	 * behind it: 2 ranks and 3 classes for each at most. */
	size_t n = 2 * (size_t)x->count + 1;
	struct image_tree t;
	enum rc rc;

	v.high = arena_array(a, n, sizeof(*v.high));
	v.low = arena_array(a, n, sizeof(*v.low));
	v.cls = arena_array(a, n + x->count, sizeof(*v.cls));
	v.ranks = arena_array(a, n, sizeof(*v.ranks));
	if (v.high == NULL || v.low == NULL || v.cls == NULL || v.ranks == NULL)
		return RC_NOMEM;
	v6_cut(&v);
	CHECK(v.rank_count <= n && v.low_count <= n && v.cls_count <= n + x->count);
	rc = image_tree_build(&t, a, v.high, v.rank_count - 1, 8, 1, WIRE_DEPTH_V6_MAX);
	if (rc != RC_OK)
		return rc;
	tree_write(&t, b, w->roots[WIRE_ROOT_REMOTE], &w->remote);
	w->remote_depth = (uint8_t)t.depth;
	w->remote_keys = le32_put(t.keys);
	w->low_ranks = le32_put(v.cls_count);
	if (v.low_max > 0) {
		rc = v6_lows_write(&v, b, w);
		if (rc != RC_OK)
			return rc;
	}
	w->remote_at = le32_put(image_blob_add_cells(b, v.cls, v.cls_count));
	return RC_OK;
}

/* --- all -------------------------------------------------------------------------------------- */

static void
numbers_write(const struct image_half *h, struct wire_half *w)
{
	w->family = h->family;
	w->b_shift = (uint8_t)h->b_seg.shift;
	w->m_shift = (uint8_t)h->m_seg.shift;
	w->vlan_classes = le16_put((uint16_t)h->axis[AXIS_VLAN].classes);
	w->sport_classes = le16_put((uint16_t)h->head.cols);
	w->b_row = le16_put((uint16_t)h->b_seg.row);
	w->m_row = le16_put((uint16_t)h->m_seg.row);
	w->dport_keys = le32_put(h->axis[AXIS_DPORT].count - 1);
	w->sport_keys = le32_put(h->axis[AXIS_SPORT].count - 1);
	w->vlan_keys = le32_put(h->axis[AXIS_VLAN].count - 1);
	w->remote_classes = le16_put((uint16_t)h->m.rows);
	w->local_classes = le16_put((uint16_t)(h->x.cells != NULL ? h->x.rows : h->m.rows));
	w->dport_classes = le16_put((uint16_t)h->b.cols);
	w->proto_classes = le16_put((uint16_t)h->protos);
	w->q_classes = le16_put((uint16_t)h->q_classes);
	w->s_classes = le16_put((uint16_t)h->s_classes);
	w->b_segments = le32_put(h->b_seg.count);
	w->m_segments = le32_put(h->m_seg.count);
}

static void
segments_write(const struct image_segments *g, struct image_blob *b, le32 *at, le32 *pool_at)
{
	*at = le32_put(image_blob_add_cells(b, g->index, (size_t)g->rows * g->row));
	*pool_at = le32_put(g->shift == 0 ? 0 :
	    image_blob_add_cells(b, g->pool, (size_t)g->count << g->shift));
}

/* Rows of X of a power of two cells, so that the walk has no multiplication. */
static enum rc
groups_write(const struct image_half *h, struct image_blob *b, struct arena *a,
    struct wire_half *w)
{
	uint16_t *cells;
	unsigned shift = 0;

	if (h->x.cells == NULL)
		return RC_OK;
	while (1u << shift < h->x.cols)
		shift++;
	CHECK(shift <= WIRE_GROUP_SHIFT_MAX);
	cells = arena_array(a, (size_t)h->x.rows << shift, sizeof(*cells));
	if (cells == NULL)
		return RC_NOMEM;
	for (size_t r = 0; r < h->x.rows; r++)
		memcpy(cells + (r << shift), h->x.cells + r * h->x.cols,
		    h->x.cols * sizeof(*cells));
	w->group = (uint8_t)(WIRE_GROUP_USED | shift);
	w->group_classes = le16_put((uint16_t)h->x.cols);
	w->gmap_at = le32_put(image_blob_add_cells(b, h->gmap, h->gmap_count));
	w->x_at = le32_put(image_blob_add_cells(b, cells, (size_t)h->x.rows << shift));
	return RC_OK;
}

enum rc
image_half_write(const struct image_half *h, struct image_blob *b, struct arena *a,
    struct wire_half *w)
{
	const struct image_axis *x = h->axis;
	enum rc rc;

	memset(w, 0, sizeof(*w));
	numbers_write(h, w);
	if (h->family == 4) {
		rc = axis_write(&x[AXIS_REMOTE], 4, WIRE_DEPTH_V4_MAX, b, a,
		    w->roots[WIRE_ROOT_REMOTE], &w->remote, &w->remote_depth, &w->remote_at);
		w->remote_keys = le32_put(x[AXIS_REMOTE].count - 1);
		w->low_ranks = le32_put(x[AXIS_REMOTE].count);
	} else {
		rc = v6_write(&x[AXIS_REMOTE], b, a, w);
	}
	if (rc != RC_OK)
		return rc;
	if ((rc = axis_write(&x[AXIS_DPORT], 2, WIRE_DEPTH_U16_MAX, b, a,
	    w->roots[WIRE_ROOT_DPORT], &w->dport, &w->dport_depth, &w->dport_at)) != RC_OK ||
	    (rc = axis_write(&x[AXIS_SPORT], 2, WIRE_DEPTH_U16_MAX, b, a,
	    w->roots[WIRE_ROOT_SPORT], &w->sport, &w->sport_depth, &w->sport_at)) != RC_OK ||
	    (rc = axis_write(&x[AXIS_VLAN], 2, WIRE_DEPTH_U16_MAX, b, a,
	    w->roots[WIRE_ROOT_VLAN], &w->vlan, &w->vlan_depth, &w->vlan_at)) != RC_OK)
		return rc;
	rc = groups_write(h, b, a, w);
	if (rc != RC_OK)
		return rc;
	w->proto_at = le32_put(image_blob_add(b, h->proto, sizeof(h->proto)));
	w->head_at = le32_put(image_blob_add_cells(b, h->head.cells,
	    (size_t)h->head.rows * h->head.cols));
	segments_write(&h->b_seg, b, &w->b_at, &w->bp_at);
	segments_write(&h->m_seg, b, &w->m_at, &w->mp_at);
	return RC_OK;
}
