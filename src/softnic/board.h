/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board - the memory the firmware runs in on a host: for the software NIC and for `judge`.
 * Does:    allocates all of it once, with both image banks, and starts the firmware.
 * Units:   flows in entries.
 * Memory:  the banks are reserved, and take memory only where an image is written.
 * Limits:  BOARD_FLOWS_MAX; flow_count is raised to the next power of two.
 */
#ifndef BOARD_H
#define BOARD_H

#include "base.h"
#include "diag.h"
#include "fw_state.h"
#include "rc.h"

enum {
	BOARD_FLOWS_DEFAULT = 65536,
	BOARD_FLOWS_MAX = 1 << 22,
	BOARD_SEEN = 16384,		/* flows that are only seen */
	BOARD_ALERT_RATE = 10,		/* per rule and second */
	BOARD_ALERT_BURST = 20
};

struct board_cfg {
	uint32_t flow_count;		/* 0 = BOARD_FLOWS_DEFAULT */
	uint16_t lines_max, loads_max;	/* the profile; 0 = no bound */
	uint32_t alert_rate, alert_burst;	/* 0 = BOARD_ALERT_* */
	bool seed_fixed;		/* same frames, same verdicts: for replays */
	struct fw_mbox *mbox;		/* NULL = none */
	bool (*alert)(void *arg, const struct fw_alert *a);
	void *alert_arg;
	bool (*flow)(void *arg, const struct fw_flow_event *e);	/* NULL = none is told */
	void *flow_arg;
};

struct board {
	struct fw fw;
	struct fw_cfg cfg;
};

/* The firmware is started, nothing is committed. */
MUST_CHECK enum rc board_open(const struct board_cfg *cfg, struct board **out, struct diag *diag);
void board_close(struct board **b);

/* What VERIFY and COMMIT do, without a mailbox: copies an image into the bank that is not active,
 * checks every offset, count and loop of it with the firmware's own check, and flips to it.
 * RC_INVALID: diag names the byte; what was active still is. Counters of rules that stay go on. */
MUST_CHECK enum rc board_commit(struct board *b, const uint8_t *image, size_t len,
    uint32_t generation, struct diag *diag);

#endif
