/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_lex - the words of a configuration file.
 * Shape:   a line is empty, "[SERVICE]", or "KEY = VALUE"; "#" after a blank or at the beginning
 *          starts a comment. A VALUE is one word, or stands in double quotes, where \" and \\ are
 *          the only escapes.
 * Memory:  points into the text.
 * Context: pure; no allocation.
 */
#ifndef CONFIG_LEX_H
#define CONFIG_LEX_H

#include "base.h"

enum config_token {
	CONFIG_END = 0,
	CONFIG_NEWLINE,
	CONFIG_SECTION,		/* start..len: the name between the brackets */
	CONFIG_KEY,
	CONFIG_EQUALS,
	CONFIG_VALUE,		/* start..len: as written, without quotes; escapes still in it */
	CONFIG_UNCLOSED,	/* a quoted value without its end on this line */
	CONFIG_CONTROL,		/* a byte that no line may hold */
	CONFIG_OTHER
};

struct config_scan {
	const unsigned char *text, *cur, *mar, *lim;
	const unsigned char *start;	/* of the word */
	size_t len;
	const unsigned char *line_start;
	uint32_t line;			/* 1-based; of the last word */
	bool line_ended;		/* that was the newline */
};

void config_scan_init(struct config_scan *s, const void *text, size_t len);
/* The next word where a key or a section may stand. */
enum config_token config_next(struct config_scan *s);
/* The next word where a value may stand. */
enum config_token config_next_value(struct config_scan *s);
/* Past the end of this line. */
void config_skip_line(struct config_scan *s);
/* Of the last word, 1-based, in bytes. */
uint32_t config_col(const struct config_scan *s);
/* Whether text is a value without quotes. */
bool config_is_bare(const char *text);

#endif
