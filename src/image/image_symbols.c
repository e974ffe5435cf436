/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_symbols - the file that knows which line a rule id stands for.
 * Shape:   text, one LF ends each line, fields parted by one tab, numbers without leading zeros:
 *
 *          ringfence-symbols 2
 *          generation G
 *          image SHA256-IN-HEX
 *          count N
 *          ID KIND COUNTER LINE COL FILE SEGMENT WHY	N times, by rising ID
 *          crc32c XXXXXXXX				of every byte before this line
 *
 *          ID is 8 hexadecimal digits; KIND is rule or default; COUNTER a number or -; in texts the
 *          bytes below 0x20, 0x7f and % are %XX. There is one way to write each file.
 * Limits:  SYMBOLS_MAX symbols, texts of TEXT_BYTES_MAX.
 * Errors:  decode: RC_TRUNC, RC_INVALID, RC_LIMIT with the line of the file in diag.
 */
#include "image.h"

#include <inttypes.h>
#include <string.h>

#include "hash.h"
#include "str.h"

enum { SYMBOLS_MAX = WIRE_RULES_MAX + 2 * WIRE_LOCALS_MAX, TEXT_BYTES_MAX = 4096 };

static const char magic[] = "ringfence-symbols 2\n";

static bool
plain(unsigned char c)
{
	return c >= 0x20 && c != 0x7f && c != '%';
}

static void
put_text(struct str *s, const char *text)
{
	str_add(s, "\t");
	for (const char *p = text; *p != '\0'; ) {
		size_t n = 0;

		while (p[n] != '\0' && plain((unsigned char)p[n]))
			n++;
		str_add_bytes(s, p, n);
		p += n;
		if (*p != '\0')
			str_addf(s, "%%%02x", (unsigned)(unsigned char)*p++);
	}
}

static void
put_symbol(struct str *s, const struct image_symbol *y)
{
	str_addf(s, "%08" PRIx32 "\t%s\t", y->rule_id, y->is_default ? "default" : "rule");
	if (y->counter == WIRE_COUNTER_NONE)
		str_add(s, "-");
	else
		str_addf(s, "%u", y->counter);
	str_addf(s, "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32, y->ranges[0],
	    y->ranges[1], y->line, y->col);
	put_text(s, y->file);
	put_text(s, y->segment);
	put_text(s, y->why);
	str_add(s, "\n");
}

enum rc
image_symbols_encode(const struct image_symbols *s, struct arena *a, uint8_t **out, size_t *len)
{
	struct str text = { .p = NULL };
	char hex[SHA256_HEX];
	enum rc rc = RC_NOMEM;

	*out = NULL;
	*len = 0;
	if (s->count > SYMBOLS_MAX)
		return RC_LIMIT;
	hex_encode(s->image_sha256, SHA256_BYTES, hex);
	str_add(&text, magic);
	str_addf(&text, "generation %" PRIu32 "\nimage %s\ncount %" PRIu32 "\n", s->generation,
	    hex, s->count);
	for (uint32_t i = 0; i < s->count && !text.failed; i++) {
		CHECK(s->items[i].rule_id != 0);
		CHECK(i == 0 || s->items[i - 1].rule_id < s->items[i].rule_id);
		put_symbol(&text, &s->items[i]);
	}
	if (!text.failed)
		str_addf(&text, "crc32c %08" PRIx32 "\n", crc32c(0, text.p, text.len));
	if (!text.failed) {
		*out = arena_memdup(a, text.p, text.len);
		if (*out != NULL) {
			*len = text.len;
			rc = RC_OK;
		}
	}
	str_fini(&text);
	return rc;
}

/* The rest of the file, and the number of its line for messages. */
struct in {
	const char *p, *end;
	struct arena *arena;
	uint32_t line;
	enum rc rc;
	const char *why;
};

static bool
fail(struct in *in, enum rc rc, const char *why)
{
	if (in->rc == RC_OK) {
		in->rc = rc;
		in->why = why;
	}
	in->p = in->end;
	return false;
}

static bool
get_word(struct in *in, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(in->end - in->p) < n)
		return fail(in, RC_TRUNC, "it ends too early");
	if (memcmp(in->p, word, n) != 0)
		return fail(in, RC_INVALID, "it is not as it was written");
	in->p += n;
	return true;
}

static uint32_t
get_dec(struct in *in, uint32_t max)
{
	const char *start = in->p;
	uint64_t v = 0;

	while (in->p < in->end && in->p - start < 10 && *in->p >= '0' && *in->p <= '9')
		v = v * 10 + (uint64_t)(*in->p++ - '0');
	if (in->p == start || (*start == '0' && in->p - start > 1) || v > max) {
		(void)fail(in, in->p == in->end ? RC_TRUNC : RC_INVALID, "a number is not one");
		return 0;
	}
	return (uint32_t)v;
}

/* Value of a lower-case hexadecimal digit, -1 where it is none. */
static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint32_t
get_hex(struct in *in, int digits)
{
	uint32_t v = 0;

	if (in->end - in->p < digits) {
		(void)fail(in, RC_TRUNC, "it ends too early");
		return 0;
	}
	for (int i = 0; i < digits; i++) {
		int d = hex_digit(*in->p++);

		if (d < 0) {
			(void)fail(in, RC_INVALID, "a hexadecimal number is not one");
			return 0;
		}
		v = v << 4 | (uint32_t)d;
	}
	return v;
}

/* A text up to the byte that ends its field, which it passes; never NULL. */
static const char *
get_text(struct in *in, char ends, bool may_be_empty)
{
	const char *start = in->p;
	size_t left = (size_t)(in->end - start), n = 0, len = 0;
	char *s;

	while (n < left && n <= 3 * TEXT_BYTES_MAX && start[n] != '\t' && start[n] != '\n')
		n++;
	if (n == left || start[n] != ends || n > 3 * TEXT_BYTES_MAX) {
		(void)fail(in, n == left ? RC_TRUNC : RC_INVALID, "a field does not end");
		return "";
	}
	s = arena_alloc(in->arena, n + 1);
	if (s == NULL) {
		(void)fail(in, RC_NOMEM, "memory is out");
		return "";
	}
	for (const char *end = start + n; in->p < end; ) {
		unsigned char c = (unsigned char)*in->p++;

		if (c == '%') {
			c = (unsigned char)get_hex(in, 2);
			if (in->rc != RC_OK || c == 0 || plain(c)) {
				(void)fail(in, RC_INVALID, "a byte is written wrongly");
				return "";
			}
		} else if (!plain(c)) {
			(void)fail(in, RC_INVALID, "a control byte");
			return "";
		}
		s[len++] = (char)c;
	}
	if (utf8_check(s, len) != len || (len == 0 && !may_be_empty) || len > TEXT_BYTES_MAX)
		(void)fail(in, RC_INVALID, "a text is empty, too long or not UTF-8");
	else
		in->p++;
	return s;
}

static void
get_symbol(struct in *in, struct image_symbol *y)
{
	y->rule_id = get_hex(in, 8);
	y->is_default = in->end - in->p > 1 && in->p[1] == 'd';
	if (!get_word(in, y->is_default ? "\tdefault\t" : "\trule\t"))
		return;
	y->counter = WIRE_COUNTER_NONE;
	if (in->p < in->end && *in->p == '-')
		in->p++;
	else
		y->counter = (uint16_t)get_dec(in, WIRE_COUNTERS_MAX - 1);
	if (!get_word(in, "\t"))
		return;
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		y->ranges[v6] = get_dec(in, ADDR_SET_RANGES_MAX);
		if (!get_word(in, "\t"))
			return;
	}
	y->line = get_dec(in, UINT32_MAX);
	if (!get_word(in, "\t"))
		return;
	y->col = get_dec(in, UINT32_MAX);
	if (!get_word(in, "\t"))
		return;
	y->file = get_text(in, '\t', false);
	y->segment = get_text(in, '\t', false);
	y->why = get_text(in, '\n', true);
}

static void
get_head(struct in *in, struct image_symbols *out)
{
	if (!get_word(in, magic) || !get_word(in, "generation "))
		return;
	out->generation = get_dec(in, UINT32_MAX);
	if (!get_word(in, "\nimage "))
		return;
	in->line = 3;
	for (int i = 0; i < SHA256_BYTES; i++)
		out->image_sha256[i] = (uint8_t)get_hex(in, 2);
	if (!get_word(in, "\ncount "))
		return;
	in->line = 4;
	out->count = get_dec(in, UINT32_MAX);
	if (out->count > SYMBOLS_MAX)
		(void)fail(in, RC_LIMIT, "more symbols than there may be");
	(void)get_word(in, "\n");
}

enum { SYMBOL_BYTES_MIN = 26 };	/* "00000001 rule - 0 0 a b " and its end */

enum rc
image_symbols_decode(const uint8_t *p, size_t len, struct arena *a, struct image_symbols *out,
    struct diag *diag)
{
	struct in in = { .p = (const char *)p, .end = (const char *)p + len, .arena = a,
		.line = 1 };
	uint32_t crc;

	memset(out, 0, sizeof(*out));
	get_head(&in, out);
	if (in.rc == RC_OK && out->count > (size_t)(in.end - in.p) / SYMBOL_BYTES_MIN + 1)
		(void)fail(&in, RC_TRUNC, "it ends too early");
	if (in.rc == RC_OK) {
		out->items = arena_array(a, out->count, sizeof(*out->items));
		if (out->items == NULL)
			(void)fail(&in, RC_NOMEM, "memory is out");
	}
	for (uint32_t i = 0; in.rc == RC_OK && i < out->count; i++) {
		in.line++;
		get_symbol(&in, &out->items[i]);
		if (in.rc == RC_OK && (out->items[i].rule_id == 0 || (i > 0 &&
		    out->items[i].rule_id <= out->items[i - 1].rule_id)))
			(void)fail(&in, RC_INVALID, "ids do not rise");
	}
	if (in.rc == RC_OK) {
		in.line++;
		crc = crc32c(0, p, (size_t)(in.p - (const char *)p));
		if (get_word(&in, "crc32c ") && get_hex(&in, 8) != crc)
			(void)fail(&in, RC_INVALID, "its checksum is wrong");
		if (in.rc == RC_OK && get_word(&in, "\n") && in.p != in.end)
			(void)fail(&in, RC_INVALID, "something follows its end");
	}
	if (in.rc == RC_OK)
		return RC_OK;
	diag_set(diag, "bad-symbols", "line %" PRIu32 " of the symbols file: %s", in.line, in.why);
	memset(out, 0, sizeof(*out));
	return in.rc;
}

const struct image_symbol *
image_symbol_find(const struct image_symbols *s, uint32_t rule_id)
{
	uint32_t lo = 0, hi = s->count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->items[mid].rule_id < rule_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->count && s->items[lo].rule_id == rule_id ? &s->items[lo] : NULL;
}
