/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox_frame - the two header words of a mailbox message.
 * Does:    makes a request's, judges a reply's.
 * Context: pure.
 */
#ifndef MBOX_FRAME_H
#define MBOX_FRAME_H

#include "base.h"
#include "wire_mbox.h"

struct mbox_frame {
	uint32_t hdr[2];
};

enum mbox_reply {
	MBOX_REPLY_NONE,		/* not there yet */
	MBOX_REPLY_GOOD,
	MBOX_REPLY_ERROR,		/* payload is struct wire_mbox_error, or the start of it */
	MBOX_REPLY_REBOOT,		/* the firmware does not know this epoch */
	MBOX_REPLY_STALE,		/* of another request: SEQ or opcode differ */
	MBOX_REPLY_BROKEN		/* no firmware of ours says this */
};

/* Version 2, with EVREQ clear. epoch: the first request after a (re)boot or a cancel. */
struct mbox_frame mbox_frame_request(uint32_t op, uint32_t len, uint32_t seq, bool epoch);

/* Judges f as the reply to op and seq; *len is its payload, where it is good or an error. */
enum mbox_reply mbox_frame_reply(const struct mbox_frame *f, uint32_t op, uint32_t seq,
    uint32_t *len);

#endif
