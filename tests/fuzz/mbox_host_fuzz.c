/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox_host_fuzz - firmware to host: a NIC that writes the input's bytes where a firmware writes.
 * Shape:   first byte: what the host asks; then one byte a poll of that host: 0 the real firmware
 *          polls, 1 a reply (word, word, count, bytes) in the slot in use, 2 a word anywhere below
 *          the windows, 3 the same, but a bit of it flipped, 4 alerts written (4 bytes), 5 reboot,
 *          6 flows written (4 bytes), 7 a whole flow record (number, bytes) that adds up.
 *          Without input left the firmware stands still, and time runs out.
 * Holds:   every call comes back in bounded time; alerts and flows that come out are sound.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "rig.h"
#include "wire_shared.h"
#include "wire_verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rd in;

static void
write_reply(struct rig *r)
{
	uint32_t slot = (uint32_t)(mbox_counts(r->mbox)->calls % WIRE_MBOX_SLOTS);
	uint8_t *at = r->mem + WIRE_MBOX_SLOTS_AT + slot * WIRE_MBOX_SLOT_BYTES;
	uint32_t first = rd_le32(&in), second = rd_le32(&in), n = rd_u8(&in);
	const uint8_t *bytes;

	n = n < rd_left(&in) ? n : (uint32_t)rd_left(&in);
	bytes = rd_bytes(&in, n);
	if (bytes != NULL)
		memcpy(at + 8, bytes, n);
	wire_store32(at + 4, second);
	wire_store32(at, first);
}

static void
write_flow(struct rig *r)
{
	uint32_t number = rd_u8(&in), n = MIN((uint32_t)rd_left(&in), (uint32_t)WIRE_FLOW_BYTES);
	struct wire_flow w = { .flags = 0 };
	const uint8_t *bytes = rd_bytes(&in, n);

	if (bytes != NULL)
		memcpy(&w, bytes, n);
	w.number = le32_put(number);
	w.check = le32_put(0);
	w.check = le32_put(~wire_flow_sum(&w));
	memcpy(r->mem + WIRE_MBOX_FLOWS_AT + number % WIRE_FLOWS * WIRE_FLOW_BYTES, &w, sizeof(w));
	wire_store32(r->mem + WIRE_MBOX_FLOW_WRITTEN_AT, number + 1);
}

static void
nic_step(struct rig *r)
{
	uint32_t at, word;

	r->deaf = true;
	if (rd_left(&in) == 0)
		return;
	switch (rd_u8(&in) % 8) {
	case 1:
		write_reply(r);
		break;
	case 2:
		at = rd_le32(&in) % WIRE_MBOX_WINDOWS_AT & ~3u;
		wire_store32(r->mem + at, rd_le32(&in));
		break;
	case 3:
		at = rd_le32(&in) % WIRE_MBOX_WINDOWS_AT & ~3u;
		word = wire_load32(r->mem + at);
		wire_store32(r->mem + at, word ^ 1u << rd_u8(&in) % 32);
		break;
	case 4:
		wire_store32(r->mem + WIRE_MBOX_ALERT_WRITTEN_AT, rd_le32(&in));
		break;
	case 5:
		rig_reboot(r);
		break;
	case 6:
		wire_store32(r->mem + WIRE_MBOX_FLOW_WRITTEN_AT, rd_le32(&in));
		break;
	case 7:
		write_flow(r);
		break;
	default:
		r->deaf = false;
	}
}

static void
rings(struct rig *r)
{
	struct wire_alert w;
	struct wire_flow f;
	uint64_t event;

	for (uint32_t i = 0; mbox_flow_next(r->mbox, &f) == RC_OK; i++) {
		CHECK(i <= WIRE_FLOWS);
		CHECK(f.verdict < WIRE_VERDICT__COUNT && f.reason < WIRE_REASON__COUNT);
		CHECK(f.kind < WIRE_FLOW_KIND__COUNT && f.end < WIRE_FLOW_END__COUNT);
		CHECK((f.family == 4 || f.family == 6) && f.dir <= WIRE_IN);
	}
	for (uint32_t i = 0; mbox_alert_next(r->mbox, &w) == RC_OK; i++) {
		CHECK(i <= WIRE_ALERTS);
		CHECK(w.verdict < WIRE_VERDICT__COUNT && w.reason < WIRE_REASON__COUNT);
		CHECK(w.head_bytes <= WIRE_ALERT_HEAD && w.dir <= WIRE_IN);
	}
	for (uint32_t i = 0; i < WIRE_EVENTS && mbox_event_next(r->mbox, &event) == RC_OK; i++)
		;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rig r;
	struct wire_caps caps;
	struct wire_status status;
	struct wire_stats stats;
	struct diag d = { 0 };
	uint64_t start_ns;
	uint8_t what;
	enum rc rc;

	if (r.fw == NULL)
		rig_init(&r);
	else
		rig_reset(&r);
	rig_host(&r);
	rd_init(&in, data, size);
	what = rd_u8(&in);
	r.before_poll = nic_step;
	start_ns = r.now_ns;
	if (what >= 128 && mbox_flows_start(r.mbox, &d) == RC_OK)
		rings(&r);
	if (what % 2 == 0)
		rc = mbox_ask(r.mbox, WIRE_OP_CAPS, &caps, sizeof(caps), &d);
	else
		rc = rig_upload(&r, 5, RIG_IMAGE_MIN, what);
	CHECK(rc == RC_OK || d.text[0] != '\0' || what % 2 != 0);
	rings(&r);
	(void)!mbox_status(r.mbox, &status, &stats);
	CHECK(r.now_ns - start_ns < 150 * NS_PER_S);
	return 0;
}
