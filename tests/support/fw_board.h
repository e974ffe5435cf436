/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_board - struct fw with buffers, for tests: no mailbox, alerts kept in a short list.
 * Memory:  fw_board_create allocates, fw_board_destroy frees; a commit grows the banks as needed.
 */
#ifndef FW_BOARD_H
#define FW_BOARD_H

#include "fw_state.h"
#include "image.h"

enum { FW_BOARD_ALERTS_MAX = 64, FW_BOARD_SEEN = 4096 };

struct fw_board_alert {
	uint32_t rule_id, suppressed;
	uint8_t verdict, reason;	/* of the frame; of a summary: WIRE_VERDICT__COUNT */
};

struct fw_board {
	struct fw fw;
	uint32_t bank_bytes;
	struct fw_board_alert alerts[FW_BOARD_ALERTS_MAX];
	uint32_t alert_count;
	bool deaf;			/* the hook has no room */
};

struct fw_board *fw_board_create(uint32_t flow_count, uint32_t bank_bytes);
void fw_board_destroy(struct fw_board **b);

/* Encodes, checks as VERIFY does, commits. Any failure is a failed CHECK. */
void fw_board_commit(struct fw_board *b, const struct image_input *in, uint32_t generation);
/* The same from bytes. */
void fw_board_commit_bytes(struct fw_board *b, const uint8_t *image, size_t len,
    uint32_t generation);

#endif
