/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_state - struct fw, the buffers it works in, and how a board starts it.
 * Shape:   the board gives memory once (struct fw_cfg) and calls fw_init; after that fw_packet and
 *          fw_poll are all it calls. Two image banks: one active, one staged.
 * Memory:  keeps every pointer of the cfg for good. RAM is sizeof(struct fw) plus the buffers.
 * Units:   nanoseconds of one clock that never goes back; counts in entries, sizes in bytes.
 * Limits:  FW_* below.
 * Context: one thread; all of it between two frames.
 */
#ifndef FW_STATE_H
#define FW_STATE_H

#include "fw.h"
#include "fw_parse.h"

enum {
	FW_FLOW_WAYS = 8,		/* flows a bucket; a key may stand in two buckets */
	FW_FLOW_HALF_PART = 4,		/* of the flows, one in so many may be half-open */
	FW_FLOW_SWEEP = 64,		/* flows looked at per poll */
	FW_FLOW_SWEEP_ASKED = 512,	/* while the host waits for every live flow */
	FW_SEEN_WAYS = 4,
	FW_SEEN_SWEEP = 64,
	FW_FRAG_DATAGRAMS = 1024,	/* fragmented datagrams followed at one time */
	FW_FRAG_RANGES = 16,		/* gaps a datagram may have + 1; more is dropped */
	FW_ALERT_SLOTS = 256,		/* token buckets */
	FW_ALERT_WAYS = 4,
	FW_ALERT_SWEEP = 4,
	FW_COUNTER_HASH = 4096,		/* slots, a power of two, > 2 * WIRE_COUNTERS_MAX */
	FW_BANK_NONE = 2		/* value of fw.active: nothing committed */
};

#define FW_NS_PER_S ((uint64_t)1000000000)

/* A flow of one local IP: all that a packet of it is judged by, in one line. live is 0 in a free
 * entry; the rest then means nothing. */
struct fw_flow {
	uint8_t local[16], remote[16];
	uint64_t service;		/* fw_service() */
	uint64_t deadline_ns;
	uint32_t rule_id, generation;	/* of the judgement that stands, and its text */
	uint32_t judged;		/* activation it was last judged in */
	uint16_t counter;
	uint8_t live;			/* enum fw_flow_life; 0 = free */
	uint8_t kind : 4;		/* enum fw_flow_kind */
	uint8_t closing : 4;		/* enum wire_flow_end, FIN or RST */
};

/* A flow as seen from its local end. */
struct fw_flow_key {
	uint8_t local[16], remote[16];
	uint64_t service;		/* fw_service() */
};

/* Its opening packet, to judge it again and to tell of it. */
struct fw_opening {
	uint16_t sport, dport, vlan;
	uint8_t dir, tcp_flags, frag;
};

/* What a flow did, beside its key: written with each packet, read when it is told. A line of its
 * own, so that judging reads none of it. */
struct fw_tally {
	uint64_t id;			/* counts up in a boot; 0 = of no flow yet */
	uint64_t first_ns, last_ns;
	uint64_t told_ns;		/* 0 = to be told as soon as there is room */
	uint64_t packets[2], bytes[2];	/* by enum wire_dir */
};

/* What is seen of packets that have no entry among the flows: drops, would-drops by default, rules
 * without state, unsegmented. They have one verdict, one rule and one generation. */
struct fw_seen_key {
	uint8_t local[16], remote[16];
	uint64_t service;		/* fw_service() */
	uint32_t rule_id, generation;
	uint8_t verdict, reason;
	uint8_t bound;			/* local is a local IP; else the lesser end */
};

struct fw_seen {
	struct fw_tally tally;
	struct fw_seen_key key;
	uint16_t vlan;			/* of the first packet, like what follows */
	uint8_t dir, tcp_flags;
};

/* What a lookup reads of FW_SEEN_WAYS entries before it reads one. */
struct fw_seen_set {
	uint64_t full_until_ns;		/* none of them can give way before */
	uint16_t tags[FW_SEEN_WAYS];	/* part of the key's hash; 0 = the entry is free */
};

/* What a hop said, kept for a datagram's later fragments. */
struct fw_frag_hop {
	uint64_t flow_id;		/* of the flow it belongs to, */
	uint32_t flow;			/* and its place: index + 1; 0 = none */
	uint32_t rule_id, generation;
	uint16_t counter;
	uint8_t dir, verdict, reason, log;
};

struct fw_frag {
	uint8_t src[16], dst[16];
	uint64_t deadline_ns;
	uint32_t id;
	uint16_t vlan;
	uint16_t end;			/* units of 8 bytes; 0 = last fragment not seen */
	uint16_t lo[FW_FRAG_RANGES], hi[FW_FRAG_RANGES];	/* seen: [lo, hi), sorted */
	uint16_t chain, older, newer;	/* index + 1; 0 = none */
	uint8_t family, proto, range_count, hop_count;
	struct fw_frag_hop hops[2];
};

struct fw_frags {
	uint16_t heads[FW_FRAG_DATAGRAMS];	/* index + 1 */
	uint16_t oldest, newest, free;
	uint32_t count;
	struct fw_frag items[FW_FRAG_DATAGRAMS];
};

/* One rule may stand in many tables, each with its own id: the least of them names the counter. */
struct fw_counter {
	uint64_t packets, bytes;
	uint64_t next_packets, next_bytes;	/* only within fw_image_activate */
	uint32_t rule_id;		/* 0 = the active image does not use it */
	uint32_t next_rule_id;
};

struct fw_alert_slot {
	uint64_t refilled_ns;
	uint64_t cause;			/* 0 = nobody's */
	uint32_t tokens;
	uint32_t suppressed;		/* since the last record of this slot */
};

/* One alert, borrowed for the call of the hook. */
struct fw_alert {
	uint64_t time_ns;
	const struct fw_verdict *verdict;	/* NULL: only the suppressed count is told */
	uint32_t hop;				/* index; verdict->hop_count: there is none */
	uint32_t rule_id, generation;
	uint32_t suppressed;			/* alerts of this rule untold since the last */
	const uint8_t *frame;
	uint32_t frame_bytes;
};

/* A flow to be told, borrowed for the call of the hook. */
struct fw_flow_event {
	uint8_t kind, end;		/* enum wire_flow_kind, wire_flow_end */
	uint8_t verdict, reason;
	uint8_t family, proto, dir, tcp_flags;
	uint8_t flags;			/* WIRE_FLOW_* */
	uint16_t local_port, remote_port, vlan;
	uint32_t rule_id, generation;
	const uint8_t *local, *remote;
	const struct fw_tally *tally;
	uint64_t now_ns;
};

/* Conservation: frames == passed + dropped + would_dropped, always. */
struct fw_stats {
	uint64_t frames, bytes;
	uint64_t passed, dropped, would_dropped;
	uint64_t reasons[WIRE_REASON__COUNT];	/* frames by the reason of their verdict */
	uint64_t flows_opened, flows_ended, flows_cut, flow_full;
	uint64_t frag_followed, frag_full;
	uint64_t alerts_told, alerts_suppressed, alerts_lost;
	/* flows_opened + flows_ended + seen_opened + seen_ended ==
	 * flow_told - flow_updates + flow_lost + flow_untold, between two frames */
	uint64_t seen_opened, seen_ended, seen_full;
	uint64_t flow_told, flow_updates, flow_lost, flow_untold;
};

struct fw_mbox;			/* the mailbox's own state: fw_mbox.h */

struct fw_cfg {
	uint8_t *bank[2];		/* aligned to 64 */
	uint32_t bank_bytes;		/* each */
	uint16_t lines_max, loads_max;	/* what a packet of one table may cost; 0 = any */
	struct fw_flow *flows;		/* aligned to 64 */
	struct fw_opening *openings;	/* one a flow */
	uint16_t *flow_tags;		/* one a flow: part of its hash, 0 = free; aligned to 16 */
	uint64_t *flow_bounds;		/* one for each FW_FLOW_WAYS: none is over before, ns */
	struct fw_tally *tallies;	/* one a flow; aligned to 64 */
	uint32_t flow_count;		/* a power of two, >= 2 * FW_FLOW_WAYS */
	struct fw_seen *seen;		/* aligned to 64 */
	struct fw_seen_set *seen_sets;	/* one for each FW_SEEN_WAYS of them; aligned to 16 */
	uint32_t seen_count;		/* a power of two, >= FW_SEEN_WAYS */
	struct fw_frags *frags;
	struct fw_counter *counters;
	uint32_t counter_count;		/* <= WIRE_COUNTERS_MAX */
	struct fw_alert_slot *alert_slots;	/* FW_ALERT_SLOTS of them */
	uint32_t alert_rate;		/* per rule and second, 1..1,000,000 */
	uint32_t alert_burst;		/* >= 1 */
	/* Tells an alert; false = no room, counted as lost. NULL = none is told. */
	bool (*alert)(void *arg, const struct fw_alert *a);
	void *alert_arg;
	/* Tells a flow; false = no room. NULL = none is told. */
	bool (*flow)(void *arg, const struct fw_flow_event *e);
	void *flow_arg;
	struct fw_mbox *mbox;		/* NULL = no mailbox: fw_poll only sweeps */
	uint8_t seed[16];		/* SipHash key of flows and fragments: random, per boot */
};

struct fw {
	struct fw_cfg cfg;
	uint32_t active;		/* 0, 1, FW_BANK_NONE */
	uint32_t image_bytes;		/* of the active image */
	uint32_t generation;		/* of the active image; 0 = none */
	uint32_t activation;		/* counts commits, so that one generation may come twice */
	uint32_t flow_half;		/* of those, half-open ones */
	uint32_t flow_live;		/* entries in use, expired ones not yet swept included */
	uint32_t flow_sweep, seen_sweep, alert_sweep;	/* next entry the sweep looks at */
	uint32_t flow_mask;		/* WIRE_FLOW_MASK_*: what the host asked for; 0 = nothing */
	uint32_t asked_left;		/* flows still to look at since it asked */
	uint64_t asked_ns;		/* what was told before is told again; 0 = not asked */
	uint64_t flow_id;		/* last given */
	uint64_t alert_step_ns;		/* a token comes back each */
	struct fw_stats stats;
	struct fw_pkt pkt;		/* of the frame being judged, */
	struct fw_flow_key ends[2];	/* its keys, by enum wire_dir, unless its family is 0 */
	uint64_t hash;			/* of either of them */
	uint16_t counter_of[FW_COUNTER_HASH];	/* only within fw_image_activate: index + 1 */
};

/* Starts with nothing committed: all but ARP is dropped. Borrows cfg, keeps what it points to;
 * clears all of it but the banks. */
void fw_init(struct fw *fw, const struct fw_cfg *cfg);

/* The active image, NULL where nothing is committed. */
static inline const uint8_t *
fw_image(const struct fw *fw)
{
	return fw->active == FW_BANK_NONE ? NULL : fw->cfg.bank[fw->active];
}

/* The bank that is not active: where RULESET_LOAD writes. */
uint32_t fw_bank_staged(const struct fw *fw);

/* VERIFY: every offset, count and loop of a staged image; false and *bad_at (byte offset of what
 * is wrong). O(len). Passing it makes each walk of fw_match bounded and inside the image. */
bool fw_image_check(const uint8_t *image, uint32_t len, uint32_t *bad_at);

/* VERIFY, after the check: false and *table, the index of its record (the guard's: their count),
 * where a packet costs more than the cfg's profile. O(tables). */
bool fw_image_fits(const struct fw_cfg *cfg, const uint8_t *image, uint32_t *table);

/* COMMIT: flips to bank, whose first len bytes passed fw_image_check since they were last written.
 * Counters whose rule id stays keep their counts where keep_counters, all others start at 0. Live
 * flows are judged again, each before its next packet. Between packets only. */
void fw_image_activate(struct fw *fw, uint32_t bank, uint32_t len, uint32_t generation,
    bool keep_counters);

/* Back to nothing committed: all but ARP is dropped. Live flows are judged again once an image is
 * there. Between packets only. */
void fw_image_drop(struct fw *fw);

/* Housekeeping of fw_poll: looks at FW_FLOW_SWEEP flows (FW_FLOW_SWEEP_ASKED after the host asked
 * for all), FW_SEEN_SWEEP seen ones, expired fragments, pending suppressed counts. fw_poll calls it
 * once; a board without a mailbox may call it instead. */
void fw_sweep(struct fw *fw, uint64_t now_ns);

#endif
