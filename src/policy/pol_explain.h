/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_explain - one packet end to end, and why: the rules as written, not the table.
 * Does:    judges outbound at the source where it is local, then inbound at the destination; names
 *          the deciding rule of each hop, and of what does not pass the allow that misses it on
 *          the fewest axes, with each axis, its bound and the packet's value.
 * Shape:   the packet is judged alone: no flow lives, no datagram was begun. So a later fragment
 *          has reason fragment, and a TCP packet that is no bare SYN may be picked up.
 * Context: pure; linear in the rules.
 */
#ifndef POL_EXPLAIN_H
#define POL_EXPLAIN_H

#include "pol_packet.h"

enum pol_axis {
	POL_AXIS_DIRECTION, POL_AXIS_PROTOCOL, POL_AXIS_PEER, POL_AXIS_PORT, POL_AXIS_SPORT,
	POL_AXIS_VLAN, POL_AXIS__COUNT
};

enum { POL_BOUND_BYTES = 320, POL_VALUE_BYTES = 64 };

struct pol_miss {
	uint8_t axis;				/* enum pol_axis */
	char bound[POL_BOUND_BYTES];		/* what the rule takes */
	char value[POL_VALUE_BYTES];		/* what the packet has */
};

struct pol_hop {
	uint8_t dir, verdict, reason;
	bool reply;			/* the reversed packet decided: an answer of an allow */
	struct addr local;		/* family 0: a guard rule, of a packet without local IP */
	uint32_t rule, segment;		/* as in struct pol_outcome */
	uint32_t near;			/* the nearest allow; UINT32_MAX = none */
	uint32_t miss_count;		/* 0 with a near: it matches, and something beats it */
	struct pol_miss misses[POL_AXIS__COUNT];
};

struct pol_explained {
	uint8_t verdict, reason;	/* of the whole packet */
	uint32_t hop_count;
	struct pol_hop hops[2];
};

void pol_explain(const struct pol_rules *r, const struct pol_packet *p, struct pol_explained *out);
const char *pol_axis_name(uint8_t axis);

#endif
