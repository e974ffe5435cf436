/* SPDX-License-Identifier: Apache-2.0 */
/* board - memory for the firmware, and images into it. */
#define _GNU_SOURCE
#include "board.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

static uint8_t *
bank_open(void)
{
	void *p = mmap(NULL, WIRE_IMAGE_BYTES_MAX, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* On lines of their own; fw_init clears them. */
static void *
lines_open(size_t bytes)
{
	return aligned_alloc(64, bytes);
}

static uint32_t
power_of_two(uint32_t n)
{
	uint32_t p = 2 * FW_FLOW_WAYS;

	while (p < n)
		p *= 2;
	return p;
}

enum rc
board_open(const struct board_cfg *cfg, struct board **out, struct diag *diag)
{
	uint32_t flows = cfg->flow_count != 0 ? cfg->flow_count : BOARD_FLOWS_DEFAULT;
	struct board *b;
	enum rc rc = RC_NOMEM;

	*out = NULL;
	if (flows > BOARD_FLOWS_MAX) {
		diag_set(diag, "flows", "%u flows; the limit is %d", flows, BOARD_FLOWS_MAX);
		return RC_LIMIT;
	}
	b = aligned_alloc(64, (sizeof(*b) + 63) & ~(size_t)63);
	if (b == NULL)
		goto out;
	memset(b, 0, sizeof(*b));
	b->cfg = (struct fw_cfg) {
		.bank = { bank_open(), bank_open() },
		.bank_bytes = WIRE_IMAGE_BYTES_MAX,
		.flow_count = power_of_two(flows),
		.frags = calloc(1, sizeof(struct fw_frags)),
		.counters = calloc(WIRE_COUNTERS_MAX, sizeof(struct fw_counter)),
		.counter_count = WIRE_COUNTERS_MAX,
		.alert_slots = calloc(FW_ALERT_SLOTS, sizeof(struct fw_alert_slot)),
		.lines_max = cfg->lines_max,
		.loads_max = cfg->loads_max,
		.alert_rate = cfg->alert_rate != 0 ? cfg->alert_rate : BOARD_ALERT_RATE,
		.alert_burst = cfg->alert_burst != 0 ? cfg->alert_burst : BOARD_ALERT_BURST,
		.alert = cfg->alert,
		.alert_arg = cfg->alert_arg,
		.flow = cfg->flow,
		.flow_arg = cfg->flow_arg,
		.seen = lines_open(BOARD_SEEN * sizeof(struct fw_seen)),
		.seen_sets = calloc(BOARD_SEEN / FW_SEEN_WAYS, sizeof(struct fw_seen_set)),
		.seen_count = BOARD_SEEN,
		.mbox = cfg->mbox,
	};
	b->cfg.flows = lines_open(b->cfg.flow_count * sizeof(struct fw_flow));
	b->cfg.openings = calloc(b->cfg.flow_count, sizeof(struct fw_opening));
	b->cfg.tallies = lines_open(b->cfg.flow_count * sizeof(struct fw_tally));
	b->cfg.flow_tags = calloc(b->cfg.flow_count, sizeof(*b->cfg.flow_tags));
	b->cfg.flow_bounds = calloc(b->cfg.flow_count / FW_FLOW_WAYS, sizeof(uint64_t));
	if (b->cfg.bank[0] == NULL || b->cfg.bank[1] == NULL || b->cfg.flows == NULL ||
	    b->cfg.flow_tags == NULL || b->cfg.flow_bounds == NULL ||
	    b->cfg.tallies == NULL || b->cfg.openings == NULL ||
	    b->cfg.seen == NULL || b->cfg.seen_sets == NULL ||
	    b->cfg.frags == NULL || b->cfg.counters == NULL || b->cfg.alert_slots == NULL)
		goto out;
	if (!cfg->seed_fixed && getrandom(b->cfg.seed, sizeof(b->cfg.seed), 0) !=
	    (ssize_t)sizeof(b->cfg.seed)) {
		rc = rc_from_errno(errno);
		goto out;
	}
	fw_init(&b->fw, &b->cfg);
	*out = b;
	return RC_OK;
out:
	diag_set(diag, rc_name(rc), "cannot set up the firmware's memory (%u flows)", flows);
	board_close(&b);
	return rc;
}

void
board_close(struct board **b)
{
	if (*b == NULL)
		return;
	for (int i = 0; i < 2; i++) {
		if ((*b)->cfg.bank[i] != NULL)
			munmap((*b)->cfg.bank[i], WIRE_IMAGE_BYTES_MAX);
	}
	free((*b)->cfg.flows);
	free((*b)->cfg.flow_tags);
	free((*b)->cfg.flow_bounds);
	free((*b)->cfg.tallies);
	free((*b)->cfg.openings);
	free((*b)->cfg.seen);
	free((*b)->cfg.seen_sets);
	free((*b)->cfg.frags);
	free((*b)->cfg.counters);
	free((*b)->cfg.alert_slots);
	free(*b);
	*b = NULL;
}

enum rc
board_commit(struct board *b, const uint8_t *image, size_t len, uint32_t generation,
    struct diag *diag)
{
	uint32_t bank = fw_bank_staged(&b->fw), bad_at = 0;

	CHECK(generation != 0);
	CHECK(bank < 2);
	if (len > WIRE_IMAGE_BYTES_MAX) {
		diag_set(diag, "image-size", "image of %zu bytes; the limit is %d", len,
		    WIRE_IMAGE_BYTES_MAX);
		return RC_LIMIT;
	}
	if (len > 0)
		memcpy(b->cfg.bank[bank], image, len);
	if (!fw_image_check(b->cfg.bank[bank], (uint32_t)len, &bad_at)) {
		diag_set(diag, "image-invalid", "the firmware refuses the image: byte %u of %zu is "
		    "wrong", bad_at, len);
		return RC_INVALID;
	}
	fw_image_activate(&b->fw, bank, (uint32_t)len, generation, true);
	return RC_OK;
}
