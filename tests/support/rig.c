/* SPDX-License-Identifier: Apache-2.0 */
/* rig - see rig.h. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "hash.h"
#include "wire_image.h"
#include "wire_shared.h"

static uint64_t
port_wall(void *arg)
{
	return ((struct rig *)arg)->wall_ns++;
}

static bool
port_dma(void *arg, uint8_t *to, uint32_t dma_offset, uint32_t len)
{
	struct rig *r = arg;

	wire_copy_out(to, r->mem + WIRE_MBOX_WINDOWS_AT + dma_offset, len);
	if (r->dma_bad)
		to[len / 2] ^= 0x10;
	return true;
}

static enum fw_store
port_store(void *arg, const struct fw_record *record, const uint8_t *image)
{
	struct rig *r = arg;

	if (r->store_pending > 0) {
		r->store_pending--;
		return FW_STORE_PENDING;
	}
	if (r->store_fails)
		return FW_STORE_FAILED;
	if (r->store_keeps_none)
		return FW_STORE_DONE;
	r->stored = *record;
	memcpy(r->stored_image, image, record->len);
	r->stores++;
	return FW_STORE_DONE;
}

static void
port_kick(void *arg)
{
	((struct rig *)arg)->kicks++;
}

static uint64_t
port_tx_lost(void *arg)
{
	UNUSED(arg);
	return 7;
}

static void
firmware_start(struct rig *r)
{
	const struct fw_port port = { .arg = r, .wall_ns = port_wall, .dma_read = port_dma,
		.store = port_store, .kick = port_kick, .tx_lost = port_tx_lost };

	r->boots++;
	fw_init(r->fw, &r->cfg);
	fw_mbox_start(r->fw, &port, r->mem, r->boots, r->now_ns);
	if (r->stored.generation != 0) {
		memcpy(r->cfg.bank[0], r->stored_image, r->stored.len);
		CHECK(fw_boot_image(r->fw, &r->stored));
	}
}

static void *
zeroed(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

	CHECK(p != NULL);
	memset(p, 0, bytes);
	return p;
}

void
rig_init(struct rig *r)
{
	rig_init_bytes(r, RIG_BANK_BYTES);
}

void
rig_init_bytes(struct rig *r, uint32_t bank_bytes)
{
	memset(r, 0, sizeof(*r));
	r->fw = zeroed(sizeof(*r->fw));
	r->fm = zeroed(sizeof(*r->fm));
	r->mem = zeroed(WIRE_MBOX_BYTES);
	r->stored_image = zeroed(bank_bytes);
	r->cfg = (struct fw_cfg) {
		.bank = { zeroed(bank_bytes), zeroed(bank_bytes) },
		.bank_bytes = bank_bytes,
		.flows = zeroed(RIG_FLOWS * sizeof(struct fw_flow)),
		.flow_tags = zeroed(RIG_FLOWS * sizeof(uint16_t)), .flow_count = RIG_FLOWS,
		.flow_bounds = zeroed(RIG_FLOWS / FW_FLOW_WAYS * sizeof(uint64_t)),
		.openings = zeroed(RIG_FLOWS * sizeof(struct fw_opening)),
		.seen_sets = zeroed(RIG_SEEN / FW_SEEN_WAYS * sizeof(struct fw_seen_set)),
		.tallies = zeroed(RIG_FLOWS * sizeof(struct fw_tally)),
		.seen = zeroed(RIG_SEEN * sizeof(struct fw_seen)), .seen_count = RIG_SEEN,
		.frags = zeroed(sizeof(struct fw_frags)),
		.counters = zeroed(RIG_COUNTERS * sizeof(struct fw_counter)),
		.counter_count = RIG_COUNTERS,
		.alert_slots = zeroed(FW_ALERT_SLOTS * sizeof(struct fw_alert_slot)),
		.alert_rate = 1000000, .alert_burst = 1000000,
		.alert = fw_mbox_alert, .alert_arg = r->fm, .flow = fw_mbox_flow, .flow_arg = r->fm,
		.mbox = r->fm
	};
	r->now_ns = 1000 * NS_PER_S;
	r->wall_ns = 1;
	firmware_start(r);
}

void
rig_reset(struct rig *r)
{
	struct rig fresh = { .fw = r->fw, .fm = r->fm, .mem = r->mem, .cfg = r->cfg,
		.stored_image = r->stored_image };

	mbox_close(&r->mbox);
	*r = fresh;
	r->now_ns = 1000 * NS_PER_S;
	r->wall_ns = 1;
	firmware_start(r);
}

void
rig_fini(struct rig *r)
{
	mbox_close(&r->mbox);
	free(r->fw);
	free(r->fm);
	free(r->mem);
	free(r->stored_image);
	free(r->cfg.bank[0]);
	free(r->cfg.bank[1]);
	free(r->cfg.flows);
	free(r->cfg.flow_tags);
	free(r->cfg.flow_bounds);
	free(r->cfg.tallies);
	free(r->cfg.seen);
	free(r->cfg.seen_sets);
	free(r->cfg.openings);
	free(r->cfg.frags);
	free(r->cfg.counters);
	free(r->cfg.alert_slots);
	memset(r, 0, sizeof(*r));
}

void
rig_reboot(struct rig *r)
{
	r->reboots++;
	firmware_start(r);
}

void
rig_poll(struct rig *r)
{
	if (r->before_poll != NULL)
		r->before_poll(r);
	r->polls++;
	if (r->reboot_at == 2 * r->polls - 1)
		rig_reboot(r);
	if (!r->deaf)
		fw_poll(r->fw, r->now_ns);
	if (r->reboot_at == 2 * r->polls)
		rig_reboot(r);
	if (r->after_poll != NULL)
		r->after_poll(r);
}

static uint64_t
io_now(void *arg)
{
	return ((struct rig *)arg)->now_ns;
}

static void
io_doorbell(void *arg)
{
	struct rig *r = arg;

	r->doorbells++;
	if (r->doorbell_lost)
		(void)wire_take32(r->mem + WIRE_MBOX_DOORBELL_AT);
	r->doorbell_lost = false;
}

static bool
io_wait(void *arg, uint64_t ns)
{
	struct rig *r = arg;

	r->now_ns += ns;
	rig_poll(r);
	return !r->gone;
}

struct mbox_io
rig_io(struct rig *r)
{
	return (struct mbox_io) { .arg = r, .now_ns = io_now, .doorbell = io_doorbell,
		.wait = io_wait };
}

void
rig_host(struct rig *r)
{
	struct mbox_io io = rig_io(r);

	CHECK(mbox_open(r->mem, &io, &r->mbox) == RC_OK);
}

void
rig_image(uint8_t *buf, uint32_t len, uint8_t fill)
{
	struct wire_image_hdr h = { .version = le32_put(WIRE_IMAGE_VERSION),
		.magic = le32_put(WIRE_IMAGE_MAGIC), .bytes = le32_put(len),
		.buckets = le32_put(1), .hash_at = le32_put(2), .tables_at = le32_put(3),
		.bodies_at = le32_put(3), .unsegmented = WIRE_DROP, .non_ip = WIRE_DROP };

	CHECK(len >= RIG_IMAGE_MIN && len % WIRE_LINE == 0);
	memset(buf, fill, len);
	memset(buf, 0, RIG_IMAGE_MIN);
	memcpy(buf, &h, sizeof(h));
}

enum rc
rig_upload(struct rig *r, uint32_t generation, uint32_t len, uint8_t fill)
{
	return rig_upload_wait(r, generation, 0, len, fill);
}

enum rc
rig_upload_wait(struct rig *r, uint32_t generation, uint32_t confirm_s, uint32_t len,
    uint8_t fill)
{
	uint8_t *image = malloc(len);
	struct mbox_upload u = { .generation = generation, .confirm_s = confirm_s,
		.image = image, .len = len };
	struct diag diag = { 0 };
	enum rc rc;

	CHECK(image != NULL);
	rig_image(image, len, fill);
	rc = mbox_upload(r->mbox, &u, &diag);
	CHECK(rc == RC_OK || diag.text[0] != '\0');
	free(image);
	return rc;
}

void
rig_raw(struct rig *r, uint32_t slot, const uint32_t hdr[2], const void *payload, uint32_t len,
    uint32_t reply_hdr[2], uint8_t *reply)
{
	uint8_t *at = r->mem + WIRE_MBOX_SLOTS_AT + slot * WIRE_MBOX_SLOT_BYTES;

	if (len > 0)
		memcpy(at + WIRE_MBOX_HDR_BYTES, payload, len);
	wire_store32(at + 4, hdr[1]);
	wire_store32(at, hdr[0]);
	wire_or32(r->mem + WIRE_MBOX_DOORBELL_AT, 1u << slot);
	do {
		r->now_ns += 1000;
		rig_poll(r);
	} while (fw_mbox_busy(r->fm) && r->fm->job_slot == slot);
	reply_hdr[0] = wire_load32(at);
	reply_hdr[1] = wire_load32(at + 4);
	memcpy(reply, at + WIRE_MBOX_HDR_BYTES, WIRE_MBOX_PAYLOAD_MAX);
}

uint32_t
rig_verify(struct rig *r, rig_ask *ask, uint32_t flags)
{
	struct wire_verify v = { le32_put(r->fm->handle), le32_put(flags) };

	return ask(r, WIRE_OP_VERIFY, &v, sizeof(v));
}

uint32_t
rig_commit(struct rig *r, rig_ask *ask, uint32_t generation)
{
	struct wire_commit c = { .handle = le32_put(r->fm->handle),
		.generation = le32_put(generation), .flags = le32_put(WIRE_COMMIT_PERSIST) };

	c.crc32c = le32_put(crc32c(0, &c, sizeof(c) - 4));
	return ask(r, WIRE_OP_COMMIT, &c, sizeof(c));
}
