/* SPDX-License-Identifier: Apache-2.0 */
/* pol_lex - a scanner for policy text, one for lists of numbers; input has an end, no sentinel. */
#include "pol_lex.h"

#include <string.h>

#include "pol.h"

struct scan {
	const uint8_t *cur, *mar, *lim, *start;
	uint32_t line;
};

static unsigned char
peek(const struct scan *s)
{
	return s->cur < s->lim ? *s->cur : 0;
}

static unsigned char
peek_at(const struct scan *s, size_t n)
{
	return (size_t)(s->lim - s->cur) > n ? s->cur[n] : 0;
}

/* At a line end: passes it, "\r\n" and "\n\r" as one, as Lua counts. */
static void
pass_newline(struct scan *s)
{
	unsigned char first = peek(s), second = peek_at(s, 1);

	CHECK(first == '\n' || first == '\r');
	s->cur++;
	if ((second == '\n' || second == '\r') && second != first)
		s->cur++;
	s->line++;
}

static bool
at_newline(const struct scan *s)
{
	return s->cur < s->lim && (*s->cur == '\n' || *s->cur == '\r');
}

/* At the first '[' of a possible long bracket: passes the whole of it; false where it is none. */
static bool
pass_long(struct scan *s)
{
	size_t level = 1;

	CHECK(peek(s) == '[');
	while (peek_at(s, level) == '=')
		level++;
	if (peek_at(s, level) != '[')
		return false;
	s->cur += level + 1;
	while (s->cur < s->lim) {
		size_t n = 1;

		if (at_newline(s)) {
			pass_newline(s);
			continue;
		}
		if (*s->cur != ']') {
			s->cur++;
			continue;
		}
		while (peek_at(s, n) == '=')
			n++;
		if (n == level && peek_at(s, n) == ']') {
			s->cur += n + 1;
			return true;
		}
		s->cur += n;
	}
	return true;
}

/* After the opening quote: passes up to and with the closing one, or up to a bare line end. */
static void
pass_quoted(struct scan *s, unsigned char quote)
{
	while (s->cur < s->lim && !at_newline(s)) {
		unsigned char c = *s->cur++;

		if (c == quote)
			return;
		if (c != '\\' || s->cur >= s->lim)
			continue;
		if (at_newline(s)) {
			pass_newline(s);
		} else if (*s->cur++ == 'z') {
			while (at_newline(s) || peek(s) == ' ' || peek(s) == '\t') {
				if (at_newline(s))
					pass_newline(s);
				else
					s->cur++;
			}
		}
	}
}

static void
pass_comment(struct scan *s)
{
	if (peek(s) == '[' && pass_long(s))
		return;
	while (s->cur < s->lim && !at_newline(s))
		s->cur++;
}

/* The next token's kind; start, cur and *line (where it begins) are set. */
static enum pol_tok_kind
next_token(struct scan *s, uint32_t *line)
{
	for (;;) {
		s->start = s->mar = s->cur;
		*line = s->line;
		if (s->cur >= s->lim)
			return POL_TOK_END;
		/*!re2c
		re2c:api = custom;
		re2c:api:style = free-form;
		re2c:yyfill:enable = 0;
		re2c:define:YYCTYPE = "unsigned char";
		re2c:define:YYPEEK = "peek(s)";
		re2c:define:YYSKIP = "s->cur++;";
		re2c:define:YYBACKUP = "s->mar = s->cur;";
		re2c:define:YYRESTORE = "s->cur = s->mar;";

		[ \t\v\f]+	{ continue; }
		[\n\r]		{ s->cur = s->start; pass_newline(s); continue; }
		"--"		{ pass_comment(s); continue; }
		[A-Za-z_][A-Za-z0-9_]*	{ return POL_TOK_NAME; }
		"."?[0-9][A-Za-z0-9_.]*	{ return POL_TOK_NUMBER; }
		["']		{ pass_quoted(s, *s->start); return POL_TOK_STRING; }
		"["		{
			s->cur = s->start;
			if (pass_long(s))
				return POL_TOK_STRING;
			s->cur++;
			return POL_TOK_OPEN;
		}
		[({]		{ return POL_TOK_OPEN; }
		[)}\]]		{ return POL_TOK_CLOSE; }
		"==" | "~=" | "<=" | ">=" | "//" | "::" | "<<" | ">>" | ".." | "..."
				{ return POL_TOK_OTHER; }
		*		{ return POL_TOK_OTHER; }
		*/
	}
}

struct nest {
	uint32_t open[POL_NESTING_MAX];
	uint32_t depth;		/* may exceed the array: those brackets have no partner */
};

static void
pair_bracket(struct pol_toks *ts, struct nest *n, uint32_t i)
{
	struct pol_tok *t = &ts->items[i];

	if (t->kind == POL_TOK_OPEN) {
		if (n->depth < POL_NESTING_MAX)
			n->open[n->depth] = i;
		else if (ts->deep == POL_NO_TOK)
			ts->deep = i;
		n->depth++;
	} else if (n->depth > 0) {
		n->depth--;
		if (n->depth < POL_NESTING_MAX) {
			t->pair = n->open[n->depth];
			ts->items[t->pair].pair = i;
		}
	}
}

/* Tokens with the end. */
static uint32_t
count_tokens(const uint8_t *text, size_t len)
{
	struct scan s = { .cur = text, .lim = text + len, .line = 1 };
	uint32_t n = 1, line;

	while (next_token(&s, &line) != POL_TOK_END)
		n++;
	return n;
}

enum rc
pol_lex(const uint8_t *text, size_t len, struct arena *a, struct pol_toks *out)
{
	struct scan s = { .cur = text, .lim = text + len, .line = 1 };
	struct nest nest = { .depth = 0 };
	enum pol_tok_kind kind = POL_TOK_OTHER;
	uint32_t count;

	CHECK(text != NULL && out != NULL);
	CHECK(len <= POL_FILE_BYTES_MAX);
	memset(out, 0, sizeof(*out));
	out->text = text;
	out->len = len;
	out->deep = POL_NO_TOK;
	count = count_tokens(text, len);	/* exact room: a big file has a million */
	out->items = arena_array(a, count, sizeof(*out->items));
	if (out->items == NULL)
		return RC_NOMEM;
	while (kind != POL_TOK_END) {
		struct pol_tok *t = &out->items[out->count];
		uint32_t line = 0;

		CHECK(out->count < count);
		kind = next_token(&s, &line);
		t->at = (uint32_t)(s.start - text);
		t->len = (uint32_t)(s.cur - s.start) & 0xffffff;
		t->kind = (uint32_t)kind & 0xff;
		t->line = line;
		t->pair = POL_NO_TOK;
		out->count++;
		if (kind == POL_TOK_OPEN || kind == POL_TOK_CLOSE)
			pair_bracket(out, &nest, out->count - 1);
	}
	CHECK(s.cur == s.lim);
	CHECK(out->count == count);
	return RC_OK;
}

uint32_t
pol_tok_col(const struct pol_toks *ts, uint32_t tok)
{
	uint32_t at, begin;

	CHECK(tok < ts->count);
	at = begin = ts->items[tok].at;
	while (begin > 0 && ts->text[begin - 1] != '\n' && ts->text[begin - 1] != '\r')
		begin--;
	return at - begin + 1;
}

bool
pol_tok_is(const struct pol_toks *ts, uint32_t tok, const char *text)
{
	const struct pol_tok *t;

	if (tok >= ts->count)
		return false;
	t = &ts->items[tok];
	return t->len == strlen(text) && memcmp(ts->text + t->at, text, t->len) == 0;
}

uint32_t
pol_tok_line(const struct pol_toks *ts, uint32_t line)
{
	uint32_t lo = 0, hi = ts->count - 1;

	CHECK(ts->count > 0);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (ts->items[mid].line < line)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A string, or a string in parentheses, at i: the token after it; else i. */
static uint32_t
after_name(const struct pol_toks *ts, uint32_t i)
{
	if (ts->items[i].kind == POL_TOK_STRING)
		return i + 1;
	if (pol_tok_is(ts, i, "(") && ts->items[i].pair != POL_NO_TOK &&
	    !pol_tok_is(ts, i + 1, "{"))
		return ts->items[i].pair + 1;
	return i;
}

uint32_t
pol_tok_table(const struct pol_toks *ts, uint32_t word)
{
	uint32_t i;

	if (word >= ts->count || ts->items[word].kind == POL_TOK_END)
		return POL_NO_TOK;
	i = after_name(ts, word + 1);
	if (pol_tok_is(ts, i, "("))
		i++;
	if (!pol_tok_is(ts, i, "{") || ts->items[i].pair == POL_NO_TOK)
		return POL_NO_TOK;
	return i;
}

uint32_t
pol_tok_key(const struct pol_toks *ts, uint32_t brace, const char *key, unsigned n)
{
	uint32_t end;

	if (brace >= ts->count || ts->items[brace].pair == POL_NO_TOK)
		return POL_NO_TOK;
	end = ts->items[brace].pair;
	CHECK(end > brace && end < ts->count);
	for (uint32_t i = brace + 1; i < end; i++) {
		const struct pol_tok *t = &ts->items[i];

		if (t->kind == POL_TOK_OPEN && t->pair != POL_NO_TOK)
			i = t->pair;
		else if (t->kind == POL_TOK_NAME && pol_tok_is(ts, i + 1, "=") &&
		    (i == brace + 1 || pol_tok_is(ts, i - 1, ",") || pol_tok_is(ts, i - 1, ";")) &&
		    pol_tok_is(ts, i, key) && n-- == 0)
			return i;
	}
	return POL_NO_TOK;
}

uint32_t
pol_tok_value(const struct pol_toks *ts, uint32_t word, const char *value, size_t len)
{
	uint32_t i, end;

	if (word >= ts->count)
		return word;
	end = i = word + 1;
	/* the call's arguments: names, then a table */
	while (end < ts->count - 1 && (ts->items[end].kind == POL_TOK_STRING ||
	    (ts->items[end].kind == POL_TOK_OPEN && ts->items[end].pair != POL_NO_TOK)))
		end = ts->items[end].kind == POL_TOK_STRING ? end + 1 : ts->items[end].pair + 1;
	for (; i < end; i++) {
		const struct pol_tok *t = &ts->items[i];

		if (t->kind == POL_TOK_STRING && t->len == len + 2 &&
		    memcmp(ts->text + t->at + 1, value, len) == 0)
			return i;
		if (t->kind == POL_TOK_NUMBER && t->len == len &&
		    memcmp(ts->text + t->at, value, len) == 0)
			return i;
	}
	return word;
}

/* --- numbers --------------------------------------------------------------------------------- */

/* Decimal digits at *cur: value, saturating just above max. */
static uint32_t
digits(const uint8_t **cur, const uint8_t *end, uint32_t max)
{
	uint64_t v = 0;

	for (; *cur < end && **cur >= '0' && **cur <= '9'; (*cur)++)
		if (v <= max)
			v = v * 10 + (uint64_t)(**cur - '0');
	return v > max ? max + 1 : (uint32_t)v;
}

const char *
pol_lex_ranges(const char *text, size_t len, uint32_t max, struct pol_num_range *out,
    uint32_t max_count, uint32_t *count)
{
	struct scan scan = { .cur = (const uint8_t *)text, .lim = (const uint8_t *)text + len };
	struct scan *s = &scan;
	bool more = true;

	CHECK(max < UINT32_MAX);
	*count = 0;
	while (more) {
		struct pol_num_range r;
		const uint8_t *p;

		if (*count == max_count)
			return "has too many ranges";
		s->start = s->mar = s->cur;
		/*!re2c
		" "* [0-9]+ (" "* "-" " "* [0-9]+)? " "* ","?	{ goto number; }
		*	{ return "is not a number, a range or a list of them"; }
		*/
number:
		p = s->start;
		while (*p == ' ')
			p++;
		r.lo = r.hi = digits(&p, s->cur, max);
		while (p < s->cur && (*p == ' ' || *p == '-'))
			p++;
		if (p < s->cur && *p != ',')
			r.hi = digits(&p, s->cur, max);
		if (r.lo > max || r.hi > max)
			return "is out of range";
		if (r.lo > r.hi)
			return "ends before it begins";
		out[(*count)++] = r;
		more = s->cur[-1] == ',';
		if (!more && s->cur != s->lim)
			return "is not a number, a range or a list of them";
	}
	return NULL;
}
