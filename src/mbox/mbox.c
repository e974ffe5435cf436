/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox - one request and its reply.
 *
 * Pauses while waiting: 1 us for the first millisecond, then 0.1, 1, 10 and 50 ms as the age
 * passes 1, 10, 100 and 1000 ms. The doorbell is rung again at 10 ms and each time the age has
 * grown fourfold: ringing twice is harmless, a lost ring is not.
 */
#include "mbox.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mbox_frame.h"
#include "mbox_int.h"
#include "wire_shared.h"

#define TIMEOUT_NS (MBOX_TIMEOUT_MS * NS_PER_MS)

enum { SEQ_NONE = 16, STALE_MAX = 16, STATUS_TRIES = 1000 };

uint64_t
mbox_pause_ns(uint64_t age_ns)
{
	if (age_ns < NS_PER_MS)
		return 1000;
	if (age_ns < 10 * NS_PER_MS)
		return NS_PER_MS / 10;
	if (age_ns < 100 * NS_PER_MS)
		return NS_PER_MS;
	if (age_ns < NS_PER_S)
		return 10 * NS_PER_MS;
	return MBOX_POLL_MAX_MS * NS_PER_MS;
}

enum rc
mbox_open(uint8_t *mem, const struct mbox_io *io, struct mbox **out)
{
	struct mbox *m = calloc(1, sizeof(*m));

	*out = NULL;
	CHECK(mem != NULL && ((uintptr_t)mem & 63) == 0);
	CHECK(io->now_ns != NULL && io->doorbell != NULL && io->wait != NULL);
	if (m == NULL)
		return RC_NOMEM;
	m->mem = mem;
	m->io = *io;
	m->fresh = true;
	for (uint32_t i = 0; i < WIRE_MBOX_SLOTS; i++)
		m->late_seq[i] = SEQ_NONE;
	*out = m;
	return RC_OK;
}

void
mbox_close(struct mbox **m)
{
	free(*m);
	*m = NULL;
}

const struct mbox_counts *
mbox_counts(const struct mbox *m)
{
	return &m->counts;
}

static uint8_t *
slot_at(const struct mbox *m, uint32_t slot)
{
	CHECK(slot < WIRE_MBOX_SLOTS);
	return m->mem + WIRE_MBOX_SLOTS_AT + slot * WIRE_MBOX_SLOT_BYTES;
}

static uint32_t
boot_word(const struct mbox *m)
{
	return wire_load32(m->mem + offsetof(struct wire_status, boot));
}

static bool
boot_runs(uint32_t word)
{
	return (word & 0xffff0000u) == WIRE_MBOX_BOOT;
}

static void
ring(struct mbox *m, uint32_t bits)
{
	wire_or32(m->mem + WIRE_MBOX_DOORBELL_AT, bits);
	m->io.doorbell(m->io.arg);
}

enum rc
mbox_status(struct mbox *m, struct wire_status *status, struct wire_stats *stats)
{
	const uint8_t *seq_at = m->mem + offsetof(struct wire_status, seq);

	for (int i = 0; i < STATUS_TRIES; i++) {
		uint32_t seq = wire_load32(seq_at);

		wire_copy_out(status, m->mem + WIRE_MBOX_STATUS_AT, sizeof(*status));
		wire_copy_out(stats, m->mem + WIRE_MBOX_STATS_AT, sizeof(*stats));
		wire_fence();
		if ((seq & 1) != 0 || wire_load32(seq_at) != seq)
			continue;
		if (!boot_runs(le32_get(status->boot)))
			return RC_AGAIN;
		if (le32_get(status->magic) != WIRE_MBOX_MAGIC ||
		    le16_get(status->abi_major) != WIRE_MBOX_ABI_MAJOR)
			return RC_PEER;
		return RC_OK;
	}
	return RC_AGAIN;
}

/* One pause of a wait that began at start_ns. */
static enum rc
wait_more(struct mbox *m, uint64_t start_ns)
{
	uint64_t age_ns = m->io.now_ns(m->io.arg) - start_ns;

	if (age_ns >= TIMEOUT_NS)
		return RC_TIMEOUT;
	return m->io.wait(m->io.arg, mbox_pause_ns(age_ns)) ? RC_OK : RC_PEER;
}

/* Waits until the firmware runs, cancels all that was, begins an epoch. */
static enum rc
epoch_begin(struct mbox *m, uint64_t start_ns)
{
	uint32_t boot = 0, cancels = 0;
	bool rung = false;

	for (;;) {
		struct wire_status s;
		struct wire_stats t;
		enum rc rc = mbox_status(m, &s, &t);

		if (rc == RC_PEER)
			return rc;
		if (rc == RC_OK && (!rung || le32_get(s.boot) != boot)) {
			boot = le32_get(s.boot);
			cancels = le32_get(s.cancels);
			rung = true;
			ring(m, WIRE_MBOX_CANCEL);
		} else if (rc == RC_OK && le32_get(s.cancels) != cancels) {
			break;
		}
		rc = wait_more(m, start_ns);
		if (rc != RC_OK)
			return rc;
	}
	m->boot = boot;
	m->fresh = false;
	m->epoch = true;
	return RC_OK;
}

static void
request_write(struct mbox *m, uint32_t slot, const struct mbox_frame *f, const void *req,
    uint32_t len)
{
	uint8_t *at = slot_at(m, slot);

	wire_copy_in(at + WIRE_MBOX_HDR_BYTES, req, len);
	wire_store32(at + 4, f->hdr[1]);
	wire_store32(at, f->hdr[0]);
	ring(m, 1u << slot);
}

/* Replies to requests that were given up, seen when their slot comes round. */
static void
late_count(struct mbox *m, uint32_t slot)
{
	uint32_t word = wire_load32(slot_at(m, slot));

	if (m->late_seq[slot] != SEQ_NONE && (word & WIRE_MBOX_RESPONSE) != 0 &&
	    (word & WIRE_MBOX_SEQ) >> WIRE_MBOX_SEQ_SHIFT == m->late_seq[slot])
		m->counts.late_replies++;
	m->late_seq[slot] = SEQ_NONE;
}

struct call {
	uint32_t op, slot, seq;
	struct mbox_frame request;
	const void *req;
	uint32_t len;
	uint64_t start_ns, ring_ns;
	uint32_t stale;
};

/* The reply's frame and payload length; RC_AGAIN until it is there. */
static enum rc
reply_look(struct mbox *m, struct call *c, enum mbox_reply *reply, uint32_t *len)
{
	const uint8_t *at = slot_at(m, c->slot);
	struct mbox_frame f = { { wire_load32(at), 0 } };

	if ((f.hdr[0] & WIRE_MBOX_RESPONSE) != 0)
		f.hdr[1] = wire_load32(at + 4);
	*reply = mbox_frame_reply(&f, c->op, c->seq, len);
	switch (*reply) {
	case MBOX_REPLY_NONE:
		return RC_AGAIN;
	case MBOX_REPLY_GOOD:
	case MBOX_REPLY_ERROR:
		return RC_OK;
	case MBOX_REPLY_REBOOT:
		return RC_STALE;
	case MBOX_REPLY_STALE:
		/* It stands where our request stood, so that one goes out again. */
		m->counts.stale_replies++;
		if (++c->stale > STALE_MAX)
			return RC_PEER;
		request_write(m, c->slot, &c->request, c->req, c->len);
		return RC_AGAIN;
	case MBOX_REPLY_BROKEN:
		break;
	}
	return RC_PEER;
}

static enum rc
reply_await(struct mbox *m, struct call *c, enum mbox_reply *reply, uint32_t *len)
{
	for (;;) {
		enum rc rc = RC_STALE;
		uint64_t age_ns;

		/* A reboot clears the slots: a reply counts only within our boot. */
		if (boot_word(m) == m->boot)
			rc = reply_look(m, c, reply, len);
		if (rc != RC_AGAIN)
			return rc;
		age_ns = m->io.now_ns(m->io.arg) - c->start_ns;
		if (age_ns >= c->ring_ns) {
			m->counts.doorbells_again++;
			c->ring_ns *= 4;
			ring(m, 1u << c->slot);
		}
		rc = wait_more(m, c->start_ns);
		if (rc != RC_OK)
			return rc;
	}
}

/* Copies the payload and looks whether all of it was written in our boot. */
static enum rc
reply_take(struct mbox *m, const struct call *c, void *to, uint32_t cap, uint32_t len)
{
	if (len > cap)
		return RC_PEER;
	wire_copy_out(to, slot_at(m, c->slot) + WIRE_MBOX_HDR_BYTES, len);
	wire_fence();
	return boot_word(m) == m->boot ? RC_OK : RC_STALE;
}

static enum rc
error_take(struct mbox *m, const struct call *c, uint32_t len, struct mbox_error *err)
{
	struct wire_mbox_error e = { 0 };
	enum rc rc = reply_take(m, c, &e, sizeof(e), len);

	if (rc != RC_OK)
		return rc;
	err->code = le32_get(e.code);
	err->arg = le32_get(e.arg);
	err->syndrome = le32_get(e.syndrome);
	return err->code != 0 ? RC_INVALID : RC_PEER;
}

enum rc
mbox_call(struct mbox *m, uint32_t op, const void *req, uint32_t len, void *reply, uint32_t cap,
    uint32_t *reply_len, struct mbox_error *err)
{
	struct call c = { .op = op, .req = req, .len = len, .ring_ns = 10 * NS_PER_MS };
	enum mbox_reply kind = MBOX_REPLY_NONE;
	uint32_t n = 0;
	enum rc rc = RC_OK;

	CHECK(len <= WIRE_MBOX_PAYLOAD_MAX);
	*reply_len = 0;
	*err = (struct mbox_error) { 0 };
	m->counts.calls++;
	c.start_ns = m->io.now_ns(m->io.arg);
	if (m->fresh)
		rc = epoch_begin(m, c.start_ns);
	else if (boot_word(m) != m->boot)
		rc = RC_STALE;
	if (rc != RC_OK)
		goto out;
	m->seq = (m->seq + 1) & 15;
	c.seq = m->seq;
	c.slot = m->seq % WIRE_MBOX_SLOTS;
	c.request = mbox_frame_request(op, len, c.seq, m->epoch);
	late_count(m, c.slot);
	request_write(m, c.slot, &c.request, req, len);
	rc = reply_await(m, &c, &kind, &n);
	if (rc == RC_TIMEOUT)
		m->late_seq[c.slot] = c.seq;
	if (rc != RC_OK)
		goto out;
	m->epoch = false;
	if (kind == MBOX_REPLY_ERROR)
		rc = error_take(m, &c, n, err);
	else
		rc = reply_take(m, &c, reply, cap, n);
	if (rc == RC_OK)
		*reply_len = n;
out:
	m->counts.timeouts += rc == RC_TIMEOUT;
	m->counts.reboots += rc == RC_STALE;
	if (rc == RC_TIMEOUT || rc == RC_STALE || rc == RC_PEER)
		m->fresh = true;
	return rc;
}
