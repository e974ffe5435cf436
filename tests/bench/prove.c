/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove - CPU time and memory of the way from rules to a proved image, by kind of rules and number.
 * Each row runs in a child of its own, so that its peak of memory is its own. The growth exponent
 * is log(time ratio) / log(rules ratio) between rows of a kind. `prove PATTERN` runs some rows.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gen_sets.h"
#include "pol_image.h"

struct row {
	const char *name;
	enum gen_set kind;
	uint32_t rules, tables;
	uint32_t ms_max, mib_max;	/* 0 = not bounded */
};

static const struct row rows[] = {
	{ "plain-1k", GEN_PLAIN, 1000, 13, 1000, 1024 },
	{ "plain-5k-1", GEN_PLAIN, 5000, 1, 1000, 1024 },
	{ "plain-5k-48", GEN_PLAIN, 5000, 48, 1000, 1024 },
	{ "plain-10k", GEN_PLAIN, 10000, 100, 2000, 1024 },
	{ "plain-100k", GEN_PLAIN, 100000, 500, 20000, 1024 },
	{ "acl-1k", GEN_ACL, 1000, 13, 1000, 1024 },
	{ "acl-5k-1", GEN_ACL, 5000, 1, 1000, 1024 },
	{ "acl-5k-48", GEN_ACL, 5000, 48, 1000, 1024 },
	{ "acl-10k", GEN_ACL, 10000, 100, 2000, 1024 },
	{ "acl-100k", GEN_ACL, 100000, 500, 20000, 1024 },
	{ "firewall-5k-48", GEN_FIREWALL, 5000, 48, 1000, 1024 },
	{ "firewall-100k", GEN_FIREWALL, 100000, 500, 20000, 1024 },
	{ "chain-5k-48", GEN_CHAIN, 5000, 48, 1000, 1024 },
	{ "chain-100k", GEN_CHAIN, 100000, 500, 20000, 1024 },
	{ "groups-5k-48", GEN_GROUPS, 5000, 48, 1000, 1024 },
	{ "groups-100k", GEN_GROUPS, 100000, 500, 20000, 1024 },
	{ "feed-40k", GEN_FEED, 480, 48, 0, 1024 },
};

/* Of this process: what a neighbour does to the machine is not the compiler's. */
static uint64_t
cpu_us(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

struct result {
	uint64_t build_us, prove_us, boxes, packed, bytes;
	bool refused;
};

static void
measure(const struct row *row, struct result *out)
{
	struct gen g = { .state = 7 };
	struct pol_image image;
	struct pol_rules rules;
	struct diags diags;
	struct arena a;
	uint64_t t;
	enum rc rc;

	arena_init(&a, (size_t)768 << 20);
	CHECK(diags_init(&diags));
	gen_set_make(&g, &a, row->kind, row->tables, row->rules, &rules);
	t = cpu_us();
	rc = pol_image_pack(&rules, POL_PASS_ALL, &a, &image, &diags);
	out->build_us = cpu_us() - t;
	t = cpu_us();
	if (rc == RC_OK)
		rc = pol_image_prove(&rules, &a, &image, &diags);
	out->prove_us = cpu_us() - t;
	out->refused = rc != RC_OK;
	for (uint32_t i = 0; rc != RC_OK && i < diags.count; i++)
		if (diags.items[i].level == DIAG_ERROR)
			diag_print(&diags.items[i], stderr);
	for (uint32_t i = 0; i < image.input.list_count; i++)
		out->packed += image.input.lists[i].count;
	out->boxes = image.proof.boxes;
	out->bytes = image.len;
}

/* Runs one row in a child; false where it is beyond its bounds. */
static bool
row_run(const struct row *row, double *ms)
{
	struct result r = { 0 };
	struct rusage use;
	int p[2], status;
	double mib;
	pid_t pid;
	bool good;

	CHECK(pipe(p) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		measure(row, &r);
		_exit(write(p[1], &r, sizeof(r)) == (ssize_t)sizeof(r) ? 0 : 1);
	}
	(void)close(p[1]);
	good = read(p[0], &r, sizeof(r)) == (ssize_t)sizeof(r);
	(void)close(p[0]);
	CHECK(wait4(pid, &status, 0, &use) == pid);
	good = good && status == 0 && !r.refused;
	*ms = (double)(r.build_us + r.prove_us) / 1000;
	mib = (double)use.ru_maxrss / 1024;
	good = good && (row->ms_max == 0 || *ms <= row->ms_max) &&
	    (row->mib_max == 0 || mib <= row->mib_max);
	printf("%-15s %6" PRIu32 " rules %4" PRIu32 " tables %6" PRIu64 " packed %8" PRIu64
	    " B: compile %8.1f ms, prove %8.1f ms, %" PRIu64 " boxes, %.0f MiB%s\n", row->name,
	    row->rules, row->tables, r.packed, r.bytes, (double)r.build_us / 1000,
	    (double)r.prove_us / 1000, r.boxes, mib, good ? "" : "  BEYOND ITS BOUND");
	fflush(stdout);
	return good;
}

int
main(int argc, char **argv)
{
	double first_ms[GEN_SET__COUNT] = { 0 }, ms;
	uint32_t first_rules[GEN_SET__COUNT] = { 0 };
	bool good = true;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];

		if (argc > 1 && strstr(row->name, argv[1]) == NULL)
			continue;
		good = row_run(row, &ms) && good;
		if (first_rules[row->kind] == 0) {
			first_rules[row->kind] = row->rules;
			first_ms[row->kind] = ms;
		} else if (row->rules >= 10000) {
			printf("%-15s growth exponent %.2f from %" PRIu32 " rules\n", row->name,
			    log(ms / first_ms[row->kind]) /
			    log((double)row->rules / first_rules[row->kind]),
			    first_rules[row->kind]);
		}
	}
	return good ? 0 : 1;
}
