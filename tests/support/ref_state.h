/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ref_state - judgement of packets with state, as ringfence-policy(5) has it, the obvious way.
 * Does:    lists of flows and datagrams that are searched from end to end; rules by pol_ref_match;
 *          packets as their makers meant them (frames.h), never as bytes. Shares nothing with fw/.
 * Limits:  REF_*_MAX, a failed CHECK beyond; 1,024 datagrams as the language says.
 */
#ifndef REF_STATE_H
#define REF_STATE_H

#include "frames.h"
#include "pol.h"

enum { REF_FLOWS_MAX = 8192, REF_DATAGRAMS_MAX = 1024, REF_RUNS_MAX = 16, REF_RULES_MAX = 16 };

/* What a frame's maker knows of it beside its frame_spec. */
struct ref_pkt {
	struct frame_spec s;
	uint8_t fault;			/* 0, WIRE_REASON_MALFORMED, WIRE_REASON_FRAGMENT */
	const struct frame_spec *about;	/* the packet an ICMP error quotes in whole */
};

struct ref_hop {
	uint8_t dir, verdict, reason;
	struct addr local;
	uint32_t generation;
	uint32_t rule, segment;		/* as in struct pol_outcome, in that generation's rules */
	uint64_t flow;			/* number of the flow it belongs to, from 1; 0 = none */
};

struct ref_verdict {
	uint8_t verdict, reason;
	uint32_t hop_count;
	struct ref_hop hops[2];
	struct ref_hop guard;		/* hop_count 0 and reason rule: what decided */
};

struct ref;

struct ref *ref_create(void);
void ref_destroy(struct ref **ref);
/* Borrows rules until the end of ref. Generations start at 1 and count up. */
void ref_commit(struct ref *ref, const struct pol_rules *rules, uint32_t generation);
void ref_judge(struct ref *ref, const struct ref_pkt *p, uint64_t now_ns, struct ref_verdict *out);

#endif
