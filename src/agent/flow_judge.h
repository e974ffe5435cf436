/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_judge - what an image says of a flow that was told: a flow of yesterday, or one that lives.
 * Does:    judges the packet that opened it, at the local IP that told it, with the firmware's own
 *          walk of the tables. One that lives in the flow table goes on as `live_flows` has it.
 * Limits:  what was told is not the whole packet: an echo is taken to have begun with its request,
 *          and no packet is a fragment.
 * Context: pure; O(1). The image passed image_check, and stands at a multiple of 16.
 * Source:  ringfence-policy(5), State; fw_judge.c is what it stands for.
 */
#ifndef FLOW_JUDGE_H
#define FLOW_JUDGE_H

#include "nic.h"

struct flow_said {
	uint8_t verdict;		/* enum wire_verdict, after the mode */
	uint8_t reason;			/* enum wire_reason */
	uint32_t rule_id;		/* of the rule or default that decides; 0 = none */
};

/* False: rules had no say in it, or its ports are not known (a fragment). */
bool flow_judge_may(const struct nic_flow *f);
/* The destination port, as rules see it, of the packet that begins an echo. */
uint16_t flow_judge_echo(uint8_t family);
/* live: it has not ended. f is one that flow_judge_may takes. */
void flow_judge(const uint8_t *image, const struct nic_flow *f, bool live, struct flow_said *out);

#endif
