/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base - what every file may use: checks, array lengths, sizes that cannot wrap.
 * Does:    CHECK() for bugs (on in every build), MUST_CHECK for results, size arithmetic.
 * Context: any process; CHECK logs file and line on standard error and aborts.
 */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define UNUSED(x) ((void)(x))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* A bug, never a foreign input: says where and aborts. */
NORETURN void check_failed(const char *file, int line, const char *cond);

#define CHECK(cond) \
	do { \
		if (!(cond)) \
			check_failed(__FILE__, __LINE__, #cond); \
	} while (0)

/* *out = a + b; false (and *out untouched) where that does not fit. */
MUST_CHECK static inline bool
size_add(size_t a, size_t b, size_t *out)
{
	size_t r;

	if (__builtin_add_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

/* *out = a * b; false (and *out untouched) where that does not fit. */
MUST_CHECK static inline bool
size_mul(size_t a, size_t b, size_t *out)
{
	size_t r;

	if (__builtin_mul_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

#endif
