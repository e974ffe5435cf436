/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t - the harness of every test program.
 * Does:    runs cases, counts checks, prints TAP: one "ok" line per case, a plan at the end.
 * Shape:   static void case_fn(void); T_RUN(case_fn) in main; `return t_done();` last. Tables: rows
 *          begin with `const char *name`; T_ROWS(table, fn) runs fn(&row) as one case per row.
 * Checks:  T_OK T_IS_INT T_IS_UINT T_IS_STR T_IS_MEM: report and go on; true where they hold. A
 *          case without any check fails: it could not have failed otherwise.
 * Random:  t_seed() takes SEED or the clock and prints it, t_rand() follows; t_tries(n) is n
 *          times TRIES_SCALE. Skips: T_SKIP(reason) leaves the case.
 */
#ifndef T_H
#define T_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct t_state {
	unsigned long cases;
	unsigned long cases_failed;
	unsigned long checks;
	unsigned long case_checks;
	unsigned long case_failed;
	const char *skip;
	uint64_t rand;
};

static struct t_state t;

static inline void
t_begin(void)
{
	t.case_checks = 0;
	t.case_failed = 0;
	t.skip = NULL;
}

static inline void
t_end(const char *what, const char *row)
{
	bool good = t.case_failed == 0 && (t.case_checks > 0 || t.skip != NULL);

	t.cases++;
	t.cases_failed += !good;
	if (t.case_checks == 0 && t.skip == NULL)
		printf("# %s: no check ran\n", what);
	printf("%sok %lu - %s%s%s", good ? "" : "not ", t.cases, what, row[0] ? ": " : "", row);
	if (t.skip != NULL)
		printf(" # SKIP %s", t.skip);
	printf("\n");
	fflush(stdout);
}

static inline int
t_done(void)
{
	printf("1..%lu\n# checks %lu\n", t.cases, t.checks);
	return t.cases_failed == 0 && t.cases > 0 ? 0 : 1;
}

static inline bool
t_check(bool good, const char *file, int line, const char *text)
{
	t.checks++;
	t.case_checks++;
	if (!good) {
		t.case_failed++;
		printf("# %s:%d: %s\n", file, line, text);
	}
	return good;
}

static inline bool
t_is_int(int64_t got, int64_t want, const char *file, int line, const char *text)
{
	bool good = t_check(got == want, file, line, text);

	if (!good)
		printf("#   got %" PRId64 ", want %" PRId64 "\n", got, want);
	return good;
}

static inline bool
t_is_uint(uint64_t got, uint64_t want, const char *file, int line, const char *text)
{
	bool good = t_check(got == want, file, line, text);

	if (!good)
		printf("#   got %" PRIu64 " (0x%" PRIx64 "), want %" PRIu64 " (0x%" PRIx64 ")\n",
		    got, got, want, want);
	return good;
}

/* NULL equals NULL only. */
static inline bool
t_is_str(const char *got, const char *want, const char *file, int line, const char *text)
{
	bool same = got == want || (got != NULL && want != NULL && strcmp(got, want) == 0);
	bool good = t_check(same, file, line, text);

	if (!good)
		printf("#   got  \"%s\"\n#   want \"%s\"\n", got ? got : "(null)",
		    want ? want : "(null)");
	return good;
}

static inline bool
t_is_mem(const void *got, const void *want, size_t len, const char *file, int line,
    const char *text)
{
	const unsigned char *g = got;
	const unsigned char *w = want;
	size_t at = 0;
	bool good;

	while (at < len && g[at] == w[at])
		at++;
	good = t_check(at == len, file, line, text);
	if (!good)
		printf("#   byte %zu of %zu: got 0x%02x, want 0x%02x\n", at, len, g[at], w[at]);
	return good;
}

/* Starts the random numbers from SEED, or from the clock, and says from what. */
static inline uint64_t
t_seed(void)
{
	const char *text = getenv("SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0)
				     : (uint64_t)time(NULL) * UINT64_C(0x9e3779b97f4a7c15);

	t.rand = seed;
	printf("# SEED=%" PRIu64 "\n", seed);
	return seed;
}

/* splitmix64 */
static inline uint64_t
t_rand(void)
{
	uint64_t z;

	t.rand += UINT64_C(0x9e3779b97f4a7c15);
	z = t.rand;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 .. below - 1, 0 where below is 0. */
static inline uint64_t
t_rand_below(uint64_t below)
{
	return below == 0 ? 0 : t_rand() % below;
}

/* How often to try: n, times TRIES_SCALE (a per-cent suffix divides by 100). */
static inline unsigned long
t_tries(unsigned long n)
{
	const char *text = getenv("TRIES_SCALE");
	char *end = NULL;
	unsigned long scale = text != NULL ? strtoul(text, &end, 10) : 1;
	unsigned long tries = n * scale;

	if (end != NULL && *end == '%')
		tries /= 100;
	return tries > 0 ? tries : 1;
}

#define T_OK(cond) t_check((cond), __FILE__, __LINE__, #cond)
#define T_IS_INT(got, want) \
	t_is_int((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, #got " == " #want)
#define T_IS_UINT(got, want) \
	t_is_uint((uint64_t)(got), (uint64_t)(want), __FILE__, __LINE__, #got " == " #want)
#define T_IS_STR(got, want) t_is_str((got), (want), __FILE__, __LINE__, #got " is " #want)
#define T_IS_MEM(got, want, len) \
	t_is_mem((got), (want), (len), __FILE__, __LINE__, #got " holds " #want)

#define T_RUN(fn) \
	do { \
		t_begin(); \
		fn(); \
		t_end(#fn, ""); \
	} while (0)

#define T_ROWS(table, fn) \
	do { \
		for (size_t t_row = 0; t_row < sizeof(table) / sizeof((table)[0]); t_row++) { \
			t_begin(); \
			fn(&(table)[t_row]); \
			t_end(#fn, (table)[t_row].name); \
		} \
	} while (0)

#define T_SKIP(reason) \
	do { \
		t.skip = (reason); \
		return; \
	} while (0)

#endif
