/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_mbox - slots, framing, status page, and the poll that drives them.
 *
 * A slot is the host's until its doorbell bit is taken, then the firmware's until RESPONSE stands
 * in its first word. Each request is copied once (fw_request) and only the copy is looked at.
 */
#include "fw_mbox.h"

#include "fw_mem.h"
#include "fw_ruleset.h"
#include "wire_shared.h"

enum { FIRMWARE_BUILD = 1, VERSION_MAJOR = 1 };

#define FAIL(m, code, arg) fw_mbox_fail((m), (code), (arg), 0x10000u | __LINE__)
#define HEARTBEAT_NS ((uint64_t)WIRE_MBOX_HEARTBEAT_MS * 1000000)

_Static_assert(offsetof(struct fw_page, stats) == WIRE_MBOX_STATS_AT, "one page under one seq");

bool
fw_mbox_fail(struct fw_mbox *m, uint32_t code, uint32_t arg, uint32_t syndrome)
{
	FW_CHECK(code != 0);
	m->reply.error = code;
	m->reply.arg = arg;
	m->reply.syndrome = syndrome;
	m->reply.len = sizeof(struct wire_mbox_error);
	m->syndrome = syndrome;
	m->bad_requests++;
	m->status_old = true;
	return true;
}

bool
fw_mbox_good(struct fw_mbox *m, const void *payload, uint32_t len)
{
	FW_CHECK(len <= WIRE_MBOX_PAYLOAD_MAX && (len & 3) == 0);
	m->reply.error = 0;
	m->reply.len = len;
	if (len > 0)
		memcpy(m->reply.payload, payload, len);
	return true;
}

/* Writes m->reply into a slot, the word with RESPONSE last. silent: ERROR and length 0. */
static void
reply_write(struct fw_mbox *m, uint32_t slot, const uint32_t hdr[2], uint32_t hdr_bytes,
    bool silent)
{
	uint8_t *at = m->mem + WIRE_MBOX_SLOTS_AT + slot * WIRE_MBOX_SLOT_BYTES;
	uint32_t len = silent ? 0 : m->reply.len;
	uint32_t word = hdr[0] & (WIRE_MBOX_CODE | WIRE_MBOX_SEQ | WIRE_MBOX_NOT_EPOCH |
	    WIRE_MBOX_XFLAGS);

	FW_CHECK(slot < WIRE_MBOX_SLOTS && len <= WIRE_MBOX_PAYLOAD_MAX);
	word |= WIRE_MBOX_RESYNC | WIRE_MBOX_RESPONSE;
	if (silent || m->reply.error != 0)
		word |= WIRE_MBOX_ERROR;
	if (!silent && m->reply.error != 0) {
		struct wire_mbox_error e = { le32_put(m->reply.error), le32_put(m->reply.arg),
			le32_put(m->reply.syndrome) };

		memcpy(m->reply.payload, &e, sizeof(e));
	}
	wire_copy_in(at + hdr_bytes, m->reply.payload, len);
	if (hdr_bytes == WIRE_MBOX_HDR_BYTES)
		wire_store32(at + 4, (hdr[1] & WIRE_MBOX_CMD) | len << WIRE_MBOX_LEN_SHIFT);
	else
		word |= len << WIRE_MBOX_DATALEN_SHIFT;
	wire_store32(at, word);
	if ((word & WIRE_MBOX_EVREQ) != 0) {
		fw_mbox_event(m, WIRE_EVENT_CMDDONE, slot, WIRE_EVENT_INFO,
		    (word & WIRE_MBOX_SEQ) >> WIRE_MBOX_SEQ_SHIFT);
		m->port.kick(m->port.arg);
	}
}

void
fw_mbox_answer_job(struct fw_mbox *m)
{
	FW_CHECK(m->job != FW_JOB_NONE);
	if (m->mem != NULL && m->job_slot < WIRE_MBOX_SLOTS)
		reply_write(m, m->job_slot, m->job_hdr, m->job_hdr_bytes, false);
}

static bool
serve_version(struct fw_mbox *m)
{
	struct wire_version v;

	memset(&v, 0, sizeof(v));
	v.firmware = le32_put(FIRMWARE_BUILD);
	v.abi = le32_put((uint32_t)WIRE_MBOX_ABI_MAJOR << 16 | WIRE_MBOX_ABI_MINOR);
	v.opcodes[0] = (uint8_t)WIRE_OPCODES;
	v.opcodes[1] = (uint8_t)(WIRE_OPCODES >> 8);
	v.version[0] = le16_put(VERSION_MAJOR);
	return fw_mbox_good(m, &v, sizeof(v));
}

static bool
serve_caps(const struct fw *fw, struct fw_mbox *m)
{
	struct wire_caps c;

	c.tables_max = le32_put(WIRE_LOCALS_MAX);
	c.rules_max = le32_put(WIRE_RULES_MAX);
	c.counters_max = le32_put(fw->cfg.counter_count);
	c.image_bytes_max = le32_put(fw->cfg.bank_bytes);
	c.flows_max = le32_put(fw->cfg.flow_count);
	c.slots = le32_put(WIRE_MBOX_SLOTS);
	c.windows = le32_put(WIRE_MBOX_WINDOWS);
	c.window_bytes = le32_put(WIRE_MBOX_WINDOW_BYTES);
	c.lines_max = le32_put(fw->cfg.lines_max);
	c.loads_max = le32_put(fw->cfg.loads_max);
	return fw_mbox_good(m, &c, sizeof(c));
}

static bool
serve_ruleset_version(struct fw_mbox *m)
{
	struct wire_ruleset_version v;

	memset(&v, 0, sizeof(v));
	v.generation = le32_put(m->active.generation);
	memcpy(v.sha256, m->active.sha256, sizeof(v.sha256));
	v.committed_wall_ns = le64_put(m->active.wall_ns);
	v.highest = le32_put(m->highest);
	if (m->former.generation != 0) {
		uint64_t left = m->undo_ns > m->now_ns ? m->undo_ns - m->now_ns : 0;

		v.former = le32_put(m->former.generation);
		v.confirm_ms = le32_put((uint32_t)((left + 999999) / 1000000));
	}
	return fw_mbox_good(m, &v, sizeof(v));
}

/* O(WIRE_COUNTER_READ_MAX). */
static bool
serve_counters(const struct fw *fw, struct fw_mbox *m)
{
	uint32_t first, count;
	struct wire_counter_read r;
	struct wire_counter_reply head;

	memcpy(&r, m->request.payload, sizeof(r));
	first = le32_get(r.first);
	count = le32_get(r.count);
	if (count == 0 || count > WIRE_COUNTER_READ_MAX)
		return FAIL(m, WIRE_ERR_EINVAL, 1);
	if (first > fw->cfg.counter_count || count > fw->cfg.counter_count - first)
		return FAIL(m, WIRE_ERR_ERANGE, fw->cfg.counter_count);
	head.generation = le32_put(fw->generation);
	head.count = le32_put(count);
	(void)fw_mbox_good(m, &head, sizeof(head));
	for (uint32_t i = 0; i < count; i++) {
		const struct fw_counter *c = &fw->cfg.counters[first + i];
		struct wire_counter w = { le64_put(c->packets), le64_put(c->bytes) };

		memcpy(m->reply.payload + m->reply.len, &w, sizeof(w));
		m->reply.len += (uint32_t)sizeof(w);
	}
	FW_CHECK(m->reply.len <= WIRE_MBOX_PAYLOAD_MAX);
	return true;
}

/* The one length each request has; UINT32_MAX: no such opcode. */
static uint32_t
request_len(uint32_t op)
{
	switch (op) {
	case WIRE_OP_VERSION:
	case WIRE_OP_CAPS:
	case WIRE_OP_RULESET_VERSION:
		return 0;
	case WIRE_OP_COUNTER_READ:
		return sizeof(struct wire_counter_read);
	case WIRE_OP_BEGIN:
		return sizeof(struct wire_begin);
	case WIRE_OP_LOAD:
		return sizeof(struct wire_load);
	case WIRE_OP_VERIFY:
		return sizeof(struct wire_verify);
	case WIRE_OP_COMMIT:
		return sizeof(struct wire_commit);
	case WIRE_OP_ABORT:
		return sizeof(struct wire_abort);
	case WIRE_OP_COPY:
		return sizeof(struct wire_copy);
	case WIRE_OP_CONFIRM:
		return sizeof(struct wire_confirm);
	default:
		return fw_stream_request_len(op);
	}
}

/* Takes the header apart; false: answered. */
static bool
request_parse(struct fw_mbox *m)
{
	struct fw_request *r = &m->request;
	const uint32_t clear = WIRE_MBOX_RSVD | WIRE_MBOX_ERROR |
	    (WIRE_MBOX_XFLAGS & ~WIRE_MBOX_EVREQ);

	if ((r->hdr[0] & WIRE_MBOX_RESYNC) == 0 || (r->hdr[0] & clear) != 0)
		return !FAIL(m, WIRE_ERR_EINVAL, WIRE_ERR_ARG_HDR);
	if (r->hdr_bytes == WIRE_MBOX_HDR_BYTES) {
		if ((r->hdr[0] & WIRE_MBOX_DATALEN) != 0)
			return !FAIL(m, WIRE_ERR_EINVAL, WIRE_ERR_ARG_HDR);
		if ((r->hdr[1] & (WIRE_MBOX_UNUSED | WIRE_MBOX_TYPE)) != 0)
			return !FAIL(m, WIRE_ERR_EINVAL, WIRE_ERR_ARG_HDR + 1);
		r->op = r->hdr[1] & WIRE_MBOX_CMD;
		r->len = (r->hdr[1] & WIRE_MBOX_LEN) >> WIRE_MBOX_LEN_SHIFT;
	} else {
		r->op = r->hdr[0] & WIRE_MBOX_CODE;
		r->len = (r->hdr[0] & WIRE_MBOX_DATALEN) >> WIRE_MBOX_DATALEN_SHIFT;
	}
	if (request_len(r->op) == UINT32_MAX)
		return !FAIL(m, WIRE_ERR_ENOSYS, r->op);
	if (r->len != request_len(r->op))
		return !FAIL(m, WIRE_ERR_EINVAL,
		    r->hdr_bytes == WIRE_MBOX_HDR_BYTES ? WIRE_ERR_ARG_HDR + 1 : WIRE_ERR_ARG_HDR);
	return true;
}

/* True: m->reply is the answer; false: a job answers later. */
static bool
request_serve(struct fw *fw, struct fw_mbox *m, const uint8_t *at)
{
	if (!request_parse(m))
		return true;
	FW_CHECK(m->request.len < sizeof(m->request.payload));
	wire_copy_out(m->request.payload, at + m->request.hdr_bytes, m->request.len);
	switch (m->request.op) {
	case WIRE_OP_VERSION:
		return serve_version(m);
	case WIRE_OP_CAPS:
		return serve_caps(fw, m);
	case WIRE_OP_RULESET_VERSION:
		return serve_ruleset_version(m);
	case WIRE_OP_COUNTER_READ:
		return serve_counters(fw, m);
	case WIRE_OP_FLOW_START:
	case WIRE_OP_FLOW_STOP:
	case WIRE_OP_FLOW_CREDIT:
		return fw_stream_serve(fw, m);
	default:
		return fw_ruleset_serve(fw, m);
	}
}

static void
slot_serve(struct fw *fw, struct fw_mbox *m, uint32_t slot)
{
	const uint8_t *at = m->mem + WIRE_MBOX_SLOTS_AT + slot * WIRE_MBOX_SLOT_BYTES;
	struct fw_request *r = &m->request;

	if (slot == m->job_slot)
		return;			/* still being served; the doorbell came twice */
	r->slot = slot;
	r->hdr[0] = wire_load32(at);
	r->hdr[1] = 0;
	r->hdr_bytes = 4;
	if ((r->hdr[0] & WIRE_MBOX_RESPONSE) != 0) {
		m->stale_requests++;
		return;			/* answered already */
	}
	if ((r->hdr[0] & WIRE_MBOX_CODE) == WIRE_MBOX_V2) {
		r->hdr_bytes = WIRE_MBOX_HDR_BYTES;
		r->hdr[1] = wire_load32(at + 4);
	}
	if ((r->hdr[0] & WIRE_MBOX_NOT_EPOCH) == 0)
		m->epoch = true;
	if (!m->epoch) {
		m->stale_requests++;
		reply_write(m, slot, r->hdr, r->hdr_bytes, true);
		return;
	}
	if (request_serve(fw, m, at))
		reply_write(m, slot, r->hdr, r->hdr_bytes, false);
}

/* Doorbell bit 31: what the former owner left is neither done nor answered. */
static void
cancel_serve(struct fw *fw, struct fw_mbox *m)
{
	fw_ruleset_drop(m);
	fw_stream_end(fw, m);
	m->epoch = false;
	m->cancels++;
	m->status_old = true;
}

static void
flow_stats_write(const struct fw_stats *s, struct wire_stats *t)
{
	t->flows_opened = le64_put(s->flows_opened);
	t->flows_ended = le64_put(s->flows_ended);
	t->seen_opened = le64_put(s->seen_opened);
	t->seen_ended = le64_put(s->seen_ended);
	t->seen_full = le64_put(s->seen_full);
	t->flow_told = le64_put(s->flow_told);
	t->flow_updates = le64_put(s->flow_updates);
	t->flow_lost = le64_put(s->flow_lost);
	t->flow_untold = le64_put(s->flow_untold);
}

/* Writes status and statistics. O(1). */
static void
status_write(const struct fw *fw, struct fw_mbox *m)
{
	struct wire_status *s = &m->page.status;
	struct wire_stats *t = &m->page.stats;

	m->status_old = false;
	s->magic = le32_put(WIRE_MBOX_MAGIC);
	s->abi_major = le16_put(WIRE_MBOX_ABI_MAJOR);
	s->abi_minor = le16_put(WIRE_MBOX_ABI_MINOR);
	s->boot = le32_put(WIRE_MBOX_BOOT | (m->boots & 0xffff));
	s->heartbeat = le64_put(m->heartbeat);
	s->syndrome = le32_put(m->syndrome);
	s->flags = le32_put(m->status_flags |
	    (fw->active == FW_BANK_NONE ? WIRE_STATUS_NO_IMAGE : 0) |
	    (m->stage != FW_STAGE_NONE ? WIRE_STATUS_STAGED : 0) |
	    (m->former.generation != 0 ? WIRE_STATUS_UNCONFIRMED : 0) |
	    (fw->flow_mask != 0 ? WIRE_STATUS_FLOWS : 0));
	s->generation = le32_put(fw->generation);
	s->cancels = le32_put(m->cancels);
	memcpy(s->digest, m->active.sha256, sizeof(s->digest));
	s->alerts_lost = le64_put(m->alerts_lost);
	s->events_lost = le64_put(m->events_lost);
	t->packets = le64_put(fw->stats.frames);
	t->bytes = le64_put(fw->stats.bytes);
	t->passed = le64_put(fw->stats.passed);
	t->dropped = le64_put(fw->stats.dropped);
	t->would_dropped = le64_put(fw->stats.would_dropped);
	t->flows_live = le64_put(fw->flow_live);
	t->flows_full = le64_put(fw->stats.flow_full);
	t->frags_refused = le64_put(fw->stats.reasons[WIRE_REASON_FRAGMENT]);
	t->alerts = le64_put(fw->stats.alerts_told);
	t->alerts_suppressed = le64_put(fw->stats.alerts_suppressed);
	t->tx_lost = le64_put(m->port.tx_lost != NULL ? m->port.tx_lost(m->port.arg) : 0);
	t->bad_requests = le64_put(m->bad_requests);
	t->stale_requests = le64_put(m->stale_requests);
	t->rx_lost = le64_put(m->port.rx_lost != NULL ? m->port.rx_lost(m->port.arg) : 0);
	flow_stats_write(&fw->stats, t);
	if (m->mem == NULL)
		return;
	m->status_seq += 2;
	s->seq = le32_put(m->status_seq);
	wire_store32(m->mem + offsetof(struct wire_status, seq), m->status_seq - 1);
	wire_fence();
	wire_copy_in(m->mem + 8, (const uint8_t *)&m->page + 8, sizeof(m->page) - 8);
	wire_store32(m->mem + offsetof(struct wire_status, seq), m->status_seq);
	wire_store32(m->mem, WIRE_MBOX_MAGIC);
}

static bool
beat(struct fw_mbox *m, uint64_t now_ns)
{
	if (now_ns - m->heartbeat_ns < HEARTBEAT_NS)
		return false;
	m->heartbeat++;
	m->heartbeat_ns = now_ns;
	m->status_old = true;
	fw_stream_beat(m, now_ns);
	return true;
}

/* O(WIRE_MBOX_SLOTS + FW_MBOX_STEP_BYTES), and what fw_ruleset_step says. */
static void
mbox_poll(struct fw *fw, struct fw_mbox *m, uint64_t now_ns)
{
	uint32_t bits = m->mem != NULL ? wire_take32(m->mem + WIRE_MBOX_DOORBELL_AT) : 0;

	m->now_ns = now_ns;
	if ((bits & WIRE_MBOX_CANCEL) != 0) {
		cancel_serve(fw, m);
		bits = 0;
	}
	for (uint32_t slot = 0; slot < WIRE_MBOX_SLOTS; slot++) {
		if ((bits & 1u << slot) != 0)
			slot_serve(fw, m, slot);
	}
	fw_ruleset_step(fw, m);
	if (beat(m, now_ns))
		fw_scrub_step(fw, m);
	if (m->status_old)
		status_write(fw, m);
}

void
fw_poll(struct fw *fw, uint64_t now_ns)
{
	FW_CHECK(fw != NULL);
	if (fw->cfg.mbox != NULL)
		mbox_poll(fw, fw->cfg.mbox, now_ns);
	fw_sweep(fw, now_ns);
}

bool
fw_mbox_busy(const struct fw_mbox *m)
{
	return m->job == FW_JOB_LOAD || m->job == FW_JOB_VERIFY;
}

void
fw_mbox_attach(struct fw *fw, uint8_t *mem, uint64_t now_ns)
{
	struct fw_mbox *m = fw->cfg.mbox;

	FW_CHECK(m != NULL && ((uintptr_t)mem & 63) == 0);
	fw_ruleset_drop(m);
	fw_stream_end(fw, m);
	m->mem = mem;
	m->epoch = false;
	m->events_written = 0;
	m->alerts_written = 0;
	m->flows_written = m->flows_kicked = 0;
	m->status_seq = 0;
	(void)beat(m, now_ns);	/* on its own time: sessions in quick turn do not stop it */
	if (mem == NULL)
		return;
	/* The boot word goes first and comes last: the host sees a booting NIC in between. */
	wire_store32(mem + offsetof(struct wire_status, boot), 0);
	wire_store32(mem + WIRE_MBOX_DOORBELL_AT, 0);
	wire_store32(mem + WIRE_MBOX_ALERT_READ_AT, 0);
	wire_store32(mem + WIRE_MBOX_EVENT_READ_AT, 0);
	wire_store32(mem + WIRE_MBOX_ALERT_WRITTEN_AT, 0);
	wire_store32(mem + WIRE_MBOX_FLOW_WRITTEN_AT, 0);
	memset(mem + WIRE_MBOX_SLOTS_AT, 0, WIRE_MBOX_WINDOWS_AT - WIRE_MBOX_SLOTS_AT);
	fw_mbox_event(m, WIRE_EVENT_REBOOT, 0, WIRE_EVENT_INFO, m->boots & 0xffff);
	status_write(fw, m);
}

void
fw_mbox_start(struct fw *fw, const struct fw_port *port, uint8_t *mem, uint32_t boots,
    uint64_t now_ns)
{
	struct fw_mbox *m = fw->cfg.mbox;

	FW_CHECK(m != NULL && port != NULL);
	FW_CHECK(port->wall_ns != NULL && port->dma_read != NULL && port->kick != NULL);
	memset(m, 0, sizeof(*m));
	m->port = *port;
	m->boots = boots & 0xffff;
	m->job_slot = WIRE_MBOX_SLOTS;
	/* Handles of another boot name nothing. */
	m->handle = m->boots << 16;
	m->heartbeat_ns = m->now_ns = now_ns;
	fw_stream_beat(m, now_ns);
	fw_mbox_attach(fw, mem, now_ns);
}
