/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox - the host's end of the mailbox, over mapped memory and a doorbell.
 * Does:    framing, sequence, epoch, time-outs, retry of lost doorbells; uploads; reads status,
 *          alerts and events. What the NIC writes is foreign: copied once, then checked.
 * Shape:   one request at a time. SEQ rises by one a request and slots go round, so that a late
 *          reply never stands where the next one is awaited.
 * Limits:  a call waits MBOX_TIMEOUT_MS at most, an upload that long for each of its steps. A
 *          reboot is seen within MBOX_POLL_MAX_MS.
 * Errors:  RC_INVALID: the firmware refused, struct mbox_error says how. RC_STALE: it rebooted (or
 *          lost our epoch): what was staged is gone; reported once. RC_TIMEOUT: no answer; the next
 *          call begins with a cancel and a new epoch. RC_PEER: gone, or not speaking our protocol.
 * Context: one thread. Time comes from struct mbox_io, so that tests take none.
 */
#ifndef MBOX_H
#define MBOX_H

#include "base.h"
#include "diag.h"
#include "rc.h"
#include "wire_event.h"
#include "wire_flow.h"
#include "wire_mbox.h"

enum {
	MBOX_TIMEOUT_MS = 10000,
	MBOX_POLL_MAX_MS = 50,		/* the longest pause while a reply is awaited */
	MBOX_LOAD_TRIES = 3		/* of one window, where its CRC32C does not hold */
};

struct mbox_io {
	void *arg;
	uint64_t (*now_ns)(void *arg);
	/* Tells the NIC that the doorbell word has bits. */
	void (*doorbell)(void *arg);
	/* Pauses; false where the NIC is gone for good. */
	bool (*wait)(void *arg, uint64_t ns);
};

struct mbox_error {
	uint32_t code, arg, syndrome;	/* enum wire_mbox_err */
};

struct mbox_counts {
	uint64_t calls, timeouts, reboots;
	uint64_t stale_replies;		/* dropped: another request's */
	uint64_t late_replies;		/* came after their time-out */
	uint64_t doorbells_again;
	uint64_t loaded_bytes;		/* of images, through the windows */
	uint64_t copied_bytes;		/* of images, by the NIC from what it enforces */
	uint64_t bad_alerts;		/* dropped: CRC32C, number or a field is wrong */
	uint64_t alerts_skipped;	/* passed over where the NIC's count could not be */
	uint64_t bad_flows, flows_skipped;	/* likewise */
};

struct mbox_upload {
	uint32_t generation;
	uint32_t confirm_s;		/* undone unless confirmed by then; 0 = committed */
	uint32_t tables, rules, counters;	/* what the image needs */
	const uint8_t *image;			/* borrowed */
	uint32_t len;
	/* What the NIC is thought to enforce, borrowed; NULL = not known. Where it is so by its
	 * SHA-256, bodies that are in it are not sent again. Both images are well-formed. */
	const uint8_t *held;
	uint32_t held_len;
};

struct mbox;

/* mem: WIRE_MBOX_BYTES, aligned to 64; both are kept until mbox_close, which frees neither. */
MUST_CHECK enum rc mbox_open(uint8_t *mem, const struct mbox_io *io, struct mbox **out);
void mbox_close(struct mbox **m);

/* One request. reply takes at most cap bytes; more is RC_PEER. err is filled with RC_INVALID. */
MUST_CHECK enum rc mbox_call(struct mbox *m, uint32_t op, const void *req, uint32_t len,
    void *reply, uint32_t cap, uint32_t *reply_len, struct mbox_error *err);

/* A request whose reply has exactly len bytes. Tells refusals in diag. */
MUST_CHECK enum rc mbox_ask(struct mbox *m, uint32_t op, void *reply, uint32_t len,
    struct diag *diag);

/* The first of a session: GET_VERSION, then GET_CAPS. Firmware of an earlier minor than
 * WIRE_MBOX_ABI_MINOR_MIN is refused, RC_PEER, and nothing more is asked; of a later one the reply
 * may be longer, and only what is known is taken. */
MUST_CHECK enum rc mbox_abi_check(uint32_t abi, struct diag *diag);
MUST_CHECK enum rc mbox_caps(struct mbox *m, struct wire_caps *out, struct diag *diag);

/* BEGIN, LOAD and COPY, VERIFY, COMMIT, once. On error the upload is aborted as far as possible. */
MUST_CHECK enum rc mbox_upload(struct mbox *m, const struct mbox_upload *u, struct diag *diag);

/* CONFIRM: generation, which waits, stays; undo: what was before is enforced again. RC_INVALID, and
 * nothing-to-confirm in diag, where it does not wait (any more). */
MUST_CHECK enum rc mbox_confirm(struct mbox *m, uint32_t generation, bool undo,
    struct diag *diag);

/* Tells err in words; returns RC_LIMIT, RC_IO, RC_INVALID by its code. */
MUST_CHECK enum rc mbox_error_tell(const struct mbox_error *err, uint32_t op, struct diag *diag);

/* A consistent copy; RC_AGAIN where the firmware stands in the middle of writing, or boots;
 * RC_PEER where it is no firmware of ours. */
MUST_CHECK enum rc mbox_status(struct mbox *m, struct wire_status *status,
    struct wire_stats *stats);

/* RC_AGAIN where none waits. Numbers and enums of *out are checked. */
MUST_CHECK enum rc mbox_alert_next(struct mbox *m, struct wire_alert *out);
MUST_CHECK enum rc mbox_event_next(struct mbox *m, uint64_t *out);

/* Asks for every flow. A stream that runs already is ended first. */
MUST_CHECK enum rc mbox_flows_start(struct mbox *m, struct diag *diag);
/* Ends it; records that were written before can still be read. */
MUST_CHECK enum rc mbox_flows_stop(struct mbox *m, struct diag *diag);
/* RC_AGAIN where none waits. All of *out is checked. Grants credits for what was read, now and
 * then, by a request. */
MUST_CHECK enum rc mbox_flow_next(struct mbox *m, struct wire_flow *out);

const struct mbox_counts *mbox_counts(const struct mbox *m);

#endif
