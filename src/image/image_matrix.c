/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_matrix - products of classes made small: equal rows and columns joined, rows cut in
 * segments of which equal ones are stored once.
 */
#include <string.h>

#include "bytes.h"
#include "image_build.h"

static const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t
cells4(const uint16_t *cells)
{
	uint64_t v;

	memcpy(&v, cells, sizeof(v));
	return v;
}

/* Four sums of four cells each, so that none waits for the one before. */
static uint64_t
row_hash(const uint16_t *row, uint32_t n)
{
	uint64_t h[4] = { n, 1, 2, 3 }, all = 0;
	uint32_t k = 0;

	for (; n - k >= 16; k += 16)
		for (uint32_t i = 0; i < 4; i++) {
			h[i] = (h[i] ^ cells4(row + k + 4 * i)) * odd;
			h[i] ^= h[i] >> 29;
		}
	for (; k < n; k++) {
		h[k % 4] = (h[k % 4] ^ row[k]) * odd;
		h[k % 4] ^= h[k % 4] >> 29;
	}
	for (uint32_t i = 0; i < 4; i++) {
		all = (all ^ h[i]) * odd;
		all ^= all >> 29;
	}
	return all;
}

static bool
line_equal(const struct image_matrix *m, uint32_t i, uint32_t j, bool col)
{
	if (!col)
		return bytes_equal(m->cells + (size_t)i * m->cols,
		    m->cells + (size_t)j * m->cols, m->cols * sizeof(*m->cells));
	for (uint32_t r = 0; r < m->rows; r++) {
		const uint16_t *row = m->cells + (size_t)r * m->cols;

		if (row[i] != row[j])
			return false;
	}
	return true;
}

/* What most of some cells of a row are, if any is. */
static uint16_t
row_common(const uint16_t *row, uint32_t n)
{
	uint16_t best = row[0];
	uint32_t lead = 0;

	for (uint64_t i = 0; i < 16; i++) {
		uint16_t v = row[i * n / 16];

		if (lead == 0)
			best = v;
		lead = v == best ? lead + 1 : lead - 1;
	}
	return best;
}

/* Hashes of all columns in one pass along the rows: sums of how far each cell is from what is
 * common in its row, so that those that are common cost next to nothing. */
static void
col_hashes(const struct image_matrix *m, uint64_t *h)
{
	uint64_t factor = odd;

	for (uint32_t r = 0; r < m->rows; r++) {
		const uint16_t *row = m->cells + (size_t)r * m->cols;
		uint16_t common = row_common(row, m->cols);
		uint64_t common4 = common * UINT64_C(0x0001000100010001);
		uint32_t c = 0;

		factor = (factor ^ factor >> 29) * UINT64_C(0xd6e8feb86659fd93) + odd;
		for (; m->cols - c >= 4; c += 4) {
			if (cells4(row + c) == common4)
				continue;
			for (uint32_t i = c; i < c + 4; i++)
				h[i] += (uint64_t)(row[i] ^ common) * (factor | 1);
		}
		for (; c < m->cols; c++)
			h[c] += (uint64_t)(row[c] ^ common) * (factor | 1);
	}
	for (uint32_t c = 0; c < m->cols; c++)
		h[c] = (h[c] ^ h[c] >> 32) * UINT64_C(0xc4ceb9fe1a85ec53);
}

/* map[i] = new number of line i, keep[new] = an old line like it; *kept counts them. */
static enum rc
lines_join(const struct image_matrix *m, struct arena *a, bool col, uint16_t **map,
    uint32_t **keep, uint32_t *kept)
{
	uint32_t n = col ? m->cols : m->rows, slots = 64, *table;
	uint64_t *hash = arena_array(a, n, sizeof(*hash));

	while (slots < 2 * n)
		slots *= 2;
	table = arena_array(a, slots, sizeof(*table));
	*map = arena_array(a, n, sizeof(**map));
	*keep = arena_array(a, n, sizeof(**keep));
	if (hash == NULL || table == NULL || *map == NULL || *keep == NULL)
		return RC_NOMEM;
	*kept = 0;
	if (col)
		col_hashes(m, hash);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at;

		if (!col)
			hash[i] = row_hash(m->cells + (size_t)i * m->cols, m->cols);
		at = (uint32_t)(hash[i] ^ hash[i] >> 32) & (slots - 1);
		while (table[at] != 0) {
			uint32_t j = (*keep)[table[at] - 1];

			if (hash[j] == hash[i] && line_equal(m, i, j, col))
				break;
			at = (at + 1) & (slots - 1);
		}
		if (table[at] == 0) {
			(*keep)[(*kept)++] = i;
			table[at] = *kept;
		}
		(*map)[i] = (uint16_t)(table[at] - 1);
	}
	return RC_OK;
}

enum rc
image_matrix_rows(struct image_matrix *m, struct arena *a, uint16_t **map)
{
	uint32_t *keep, kept;
	enum rc rc = lines_join(m, a, false, map, &keep, &kept);

	if (rc != RC_OK)
		return rc;
	for (uint32_t r = 0; r < kept; r++)
		if (keep[r] != r)
			memcpy(m->cells + (size_t)r * m->cols,
			    m->cells + (size_t)keep[r] * m->cols, m->cols * sizeof(*m->cells));
	m->rows = kept;
	return RC_OK;
}

enum rc
image_matrix_cols(struct image_matrix *m, struct arena *a, uint16_t **map)
{
	uint32_t *keep, kept, *runs, run_count = 0;
	uint16_t *to = m->cells;
	enum rc rc = lines_join(m, a, true, map, &keep, &kept);

	if (rc != RC_OK || kept == m->cols)
		return rc;
	/* where in keep[] those begin that stand side by side in a row */
	runs = arena_array(a, (size_t)kept + 1, sizeof(*runs));
	if (runs == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < kept; i++)
		if (i == 0 || keep[i] != keep[i - 1] + 1)
			runs[run_count++] = i;
	runs[run_count] = kept;
	for (uint32_t r = 0; r < m->rows; r++) {
		const uint16_t *row = m->cells + (size_t)r * m->cols;

		for (uint32_t i = 0; i < run_count; i++) {
			uint32_t n = runs[i + 1] - runs[i];

			memmove(to, row + keep[runs[i]], n * sizeof(*to));
			to += n;
		}
	}
	m->cols = kept;
	return RC_OK;
}

/* --- segments --------------------------------------------------------------------------------- */

/* Segments of one shift: where each lies in its row, by number; two of a shift make one of the
 * next, so that each shift costs half of the one before. */
struct level {
	uint32_t *ids;		/* rows x row */
	uint32_t row, count;
	uint32_t *first;	/* by number: index in ids[] of its first appearance */
};

/* Grows with what is found: of sparse rows a small part of what there might be. */
struct key_table {
	struct arena *arena;
	uint64_t *hi, *lo;	/* by number */
	uint32_t *slots;
	uint32_t slot_count, count;
	uint32_t last;		/* number given last: runs of equal keys are common */
};

enum { KEY_SLOTS_FIRST = 1024 };

static enum rc
keys_init(struct key_table *t, struct arena *a, size_t n)
{
	*t = (struct key_table){ .arena = a, .slot_count = KEY_SLOTS_FIRST,
		.hi = arena_array(a, n, sizeof(*t->hi)), .lo = arena_array(a, n, sizeof(*t->lo)),
		.slots = arena_array(a, KEY_SLOTS_FIRST, sizeof(*t->slots)) };
	return t->hi != NULL && t->lo != NULL && t->slots != NULL ? RC_OK : RC_NOMEM;
}

/* The slot that holds the key, or the free one where it belongs. */
static uint32_t *
key_slot(const struct key_table *t, uint64_t hi, uint64_t lo)
{
	uint64_t h = (hi ^ (lo + odd) * UINT64_C(0xd6e8feb86659fd93)) *
	    UINT64_C(0xc4ceb9fe1a85ec53);
	uint32_t at = (uint32_t)(h >> 32) & (t->slot_count - 1);

	while (t->slots[at] != 0 && (t->hi[t->slots[at] - 1] != hi ||
	    t->lo[t->slots[at] - 1] != lo))
		at = (at + 1) & (t->slot_count - 1);
	return &t->slots[at];
}

static enum rc
keys_grow(struct key_table *t)
{
	uint32_t *slots = arena_array(t->arena, (size_t)t->slot_count * 4, sizeof(*slots));

	if (slots == NULL)
		return RC_NOMEM;
	t->slots = slots;
	t->slot_count *= 4;
	for (uint32_t i = 0; i < t->count; i++)
		*key_slot(t, t->hi[i], t->lo[i]) = i + 1;
	return RC_OK;
}

static enum rc
keys_put(struct key_table *t, uint64_t hi, uint64_t lo, uint32_t *id)
{
	enum rc rc = t->count >= t->slot_count / 2 ? keys_grow(t) : RC_OK;
	uint32_t *slot;

	if (rc != RC_OK)
		return rc;
	if (t->count == 0 || t->hi[t->last] != hi || t->lo[t->last] != lo) {
		slot = key_slot(t, hi, lo);
		if (*slot == 0) {
			t->hi[t->count] = hi;
			t->lo[t->count] = lo;
			*slot = ++t->count;
		}
		t->last = *slot - 1;
	}
	*id = t->last;
	return RC_OK;
}

/* Four cells; past the end as the last. */
static uint64_t
pack4(const uint16_t *row, uint32_t at, uint32_t cols)
{
	uint16_t v[4];

	if (at + 4 <= cols)
		return cells4(row + at);
	for (uint32_t i = 0; i < 4; i++)
		v[i] = at + i < cols ? row[at + i] : row[cols - 1];
	return cells4(v);
}

static enum rc
level_alloc(struct level *l, struct arena *a, uint32_t rows, uint32_t row, struct key_table *t)
{
	size_t n = (size_t)rows * row;

	l->row = row;
	l->count = 0;
	l->ids = arena_array(a, n, sizeof(*l->ids));
	l->first = arena_array(a, n, sizeof(*l->first));
	if (l->ids == NULL || l->first == NULL)
		return RC_NOMEM;
	return keys_init(t, a, n);
}

static enum rc
level_put(struct level *l, struct key_table *t, uint32_t at, uint64_t hi, uint64_t lo)
{
	enum rc rc = keys_put(t, hi, lo, &l->ids[at]);

	if (rc == RC_OK && l->ids[at] == l->count)
		l->first[l->count++] = at;
	return rc;
}

static enum rc
level_first(struct level *l, struct arena *a, const struct image_matrix *m)
{
	struct key_table t;
	enum rc rc = level_alloc(l, a, m->rows, (m->cols + 7) / 8, &t);

	for (uint32_t r = 0; r < m->rows && rc == RC_OK; r++) {
		const uint16_t *row = m->cells + (size_t)r * m->cols;

		for (uint32_t c = 0; c < l->row && rc == RC_OK; c++)
			rc = level_put(l, &t, r * l->row + c, pack4(row, c * 8, m->cols),
			    pack4(row, c * 8 + 4, m->cols));
	}
	return rc;
}

static enum rc
level_next(struct level *l, struct arena *a, uint32_t rows, const struct level *below)
{
	struct key_table t;
	enum rc rc = level_alloc(l, a, rows, (below->row + 1) / 2, &t);

	for (uint32_t r = 0; r < rows && rc == RC_OK; r++) {
		const uint32_t *ids = below->ids + (size_t)r * below->row;

		for (uint32_t c = 0; c < l->row && rc == RC_OK; c++)
			rc = level_put(l, &t, r * l->row + c, ids[2 * c],
			    2 * c + 1 < below->row ? ids[2 * c + 1] : UINT32_MAX);
	}
	return rc;
}

static enum rc
segments_take(struct image_segments *g, struct arena *a, const struct image_matrix *m,
    const struct level *l)
{
	size_t n = (size_t)m->rows * l->row, size = (size_t)1 << g->shift;

	g->index = arena_array(a, n, sizeof(*g->index));
	g->pool = arena_array(a, (size_t)g->count << g->shift, sizeof(*g->pool));
	if (g->index == NULL || g->pool == NULL)
		return RC_NOMEM;
	for (size_t i = 0; i < n; i++)
		g->index[i] = (uint16_t)l->ids[i];
	for (uint32_t i = 0; i < l->count; i++) {
		const uint16_t *row = m->cells + (size_t)(l->first[i] / l->row) * m->cols;
		size_t at = (size_t)(l->first[i] % l->row) << g->shift;

		for (size_t k = 0; k < size; k++)
			g->pool[i * size + k] = row[MIN(at + k, m->cols - 1)];
	}
	return RC_OK;
}

bool
image_segments_plain(struct image_segments *g, const struct image_matrix *m, size_t slack)
{
	size_t bytes = 2 * (size_t)m->rows * m->cols;

	if (bytes > g->bytes + slack || m->cols > UINT16_MAX)
		return false;
	*g = (struct image_segments){ .index = m->cells, .rows = m->rows, .row = m->cols,
		.bytes = bytes };
	return true;
}

enum rc
image_segments_build(struct image_segments *g, struct arena *a, const struct image_matrix *m)
{
	struct level levels[WIRE_SHIFT_MAX - WIRE_SHIFT_MIN + 1];
	const struct level *best = NULL;
	enum rc rc;

	CHECK(m->rows > 0 && m->cols > 0);
	memset(g, 0, sizeof(*g));
	for (unsigned shift = WIRE_SHIFT_MIN; shift <= WIRE_SHIFT_MAX; shift++) {
		struct level *l = &levels[shift - WIRE_SHIFT_MIN];
		size_t bytes;

		rc = shift == WIRE_SHIFT_MIN ? level_first(l, a, m)
		    : level_next(l, a, m->rows, l - 1);
		if (rc != RC_OK)
			return rc;
		bytes = 2 * ((size_t)m->rows * l->row + ((size_t)l->count << shift));
		if (l->count <= IMAGE_CLASSES_MAX && (best == NULL || bytes < g->bytes)) {
			best = l;
			g->shift = shift;
			g->bytes = bytes;
		}
		if (l->row == 1)
			break;
	}
	if (best == NULL)
		return RC_LIMIT;
	g->rows = m->rows;
	g->row = best->row;
	g->count = best->count;
	return segments_take(g, a, m, best);
}
