/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_lex - the words of a policy file with their places, and the literals in its strings.
 * Does:    cuts Lua text into tokens, so that a message can point at the offending word (Lua knows
 *          lines only); reads "443", "8000-8099", "80,443", and address literals.
 * Shape:   tokens in order; a bracket names its partner; the last token is POL_TOK_END.
 * Limits:  brackets nest POL_NESTING_MAX deep; deeper ones have no partner, and deep says where.
 * Memory:  tokens live in the arena; the text is borrowed for as long as they do.
 * Context: pure. Foreign text: never fails on what it says, only on memory.
 */
#ifndef POL_LEX_H
#define POL_LEX_H

#include "addr.h"
#include "arena.h"
#include "diag.h"
#include "rc.h"

enum pol_tok_kind {
	POL_TOK_END = 0,
	POL_TOK_NAME,		/* also keywords */
	POL_TOK_STRING,		/* with its quotes */
	POL_TOK_NUMBER,
	POL_TOK_OPEN,		/* ( { [ */
	POL_TOK_CLOSE,
	POL_TOK_OTHER
};

#define POL_NO_TOK UINT32_MAX

struct pol_tok {
	uint32_t at;		/* bytes in the text */
	uint32_t len : 24, kind : 8;
	uint32_t line;		/* 1-based, where it begins */
	uint32_t pair;		/* of a bracket: its partner or POL_NO_TOK */
};
_Static_assert(sizeof(struct pol_tok) == 16, "a big file has a million tokens");

struct pol_toks {
	const uint8_t *text;
	size_t len;
	struct pol_tok *items;
	uint32_t count;		/* with the POL_TOK_END */
	uint32_t deep;		/* first bracket nested too deep, or POL_NO_TOK */
};

MUST_CHECK enum rc pol_lex(const uint8_t *text, size_t len, struct arena *a, struct pol_toks *out);

/* 1-based column in bytes. */
uint32_t pol_tok_col(const struct pol_toks *ts, uint32_t tok);
bool pol_tok_is(const struct pol_toks *ts, uint32_t tok, const char *text);
/* First token on line or after it; count - 1 (the end) where there is none. */
uint32_t pol_tok_line(const struct pol_toks *ts, uint32_t line);

/* The brace that opens the last argument of a call, for word in `word { }`, `word "x" { }`,
 * `word("x")({ })`; POL_NO_TOK where the argument is no table written there. */
uint32_t pol_tok_table(const struct pol_toks *ts, uint32_t word);
/* The n-th (from 0) `key =` written directly in the braces that open at brace. */
uint32_t pol_tok_key(const struct pol_toks *ts, uint32_t brace, const char *key, unsigned n);
/* The string or number token with this value within the call of word; else the word. */
uint32_t pol_tok_value(const struct pol_toks *ts, uint32_t word, const char *value, size_t len);

struct pol_num_range {
	uint32_t lo, hi;
};

/* "N", "N-M", "N,M-K": at most max_count ranges of numbers up to max. NULL where that is what the
 * text says, else what it "is" or "has" instead. */
const char *pol_lex_ranges(const char *text, size_t len, uint32_t max, struct pol_num_range *out,
    uint32_t max_count, uint32_t *count);

/* "A", "A/LEN", "A-B". On false d holds the message and hint, without a place. */
MUST_CHECK bool pol_lex_addr(const char *text, size_t len, struct addr_range *out, struct diag *d);

#endif
