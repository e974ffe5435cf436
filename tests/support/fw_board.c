/* SPDX-License-Identifier: Apache-2.0 */
#include "fw_board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
keep_alert(void *arg, const struct fw_alert *a)
{
	struct fw_board *b = arg;

	if (b->deaf)
		return false;
	if (b->alert_count < FW_BOARD_ALERTS_MAX) {
		b->alerts[b->alert_count] = (struct fw_board_alert){ .rule_id = a->rule_id,
			.suppressed = a->suppressed,
			.verdict = a->verdict != NULL ? a->verdict->verdict : WIRE_VERDICT__COUNT,
			.reason = a->verdict != NULL ? a->verdict->reason : 0 };
	}
	b->alert_count++;
	return true;
}

static void *
zeroed(size_t n)
{
	void *p = aligned_alloc(64, (n + 63) / 64 * 64);

	CHECK(p != NULL);
	memset(p, 0, n);
	return p;
}

struct fw_board *
fw_board_create(uint32_t flow_count, uint32_t bank_bytes)
{
	struct fw_board *b = zeroed(sizeof(*b));
	struct fw_cfg cfg = {
		.bank = { zeroed(bank_bytes), zeroed(bank_bytes) },
		.bank_bytes = bank_bytes,
		.flows = zeroed(flow_count * sizeof(struct fw_flow)),
		.flow_tags = zeroed(flow_count * sizeof(uint16_t)),
		.flow_bounds = zeroed(flow_count / FW_FLOW_WAYS * sizeof(uint64_t)),
		.openings = zeroed(flow_count * sizeof(struct fw_opening)),
		.seen_sets = zeroed(FW_BOARD_SEEN / FW_SEEN_WAYS * sizeof(struct fw_seen_set)),
		.tallies = zeroed(flow_count * sizeof(struct fw_tally)),
		.flow_count = flow_count,
		.seen = zeroed(FW_BOARD_SEEN * sizeof(struct fw_seen)),
		.seen_count = FW_BOARD_SEEN,
		.frags = zeroed(sizeof(struct fw_frags)),
		.counters = zeroed(WIRE_COUNTERS_MAX * sizeof(struct fw_counter)),
		.counter_count = WIRE_COUNTERS_MAX,
		.alert_slots = zeroed(FW_ALERT_SLOTS * sizeof(struct fw_alert_slot)),
		.alert_rate = 10, .alert_burst = 5,
		.alert = keep_alert, .alert_arg = b,
		.seed = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
	};

	fw_init(&b->fw, &cfg);
	return b;
}

void
fw_board_destroy(struct fw_board **b)
{
	if (*b == NULL)
		return;
	struct fw_cfg *cfg = &(*b)->fw.cfg;

	free(cfg->bank[0]);
	free(cfg->bank[1]);
	free(cfg->flows);
	free(cfg->flow_tags);
	free(cfg->flow_bounds);
	free(cfg->tallies);
	free(cfg->seen);
	free(cfg->seen_sets);
	free(cfg->openings);
	free(cfg->frags);
	free(cfg->counters);
	free(cfg->alert_slots);
	free(*b);
	*b = NULL;
}

void
fw_board_commit_bytes(struct fw_board *b, const uint8_t *image, size_t len, uint32_t generation)
{
	struct fw *fw = &b->fw;
	uint32_t bank = fw_bank_staged(fw), bad_at = 0;

	CHECK(len <= fw->cfg.bank_bytes);
	memcpy(fw->cfg.bank[bank], image, len);
	if (!fw_image_check(fw->cfg.bank[bank], (uint32_t)len, &bad_at)) {
		fprintf(stderr, "image refused at byte %u of %zu\n", bad_at, len);
		CHECK(false);
	}
	fw_image_activate(fw, bank, (uint32_t)len, generation, true);
}

void
fw_board_commit(struct fw_board *b, const struct image_input *in, uint32_t generation)
{
	struct diag diag;
	uint8_t *image = NULL;
	size_t len = 0;
	enum rc rc = image_encode(in, &image, &len, &diag);

	CHECK(rc == RC_OK);
	fw_board_commit_bytes(b, image, len, generation);
	free(image);
}
