/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_half - the cross product of one sub-table: classes per field, combined step by step.
 *
 * Every step numbers the distinct sets of units that remain, so later steps see classes, not
 * values. A set is cut after its first unit that any remote address matches: what comes later can
 * never be first. When all cells are known, whatever turned out equal is joined, from the cells
 * back to the fields.
 */
#include <string.h>

#include "image_groups.h"

struct build {
	struct image_half *h;
	struct arena *arena;
	struct image_work *work;
	const struct image_unit *units;
	uint32_t count;
	const struct image_groups *groups;	/* NULL: no unit of the direction has one */
	struct image_sets header, q, s;	/* protocol x VLAN, x source port, x destination port */
	struct image_sets remote;	/* units by remote tree x sets of groups */
	uint64_t *scratch, *stop;
};

static const u128 axis_last_u16 = UINT16_MAX;

static u128
remote_last(uint8_t family)
{
	return family == 4 ? UINT32_MAX : ~(u128)0;
}

static enum rc
axes_build(struct build *b)
{
	enum rc rc = RC_OK;

	for (int i = 0; i < AXIS__COUNT && rc == RC_OK; i++)
		rc = image_axis_build(&b->h->axis[i], b->arena, b->work, b->units, b->count,
		    (enum image_axis_id)i, i == AXIS_REMOTE ? remote_last(b->h->family)
		    : axis_last_u16);
	for (uint32_t u = 0; u < b->count && rc == RC_OK; u++)
		if (b->units[u].axis[AXIS_REMOTE].count == 0 &&
		    b->units[u].group == IMAGE_GROUP_NONE)
			b->stop[u / 64] |= UINT64_C(1) << u % 64;
	return rc;
}

/* Classes of protocols: one for each that a unit names, the last for all others. */
static void
protos_number(struct build *b)
{
	bool named[256] = { false };
	uint32_t n = 0;

	for (uint32_t u = 0; u < b->count; u++)
		if (!b->units[u].proto_any)
			named[b->units[u].proto] = true;
	for (uint32_t p = 0; p < 256; p++)
		if (named[p])
			b->h->proto[p] = (uint8_t)n++;
	for (uint32_t p = 0; p < 256; p++)
		if (!named[p])
			b->h->proto[p] = (uint8_t)n;
	b->h->protos = n == 256 ? n : n + 1;
}

/* The units that a protocol class and place in the datagram leave, with their summary. */
static void
proto_set(const struct build *b, uint32_t cls, bool rest, uint64_t *set)
{
	uint32_t base = b->header.sum_words;

	memset(set, 0, (base + b->header.words) * sizeof(*set));
	for (uint32_t u = 0; u < b->count; u++) {
		const struct image_unit *x = &b->units[u];

		if ((!x->proto_any && b->h->proto[x->proto] != cls) || (rest && x->names_ports))
			continue;
		set[base + u / 64] |= UINT64_C(1) << u % 64;
		set[u / 64 / 64] |= UINT64_C(1) << u / 64 % 64;
	}
}

static enum rc
matrix_alloc(struct image_matrix *m, const struct build *b, uint32_t rows, uint32_t cols,
    uint32_t max)
{
	uint64_t cells = (uint64_t)rows * cols;

	if (cells > max || image_work_add(b->work, cells * IMAGE_STEPS_CELL) != RC_OK)
		return RC_LIMIT;
	m->rows = rows;
	m->cols = cols;
	m->cells = arena_array(b->arena, (size_t)cells, sizeof(*m->cells));
	return m->cells != NULL ? RC_OK : RC_NOMEM;
}

static enum rc
pv_fill(struct build *b)
{
	struct image_half *h = b->h;
	const struct image_sets *v = &h->axis[AXIS_VLAN].sets;
	uint64_t *set;
	enum rc rc = matrix_alloc(&h->pv, b, h->protos * 2, v->count,
	    IMAGE_HEADER_CELLS_MAX);

	if (rc != RC_OK)
		return rc;
	set = arena_array(b->arena, b->header.sum_words + b->header.words, sizeof(*set));
	if (set == NULL)
		return RC_NOMEM;
	for (uint32_t r = 0; r < h->pv.rows; r++) {
		proto_set(b, r / 2, r % 2 == 1, set);
		b->work->steps += b->count;
		for (uint32_t c = 0; c < v->count; c++) {
			uint32_t id;

			rc = image_sets_and(&b->header, set, image_sets_get(v, c), NULL, b->scratch,
			    &id);
			if (rc != RC_OK)
				return rc;
			h->pv.cells[(size_t)r * v->count + c] = (uint16_t)id;
		}
	}
	return RC_OK;
}

/*
 * Most sets differ from one shortly before in few units. With a set that has none of these both
 * leave the same, and the cell is the near row's.
 */
struct near {
	uint32_t row;		/* UINT32_MAX: none */
	uint32_t count;
	uint32_t *words;	/* where the sets differ, and in which bits */
	uint64_t *delta;
};

enum { NEAR_ROWS = 16 };

static void
near_find(struct near *near, const struct image_sets *x, uint32_t r)
{
	const uint64_t *set = image_sets_get(x, r) + x->sum_words;
	uint32_t best = UINT32_MAX;

	near->row = UINT32_MAX;
	near->count = 0;
	for (uint32_t k = r - MIN(r, (uint32_t)NEAR_ROWS); k < r; k++) {
		const uint64_t *other = image_sets_get(x, k) + x->sum_words;
		uint32_t n = 0;

		for (uint32_t w = 0; w < x->words; w++)
			n += (uint32_t)__builtin_popcountll(set[w] ^ other[w]);
		if (n < best) {
			best = n;
			near->row = k;
		}
	}
	for (uint32_t w = 0; w < x->words && near->row != UINT32_MAX; w++) {
		uint64_t d = set[w] ^ (image_sets_get(x, near->row) + x->sum_words)[w];

		if (d != 0) {
			near->words[near->count] = w;
			near->delta[near->count++] = d;
		}
	}
}

static bool
near_same(const struct near *near, const uint64_t *words)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < near->count; i++)
		any |= words[near->words[i]] & near->delta[i];
	return near->row != UINT32_MAX && any == 0;
}

static enum rc
product_fill(struct build *b, struct image_matrix *m, const struct image_sets *x,
    const struct image_sets *y, const uint64_t *stop, struct image_sets *out)
{
	struct near near = { .words = arena_array(b->arena, x->words, sizeof(*near.words)),
		.delta = arena_array(b->arena, x->words, sizeof(*near.delta)) };
	enum rc rc = matrix_alloc(m, b, x->count, y->count, IMAGE_HEADER_CELLS_MAX);

	if (rc == RC_OK && (near.words == NULL || near.delta == NULL))
		rc = RC_NOMEM;
	for (uint32_t r = 0; r < m->rows && rc == RC_OK; r++) {
		uint16_t *row = m->cells + (size_t)r * m->cols;

		near_find(&near, x, r);
		rc = image_work_add(b->work, (uint64_t)NEAR_ROWS * x->words +
		    (uint64_t)near.count * m->cols);
		for (uint32_t c = 0; c < m->cols && rc == RC_OK; c++) {
			const uint64_t *set = image_sets_get(y, c);
			uint32_t id = 0;

			if (near_same(&near, set + y->sum_words)) {
				row[c] = m->cells[(size_t)near.row * m->cols + c];
				continue;
			}
			rc = image_sets_and(out, image_sets_get(x, r), set, stop, b->scratch, &id);
			row[c] = (uint16_t)id;
		}
	}
	return rc;
}

static void
cells_remap(struct image_matrix *m, const uint16_t *map)
{
	for (size_t i = 0; i < (size_t)m->rows * m->cols; i++)
		m->cells[i] = map[m->cells[i]];
}

/* --- groups ----------------------------------------------------------------------------------- */

/* The big groups that units of this half name, numbered by first appearance. */
struct named {
	uint32_t *number;	/* of each group; count where it is not named */
	uint32_t *groups;
	uint32_t count;
};

static enum rc
groups_named(const struct build *b, struct named *n)
{
	uint32_t all = b->groups->count;

	*n = (struct named){ arena_array(b->arena, all, sizeof(uint32_t)),
		arena_array(b->arena, all, sizeof(uint32_t)), 0 };
	if (n->number == NULL || n->groups == NULL)
		return RC_NOMEM;
	memset(n->number, 0xff, all * sizeof(*n->number));
	for (uint32_t u = 0; u < b->count; u++) {
		uint32_t g = b->units[u].group;

		if (g == IMAGE_GROUP_NONE || n->number[g] != UINT32_MAX)
			continue;
		n->number[g] = n->count;
		n->groups[n->count++] = g;
	}
	return RC_OK;
}

static bool
set_has(const struct image_sets *s, uint32_t set, uint32_t member)
{
	return (image_sets_get(s, set)[s->sum_words + member / 64] >> member % 64 & 1) != 0;
}

/* Class of each set of groups: two are in one where they have the same groups of those named. */
static enum rc
gmap_fill(struct build *b, const struct named *n, struct image_sets *classes)
{
	const struct image_sets *sets = &b->groups->sets;
	uint64_t *words;
	enum rc rc = image_sets_init(classes, b->arena, b->work, n->count);

	if (rc != RC_OK)
		return rc;
	words = arena_array(b->arena, classes->words, sizeof(*words));
	b->h->gmap_count = sets->count;
	b->h->gmap = arena_array(b->arena, sets->count, sizeof(*b->h->gmap));
	if (words == NULL || b->h->gmap == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < sets->count && rc == RC_OK; i++) {
		uint32_t id = 0;

		memset(words, 0, classes->words * sizeof(*words));
		for (uint32_t k = 0; k < n->count; k++)
			if (set_has(sets, i, n->groups[k]))
				words[k / 64] |= UINT64_C(1) << k % 64;
		b->work->steps += n->count;
		rc = image_sets_put(classes, words, fnv1a64(FNV1A64_INIT, words,
		    classes->words * sizeof(*words)), &id);
		b->h->gmap[i] = (uint16_t)id;
	}
	return rc;
}

/* The units that each class leaves: those without a big group, and those whose group it has. */
static enum rc
group_units(struct build *b, const struct named *n, const struct image_sets *classes,
    struct image_sets *out)
{
	uint64_t *words;
	enum rc rc = image_sets_init(out, b->arena, b->work, b->count);

	if (rc != RC_OK)
		return rc;
	words = arena_array(b->arena, out->words, sizeof(*words));
	if (words == NULL)
		return RC_NOMEM;
	for (uint32_t c = 0; c < classes->count && rc == RC_OK; c++) {
		uint32_t id = 0;

		memset(words, 0, out->words * sizeof(*words));
		for (uint32_t u = 0; u < b->count; u++) {
			uint32_t g = b->units[u].group;

			if (g == IMAGE_GROUP_NONE || set_has(classes, c, n->number[g]))
				words[u / 64] |= UINT64_C(1) << u % 64;
		}
		b->work->steps += b->count;
		rc = image_sets_put(out, words, fnv1a64(FNV1A64_INIT, words,
		    out->words * sizeof(*words)), &id);
		CHECK(rc != RC_OK || id == c);
	}
	return rc;
}

/* X: from a remote's class in the tree and that of its groups to the units that are left. */
static enum rc
x_fill(struct build *b)
{
	struct image_sets classes, units;
	struct named n;
	enum rc rc;

	if (b->groups == NULL)
		return RC_OK;
	if ((rc = groups_named(b, &n)) != RC_OK ||
	    (rc = gmap_fill(b, &n, &classes)) != RC_OK ||
	    (rc = group_units(b, &n, &classes, &units)) != RC_OK ||
	    (rc = image_sets_init(&b->remote, b->arena, b->work, b->count)) != RC_OK)
		return rc;
	return product_fill(b, &b->h->x, &b->h->axis[AXIS_REMOTE].sets, &units, NULL, &b->remote);
}

/* Joins what became equal, given the joined rows of M. */
static enum rc
x_join(struct build *b, const uint16_t *rows)
{
	struct image_half *h = b->h;
	uint16_t *map;
	enum rc rc;

	if (b->groups == NULL) {
		image_axis_remap(&h->axis[AXIS_REMOTE], rows, h->m.rows);
		return RC_OK;
	}
	cells_remap(&h->x, rows);
	rc = image_matrix_rows(&h->x, b->arena, &map);
	if (rc != RC_OK)
		return rc;
	image_axis_remap(&h->axis[AXIS_REMOTE], map, h->x.rows);
	rc = image_matrix_cols(&h->x, b->arena, &map);
	for (uint32_t i = 0; rc == RC_OK && i < h->gmap_count; i++)
		h->gmap[i] = map[h->gmap[i]];
	return rc == RC_OK && h->x.cols > 1u << WIRE_GROUP_SHIFT_MAX ? RC_LIMIT : rc;
}

/* --- cells ------------------------------------------------------------------------------------ */

static enum rc
cells_fill(struct build *b)
{
	const struct image_sets *x = b->groups != NULL ? &b->remote
	    : &b->h->axis[AXIS_REMOTE].sets;
	enum rc rc = matrix_alloc(&b->h->m, b, x->count, b->s.count, IMAGE_CELLS_MAX);

	return rc == RC_OK ? image_cells_fill(&b->h->m, b->arena, b->work, x, &b->s, b->units) :
	    rc;
}

/* Joins equal rows, whose numbers are cells of rows_in, and equal columns, classes of an axis. */
static enum rc
stage_join(struct build *b, struct image_matrix *m, struct image_matrix *rows_in,
    struct image_axis *cols_in)
{
	uint16_t *map;
	enum rc rc = image_matrix_rows(m, b->arena, &map);

	if (rc != RC_OK)
		return rc;
	cells_remap(rows_in, map);
	rc = image_matrix_cols(m, b->arena, &map);
	if (rc == RC_OK)
		image_axis_remap(cols_in, map, m->cols);
	return rc;
}

/* Equal protocols joined: a protocol's two rows are seen as one. */
static enum rc
protos_join(struct build *b)
{
	struct image_half *h = b->h;
	struct image_matrix two = { h->pv.cells, h->pv.rows / 2, h->pv.cols * 2 };
	uint16_t *map;
	enum rc rc = image_matrix_rows(&two, b->arena, &map);

	if (rc != RC_OK)
		return rc;
	for (uint32_t p = 0; p < 256; p++)
		h->proto[p] = (uint8_t)map[h->proto[p]];
	h->protos = two.rows;
	h->pv.rows = two.rows * 2;
	rc = image_matrix_cols(&h->pv, b->arena, &map);
	if (rc == RC_OK)
		image_axis_remap(&h->axis[AXIS_VLAN], map, h->pv.cols);
	return rc;
}

static enum rc
all_join(struct build *b)
{
	struct image_half *h = b->h;
	uint16_t *map;
	enum rc rc = image_matrix_rows(&h->m, b->arena, &map);

	if (rc != RC_OK)
		return rc;
	rc = x_join(b, map);
	if (rc == RC_OK)
		rc = image_matrix_cols(&h->m, b->arena, &map);
	if (rc != RC_OK)
		return rc;
	cells_remap(&h->b, map);
	h->s_classes = h->m.cols;
	rc = stage_join(b, &h->b, &h->a, &h->axis[AXIS_DPORT]);
	if (rc != RC_OK)
		return rc;
	h->q_classes = h->b.rows;
	rc = stage_join(b, &h->a, &h->pv, &h->axis[AXIS_SPORT]);
	if (rc != RC_OK)
		return rc;
	return protos_join(b);
}

/* One row for each protocol, place in the datagram and VLAN: a load less than row numbers. */
static enum rc
head_fill(struct build *b)
{
	struct image_half *h = b->h;
	uint64_t rows = (uint64_t)h->pv.rows * h->pv.cols;
	enum rc rc;

	if (rows > WIRE_HEAD_ROWS_MAX)
		return RC_LIMIT;
	rc = matrix_alloc(&h->head, b, (uint32_t)rows, h->a.cols, IMAGE_HEADER_CELLS_MAX);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < rows; i++)
		memcpy(h->head.cells + i * h->a.cols, h->a.cells + (size_t)h->pv.cells[i] *
		    h->a.cols, h->a.cols * sizeof(*h->head.cells));
	return RC_OK;
}

static size_t
line_bytes(size_t n)
{
	return (n + WIRE_LINE - 1) / WIRE_LINE * WIRE_LINE;
}

static size_t
half_bytes(const struct image_half *h)
{
	size_t n = sizeof(struct wire_half) + 256;

	for (int i = 0; i < AXIS__COUNT; i++) {
		size_t key = i != AXIS_REMOTE ? 2 : h->family == 4 ? 4 : 8;

		n += line_bytes(2 * (size_t)h->axis[i].count) +
		    line_bytes(key * (size_t)h->axis[i].count * 9 / 8);
	}
	n += line_bytes(2 * (size_t)h->head.rows * h->head.cols);
	n += line_bytes(2 * (size_t)h->gmap_count) + line_bytes(2 * (size_t)h->x.rows *
	    h->x.cols);
	return n + line_bytes(h->b_seg.bytes) + line_bytes(h->m_seg.bytes);
}

enum rc
image_half_build(struct image_half *h, struct arena *a, struct image_work *work, uint8_t family,
    uint8_t apart, const struct image_groups *groups, const struct image_unit *units,
    uint32_t unit_count)
{
	struct build b = { .h = h, .arena = a, .work = work, .units = units, .count = unit_count,
		.groups = groups };
	enum rc rc;

	CHECK(family == 4 || family == 6);
	memset(h, 0, sizeof(*h));
	h->family = family;
	b.scratch = arena_array(a, MAX((unit_count + 63) / 64, 1), sizeof(*b.scratch));
	b.stop = arena_array(a, MAX((unit_count + 63) / 64, 1), sizeof(*b.stop));
	if (b.scratch == NULL || b.stop == NULL)
		return RC_NOMEM;
	if ((rc = image_sets_init(&b.header, a, work, unit_count)) != RC_OK ||
	    (rc = image_sets_init(&b.q, a, work, unit_count)) != RC_OK ||
	    (rc = image_sets_init(&b.s, a, work, unit_count)) != RC_OK ||
	    (rc = axes_build(&b)) != RC_OK)
		return rc;
	for (int i = 0; i < AXIS__COUNT; i++)
		h->axis[i].apart = (apart & IMAGE_JOIN_RANGES) != 0;
	protos_number(&b);
	if ((rc = pv_fill(&b)) != RC_OK ||
	    (rc = product_fill(&b, &h->a, &b.header, &h->axis[AXIS_SPORT].sets, NULL, &b.q)) !=
	    RC_OK ||
	    (rc = product_fill(&b, &h->b, &b.q, &h->axis[AXIS_DPORT].sets, b.stop, &b.s)) !=
	    RC_OK ||
	    (rc = x_fill(&b)) != RC_OK ||
	    (rc = cells_fill(&b)) != RC_OK ||
	    (rc = all_join(&b)) != RC_OK ||
	    (rc = head_fill(&b)) != RC_OK ||
	    (rc = image_segments_build(&h->b_seg, a, &h->b)) != RC_OK ||
	    (rc = image_segments_build(&h->m_seg, a, &h->m)) != RC_OK)
		return rc;
	h->bytes = half_bytes(h);
	return image_half_shorten(h, a, unit_count);
}
