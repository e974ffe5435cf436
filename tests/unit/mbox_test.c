/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox_test - the host's end against the firmware core, in one process, on a clock of its own:
 * reboots at every step, silence, lost doorbells, late and foreign replies, rings that lie.
 */
#include "clock.h"
#include "mbox_frame.h"
#include "rig.h"
#include "wire_shared.h"

#include "t.h"

/* Vectors of mailbox(5): GET_VERSION, SEQ 3, not the first of its epoch. */
static void
vectors_hold(void)
{
	struct mbox_frame f = mbox_frame_request(0x008, 0, 3, false);
	struct mbox_frame good = { { 0x00a300ff, 0x00200008 } };
	struct mbox_frame eperm = { { 0x00e300ff, 0x00040008 } };
	struct mbox_frame reboot = { { 0x00e300ff, 0x00000008 } };
	uint32_t len;

	T_IS_UINT(f.hdr[0] | WIRE_MBOX_EVREQ, 0x012300ff);
	T_IS_UINT(f.hdr[1], 0x00000008);
	T_IS_UINT(mbox_frame_request(0x008, 0, 3, true).hdr[0], 0x000300ff);
	T_IS_INT(mbox_frame_reply(&f, 8, 3, &len), MBOX_REPLY_NONE);
	T_IS_INT(mbox_frame_reply(&good, 8, 3, &len), MBOX_REPLY_GOOD);
	T_IS_UINT(len, 32);
	T_IS_INT(mbox_frame_reply(&eperm, 8, 3, &len), MBOX_REPLY_ERROR);
	T_IS_UINT(len, 4);
	T_IS_INT(mbox_frame_reply(&reboot, 8, 3, &len), MBOX_REPLY_REBOOT);
}

/* Each bit of a good reply flipped: never taken for the reply unless it carries no meaning. */
static void
reply_bits(void)
{
	uint32_t len, taken = 0;

	for (int bit = 0; bit < 64; bit++) {
		struct mbox_frame f = { { 0x00a300ff, 0x00200008 } };
		enum mbox_reply r;

		f.hdr[bit / 32] ^= 1u << bit % 32;
		r = mbox_frame_reply(&f, 8, 3, &len);
		if (r != MBOX_REPLY_GOOD)
			continue;
		taken++;
		/* XFLAGS and NOT_EPOCH are echoes; the length is checked by who asked. */
		T_OK((bit >= 24 && bit < 32) || bit == 21 || (bit >= 48 && bit < 58));
	}
	T_IS_UINT(taken, 8 + 1 + 8);
}

/* Another major, or firmware from before our first minor, is refused by its number; a later minor
 * only adds. */
static void
minors(void)
{
	static const struct {
		uint16_t major, minor;
		enum rc rc;
	} cases[] = {
		{ 1, 0, RC_PEER }, { 1, 1, RC_PEER }, { 1, 2, RC_OK }, { 1, 3, RC_OK },
		{ 1, 65535, RC_OK }, { 0, 2, RC_PEER }, { 2, 2, RC_PEER }
	};
	struct wire_caps c;
	struct diag d = { 0 };
	struct rig r;

	_Static_assert(WIRE_MBOX_ABI_MAJOR == 1 && WIRE_MBOX_ABI_MINOR_MIN == 2, "cases");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		T_IS_INT(mbox_abi_check((uint32_t)cases[i].major << 16 | cases[i].minor, &d),
		    cases[i].rc);
	T_IS_INT(mbox_abi_check(1u << 16 | 1, &d), RC_PEER);
	T_IS_STR(d.code, "nic-abi");
	T_OK(strstr(d.text, "version 1.1; this host needs 1.2") != NULL);
	rig_init(&r);
	rig_host(&r);
	r.fw->cfg.lines_max = 40;
	r.fw->cfg.loads_max = 12;
	T_IS_INT(mbox_caps(r.mbox, &c, &d), RC_OK);
	T_IS_UINT(le32_get(c.lines_max), 40);
	T_IS_UINT(le32_get(c.loads_max), 12);
	T_IS_UINT(le32_get(c.window_bytes), WIRE_MBOX_WINDOW_BYTES);
	rig_fini(&r);
}

static void
asks(void)
{
	struct rig r;
	struct wire_version v;
	struct wire_caps c;
	struct diag d = { 0 };

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_VERSION, &v, sizeof(v), &d), RC_OK);
	T_IS_UINT(le32_get(v.abi), WIRE_MBOX_ABI_MAJOR << 16 | WIRE_MBOX_ABI_MINOR);
	T_IS_UINT(v.opcodes[0] | v.opcodes[1] << 8, WIRE_OPCODES);
	for (int i = 0; i < 40; i++)
		T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	T_IS_UINT(le32_get(c.image_bytes_max), RIG_BANK_BYTES);
	T_IS_UINT(le32_get(c.counters_max), RIG_COUNTERS);
	T_IS_UINT(le32_get(c.flows_max), RIG_FLOWS);
	T_IS_INT(mbox_ask(r.mbox, 0x7ff, &c, sizeof(c), &d), RC_INVALID);
	T_OK(strstr(d.text, "0x26") != NULL);
	/* A reply longer, and one shorter, than what is asked for. */
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, 28, &d), RC_PEER);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_VERSION, &c, 32, &d), RC_OK);
	T_IS_UINT(r.fm->stale_requests, 0);
	rig_fini(&r);
}

static void
version_is(struct rig *r, uint32_t generation)
{
	struct wire_ruleset_version v;
	struct diag d = { 0 };
	enum rc rc = mbox_ask(r->mbox, WIRE_OP_RULESET_VERSION, &v, sizeof(v), &d);

	if (rc == RC_STALE)
		rc = mbox_ask(r->mbox, WIRE_OP_RULESET_VERSION, &v, sizeof(v), &d);
	T_IS_INT(rc, RC_OK);
	T_IS_UINT(le32_get(v.generation), generation);
	T_IS_UINT(r->fw->generation, generation);
}

static void
uploads(void)
{
	struct wire_status s;
	struct wire_stats t2;
	struct rig r;
	uint64_t e;
	uint32_t committed = 0;

	rig_init(&r);
	rig_host(&r);
	version_is(&r, 0);
	T_IS_INT(rig_upload(&r, 5, RIG_IMAGE_MIN, 0), RC_OK);
	version_is(&r, 5);
	T_IS_INT(rig_upload(&r, 6, RIG_BANK_BYTES, 0x5a), RC_OK);
	version_is(&r, 6);
	T_IS_UINT(r.stores, 2);
	T_IS_UINT(r.stored.generation, 6);
	T_IS_INT(rig_upload(&r, 6, 4096, 1), RC_INVALID);
	T_IS_INT(rig_upload(&r, 1, 4096, 1), RC_INVALID);
	T_IS_INT(rig_upload(&r, 7, RIG_BANK_BYTES + 64, 1), RC_LIMIT);
	version_is(&r, 6);
	r.store_pending = 50;
	T_IS_INT(rig_upload(&r, 7, 4096, 2), RC_OK);
	r.store_fails = true;
	T_IS_INT(rig_upload(&r, 8, 4096, 3), RC_IO);
	version_is(&r, 7);
	T_IS_INT(mbox_status(r.mbox, &s, &t2), RC_OK);
	T_IS_UINT(le32_get(s.flags), WIRE_STATUS_STORE_FAILED);
	T_IS_UINT(le32_get(s.generation), 7);
	T_IS_UINT(le64_get(t2.tx_lost), 7);
	T_OK(memcmp(s.digest, r.stored.sha256, 8) == 0);
	r.store_fails = false;
	T_IS_INT(rig_upload(&r, 8, 4096, 3), RC_OK);
	while (mbox_event_next(r.mbox, &e) == RC_OK) {
		if ((e >> WIRE_EVENT_CODE_SHIFT & 0xff) == WIRE_EVENT_COMMITTED)
			committed = committed * 10 + (uint32_t)(e & WIRE_EVENT_DATA);
	}
	T_IS_UINT(committed, 5678);
	rig_fini(&r);
}

/* M1: a reboot before and after every poll of an upload. The old image or the new one is
 * enforced, whole, and what the host was told is what is. */
static void
reboot_everywhere(void)
{
	uint64_t n = 0, stale = 0, longest_ns = 0;
	bool reached = true;

	for (n = 1; reached; n++) {
		struct rig r;
		uint64_t start_ns;
		enum rc rc;

		rig_init(&r);
		rig_host(&r);
		rc = rig_upload(&r, 5, RIG_IMAGE_MIN, 0);
		T_IS_INT(rc, RC_OK);
		r.reboot_at = 2 * r.polls + n;
		start_ns = r.now_ns;
		rc = rig_upload(&r, 6, 300 * 1024 / 64 * 64, (uint8_t)n);
		reached = r.reboots > 0;
		if (r.now_ns - start_ns > longest_ns)
			longest_ns = r.now_ns - start_ns;
		if (!T_OK(rc == RC_OK || (reached && rc == RC_STALE)))
			break;
		if (!T_OK(r.fw->generation == (rc == RC_OK ? 6 : 5) || r.stored.generation == 6))
			break;
		if (!T_OK(r.fw->generation == r.stored.generation))
			break;
		stale += rc == RC_STALE;
		/* And again, now in peace. */
		r.reboot_at = 0;
		rc = rig_upload(&r, 7, 4096, 3);
		if (rc == RC_STALE)
			rc = rig_upload(&r, 7, 4096, 3);
		if (!T_IS_INT(rc, RC_OK))
			break;
		T_IS_UINT(r.fw->generation, 7);
		rig_fini(&r);
	}
	T_OK(n > 60);
	T_OK(stale > 40);
	/* 300 KiB take some polls; what a reboot adds is far below 100 ms. */
	T_OK(longest_ns < 100 * NS_PER_MS);
	printf("# %llu reboots, %llu seen as stale, longest upload %llu us\n",
	    (unsigned long long)n, (unsigned long long)stale,
	    (unsigned long long)longest_ns / 1000);
}

static void
reboot_seen_late(struct rig *r)
{
	if (r->now_ns - 1000 * NS_PER_S > 5 * NS_PER_S && r->reboots == 0) {
		rig_reboot(r);
		r->wall_ns = r->now_ns;
	}
}

/* A firmware that hangs for 5 s of a request and then reboots: seen within 100 ms. */
static void
reboot_seen_in_time(void)
{
	struct wire_caps c;
	struct diag d = { 0 };
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	r.deaf = true;
	r.before_poll = reboot_seen_late;
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_STALE);
	T_IS_UINT(r.reboots, 1);
	T_OK(r.now_ns - r.wall_ns <= 100 * NS_PER_MS);
	r.deaf = false;
	/* Reported once; the next request is of the new epoch. */
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	rig_reboot(&r);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_STALE);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	T_IS_UINT(mbox_counts(r.mbox)->reboots, 2);
	rig_fini(&r);
}

static void
never_answers(void)
{
	struct wire_caps c;
	struct diag d = { 0 };
	struct rig r;
	uint64_t start_ns;

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	r.deaf = true;
	start_ns = r.now_ns;
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_TIMEOUT);
	T_OK(r.now_ns - start_ns >= MBOX_TIMEOUT_MS * NS_PER_MS);
	T_OK(r.now_ns - start_ns < (MBOX_TIMEOUT_MS + 100) * NS_PER_MS);
	T_OK(mbox_counts(r.mbox)->doorbells_again >= 5);
	T_OK(r.polls < 3000);
	/* The next begins with a cancel, and that is not answered either. */
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_TIMEOUT);
	r.deaf = false;
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	T_IS_UINT(mbox_counts(r.mbox)->timeouts, 2);
	T_OK(r.fm->cancels >= 2);
	r.gone = true;
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_PEER);
	rig_fini(&r);
}

/* Upload and every other call while the firmware is silent from poll n on. */
static void
goes_silent_at(struct rig *r)
{
	r->deaf = r->polls >= r->hook_count;
}

static void
silence_everywhere(void)
{
	struct rig r;
	enum rc rc = RC_TIMEOUT;
	uint32_t n;

	for (n = 0; rc != RC_OK && n < 200; n++) {
		rig_init(&r);
		rig_host(&r);
		r.hook_count = n;
		r.before_poll = goes_silent_at;
		rc = rig_upload(&r, 5, 4096, 1);
		T_OK(rc == RC_OK || rc == RC_TIMEOUT);
		T_OK(rc != RC_OK || r.fw->generation == 5);
		r.before_poll = NULL;
		r.deaf = false;
		if (r.fw->generation == 0)
			T_IS_INT(rig_upload(&r, 6, 4096, 1), RC_OK);
		rig_fini(&r);
	}
	T_OK(n > 6 && n < 200);
}

/* The n-th reply of an upload becomes an error the firmware never meant. */
static void
reply_fails(struct rig *r)
{
	uint32_t slot = (uint32_t)(mbox_counts(r->mbox)->calls % WIRE_MBOX_SLOTS);
	uint8_t *at = r->mem + WIRE_MBOX_SLOTS_AT + slot * WIRE_MBOX_SLOT_BYTES;
	uint32_t word = wire_load32(at);

	if (mbox_counts(r->mbox)->calls != r->hook_count || (word & WIRE_MBOX_RESPONSE) == 0)
		return;
	wire_store32(at + 4, (wire_load32(at + 4) & WIRE_MBOX_CMD) | 4u << WIRE_MBOX_LEN_SHIFT);
	wire_store32(at + 8, WIRE_ERR_EINVAL);
	wire_store32(at, word | WIRE_MBOX_ERROR);
}

/* Whatever reply fails: the host is told an error and the old image stands, or the commit came
 * through all the same and the host found out. The next upload goes well. */
static void
failure_everywhere(void)
{
	enum { CALLS = 6 };	/* VERSION BEGIN LOAD VERIFY VERIFY COMMIT */
	struct rig r;

	rig_init(&r);
	for (uint32_t n = 1; n <= CALLS; n++) {
		enum rc rc;

		rig_reset(&r);
		rig_host(&r);
		r.hook_count = n;
		r.after_poll = reply_fails;
		rc = rig_upload(&r, 5, 4096, 1);
		T_IS_INT(rc, n == CALLS ? RC_OK : RC_INVALID);
		T_IS_UINT(r.fw->generation, n == CALLS ? 5 : 0);
		/* Without a handle nothing can be aborted. */
		T_IS_UINT(r.fm->stage, n == 2 ? FW_STAGE_LOADING : FW_STAGE_NONE);
		r.after_poll = NULL;
		T_IS_INT(rig_upload(&r, 6, 4096, 1), RC_OK);
	}
	rig_fini(&r);
}

static void
doorbell_lost(void)
{
	struct wire_caps c;
	struct diag d = { 0 };
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	r.doorbell_lost = true;
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	T_IS_UINT(mbox_counts(r.mbox)->doorbells_again, 1);
	rig_fini(&r);
}

/* A reply of another SEQ stands in the slot: dropped, counted, the request goes out again. */
static void
foreign_reply(struct rig *r)
{
	uint32_t seq = r->hook_count >> 8, slot = seq % WIRE_MBOX_SLOTS;
	uint8_t *at = r->mem + WIRE_MBOX_SLOTS_AT + slot * WIRE_MBOX_SLOT_BYTES;

	if ((r->hook_count & 0xff) == 0)
		return;
	r->hook_count--;
	wire_store32(at + 4, WIRE_OP_CAPS | 32u << WIRE_MBOX_LEN_SHIFT);
	wire_store32(at, 0x00a000ff | ((seq + 8) & 15) << WIRE_MBOX_SEQ_SHIFT);
	(void)wire_take32(r->mem + WIRE_MBOX_DOORBELL_AT);
}

static void
stale_replies(void)
{
	struct wire_caps c;
	struct diag d = { 0 };
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	r.before_poll = foreign_reply;
	r.hook_count = 2 << 8 | 3;
	memset(&c, 0, sizeof(c));
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	T_IS_UINT(le32_get(c.counters_max), RIG_COUNTERS);
	T_IS_UINT(mbox_counts(r.mbox)->stale_replies, 3);
	/* One that never stops is no firmware of ours. */
	r.hook_count = 3 << 8 | 255;
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_PEER);
	rig_fini(&r);
}

/* A reply that comes after its time-out is counted when its slot comes round, never taken. */
static void
late_replies(void)
{
	struct wire_caps c;
	struct diag d = { 0 };
	uint8_t *at;
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	r.deaf = true;
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_TIMEOUT);
	at = r.mem + WIRE_MBOX_SLOTS_AT + 2 * WIRE_MBOX_SLOT_BYTES;
	wire_store32(at, wire_load32(at) | WIRE_MBOX_RESPONSE);
	r.deaf = false;
	for (int i = 0; i < 8; i++)
		T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_OK);
	T_IS_UINT(mbox_counts(r.mbox)->late_replies, 1);
	rig_fini(&r);
}

/* Bytes that change between host and bank: CRC32C catches, three times, then the upload fails. */
static void
dma_damage(void)
{
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(rig_upload(&r, 5, 4096, 1), RC_OK);
	r.dma_bad = true;
	T_IS_INT(rig_upload(&r, 6, 4096, 2), RC_INVALID);
	r.dma_bad = false;
	version_is(&r, 5);
	T_IS_INT(rig_upload(&r, 6, 4096, 2), RC_OK);
	rig_fini(&r);
}

static void
alert_raise(struct rig *r, uint32_t rule_id)
{
	struct fw_verdict v = { .verdict = WIRE_DROP, .reason = WIRE_REASON_RULE, .hop_count = 1,
		.generation = 3 };
	uint8_t frame[100] = { 1, 2, 3 };
	struct fw_alert a = { .time_ns = r->now_ns, .verdict = &v, .hop = 0, .rule_id = rule_id,
		.generation = 3, .suppressed = 9, .frame = frame, .frame_bytes = sizeof(frame) };

	v.hops[0] = (struct fw_hop) { .dir = WIRE_IN, .verdict = WIRE_WOULD_DROP,
		.reason = WIRE_REASON_DEFAULT, .family = 4, .local = { 10, 0, 0, 1 } };
	v.tuple = (struct fw_tuple) { .family = 4, .proto = 6, .tcp_flags = 2, .vlan = 7,
		.src = { 10, 0, 0, 2 }, .dst = { 10, 0, 0, 1 }, .sport = 1234, .dport = 443 };
	(void)!fw_mbox_alert(r->fm, &a);
}

static void
alerts(void)
{
	struct wire_alert w;
	struct rig r;
	uint32_t seen = 0, wrong = 0;

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(mbox_alert_next(r.mbox, &w), RC_AGAIN);
	alert_raise(&r, 77);
	T_IS_UINT(r.kicks, 1);
	alert_raise(&r, 78);
	T_IS_UINT(r.kicks, 1);
	T_IS_INT(mbox_alert_next(r.mbox, &w), RC_OK);
	T_IS_UINT(le32_get(w.rule_id), 77);
	T_IS_UINT(le32_get(w.suppressed), 9);
	T_IS_UINT(w.verdict, WIRE_WOULD_DROP);
	T_IS_UINT(w.reason, WIRE_REASON_DEFAULT);
	T_IS_UINT(w.dir, WIRE_IN);
	T_IS_UINT(le16_get(w.dport), 443);
	T_IS_UINT(le16_get(w.vlan), 7);
	T_IS_UINT(w.head_bytes, 64);
	T_IS_UINT(le32_get(w.frame_bytes), 100);
	T_IS_UINT(w.head[2], 3);
	T_IS_UINT(w.local[0], 10);
	T_IS_INT(mbox_alert_next(r.mbox, &w), RC_OK);
	T_IS_INT(mbox_alert_next(r.mbox, &w), RC_AGAIN);
	alert_raise(&r, 1);
	T_IS_UINT(r.kicks, 2);
	/* Wraps, fills, loses, and every loss is counted. */
	for (uint32_t lap = 0; lap < 3; lap++) {
		for (uint32_t i = 0; i < WIRE_ALERTS; i++)
			alert_raise(&r, i);
		while (mbox_alert_next(r.mbox, &w) == RC_OK)
			seen++;
	}
	T_IS_UINT(r.fm->alerts_lost, 1);
	T_IS_UINT(seen, 3 * WIRE_ALERTS);
	/* Each bit of a record flipped. */
	for (uint32_t bit = 0; bit < WIRE_ALERT_BYTES * 8; bit++) {
		uint8_t *at = r.mem + WIRE_MBOX_ALERTS_AT +
		    r.fm->alerts_written % WIRE_ALERTS * WIRE_ALERT_BYTES;

		alert_raise(&r, bit);
		at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		wrong += mbox_alert_next(r.mbox, &w) != RC_AGAIN;
	}
	T_IS_UINT(wrong, 0);
	T_IS_UINT(mbox_counts(r.mbox)->bad_alerts, WIRE_ALERT_BYTES * 8);
	rig_fini(&r);
}

/* Ring counts that cannot be: either side loses alerts, counted, and goes on. */
static void
rings_that_lie(void)
{
	struct wire_alert w;
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	wire_store32(r.mem + WIRE_MBOX_ALERT_READ_AT, 5);
	alert_raise(&r, 1);
	T_IS_UINT(r.fm->alerts_lost, 1);
	T_IS_INT(mbox_alert_next(r.mbox, &w), RC_AGAIN);
	alert_raise(&r, 2);
	T_IS_INT(mbox_alert_next(r.mbox, &w), RC_OK);
	wire_store32(r.mem + WIRE_MBOX_ALERT_WRITTEN_AT, 5000);
	T_IS_INT(mbox_alert_next(r.mbox, &w), RC_AGAIN);
	T_IS_UINT(mbox_counts(r.mbox)->alerts_skipped, 4999);
	/* After a reboot both ends start at 0. */
	rig_reboot(&r);
	alert_raise(&r, 3);
	T_IS_INT(mbox_alert_next(r.mbox, &w), RC_OK);
	T_IS_UINT(le32_get(w.rule_id), 3);
	rig_fini(&r);
}

static void
status_torn(void)
{
	struct wire_status s;
	struct wire_stats t2;
	struct wire_caps c;
	struct diag d = { 0 };
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(mbox_status(r.mbox, &s, &t2), RC_OK);
	T_IS_UINT(le32_get(s.flags), WIRE_STATUS_NO_IMAGE);
	T_IS_UINT(le32_get(s.boot), WIRE_MBOX_BOOT | 1);
	r.now_ns += 25 * NS_PER_MS;
	rig_poll(&r);
	rig_poll(&r);
	T_IS_INT(mbox_status(r.mbox, &s, &t2), RC_OK);
	T_IS_UINT(le64_get(s.heartbeat), 1);
	wire_store32(r.mem + 4, wire_load32(r.mem + 4) | 1);
	T_IS_INT(mbox_status(r.mbox, &s, &t2), RC_AGAIN);
	rig_reboot(&r);
	r.mem[8] = 9;		/* another major ABI */
	T_IS_INT(mbox_status(r.mbox, &s, &t2), RC_PEER);
	T_IS_INT(mbox_ask(r.mbox, WIRE_OP_CAPS, &c, sizeof(c), &d), RC_PEER);
	rig_fini(&r);
}

/* More events than the ring holds, read and unread. */
static void
events(void)
{
	struct rig r;
	uint64_t e;
	uint32_t n = 0;
	uint32_t hdr[2] = { 0x010000ff, WIRE_OP_CAPS }, out[2];
	uint8_t reply[WIRE_MBOX_PAYLOAD_MAX];

	rig_init(&r);
	rig_host(&r);
	for (int lap = 0; lap < 3; lap++) {
		for (uint32_t i = 0; i < WIRE_EVENTS - 1; i++)
			rig_raw(&r, 1, hdr, NULL, 0, out, reply);
		while (mbox_event_next(r.mbox, &e) == RC_OK) {
			T_OK((e >> WIRE_EVENT_CODE_SHIFT & 0xff) == WIRE_EVENT_CMDDONE ||
			    n == 0);
			n++;
		}
	}
	T_IS_UINT(n, 1 + 3 * (WIRE_EVENTS - 1));
	T_IS_UINT(r.fm->events_lost, 0);
	for (uint32_t i = 0; i < WIRE_EVENTS + 10; i++)
		rig_raw(&r, 1, hdr, NULL, 0, out, reply);
	T_IS_UINT(r.fm->events_lost, 10);
	rig_fini(&r);
}

int
main(void)
{
	T_RUN(vectors_hold);
	T_RUN(reply_bits);
	T_RUN(minors);
	T_RUN(asks);
	T_RUN(uploads);
	T_RUN(reboot_everywhere);
	T_RUN(reboot_seen_in_time);
	T_RUN(never_answers);
	T_RUN(silence_everywhere);
	T_RUN(failure_everywhere);
	T_RUN(doorbell_lost);
	T_RUN(stale_replies);
	T_RUN(late_replies);
	T_RUN(dma_damage);
	T_RUN(alerts);
	T_RUN(rings_that_lie);
	T_RUN(status_torn);
	T_RUN(events);
	return t_done();
}
