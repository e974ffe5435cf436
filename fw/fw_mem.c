/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four calls that a compiler may emit on its own. For bare targets only: a host has better
 * ones. Without loop recognition, or they would be compiled into calls of themselves.
 */
#include "fw_mem.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

void *
(memcpy)(void *restrict to, const void *restrict from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	for (size_t i = 0; i < n; i++)
		t[i] = f[i];
	return to;
}

void *
(memmove)(void *to, const void *from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if ((uintptr_t)t <= (uintptr_t)f) {
		for (size_t i = 0; i < n; i++)
			t[i] = f[i];
	} else {
		for (size_t i = n; i > 0; i--)
			t[i - 1] = f[i - 1];
	}
	return to;
}

void *
(memset)(void *to, int value, size_t n)
{
	uint8_t *t = to;

	for (size_t i = 0; i < n; i++)
		t[i] = (uint8_t)value;
	return to;
}

int
(memcmp)(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}
