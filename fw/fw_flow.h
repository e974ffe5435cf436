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

/* What tells the flows of two addresses apart, in one word: stored, hashed and compared in one go.
 * In bytes, it would be written in one width and read in another while it is still on its way to
 * the cache, for which a processor stops. echo: both ports are an echo identifier; other ICMP has
 * its type and code there. */
static inline uint64_t
fw_service(uint8_t family, uint8_t proto, bool echo, uint16_t local_port, uint16_t remote_port)
{
	return (uint64_t)family << 48 | (uint64_t)echo << 40 | (uint64_t)proto << 32 |
	    (uint32_t)local_port << 16 | remote_port;
}

static inline uint8_t
fw_service_family(uint64_t service)
{
	return (uint8_t)(service >> 48);
}

static inline bool
fw_service_echo(uint64_t service)
{
	return (service >> 40 & 1) != 0;
}

static inline uint8_t
fw_service_proto(uint64_t service)
{
	return (uint8_t)(service >> 32);
}

static inline uint16_t
fw_service_local_port(uint64_t service)
{
	return (uint16_t)(service >> 16);
}

static inline uint16_t
fw_service_remote_port(uint64_t service)
{
	return (uint16_t)service;
}

/* The same flow as seen from its other end. */
static inline uint64_t
fw_service_turn(uint64_t service)
{
	return (service & ~(uint64_t)UINT32_MAX) | (uint32_t)service >> 16 |
	    (uint32_t)service << 16;
}

/* Key of a packet at one of its ends: dir WIRE_OUT is that of its source. */
void fw_flow_key_get(const struct fw_pkt *p, uint8_t dir, struct fw_flow_key *key);
/* Key of the flow that an ICMP error is about; false where its quoted packet is none of local. */
bool fw_flow_key_inner(const struct fw_pkt *p, uint8_t dir, struct fw_flow_key *key);

/* The keyed hash that the next two ask for. It is the same of a key and of the key with its ends
 * exchanged, so that a packet has one. */
uint64_t fw_flow_hash(const struct fw *fw, const struct fw_flow_key *key);

/* fw->ends and fw->hash of fw->pkt, and on its way to the cache what its flow is judged and counted
 * by: it is asked for once it is known which end is a local IP. */
void fw_flow_ahead(struct fw *fw);

/* The live flow of key, or NULL. */
struct fw_flow *fw_flow_find(struct fw *fw, const struct fw_flow_key *key, uint64_t hash,
    uint64_t now_ns);
/* A new entry with its key set and its life begun, or NULL where there is no room. The caller has
 * looked for the key before and fills the rest. half: a bare SYN opens it. */
struct fw_flow *fw_flow_open(struct fw *fw, const struct fw_flow_key *key, uint64_t hash,
    bool half, uint64_t now_ns);
/* A packet of the flow went by: prolongs it, or begins its end. answers: it went the other way than
 * the one that opened it. */
void fw_flow_touch(struct fw *fw, struct fw_flow *f, uint8_t tcp_flags, bool answers,
    uint64_t now_ns);
/* Ends it, and tells so; end is an enum wire_flow_end. */
void fw_flow_end(struct fw *fw, struct fw_flow *f, uint8_t end, uint64_t now_ns);
/* Its time is over: it was idle, or closed before. */
void fw_flow_expire(struct fw *fw, struct fw_flow *f, uint64_t now_ns);

#endif
