/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msg - typed messages between the daemon's processes, over a stream socket pair.
 * Does:    frames: a header of 24 bytes, then the body; checks every field before any byte is used;
 *          holds what cannot be sent yet.
 * Shape:   le32 magic "RFMS" | le16 type | le16 status | le32 id | le32 len | le64 arg | body
 *          A request and its answer carry the same id; 0 is for what nobody asked for.
 * Limits:  MSG_BODY_MAX a body; MSG_QUEUE_MAX bytes wait to be sent, beyond is RC_LIMIT.
 * Memory:  a received body is valid until the next call of msg_recv.
 * Errors:  RC_AGAIN = no whole message yet; RC_PEER = the other end is gone; RC_INVALID = it broke
 *          the framing, close it.
 */
#ifndef MSG_H
#define MSG_H

#include "base.h"
#include "rc.h"

enum {
	MSG_HDR_BYTES = 24,
	MSG_BODY_MAX = 72 * 1024 * 1024,
	MSG_QUEUE_MAX = 80 * 1024 * 1024,
	MSG_TYPE_MAX = 256
};

struct msg {
	uint16_t type;		/* below MSG_TYPE_MAX; its meaning is the pair's */
	uint16_t status;	/* of an answer: HTTP status or 0 */
	uint32_t id;
	uint64_t arg;
	const uint8_t *body;
	uint32_t len;
};

struct msg_chan;

/* Keeps fd (made non-blocking) and closes it. body_max bounds what is received. */
MUST_CHECK enum rc msg_chan_create(int fd, uint32_t body_max, struct msg_chan **out);
void msg_chan_destroy(struct msg_chan **c);
int msg_chan_fd(const struct msg_chan *c);

/* Next whole message. */
MUST_CHECK enum rc msg_recv(struct msg_chan *c, struct msg *out);
/* Takes the message; what the socket does not take now waits for msg_flush. */
MUST_CHECK enum rc msg_send(struct msg_chan *c, const struct msg *m);
/* RC_OK where nothing waits any more. */
MUST_CHECK enum rc msg_flush(struct msg_chan *c);
bool msg_wants_write(const struct msg_chan *c);

/* The header alone, for tests and fuzzing: decode checks magic, type and length. */
void msg_hdr_encode(const struct msg *m, uint8_t out[MSG_HDR_BYTES]);
MUST_CHECK enum rc msg_hdr_decode(const uint8_t *p, uint32_t body_max, struct msg *out);

#endif
