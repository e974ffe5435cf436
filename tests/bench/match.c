/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match - nanoseconds of one dependent lookup, local-IP hash and action included.
 *
 * Dependent: bits of the answer go into the next packet, so that lookups cannot overlap. Beside it
 * a chase of as many dependent loads as the image names, over the same bytes. Each timed step is
 * one lookup; the clock's own cost, measured the same way, is taken off. Best of RUNS by mean.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fw_match.h"
#include "gen_image.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

enum { KEYS = 1 << 14, RUNS = 5, AHEAD = 8, COLD = 129, LINEAR = 512, ZIPF_BITS = 12 };

struct ask {
	struct fw_key key;
	uint8_t local[16];
	uint8_t spare[64 - 16 - sizeof(struct fw_key)];	/* a line a packet */
};

struct figures {
	double p50, p99, mean;
};

static uint64_t
ticks(void)
{
#if defined(__x86_64__)
	unsigned aux;
	uint64_t v = __rdtscp(&aux);

	_mm_lfence();
	return v;
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
#endif
}

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double
ns_per_tick(void)
{
	double from = now_ns(), to;
	uint64_t start = ticks();

	do
		to = now_ns();
	while (to - from < 2e7);
	return (to - from) / (double)(ticks() - start);
}

static int
u64_cmp(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return (a > b) - (a < b);
}

/* carry is the last answer: where the packet lies depends on it, by nothing in every image, but the
 * processor cannot know before the answer is there. */
static uint32_t
lookup(const uint8_t *image, const struct ask *asks, uint32_t carry)
{
	const struct ask *a = asks + (carry >> 31);
	struct fw_table t = fw_table_find(image, a->key.family, a->local);
	struct fw_action act;
	bool is_default;

	fw_match_action(image, t, fw_match(image, t, &a->key, &is_default), &act);
	return act.rule_id;
}

static void
figures_of(struct figures *f, uint64_t *took, uint64_t off, double tick)
{
	double sum = 0;

	qsort(took, KEYS, sizeof(*took), u64_cmp);
	for (int i = 0; i < KEYS; i++)
		sum += took[i] > off ? (double)(took[i] - off) : 0;
	f->p50 = took[KEYS / 2] > off ? (double)(took[KEYS / 2] - off) * tick : 0;
	f->p99 = took[KEYS * 99 / 100] > off ? (double)(took[KEYS * 99 / 100] - off) * tick : 0;
	f->mean = sum / KEYS * tick;
}

static uint64_t
clock_cost(uint64_t *took)
{
	for (int i = 0; i < KEYS; i++) {
		uint64_t start = ticks();

		took[i] = ticks() - start;
	}
	qsort(took, KEYS, sizeof(*took), u64_cmp);
	return took[KEYS / 2];
}

static double
chain(const uint8_t *image, const struct ask *asks, uint32_t *sum)
{
	double best = 0;

	for (int run = 0; run < RUNS; run++) {
		uint32_t carry = 0;
		double start = now_ns(), ns;

		for (int i = 0; i < KEYS; i++)
			carry = lookup(image, &asks[i], carry);
		ns = (now_ns() - start) / KEYS;
		*sum += carry;
		best = run == 0 || ns < best ? ns : best;
	}
	return best;
}

/* The median of lookups before each of which every line of the image is thrown out of all caches;
 * 0 where the processor cannot be told to. */
static double
cold(const uint8_t *image, size_t len, const struct ask *asks, double tick, uint32_t *sum)
{
	static uint64_t took[KEYS];

#if defined(__x86_64__)
	uint64_t off = clock_cost(took);

	for (int i = 0; i < COLD; i++) {
		uint64_t at;

		for (size_t k = 0; k < len; k += WIRE_LINE)
			_mm_clflush(image + k);
		_mm_mfence();
		__builtin_prefetch(&asks[i]);
		at = ticks();
		*sum += lookup(image, &asks[i], 0);
		took[i] = ticks() - at - off;
	}
	qsort(took, COLD, sizeof(*took), u64_cmp);
#else
	(void)image, (void)len, (void)asks, (void)sum;
#endif
	return (double)took[COLD / 2] * tick;
}

/* Single steps for p50 and p99, a whole chain for the mean. */
static void
measure(const uint8_t *image, const struct ask *asks, double tick, struct figures *best,
    uint32_t *sum)
{
	static uint64_t took[KEYS];
	uint64_t off = clock_cost(took);

	for (int run = 0; run < RUNS; run++) {
		struct figures f;
		uint32_t carry = 0;
		double start;

		for (int i = 0; i < KEYS; i++) {
			uint64_t at;

			/* a packet is in the cache when it is looked up: it has been parsed */
			__builtin_prefetch(&asks[i + AHEAD < KEYS ? i + AHEAD : i]);
			at = ticks();
			carry = lookup(image, &asks[i], carry);
			took[i] = ticks() - at;
			*sum += carry;
		}
		figures_of(&f, took, off, tick);
		start = now_ns();
		for (int i = 0; i < KEYS; i++)
			carry = lookup(image, &asks[i], carry);
		f.mean = (now_ns() - start) / KEYS;
		*sum += carry;
		if (run == 0 || f.mean < best->mean)
			*best = f;
	}
}

/* Independent lookups: what overlaps, overlaps. */
static double
throughput(const uint8_t *image, const struct ask *asks, uint32_t *sum)
{
	double best = 0;

	for (int run = 0; run < RUNS; run++) {
		double start = now_ns(), ns;

		for (int i = 0; i < KEYS; i++)
			*sum += lookup(image, &asks[i], 0);
		ns = (now_ns() - start) / KEYS;
		best = run == 0 || ns < best ? ns : best;
	}
	return best;
}

/* The same in batches of FW_BATCH_MAX. */
static double
batches(const uint8_t *image, const struct ask *asks, uint32_t *sum)
{
	static struct fw_key keys[KEYS];
	static uint8_t locals[KEYS][16];
	double best = 0;

	for (int i = 0; i < KEYS; i++) {
		keys[i] = asks[i].key;
		memcpy(locals[i], asks[i].local, 16);
	}
	for (int run = 0; run < RUNS; run++) {
		double start = now_ns(), ns;

		for (int i = 0; i < KEYS; i += FW_BATCH_MAX) {
			struct fw_table at[FW_BATCH_MAX];
			struct fw_lane lanes[FW_BATCH_MAX];
			uint32_t index[FW_BATCH_MAX];
			struct fw_action act;

			fw_match_batch(image, locals[i], keys + i, FW_BATCH_MAX, lanes, at,
			    index);
			for (int k = 0; k < FW_BATCH_MAX; k++) {
				fw_match_action(image, at[k], index[k], &act);
				*sum += act.rule_id;
			}
		}
		ns = (now_ns() - start) / KEYS;
		best = run == 0 || ns < best ? ns : best;
	}
	return best;
}

/* loads dependent loads through a random cycle of the lines that the image takes. */
static double
chase(size_t bytes, uint32_t loads, struct gen_image *g, uint32_t *sum)
{
	uint32_t lines = (uint32_t)(bytes / WIRE_LINE), *order = malloc(lines * sizeof(*order));
	uint32_t *ring = calloc(lines, WIRE_LINE), at = 0;
	double best = 0;

	CHECK(order != NULL && ring != NULL);
	for (uint32_t i = 0; i < lines; i++) {
		uint32_t k = gen_image_below(g, i + 1);

		order[i] = order[k];
		order[k] = i;
	}
	for (uint32_t i = 0; i < lines; i++)
		ring[order[i] * 16] = order[(i + 1) % lines] * 16;
	for (int run = 0; run < RUNS; run++) {
		double start = now_ns(), ns;

		for (uint32_t i = 0; i < KEYS * loads; i++) {
			at = ring[at];
			__asm__ volatile("" : "+r"(at));
		}
		ns = (now_ns() - start) / KEYS;
		best = run == 0 || ns < best ? ns : best;
	}
	*sum += at;
	free(order);
	free(ring);
	return best;
}

static void
asks_make(struct ask *asks, const struct image_input *in, struct gen_image *g)
{
	for (int i = 0; i < KEYS; i++) {
		const struct image_table *t = &in->tables[gen_image_below(g, in->table_count)];
		struct pkt_key k = gen_image_key(g, &in->lists[t->list], t->local.family);

		asks[i].key = (struct fw_key){ .family = k.remote.family, .dir = k.dir,
			.proto = k.proto, .frag = k.frag, .sport = k.sport, .dport = k.dport,
			.vlan = k.vlan };
		addr_to_wire(&k.remote, asks[i].key.remote);
		addr_to_wire(&t->local, asks[i].local);
	}
}

/* From 4,096 packets; the n-th is n times as seldom as the first, nearly. */
static void
asks_zipf(struct ask *asks, struct gen_image *g)
{
	static struct ask pool[1 << ZIPF_BITS];

	memcpy(pool, asks, sizeof(pool));
	for (int i = 0; i < KEYS; i++)
		asks[i] = pool[gen_image_below(g, 1u << gen_image_below(g, ZIPF_BITS + 1))];
}

/* Made against the image: to the tables of the longest chain, or to all in turn so that no table
 * stays in the cache; each at another edge of the trees. */
static void
asks_adversarial(struct ask *asks, const uint8_t *image, bool all, uint64_t seed)
{
	uint32_t tables = image_local_count(image), longest = 0, n = 0;
	struct image_cost cost;

	for (uint32_t i = 0; i < tables; i++) {
		struct addr local = image_local(image, i);

		image_table_cost(image, &local, &cost);
		longest = cost.loads > longest ? cost.loads : longest;
	}
	for (uint32_t at = 0; n < KEYS; at = (at + 1) % tables) {
		struct addr local = image_local(image, at);
		struct pkt_key k;

		image_table_cost(image, &local, &cost);
		if (!all && cost.loads < longest)
			continue;
		image_table_packet(image, &local, true, &seed, &k);
		asks[n].key = (struct fw_key){ .family = k.remote.family, .dir = k.dir,
			.proto = k.proto, .frag = k.frag, .sport = k.sport, .dport = k.dport,
			.vlan = k.vlan };
		addr_to_wire(&k.remote, asks[n].key.remote);
		addr_to_wire(&local, asks[n++].local);
	}
}

/* Rules in order, first match, of a random table. */
static double
linear(const struct image_input *in, struct gen_image *g, uint32_t *sum)
{
	static struct pkt_key keys[LINEAR];
	static const struct image_list *lists[LINEAR];
	double start;

	for (int i = 0; i < LINEAR; i++) {
		const struct image_table *t = &in->tables[gen_image_below(g, in->table_count)];

		lists[i] = &in->lists[t->list];
		keys[i] = gen_image_key(g, lists[i], t->local.family);
	}
	start = now_ns();
	for (int i = 0; i < LINEAR; i++)
		*sum += gen_image_first(lists[i], &keys[i]);
	return (now_ns() - start) / LINEAR;
}

/* Means of other traces over the same image, and what a list in order costs. */
static void
traces(const struct image_input *in, const uint8_t *image, size_t len, struct ask *asks,
    double uniform, double tick, struct gen_image *g)
{
	uint32_t sum = 0;
	double flushed = cold(image, len, asks, tick, &sum), zipf, adversarial = 0;
	double again = chain(image, asks, &sum);

	uniform = again < uniform ? again : uniform;
	asks_zipf(asks, g);
	zipf = chain(image, asks, &sum);
	for (int all = 0; all < 2; all++) {
		double ns;

		asks_adversarial(asks, image, all != 0, 0x9e3779b97f4a7c15);
		ns = chain(image, asks, &sum);
		adversarial = ns > adversarial ? ns : adversarial;
	}
	printf("%12s mean of Zipf %.1f, adversarial %.1f ns (%.2f of uniform); cold p50 %.0f; "
	    "list in order %.0f ns (%08x)\n", "", zipf, adversarial, adversarial / uniform, flushed,
	    linear(in, g, &sum), sum);
}

static void
bench_input(const char *name, const struct image_input *in, struct gen_image *g, double tick)
{
	static _Alignas(WIRE_LINE) struct ask asks[KEYS];
	struct figures f = { 0 };
	struct diag d = { 0 };
	const struct wire_image_hdr *h;
	uint32_t sum = 0, rules = 0;
	double start, ms;
	uint8_t *raw, *p;
	size_t len;

	for (uint32_t i = 0; i < in->list_count; i++)
		rules += in->lists[i].count;
	start = now_ns();
	if (image_encode(in, &raw, &len, &d) != RC_OK) {
		printf("%-12s %s: %s\n", name, d.code, d.text);
		return;
	}
	ms = (now_ns() - start) / 1e6;
	p = aligned_alloc(WIRE_LINE, len);
	CHECK(p != NULL && image_check(raw, len, &d) == RC_OK);
	memcpy(p, raw, len);
	h = (const struct wire_image_hdr *)p;
	asks_make(asks, in, g);
	measure(p, asks, tick, &f, &sum);
	printf("%-12s %6u rules %4u tables %7zu KiB %5zu B/rule  build %8.1f ms  %3u lines "
	    "%2u loads  p50 %5.1f p99 %5.1f mean %5.1f ns  overlapped %5.1f  batch %5.1f  "
	    "chase %5.1f  (%08x)\n",
	    name, rules, in->table_count, len / 1024, len / rules, ms, le16_get(h->lines_max),
	    le16_get(h->loads_max), f.p50, f.p99, f.mean, throughput(p, asks, &sum),
	    batches(p, asks, &sum),
	    chase(len, le16_get(h->loads_max), g, &sum), sum);
	traces(in, p, len, asks, f.mean, tick, g);
	fflush(stdout);
	free(p);
	free(raw);
}

static void
bench(const char *name, const uint32_t *counts, uint32_t tables, double tick)
{
	struct gen_image g = { .state = 7 };
	struct arena a;

	arena_init(&a, (size_t)1 << 30);
	g.arena = &a;
	bench_input(name, gen_image_plain(&g, counts, tables), &g, tick);
	arena_fini(&a);
}

/* Two lists of 40 rules, half of them with a feed as their peer. big: more ranges than this are
 * packed once; 0 as in a policy. */
static void
bench_feeds(const char *name, uint32_t feeds, uint32_t v4, uint32_t v6, bool hosts, uint32_t big,
    double tick)
{
	const uint32_t prefixes[2] = { v4, v6 };
	struct gen_image g = { .state = 7 };
	struct image_input *in;
	struct arena a;

	arena_init(&a, (size_t)1 << 30);
	g.arena = &a;
	in = gen_image_big(&g, feeds, prefixes, hosts);
	in->big_ranges = big;
	bench_input(name, in, &g, tick);
	arena_fini(&a);
}

/* The same feeds in every table's trees, and once for all. */
static void
bench_thresholds(double tick)
{
	for (uint32_t n = 32; n <= 4096; n *= 2) {
		char name[16];

		snprintf(name, sizeof(name), "trees %u", n);
		bench_feeds(name, 4, n, n, false, UINT32_MAX, tick);
		snprintf(name, sizeof(name), "once %u", n);
		bench_feeds(name, 4, n, n, false, n / 2, tick);
	}
}

/* 128-bit vectors also where the processor has wider ones. */
static void
narrow(void)
{
#if defined(FW_MATCH_PICKS)
	fw_match_narrow = true;
#endif
}

int
main(int argc, char **argv)
{
	static uint32_t one[4] = { 10, 100, 1000, 5000 };
	static uint32_t nic[48], all[500];
	const char *what = argc > 1 ? argv[1] : "";
	double tick = ns_per_tick();
	uint32_t left = 5000;

	if (strcmp(what, "feeds") == 0) {
		bench_feeds("v4 200k", 1, 200000, 0, false, 0, tick);
		bench_feeds("v6 200k", 1, 0, 200000, false, 0, tick);
		bench_feeds("v6 200k /128", 1, 0, 200000, true, 0, tick);
		bench_feeds("mixed 1M", 5, 100000, 100000, true, 0, tick);
		bench_feeds("v6 1M", 5, 0, 200000, true, 0, tick);
		return 0;
	}
	if (strcmp(what, "thresholds") == 0) {
		bench_thresholds(tick);
		return 0;
	}

	/* heavy-tailed: the first tables hold most */
	for (uint32_t i = 0; i < 48; i++) {
		nic[i] = i == 47 ? left : 4 + 1150 / (i + 1);
		nic[i] = nic[i] > left - (47 - i) ? left - (47 - i) : nic[i];
		left -= nic[i];
	}
	for (uint32_t i = 0; i < 500; i++)
		all[i] = 200;
	if (strcmp(what, "narrow") == 0)
		narrow();
	bench("one-10", &one[0], 1, tick);
	bench("one-100", &one[1], 1, tick);
	bench("one-1000", &one[2], 1, tick);
	bench("one-5000", &one[3], 1, tick);
	bench("nic-5000", nic, 48, tick);
	if (strcmp(what, "large") == 0)
		bench("nic-100000", all, 500, tick);
	return 0;
}
