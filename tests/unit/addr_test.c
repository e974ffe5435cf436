/* SPDX-License-Identifier: Apache-2.0 */
/* addr_test - text both ways, order, prefixes; set algebra against one bit an address. */
#include "t.h"

#include "addr.h"

static struct arena arena;

struct text_row {
	const char *name;	/* the text */
	const char *printed;	/* NULL = refused */
};

static const struct text_row texts[] = {
	{ "0.0.0.0", "0.0.0.0" },
	{ "10.20.3.7", "10.20.3.7" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "256.0.0.1", NULL }, { "1.2.3", NULL }, { "1.2.3.4.5", NULL }, { "1.2.3.", NULL },
	{ ".1.2.3", NULL }, { "01.2.3.4", NULL }, { "1.2.3.00", NULL }, { "1.2.3.4 ", NULL },
	{ " 1.2.3.4", NULL }, { "1..3.4", NULL }, { "1.2.3.-4", NULL }, { "1.2.3.0x4", NULL },
	{ "1.2.3.1000", NULL }, { "1.2.3.4294967297", NULL }, { "10.0.0.1/32", NULL },
	{ "", NULL }, { "1", NULL }, { "a.b.c.d", NULL },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "fd00:20:4::2", "fd00:20:4::2" },
	{ "FD00::ABCD", "fd00::abcd" },
	{ "0001:0002:0003:0004:0005:0006:0007:0008", "1:2:3:4:5:6:7:8" },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },	/* the first of equals */
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },		/* the longest */
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },	/* one zero word stays */
	{ "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
	{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
	{ "0:0:2:3:4:5:0:0", "::2:3:4:5:0:0" },
	{ "1:0:0:0:0:0:0:0", "1::" },
	{ "::ffff:10.0.0.1", "::ffff:10.0.0.1" },	/* stays v6 */
	{ "::ffff:a00:1", "::ffff:10.0.0.1" },
	{ "64:ff9b::1.2.3.4", "64:ff9b::102:304" },
	{ "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ ":", NULL }, { ":::", NULL }, { "1:::2", NULL }, { "1::2::3", NULL }, { ":1::", NULL },
	{ "1::2:", NULL }, { "1:2:3:4:5:6:7", NULL }, { "1:2:3:4:5:6:7:8:9", NULL },
	{ "1:2:3:4::5:6:7:8", NULL }, { "::1:2:3:4:5:6:7:8", NULL }, { "12345::", NULL },
	{ "g::", NULL }, { "fe80::1%eth0", NULL }, { "::1/128", NULL }, { "[::1]", NULL },
	{ "::1.2.3", NULL }, { "::1.2.3.256", NULL }, { "::01.2.3.4", NULL },
	{ "1.2.3.4::", NULL }, { "::1.2.3.4:5", NULL }, { "1:2:3:4:5:6:7:1.2.3.4", NULL },
	{ "1:2:3:4:5:1.2.3.4", NULL }, { "0x1::", NULL }, { "1: :2", NULL },
};

static void
text_case(const struct text_row *row)
{
	const char *text = row->name, *want = row->printed;
	struct addr a = { .hi = 7, .family = 9 }, b;
	char out[ADDR_TEXT_BYTES];

	if (!T_OK(addr_parse(text, strlen(text), &a) == (want != NULL)))
		return;
	if (want == NULL) {
		T_OK(a.hi == 7 && a.family == 9);
		return;
	}
	T_IS_UINT(a.family, strchr(text, ':') != NULL ? 6 : 4);
	addr_print(&a, out);
	T_IS_STR(out, want);
	T_OK(addr_parse(out, strlen(out), &b) && addr_cmp(&a, &b) == 0);
}

static struct addr
parse(const char *text)
{
	struct addr a = { .family = 0 };

	T_OK(addr_parse(text, strlen(text), &a));
	return a;
}

static void
test_text_length(void)
{
	struct addr a;
	const char nul[] = "1.2.3.4\0";

	T_OK(!addr_parse(nul, sizeof(nul), &a));
	T_OK(addr_parse("1.2.3.45", 7, &a) && a.lo == 0x01020304);
	T_OK(!addr_parse("1.2.3.45", 6, &a));
	T_OK(!addr_parse("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", 49, &a));
	T_OK(addr_parse("0000:0000:0000:0000:0000:0000:255.255.255.255", 45, &a));
}

static void
test_bytes(void)
{
	const uint8_t v6[16] = { 0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	const uint8_t v4[4] = { 10, 20, 3, 7 };
	uint8_t out[16];
	struct addr a = addr_from_bytes(6, v6), b = addr_from_bytes(4, v4), none = { 0, 0, 0 };
	char text[ADDR_TEXT_BYTES];

	T_IS_UINT(a.hi, UINT64_C(0xfd01020304050607));
	T_IS_UINT(a.lo, UINT64_C(0x08090a0b0c0d0e0f));
	addr_to_bytes(&a, out);
	T_IS_MEM(out, v6, 16);
	T_IS_UINT(b.lo, 0x0a140307);
	addr_to_wire(&b, out);
	T_IS_MEM(out, "\x0a\x14\x03\x07\0\0\0\0\0\0\0\0\0\0\0", 16);
	addr_to_wire(&a, out);
	T_IS_MEM(out, v6, 16);
	addr_to_wire(&none, out);
	T_IS_MEM(out, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	addr_print(&none, text);
	T_IS_STR(text, "none");
}

static void
test_order(void)
{
	struct addr first4 = parse("0.0.0.0"), last4 = parse("255.255.255.255");
	struct addr first6 = parse("::"), last6 = parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	struct addr carry = parse("::ffff:ffff:ffff:ffff"), up = parse("0:0:0:1::"), a;

	T_OK(addr_cmp(&last4, &first6) < 0);
	T_OK(addr_cmp(&first6, &last4) > 0);
	T_OK(addr_cmp(&carry, &up) < 0);
	a = last4;
	T_OK(!addr_next(&a) && addr_cmp(&a, &last4) == 0);
	T_OK(addr_prev(&a) && a.lo == 0xfffffffe);
	a = first4;
	T_OK(!addr_prev(&a) && addr_next(&a) && a.lo == 1);
	a = last6;
	T_OK(!addr_next(&a) && addr_cmp(&a, &last6) == 0);
	a = first6;
	T_OK(!addr_prev(&a) && addr_cmp(&a, &first6) == 0);
	T_OK(addr_next(&carry) && addr_cmp(&carry, &up) == 0);
	T_OK(addr_prev(&carry) && addr_next(&carry) && addr_cmp(&carry, &up) == 0);
}

static void
test_multicast(void)
{
	static const struct { const char *text; bool is; } rows[] = {
		{ "223.255.255.255", false }, { "224.0.0.0", true }, { "239.255.255.255", true },
		{ "240.0.0.0", false }, { "255.255.255.254", false }, { "255.255.255.255", true },
		{ "fe80::1", false }, { "ff00::", true }, { "ff02::1", true }, { "::", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = parse(rows[i].text);

		T_OK(addr_is_multicast(&a) == rows[i].is);
	}
}

static void
test_prefix(void)
{
	static const struct { const char *text; unsigned len; const char *printed; } rows[] = {
		{ "10.1.2.3", 32, "10.1.2.3" }, { "10.1.2.3", 31, "10.1.2.2/31" },
		{ "10.1.2.3", 8, "10.0.0.0/8" }, { "10.1.2.3", 0, "0.0.0.0/0" },
		{ "fd00::5", 128, "fd00::5" }, { "fd00::5", 127, "fd00::4/127" },
		{ "fd00::5", 65, "fd00::/65" }, { "fd00::5", 64, "fd00::/64" },
		{ "fd00:0:0:5::", 63, "fd00:0:0:4::/63" }, { "fd00::5", 1, "8000::/1" },
		{ "fd00::5", 0, "::/0" },
	};
	struct addr_range odd = { parse("10.0.0.1"), parse("10.0.0.9") };
	char out[2 * ADDR_TEXT_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = parse(rows[i].text);
		struct addr_range r = addr_prefix(&a, rows[i].len);

		T_OK(addr_cmp(&r.lo, &a) <= 0 && addr_cmp(&a, &r.hi) <= 0);
		addr_range_print(&r, out);
		T_IS_STR(out, rows[i].printed);
	}
	addr_range_print(&odd, out);
	T_IS_STR(out, "10.0.0.1-10.0.0.9");
}

/*
 * The small universe: 64 addresses, 16 at each end of each family, so that both ends and the
 * border between families are in it. Index 0..63 in addr_cmp order.
 */
enum { UNIVERSE = 64, QUARTER = 16 };

static struct addr
universe(unsigned i)
{
	struct addr a = { .family = i < UNIVERSE / 2 ? 4 : 6 };
	bool high = i / QUARTER % 2 == 1;
	uint64_t off = i % QUARTER;

	if (a.family == 4)
		a.lo = high ? UINT64_C(0xfffffff0) + off : off;
	else if (high)
		a = (struct addr){ UINT64_MAX, UINT64_MAX - 15 + off, 6 };
	else	/* over the middle of the 128 bits */
		a = (struct addr){ off < 8 ? 0 : 1, off < 8 ? UINT64_MAX - 7 + off : off - 8, 6 };
	return a;
}

static struct addr_range
random_range(uint64_t *bits)
{
	unsigned half = (unsigned)t_rand_below(4) * QUARTER;
	unsigned lo = half + (unsigned)t_rand_below(QUARTER);
	unsigned hi = lo + (unsigned)t_rand_below(half + QUARTER - lo);

	for (unsigned i = lo; i <= hi; i++)
		*bits |= UINT64_C(1) << i;
	return (struct addr_range){ universe(lo), universe(hi) };
}

static bool
normal(const struct addr_set *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		struct addr next = s->ranges[i].hi;

		if (s->ranges[i].lo.family != s->ranges[i].hi.family ||
		    addr_cmp(&s->ranges[i].lo, &s->ranges[i].hi) > 0)
			return false;
		if (i + 1 == s->count)
			continue;
		if (addr_next(&next) && addr_cmp(&next, &s->ranges[i + 1].lo) >= 0)
			return false;
		if (addr_cmp(&s->ranges[i].hi, &s->ranges[i + 1].lo) >= 0)
			return false;
	}
	return true;
}

static bool
is_bits(const struct addr_set *s, uint64_t bits)
{
	if (!normal(s))
		return false;
	for (unsigned i = 0; i < UNIVERSE; i++) {
		struct addr a = universe(i);

		if (addr_set_has(s, &a) != (bits >> i & 1))
			return false;
	}
	return addr_set_size(s) == (uint64_t)__builtin_popcountll(bits) &&
	    addr_set_empty(s) == (bits == 0);
}

static void
test_algebra(void)
{
	for (unsigned long n = t_tries(20000); n > 0; n--) {
		struct addr_range rx[6], ry[6];
		struct addr_set x, y, u, d, i, e;
		uint64_t bx = 0, by = 0;
		size_t nx = t_rand_below(7), ny = t_rand_below(7);
		uint32_t first, count;
		bool good;

		arena_reset(&arena);
		for (size_t k = 0; k < nx; k++)
			rx[k] = random_range(&bx);
		for (size_t k = 0; k < ny; k++)
			ry[k] = random_range(&by);
		good = addr_set_from(&arena, rx, nx, &x) == RC_OK &&
		    addr_set_from(&arena, ry, ny, &y) == RC_OK &&
		    addr_set_union(&arena, &x, &y, &u) == RC_OK &&
		    addr_set_minus(&arena, &x, &y, &d) == RC_OK &&
		    addr_set_intersect(&arena, &x, &y, &i) == RC_OK;
		good = good && is_bits(&x, bx) && is_bits(&y, by) && is_bits(&u, bx | by) &&
		    is_bits(&d, bx & ~by) && is_bits(&i, bx & by);
		good = good && addr_set_equal(&x, &y) == (bx == by);
		addr_set_family(&x, 4, &first, &count);
		for (uint32_t k = 0; k < x.count; k++)
			good = good && (x.ranges[k].lo.family == 4) == (k < count);
		good = good && first == 0;
		addr_set_family(&x, 6, &first, &count);
		good = good && first + count == x.count;
		/* the result may be the operand */
		good = good && addr_set_minus(&arena, &x, &y, &x) == RC_OK &&
		    addr_set_equal(&x, &d) && addr_set_union(&arena, &x, &i, &x) == RC_OK &&
		    addr_set_from(&arena, rx, nx, &e) == RC_OK && addr_set_equal(&x, &e);
		if (!T_OK(good))
			return;
	}
}

static void
test_any(void)
{
	struct addr_set any, any4, any6, none;

	arena_reset(&arena);
	T_OK(addr_set_any(&arena, 0, &any) == RC_OK && any.count == 2);
	T_OK(addr_set_any(&arena, 4, &any4) == RC_OK && addr_set_any(&arena, 6, &any6) == RC_OK);
	T_IS_UINT(addr_set_size(&any4), UINT64_C(1) << 32);
	T_IS_UINT(addr_set_size(&any6), UINT64_MAX);
	T_IS_UINT(addr_set_size(&any), UINT64_MAX);
	T_OK(addr_set_minus(&arena, &any, &any4, &none) == RC_OK && addr_set_equal(&none, &any6));
	T_OK(addr_set_minus(&arena, &none, &any, &none) == RC_OK && addr_set_empty(&none));
	T_OK(addr_set_from(&arena, NULL, 0, &none) == RC_OK && addr_set_empty(&none));
	T_OK(addr_set_union(&arena, &none, &any4, &none) == RC_OK && none.count == 1);
}

static void
test_limits(void)
{
	struct addr_set a, b, was;
	struct addr_range *r = calloc(ADDR_SET_RANGES_MAX + 1, sizeof(*r));
	struct arena small;

	arena_reset(&arena);
	if (!T_OK(r != NULL))
		return;
	for (uint32_t i = 0; i <= ADDR_SET_RANGES_MAX; i++) {
		r[i].lo = (struct addr){ .lo = 2 * (uint64_t)i, .family = 4 };
		r[i].hi = r[i].lo;
	}
	T_OK(addr_set_from(&arena, r, ADDR_SET_RANGES_MAX, &a) == RC_OK);
	T_IS_UINT(a.count, ADDR_SET_RANGES_MAX);
	was = a;
	T_OK(addr_set_from(&arena, r, ADDR_SET_RANGES_MAX + 1, &a) == RC_LIMIT);
	T_OK(a.ranges == was.ranges && a.count == was.count);
	T_OK(addr_set_from(&arena, r + ADDR_SET_RANGES_MAX, 1, &b) == RC_OK);
	T_OK(addr_set_union(&arena, &a, &b, &a) == RC_LIMIT && a.ranges == was.ranges);
	arena_init(&small, 64);
	T_OK(addr_set_from(&small, r, 100, &b) == RC_NOMEM && b.count == 1);
	T_OK(addr_set_union(&small, &a, &b, &b) == RC_LIMIT && b.count == 1);
	T_OK(addr_set_any(&small, 0, &b) == RC_NOMEM && b.count == 1);
	arena_fini(&small);
	free(r);
}

int
main(void)
{
	arena_init(&arena, (size_t)1 << 30);
	t_seed();
	T_ROWS(texts, text_case);
	T_RUN(test_text_length);
	T_RUN(test_bytes);
	T_RUN(test_order);
	T_RUN(test_multicast);
	T_RUN(test_prefix);
	T_RUN(test_algebra);
	T_RUN(test_any);
	T_RUN(test_limits);
	arena_fini(&arena);
	return t_done();
}
