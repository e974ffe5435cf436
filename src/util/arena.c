/* SPDX-License-Identifier: Apache-2.0 */
/* arena - blocks of memory in a list, newest first; each piece is cut from the newest. */
#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGN_BYTES = 16 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;		/* of data[] */
	_Alignas(16) unsigned char data[];
};

void
arena_init(struct arena *a, size_t cap_bytes)
{
	CHECK(a != NULL);
	memset(a, 0, sizeof(*a));
	a->cap_bytes = cap_bytes;
}

void
arena_reset(struct arena *a)
{
	while (a->head != NULL) {
		struct arena_block *b = a->head;

		a->head = b->next;
		free(b);
	}
	a->used_bytes = 0;
	a->failed = false;
}

void
arena_fini(struct arena *a)
{
	if (a == NULL)
		return;
	arena_reset(a);
	a->cap_bytes = 0;
}

bool
arena_failed(const struct arena *a)
{
	return a->failed;
}

static struct arena_block *
block_add(struct arena *a, size_t need)
{
	size_t size = need > BLOCK_BYTES / 4 ? need : BLOCK_BYTES, total, sum;
	struct arena_block *b;

	if (!size_add(size, sizeof(*b), &total) || !size_add(a->used_bytes, total, &sum) ||
	    sum > a->cap_bytes)
		return NULL;
	b = calloc(1, total);
	if (b == NULL)
		return NULL;
	b->size = size;
	a->used_bytes = sum;
	if (a->head != NULL && size != BLOCK_BYTES) {
		/* a big piece has a block of its own; go on cutting the one in use */
		b->next = a->head->next;
		a->head->next = b;
	} else {
		b->next = a->head;
		a->head = b;
	}
	return b;
}

void *
arena_alloc(struct arena *a, size_t bytes)
{
	struct arena_block *b = a->head;
	size_t need;
	void *p;

	CHECK(a->cap_bytes > 0);
	if (!size_add(bytes, ALIGN_BYTES - 1, &need)) {
		a->failed = true;
		return NULL;
	}
	need &= ~(size_t)(ALIGN_BYTES - 1);
	if (b == NULL || b->size - b->used < need)
		b = block_add(a, need);
	if (b == NULL) {
		a->failed = true;
		return NULL;
	}
	p = b->data + b->used;
	b->used += need;
	CHECK(b->used <= b->size);
	return p;
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	size_t bytes;

	if (!size_mul(count, size, &bytes)) {
		a->failed = true;
		return NULL;
	}
	return arena_alloc(a, bytes);
}

void *
arena_memdup(struct arena *a, const void *p, size_t bytes)
{
	void *q = arena_alloc(a, bytes);

	if (q != NULL && bytes > 0)
		memcpy(q, p, bytes);
	return q;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s) + 1);
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	s = arena_alloc(a, (size_t)n + 1);
	if (s == NULL)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}
