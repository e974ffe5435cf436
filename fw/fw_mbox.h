/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_mbox - the firmware's end of the mailbox: requests, replies, events, alerts, status.
 * Does:    copies each request once and answers it; stages, verifies, stores and commits images;
 *          tells alerts and flows; keeps heartbeat and statistics. Nothing the host writes can
 *          stop a frame.
 * Shape:   the board gives memory (struct fw_mbox, shared memory of WIRE_MBOX_BYTES, port), names
 *          the mailbox in fw_cfg.mbox, fw_mbox_alert in fw_cfg.alert and fw_mbox_flow in
 *          fw_cfg.flow, calls fw_init, then fw_mbox_start, then fw_boot_image with what its
 *          store holds, then fw_poll.
 * Limits:  one upload; a poll serves each slot once and moves FW_MBOX_STEP_BYTES of one job, so it
 *          takes some 0.2 ms at most, apart from the one structure check of a VERIFY.
 * Context: one thread, that of fw_packet.
 */
#ifndef FW_MBOX_H
#define FW_MBOX_H

#include "fw_port.h"
#include "fw_sha256.h"
#include "fw_state.h"
#include "wire_event.h"
#include "wire_flow.h"

enum {
	FW_MBOX_STEP_BYTES = 16 * 1024
};

/* Upload: what the bank that is not active is good for. */
enum fw_stage {
	FW_STAGE_NONE = 0,
	FW_STAGE_LOADING,
	FW_STAGE_VERIFIED,
	FW_STAGE_REFUSED		/* VERIFY said no: only a LOAD, an ABORT or a BEGIN helps */
};

/* Work that takes more than one poll. */
enum fw_job { FW_JOB_NONE = 0, FW_JOB_LOAD, FW_JOB_VERIFY, FW_JOB_STORE };

/* One request, copied once. */
struct fw_request {
	uint32_t hdr[2];
	uint32_t slot, op, len;
	uint8_t hdr_bytes;		/* 4: version 1, 8: version 2 */
	uint8_t payload[WIRE_MBOX_PAYLOAD_MAX + 4];
};

struct fw_reply {
	uint32_t len;
	uint32_t error, arg, syndrome;	/* error 0 = none */
	uint8_t payload[WIRE_MBOX_PAYLOAD_MAX];
};

/* Status and statistics as they stand in shared memory. */
struct fw_page {
	struct wire_status status;
	struct wire_stats stats;
};

/* How far the active image was read again. */
struct fw_scrub {
	uint32_t activation, done;	/* which, bytes */
	struct fw_sha256 sha;
};

struct fw_mbox {
	struct fw_port port;
	uint8_t *mem;			/* NULL = no host */
	uint32_t boots;			/* 16 bits */
	bool epoch;			/* a request without NOT_EPOCH was seen */

	enum fw_stage stage;
	uint32_t handle;		/* of the upload, or of the last one; 0 = none was ever */
	struct wire_begin begin;
	uint32_t loaded;		/* bytes so far */
	uint32_t refused_code, refused_arg;

	enum fw_job job;
	uint32_t job_slot;		/* that waits for the job; WIRE_MBOX_SLOTS = none */
	uint32_t job_hdr[2];
	uint8_t job_hdr_bytes;
	uint32_t job_done;		/* bytes */
	uint32_t job_crc;
	bool job_copies;		/* a LOAD's bytes come from the active image */
	uint32_t job_from, job_at, job_len, job_want_crc;
	uint32_t job_flags;		/* WIRE_COMMIT_* */
	uint32_t job_confirm_s;		/* of a COMMIT */
	bool job_confirms;		/* a STORE is that of a CONFIRM */
	struct fw_sha256 sha;
	struct fw_scrub scrub;

	struct fw_record active;	/* of the active image; generation 0 = none */
	struct fw_record next;		/* being committed, or confirmed */
	struct fw_record former;	/* to go back to; generation 0 = nothing waits */
	uint64_t undo_ns;		/* when */
	uint32_t former_flags;		/* WIRE_COMMIT_* of the commit that waits */
	uint32_t highest;		/* generation that was active since the boot */
	uint64_t now_ns;		/* of this poll */

	uint32_t events_written, alerts_written;
	uint64_t alerts_lost, events_lost;
	uint64_t bad_requests, stale_requests;
	uint64_t heartbeat, heartbeat_ns;
	uint32_t status_seq, status_flags, syndrome, cancels;
	bool status_old;		/* to be written before fw_poll returns */
	struct fw_page page;		/* as last written */
	struct wire_alert alert;	/* being written */
	uint32_t flows_written, flows_kicked;
	uint32_t flow_stream;		/* its number; it runs while fw.flow_mask is not 0 */
	uint32_t flow_credits;
	uint64_t wall_offset_ns;	/* wall clock less the caller's */
	bool wall_known;
	struct wire_flow flow;		/* being written */
	struct fw_request request;
	struct fw_reply reply;
};

/* After fw_init. mem is aligned to 64, of WIRE_MBOX_BYTES, or NULL; boots counts the board's
 * starts. Writes all of mem but the windows. */
void fw_mbox_start(struct fw *fw, const struct fw_port *port, uint8_t *mem, uint32_t boots,
    uint64_t now_ns);

/* Other memory, of another host session: an open upload ends, the next request begins an epoch. */
void fw_mbox_attach(struct fw *fw, uint8_t *mem, uint64_t now_ns);

/* At boot: bank 0 holds record->len bytes from the store. Enforces them where digest and structure
 * hold; false: nothing is committed, all but ARP is dropped, and the store is told as damaged.
 * O(len). */
bool fw_boot_image(struct fw *fw, const struct fw_record *record);

/* At boot, after fw_boot_image: the board found its store damaged, whatever it booted with. Told in
 * the status page until the next boot. */
void fw_boot_damaged(struct fw *fw);

/* A job waits for the next fw_poll: the board must not sleep before it. A store that is pending
 * does not count: the board knows itself when that ends. */
bool fw_mbox_busy(const struct fw_mbox *m);

/* For fw_cfg.alert and fw_cfg.flow; arg is the struct fw_mbox. O(1). */
bool fw_mbox_alert(void *arg, const struct fw_alert *a);
bool fw_mbox_flow(void *arg, const struct fw_flow_event *e);

#endif
