/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_flow - what the firmware tells of flows: a ring of 128-byte records, three requests.
 * Does:    FLOW_STREAM_START opens the stream and grants credits; each record takes one;
 *          FLOW_STREAM_CREDIT grants more for what the host has read. Without a credit an opened
 *          or ended flow is counted as lost, an update waits. FLOW_STREAM_STOP says how far to
 *          read on.
 * Shape:   record n, a count that wraps, stands at n % WIRE_FLOWS of the ring. flow_written is
 *          stored after the record. The host writes nothing into this ring: what it has read it
 *          says by credits, never more than WIRE_FLOWS, so the firmware trusts no word of it.
 * Limits:  one stream; it ends with the session, with doorbell bit 31 and with a reboot.
 * Context: host, firmware.
 * Source:  ringfence-mailbox(5); credits as counter streams of the sfc drivers' public headers.
 */
#ifndef WIRE_FLOW_H
#define WIRE_FLOW_H

#include "wire_mbox.h"

enum { WIRE_FLOWS = 8192, WIRE_FLOW_BYTES = 128 };

enum wire_flow_kind {
	WIRE_FLOW_OPENED = 0,
	WIRE_FLOW_UPDATED = 1,		/* lives on: each minute, when asked for, judged anew */
	WIRE_FLOW_ENDED = 2,
	WIRE_FLOW_KIND__COUNT
};

enum wire_flow_end {
	WIRE_FLOW_LIVE = 0,
	WIRE_FLOW_IDLE = 1,
	WIRE_FLOW_FIN = 2,
	WIRE_FLOW_RST = 3,
	WIRE_FLOW_CUT = 4,		/* rules committed since would not let it open */
	WIRE_FLOW_EVICTED = 5,		/* quiet for a second, and its place was needed */
	WIRE_FLOW_END__COUNT
};

enum {
	WIRE_FLOW_STATE = 1,		/* has an entry of the flow table; else it was only seen */
	WIRE_FLOW_BOUND = 2,		/* local is a local IP; else either end */
	WIRE_FLOW_ECHO = 4,		/* both ports are the echo identifier */
	WIRE_FLOW_FLAGS = 7
};

/*
 *     0        4      5     6         7        8
 *    +--------+------+-----+---------+--------+------------------+
 *    | number | kind | end | verdict | reason |        id        |
 *    +--------+------+-----+---------+--------+------------------+
 *     16: local 16  32: remote 16  48: local_port remote_port vlan
 *     54: family proto dir tcp_flags flags 0  60: rule_id  64: generation  68: check
 *     72: first_wall_ns  80: last_wall_ns  88: packets[2]  104: bytes[2]  120: reserved
 */
struct wire_flow {
	le32 number;			/* the count of this record: flow_written before it */
	uint8_t kind, end, verdict, reason;
	le64 id;			/* of the flow, from 1, in this boot */
	uint8_t local[16], remote[16];	/* network order, v4 in the first 4, rest 0 */
	le16 local_port, remote_port;	/* ICMP: type << 8 | code where the image's key has it */
	le16 vlan;			/* of the first packet; WIRE_VLAN_NONE = untagged */
	uint8_t family, proto;
	uint8_t dir;			/* of the first packet, as local sees it */
	uint8_t tcp_flags;		/* likewise */
	uint8_t flags;			/* WIRE_FLOW_* */
	uint8_t reserved;
	le32 rule_id, generation;	/* of the judgement that stands; rule_id 0 = none */
	le32 check;			/* all 32 words of the record add up to 0xffffffff */
	le64 first_wall_ns, last_wall_ns;
	le64 packets[2], bytes[2];	/* by enum wire_dir; bytes of whole frames */
	uint8_t reserved2[8];
};
_Static_assert(sizeof(struct wire_flow) == WIRE_FLOW_BYTES, "flow record");
_Static_assert(offsetof(struct wire_flow, local_port) == 48, "flow ports");
_Static_assert(offsetof(struct wire_flow, check) == 68, "flow check");
_Static_assert(offsetof(struct wire_flow, packets) == 88, "flow counts");

/* Sum of a record's words, check included. One wrong bit makes it another. */
static inline uint32_t
wire_flow_sum(const struct wire_flow *w)
{
	const uint8_t *p = (const uint8_t *)w;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < WIRE_FLOW_BYTES; i += 4)
		sum += p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 |
		    (uint32_t)p[i + 3] << 24;
	return sum;
}

enum {
	WIRE_FLOW_MASK_OPENED = 1,
	WIRE_FLOW_MASK_UPDATED = 2,
	WIRE_FLOW_MASK_ENDED = 4,
	WIRE_FLOW_MASK_SEEN = 8,	/* also flows without an entry of the flow table */
	WIRE_FLOW_MASK_ALL = 15
};

/* 0x151: every flow that lives is told as updated soon. */
struct wire_flow_start {
	le32 mask;			/* WIRE_FLOW_MASK_*, not 0 */
	le32 credits;			/* 1..WIRE_FLOWS */
};
_Static_assert(sizeof(struct wire_flow_start) == 8, "FLOW_STREAM_START request");

struct wire_flow_start_reply {
	le32 stream;			/* its number, never 0 */
	le32 written;			/* the first record is this one */
};
_Static_assert(sizeof(struct wire_flow_start_reply) == 8, "FLOW_STREAM_START reply");

/* 0x152 */
struct wire_flow_stop {
	le32 stream;
};
_Static_assert(sizeof(struct wire_flow_stop) == 4, "FLOW_STREAM_STOP request");

struct wire_flow_stop_reply {
	le32 written;			/* records before this one are whole */
};
_Static_assert(sizeof(struct wire_flow_stop_reply) == 4, "FLOW_STREAM_STOP reply");

/* 0x153 */
struct wire_flow_credit {
	le32 stream;
	le32 credits;			/* more of them; with those left at most WIRE_FLOWS */
};
_Static_assert(sizeof(struct wire_flow_credit) == 8, "FLOW_STREAM_CREDIT request");

struct wire_flow_credit_reply {
	le32 credits;			/* now */
};
_Static_assert(sizeof(struct wire_flow_credit_reply) == 4, "FLOW_STREAM_CREDIT reply");

_Static_assert(WIRE_MBOX_FLOWS_AT + WIRE_FLOWS * WIRE_FLOW_BYTES == WIRE_MBOX_BYTES,
    "the flow ring ends the memory");

#endif
