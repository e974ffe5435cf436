/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diag - what a person must fix: where, what, the bound and the value, a hint.
 * Does:    one message in the caller's storage; a list of them for a compile.
 * Shape:   FILE:LINE:COL: error|warning CODE: TEXT, then HINT. Line 0 = no place in a file.
 * Limits:  text 512 B, hint 256 B; longer ones are cut at the limit. A list holds DIAGS_MAX
 *          and counts the rest.
 * Memory:  no allocation; everything is copied in.
 */
#ifndef DIAG_H
#define DIAG_H

#include <stdio.h>

#include "base.h"

enum diag_level {
	DIAG_NONE = 0,		/* empty */
	DIAG_WARNING,
	DIAG_ERROR
};

enum { DIAGS_MAX = 200 };

struct diag {
	enum diag_level level;
	char code[32];		/* stable slug, as "unknown-key"; listed in ringfence-policy(5) */
	char file[96];		/* as named in the policy directory; empty = none */
	uint32_t line;		/* 1-based; 0 = none */
	uint32_t col;		/* 1-based, in bytes; 1 where it cannot be told */
	char text[512];
	char hint[256];		/* empty = none */
	char source[256];	/* the offending line, control characters made '?'; or empty */
};

struct diags {
	struct diag *items;	/* DIAGS_MAX of them */
	uint32_t count;
	uint32_t errors, warnings;	/* all seen, also those that did not fit */
};

/* Fills an error without a place. Borrows code and format. NULL d is allowed: nothing happens. */
void diag_set(struct diag *d, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Names the place of a filled diag. */
void diag_place(struct diag *d, const char *file, uint32_t line, uint32_t col);

void diag_hint(struct diag *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Allocates room for DIAGS_MAX; false where memory is out. */
MUST_CHECK bool diags_init(struct diags *ds);
void diags_fini(struct diags *ds);

/* Copies d into the list and counts it; past DIAGS_MAX it is only counted. */
void diags_add(struct diags *ds, const struct diag *d);

/* Prints as `policy-language` section 7 says: message, source line, caret, hint. */
void diag_print(const struct diag *d, FILE *out);
void diags_print(const struct diags *ds, FILE *out);

#endif
