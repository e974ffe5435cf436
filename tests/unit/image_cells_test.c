/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_cells_test - the last product beside each pair of sets looked at, from sets with few units
 * to sets with most; equal lines joined beside each pair of lines compared.
 */
#include "image_build.h"

#include <string.h>

#include "gen_rules.h"
#include "t.h"

enum { UNITS = 200, WORDS = (UNITS + 63) / 64, TRIES = 60 };

static struct gen gen = { 11 };
static struct arena arena;
static struct image_work work;

/* Up to count distinct sets, each with about one unit in every_in of those allowed. */
static void
sets_make(struct image_sets *s, uint32_t count, uint32_t every_in)
{
	CHECK(image_sets_init(s, &arena, &work, UNITS) == RC_OK);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t words[WORDS] = { 0 };
		uint32_t id, each = gen_below(&gen, 8) == 0 ? 2 : every_in;

		for (uint32_t u = 0; u < UNITS; u++)
			if (gen_below(&gen, each) == 0)
				words[u / 64] |= UINT64_C(1) << u % 64;
		CHECK(image_sets_put(s, words, words[0] * 7 + words[1] * 5 + words[2] * 3 +
		    words[3], &id) == RC_OK);
	}
}

static void
cells(void)
{
	static const uint32_t densities[] = { 1, 2, 8, 40, 150 };
	struct image_unit units[UNITS];
	uint32_t wrong = 0, none = 0, some = 0;

	memset(units, 0, sizeof(units));
	for (uint32_t u = 0; u < UNITS; u++)
		units[u].rule = u / 2;
	for (uint32_t i = 0; i < TRIES; i++) {
		struct image_matrix m;
		struct image_sets x, s;

		work = (struct image_work){ .max = UINT64_C(1) << 40 };
		sets_make(&x, 1 + gen_below(&gen, 80), densities[i % 5]);
		sets_make(&s, 1 + gen_below(&gen, 80), densities[i / 5 % 5]);
		m = (struct image_matrix){ arena_array(&arena, (size_t)x.count * s.count,
		    sizeof(*m.cells)), x.count, s.count };
		CHECK(m.cells != NULL);
		T_IS_INT(image_cells_fill(&m, &arena, &work, &x, &s, units), RC_OK);
		for (uint32_t r = 0; r < x.count; r++)
			for (uint32_t c = 0; c < s.count; c++) {
				uint32_t u = image_sets_first(&s, image_sets_get(&x, r),
				    image_sets_get(&s, c));
				uint32_t want = u == UINT32_MAX ? WIRE_CELL_NONE : u / 2;

				wrong += m.cells[(size_t)r * s.count + c] != want;
				none += want == WIRE_CELL_NONE;
				some += want != WIRE_CELL_NONE;
			}
		work.max = work.steps;
		T_IS_INT(image_cells_fill(&m, &arena, &work, &x, &s, units), RC_LIMIT);
		arena_reset(&arena);
	}
	T_IS_UINT(wrong, 0);
	T_OK(none > 1000 && some > 1000);
}

static bool
alike(const uint16_t *cells_, const struct image_matrix *m, bool col, uint32_t i, uint32_t j)
{
	for (uint32_t k = 0; k < (col ? m->rows : m->cols); k++)
		if (cells_[col ? k * m->cols + i : i * m->cols + k] !=
		    cells_[col ? k * m->cols + j : j * m->cols + k])
			return false;
	return true;
}

/* Lines are numbered by first appearance, and each is where its number says. */
static uint32_t
joined_wrong(bool col, const struct image_matrix *was, const struct image_matrix *m,
    const uint16_t *map)
{
	uint32_t n = col ? was->cols : was->rows, next = 0, wrong = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t want = next;

		for (uint32_t j = 0; j < i && want == next; j++)
			if (alike(was->cells, was, col, i, j))
				want = map[j];
		next += want == next;
		wrong += map[i] != want;
		for (uint32_t k = 0; k < (col ? was->rows : was->cols); k++)
			wrong += col ? m->cells[k * m->cols + map[i]] != was->cells[k * n + i] :
			    m->cells[map[i] * m->cols + k] != was->cells[i * was->cols + k];
	}
	return wrong + ((col ? m->cols : m->rows) != next);
}

static void
lines(void)
{
	uint32_t wrong = 0, fewer = 0;

	for (uint32_t i = 0; i < TRIES; i++) {
		bool col = i % 2 == 1;
		uint32_t rows = 1 + gen_below(&gen, 40), cols = 1 + gen_below(&gen, 40);
		uint32_t others = 1 + gen_below(&gen, 6);
		struct image_matrix m = { arena_array(&arena, (size_t)rows * cols,
		    sizeof(*m.cells)), rows, cols }, was = m;
		uint16_t *map;

		CHECK(m.cells != NULL);
		memset(m.cells, 0xff, (size_t)rows * cols * sizeof(*m.cells));
		for (uint32_t k = 0; k < rows * cols / 20 * others; k++)
			m.cells[gen_below(&gen, rows * cols)] = (uint16_t)gen_below(&gen, others);
		was.cells = arena_memdup(&arena, m.cells, (size_t)rows * cols * sizeof(*m.cells));
		CHECK(was.cells != NULL);
		T_IS_INT(col ? image_matrix_cols(&m, &arena, &map) :
		    image_matrix_rows(&m, &arena, &map), RC_OK);
		wrong += joined_wrong(col, &was, &m, map);
		fewer += m.rows < rows || m.cols < cols;
		arena_reset(&arena);
	}
	T_IS_UINT(wrong, 0);
	T_OK(fewer > TRIES / 4);
}

int
main(void)
{
	arena_init(&arena, (size_t)64 << 20);
	T_RUN(cells);
	T_RUN(lines);
	arena_fini(&arena);
	return t_done();
}
