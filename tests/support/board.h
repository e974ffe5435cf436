/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board - struct fw with buffers, for tests: no mailbox, alerts kept in a short list.
 * Memory:  board_create allocates, board_destroy frees; a commit grows the banks as needed.
 */
#ifndef BOARD_H
#define BOARD_H

#include "fw_state.h"
#include "image.h"

enum { BOARD_ALERTS_MAX = 64 };

struct board_alert {
	uint32_t rule_id, suppressed;
	uint8_t verdict, reason;	/* of the frame; of a summary: WIRE_VERDICT__COUNT */
};

struct board {
	struct fw fw;
	uint32_t bank_bytes;
	struct board_alert alerts[BOARD_ALERTS_MAX];
	uint32_t alert_count;
	bool deaf;			/* the hook has no room */
};

struct board *board_create(uint32_t flow_count, uint32_t bank_bytes);
void board_destroy(struct board **b);

/* Encodes, checks as VERIFY does, commits. Any failure is a failed CHECK. */
void board_commit(struct board *b, const struct image_input *in, uint32_t generation);
/* The same from bytes. */
void board_commit_bytes(struct board *b, const uint8_t *image, size_t len, uint32_t generation);

#endif
