/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox_fw_fuzz - host to firmware: a script of what a host may do to the shared memory.
 * Shape:   one byte a step, then its operands: 0 poll, 1 doorbell (4 bytes), 2 bytes into a slot
 *          (slot, offset / 4, count, bytes), 3 the same with a sound header around it (slot, opcode
 *          16 bits, length, bytes), 4 bytes into a window, 5 a word anywhere below the windows, 6 a
 *          new session, 7 a reboot, 8 an alert; 245 a flow request (opcode, two words), 246 that
 *          for the stream that runs, 247 flows told (how many), 248 time passes (16 bits of 10 ms),
 *          249 LOAD and VERIFY of the window, 250 COMMIT (seconds to confirm it), 251 CONFIRM
 *          (flags), 252 the board's store holds an image and boots with it, 253 BEGIN of the image
 *          in the window, 254 and 255 COPY (from, to, lines; 255: its CRC32C is wrong).
 * Holds:   whatever comes, what is enforced passes the structure check and has the digest that the
 *          firmware tells; a generation only rises until a reboot, or falls to that before one that
 *          waited to be confirmed; what waits is not in the store. Flows told take their credits,
 *          and none is told beyond them.
 */
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "bytes.h"
#include "clock.h"
#include "hash.h"
#include "rig.h"
#include "wire_shared.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 400 };

static void
into_slot(struct rig *r, struct rd *in, bool framed)
{
	uint32_t slot = rd_u8(in) % WIRE_MBOX_SLOTS;
	uint8_t *at = r->mem + WIRE_MBOX_SLOTS_AT + slot * WIRE_MBOX_SLOT_BYTES;
	uint32_t op = framed ? rd_le16(in) & WIRE_MBOX_CMD : 0;
	uint32_t offset = framed ? 8 : rd_u8(in) * 4u;
	uint32_t n = rd_u8(in);
	const uint8_t *bytes;

	n = n < rd_left(in) ? n : (uint32_t)rd_left(in);
	bytes = rd_bytes(in, n);
	if (bytes != NULL && offset + n <= WIRE_MBOX_SLOT_BYTES)
		memcpy(at + offset, bytes, n);
	if (!framed)
		return;
	wire_store32(at + 4, op | n << WIRE_MBOX_LEN_SHIFT);
	wire_store32(at, 0x000000ff);
	wire_or32(r->mem + WIRE_MBOX_DOORBELL_AT, 1u << slot);
	rig_poll(r);
}

static void
request(struct rig *r, uint32_t op, const void *payload, uint32_t len)
{
	uint8_t *at = r->mem + WIRE_MBOX_SLOTS_AT;

	memcpy(at + 8, payload, len);
	wire_store32(at + 4, op | len << WIRE_MBOX_LEN_SHIFT);
	wire_store32(at, 0x000000ff);
	wire_or32(r->mem + WIRE_MBOX_DOORBELL_AT, 1);
	rig_poll(r);
}

static void
stored_boot(struct rig *r)
{
	r->stored = (struct fw_record) { .generation = r->fw->generation + 1,
		.len = 4 * RIG_IMAGE_MIN };
	rig_image(r->stored_image, r->stored.len, 3);
	sha256(r->stored_image, r->stored.len, r->stored.sha256);
	rig_reboot(r);
}

static void
begin(struct rig *r)
{
	struct wire_begin b = { .base_generation = le32_put(r->fw->generation),
		.generation = le32_put(r->fm->highest + 1),
		.bytes = le32_put(RIG_IMAGE_MIN) };

	sha256(r->mem + WIRE_MBOX_WINDOWS_AT, RIG_IMAGE_MIN, b.sha256);
	b.crc32c = le32_put(crc32c(0, &b, sizeof(b) - 4));
	request(r, WIRE_OP_BEGIN, &b, sizeof(b));
}

static void
copy(struct rig *r, struct rd *in, bool good)
{
	uint32_t from = rd_u8(in) * 64u, at = rd_u8(in) * 64u, len = rd_u8(in) * 64u;
	struct wire_copy c = { le32_put(r->fm->handle), le32_put(from), le32_put(at),
		le32_put(len), le32_put(0) };

	if (good && fw_image(r->fw) != NULL && from + len <= r->fw->image_bytes)
		c.crc32c = le32_put(crc32c(0, fw_image(r->fw) + from, len));
	request(r, WIRE_OP_COPY, &c, sizeof(c));
}

static void
load_verify(struct rig *r)
{
	struct wire_load l = { .handle = le32_put(r->fm->handle),
		.len = le32_put(RIG_IMAGE_MIN),
		.crc32c = le32_put(crc32c(0, r->mem + WIRE_MBOX_WINDOWS_AT, RIG_IMAGE_MIN)) };
	struct wire_verify v = { .handle = l.handle };

	request(r, WIRE_OP_LOAD, &l, sizeof(l));
	request(r, WIRE_OP_VERIFY, &v, sizeof(v));
}

static void
commit(struct rig *r, uint32_t confirm_s)
{
	struct wire_commit c = { .handle = le32_put(r->fm->handle),
		.generation = r->fm->begin.generation, .flags = le32_put(WIRE_COMMIT_PERSIST),
		.confirm_s = le32_put(confirm_s) };

	c.crc32c = le32_put(crc32c(0, &c, sizeof(c) - 4));
	request(r, WIRE_OP_COMMIT, &c, sizeof(c));
}

static void
confirm(struct rig *r, uint32_t flags)
{
	struct wire_confirm c = { le32_put(r->fw->generation), le32_put(flags), le32_put(0) };

	c.crc32c = le32_put(crc32c(0, &c, sizeof(c) - 4));
	request(r, WIRE_OP_CONFIRM, &c, sizeof(c));
}

static void
alert(struct rig *r, uint32_t rule_id)
{
	struct fw_verdict v = { .hop_count = 0 };
	uint8_t frame[80] = { 0 };
	struct fw_alert a = { .verdict = &v, .rule_id = rule_id, .frame = frame,
		.frame_bytes = rule_id % sizeof(frame) };

	(void)!fw_mbox_alert(r->fm, &a);
}

/* START, STOP or CREDIT, of any stream or of the one that runs. */
static void
flow_request(struct rig *r, struct rd *in, bool named)
{
	uint32_t op = WIRE_OP_FLOW_START + rd_u8(in) % 3;
	le32 words[2] = { le32_put(rd_le16(in)), le32_put(rd_le16(in)) };

	if (named)
		words[0] = le32_put(op == WIRE_OP_FLOW_START ? WIRE_FLOW_MASK_ALL :
		    r->fm->flow_stream);
	request(r, op, words, op == WIRE_OP_FLOW_STOP ? 4 : 8);
}

static void
flows(struct rig *r, uint32_t count)
{
	struct fw_tally t = { .id = 1 };
	uint8_t none[16] = { 0 };
	struct fw_flow_event e = { .family = 4, .flags = WIRE_FLOW_STATE, .local = none,
		.remote = none, .tally = &t, .now_ns = r->now_ns };
	uint32_t credits = r->fm->flow_credits, told = 0;

	CHECK(credits <= WIRE_FLOWS);
	for (uint32_t i = 0; i < count; i++)
		told += fw_mbox_flow(r->fm, &e);
	CHECK(told == (count < credits ? count : credits));
	CHECK(credits - told == r->fm->flow_credits);
}

static void
step(struct rig *r, struct rd *in)
{
	uint8_t what = rd_u8(in);
	uint32_t at;

	switch (what < 245 ? what % 9 : what) {
	case 1:
		wire_or32(r->mem + WIRE_MBOX_DOORBELL_AT, rd_le32(in));
		break;
	case 2:
		into_slot(r, in, false);
		break;
	case 3:
		into_slot(r, in, true);
		break;
	case 4:
		at = rd_le16(in);
		r->mem[WIRE_MBOX_WINDOWS_AT + at] = rd_u8(in);
		break;
	case 5:
		at = rd_le32(in) % WIRE_MBOX_WINDOWS_AT & ~3u;
		wire_store32(r->mem + at, rd_le32(in));
		break;
	case 6:
		fw_mbox_attach(r->fw, r->mem, r->now_ns);
		break;
	case 7:
		rig_reboot(r);
		break;
	case 8:
		alert(r, rd_u8(in));
		break;
	case 245:
	case 246:
		flow_request(r, in, what == 246);
		break;
	case 247:
		flows(r, rd_u8(in) * 64u);
		break;
	case 248:
		r->now_ns += (uint64_t)rd_le16(in) * 10 * NS_PER_MS;
		rig_poll(r);
		break;
	case 249:
		load_verify(r);
		break;
	case 250:
		commit(r, rd_u8(in));
		break;
	case 251:
		confirm(r, rd_u8(in) % 3);
		break;
	case 252:
		stored_boot(r);
		break;
	case 253:
		begin(r);
		break;
	case 254:
	case 255:
		copy(r, in, what == 254);
		break;
	default:
		r->now_ns += 1000000;
		rig_poll(r);
	}
}

static void
enforced_is_sound(const struct rig *r)
{
	uint8_t digest[32];
	uint32_t bad;

	CHECK(r->fw->generation == r->fm->active.generation);
	if (r->fw->generation == 0)
		return;
	CHECK(fw_image(r->fw) != NULL);
	sha256(fw_image(r->fw), r->fw->image_bytes, digest);
	CHECK(memcmp(digest, r->fm->active.sha256, sizeof(digest)) == 0);
	CHECK(fw_image_check(fw_image(r->fw), r->fw->image_bytes, &bad));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rig r;
	uint32_t generation = 0, former = 0;
	uint64_t reboots = 0;
	struct rd in;

	if (r.fw == NULL)
		rig_init(&r);
	else
		rig_reset(&r);
	rd_init(&in, data, size);
	/* A sound small image stands in the first window, so that uploads are within reach. */
	rig_image(r.mem + WIRE_MBOX_WINDOWS_AT, RIG_IMAGE_MIN, 0);
	for (int i = 0; i < STEPS_MAX && rd_left(&in) > 0; i++) {
		step(&r, &in);
		CHECK(r.fw->generation >= generation || r.reboots != reboots ||
		    (former != 0 && r.fw->generation == former));
		former = r.fm->former.generation;
		CHECK(former < r.fw->generation || (former == 0 && r.fw->generation == 0));
		CHECK(former == 0 || r.stored.generation < r.fw->generation);
		generation = r.fw->generation;
		reboots = r.reboots;
	}
	rig_poll(&r);
	enforced_is_sound(&r);
	return 0;
}
