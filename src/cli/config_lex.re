/* SPDX-License-Identifier: Apache-2.0 */
/* config_lex - the scanner. Its input has no sentinel. */
#include "config_lex.h"

#include <string.h>

/* Past the end stands a newline, which no rule goes beyond; the functions look for the end first.
 * So a file that stops within a line is no other than one with its newline: who reads it looks at
 * the last byte himself. */
static unsigned char
peek(const struct config_scan *s)
{
	return s->cur < s->lim ? *s->cur : '\n';
}

void
config_scan_init(struct config_scan *s, const void *text, size_t len)
{
	const unsigned char *p = text;

	*s = (struct config_scan){ .text = p, .cur = p, .mar = p, .lim = p + len, .start = p,
		.line_start = p, .line = 1 };
}

static enum config_token
word(struct config_scan *s, enum config_token t, size_t cut)
{
	CHECK(s->cur <= s->lim);
	s->start += cut;
	s->len = (size_t)(s->cur - s->start) - cut;
	return t;
}

static enum config_token
newline(struct config_scan *s)
{
	s->line_ended = true;
	s->len = 1;
	return CONFIG_NEWLINE;
}

static void
begin(struct config_scan *s)
{
	if (!s->line_ended)
		return;
	s->line_ended = false;
	s->line++;
	s->line_start = s->cur;
}

/*!re2c
re2c:api = custom;
re2c:api:style = free-form;
re2c:yyfill:enable = 0;
re2c:define:YYCTYPE = "unsigned char";
re2c:define:YYPEEK = "peek(s)";
re2c:define:YYSKIP = "s->cur++;";
re2c:define:YYBACKUP = "s->mar = s->cur;";
re2c:define:YYRESTORE = "s->cur = s->mar;";

control = [\x00-\x08\x0b-\x1f\x7f];
name = [A-Za-z0-9_.-]+;
comment = "#" [^\x00-\x08\x0a-\x1f\x7f]*;
bare = [^\x00-\x20\x7f"#\\] [^\x00-\x20\x7f"\\]*;
inside = ([^\x00-\x1f\x7f"\\] | "\\" ["\\])*;
*/

enum config_token
config_next(struct config_scan *s)
{
	begin(s);
	for (;;) {
		s->start = s->mar = s->cur;
		s->len = 0;
		if (s->cur >= s->lim)
			return CONFIG_END;
		/*!re2c
		[ \t]+		{ continue; }
		comment		{ continue; }
		"\n"		{ return newline(s); }
		"[" name "]"	{ return word(s, CONFIG_SECTION, 1); }
		name		{ return word(s, CONFIG_KEY, 0); }
		"="		{ return word(s, CONFIG_EQUALS, 0); }
		control		{ return word(s, CONFIG_CONTROL, 0); }
		*		{ return word(s, CONFIG_OTHER, 0); }
		*/
	}
}

enum config_token
config_next_value(struct config_scan *s)
{
	begin(s);
	for (;;) {
		s->start = s->mar = s->cur;
		s->len = 0;
		if (s->cur >= s->lim)
			return CONFIG_END;
		/*!re2c
		[ \t]+		{ continue; }
		comment		{ continue; }
		"\n"		{ return newline(s); }
		bare		{ return word(s, CONFIG_VALUE, 0); }
		["] inside ["]	{ return word(s, CONFIG_VALUE, 1); }
		["]		{ return word(s, CONFIG_UNCLOSED, 0); }
		control		{ return word(s, CONFIG_CONTROL, 0); }
		*		{ return word(s, CONFIG_OTHER, 0); }
		*/
	}
}

void
config_skip_line(struct config_scan *s)
{
	const unsigned char *end = s->line_ended || s->cur >= s->lim ? NULL :
	    memchr(s->cur, '\n', (size_t)(s->lim - s->cur));

	if (s->line_ended)
		return;
	s->cur = end != NULL ? end + 1 : s->lim;
	s->line_ended = end != NULL;
}

uint32_t
config_col(const struct config_scan *s)
{
	return (uint32_t)(s->start - s->line_start) + 1;
}

bool
config_is_bare(const char *text)
{
	struct config_scan s;

	config_scan_init(&s, text, strlen(text));
	return config_next_value(&s) == CONFIG_VALUE && s.start == s.text && s.cur == s.lim;
}
