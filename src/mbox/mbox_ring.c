/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox_ring - alerts and events, the host's end.
 *
 * Read counts are ours and belong to one boot of the firmware: a reboot empties both rings and
 * starts them at 0.
 */
#include <string.h>

#include "hash.h"
#include "mbox_int.h"
#include "wire_shared.h"
#include "wire_verdict.h"

bool
mbox_rings_ready(struct mbox *m)
{
	uint32_t boot = wire_load32(m->mem + offsetof(struct wire_status, boot));

	if ((boot & 0xffff0000u) != WIRE_MBOX_BOOT)
		return false;
	if (boot != m->ring_boot) {
		m->ring_boot = boot;
		m->alerts_read = 0;
		m->events_read = 0;
		m->flows_read = 0;
		m->flow_stream = 0;
		m->flows_owed = 0;
	}
	return true;
}

static bool
alert_good(const struct wire_alert *w, uint32_t number)
{
	struct wire_alert copy = *w;

	copy.crc32c = le32_put(0);
	return le32_get(w->crc32c) == crc32c(0, &copy, sizeof(copy)) &&
	    le32_get(w->number) == number &&
	    w->verdict < WIRE_VERDICT__COUNT && w->reason < WIRE_REASON__COUNT &&
	    w->dir <= WIRE_IN && (w->family == 0 || w->family == 4 || w->family == 6) &&
	    w->head_bytes <= WIRE_ALERT_HEAD && w->head_bytes <= le32_get(w->frame_bytes) &&
	    le16_get(w->vlan) <= WIRE_VLAN_NONE;
}

/* Passes records that cannot be; bounded by the ring's size. */
enum rc
mbox_alert_next(struct mbox *m, struct wire_alert *out)
{
	uint32_t written, number, left;

	if (!mbox_rings_ready(m))
		return RC_AGAIN;
	written = wire_load32(m->mem + WIRE_MBOX_ALERT_WRITTEN_AT);
	left = written - m->alerts_read;
	if (left > WIRE_ALERTS) {
		m->counts.alerts_skipped += left;
		m->alerts_read = written;
		left = 0;
	}
	for (; left > 0; left--) {
		number = m->alerts_read;
		wire_copy_out(out, m->mem + WIRE_MBOX_ALERTS_AT +
		    number % WIRE_ALERTS * (size_t)WIRE_ALERT_BYTES, sizeof(*out));
		m->alerts_read++;
		wire_store32(m->mem + WIRE_MBOX_ALERT_READ_AT, m->alerts_read);
		if (alert_good(out, number))
			return RC_OK;
		m->counts.bad_alerts++;
	}
	wire_store32(m->mem + WIRE_MBOX_ALERT_READ_AT, m->alerts_read);
	wire_fence();
	return RC_AGAIN;
}

enum rc
mbox_event_next(struct mbox *m, uint64_t *out)
{
	const uint8_t *at;
	uint64_t high, phase;

	if (!mbox_rings_ready(m))
		return RC_AGAIN;
	at = m->mem + WIRE_MBOX_EVENTS_AT +
	    m->events_read % WIRE_EVENTS * (size_t)WIRE_EVENT_BYTES;
	high = wire_load32(at + 4);
	phase = (m->events_read / WIRE_EVENTS & 1) == 0 ? WIRE_EVENT_PHASE : 0;
	if ((high << 32 & WIRE_EVENT_EV_CODE) != WIRE_EVENT_EV_CODE ||
	    (high << 32 & WIRE_EVENT_PHASE) != phase)
		return RC_AGAIN;
	*out = high << 32 | wire_load32(at);
	m->events_read++;
	wire_store32(m->mem + WIRE_MBOX_EVENT_READ_AT, m->events_read);
	return RC_OK;
}
