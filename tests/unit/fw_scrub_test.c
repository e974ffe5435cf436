/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_scrub_test - memory that loses a bit: the active image is found damaged in the time that is
 * promised, wherever it is, and judges no more; a sound one is never taken for damaged.
 */
#include "clock.h"
#include "frames.h"
#include "rig.h"
#include "wire_image.h"

#include "t.h"

enum { LEN = 4096 };

static void
beats(struct rig *r, uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i += WIRE_MBOX_HEARTBEAT_MS) {
		r->now_ns += WIRE_MBOX_HEARTBEAT_MS * NS_PER_MS;
		rig_poll(r);
	}
}

static uint32_t
flags(struct rig *r)
{
	struct wire_status s;
	struct wire_stats stats;

	T_IS_INT(mbox_status(r->mbox, &s, &stats), RC_OK);
	T_IS_UINT(le32_get(s.generation), r->fw->generation);
	return le32_get(s.flags);
}

static void
begin(struct rig *r, uint32_t len)
{
	rig_init(r);
	rig_host(r);
	CHECK(rig_upload(r, 5, len, 1) == RC_OK);
}

static void
sound(void)
{
	struct rig r;

	begin(&r, LEN);
	beats(&r, 10000);
	T_IS_UINT(r.fw->generation, 5);
	CHECK(rig_upload(&r, 6, RIG_BANK_BYTES, 2) == RC_OK);
	beats(&r, 500);
	CHECK(rig_upload(&r, 7, LEN, 3) == RC_OK);	/* within a round of another image */
	beats(&r, 3000);
	T_IS_UINT(r.fw->generation, 7);
	T_IS_UINT(flags(&r), 0);
	rig_fini(&r);
}

/* Bits all over the image, of each place in a byte: found within two rounds. */
static void
any_bit(void)
{
	struct rig r;

	begin(&r, LEN);
	for (uint32_t bit = 0; bit < LEN * 8; bit += 31) {
		uint8_t *bank = r.cfg.bank[r.fw->active];
		uint32_t generation = r.fw->generation;

		beats(&r, bit % 1000);
		if (!T_IS_UINT(r.fw->generation, generation))
			break;
		bank[bit / 8] ^= (uint8_t)(1 << bit % 8);
		beats(&r, 2000);
		if (!T_IS_UINT(r.fw->generation, 0) || !T_OK(fw_image(r.fw) == NULL))
			break;
		T_IS_UINT(flags(&r), WIRE_STATUS_NO_IMAGE | WIRE_STATUS_IMAGE_DAMAGED);
		T_IS_INT(rig_upload(&r, generation, LEN, 1), RC_INVALID);
		T_IS_INT(rig_upload(&r, generation + 1, LEN, 1), RC_OK);
	}
	rig_fini(&r);
}

/* Nothing passes but ARP, live flows wait, and the host's next image judges. */
static void
denies(void)
{
	static uint8_t frame[FRAME_BYTES_MAX], arp[60] = { [12] = 8, [13] = 6 };
	struct frame_spec spec;
	struct fw_verdict v;
	struct rig r;
	uint32_t len;

	begin(&r, LEN);
	frame_from_text("10.0.0.1/1024 > 10.0.0.2/80 tcp syn", &spec);
	len = frame_build(&spec, frame);
	r.cfg.bank[r.fw->active][LEN - 1] ^= 1;
	beats(&r, 2000);
	fw_packet(r.fw, frame, len, r.now_ns, &v);
	T_IS_INT(v.verdict, WIRE_DROP);
	T_IS_INT(v.reason, WIRE_REASON_NO_IMAGE);
	fw_packet(r.fw, arp, sizeof(arp), r.now_ns, &v);
	T_IS_INT(v.verdict, WIRE_PASS);
	rig_reboot(&r);
	T_IS_UINT(r.fw->generation, 5);
	T_IS_UINT(r.fm->status_flags, 0);
	rig_fini(&r);
}

/* What waits to be confirmed gives its place back; a store under way is waited for. */
static void
waits(void)
{
	struct rig r;

	begin(&r, LEN);
	CHECK(rig_upload_wait(&r, 6, 600, LEN, 2) == RC_OK);
	r.cfg.bank[r.fw->active][LEN - 1] ^= 1;
	beats(&r, 2000);
	T_IS_UINT(r.fw->generation, 5);
	T_IS_UINT(flags(&r), WIRE_STATUS_IMAGE_DAMAGED);
	beats(&r, 2000);
	T_IS_UINT(r.fw->generation, 5);
	/* An upload that is open when it happens ends, and is told so. */
	r.cfg.bank[r.fw->active][LEN - 1] ^= 1;
	r.fm->stage = FW_STAGE_LOADING;
	beats(&r, 2000);
	T_IS_UINT(r.fw->generation, 0);
	T_IS_UINT(r.fm->stage, FW_STAGE_NONE);
	rig_fini(&r);
}

/* The board says what it found; a record that does not hold says it too. */
static void
store(void)
{
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	fw_boot_damaged(r.fw);
	rig_poll(&r);
	T_IS_UINT(flags(&r), WIRE_STATUS_NO_IMAGE | WIRE_STATUS_STORE_DAMAGED);
	T_IS_INT(rig_upload(&r, 5, LEN, 1), RC_OK);
	T_IS_UINT(flags(&r), WIRE_STATUS_STORE_DAMAGED);
	rig_reboot(&r);
	T_IS_UINT(r.fm->status_flags, 0);
	r.stored.generation = 0;
	rig_reboot(&r);
	T_OK(!fw_boot_image(r.fw, &(struct fw_record) { .generation = 7, .len = LEN }));
	T_IS_UINT(r.fm->status_flags, WIRE_STATUS_STORE_DAMAGED);
	rig_fini(&r);
}

int
main(void)
{
	T_RUN(sound);
	T_RUN(any_bit);
	T_RUN(denies);
	T_RUN(waits);
	T_RUN(store);
	return t_done();
}
