/* SPDX-License-Identifier: Apache-2.0 */
#include "fw_text.h"

#include <stdio.h>
#include <string.h>

#include "pol_ctx.h"

enum { ARENA_BYTES = 64 << 20 };

void
fw_text_init(struct fw_text *t, struct fw_board *board)
{
	memset(t, 0, sizeof(*t));
	t->board = board;
	arena_init(&t->arena, ARENA_BYTES);
	CHECK(diags_init(&t->diags));
}

void
fw_text_reset(struct fw_text *t)
{
	arena_reset(&t->arena);
	memset(t->symbols, 0, sizeof(t->symbols));
}

void
fw_text_fini(struct fw_text *t)
{
	diags_fini(&t->diags);
	arena_fini(&t->arena);
}

void
fw_text_commit(struct fw_text *t, const char *text)
{
	struct pol_source source = { "a.pol", (const uint8_t *)text, strlen(text) };
	const struct pol_limits limits = { .bytes_max = POL_EVAL_BYTES_MAX,
		.instructions_max = POL_EVAL_INSTRUCTIONS_MAX, .close = true };
	struct pol_sources sources = { &source, 1 };
	struct pol_rules *rules = arena_alloc(&t->arena, sizeof(*rules));
	uint32_t generation = t->board->fw.generation + 1;
	struct image_input in;

	CHECK(rules != NULL && generation < FW_TEXTS);
	t->diags.count = t->diags.errors = t->diags.warnings = 0;
	if (pol_eval_limited(&sources, &limits, &t->arena, rules, &t->diags) != RC_OK ||
	    pol_build(rules, POL_PASS_ALL, &t->arena, &in, &t->symbols[generation],
	    &t->diags) != RC_OK) {
		diags_print(&t->diags, stderr);
		CHECK(false);
	}
	fw_board_commit(t->board, &in, generation);
}

uint32_t
fw_text_line(const struct fw_text *t, uint32_t generation, uint32_t rule_id)
{
	CHECK(generation < FW_TEXTS);
	for (uint32_t i = 0; i < t->symbols[generation].count; i++)
		if (t->symbols[generation].items[i].rule_id == rule_id)
			return t->symbols[generation].items[i].line;
	return 0;
}
