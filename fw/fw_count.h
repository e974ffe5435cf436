/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_count - totals of frames, and the counters that rules name.
 * Shape:   a hop counts at the rule it cites, a flow's packets at the rule that let it open.
 * Limits:  64 bits, which wrap after centuries; fw_cfg.counter_count counters.
 * Context: part of struct fw. O(1) per frame.
 */
#ifndef FW_COUNT_H
#define FW_COUNT_H

#include "fw_state.h"

void fw_count_frame(struct fw *fw, const struct fw_verdict *v, uint32_t bytes);

/* Part of a commit: image is about to be active. Where keep, a counter whose rule id it names goes
 * on in the counter that the image gives that rule; all else starts at 0. O(actions). */
void fw_count_carry(struct fw *fw, const uint8_t *image, bool keep);

#endif
