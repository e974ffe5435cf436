/* SPDX-License-Identifier: Apache-2.0 */
/* mbox_frame - header words, both ways. */
#include "mbox_frame.h"

struct mbox_frame
mbox_frame_request(uint32_t op, uint32_t len, uint32_t seq, bool epoch)
{
	struct mbox_frame f;

	CHECK(op <= WIRE_MBOX_CMD && len <= WIRE_MBOX_PAYLOAD_MAX && seq < 16);
	f.hdr[0] = WIRE_MBOX_V2 | WIRE_MBOX_RESYNC | seq << WIRE_MBOX_SEQ_SHIFT;
	if (!epoch)
		f.hdr[0] |= WIRE_MBOX_NOT_EPOCH;
	f.hdr[1] = op | len << WIRE_MBOX_LEN_SHIFT;
	return f;
}

enum mbox_reply
mbox_frame_reply(const struct mbox_frame *f, uint32_t op, uint32_t seq, uint32_t *len)
{
	uint32_t n = (f->hdr[1] & WIRE_MBOX_LEN) >> WIRE_MBOX_LEN_SHIFT;
	bool error = (f->hdr[0] & WIRE_MBOX_ERROR) != 0;

	*len = 0;
	if ((f->hdr[0] & WIRE_MBOX_RESPONSE) == 0)
		return MBOX_REPLY_NONE;
	if ((f->hdr[0] & WIRE_MBOX_CODE) != WIRE_MBOX_V2 ||
	    (f->hdr[0] & WIRE_MBOX_RESYNC) == 0 ||
	    (f->hdr[0] & (WIRE_MBOX_DATALEN | WIRE_MBOX_RSVD)) != 0 ||
	    (f->hdr[1] & (WIRE_MBOX_UNUSED | WIRE_MBOX_TYPE)) != 0)
		return MBOX_REPLY_BROKEN;
	if ((f->hdr[0] & WIRE_MBOX_SEQ) >> WIRE_MBOX_SEQ_SHIFT != seq ||
	    (f->hdr[1] & WIRE_MBOX_CMD) != op)
		return MBOX_REPLY_STALE;
	if (error && n == 0)
		return MBOX_REPLY_REBOOT;
	if (n > WIRE_MBOX_PAYLOAD_MAX || (n & 3) != 0)
		return MBOX_REPLY_BROKEN;
	*len = n;
	return error ? MBOX_REPLY_ERROR : MBOX_REPLY_GOOD;
}
