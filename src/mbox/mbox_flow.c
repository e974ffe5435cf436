/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox_flow - the flow ring, the host's end.
 *
 * Nothing is written into the ring's memory: the firmware learns how far we are by credits, a
 * quarter of the ring at a time. What it says of its own count is checked like all else: a count
 * that cannot be is passed over, a record that cannot be is counted and left out.
 */
#include <string.h>

#include "mbox_int.h"
#include "wire_shared.h"
#include "wire_verdict.h"

enum { CREDIT_STEP = WIRE_FLOWS / 4 };

static enum rc
request(struct mbox *m, uint32_t op, const void *req, uint32_t len, void *reply,
    uint32_t reply_len, struct mbox_error *err)
{
	uint32_t got = 0;
	enum rc rc = mbox_call(m, op, req, len, reply, reply_len, &got, err);

	return rc == RC_OK && got != reply_len ? RC_PEER : rc;
}

static enum rc
start(struct mbox *m, struct mbox_error *err)
{
	struct wire_flow_start s = { le32_put(WIRE_FLOW_MASK_ALL), le32_put(WIRE_FLOWS) };
	struct wire_flow_start_reply r;
	enum rc rc = request(m, WIRE_OP_FLOW_START, &s, sizeof(s), &r, sizeof(r), err);

	if (rc != RC_OK)
		return rc;
	if (!mbox_rings_ready(m))
		return RC_STALE;
	m->flow_stream = le32_get(r.stream);
	m->flows_read = le32_get(r.written);
	m->flows_owed = 0;
	return RC_OK;
}

static enum rc
stop(struct mbox *m, uint32_t stream, struct mbox_error *err)
{
	struct wire_flow_stop s = { le32_put(stream) };
	struct wire_flow_stop_reply r;

	m->flow_stream = 0;
	return request(m, WIRE_OP_FLOW_STOP, &s, sizeof(s), &r, sizeof(r), err);
}

static enum rc
tell(const struct mbox_error *err, uint32_t op, enum rc rc, struct diag *diag)
{
	if (rc == RC_INVALID)
		return mbox_error_tell(err, op, diag);
	if (rc != RC_OK)
		diag_set(diag, "nic-flows", "flows could not be asked for: %s", rc_name(rc));
	return rc;
}

enum rc
mbox_flows_start(struct mbox *m, struct diag *diag)
{
	struct mbox_error err = { 0 };
	enum rc rc = start(m, &err);

	if (rc == RC_INVALID && err.code == WIRE_ERR_EALREADY) {
		rc = stop(m, err.arg, &err);
		if (rc == RC_OK)
			rc = start(m, &err);
	}
	return tell(&err, WIRE_OP_FLOW_START, rc, diag);
}

enum rc
mbox_flows_stop(struct mbox *m, struct diag *diag)
{
	struct mbox_error err = { 0 };

	return tell(&err, WIRE_OP_FLOW_STOP, stop(m, m->flow_stream, &err), diag);
}

/* A stream that is gone is not a fault: the status page says so too, and it is asked for anew. */
static enum rc
credit(struct mbox *m)
{
	struct wire_flow_credit c = { le32_put(m->flow_stream), le32_put(m->flows_owed) };
	struct wire_flow_credit_reply r;
	struct mbox_error err;
	enum rc rc = request(m, WIRE_OP_FLOW_CREDIT, &c, sizeof(c), &r, sizeof(r), &err);

	if (rc == RC_OK) {
		m->flows_owed = 0;
		return RC_OK;
	}
	m->flow_stream = 0;
	return rc == RC_INVALID || rc == RC_STALE ? RC_OK : rc;
}

static bool
flow_good(const struct wire_flow *w, uint32_t number)
{
	static const uint8_t none[sizeof(w->reserved2)];

	return wire_flow_sum(w) == UINT32_MAX && le32_get(w->number) == number &&
	    w->kind < WIRE_FLOW_KIND__COUNT && w->end < WIRE_FLOW_END__COUNT &&
	    (w->kind == WIRE_FLOW_ENDED) == (w->end != WIRE_FLOW_LIVE) &&
	    w->verdict < WIRE_VERDICT__COUNT && w->reason < WIRE_REASON__COUNT &&
	    le64_get(w->id) != 0 && (w->family == 4 || w->family == 6) && w->dir <= WIRE_IN &&
	    (w->flags & ~WIRE_FLOW_FLAGS) == 0 && le16_get(w->vlan) <= WIRE_VLAN_NONE &&
	    le64_get(w->first_wall_ns) <= le64_get(w->last_wall_ns) &&
	    w->reserved == 0 && memcmp(w->reserved2, none, sizeof(none)) == 0;
}

/* Passes records that cannot be; bounded by the ring's size. */
enum rc
mbox_flow_next(struct mbox *m, struct wire_flow *out)
{
	uint32_t written, number, left;

	if (m->flow_stream != 0 && m->flows_owed >= CREDIT_STEP) {
		enum rc rc = credit(m);

		if (rc != RC_OK)
			return rc;
	}
	if (!mbox_rings_ready(m))
		return RC_AGAIN;
	written = wire_load32(m->mem + WIRE_MBOX_FLOW_WRITTEN_AT);
	left = written - m->flows_read;
	if (left > WIRE_FLOWS) {
		m->counts.flows_skipped += left;
		m->flows_read = written;
		left = 0;
	}
	for (; left > 0; left--) {
		number = m->flows_read++;
		if (m->flows_owed < WIRE_FLOWS)
			m->flows_owed++;
		wire_copy_out(out, m->mem + WIRE_MBOX_FLOWS_AT +
		    number % WIRE_FLOWS * (size_t)WIRE_FLOW_BYTES, sizeof(*out));
		if (flow_good(out, number))
			return RC_OK;
		m->counts.bad_flows++;
	}
	return RC_AGAIN;
}
