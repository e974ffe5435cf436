/* SPDX-License-Identifier: Apache-2.0 */
/* bench_time - the timing loops of `ringfence bench`. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "fw_flow.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

enum {
	CHASE_STEPS = 1 << 15, CHASE_BYTES_MAX = WIRE_IMAGE_BYTES_MAX,
	AHEAD = 8,		/* packets */
	STRETCH = 1024,		/* lookups */
	STRETCHES = BENCH_ASKS_MAX / STRETCH,
	TRIES = 64		/* in one run */
};

/* A clock that waits for what came before. */
static uint64_t
ticks(void)
{
#if defined(__x86_64__)
	unsigned aux;
	uint64_t t = __rdtscp(&aux);

	_mm_lfence();
	return t;
#else
	return clock_mono_ns();
#endif
}

static double
ns_per_tick(void)
{
	static double known;
	uint64_t from_ns, start, to_ns;

	if (known > 0)
		return known;
	from_ns = clock_mono_ns();
	start = ticks();
	do
		to_ns = clock_mono_ns();
	while (to_ns - from_ns < 20 * NS_PER_MS);
	known = (double)(to_ns - from_ns) / (double)(ticks() - start);
	return known;
}

/* How often another program was given the processor of this one. */
static long
switches(void)
{
	struct rusage u = { 0 };

	(void)getrusage(RUSAGE_SELF, &u);
	return u.ru_nivcsw;
}

static int
u32_cmp(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

/* The value that part of the sorted ticks lie below; a tick stands for the span around it. */
static double
percentile(const uint32_t *took, uint32_t count, double part)
{
	uint32_t at = (uint32_t)(part * (count - 1)), lo = at, hi = at;
	double from, to;

	while (lo > 0 && took[lo - 1] == took[at])
		lo--;
	while (hi + 1 < count && took[hi + 1] == took[at])
		hi++;
	from = lo > 0 ? ((double)took[lo - 1] + took[at]) / 2 : (double)took[at];
	to = hi + 1 < count ? ((double)took[hi + 1] + took[at]) / 2 : (double)took[at];
	return from + (to - from) * (part * count - lo) / (hi - lo + 1);
}

/* Of what began at start; more than fits is a pause that no percentile here may notice. */
static uint32_t
ticks_since(uint64_t start)
{
	uint64_t took = ticks() - start;

	return (uint32_t)MIN(took, (uint64_t)UINT32_MAX);
}

static double
clock_cost(uint32_t *took, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t start = ticks();

		took[i] = ticks_since(start);
	}
	qsort(took, count, sizeof(*took), u32_cmp);
	return percentile(took, count, 0.5);
}

static void
best(double *out, double ns, int run)
{
	ns = ns > 0 ? ns : 0;
	if (run == 0 || ns < *out)
		*out = ns;
}

/* --- the walk --------------------------------------------------------------------------------- */

/* carry is the last answer: where the packet lies depends on it, by nothing in the end, but the
 * processor cannot know before the answer is there. */
static uint32_t
lookup(const uint8_t *image, const struct bench_ask *asks, uint32_t carry)
{
	const struct bench_ask *a = asks + (carry >> 31);
	struct fw_table t = fw_table_find(image, a->key.family, a->local);
	struct fw_action action;
	bool is_default;

	if (t.body == 0)
		t = fw_table_guard(image, a->key.family);
	if (t.body == 0)
		return fw_image_hdr(image)->unsegmented;
	fw_match_action(image, t, fw_match(image, t, &a->key, &is_default), &action);
	return action.rule_id & INT32_MAX;
}

/* A packet that is looked up has been parsed: it is in the nearest cache, and in none beside it,
 * where it would push out the tables. */
static void
ask_fetch(const struct bench_ask *asks, uint32_t i, uint32_t count)
{
	__builtin_prefetch(&asks[MIN(i + AHEAD, count - 1)], 0, 0);
}

/* Not counted: it brings the tables into the caches. */
static void
chain_once(const uint8_t *image, const struct bench_ask *asks, uint32_t count, uint32_t *carry)
{
	for (uint32_t i = 0; i < count; i++) {
		ask_fetch(asks, i, count);
		*carry = lookup(image, &asks[i], *carry);
	}
}

/* What a stretch of lookups took, in the run in which it took least. */
struct kept {
	uint32_t took[BENCH_ASKS_MAX];
	uint64_t sums[STRETCHES];
};

/* took: of the stretch that begins at from. */
static void
stretch_keep(struct kept *k, const uint32_t *took, uint32_t from, uint32_t n, int run)
{
	uint64_t *sum = &k->sums[from / STRETCH], ours = 0;

	for (uint32_t i = 0; i < n; i++)
		ours += took[i];
	if (run == 0 || ours < *sum) {
		*sum = ours;
		memcpy(k->took + from, took, n * sizeof(*took));
	}
}

/* Each lookup by itself, the image being where steady traffic keeps it. A stretch in which another
 * program had the processor, and emptied the caches, is measured again behind a whole chain. */
static uint32_t
singles_once(const uint8_t *image, const struct bench_ask *asks, uint32_t count, struct kept *k,
    int run)
{
	uint32_t took[STRETCH], carry = 0, from = 0;
	long before, now;

	chain_once(image, asks, count, &carry);
	before = switches();
	for (int tries = 0; from < count; ) {
		uint32_t to = MIN(from + STRETCH, count);

		for (uint32_t i = from; i < to; i++) {
			uint64_t start;

			ask_fetch(asks, i, count);
			start = ticks();
			carry = lookup(image, &asks[i], carry);
			took[i - from] = ticks_since(start);
		}
		now = switches();
		if (now == before || tries++ >= TRIES) {
			stretch_keep(k, took, from, to - from, run);
			from = to;
			continue;
		}
		before = now;
		chain_once(image, asks, count, &carry);
	}
	return carry;
}

void
bench_walk(const uint8_t *image, const struct bench_ask *asks, uint32_t count,
    struct bench_times *out)
{
	static struct kept kept;
	double off = clock_cost(kept.took, count), tick = ns_per_tick(), sum = 0;
	uint32_t carry = 0;

	CHECK(count > 0 && count <= BENCH_ASKS_MAX);
	for (int run = 0; run < BENCH_RUNS; run++)
		carry += singles_once(image, asks, count, &kept, run);
	for (uint32_t i = 0; i < count; i++)
		sum += kept.took[i];
	qsort(kept.took, count, sizeof(*kept.took), u32_cmp);
	*out = (struct bench_times){
		.p50 = MAX((percentile(kept.took, count, 0.5) - off) * tick, 0.0),
		.p99 = MAX((percentile(kept.took, count, 0.99) - off) * tick, 0.0),
		.mean = MAX((sum / count - off) * tick, 0.0) };
	__asm__ volatile("" : : "r"(carry));
}

/* --- batches ---------------------------------------------------------------------------------- */

static uint32_t
batches(const uint8_t *image, const struct bench_ask *asks, const struct fw_key *keys,
    const uint8_t *locals, uint32_t from, uint32_t to)
{
	uint32_t sum = 0;

	for (uint32_t i = from; i < to; i += FW_BATCH_MAX) {
		uint32_t n = MIN(to - i, (uint32_t)FW_BATCH_MAX), index[FW_BATCH_MAX];
		struct fw_table tables[FW_BATCH_MAX];
		struct fw_lane lanes[FW_BATCH_MAX];
		struct fw_action action;

		fw_match_batch(image, locals + (size_t)i * 16, keys + i, n, lanes, tables, index);
		for (uint32_t k = 0; k < n; k++) {
			if (tables[k].body == 0) {
				sum += lookup(image, &asks[i + k], 0);
				continue;
			}
			fw_match_action(image, tables[k], index[k], &action);
			sum += action.rule_id;
		}
	}
	return sum;
}

double
bench_batch(const uint8_t *image, const struct bench_ask *asks, uint32_t count)
{
	static struct fw_key keys[BENCH_ASKS_MAX];
	static uint8_t locals[BENCH_ASKS_MAX][16];
	double least[STRETCHES] = { 0 }, ns = 0;
	uint32_t sum = 0;

	CHECK(count > 0 && count <= BENCH_ASKS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		keys[i] = asks[i].key;
		memcpy(locals[i], asks[i].local, 16);
	}
	for (int run = 0; run < BENCH_RUNS; run++) {
		sum += batches(image, asks, keys, locals[0], 0, count);
		for (uint32_t from = 0; from < count; from += STRETCH) {
			uint64_t start = clock_mono_ns();

			sum += batches(image, asks, keys, locals[0], from,
			    MIN(from + STRETCH, count));
			best(&least[from / STRETCH], (double)(clock_mono_ns() - start), run);
		}
	}
	for (uint32_t i = 0; i * STRETCH < count; i++)
		ns += least[i];
	__asm__ volatile("" : : "r"(sum));
	return ns / count;
}

/* --- beside it -------------------------------------------------------------------------------- */

double
bench_chase(size_t bytes, double loads)
{
	uint32_t lines = (uint32_t)(MIN(bytes, (size_t)CHASE_BYTES_MAX) / WIRE_LINE), at = 0;
	uint32_t *order = calloc(lines, sizeof(*order)), *ring = calloc(lines, WIRE_LINE);
	uint64_t state = 88172645463325252u;
	double ns = 0;

	for (uint32_t i = 0; order != NULL && i < lines; i++) {
		uint32_t k;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		k = (uint32_t)((state >> 32) * (i + 1) >> 32);
		order[i] = order[k];
		order[k] = i;
	}
	for (uint32_t i = 0; order != NULL && ring != NULL && i < lines; i++)
		ring[(size_t)order[i] * 16] = order[(i + 1) % lines] * 16;
	for (int run = 0; ring != NULL && lines > 0 && run < BENCH_RUNS; run++) {
		uint64_t start = clock_mono_ns();

		for (uint32_t i = 0; i < CHASE_STEPS; i++) {
			at = ring[at];
			__asm__ volatile("" : "+r"(at));
		}
		best(&ns, (double)(clock_mono_ns() - start) / CHASE_STEPS * loads,
		    run);
	}
	free(order);
	free(ring);
	return ns;
}

static struct fw_flow_key
flow_key(const struct bench_ask *a)
{
	struct fw_flow_key k = { .service = fw_service(a->key.family, a->key.proto, false,
		a->key.sport, a->key.dport) };

	memcpy(k.local, a->local, 16);
	memcpy(k.remote, a->key.remote, 16);
	return k;
}

static void
flows_open(struct board *b, const struct fw_flow_key *keys, uint32_t count)
{
	for (uint32_t i = 0; i < b->cfg.flow_count; i++)
		if (b->cfg.flows[i].live)
			fw_flow_end(&b->fw, &b->cfg.flows[i], 0, 1);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t hash = fw_flow_hash(&b->fw, &keys[i]);
		struct fw_flow *f = fw_flow_find(&b->fw, &keys[i], hash, 1);

		f = f != NULL ? f : fw_flow_open(&b->fw, &keys[i], hash, false, 1);
		if (f != NULL)
			f->rule_id = i + 1;
	}
}

static uint32_t
flow_find(struct board *b, const struct fw_flow_key *key)
{
	const struct fw_flow *f = fw_flow_find(&b->fw, key, fw_flow_hash(&b->fw, key), 1);

	return f != NULL ? f->rule_id : 0;
}

double
bench_flow(struct board *b, const struct bench_ask *asks, uint32_t count)
{
	static struct fw_flow_key keys[BENCH_ASKS_MAX];
	static struct kept kept;
	double off = clock_cost(kept.took, count);
	uint32_t carry = 0;

	CHECK(count > 0 && count <= BENCH_ASKS_MAX);
	for (uint32_t i = 0; i < count; i++)
		keys[i] = flow_key(&asks[i]);
	flows_open(b, keys, count);
	for (int run = 0; run < BENCH_RUNS; run++) {
		for (uint32_t i = 0; i < count; i++)
			carry = flow_find(b, &keys[i] + (carry >> 31));
		for (uint32_t i = 0; i < count; i++) {
			static uint32_t took[STRETCH];
			uint64_t start;

			__builtin_prefetch(&keys[MIN(i + AHEAD, count - 1)]);
			start = ticks();
			carry = flow_find(b, &keys[i] + (carry >> 31));
			took[i % STRETCH] = ticks_since(start);
			if (i % STRETCH == STRETCH - 1 || i == count - 1)
				stretch_keep(&kept, took, i / STRETCH * STRETCH, i % STRETCH + 1,
				    run);
		}
	}
	qsort(kept.took, count, sizeof(*kept.took), u32_cmp);
	return MAX((percentile(kept.took, count, 0.5) - off) * ns_per_tick(), 0.0);
}
