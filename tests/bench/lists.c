/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists - CPU time and memory of policies with lists of hundreds of thousands of prefixes: each
 * step of the way from text to a proved image. Each row runs in a child of its own, so that its
 * peak of memory is its own. `lists PATTERN` runs some rows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gen_rules.h"
#include "pol_image.h"
#include "str.h"

enum { EVAL_MS_MAX = 1000, BUILD_MS_MAX = 20000, MIB_MAX = 1024, LISTS_MAX = 5 };

/* Each segment may be reached from any - LISTS (together), or from one of them each, by so many
 * rules of one place. */
struct row {
	const char *name;
	uint32_t lists, v4, v6;		/* entries of each list */
	uint32_t segments, rules;
	bool together;
};

static const struct row rows[] = {
	{ "one-list-48", 1, 200000, 0, 48, 1, true },
	{ "one-list-5k-rules", 1, 200000, 0, 48, 100, true },
	{ "one-list-1k-tables", 1, 200000, 0, 1024, 1, true },
	{ "both-families-48", 1, 150000, 50000, 48, 1, true },
	{ "two-lists-48", 2, 150000, 25000, 48, 1, true },
	{ "five-lists-48", 5, 200000, 0, 48, 1, false },
	{ "five-lists-together", 5, 200000, 0, 5, 1, true },
};

static uint64_t
cpu_us(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Prefixes as feeds have them: most of them hosts, the rest /20 to /24; v6 /48 to /64 and hosts. */
static void
entry_add(struct str *s, struct gen *g, bool v6)
{
	static const uint8_t v4_lens[] = { 32, 32, 32, 32, 24, 24, 22, 20 };
	static const uint8_t v6_lens[] = { 48, 56, 64, 128 };
	unsigned len = v6 ? v6_lens[gen_below(g, 4)] : v4_lens[gen_below(g, 8)];
	struct addr a = v6 ? (struct addr){ .family = 6, .lo = gen_rand(g),
		.hi = UINT64_C(0x2001) << 48 | gen_rand(g) >> 16 } :
	    (struct addr){ .family = 4, .lo = gen_rand(g) >> 32 };
	struct addr_range r = addr_prefix(&a, len);
	char text[2 * ADDR_TEXT_BYTES];

	addr_range_print(&r, text);
	str_add(s, text);
	str_add(s, "\n");
}

static void
policy_make(const struct row *row, struct str *s)
{
	str_add(s, "policy \"bench\" {}\n");
	for (uint32_t i = 0; i < row->lists; i++)
		str_addf(s, "list \"l%" PRIu32 "\" { file = \"l%" PRIu32 "\", max = 200000 }\n", i,
		    i);
	for (uint32_t i = 0; i < row->segments; i++) {
		str_addf(s, "do local r = {}\nfor k = 1, %" PRIu32 " do r[k] = inbound { allow = "
		    "tcp(443, %" PRIu32 " + 2 * k), from = any - ", row->rules, 1000 + i);
		for (uint32_t k = 0; k < row->lists; k++)
			if (row->together || k == i % row->lists)
				str_addf(s, "%slist \"l%" PRIu32 "\"",
				    row->together && k > 0 ? " - " : "", k);
		str_addf(s, " } end\nsegment \"s%" PRIu32 "\" { members = { \"10.1.%" PRIu32 ".%"
		    PRIu32 "\", \"fd00::%" PRIx32 ":1\" }, mode = \"enforce\", r,\n"
		    " inbound { allow = tcp(22), from = \"10.0.0.0/8\" },\n"
		    " outbound { allow = tcp(), to = any } } end\n", i, i % 256, i / 256, i + 1);
	}
	CHECK(!s->failed);
}

static void
sources_make(const struct row *row, struct str texts[LISTS_MAX + 1],
    struct pol_source files[LISTS_MAX + 1])
{
	static const char *const paths[] = { "a.pol", "l0", "l1", "l2", "l3", "l4" };
	struct gen g = { .state = 11 };

	policy_make(row, &texts[0]);
	for (uint32_t i = 0; i < row->lists; i++) {
		for (uint32_t k = 0; k < row->v4 + row->v6; k++)
			entry_add(&texts[i + 1], &g, k >= row->v4);
		CHECK(!texts[i + 1].failed);
	}
	for (uint32_t i = 0; i <= row->lists; i++)
		files[i] = (struct pol_source){ paths[i], (const uint8_t *)texts[i].p,
			texts[i].len };
}

struct result {
	uint64_t eval_us, pipe_us, build_us, prove_us, bytes, pipe_bytes, mib;
	bool refused;
};

static uint64_t
lap(uint64_t *t)
{
	uint64_t now = cpu_us(), us = now - *t;

	*t = now;
	return us;
}

/* Evaluates in one arena, builds and proves in another, as the two children do. */
static void
measure(const struct row *row, struct result *out)
{
	struct str texts[LISTS_MAX + 1] = { { .p = NULL } };
	struct pol_source files[LISTS_MAX + 1];
	struct pol_sources sources = { .items = files, .count = row->lists + 1 };
	struct pol_rules rules;
	struct pol_image image;
	struct diags diags;
	struct arena eval, build;
	uint64_t t;
	uint8_t *p;
	size_t len;
	enum rc rc;

	sources_make(row, texts, files);
	arena_init(&eval, POL_EVAL_BYTES_MAX);
	arena_init(&build, (size_t)768 << 20);
	CHECK(diags_init(&diags));
	t = cpu_us();
	if (pol_eval(&sources, &eval, &rules, &diags) != RC_OK) {
		diags_print(&diags, stderr);
		exit(1);
	}
	out->eval_us = lap(&t);
	diags.count = diags.warnings = 0;
	CHECK(pol_rules_encode(&rules, &diags, &eval, &p, &len) == RC_OK);
	CHECK(pol_rules_decode(p, len, &build, &rules, &diags) == RC_OK);
	out->pipe_us = lap(&t);
	out->pipe_bytes = len;
	arena_fini(&eval);
	(void)lap(&t);
	rc = pol_image_pack(&rules, POL_PASS_ALL, &build, &image, &diags);
	out->build_us = lap(&t);
	if (rc == RC_OK)
		rc = pol_image_prove(&rules, &build, &image, &diags);
	out->prove_us = lap(&t);
	out->refused = rc != RC_OK;
	out->bytes = rc == RC_OK ? image.len : 0;
	if (out->refused)
		diags_print(&diags, stderr);
}

static bool
run(const struct row *row)
{
	struct result r = { .refused = true };
	struct rusage use;
	int fds[2], status;
	pid_t pid;
	bool good;

	CHECK(pipe(fds) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		measure(row, &r);
		CHECK(getrusage(RUSAGE_SELF, &use) == 0);
		r.mib = (uint64_t)use.ru_maxrss / 1024;
		CHECK(write(fds[1], &r, sizeof(r)) == (ssize_t)sizeof(r));
		_exit(0);
	}
	close(fds[1]);
	CHECK(read(fds[0], &r, sizeof(r)) >= 0);
	close(fds[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	good = status == 0 && !r.refused && r.eval_us <= EVAL_MS_MAX * 1000 &&
	    r.build_us + r.prove_us <= (uint64_t)BUILD_MS_MAX * 1000 && r.mib <= MIB_MAX;
	printf("%-20s %" PRIu32 " x %" PRIu32 ": evaluate %" PRIu64 " ms (bound %d), pipe %" PRIu64
	    " ms %" PRIu64 " KiB, build %" PRIu64 " ms, prove %" PRIu64 " ms (bound of both %d), "
	    "image %" PRIu64 " KiB, peak %" PRIu64 " MiB (bound %d)%s\n", row->name, row->lists,
	    row->v4 + row->v6, r.eval_us / 1000, EVAL_MS_MAX, r.pipe_us / 1000, r.pipe_bytes / 1024,
	    r.build_us / 1000, r.prove_us / 1000, BUILD_MS_MAX, r.bytes / 1024, r.mib, MIB_MAX,
	    good ? "" : "  BEYOND");
	fflush(stdout);
	return good;
}

int
main(int argc, char **argv)
{
	bool good = true;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (argc < 2 || strstr(rows[i].name, argv[1]) != NULL)
			good = run(&rows[i]) && good;
	return good ? 0 : 1;
}
