/* SPDX-License-Identifier: Apache-2.0 */
/* symbols_test - the symbols file both ways; every truncation and changed byte is refused. */
#include "t.h"

#include "image.h"

static struct arena arena;

static struct image_symbol items[] = {
	{ 1, "a.pol", 1, 1, "pay-web", "", true, WIRE_COUNTER_NONE, { 0, 0 } },
	{ 0x7f, "sub/b c.pol", 41, 5, "pay db", "CHG-4471, 100% \t\n\x7f sure", false, 0,
	    { 200000, 1 } },
	{ 0xfffffffe, "\xc3\xa9.pol", UINT32_MAX, UINT32_MAX, "-", "%", false, 1023,
	    { 0, ADDR_SET_RANGES_MAX } },
};
static struct image_symbols symbols = { 7, { 1, 2, 3, 0xff }, items, ARRAY_LEN(items) };

static void
test_both_ways(void)
{
	struct image_symbols got;
	struct diag d = { 0 };
	uint8_t *p;
	size_t len;

	arena_reset(&arena);
	T_OK(image_symbols_encode(&symbols, &arena, &p, &len) == RC_OK);
	T_OK(image_symbols_decode(p, len, &arena, &got, &d) == RC_OK);
	T_IS_UINT(got.generation, 7);
	T_IS_MEM(got.image_sha256, symbols.image_sha256, 32);
	if (!T_IS_UINT(got.count, ARRAY_LEN(items)))
		return;
	for (uint32_t i = 0; i < got.count; i++) {
		T_IS_UINT(got.items[i].rule_id, items[i].rule_id);
		T_IS_STR(got.items[i].file, items[i].file);
		T_IS_STR(got.items[i].segment, items[i].segment);
		T_IS_STR(got.items[i].why, items[i].why);
		T_IS_UINT(got.items[i].line, items[i].line);
		T_IS_UINT(got.items[i].col, items[i].col);
		T_IS_UINT(got.items[i].counter, items[i].counter);
		T_IS_UINT(got.items[i].ranges[0], items[i].ranges[0]);
		T_IS_UINT(got.items[i].ranges[1], items[i].ranges[1]);
		T_OK(got.items[i].is_default == items[i].is_default);
		T_OK(image_symbol_find(&got, items[i].rule_id) == &got.items[i]);
		T_OK(image_symbol_find(&got, items[i].rule_id + 1) == NULL);
		T_OK(image_symbol_find(&got, items[i].rule_id - 1) == NULL);
	}
}

static void
test_text(void)
{
	static const char want[] = "ringfence-symbols 2\ngeneration 7\nimage "
	    "010203ff00000000000000000000000000000000000000000000000000000000\ncount 3\n"
	    "00000001\tdefault\t-\t0\t0\t1\t1\ta.pol\tpay-web\t\n"
	    "0000007f\trule\t0\t200000\t1\t41\t5\tsub/b c.pol\tpay db\t"
	    "CHG-4471, 100%25 %09%0a%7f sure\n";
	uint8_t *p;
	size_t len;

	arena_reset(&arena);
	T_OK(image_symbols_encode(&symbols, &arena, &p, &len) == RC_OK);
	if (T_OK(len > sizeof(want)))
		T_IS_MEM(p, want, sizeof(want) - 1);
	T_OK(memchr(p, 0, len) == NULL && p[len - 1] == '\n');
}

static void
test_empty(void)
{
	struct image_symbols none = { .generation = 0 }, got;
	uint8_t *p;
	size_t len;

	arena_reset(&arena);
	T_OK(image_symbols_encode(&none, &arena, &p, &len) == RC_OK);
	T_OK(image_symbols_decode(p, len, &arena, &got, NULL) == RC_OK && got.count == 0);
	T_OK(image_symbol_find(&got, 1) == NULL);
}

static void
test_hostile(void)
{
	struct image_symbols got;
	struct diag d;
	struct arena tmp;
	uint8_t *p;
	size_t len;

	arena_reset(&arena);
	arena_init(&tmp, 1 << 20);
	T_OK(image_symbols_encode(&symbols, &arena, &p, &len) == RC_OK);
	for (size_t n = 0; n < len; n++) {
		uint8_t *q = malloc(n + 1);

		if (!T_OK(q != NULL))
			break;
		memcpy(q, p, n);
		memset(&d, 0, sizeof(d));
		T_OK(image_symbols_decode(q, n, &tmp, &got, &d) != RC_OK && got.count == 0);
		T_OK(d.level == DIAG_ERROR && d.text[0] != '\0');
		free(q);
		arena_reset(&tmp);
	}
	for (size_t i = 0; i < 255 * len; i++) {
		uint8_t was = p[i / 255];

		p[i / 255] = (uint8_t)(was + 1 + i % 255);
		if (!T_OK(image_symbols_decode(p, len, &tmp, &got, NULL) != RC_OK))
			break;
		p[i / 255] = was;
		arena_reset(&tmp);
	}
	arena_fini(&tmp);
}

static void
test_no_memory(void)
{
	struct image_symbols got;
	struct arena none;
	uint8_t *p, *q;
	size_t len, n;

	arena_reset(&arena);
	arena_init(&none, 1);
	T_OK(image_symbols_encode(&symbols, &none, &q, &n) == RC_NOMEM && q == NULL);
	T_OK(image_symbols_encode(&symbols, &arena, &p, &len) == RC_OK);
	T_OK(image_symbols_decode(p, len, &none, &got, NULL) == RC_NOMEM && got.items == NULL);
	arena_fini(&none);
}

int
main(void)
{
	arena_init(&arena, (size_t)16 << 20);
	T_RUN(test_both_ways);
	T_RUN(test_text);
	T_RUN(test_empty);
	T_RUN(test_hostile);
	T_RUN(test_no_memory);
	arena_fini(&arena);
	return t_done();
}
