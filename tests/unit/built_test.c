/* SPDX-License-Identifier: Apache-2.0 */
/* built_test - the build child's answer: round trip, each cut, each byte changed. */
#include "t.h"

#include "roles.h"

static const struct built_time times[] = {
	{ { { 3 } }, { { 4 } } },
	{ { { 0, 1 } }, { { 5 } } },	/* 256 and 5 */
};
static struct diags diags, again;
static uint8_t *bytes;
static size_t len;

static void
begin(bool good)
{
	struct built b = { .stage = good ? STAGE_DONE : STAGE_BUILD,
		.rc = good ? RC_OK : RC_LIMIT };	/* and a frame, as of a failed proof */
	struct diag d;

	if (!diags_init(&diags) || !diags_init(&again))
		abort();
	diag_set(&d, "two-segments", "a warning\x01 with a control byte");
	diag_place(&d, "a.pol", 3, 7);
	diag_hint(&d, "a hint");
	snprintf(d.source, sizeof(d.source), "\tsegment");
	d.level = good ? DIAG_WARNING : DIAG_ERROR;
	diags_add(&diags, &d);
	if (good) {
		b.image = (const uint8_t *)"image";
		b.image_len = 5;
		b.symbols = (const uint8_t *)"symbols";
		b.symbols_len = 7;
		b.keys = (const uint8_t *)"keys";
		b.keys_len = 4;
		b.times = times;
		b.time_count = ARRAY_LEN(times);
		b.reused = 300;
	} else {
		b.example = (const uint8_t *)"frame";
		b.example_len = 5;
	}
	if (built_encode(&b, &diags, &bytes, &len) != RC_OK)
		abort();
}

static void
end(void)
{
	free(bytes);
	diags_fini(&diags);
	diags_fini(&again);
}

static void
test_round(void)
{
	struct built b;

	begin(true);
	T_IS_INT(built_decode(bytes, len, &b, &again), RC_OK);
	T_IS_INT(b.stage, STAGE_DONE);
	T_IS_UINT(b.image_len, 5);
	T_IS_MEM(b.image, "image", 5);
	T_IS_UINT(b.symbols_len, 7);
	T_IS_MEM(b.symbols, "symbols", 7);
	T_IS_UINT(b.keys_len, 4);
	T_IS_MEM(b.keys, "keys", 4);
	T_IS_UINT(b.reused, 300);
	T_IS_UINT(b.time_count, ARRAY_LEN(times));
	T_IS_MEM(b.times, times, sizeof(times));
	T_IS_UINT(again.warnings, 1);
	T_IS_UINT(again.errors, 0);
	T_IS_STR(again.items[0].text, "a warning? with a control byte");
	T_IS_STR(again.items[0].source, "\tsegment");
	T_IS_STR(again.items[0].hint, "a hint");
	T_IS_STR(again.items[0].file, "a.pol");
	T_IS_UINT(again.items[0].line, 3);
	T_IS_UINT(again.items[0].col, 7);
	end();
}

static void
test_refused(void)
{
	struct built b;

	begin(false);
	T_IS_INT(built_decode(bytes, len, &b, &again), RC_OK);
	T_IS_INT(b.stage, STAGE_BUILD);
	T_IS_INT(b.rc, RC_LIMIT);
	T_OK(b.image == NULL && b.symbols == NULL && b.time_count == 0);
	T_IS_UINT(b.example_len, 5);
	T_IS_MEM(b.example, "frame", 5);
	T_IS_UINT(again.errors, 1);
	end();
}

static void
test_cut(void)
{
	begin(true);
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n + 1);
		struct built b;

		memcpy(cut, bytes, n);
		T_OK(built_decode(cut, n, &b, &again) != RC_OK);
		free(cut);
	}
	T_IS_UINT(again.count, 0);
	end();
}

/* Head and checksum make every change seen, except in the rc byte, which has no wrong value that
 * would not contradict the stage. */
static void
test_changed(void)
{
	begin(true);
	for (size_t i = 0; i < len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct built b;

			bytes[i] ^= (uint8_t)(1u << bit);
			T_OK(built_decode(bytes, len, &b, &again) != RC_OK);
			bytes[i] ^= (uint8_t)(1u << bit);
		}
	end();
}

/* More messages than the list holds are only counted. */
static void
test_many(void)
{
	struct built b = { .stage = STAGE_EVAL, .rc = RC_INVALID };
	struct diag d;

	if (!diags_init(&diags) || !diags_init(&again))
		abort();
	diag_set(&d, "x", "y");
	for (int i = 0; i < DIAGS_MAX + 50; i++)
		diags_add(&diags, &d);
	if (built_encode(&b, &diags, &bytes, &len) != RC_OK)
		abort();
	T_IS_INT(built_decode(bytes, len, &b, &again), RC_OK);
	T_IS_UINT(again.count, DIAGS_MAX);
	T_IS_UINT(again.errors, DIAGS_MAX + 50);
	end();
}

/* 268 ns in all, of two bodies; no sum that wraps around. */
static void
test_times(void)
{
	struct built b = { .times = times, .time_count = ARRAY_LEN(times), .prove_us = 0 };
	struct built_time wrap[] = { times[0], times[1] };

	T_OK(built_times_hold(&b, 2, 268));
	T_OK(!built_times_hold(&b, 2, 267));
	T_OK(!built_times_hold(&b, 1, 268));
	T_OK(!built_times_hold(&b, 3, 268));
	b.prove_us = 2;
	T_OK(built_times_hold(&b, 2, 2000));
	T_OK(!built_times_hold(&b, 2, 1999));
	b.prove_us = 0;
	for (size_t i = 0; i < 4; i++) {
		le64 *at = i % 2 == 0 ? &wrap[i / 2].pack_ns : &wrap[i / 2].prove_ns, was = *at;

		b.times = wrap;
		*at = le64_put(UINT64_MAX - 9);
		T_OK(!built_times_hold(&b, 2, 268));
		*at = was;
	}
}

int
main(void)
{
	T_RUN(test_times);
	T_RUN(test_round);
	T_RUN(test_refused);
	T_RUN(test_cut);
	T_RUN(test_changed);
	T_RUN(test_many);
	return t_done();
}
