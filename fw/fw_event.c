/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_event - the two rings to the host: one producer, one consumer, never blocking.
 *
 * The host's read counts are its own to ruin: a count that cannot be is a full ring, and what a
 * full ring loses is counted.
 */
#include "fw_mem.h"
#include "fw_ruleset.h"
#include "wire_shared.h"

/* Entries not yet read, by the host's word; capacity where that word is impossible. */
static uint32_t
ring_used(const uint8_t *read_at, uint32_t written, uint32_t capacity)
{
	uint32_t used = written - wire_load32(read_at);

	return used > capacity ? capacity : used;
}

/* O(1). */
void
fw_mbox_event(struct fw_mbox *m, uint32_t code, uint32_t src, uint32_t level, uint32_t data)
{
	uint64_t e = data | (uint64_t)level << WIRE_EVENT_LEVEL_SHIFT |
	    (uint64_t)(src & 0xff) << WIRE_EVENT_SRC_SHIFT |
	    (uint64_t)(code & 0xff) << WIRE_EVENT_CODE_SHIFT | WIRE_EVENT_EV_CODE;
	uint8_t *at;

	if (m->mem == NULL || ring_used(m->mem + WIRE_MBOX_EVENT_READ_AT, m->events_written,
	    WIRE_EVENTS) == WIRE_EVENTS) {
		m->events_lost++;
		m->status_old = true;
		return;
	}
	if ((m->events_written / WIRE_EVENTS & 1) == 0)
		e |= WIRE_EVENT_PHASE;
	at = m->mem + WIRE_MBOX_EVENTS_AT +
	    m->events_written % WIRE_EVENTS * (uint32_t)WIRE_EVENT_BYTES;
	/* The half with the phase last. */
	wire_store32(at, (uint32_t)e);
	wire_store32(at + 4, (uint32_t)(e >> 32));
	m->events_written++;
}

static void
alert_fill(struct fw_mbox *m, const struct fw_alert *a)
{
	struct wire_alert *w = &m->alert;
	const struct fw_verdict *v = a->verdict;

	memset(w, 0, sizeof(*w));
	w->number = le32_put(m->alerts_written);
	w->generation = le32_put(a->generation);
	w->wall_ns = le64_put(m->port.wall_ns(m->port.arg));
	w->rule_id = le32_put(a->rule_id);
	w->suppressed = le32_put(a->suppressed);
	if (v != NULL) {
		uint32_t n = a->frame_bytes < WIRE_ALERT_HEAD ? a->frame_bytes : WIRE_ALERT_HEAD;
		const struct fw_hop *hop = a->hop < v->hop_count ? &v->hops[a->hop] : NULL;

		w->verdict = hop != NULL ? hop->verdict : v->verdict;
		w->reason = hop != NULL ? hop->reason : v->reason;
		w->dir = hop != NULL ? hop->dir : WIRE_OUT;
		w->family = v->tuple.family;
		w->proto = v->tuple.proto;
		w->tcp_flags = v->tuple.tcp_flags;
		if (hop != NULL)
			memcpy(w->local, hop->local, sizeof(w->local));
		memcpy(w->src, v->tuple.src, sizeof(w->src));
		memcpy(w->dst, v->tuple.dst, sizeof(w->dst));
		w->sport = le16_put(v->tuple.sport);
		w->dport = le16_put(v->tuple.dport);
		w->vlan = le16_put(v->tuple.vlan);
		w->frame_bytes = le32_put(a->frame_bytes);
		w->head_bytes = (uint8_t)n;
		memcpy(w->head, a->frame, n);
	}
	w->crc32c = le32_put(fw_crc32c(0, (const uint8_t *)w, sizeof(*w)));
}

/* O(1). */
bool
fw_mbox_alert(void *arg, const struct fw_alert *a)
{
	struct fw_mbox *m = arg;
	uint8_t *at;

	FW_CHECK(m != NULL && a != NULL);
	if (m->mem == NULL || ring_used(m->mem + WIRE_MBOX_ALERT_READ_AT, m->alerts_written,
	    WIRE_ALERTS) == WIRE_ALERTS) {
		m->alerts_lost++;
		m->status_old = true;
		return false;
	}
	alert_fill(m, a);
	at = m->mem + WIRE_MBOX_ALERTS_AT +
	    m->alerts_written % WIRE_ALERTS * (uint32_t)WIRE_ALERT_BYTES;
	wire_copy_in(at, &m->alert, sizeof(m->alert));
	wire_store32(m->mem + WIRE_MBOX_ALERT_WRITTEN_AT, m->alerts_written + 1);
	/* Either the host sees this record before it sleeps, or it is seen to have been waiting. */
	wire_fence();
	if (ring_used(m->mem + WIRE_MBOX_ALERT_READ_AT, m->alerts_written, WIRE_ALERTS) == 0)
		m->port.kick(m->port.arg);
	m->alerts_written++;
	return true;
}
