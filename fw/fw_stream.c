/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_stream - the flow ring to the host, and the three requests that run it.
 *
 * The firmware reads nothing of the ring: how far the host has come is what it granted in
 * credits, so a host can starve its own stream and spoil nothing else.
 */
#include "fw_mem.h"
#include "fw_ruleset.h"
#include "fw_track.h"
#include "wire_flow.h"
#include "wire_shared.h"

#define FAIL(m, code, arg) fw_mbox_fail((m), (code), (arg), 0x30000u | __LINE__)
#define WALL_STEP_NS 1000000		/* two readings of one clock differ by less */

/* Times of one flow are told by one offset, so that they agree between its records; it moves only
 * where the wall clock does. */
void
fw_stream_beat(struct fw_mbox *m, uint64_t now_ns)
{
	uint64_t wall_ns = m->port.wall_ns(m->port.arg);
	uint64_t offset = wall_ns - now_ns;
	uint64_t moved = offset - m->wall_offset_ns;

	m->wall_known = wall_ns != 0;
	if (moved + WALL_STEP_NS > 2 * (uint64_t)WALL_STEP_NS)
		m->wall_offset_ns = offset;
	if (m->mem == NULL || m->flows_kicked == m->flows_written)
		return;
	m->flows_kicked = m->flows_written;
	m->port.kick(m->port.arg);
}

void
fw_stream_end(struct fw *fw, struct fw_mbox *m)
{
	m->flow_credits = 0;
	m->status_old = true;
	fw_track_ask(fw, 0, 0);
}

static void
record_fill(const struct fw_mbox *m, const struct fw_flow_event *e, struct wire_flow *w)
{
	const struct fw_tally *t = e->tally;

	memset(w, 0, sizeof(*w));
	w->number = le32_put(m->flows_written);
	w->kind = e->kind;
	w->end = e->end;
	w->verdict = e->verdict;
	w->reason = e->reason;
	w->id = le64_put(t->id);
	memcpy(w->local, e->local, sizeof(w->local));
	memcpy(w->remote, e->remote, sizeof(w->remote));
	w->local_port = le16_put(e->local_port);
	w->remote_port = le16_put(e->remote_port);
	w->vlan = le16_put(e->vlan);
	w->family = e->family;
	w->proto = e->proto;
	w->dir = e->dir;
	w->tcp_flags = e->tcp_flags;
	w->flags = e->flags;
	w->rule_id = le32_put(e->rule_id);
	w->generation = le32_put(e->generation);
	w->first_wall_ns = le64_put(m->wall_known ? t->first_ns + m->wall_offset_ns : 0);
	w->last_wall_ns = le64_put(m->wall_known ? t->last_ns + m->wall_offset_ns : 0);
	for (int i = 0; i < 2; i++) {
		w->packets[i] = le64_put(t->packets[i]);
		w->bytes[i] = le64_put(t->bytes[i]);
	}
	w->check = le32_put(~wire_flow_sum(w));
}

/* O(1). */
bool
fw_mbox_flow(void *arg, const struct fw_flow_event *e)
{
	struct fw_mbox *m = arg;

	FW_CHECK(m != NULL && e != NULL);
	if (m->mem == NULL || m->flow_credits == 0)
		return false;
	FW_CHECK(m->flow_credits <= WIRE_FLOWS);
	record_fill(m, e, &m->flow);
	wire_copy_in(m->mem + WIRE_MBOX_FLOWS_AT +
	    m->flows_written % WIRE_FLOWS * (uint32_t)WIRE_FLOW_BYTES, &m->flow, sizeof(m->flow));
	m->flows_written++;
	m->flow_credits--;
	wire_store32(m->mem + WIRE_MBOX_FLOW_WRITTEN_AT, m->flows_written);
	return true;
}

static bool
serve_start(struct fw *fw, struct fw_mbox *m)
{
	uint32_t mask, credits;
	struct wire_flow_start_reply r;
	struct wire_flow_start s;

	memcpy(&s, m->request.payload, sizeof(s));
	mask = le32_get(s.mask);
	credits = le32_get(s.credits);
	if (fw->flow_mask != 0)
		return FAIL(m, WIRE_ERR_EALREADY, m->flow_stream);
	if (mask == 0 || (mask & ~(uint32_t)WIRE_FLOW_MASK_ALL) != 0)
		return FAIL(m, WIRE_ERR_EINVAL, 0);
	if (credits == 0)
		return FAIL(m, WIRE_ERR_EINVAL, 1);
	if (credits > WIRE_FLOWS)
		return FAIL(m, WIRE_ERR_ERANGE, 0);
	m->flow_stream = m->flow_stream == UINT32_MAX ? 1 : m->flow_stream + 1;
	m->flow_credits = credits;
	m->status_old = true;
	fw_track_ask(fw, mask, m->now_ns);
	r.stream = le32_put(m->flow_stream);
	r.written = le32_put(m->flows_written);
	return fw_mbox_good(m, &r, sizeof(r));
}

/* True where the request names the stream that runs; else it is answered. */
static bool
stream_good(const struct fw *fw, struct fw_mbox *m)
{
	struct wire_flow_stop s;

	memcpy(&s, m->request.payload, sizeof(s));
	if (fw->flow_mask != 0 && le32_get(s.stream) == m->flow_stream)
		return true;
	return !FAIL(m, WIRE_ERR_ENOENT, fw->flow_mask != 0 ? m->flow_stream : 0);
}

static bool
serve_stop(struct fw *fw, struct fw_mbox *m)
{
	struct wire_flow_stop_reply r = { le32_put(m->flows_written) };

	if (!stream_good(fw, m))
		return true;
	fw_stream_end(fw, m);
	return fw_mbox_good(m, &r, sizeof(r));
}

static bool
serve_credit(const struct fw *fw, struct fw_mbox *m)
{
	struct wire_flow_credit_reply r;
	struct wire_flow_credit c;

	memcpy(&c, m->request.payload, sizeof(c));
	if (!stream_good(fw, m))
		return true;
	if (le32_get(c.credits) == 0)
		return FAIL(m, WIRE_ERR_EINVAL, 1);
	if (le32_get(c.credits) > WIRE_FLOWS - m->flow_credits)
		return FAIL(m, WIRE_ERR_ERANGE, m->flow_credits);
	m->flow_credits += le32_get(c.credits);
	r.credits = le32_put(m->flow_credits);
	return fw_mbox_good(m, &r, sizeof(r));
}

uint32_t
fw_stream_request_len(uint32_t op)
{
	switch (op) {
	case WIRE_OP_FLOW_START:
		return sizeof(struct wire_flow_start);
	case WIRE_OP_FLOW_STOP:
		return sizeof(struct wire_flow_stop);
	case WIRE_OP_FLOW_CREDIT:
		return sizeof(struct wire_flow_credit);
	default:
		return UINT32_MAX;
	}
}

bool
fw_stream_serve(struct fw *fw, struct fw_mbox *m)
{
	switch (m->request.op) {
	case WIRE_OP_FLOW_START:
		return serve_start(fw, m);
	case WIRE_OP_FLOW_STOP:
		return serve_stop(fw, m);
	default:
		FW_CHECK(m->request.op == WIRE_OP_FLOW_CREDIT);
		return serve_credit(fw, m);
	}
}
