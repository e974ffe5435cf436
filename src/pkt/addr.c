/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr - order, bytes, reading and printing of single addresses and ranges. The sets are in
 * addr_set.c.
 * Source:  RFC 4291 section 2.2 (text), RFC 5952 sections 4 and 5 (printing), RFC 4632 (prefix).
 */
#include "addr.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { V4_BITS = 32, V6_BITS = 128, V6_WORDS = 8, V4_DIGITS_MAX = 3, V6_DIGITS_MAX = 4 };

struct addr
addr_from_bytes(uint8_t family, const uint8_t *b)
{
	struct addr a = { .family = family };

	CHECK(family == 4 || family == 6);
	for (int i = 0; i < (family == 4 ? 4 : 8); i++) {
		if (family == 4) {
			a.lo = a.lo << 8 | b[i];
		} else {
			a.hi = a.hi << 8 | b[i];
			a.lo = a.lo << 8 | b[i + 8];
		}
	}
	return a;
}

void
addr_to_bytes(const struct addr *a, uint8_t *b)
{
	CHECK(a->family == 4 || a->family == 6);
	if (a->family == 4) {
		CHECK(a->hi == 0 && a->lo <= UINT32_MAX);
		for (int i = 0; i < 4; i++)
			b[i] = (uint8_t)(a->lo >> (24 - 8 * i));
		return;
	}
	for (int i = 0; i < 8; i++) {
		b[i] = (uint8_t)(a->hi >> (56 - 8 * i));
		b[i + 8] = (uint8_t)(a->lo >> (56 - 8 * i));
	}
}

void
addr_to_wire(const struct addr *a, uint8_t b[16])
{
	memset(b, 0, 16);
	if (a->family != 0)
		addr_to_bytes(a, b);
}

int
addr_cmp(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return 0;
}

bool
addr_next(struct addr *a)
{
	if (a->family == 4) {
		if (a->lo >= UINT32_MAX)
			return false;
		a->lo++;
		return true;
	}
	if (a->family != 6 || (a->hi == UINT64_MAX && a->lo == UINT64_MAX))
		return false;
	if (++a->lo == 0)
		a->hi++;
	return true;
}

bool
addr_prev(struct addr *a)
{
	if ((a->family != 4 && a->family != 6) || (a->hi == 0 && a->lo == 0))
		return false;
	if (a->lo-- == 0)
		a->hi--;
	return true;
}

bool
addr_is_multicast(const struct addr *a)
{
	if (a->family == 4)
		return a->lo >> 28 == 0xe || a->lo == UINT32_MAX;
	return a->family == 6 && a->hi >> 56 == 0xff;
}

/* Reads a number without leading zeros; false where there is none or it passes max. */
static bool
dec_parse(const char **p, const char *end, unsigned max, unsigned *out)
{
	const char *s = *p;
	unsigned v = 0;

	while (s < end && s - *p <= V4_DIGITS_MAX && *s >= '0' && *s <= '9')
		v = v * 10 + (unsigned)(*s++ - '0');
	if (s == *p || s - *p > V4_DIGITS_MAX || v > max || (**p == '0' && s - *p > 1))
		return false;
	*p = s;
	*out = v;
	return true;
}

static bool
v4_parse(const char *p, const char *end, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned part;

		if (i > 0 && (p == end || *p++ != '.'))
			return false;
		if (!dec_parse(&p, end, 255, &part))
			return false;
		v = v << 8 | part;
	}
	*out = v;
	return p == end;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One to four hexadecimal digits; false where there are none or five. */
static bool
word_parse(const char **p, const char *end, uint16_t *out)
{
	const char *s = *p;
	unsigned v = 0;

	while (s < end && s - *p <= V6_DIGITS_MAX && hex_digit(*s) >= 0)
		v = v << 4 | (unsigned)hex_digit(*s++);
	if (s == *p || s - *p > V6_DIGITS_MAX)
		return false;
	*p = s;
	*out = (uint16_t)v;
	return true;
}

/*
 * The words as written into w[]; *gap is where "::" stands, V6_WORDS + 1 where it does not.
 * Returns the number of words, -1 where the text is wrong.
 */
static int
words_parse(const char *p, const char *end, uint16_t w[V6_WORDS], int *gap)
{
	int n = 0;

	*gap = V6_WORDS + 1;
	if (end - p >= 2 && p[0] == ':' && p[1] == ':') {
		*gap = 0;
		p += 2;
	}
	while (p < end) {
		const char *start = p;
		uint32_t v4;

		if (n == V6_WORDS)
			return -1;
		if (n <= V6_WORDS - 2 && v4_parse(p, end, &v4)) {
			w[n++] = (uint16_t)(v4 >> 16);
			w[n++] = (uint16_t)v4;
			return n;
		}
		if (!word_parse(&p, end, &w[n]))
			return -1;
		CHECK(p > start);
		n++;
		if (p == end)
			break;
		if (*p++ != ':' || p == end)
			return -1;
		if (*p == ':') {
			if (*gap <= V6_WORDS)
				return -1;
			*gap = n;
			p++;
		}
	}
	return n;
}

static bool
v6_parse(const char *p, const char *end, struct addr *out)
{
	uint16_t w[V6_WORDS] = { 0 }, full[V6_WORDS] = { 0 };
	int gap, n = words_parse(p, end, w, &gap);

	if (n < 0 || (gap > V6_WORDS ? n != V6_WORDS : n >= V6_WORDS))
		return false;
	for (int i = 0; i < n; i++)
		full[i < gap ? i : V6_WORDS - n + i] = w[i];
	*out = (struct addr){ .family = 6 };
	for (int i = 0; i < V6_WORDS; i++) {
		uint64_t *half = i < 4 ? &out->hi : &out->lo;

		*half = *half << 16 | full[i];
	}
	return true;
}

bool
addr_parse(const char *text, size_t len, struct addr *out)
{
	struct addr a = { .family = 4 };
	uint32_t v4;

	CHECK(out != NULL);
	if (len == 0 || len >= ADDR_TEXT_BYTES)
		return false;
	if (v4_parse(text, text + len, &v4))
		a.lo = v4;
	else if (!v6_parse(text, text + len, &a))
		return false;
	*out = a;
	return true;
}

static uint16_t
word_of(const struct addr *a, int i)
{
	return (uint16_t)((i < 4 ? a->hi : a->lo) >> (48 - 16 * (i & 3)));
}

static int
v4_print(uint32_t v, char *out, size_t cap)
{
	return snprintf(out, cap, "%u.%u.%u.%u", v >> 24, v >> 16 & 255, v >> 8 & 255, v & 255);
}

/* The longest run of two or more zero words, the first of equals, is "::". */
static void
v6_print(const struct addr *a, char out[ADDR_TEXT_BYTES])
{
	int best = V6_WORDS, best_len = 1, at = 0;

	for (int i = 0, run = 0; i < V6_WORDS; i++) {
		run = word_of(a, i) == 0 ? run + 1 : 0;
		if (run > best_len) {
			best_len = run;
			best = i - run + 1;
		}
	}
	if (a->hi == 0 && a->lo >> 32 == 0xffff) {	/* v4-mapped: RFC 5952 section 5 */
		memcpy(out, "::ffff:", 7);
		(void)v4_print((uint32_t)a->lo, out + 7, ADDR_TEXT_BYTES - 7);
		return;
	}
	for (int i = 0; i < V6_WORDS; i++) {
		if (i == best) {
			out[at++] = ':';
			out[at++] = ':';
			i += best_len - 1;
			continue;
		}
		if (i > 0 && i != best + best_len)
			out[at++] = ':';
		at += snprintf(out + at, (size_t)(ADDR_TEXT_BYTES - at), "%x", word_of(a, i));
	}
	CHECK(at < ADDR_TEXT_BYTES);
	out[at] = '\0';
}

void
addr_print(const struct addr *a, char out[ADDR_TEXT_BYTES])
{
	if (a->family == 4)
		(void)v4_print((uint32_t)a->lo, out, ADDR_TEXT_BYTES);
	else if (a->family == 6)
		v6_print(a, out);
	else
		memcpy(out, "none", 5);
}

/* hi, lo: ones in the last `bits` of 128. */
static void
host_mask(unsigned bits, uint64_t *hi, uint64_t *lo)
{
	CHECK(bits <= V6_BITS);
	*lo = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
	*hi = bits == V6_BITS ? UINT64_MAX : bits > 64 ? (UINT64_C(1) << (bits - 64)) - 1 : 0;
}

struct addr_range
addr_prefix(const struct addr *a, unsigned len)
{
	unsigned bits = a->family == 4 ? V4_BITS : V6_BITS;
	struct addr_range r = { *a, *a };
	uint64_t hi, lo;

	CHECK(a->family == 4 || a->family == 6);
	CHECK(len <= bits);
	host_mask(bits - len, &hi, &lo);
	r.lo.hi &= ~hi;
	r.lo.lo &= ~lo;
	r.hi.hi |= hi;
	r.hi.lo |= lo;
	return r;
}

void
addr_range_print(const struct addr_range *r, char out[2 * ADDR_TEXT_BYTES])
{
	unsigned bits = r->lo.family == 4 ? V4_BITS : V6_BITS;
	char lo[ADDR_TEXT_BYTES], hi[ADDR_TEXT_BYTES];

	CHECK(r->lo.family == r->hi.family);
	addr_print(&r->lo, lo);
	addr_print(&r->hi, hi);
	if (addr_cmp(&r->lo, &r->hi) == 0) {
		snprintf(out, 2 * ADDR_TEXT_BYTES, "%s", lo);
		return;
	}
	for (unsigned len = 0; len < bits; len++) {
		struct addr_range p = addr_prefix(&r->lo, len);

		if (addr_cmp(&p.lo, &r->lo) == 0 && addr_cmp(&p.hi, &r->hi) == 0) {
			snprintf(out, 2 * ADDR_TEXT_BYTES, "%s/%u", lo, len);
			return;
		}
	}
	snprintf(out, 2 * ADDR_TEXT_BYTES, "%s-%s", lo, hi);
}
