/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_text - policies in text on a board, for tests that name lines.
 * Limits:  FW_TEXTS generations of a board, the first is 1; any failure is a failed CHECK.
 * Memory:  what a commit makes lives until fw_text_reset or fw_text_fini.
 */
#ifndef FW_TEXT_H
#define FW_TEXT_H

#include "diag.h"
#include "fw_board.h"

enum { FW_TEXTS = 4 };

struct fw_text {
	struct fw_board *board;
	struct arena arena;
	struct diags diags;
	struct image_symbols symbols[FW_TEXTS];		/* by generation */
};

void fw_text_init(struct fw_text *t, struct fw_board *board);
void fw_text_reset(struct fw_text *t);
void fw_text_fini(struct fw_text *t);

/* Enforces the text as a.pol, under the generation above the board's. */
void fw_text_commit(struct fw_text *t, const char *text);
/* 0 = that generation has no such rule. */
uint32_t fw_text_line(const struct fw_text *t, uint32_t generation, uint32_t rule_id);

#endif
