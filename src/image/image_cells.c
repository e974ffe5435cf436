/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_cells - the last product of a half: for each class of remotes and of services the rule of
 * the first unit that is in both.
 *
 * Where few services have what a remote leaves, each of its units writes its rule into their cells,
 * the first unit last. Where many have, each pair of sets is looked at, by as many columns as stay
 * in a cache meanwhile.
 */
#include <string.h>

#include "image_build.h"

enum {
	CACHE_BYTES = 256 << 10,
	WRITES_MAX = 2,		/* of a cell that is written rather than looked for */
	PAIR_CELLS = 8		/* cells looked for in the time of one entry of the index */
};

struct fill {
	struct image_matrix *m;
	struct image_work *work;
	const struct image_sets *x, *s;
	const struct image_unit *units;
	uint32_t *first;	/* of unit u: cols[first[u] .. first[u + 1]) */
	uint16_t *cols;		/* whose sets have the unit */
	uint32_t *dense;	/* rows whose pairs are looked at */
	uint32_t dense_count;
};

/* The columns of each unit; where they are too many for that to be worth it, no cols. */
static enum rc
index_make(struct fill *f, struct arena *a)
{
	const struct image_sets *s = f->s;
	uint64_t bits = 0, max = (uint64_t)f->m->rows * f->m->cols / PAIR_CELLS;
	uint32_t *at;

	for (uint32_t c = 0; c < s->count; c++)
		for (uint32_t w = 0; w < s->words; w++)
			bits += (uint32_t)__builtin_popcountll(
			    (image_sets_get(s, c) + s->sum_words)[w]);
	if (bits > MIN(max, (uint64_t)IMAGE_CELLS_MAX))
		return RC_OK;
	f->first = arena_array(a, (size_t)s->words * 64 + 2, sizeof(*f->first));
	f->cols = arena_array(a, (size_t)bits + 1, sizeof(*f->cols));
	if (f->first == NULL || f->cols == NULL)
		return RC_NOMEM;
	/* counted two places on, summed, and moved by one as they are filled in */
	at = f->first + 1;
	for (int fill = 0; fill < 2; fill++) {
		for (uint32_t c = 0; c < s->count; c++)
			for (uint32_t w = 0; w < s->words; w++)
				for (uint64_t b = (image_sets_get(s, c) + s->sum_words)[w]; b != 0;
				    b &= b - 1) {
					uint32_t u = w * 64 + (uint32_t)__builtin_ctzll(b);

					if (fill == 0)
						at[u + 1]++;
					else
						f->cols[at[u]++] = (uint16_t)c;
				}
		for (uint32_t u = 0; fill == 0 && u < s->words * 64; u++)
			at[u + 1] += at[u];
	}
	return image_work_add(f->work, bits / 4 + (uint64_t)s->count * s->words / 4);
}

/* Cells that the units of a set would write. */
static uint64_t
row_writes(const struct fill *f, const uint64_t *set)
{
	uint64_t n = 0;

	for (uint32_t w = 0; w < f->x->words; w++)
		for (uint64_t b = set[w]; b != 0; b &= b - 1) {
			uint32_t u = w * 64 + (uint32_t)__builtin_ctzll(b);

			n += f->first[u + 1] - f->first[u];
		}
	return n;
}

static void
row_write(const struct fill *f, const uint64_t *set, uint16_t *row)
{
	memset(row, 0xff, f->m->cols * sizeof(*row));
	for (uint32_t w = f->x->words; w-- > 0;)
		for (uint64_t b = set[w]; b != 0;) {
			uint32_t bit = 63 - (uint32_t)__builtin_clzll(b), u = w * 64 + bit;

			b ^= UINT64_C(1) << bit;
			for (uint32_t i = f->first[u]; i < f->first[u + 1]; i++)
				row[f->cols[i]] = (uint16_t)f->units[u].rule;
		}
}

static enum rc
sparse_fill(struct fill *f)
{
	const uint64_t max = (uint64_t)WRITES_MAX * f->m->cols;
	enum rc rc = RC_OK;

	_Static_assert(WIRE_CELL_NONE == 0xffff, "rows are set by bytes");
	for (uint32_t r = 0; r < f->m->rows && rc == RC_OK; r++) {
		const uint64_t *set = image_sets_get(f->x, r) + f->x->sum_words;
		uint64_t writes = f->cols == NULL ? max + 1 : row_writes(f, set);

		if (writes > max) {
			f->dense[f->dense_count++] = r;
			continue;
		}
		row_write(f, set, f->m->cells + (size_t)r * f->m->cols);
		rc = image_work_add(f->work, f->x->words + writes / 4);
	}
	return rc;
}

static enum rc
dense_fill(struct fill *f)
{
	const struct image_matrix *m = f->m;
	uint32_t block = MAX(CACHE_BYTES / ((f->s->sum_words + f->s->words) * 8), 1u), to;
	enum rc rc = RC_OK;

	for (uint32_t from = 0; rc == RC_OK && from < m->cols; from = to) {
		to = from + MIN(block, m->cols - from);
		for (uint32_t i = 0; rc == RC_OK && i < f->dense_count; i++) {
			uint16_t *row = m->cells + (size_t)f->dense[i] * m->cols;
			const uint64_t *remote = image_sets_get(f->x, f->dense[i]);

			for (uint32_t c = from; c < to; c++) {
				uint32_t u = image_sets_first(f->s, remote,
				    image_sets_get(f->s, c));

				row[c] = u == UINT32_MAX ? (uint16_t)WIRE_CELL_NONE
				    : (uint16_t)f->units[u].rule;
			}
			rc = image_work_add(f->work, 0);
		}
	}
	return rc;
}

enum rc
image_cells_fill(struct image_matrix *m, struct arena *a, struct image_work *work,
    const struct image_sets *x, const struct image_sets *s, const struct image_unit *units)
{
	struct fill f = { .m = m, .work = work, .x = x, .s = s, .units = units,
		.dense = arena_array(a, m->rows, sizeof(*f.dense)) };
	enum rc rc = f.dense == NULL ? RC_NOMEM : index_make(&f, a);

	CHECK(x->words == s->words && x->count == m->rows && s->count == m->cols);
	if (rc == RC_OK)
		rc = sparse_fill(&f);
	return rc == RC_OK ? dense_fill(&f) : rc;
}
