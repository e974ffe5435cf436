/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr_set - sets of addresses in normal form.
 * Does:    union, difference, intersection by one merge each. Each runs twice: once to count,
 *          once into an array of exactly that size, so that the limit is known before memory is
 *          taken and no set holds slack.
 */
#include "addr.h"

#include <stdlib.h>
#include <string.h>

/* Takes ranges in order and joins those that touch. Without dst it only counts. */
struct sink {
	struct addr_range *dst;
	struct addr_range last;
	size_t count;
};

static bool
touches(const struct addr_range *r, const struct addr *lo)
{
	struct addr next = r->hi;

	if (r->hi.family != lo->family)
		return false;
	return addr_cmp(lo, &r->hi) <= 0 || (addr_next(&next) && addr_cmp(&next, lo) == 0);
}

static void
sink_add(struct sink *s, const struct addr *lo, const struct addr *hi)
{
	CHECK(addr_cmp(lo, hi) <= 0);
	if (s->count > 0 && touches(&s->last, lo)) {
		CHECK(addr_cmp(&s->last.lo, lo) <= 0);
		if (addr_cmp(hi, &s->last.hi) > 0)
			s->last.hi = *hi;
	} else {
		s->last = (struct addr_range){ *lo, *hi };
		s->count++;
	}
	if (s->dst != NULL)
		s->dst[s->count - 1] = s->last;
}

static void
union_run(const struct addr_set *x, const struct addr_set *y, struct sink *out)
{
	uint32_t i = 0, j = 0;

	while (i < x->count || j < y->count) {
		const struct addr_range *r;

		if (j == y->count || (i < x->count &&
		    addr_cmp(&x->ranges[i].lo, &y->ranges[j].lo) <= 0))
			r = &x->ranges[i++];
		else
			r = &y->ranges[j++];
		sink_add(out, &r->lo, &r->hi);
	}
}

static void
intersect_run(const struct addr_set *x, const struct addr_set *y, struct sink *out)
{
	uint32_t i = 0, j = 0;

	while (i < x->count && j < y->count) {
		const struct addr_range *a = &x->ranges[i], *b = &y->ranges[j];
		const struct addr *lo = addr_cmp(&a->lo, &b->lo) >= 0 ? &a->lo : &b->lo;
		const struct addr *hi = addr_cmp(&a->hi, &b->hi) <= 0 ? &a->hi : &b->hi;

		if (addr_cmp(lo, hi) <= 0)
			sink_add(out, lo, hi);
		if (hi == &a->hi)
			i++;
		else
			j++;
	}
}

static void
minus_run(const struct addr_set *x, const struct addr_set *y, struct sink *out)
{
	uint32_t j = 0;

	for (uint32_t i = 0; i < x->count; i++) {
		struct addr lo = x->ranges[i].lo;
		const struct addr *hi = &x->ranges[i].hi;
		bool left = true;

		while (j < y->count && addr_cmp(&y->ranges[j].hi, &lo) < 0)
			j++;
		for (; left && j < y->count && addr_cmp(&y->ranges[j].lo, hi) <= 0; j++) {
			struct addr cut = y->ranges[j].lo;

			if (addr_cmp(&cut, &lo) > 0) {
				CHECK(addr_prev(&cut));
				sink_add(out, &lo, &cut);
			}
			if (addr_cmp(&y->ranges[j].hi, hi) >= 0) {
				left = false;
				break;		/* it may cut the next range too */
			}
			lo = y->ranges[j].hi;
			CHECK(addr_next(&lo));
		}
		if (left)
			sink_add(out, &lo, hi);
	}
}

typedef void set_op(const struct addr_set *x, const struct addr_set *y, struct sink *out);

static enum rc
op_apply(struct arena *a, set_op *op, const struct addr_set *x, const struct addr_set *y,
    struct addr_set *out)
{
	struct sink count = { .dst = NULL }, fill = { .dst = NULL };

	op(x, y, &count);
	if (count.count > ADDR_SET_RANGES_MAX)
		return RC_LIMIT;
	fill.dst = arena_array(a, count.count, sizeof(*fill.dst));
	if (fill.dst == NULL)
		return RC_NOMEM;
	op(x, y, &fill);
	CHECK(fill.count == count.count);
	*out = (struct addr_set){ .ranges = fill.dst, .count = (uint32_t)fill.count };
	return RC_OK;
}

enum rc
addr_set_union(struct arena *a, const struct addr_set *x, const struct addr_set *y,
    struct addr_set *out)
{
	return op_apply(a, union_run, x, y, out);
}

enum rc
addr_set_minus(struct arena *a, const struct addr_set *x, const struct addr_set *y,
    struct addr_set *out)
{
	return op_apply(a, minus_run, x, y, out);
}

enum rc
addr_set_intersect(struct arena *a, const struct addr_set *x, const struct addr_set *y,
    struct addr_set *out)
{
	return op_apply(a, intersect_run, x, y, out);
}

static int
range_cmp(const void *a, const void *b)
{
	const struct addr_range *x = a, *y = b;
	int c = addr_cmp(&x->lo, &y->lo);

	return c != 0 ? c : addr_cmp(&x->hi, &y->hi);
}

/* Where the run that is in order from `from` ends. */
static size_t
run_end(const struct addr_range *r, size_t from, size_t n)
{
	size_t i = from + 1;

	while (i < n && range_cmp(&r[i - 1], &r[i]) <= 0)
		i++;
	return MIN(i, n);
}

static void
runs_merge(const struct addr_range *r, size_t at, size_t mid, size_t end, struct addr_range *out)
{
	size_t i = at, k = mid;

	for (size_t n = at; n < end; n++)
		out[n] = i < mid && (k == end || range_cmp(&r[i], &r[k]) <= 0) ? r[i++] : r[k++];
}

/* Ranges often come as a few sorted runs, one a group or a file: neighbours are merged, from one
 * of x and y into the other, until one run is left there. Returns which. */
static struct addr_range *
ranges_sort(struct addr_range *x, struct addr_range *y, size_t n)
{
	while (run_end(x, 0, n) < n) {
		struct addr_range *swap = x;

		for (size_t at = 0; at < n;) {
			size_t mid = run_end(x, at, n), end = mid < n ? run_end(x, mid, n) : n;

			runs_merge(x, at, mid, end, y);
			at = end;
		}
		x = y;
		y = swap;
	}
	return x;
}

enum rc
addr_set_from(struct arena *a, const struct addr_range *ranges, size_t n, struct addr_set *out)
{
	struct addr_range *room = NULL, *copy;
	const struct addr_range *sorted = ranges;
	struct sink count = { .dst = NULL }, fill = { .dst = NULL };

	for (size_t i = 0; i < n; i++) {
		CHECK(ranges[i].lo.family == 4 || ranges[i].lo.family == 6);
		CHECK(ranges[i].lo.family == ranges[i].hi.family);
		CHECK(addr_cmp(&ranges[i].lo, &ranges[i].hi) <= 0);
	}
	if (n > 1 && run_end(ranges, 0, n) < n) {
		if (n > SIZE_MAX / 2 / sizeof(*room))
			return RC_LIMIT;
		room = malloc(2 * n * sizeof(*room));
		if (room == NULL)
			return RC_NOMEM;
		memcpy(room, ranges, n * sizeof(*room));
		sorted = ranges_sort(room, room + n, n);
	}
	for (size_t i = 0; i < n; i++)
		sink_add(&count, &sorted[i].lo, &sorted[i].hi);
	copy = count.count > ADDR_SET_RANGES_MAX ? NULL :
	    arena_array(a, count.count, sizeof(*copy));
	fill.dst = copy;
	for (size_t i = 0; copy != NULL && i < n; i++)
		sink_add(&fill, &sorted[i].lo, &sorted[i].hi);
	free(room);
	if (count.count > ADDR_SET_RANGES_MAX)
		return RC_LIMIT;
	if (copy == NULL)
		return RC_NOMEM;
	CHECK(fill.count == count.count);
	*out = (struct addr_set){ .ranges = copy, .count = (uint32_t)count.count };
	return RC_OK;
}

enum rc
addr_set_any(struct arena *a, uint8_t family, struct addr_set *out)
{
	const struct addr zero4 = { .family = 4 }, zero6 = { .family = 6 };
	struct addr_range all[2];
	size_t n = 0;

	CHECK(family == 0 || family == 4 || family == 6);
	if (family != 6)
		all[n++] = addr_prefix(&zero4, 0);
	if (family != 4)
		all[n++] = addr_prefix(&zero6, 0);
	return addr_set_from(a, all, n, out);
}

bool
addr_set_has(const struct addr_set *s, const struct addr *a)
{
	uint32_t lo = 0, hi = s->count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(&s->ranges[mid].hi, a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->count && addr_cmp(&s->ranges[lo].lo, a) <= 0;
}

bool
addr_set_empty(const struct addr_set *s)
{
	return s->count == 0;
}

bool
addr_set_equal(const struct addr_set *a, const struct addr_set *b)
{
	if (a->count != b->count)
		return false;
	/* a list that thousands of rules have lies in one place */
	for (uint32_t i = 0; a->ranges != b->ranges && i < a->count; i++)
		if (range_cmp(&a->ranges[i], &b->ranges[i]) != 0)
			return false;
	return true;
}

void
addr_set_family(const struct addr_set *s, uint8_t family, uint32_t *first, uint32_t *count)
{
	uint32_t lo = 0, hi = s->count;

	CHECK(family == 4 || family == 6);
	while (lo < hi) {	/* lo becomes the first v6 range */
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->ranges[mid].lo.family < 6)
			lo = mid + 1;
		else
			hi = mid;
	}
	*first = family == 4 ? 0 : lo;
	*count = family == 4 ? lo : s->count - lo;
}

uint64_t
addr_set_size(const struct addr_set *s)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct addr *lo = &s->ranges[i].lo, *hi = &s->ranges[i].hi;
		uint64_t borrow = hi->lo < lo->lo, span = hi->lo - lo->lo;

		if (hi->hi - lo->hi - borrow != 0 || span == UINT64_MAX ||
		    __builtin_add_overflow(size, span + 1, &size))
			return UINT64_MAX;
	}
	return size;
}
