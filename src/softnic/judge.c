/* SPDX-License-Identifier: Apache-2.0 */
/* judge - frames through the firmware, in this process. */
#include "judge.h"

#include <stdlib.h>

#include "board.h"
#include "cut.h"

enum { SWEEP_EVERY = 64 };	/* frames; as the software NIC, which polls between bursts */

struct judge {
	struct board *board;
	struct cut cut;
	uint64_t now_ns;
	uint32_t since_sweep;
};

enum rc
judge_open(const uint8_t *image, size_t len, uint32_t generation, uint32_t flow_count,
    struct judge **out, struct diag *diag)
{
	const struct board_cfg cfg = { .flow_count = flow_count, .seed_fixed = true };
	struct judge *j = calloc(1, sizeof(*j));
	enum rc rc;

	*out = NULL;
	if (j == NULL)
		return RC_NOMEM;
	rc = board_open(&cfg, &j->board, diag);
	if (rc == RC_OK && image != NULL)
		rc = board_commit(j->board, image, len, generation, diag);
	if (rc != RC_OK) {
		judge_close(&j);
		return rc;
	}
	*out = j;
	return RC_OK;
}

void
judge_close(struct judge **j)
{
	if (*j == NULL)
		return;
	board_close(&(*j)->board);
	cut_fini(&(*j)->cut);
	free(*j);
	*j = NULL;
}

enum rc
judge_commit(struct judge *j, const uint8_t *image, size_t len, uint32_t generation,
    struct diag *diag)
{
	return board_commit(j->board, image, len, generation, diag);
}

void
judge_frame(struct judge *j, const uint8_t *frame, uint32_t len_bytes, uint32_t orig_bytes,
    uint64_t time_ns, struct fw_verdict *out, uint32_t *judged_bytes)
{
	uint32_t bytes;
	const uint8_t *p = cut_fill(&j->cut, frame, len_bytes, orig_bytes, &bytes);

	j->now_ns = MAX(j->now_ns, time_ns);
	fw_packet(&j->board->fw, p, bytes, j->now_ns, out);
	CHECK(out->verdict < WIRE_VERDICT__COUNT && out->hop_count <= 2);
	if (++j->since_sweep == SWEEP_EVERY) {
		j->since_sweep = 0;
		fw_sweep(&j->board->fw, j->now_ns);
	}
	if (judged_bytes != NULL)
		*judged_bytes = bytes;
}

const struct fw *
judge_fw(const struct judge *j)
{
	return &j->board->fw;
}
