/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_flow - live flows of local IPs.
 * Shape:   buckets of FW_FLOW_WAYS entries; a key may stand in either of two buckets, chosen by one
 *          keyed hash. A new flow takes a free or expired entry of the emptier bucket.
 * Units:   idle: TCP FW_FLOW_TCP_S, others FW_FLOW_OTHER_S; after FIN or RST FW_FLOW_CLOSED_S; one
 *          that a bare SYN opened FW_FLOW_HALF_S, until a packet comes the other way.
 * Limits:  fw_cfg.flow_count, a quarter of it half-open ones; a new flow without room is refused,
 *          live ones are never evicted.
 * Context: part of struct fw. Every call is O(FW_FLOW_WAYS).
 */
#ifndef FW_FLOW_H
#define FW_FLOW_H

#include "fw_state.h"

enum { FW_FLOW_TCP_S = 3600, FW_FLOW_OTHER_S = 60, FW_FLOW_CLOSED_S = 10, FW_FLOW_HALF_S = 5 };

/* fw_flow.live */
enum fw_flow_life { FW_FLOW_FREE = 0, FW_FLOW_WHOLE, FW_FLOW_HALF };

/* What packets of a flow get, both ways. */
enum fw_flow_kind { FW_FLOW_PASS = 0, FW_FLOW_WOULD_DROP, FW_FLOW_LEARN };

/* A flow as seen from its local end. */
struct fw_flow_key {
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	uint8_t family, proto;
	uint8_t echo;			/* ports are an echo identifier, not type and code */
};

/* Key of a packet at one of its ends: dir WIRE_OUT is that of its source. */
void fw_flow_key_get(const struct fw_pkt *p, uint8_t dir, struct fw_flow_key *key);
/* Key of the flow that an ICMP error is about; false where its quoted packet is none of local. */
bool fw_flow_key_inner(const struct fw_pkt *p, uint8_t dir, struct fw_flow_key *key);

/* The live flow of key, or NULL. */
struct fw_flow *fw_flow_find(struct fw *fw, const struct fw_flow_key *key, uint64_t now_ns);
/* A new entry with its key set and its life begun, or NULL where there is no room. The caller has
 * looked for the key before and fills the rest. half: a bare SYN opens it. */
struct fw_flow *fw_flow_open(struct fw *fw, const struct fw_flow_key *key, bool half,
    uint64_t now_ns);
/* A packet of the flow went by: prolongs it, or begins its end. answers: it went the other way than
 * the one that opened it. */
void fw_flow_touch(struct fw *fw, struct fw_flow *f, uint8_t tcp_flags, bool answers,
    uint64_t now_ns);
/* Ends it, and tells so; end is an enum wire_flow_end. */
void fw_flow_end(struct fw *fw, struct fw_flow *f, uint8_t end, uint64_t now_ns);
/* Its time is over: it was idle, or closed before. */
void fw_flow_expire(struct fw *fw, struct fw_flow *f, uint64_t now_ns);

#endif
