/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_verdict - the small numbers that policy, image, firmware and events share.
 * Shape:   each fits one byte; 0 is never "allow by accident": an all-zero action drops.
 * Context: pure; host, firmware, BPF. Names for people are in src/pkt/verdict.h.
 */
#ifndef WIRE_VERDICT_H
#define WIRE_VERDICT_H

/* What is done with a packet; ordered by severity only by verdict_worse(). */
enum wire_verdict {
	WIRE_DROP = 0,
	WIRE_WOULD_DROP = 1,		/* comply: passed, but counted and alerted as a drop */
	WIRE_PASS = 2,
	WIRE_VERDICT__COUNT
};

enum wire_reason {
	WIRE_REASON_RULE = 0,
	WIRE_REASON_DEFAULT = 1,	/* the segment's default deny */
	WIRE_REASON_STATE = 2,		/* a live flow; rule is the one that opened it */
	WIRE_REASON_MIDSTREAM = 3,	/* would have been picked up; defaults { midstream } */
	WIRE_REASON_FLOW_FULL = 4,
	WIRE_REASON_MALFORMED = 5,
	WIRE_REASON_FRAGMENT = 6,
	WIRE_REASON_UNSEGMENTED = 7,	/* no local IP at either end */
	WIRE_REASON_NON_IP = 8,
	WIRE_REASON_NO_IMAGE = 9,	/* nothing committed: all but ARP is dropped */
	WIRE_REASON__COUNT
};

enum wire_dir { WIRE_OUT = 0, WIRE_IN = 1 };	/* out: the local IP is the source */

/* What a matching deny, or the default deny, does. Larger is stricter. */
enum wire_mode { WIRE_LEARN = 0, WIRE_COMPLY = 1, WIRE_ENFORCE = 2, WIRE_MODE__COUNT };

/* State of an allowed service. Larger is stronger. */
enum wire_state { WIRE_STATE_NONE = 0, WIRE_STATE_FLAGS = 1, WIRE_STATE_FLOW = 2,
	WIRE_STATE__COUNT };

/* Place of a packet in its datagram. */
enum wire_frag { WIRE_FRAG_NONE = 0, WIRE_FRAG_FIRST = 1, WIRE_FRAG_REST = 2, WIRE_FRAG__COUNT };

enum { WIRE_VLAN_NONE = 4096 };		/* key value of an untagged packet; VIDs are 0..4095 */
enum { WIRE_COUNTER_NONE = 0xffff };

/* Limits of the default NIC profile; a NIC's GET_CAPS may say less. */
enum {
	WIRE_LOCALS_MAX = 4096,		/* local IPs, one table each */
	WIRE_TABLE_RULES_MAX = 5120,	/* packed rules in one table */
	WIRE_RULES_MAX = 131072,	/* packed rules in one image, the guard's too */
	WIRE_COUNTERS_MAX = 1024,
	WIRE_IMAGE_BYTES_MAX = 64 * 1024 * 1024
};

#endif
