/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nic - one NIC, as the daemon sees it: attach, load a table, read counters, hear alerts.
 * Does:    finds the backend by path (a software NIC's socket), speaks the mailbox through
 *          src/mbox, hides framing, sequence, retry and epoch.
 * Limits:  one session a NIC: a second nic_open gives RC_CONFLICT.
 * Errors:  RC_PEER = the NIC is gone (reopen later); RC_STALE = it rebooted, state was lost, the
 *          call may be repeated after nic_version_get; RC_INVALID = it refused, diag says why.
 * Context: one thread; each call is bounded by MBOX_TIMEOUT_MS, by 1 s where the NIC stands still.
 */
#ifndef NIC_H
#define NIC_H

#include "base.h"
#include "diag.h"
#include "rc.h"

struct nic;

struct nic_caps {
	uint32_t tables_max, rules_max, counters_max, image_bytes_max, flows_max;
	uint32_t lines_max, loads_max;	/* its profile, what a packet may cost; 0 = no bound */
};

struct nic_version {
	uint32_t generation;		/* 0 = nothing committed */
	uint8_t sha256[32];
	uint64_t committed_wall_ns;
	uint32_t highest;		/* generation it enforced since its boot */
	uint32_t former;		/* undone to it unless confirmed; 0 = nothing waits */
	uint32_t confirm_ms;		/* until then */
};

/* A consistent copy of the status page, and the losses seen so far. */
struct nic_status {
	uint32_t generation, boot_count, abi;
	bool unconfirmed;		/* the generation waits */
	bool store_failed;		/* the last commit could not be stored */
	bool store_damaged, image_damaged;	/* found by this boot, or since */
	uint64_t heartbeat;		/* rises every 10 ms while the firmware runs */
	uint64_t packets, passed, dropped, would_dropped;
	uint64_t flows_live, flows_full;	/* full: new flows refused */
	uint64_t frags_refused;
	uint64_t alerts, alerts_lost;	/* lost: ring full; suppressed are in the records */
	uint64_t events_lost;
	uint64_t tx_lost;		/* passed, but the port could not send */
	uint64_t rx_lost;		/* came, but the port had no room; never judged */
	uint64_t flows_opened, flows_ended;
	uint64_t seen_opened, seen_ended;	/* without an entry of the flow table */
	uint64_t seen_full;		/* their packets that no place was left for */
	uint64_t flow_told, flow_updates, flow_lost, flow_untold;
	bool flows_on;			/* it tells flows */
};

struct nic_counter {
	uint64_t packets, bytes;
};

struct nic_alert {
	uint64_t wall_ns;
	uint32_t generation, rule_id;	/* rule_id 0 = none */
	uint32_t suppressed;		/* alerts of this rule left out before this one */
	uint8_t verdict, reason, dir;	/* of the hop */
	uint8_t family, proto, tcp_flags;
	uint8_t local[16], src[16], dst[16];	/* network order, v4 in the first 4 */
	uint16_t sport, dport, vlan;
	uint32_t frame_bytes;
	uint8_t head[64];		/* first bytes of the frame */
	uint8_t head_bytes;
};

/* One flow, as it stood when it was told; enums as in wire_flow.h. */
struct nic_flow {
	uint64_t id;			/* of this boot */
	uint8_t kind, end, verdict, reason;
	uint8_t family, proto, dir, tcp_flags, flags;
	uint8_t local[16], remote[16];	/* network order, v4 in the first 4 */
	uint16_t local_port, remote_port, vlan;
	uint32_t rule_id, generation;	/* rule_id 0 = none */
	uint64_t first_wall_ns, last_wall_ns;
	uint64_t packets[2], bytes[2];	/* by enum wire_dir */
};

MUST_CHECK enum rc nic_open(const char *path, struct nic **out, struct diag *diag);
void nic_close(struct nic **nic);

/* Readable when an alert or a flow waits or the NIC is gone. */
int nic_fd(const struct nic *nic);

MUST_CHECK enum rc nic_caps_get(struct nic *nic, struct nic_caps *out, struct diag *diag);
MUST_CHECK enum rc nic_version_get(struct nic *nic, struct nic_version *out, struct diag *diag);
/* From shared memory, no request; RC_PEER where the NIC is gone or the heartbeat stands for 1 s. */
MUST_CHECK enum rc nic_status_get(struct nic *nic, struct nic_status *out);

/* BEGIN, LOAD, VERIFY, COMMIT: after RC_OK generation is enforced; on error the old one still is.
 * generation must be above every one the NIC had. RC_CONFLICT: one waits to be confirmed. */
MUST_CHECK enum rc nic_load(struct nic *nic, uint32_t generation, const uint8_t *image, size_t len,
    struct diag *diag);

/* What the NIC is thought to enforce: parts of the image that are in it are not sent again. Where
 * the NIC enforces something else, it does no harm. Well-formed; borrowed. */
struct nic_held {
	const uint8_t *image;
	size_t len;
};

/* Bytes that went through the windows, and that the NIC took from what it held; with what a reboot
 * made to go again. */
struct nic_moved {
	uint64_t loaded, copied;
};

/* The same as nic_load; held and moved may be NULL. With confirm_s the NIC goes back to what it
 * enforces now, unless nic_confirm comes within these seconds. */
MUST_CHECK enum rc nic_load_over(struct nic *nic, uint32_t generation, uint32_t confirm_s,
    const uint8_t *image, size_t len, const struct nic_held *held, struct nic_moved *moved,
    struct diag *diag);

/* Generation, which waits, stays; undo: the NIC goes back at once. RC_INVALID: it does not wait. */
MUST_CHECK enum rc nic_confirm(struct nic *nic, uint32_t generation, bool undo,
    struct diag *diag);

MUST_CHECK enum rc nic_counters_get(struct nic *nic, uint32_t first, uint32_t count,
    struct nic_counter *out, struct diag *diag);

/* Next waiting alert; RC_AGAIN where there is none. */
MUST_CHECK enum rc nic_alert_next(struct nic *nic, struct nic_alert *out);

/* Asks to be told of flows, from all that live on; RC_INVALID: this NIC tells none. Again after a
 * reboot, or where the status says that it tells no more. */
MUST_CHECK enum rc nic_flows_start(struct nic *nic, struct diag *diag);
/* Next waiting flow; RC_AGAIN where there is none. After nic_alert_next said so too, nic_fd tells
 * of new ones. */
MUST_CHECK enum rc nic_flow_next(struct nic *nic, struct nic_flow *out);

#endif
