/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_judge - one packet at one local IP.
 * Does:    live flow, rules of its own direction, the reversed packet, default: in that order.
 * Context: part of struct fw; fw->pkt is the packet. O(1): at most two walks of one table, one
 *          flow looked up, one opened.
 * Source:  ringfence-policy(5), State and Order.
 */
#ifndef FW_JUDGE_H
#define FW_JUDGE_H

#include "fw_flow.h"
#include "fw_match.h"

/* Everything the judgement of one hop works with. */
struct fw_at {
	uint64_t now_ns;
	uint32_t body, slots;		/* of the table; no struct fw_table, of which compilers read
					 * more at once than they wrote */
	uint8_t dir;			/* enum wire_dir */
};

static inline struct fw_table
fw_at_table(const struct fw_at *at)
{
	return (struct fw_table){ at->body, at->slots };
}

/* Key of fw->pkt for the rules, at its source (WIRE_OUT) or destination. */
void fw_judge_key(const struct fw_pkt *p, uint8_t dir, struct fw_key *key);

/* What is left of a drop of mode. */
uint8_t fw_judge_soften(uint8_t mode);

/* The table's default mode decides, for reasons no rule has a say in: fault or fragment. */
void fw_judge_default(struct fw *fw, const struct fw_at *at, uint8_t reason, struct fw_hop *hop);

void fw_judge_hop(struct fw *fw, const struct fw_at *at, struct fw_hop *hop);

/* Judges a flow again by its opening packet, under the active image. False: it may not go on, and
 * has ended. */
bool fw_judge_flow(struct fw *fw, struct fw_flow *f, uint64_t now_ns);

#endif
