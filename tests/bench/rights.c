/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights - what it costs to give rights up: a process that only ends, one that enters the compile
 * room, with namespaces and without. Prints median and 95th percentile in ms, one line each.
 * usage: rights [TRIES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "rights.h"

enum { TRIES = 300, TRIES_MAX = 10000 };

enum mode { FORK_ONLY, NO_NAMESPACES, ALL, MODE__COUNT };

static const char *const mode_names[MODE__COUNT] = { "fork and end", "and enter, no namespaces",
	"and enter, all layers" };

static int
u64_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* One child, fork to its end; *inside gets the time of rights_drop alone. 0 = failed. */
static uint64_t
try_one(enum mode mode, uint64_t *inside)
{
	struct rights_spec spec = rights_spec_default(ROOM_COMPILE);
	uint64_t start = clock_mono_ns();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct diag d = { 0 };
		uint64_t at = clock_mono_ns();

		spec.namespaces_off = mode == NO_NAMESPACES;
		if (mode != FORK_ONLY && rights_drop(&spec, &d) != RC_OK) {
			diag_print(&d, stderr);
			_exit(1);
		}
		*inside = clock_mono_ns() - at;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return 0;
	return clock_mono_ns() - start;
}

static void
line_print(const char *what, uint64_t *ns, unsigned long n)
{
	qsort(ns, n, sizeof(*ns), u64_compare);
	printf("%-42s median %.2f ms, 95 %% %.2f ms, %lu tries\n", what, (double)ns[n / 2] / 1e6,
	    (double)ns[n * 95 / 100] / 1e6, n);
}

int
main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : TRIES;
	static uint64_t whole[TRIES_MAX], drop[TRIES_MAX];
	uint64_t *inside = mmap(NULL, sizeof(*inside), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char text[80];

	if (n < 1 || n > TRIES_MAX || inside == MAP_FAILED)
		return 2;
	for (enum mode mode = 0; mode < MODE__COUNT; mode++) {
		for (unsigned long i = 0; i < n; i++) {
			whole[i] = try_one(mode, inside);
			drop[i] = *inside;
			if (whole[i] == 0)
				return 1;
		}
		line_print(mode_names[mode], whole, n);
		if (mode == FORK_ONLY)
			continue;
		snprintf(text, sizeof(text), "  of it in the child, %s",
		    mode == ALL ? "all layers" : "no namespaces");
		line_print(text, drop, n);
	}
	return 0;
}
