/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_confirm_test - a commit that must be confirmed: kept, undone in time or when asked, never in
 * the store before; a boot, a dead host, a failing store at any step; each packet by one image.
 */
#include <stdlib.h>

#include "bytes.h"
#include "clock.h"
#include "frames.h"
#include "hash.h"
#include "rig.h"
#include "wire_image.h"

#include "t.h"

enum { LEN = 4096, WAIT_S = 60 };

static struct diag why;

static enum rc
confirm(struct rig *r, uint32_t generation, bool undo)
{
	memset(&why, 0, sizeof(why));
	return mbox_confirm(r->mbox, generation, undo, &why);
}

/* Generation 5 enforced and stored, 6 in its place for WAIT_S. */
static void
wait_begin(struct rig *r)
{
	rig_init(r);
	rig_host(r);
	CHECK(rig_upload(r, 5, LEN, 1) == RC_OK);
	CHECK(rig_upload_wait(r, 6, WAIT_S, LEN, 2) == RC_OK);
}

static void
later(struct rig *r, uint64_t ms)
{
	r->now_ns += ms * NS_PER_MS;
	rig_poll(r);
}

/* What the firmware tells is what it does. */
static void
stands(struct rig *r, uint32_t generation, uint32_t former)
{
	struct wire_ruleset_version v = { .former = le32_put(99) };
	struct wire_status s = { .flags = le32_put(0) };
	struct wire_stats stats;
	uint8_t digest[SHA256_BYTES];

	T_IS_UINT(r->fw->generation, generation);
	T_IS_INT(mbox_ask(r->mbox, WIRE_OP_RULESET_VERSION, &v, sizeof(v), &why), RC_OK);
	T_IS_UINT(le32_get(v.generation), generation);
	T_IS_UINT(le32_get(v.former), former);
	T_IS_INT(le32_get(v.confirm_ms) > 0, former != 0);
	sha256(fw_image(r->fw), r->fw->image_bytes, digest);
	T_IS_MEM(v.sha256, digest, sizeof(digest));
	later(r, 0);
	T_IS_INT(mbox_status(r->mbox, &s, &stats), RC_OK);
	T_IS_UINT(le32_get(s.generation), generation);
	T_IS_INT((le32_get(s.flags) & WIRE_STATUS_UNCONFIRMED) != 0, former != 0);
}

/* The last event of the ring: its code, and its source and data. */
static uint32_t
last_event(struct rig *r, uint32_t *src, uint32_t *data)
{
	uint64_t e = 0;

	while (mbox_event_next(r->mbox, &e) == RC_OK)
		;
	*src = e >> WIRE_EVENT_SRC_SHIFT & 0xff;
	*data = (uint32_t)(e & WIRE_EVENT_DATA);
	return e >> WIRE_EVENT_CODE_SHIFT & 0xff;
}

static void
time_over(void)
{
	struct wire_ruleset_version v;
	struct rig r;
	uint32_t src, data, activations;
	uint64_t kicks;

	wait_begin(&r);
	stands(&r, 6, 5);
	T_IS_UINT(r.stored.generation, 5);
	T_IS_INT(rig_upload(&r, 7, LEN, 3), RC_CONFLICT);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_RULESET_VERSION, &v, sizeof(v), &why), RC_OK);
	T_OK(le32_get(v.confirm_ms) > 59000 && le32_get(v.confirm_ms) <= 60000);
	activations = r.fw->activation;
	kicks = r.kicks;
	r.now_ns = r.fm->undo_ns - 1;
	later(&r, 0);
	T_IS_UINT(r.fw->generation, 6);
	r.now_ns++;
	later(&r, 0);
	stands(&r, 5, 0);
	T_IS_UINT(r.fw->activation, activations + 1);	/* live flows are judged again */
	T_IS_UINT(r.kicks, kicks + 1);
	T_IS_UINT(last_event(&r, &src, &data), WIRE_EVENT_UNDONE);
	T_IS_UINT(src, WIRE_UNDONE_TIME);
	T_IS_UINT(data, 5);
	T_IS_INT(confirm(&r, 6, false), RC_INVALID);
	T_IS_STR(why.code, "nothing-to-confirm");
	/* 6 was: what it said names nothing else. */
	T_IS_INT(rig_upload(&r, 6, LEN, 3), RC_INVALID);
	T_IS_INT(rig_upload(&r, 7, LEN, 3), RC_OK);
	stands(&r, 7, 0);
	T_IS_UINT(r.stored.generation, 7);
	rig_fini(&r);
}

static void
kept(void)
{
	struct rig r;
	uint32_t src, data;

	wait_begin(&r);
	later(&r, WAIT_S * 1000 - 10);
	T_IS_INT(confirm(&r, 5, false), RC_INVALID);
	T_IS_INT(confirm(&r, 6, false), RC_OK);
	T_IS_UINT(last_event(&r, &src, &data), WIRE_EVENT_CONFIRMED);
	T_IS_UINT(data, 6);
	T_IS_UINT(r.stored.generation, 6);
	later(&r, 3600 * 1000);
	stands(&r, 6, 0);
	T_IS_INT(confirm(&r, 6, false), RC_INVALID);
	rig_reboot(&r);
	T_IS_UINT(r.fw->generation, 6);
	rig_fini(&r);
}

static void
undone_when_asked(void)
{
	struct rig r;
	uint32_t src, data;

	wait_begin(&r);
	T_IS_INT(confirm(&r, 6, true), RC_OK);
	stands(&r, 5, 0);
	T_IS_UINT(last_event(&r, &src, &data), WIRE_EVENT_UNDONE);
	T_IS_UINT(src, WIRE_UNDONE_ASKED);
	T_IS_UINT(r.stored.generation, 5);
	T_IS_INT(confirm(&r, 5, true), RC_INVALID);
	rig_fini(&r);
}

/* A store that fails keeps the wait; one that takes long takes none of it. */
static void
stores(void)
{
	struct rig r;

	wait_begin(&r);
	r.store_fails = true;
	T_IS_INT(confirm(&r, 6, false), RC_IO);
	T_OK(strstr(why.text, "waits to be confirmed still") != NULL);
	stands(&r, 6, 5);
	T_OK((r.fm->status_flags & WIRE_STATUS_STORE_FAILED) != 0);
	r.store_fails = false;
	r.now_ns = r.fm->undo_ns - NS_PER_MS;
	r.store_pending = 1000;
	T_IS_INT(confirm(&r, 6, false), RC_OK);
	T_OK(r.now_ns > r.fm->undo_ns);
	stands(&r, 6, 0);
	T_IS_UINT(r.stored.generation, 6);
	rig_fini(&r);
	/* The host dies while it is stored, in time: kept. It dies before: undone. */
	wait_begin(&r);
	fw_mbox_attach(r.fw, NULL, r.now_ns);
	later(&r, WAIT_S * 1000 - 100);
	T_IS_UINT(r.fw->generation, 6);
	later(&r, 100);
	T_IS_UINT(r.fw->generation, 5);
	rig_fini(&r);
}

static uint32_t
raw(struct rig *r, uint32_t op, void *payload, uint32_t len, bool sum, uint32_t *arg)
{
	uint32_t hdr[2] = { 0x000000ff, op | len << WIRE_MBOX_LEN_SHIFT }, reply_hdr[2];
	uint8_t reply[WIRE_MBOX_PAYLOAD_MAX];

	if (sum)
		put_le32((uint8_t *)payload + len - 4, crc32c(0, payload, len - 4));
	rig_raw(r, 0, hdr, payload, len, reply_hdr, reply);
	CHECK((reply_hdr[0] & WIRE_MBOX_RESPONSE) != 0);
	*arg = get_le32(reply + 4);
	return (reply_hdr[0] & WIRE_MBOX_ERROR) != 0 ? get_le32(reply) : 0;
}

static void
refused(void)
{
	struct wire_commit commit = { .generation = le32_put(5) };
	struct wire_confirm c = { .generation = le32_put(6) };
	struct wire_begin b = { .base_generation = le32_put(6), .generation = le32_put(7),
		.bytes = le32_put(LEN) };
	struct rig r;
	uint32_t arg;

	/* Nothing before: nothing to go back to. */
	rig_init(&r);
	rig_host(&r);
	T_IS_INT(rig_upload_wait(&r, 5, 1, LEN, 1), RC_INVALID);
	T_IS_UINT(r.fw->generation, 0);
	T_IS_INT(rig_upload(&r, 5, LEN, 1), RC_OK);
	T_IS_INT(rig_upload_wait(&r, 6, WIRE_CONFIRM_S_MAX + 1, LEN, 2), RC_INVALID);
	T_IS_UINT(raw(&r, WIRE_OP_CONFIRM, &c, sizeof(c), true, &arg), WIRE_ERR_ENOENT);
	T_IS_UINT(arg, 5);
	T_IS_INT(rig_upload_wait(&r, 6, WIRE_CONFIRM_S_MAX, LEN, 2), RC_OK);
	c.crc32c = le32_put(1);
	T_IS_UINT(raw(&r, WIRE_OP_CONFIRM, &c, sizeof(c), false, &arg), WIRE_ERR_EBADMSG);
	c.flags = le32_put(2);
	T_IS_UINT(raw(&r, WIRE_OP_CONFIRM, &c, sizeof(c), true, &arg), WIRE_ERR_EINVAL);
	T_IS_UINT(arg, 1);
	c.flags = le32_put(0);
	c.generation = le32_put(5);
	T_IS_UINT(raw(&r, WIRE_OP_CONFIRM, &c, sizeof(c), true, &arg), WIRE_ERR_GENERATION);
	T_IS_UINT(arg, 6);
	T_IS_UINT(raw(&r, WIRE_OP_BEGIN, &b, sizeof(b), true, &arg), WIRE_ERR_UNCONFIRMED);
	T_IS_UINT(arg, 6);
	T_IS_UINT(raw(&r, WIRE_OP_COMMIT, &commit, sizeof(commit), true, &arg), WIRE_ERR_ENOENT);
	stands(&r, 6, 5);
	rig_fini(&r);
}

/* A boot before and after each poll of load, wait, and its end: what is enforced then was
 * confirmed, or is on its way to be, and the store agrees. */
static void
boots(void)
{
	uint64_t polls = 0;

	for (uint64_t at = 0; at == 0 || at <= 2 * polls; at++) {
		struct rig r;
		enum rc rc;

		rig_init(&r);
		rig_host(&r);
		CHECK(rig_upload(&r, 5, LEN, 1) == RC_OK);
		r.polls = 0;
		r.reboot_at = at;
		rc = rig_upload_wait(&r, 6, WAIT_S, LEN, 2);
		T_OK(rc == RC_OK || rc == RC_STALE);
		T_IS_UINT(r.stored.generation, 5);
		T_IS_UINT(r.fw->generation, r.reboots > 0 || rc != RC_OK ? 5 : 6);
		rc = confirm(&r, 6, false);
		T_OK(at > 0 || rc == RC_OK);
		T_OK(rc != RC_OK || r.fw->generation == 6);
		T_IS_UINT(r.stored.generation, r.fw->generation);
		T_IS_UINT(r.fm->former.generation, 0);
		polls = at == 0 ? r.polls : polls;
		rig_fini(&r);
		if (!T_OK(polls > 5))
			break;
	}
}

static uint8_t frame[FRAME_BYTES_MAX];
static uint32_t frame_len, judged[8];

/* Generation 5 drops what is in no segment, 6 passes it. */
static void
one_image(struct rig *r)
{
	struct fw_verdict v;

	fw_packet(r->fw, frame, frame_len, r->now_ns, &v);
	T_IS_UINT(v.generation, r->fw->generation);
	T_IS_INT(v.verdict, v.generation == 6 ? WIRE_PASS : WIRE_DROP);
	judged[v.generation & 7]++;
}

static void
never_between(void)
{
	static uint8_t image[LEN];
	struct mbox_upload u = { .generation = 6, .confirm_s = WAIT_S, .image = image,
		.len = LEN };
	struct wire_image_hdr h;
	struct frame_spec spec;
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	frame_from_text("10.0.0.1/1024 > 10.0.0.2/80 tcp syn", &spec);
	frame_len = frame_build(&spec, frame);
	CHECK(rig_upload(&r, 5, LEN, 1) == RC_OK);
	r.before_poll = r.after_poll = one_image;
	rig_image(image, LEN, 2);
	memcpy(&h, image, sizeof(h));
	h.unsegmented = WIRE_PASS;
	memcpy(image, &h, sizeof(h));
	for (int i = 0; i < 3; i++) {
		T_IS_INT(mbox_upload(r.mbox, &u, &why), i == 0 ? RC_OK : RC_INVALID);
		later(&r, WAIT_S * 500);
		later(&r, WAIT_S * 500);
		T_IS_UINT(r.fw->generation, 5);
	}
	T_OK(judged[5] > 4 && judged[6] >= 2);
	rig_fini(&r);
}

int
main(void)
{
	T_RUN(time_over);
	T_RUN(kept);
	T_RUN(undone_when_asked);
	T_RUN(stores);
	T_RUN(refused);
	T_RUN(boots);
	T_RUN(never_between);
	return t_done();
}
