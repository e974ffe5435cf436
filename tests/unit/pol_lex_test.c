/* SPDX-License-Identifier: Apache-2.0 */
/* pol_lex - tokens and their places, lists of numbers, address literals. */
#include "pol_lex.h"
#include "t.h"

static void
lex(const char *text, struct arena *a, struct pol_toks *ts)
{
	arena_init(a, 1 << 20);
	T_IS_INT(pol_lex((const uint8_t *)text, strlen(text), a, ts), RC_OK);
}

struct tokens {
	const char *name;
	const char *text;
	const char *want;	/* kind letters: Name String nUmber Open Close oTher, in order */
};

static const struct tokens token_rows[] = {
	{ "nothing", "", "" },
	{ "space", " \t\r\n\n", "" },
	{ "a rule", "inbound { allow = tcp(443) }", "NONTNOUCC" },
	{ "comments", "a -- b\n--[[ c\n d ]] e --[==[ ]] ]==] f --[ g\nh", "NNNN" },
	{ "strings", "\"a\\\"b\" 'c' [[d\n]]e]] [=[ ]] ]=] f", "SSSNCCSN" },
	{ "a string that does not end", "\"abc\nx", "SN" },
	{ "a string over lines", "'a\\\nb' 'a\\z\n  b' c", "SSN" },
	{ "a long string that does not end", "[[abc\n", "S" },
	{ "an index is no string", "a[b] a[=b", "NONCNOTN" },
	{ "numbers", "1 0x1p4 .5 3.14 1e10 1..2", "UUUUUU" },
	{ "operators", "a == b ~= c .. d", "NTNTNTN" },
	{ "odd bytes", "\001 \377", "TT" },
};

static void
tokens(const struct tokens *row)
{
	static const char letters[] = { [POL_TOK_NAME] = 'N', [POL_TOK_STRING] = 'S',
		[POL_TOK_NUMBER] = 'U', [POL_TOK_OPEN] = 'O', [POL_TOK_CLOSE] = 'C',
		[POL_TOK_OTHER] = 'T' };
	char got[64] = "";
	struct pol_toks ts;
	struct arena a;

	lex(row->text, &a, &ts);
	for (uint32_t i = 0; i + 1 < ts.count && i < sizeof(got) - 1; i++)
		got[i] = letters[ts.items[i].kind];
	T_IS_STR(got, row->want);
	T_IS_UINT(ts.items[ts.count - 1].kind, POL_TOK_END);
	arena_fini(&a);
}

/* Lines as Lua counts them, columns in bytes. */
static void
lines_and_columns(void)
{
	static const struct { uint32_t line, col; } want[] = { { 1, 1 }, { 2, 2 }, { 3, 1 }, { 5,
	    3 },
		{ 6, 1 }, { 7, 4 } };
	struct pol_toks ts;
	struct arena a;

	lex("a\r\n b\rc\n\n\t\td\n\r'e\\\nx' f", &a, &ts);
	if (T_IS_UINT(ts.count, 7))
		for (uint32_t i = 0; i < 6; i++) {
			T_IS_UINT(ts.items[i].line, want[i].line);
			T_IS_UINT(pol_tok_col(&ts, i), want[i].col);
		}
	T_IS_UINT(pol_tok_line(&ts, 5), 3);
	T_IS_UINT(pol_tok_line(&ts, 4), 3);
	T_IS_UINT(pol_tok_line(&ts, 99), 6);
	arena_fini(&a);
}

/* The table of a call, however it is written, and the keys directly in it. */
static void
keys_of_a_table(void)
{
	static const char *const calls[] = { "w { k = { k = 1 }, x = k, f(k), k = 2 }",
		"w 'n' { k = { k = 1 }, x = k, f(k), k = 2 }",
		"w('n')({ k = { k = 1 }, x = k, f(k), k = 2 })",
		"w({ k = { k = 1 }, x = k, f(k), k = 2 })" };
	struct pol_toks ts;
	struct arena a;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		uint32_t brace, first, second;

		lex(calls[i], &a, &ts);
		brace = pol_tok_table(&ts, 0);
		first = pol_tok_key(&ts, brace, "k", 0);
		second = pol_tok_key(&ts, brace, "k", 1);
		T_OK(pol_tok_is(&ts, brace, "{"));
		T_IS_UINT(first, brace + 1);
		T_OK(second != POL_NO_TOK && pol_tok_is(&ts, second + 2, "2"));
		T_IS_UINT(pol_tok_key(&ts, brace, "k", 2), POL_NO_TOK);
		T_IS_UINT(pol_tok_key(&ts, brace, "n", 0), POL_NO_TOK);
		arena_fini(&a);
	}
	lex("w(x) y { k = 1 }", &a, &ts);
	T_IS_UINT(pol_tok_table(&ts, 0), POL_NO_TOK);
	T_IS_UINT(pol_tok_table(&ts, ts.count - 1), POL_NO_TOK);
	T_IS_UINT(pol_tok_table(&ts, POL_NO_TOK), POL_NO_TOK);
	arena_fini(&a);
}

struct ranges {
	const char *name;	/* also the text */
	const char *why;	/* NULL where it is one */
	uint32_t count, lo, hi;	/* of the last range */
};

static const struct ranges range_rows[] = {
	{ "0", NULL, 1, 0, 0 },
	{ "65535", NULL, 1, 65535, 65535 },
	{ "65536", "is out of range", 0, 0, 0 },
	{ "99999999999999999999", "is out of range", 0, 0, 0 },
	{ "1-2", NULL, 1, 1, 2 },
	{ "2-2", NULL, 1, 2, 2 },
	{ "2-1", "ends before it begins", 0, 0, 0 },
	{ "1,2-3, 4 - 5", NULL, 3, 4, 5 },
	{ "1,2,3,4", NULL, 4, 4, 4 },
	{ "1,2,3,4,5", "has too many ranges", 0, 0, 0 },
	{ "", "is not a number, a range or a list of them", 0, 0, 0 },
	{ "1,", "is not a number, a range or a list of them", 0, 0, 0 },
	{ ",1", "is not a number, a range or a list of them", 0, 0, 0 },
	{ "1-", "is not a number, a range or a list of them", 0, 0, 0 },
	{ "-1", "is not a number, a range or a list of them", 0, 0, 0 },
	{ "0x10", "is not a number, a range or a list of them", 0, 0, 0 },
	{ "1-2-3", "is not a number, a range or a list of them", 0, 0, 0 },
	{ "1 2", "is not a number, a range or a list of them", 0, 0, 0 },
};

static void
number_ranges(const struct ranges *row)
{
	struct pol_num_range out[4] = { { 0, 0 } };
	uint32_t count;
	const char *why = pol_lex_ranges(row->name, strlen(row->name), 65535, out, 4, &count);

	T_IS_STR(why, row->why);
	if (why == NULL && T_IS_UINT(count, row->count)) {
		T_IS_UINT(out[count - 1].lo, row->lo);
		T_IS_UINT(out[count - 1].hi, row->hi);
	}
}

struct literal {
	const char *name;	/* also the text */
	const char *want;	/* the range, or the code of the error */
};

static const struct literal literals[] = {
	{ "10.0.0.1", "10.0.0.1" }, { "0.0.0.0/0", "0.0.0.0/0" }, { "10.0.0.1/32", "10.0.0.1" },
	{ "::/0", "::/0" }, { "fd00::1/128", "fd00::1" }, { "10.0.0.0-10.0.0.255", "10.0.0.0/24" },
	{ "10.0.0.0-10.0.1.0", "10.0.0.0-10.0.1.0" }, { "fd00::1-fd00::2", "fd00::1-fd00::2" },
	{ "10.0.0.1/31", "host-bits" }, { "fd00::1/64", "host-bits" }, { "10.0.0.0/33",
	    "bad-prefix" },
	{ "::/129", "bad-prefix" }, { "10.0.0.0/999", "bad-prefix" }, { "10.0.0.0/+8",
	    "bad-address" },
	{ "10.0.0.0/0008", "bad-address" }, { "10.0.0.2-10.0.0.1", "bad-range" },
	{ "10.0.0.1-::1", "bad-range" }, { "", "bad-address" }, { "/8", "bad-address" },
	{ "10.0.0.256", "bad-address" }, { "10.0.0.1 ", "bad-address" }, { "a", "bad-address" },
};

static void
address_literal(const struct literal *row)
{
	char got[2 * ADDR_TEXT_BYTES] = "";
	struct addr_range r;
	struct diag d;

	if (pol_lex_addr(row->name, strlen(row->name), &r, &d)) {
		addr_range_print(&r, got);
		T_IS_STR(got, row->want);
	} else {
		T_IS_STR(d.code, row->want);
		T_OK(d.text[0] != '\0');
	}
}

int
main(void)
{
	T_ROWS(token_rows, tokens);
	T_RUN(lines_and_columns);
	T_RUN(keys_of_a_table);
	T_ROWS(range_rows, number_ranges);
	T_ROWS(literals, address_literal);
	return t_done();
}
