/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw - the firmware core: owns the active image, judges packets, counts, keeps flows, alerts.
 * Does:    one call a packet, one call a mailbox poll; nothing else runs.
 * Shape:   all state in one struct fw and the buffers of struct fw_cfg, given once; no heap, no
 *          libc, no recursion. Two image banks; COMMIT flips one index between two packets.
 * Units:   times in nanoseconds of one monotonic clock, given by the caller.
 * Limits:  fw_cfg's counts; a full flow table drops new flows (reason flow-full), never evicts.
 * Context: one thread. The board is reached only through fw_port.h.
 */
#ifndef FW_H
#define FW_H

#include "wire_types.h"
#include "wire_verdict.h"

struct fw;

/* One judgement, at one local IP. */
struct fw_hop {
	uint8_t dir;		/* enum wire_dir */
	uint8_t verdict;	/* enum wire_verdict, after the mode */
	uint8_t reason;		/* enum wire_reason */
	uint8_t family;		/* of local: 4, 6 */
	uint8_t local[16];	/* network order, v4 in the first 4 */
	uint32_t rule_id;	/* the deciding rule or default; 0 = none */
	uint32_t generation;	/* whose text names rule_id: older than the verdict's where a
				 * drained flow or a datagram's first fragment decided */
	uint16_t counter;	/* the rule's, or WIRE_COUNTER_NONE */
	bool log;		/* the rule asks for an alert on pass */
	uint32_t flow;		/* place in the flow table: index + 1; 0 = it has none */
};

/* What was found in the headers, for alerts and records. */
struct fw_tuple {
	uint8_t family;		/* 4, 6; 0 = not IP */
	uint8_t proto, tcp_flags, frag;
	uint8_t src[16], dst[16];
	uint16_t sport, dport;	/* ICMP: 0 and type << 8 | code */
	uint16_t vlan;		/* VID or WIRE_VLAN_NONE */
};

/* verdict and reason are those of the first drop, else of the first would-drop, else of the last
 * hop; without a hop, of the defaults that apply. */
struct fw_verdict {
	uint8_t verdict, reason, hop_count;
	bool log;			/* of the deciding hop or guard rule */
	uint16_t counter;		/* likewise */
	uint32_t rule_id;		/* likewise; a guard rule decides without a hop; 0 = none */
	uint32_t generation;
	struct fw_hop hops[2];
	struct fw_tuple tuple;
};

/* Judges one frame (Ethernet header first, tags in place). O(1): bounded by the active image's
 * profile, two local IPs, WIRE_EXT_MAX extension headers. */
void fw_packet(struct fw *fw, const uint8_t *frame, uint32_t len, uint64_t now_ns,
    struct fw_verdict *out);

/* Serves at most one request per mailbox slot, and the heartbeat. Between packets only. */
void fw_poll(struct fw *fw, uint64_t now_ns);

/* The state, its buffers and their sizes (struct fw_cfg, fw_init) are in fw_state.h, which boards
 * include; who only judges and polls needs no more than this file. */

#endif
