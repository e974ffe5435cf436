/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_matrix - products of classes made small: equal rows and columns joined, rows cut in
 * segments of which equal ones are stored once.
 */
#include <string.h>

#include "bytes.h"
#include "image_build.h"

static uint64_t
line_hash(const struct image_matrix *m, uint32_t i, bool col)
{
	size_t step = col ? m->cols : 1, at = col ? i : (size_t)i * m->cols;
	uint32_t n = col ? m->rows : m->cols;
	uint64_t h = n;

	for (uint32_t k = 0; k < n; k++, at += step) {
		h = (h ^ m->cells[at]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h;
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

/* Hashes of all columns in one pass along the rows. */
static void
col_hashes(const struct image_matrix *m, uint64_t *h)
{
	for (uint32_t r = 0; r < m->rows; r++) {
		const uint16_t *row = m->cells + (size_t)r * m->cols;

		for (uint32_t c = 0; c < m->cols; c++) {
			h[c] = (h[c] ^ row[c]) * UINT64_C(0x9e3779b97f4a7c15);
			h[c] ^= h[c] >> 29;
		}
	}
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
			hash[i] = line_hash(m, i, false);
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
	uint32_t *keep, kept;
	uint16_t *to = m->cells;
	enum rc rc = lines_join(m, a, true, map, &keep, &kept);

	if (rc != RC_OK)
		return rc;
	for (uint32_t r = 0; r < m->rows; r++) {
		const uint16_t *row = m->cells + (size_t)r * m->cols;

		for (uint32_t c = 0; c < kept; c++)
			*to++ = row[keep[c]];
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

struct key_table {
	uint64_t *hi, *lo;	/* by number */
	uint32_t *slots;
	uint32_t slot_count, count;
};

static enum rc
keys_init(struct key_table *t, struct arena *a, size_t n)
{
	memset(t, 0, sizeof(*t));
	t->slot_count = 64;
	while (t->slot_count < 2 * n)
		t->slot_count *= 2;
	t->hi = arena_array(a, n, sizeof(*t->hi));
	t->lo = arena_array(a, n, sizeof(*t->lo));
	t->slots = arena_array(a, t->slot_count, sizeof(*t->slots));
	return t->hi != NULL && t->lo != NULL && t->slots != NULL ? RC_OK : RC_NOMEM;
}

static uint32_t
keys_put(struct key_table *t, uint64_t hi, uint64_t lo)
{
	uint64_t h = (hi ^ (lo + UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93)) *
	    UINT64_C(0xc4ceb9fe1a85ec53);
	uint32_t at = (uint32_t)(h >> 32) & (t->slot_count - 1);

	while (t->slots[at] != 0) {
		uint32_t i = t->slots[at] - 1;

		if (t->hi[i] == hi && t->lo[i] == lo)
			return i;
		at = (at + 1) & (t->slot_count - 1);
	}
	t->hi[t->count] = hi;
	t->lo[t->count] = lo;
	t->slots[at] = ++t->count;
	return t->count - 1;
}

static uint64_t
pack4(const uint16_t *row, uint32_t at, uint32_t cols)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < 4; i++)
		v |= (uint64_t)(at + i < cols ? row[at + i] : row[cols - 1]) << 16 * i;
	return v;
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

static void
level_put(struct level *l, struct key_table *t, uint32_t at, uint64_t hi, uint64_t lo)
{
	l->ids[at] = keys_put(t, hi, lo);
	if (l->ids[at] == l->count)
		l->first[l->count++] = at;
}

static enum rc
level_first(struct level *l, struct arena *a, const struct image_matrix *m)
{
	struct key_table t;
	enum rc rc = level_alloc(l, a, m->rows, (m->cols + 7) / 8, &t);

	for (uint32_t r = 0; rc == RC_OK && r < m->rows; r++) {
		const uint16_t *row = m->cells + (size_t)r * m->cols;

		for (uint32_t c = 0; c < l->row; c++)
			level_put(l, &t, r * l->row + c, pack4(row, c * 8, m->cols),
			    pack4(row, c * 8 + 4, m->cols));
	}
	return rc;
}

static enum rc
level_next(struct level *l, struct arena *a, uint32_t rows, const struct level *below)
{
	struct key_table t;
	enum rc rc = level_alloc(l, a, rows, (below->row + 1) / 2, &t);

	for (uint32_t r = 0; rc == RC_OK && r < rows; r++) {
		const uint32_t *ids = below->ids + (size_t)r * below->row;

		for (uint32_t c = 0; c < l->row; c++)
			level_put(l, &t, r * l->row + c, ids[2 * c],
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
