/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str - text: a growing buffer, the nearest name, UTF-8.
 * Limits:  a buffer holds STR_BYTES_MAX; beyond it, and without memory, it latches failed.
 * Memory:  str_fini frees; str_take gives the bytes away (malloc'ed).
 */
#ifndef STR_H
#define STR_H

#include "base.h"

#define STR_BYTES_MAX ((size_t)64 << 20)

struct str {
	char *p;		/* NUL terminated once anything was added; else NULL */
	size_t len, cap;
	bool failed;
};

void str_add(struct str *s, const char *text);
void str_add_bytes(struct str *s, const void *p, size_t n);
void str_addf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_fini(struct str *s);
/* Never NULL. */
const char *str_text(const struct str *s);

/* The candidate nearest to word by edit distance, NULL where none is near (more than a third
 * of its letters, at least 2, differ). Names longer than 64 bytes are not near. */
const char *str_nearest(const char *word, const char *const *candidates, size_t count);

/* Offset of the first byte that is not valid UTF-8 (RFC 3629), len where all is. */
size_t utf8_check(const void *p, size_t len);
/* Offset of the first control character, those of C1 in UTF-8 too; len where there is none. */
size_t control_find(const void *p, size_t len);

#endif
