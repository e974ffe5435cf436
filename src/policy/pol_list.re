/* SPDX-License-Identifier: Apache-2.0 */
/* pol_list - a scanner for list files; the input has an end, no sentinel. */
#include "pol_list.h"

#include <string.h>

static unsigned char
peek(const struct pol_list_scan *s)
{
	/* the end looks like a line's: every word stops there */
	return s->cur < s->lim ? *s->cur : '\n';
}

void
pol_list_scan_init(struct pol_list_scan *s, const uint8_t *text, size_t len)
{
	CHECK(text != NULL || len == 0);
	*s = (struct pol_list_scan){ .cur = text, .begin = text,
		.lim = text == NULL ? NULL : text + len, .line = 1 };
}

static void
next_line(struct pol_list_scan *s)
{
	s->begin = s->cur;
	s->line++;
	s->had = false;
}

enum pol_list_kind
pol_list_next(struct pol_list_scan *s, struct pol_list_word *out)
{
	const uint8_t *start, *mar;

	for (;;) {
		start = mar = s->cur;
		if (s->cur >= s->lim)
			return POL_LIST_END;
		/*!re2c
		re2c:api = custom;
		re2c:api:style = free-form;
		re2c:yyfill:enable = 0;
		re2c:sentinel = 10;
		re2c:define:YYCTYPE = "unsigned char";
		re2c:define:YYPEEK = "peek(s)";
		re2c:define:YYSKIP = "s->cur++;";
		re2c:define:YYBACKUP = "mar = s->cur;";
		re2c:define:YYRESTORE = "s->cur = mar;";

		[ \t]+			{ continue; }
		[#;] [^\n\r]*		{ continue; }
		[\n\r]			{
			if (*start == '\r' && s->cur < s->lim && *s->cur == '\n')
				s->cur++;
			next_line(s);
			continue;
		}
		[^ \t\n\r#;]+		{ break; }
		*/
	}
	CHECK(s->cur > start && s->cur <= s->lim);
	*out = (struct pol_list_word){ (const char *)start, (size_t)(s->cur - start), s->line,
		(uint32_t)(start - s->begin) + 1 };
	if (s->had)
		return POL_LIST_SECOND;
	s->had = true;
	return POL_LIST_ENTRY;
}
