/* SPDX-License-Identifier: Apache-2.0 */
/* str - text that grows, is compared and is checked. */
#include "str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };

static bool
str_grow(struct str *s, size_t more)
{
	size_t need, cap = s->cap == 0 ? 256 : s->cap;
	char *p;

	if (s->failed || !size_add(s->len, more, &need) || need >= STR_BYTES_MAX) {
		s->failed = true;
		return false;
	}
	while (cap < need + 1)
		cap *= 2;
	if (cap != s->cap) {
		p = realloc(s->p, cap);
		if (p == NULL) {
			s->failed = true;
			return false;
		}
		s->p = p;
		s->cap = cap;
	}
	return true;
}

void
str_add_bytes(struct str *s, const void *p, size_t n)
{
	if (!str_grow(s, n))
		return;
	if (n > 0)
		memcpy(s->p + s->len, p, n);
	s->len += n;
	s->p[s->len] = '\0';
}

void
str_add(struct str *s, const char *text)
{
	str_add_bytes(s, text, strlen(text));
}

void
str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	if (!str_grow(s, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(s->p + s->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	s->len += (size_t)n;
}

void
str_fini(struct str *s)
{
	free(s->p);
	memset(s, 0, sizeof(*s));
}

const char *
str_text(const struct str *s)
{
	return s->p == NULL ? "" : s->p;
}

/* Optimal string alignment distance: Levenshtein with swaps of neighbours. */
static size_t
edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[3][NAME_MAX_BYTES + 1];

	for (size_t j = 0; j <= nb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *cur = row[i % 3], *prev = row[(i + 2) % 3], *prev2 = row[(i + 1) % 3];

		cur[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t cost = a[i - 1] != b[j - 1];
			size_t best = MIN(prev[j] + 1, cur[j - 1] + 1);

			best = MIN(best, prev[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, prev2[j - 2] + 1);
			cur[j] = best;
		}
	}
	return row[na % 3][nb];
}

const char *
str_nearest(const char *word, const char *const *candidates, size_t count)
{
	size_t n = strlen(word), best = SIZE_MAX;
	const char *near = NULL;

	if (n > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t m = strlen(candidates[i]), d;

		if (m > NAME_MAX_BYTES)
			continue;
		d = edit_distance(word, n, candidates[i], m);
		if (d < best && d <= MAX((size_t)2, m / 3) && d < m) {
			best = d;
			near = candidates[i];
		}
	}
	return near;
}

/* Length of the sequence a lead byte begins, 0 where it begins none. */
static size_t
utf8_len(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

size_t
utf8_check(const void *p, size_t len)
{
	const uint8_t *b = p;
	size_t i = 0;

	while (i < len) {
		size_t n = utf8_len(b[i]);

		if (n == 0 || n > len - i)
			return i;
		for (size_t k = 1; k < n; k++)
			if ((b[i + k] & 0xc0) != 0x80)
				return i;
		/* overlong forms, surrogates, beyond U+10FFFF: told by the second byte */
		if ((b[i] == 0xe0 && b[i + 1] < 0xa0) || (b[i] == 0xed && b[i + 1] > 0x9f) ||
		    (b[i] == 0xf0 && b[i + 1] < 0x90) || (b[i] == 0xf4 && b[i + 1] > 0x8f))
			return i;
		i += n;
	}
	return len;
}

size_t
control_find(const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		if (b[i] < 0x20 || b[i] == 0x7f ||
		    (b[i] == 0xc2 && i + 1 < len && b[i + 1] >= 0x80 && b[i + 1] < 0xa0))
			return i;
	return len;
}
