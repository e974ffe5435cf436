/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line - requests on the local socket: one JSON object a line.
 * Does:    cuts bytes into lines within a bound, and reads a request out of a line.
 * Shape:   {"verb":"status"}; verbs status, counters, reload, watch; no other key.
 * Limits:  LINE_BYTES_MAX a line, its end counted.
 * Errors:  RC_LIMIT: too long; RC_INVALID: NUL, no JSON, not UTF-8, no such verb; diag says which.
 */
#ifndef LINE_H
#define LINE_H

#include "base.h"
#include "diag.h"
#include "rc.h"

enum { LINE_BYTES_MAX = 65536, LINE_BYTES_FIRST = 512 };

enum line_verb { LINE_STATUS, LINE_COUNTERS, LINE_RELOAD, LINE_WATCH, LINE_VERB__COUNT };

struct line_buf {
	char *p;
	size_t len, cap, at;	/* the next line begins at */
};

/* Where more bytes go: room for *room of them, at least 1. RC_LIMIT: the line is too long. */
MUST_CHECK enum rc line_room(struct line_buf *b, char **to, size_t *room);
void line_added(struct line_buf *b, size_t n);
/* The next whole line without its end, which stays until line_room; false: there is none. */
MUST_CHECK bool line_next(struct line_buf *b, char **line, size_t *len);
void line_fini(struct line_buf *b);

MUST_CHECK enum rc line_parse(char *line, size_t len, enum line_verb *out, struct diag *diag);
const char *line_verb_name(enum line_verb v);

#endif
