/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sets_prop - address sets of a hundred thousand ranges against one bit an address.
 * Shape:   a window of addresses in each family, at the family's ends, in the middle and over the
 *          border of two upper halves of IPv6, has a bit for each; sets are made of ranges in it,
 *          in any order, and what union, difference and intersection give must hold the same
 *          addresses in normal form.
 */
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "gen_rules.h"
#include "t.h"

enum { WINDOW = 1 << 18, ROUNDS = 24 };

struct window {
	const char *name;
	struct addr base;
};

static const struct window windows[] = {
	{ "the first of v4", { .family = 4 } },
	{ "the middle of v4", { .family = 4, .lo = 0x0a000000 } },
	{ "the last of v4", { .family = 4, .lo = UINT32_MAX - WINDOW + 1 } },
	{ "the first of v6", { .family = 6 } },
	{ "two upper halves of v6", { .family = 6, .hi = 5, .lo = UINT64_MAX - WINDOW / 3 } },
	{ "the last of v6", { .family = 6, .hi = UINT64_MAX, .lo = UINT64_MAX - WINDOW + 1 } },
};

static struct gen gen;

static struct addr
address(const struct window *w, uint32_t i)
{
	struct addr a = w->base;

	a.lo += i;
	if (a.lo < w->base.lo)
		a.hi++;
	return a;
}

/* Ranges in any order, some of them equal, touching or one in another; bits has all of them. */
static void
ranges_make(const struct window *w, uint32_t n, struct addr_range *out, uint8_t *bits)
{
	memset(bits, 0, WINDOW);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = gen_below(&gen, 8) == 0 ? gen_below(&gen, 64) : gen_below(&gen, 3);
		uint32_t lo = gen_below(&gen, WINDOW - len), hi = lo + len;

		if (gen_below(&gen, 2048) == 0)
			lo = hi = gen_below(&gen, 2) * (WINDOW - 1);
		out[i] = (struct addr_range){ address(w, lo), address(w, hi) };
		memset(bits + lo, 1, hi - lo + 1);
	}
}

/* The set is the bits, each run of them one range. */
static bool
is_bits(const struct window *w, const struct addr_set *s, const uint8_t *bits)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < WINDOW; i++) {
		struct addr a = address(w, i);

		if (bits[i] == 0)
			continue;
		if (k == s->count || addr_cmp(&s->ranges[k].lo, &a) != 0)
			return false;
		while (i + 1 < WINDOW && bits[i + 1] != 0)
			i++;
		a = address(w, i);
		if (addr_cmp(&s->ranges[k++].hi, &a) != 0)
			return false;
	}
	return k == s->count;
}

static void
algebra(const struct window *w)
{
	static uint8_t x[WINDOW], y[WINDOW], want[WINDOW];
	uint32_t nx = gen_below(&gen, 100000), ny = gen_below(&gen, 100000);
	struct addr_range *ranges = calloc(100000, sizeof(*ranges));
	struct addr_set sx, sy, out;
	struct arena a;

	arena_init(&a, 256 << 20);
	CHECK(ranges != NULL);
	ranges_make(w, nx, ranges, x);
	T_IS_INT(addr_set_from(&a, ranges, nx, &sx), RC_OK);
	ranges_make(w, ny, ranges, y);
	T_IS_INT(addr_set_from(&a, ranges, ny, &sy), RC_OK);
	T_OK(is_bits(w, &sx, x));
	T_OK(is_bits(w, &sy, y));
	for (uint32_t i = 0; i < WINDOW; i++)
		want[i] = x[i] | y[i];
	T_IS_INT(addr_set_union(&a, &sx, &sy, &out), RC_OK);
	T_OK(is_bits(w, &out, want));
	for (uint32_t i = 0; i < WINDOW; i++)
		want[i] = x[i] & y[i];
	T_IS_INT(addr_set_intersect(&a, &sx, &sy, &out), RC_OK);
	T_OK(is_bits(w, &out, want));
	for (uint32_t i = 0; i < WINDOW; i++)
		want[i] = x[i] & (uint8_t)!y[i];
	T_IS_INT(addr_set_minus(&a, &sx, &sy, &out), RC_OK);
	T_OK(is_bits(w, &out, want));
	arena_fini(&a);
	free(ranges);
}

/* any - x, and any - (any - x), which is x again. */
static void
complement(const struct window *w)
{
	static uint8_t x[WINDOW], want[WINDOW];
	struct addr_range *ranges = calloc(100000, sizeof(*ranges));
	struct addr_range all = { w->base, address(w, WINDOW - 1) };
	struct addr_set any, sx, out, cut, in_window, window;
	struct arena a;

	arena_init(&a, 256 << 20);
	CHECK(ranges != NULL);
	ranges_make(w, 100000, ranges, x);
	for (uint32_t i = 0; i < WINDOW; i++)
		want[i] = !x[i];
	T_IS_INT(addr_set_from(&a, ranges, 100000, &sx), RC_OK);
	T_IS_INT(addr_set_from(&a, &all, 1, &window), RC_OK);
	T_IS_INT(addr_set_any(&a, 0, &any), RC_OK);
	T_IS_INT(addr_set_minus(&a, &any, &sx, &out), RC_OK);
	T_IS_INT(addr_set_intersect(&a, &out, &window, &in_window), RC_OK);
	T_OK(is_bits(w, &in_window, want));
	T_IS_INT(addr_set_minus(&a, &any, &window, &cut), RC_OK);
	T_IS_INT(addr_set_intersect(&a, &out, &cut, &in_window), RC_OK);
	T_OK(addr_set_equal(&in_window, &cut));
	T_IS_INT(addr_set_minus(&a, &any, &out, &out), RC_OK);
	T_OK(addr_set_equal(&out, &sx));
	arena_fini(&a);
	free(ranges);
}

static void
windows_all(void)
{
	for (unsigned i = 0; i < t_tries(ROUNDS); i++)
		algebra(&windows[i % ARRAY_LEN(windows)]);
}

int
main(void)
{
	gen.state = t_seed();
	T_RUN(windows_all);
	T_ROWS(windows, complement);
	return t_done();
}
