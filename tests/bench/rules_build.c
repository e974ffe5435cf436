/* SPDX-License-Identifier: Apache-2.0 */
/* rules_build - time of pol_build, the pipe and the symbols file, by number of rules and tables. */
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "gen_rules.h"

static const struct {
	uint32_t rules, segments, build_ms_max;
} rows[] = {
	{ 10, 2, 100 }, { 1000, 13, 100 }, { 5000, 1, 100 }, { 5000, 48, 100 },
	{ 100000, 100, 2000 }, { 100000, 2000, 2000 },
};

static uint64_t
since_us(uint64_t start)
{
	return (clock_mono_ns() - start) / 1000;
}

static bool
run(uint32_t rules, uint32_t segments, uint32_t max_ms)
{
	struct gen gen = { 7 };
	struct image_symbols symbols;
	struct image_input in;
	struct pol_rules r, got;
	struct diags diags;
	struct arena a;
	uint64_t start, pipe, build, file;
	uint32_t packed = 0;
	uint8_t *p;
	size_t len;

	arena_init(&a, (size_t)2 << 30);
	CHECK(diags_init(&diags));
	gen_rules_large(&gen, &a, segments, rules, &r);
	start = clock_mono_ns();
	CHECK(pol_rules_encode(&r, &diags, &a, &p, &len) == RC_OK);
	CHECK(pol_rules_decode(p, len, &a, &got, &diags) == RC_OK);
	pipe = since_us(start);
	start = clock_mono_ns();
	CHECK(pol_build(&got, POL_PASS_ALL, &a, &in, &symbols, &diags) == RC_OK);
	build = since_us(start);
	start = clock_mono_ns();
	CHECK(image_symbols_encode(&symbols, &a, &p, &len) == RC_OK);
	CHECK(image_symbols_decode(p, len, &a, &symbols, NULL) == RC_OK);
	file = since_us(start);
	for (uint32_t i = 0; i < in.list_count; i++)
		packed += in.lists[i].count;
	printf("%6" PRIu32 " rules %5" PRIu32 " tables %6" PRIu32 " packed: pipe %" PRIu64
	    " us, build %" PRIu64 " us (bound %" PRIu32 " ms), symbols %" PRIu64 " us\n", rules,
	    in.table_count, packed, pipe, build, max_ms, file);
	diags_fini(&diags);
	arena_fini(&a);
	return build <= (uint64_t)max_ms * 1000;
}

int
main(void)
{
	bool good = true;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		good = run(rows[i].rules, rows[i].segments, rows[i].build_ms_max) && good;
	return good ? 0 : 1;
}
