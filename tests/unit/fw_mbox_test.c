/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_mbox_test - the firmware's end against any host: wrong headers and lengths, epochs, repeated
 * and cancelled requests, uploads out of order, a bit flipped anywhere on the way.
 */
#include <stdlib.h>

#include "bytes.h"
#include "gen_image.h"
#include "hash.h"
#include "rig.h"
#include "wire_shared.h"

#include "t.h"

enum { FIRST = 0x000000ff, LATER = 0x002000ff };

static uint32_t reply_hdr[2];
static uint8_t reply[WIRE_MBOX_PAYLOAD_MAX];

static uint32_t ask_slot;

/* Sends op in ask_slot as version 2; returns the error code, 0 where it was good. */
static uint32_t
ask(struct rig *r, uint32_t op, const void *payload, uint32_t len)
{
	uint32_t hdr[2] = { r->fm->epoch ? LATER : FIRST, op | len << WIRE_MBOX_LEN_SHIFT };

	rig_raw(r, ask_slot, hdr, payload, len, reply_hdr, reply);
	CHECK((reply_hdr[0] & WIRE_MBOX_RESPONSE) != 0);
	return (reply_hdr[0] & WIRE_MBOX_ERROR) != 0 ? get_le32(reply) : 0;
}

static uint32_t
arg(void)
{
	return get_le32(reply + 4);
}

struct header_row {
	const char *name;
	uint32_t hdr[2];
	uint32_t want_hdr[2];		/* of the reply; length in it */
	uint32_t code, arg;		/* 0 = good */
};

#define E2(op) { 0x00e000ff, (op) | 12u << 16 }

static const struct header_row headers[] = {
	{ "version, two words", { 0x002300ff, 0x8 }, { 0x00a300ff, 0x00200008 }, 0, 0 },
	{ "version, one word", { 0x00230088, 0 }, { 0x00a32088, 0 }, 0, 0 },
	{ "by event", { 0x012300ff, 0x8 }, { 0x01a300ff, 0x00200008 }, 0, 0 },
	{ "unknown opcode", { LATER, 0x7ff }, E2(0x7ff), WIRE_ERR_ENOSYS, 0x7ff },
	{ "unknown opcode, one word", { 0x002000b3, 0 }, { 0x00e00cb3, 0 }, WIRE_ERR_ENOSYS, 0x33 },
	{ "RESYNC is 0", { LATER & ~0x80u, 0x8 }, E2(0x8), WIRE_ERR_EINVAL, 0xff00 },
	{ "RSVD is 1", { LATER | 1u << 20, 0x8 }, E2(0x8), WIRE_ERR_EINVAL, 0xff00 },
	{ "ERROR is 1", { LATER | 1u << 22, 0x8 }, E2(0x8), WIRE_ERR_EINVAL, 0xff00 },
	{ "DBRET", { LATER | 1u << 25, 0x8 }, { 0x02e000ff, 0x000c0008 }, WIRE_ERR_EINVAL, 0xff00 },
	{ "DATALEN with two words", { LATER | 4u << 8, 0x8 }, E2(0x8), WIRE_ERR_EINVAL, 0xff00 },
	{ "unused bit 15", { LATER, 0x8008 }, E2(0x8), WIRE_ERR_EINVAL, 0xff01 },
	{ "unused bit 26", { LATER, 1u << 26 | 0x8 }, E2(0x8), WIRE_ERR_EINVAL, 0xff01 },
	{ "to a controller", { LATER, 1u << 28 | 0x8 }, E2(0x8), WIRE_ERR_EINVAL, 0xff01 },
	{ "length 4 for 0", { LATER, 4u << 16 | 0x8 }, E2(0x8), WIRE_ERR_EINVAL, 0xff01 },
	{ "length 0 for 60", { LATER, 0x410 }, E2(0x410), WIRE_ERR_EINVAL, 0xff01 },
	{ "length 59", { LATER, 59u << 16 | 0x410 }, E2(0x410), WIRE_ERR_EINVAL, 0xff01 },
	{ "length 61", { LATER, 61u << 16 | 0x410 }, E2(0x410), WIRE_ERR_EINVAL, 0xff01 },
	{ "length 1020", { LATER, 1020u << 16 | 0x411 }, E2(0x411), WIRE_ERR_EINVAL, 0xff01 },
	{ "length 1021", { LATER, 1021u << 16 | 0x411 }, E2(0x411), WIRE_ERR_EINVAL, 0xff01 },
	{ "length 1023", { LATER, 1023u << 16 | 0x411 }, E2(0x411), WIRE_ERR_EINVAL, 0xff01 },
	{ "length 252, one word", { 0x0020fc88, 0 }, { 0x00e00c88, 0 }, WIRE_ERR_EINVAL, 0xff00 }
};

static void
header_row(const struct header_row *row)
{
	struct rig r;
	uint32_t at;

	rig_init(&r);
	T_IS_UINT(ask(&r, WIRE_OP_CAPS, NULL, 0), 0);
	rig_raw(&r, 5, row->hdr, NULL, 0, reply_hdr, reply);
	at = (row->want_hdr[0] & 0x7f) == 0x7f ? 0 : 1;
	T_IS_UINT(reply_hdr[0], row->want_hdr[0]);
	if (at == 0) {
		T_IS_UINT(reply_hdr[1], row->want_hdr[1]);
		T_IS_UINT(row->code == 0 ? 0 : get_le32(reply), row->code);
		T_IS_UINT(row->code == 0 ? 0 : get_le32(reply + 4), row->arg);
	} else if (row->code != 0) {
		/* One word of header: the payload begins where the second would be. */
		T_IS_UINT(reply_hdr[1], row->code);
		T_IS_UINT(get_le32(reply), row->arg);
	}
	T_IS_UINT(r.fm->bad_requests, row->code != 0);
	T_IS_UINT(r.fm->stage, FW_STAGE_NONE);
	T_IS_UINT(r.fw->generation, 0);
	rig_fini(&r);
}

/* Until a request without NOT_EPOCH comes, all are refused as of another boot. */
static void
epochs(void)
{
	uint32_t later[2] = { 0x002000ff, WIRE_OP_CAPS };
	struct rig r;

	rig_init(&r);
	for (int i = 0; i < 3; i++) {
		rig_raw(&r, 2, later, NULL, 0, reply_hdr, reply);
		T_IS_UINT(reply_hdr[0], 0x00e000ff);
		T_IS_UINT(reply_hdr[1], WIRE_OP_CAPS);
	}
	T_IS_UINT(r.fm->stale_requests, 3);
	T_IS_UINT(ask(&r, WIRE_OP_CAPS, NULL, 0), 0);
	rig_raw(&r, 2, later, NULL, 0, reply_hdr, reply);
	T_IS_UINT(reply_hdr[0], 0x00a000ff);
	/* A doorbell for a slot that was answered, and for one never written. */
	wire_or32(r.mem + WIRE_MBOX_DOORBELL_AT, 4);
	rig_poll(&r);
	T_IS_UINT(r.fm->stale_requests, 4);
	wire_or32(r.mem + WIRE_MBOX_DOORBELL_AT, 0x7fffff00);
	rig_poll(&r);
	T_IS_UINT(r.fm->stale_requests, 4);
	/* Cancel drops what is rung along with it, and ends the epoch. */
	wire_store32(r.mem + WIRE_MBOX_SLOTS_AT, 0x000000ff);
	wire_or32(r.mem + WIRE_MBOX_DOORBELL_AT, WIRE_MBOX_CANCEL | 1);
	rig_poll(&r);
	T_IS_UINT(wire_load32(r.mem + WIRE_MBOX_SLOTS_AT), 0x000000ff);
	rig_raw(&r, 2, later, NULL, 0, reply_hdr, reply);
	T_IS_UINT(reply_hdr[0], 0x00e000ff);
	T_IS_UINT(r.fm->cancels, 1);
	rig_fini(&r);
}

static uint32_t
begin_full(struct rig *r, struct wire_begin b, const uint8_t *image)
{
	sha256(image, le32_get(b.bytes), b.sha256);
	b.crc32c = le32_put(crc32c(0, &b, sizeof(b) - 4));
	return ask(r, WIRE_OP_BEGIN, &b, sizeof(b));
}

static uint32_t
begin(struct rig *r, uint32_t base, uint32_t generation, const uint8_t *image, uint32_t len,
    uint32_t counters)
{
	return begin_full(r, (struct wire_begin){ .base_generation = le32_put(base),
		.generation = le32_put(generation), .counters = le32_put(counters),
		.bytes = le32_put(len) }, image);
}

static uint32_t
load(struct rig *r, const uint8_t *image, uint32_t at, uint32_t len, uint32_t dma)
{
	struct wire_load l = { le32_put(r->fm->handle), le32_put(at), le32_put(len),
		le32_put(crc32c(0, image + at, len < 512 * 1024 ? len : 0)), le32_put(dma) };

	if (dma <= WIRE_MBOX_WINDOW_BYTES && len <= WIRE_MBOX_WINDOW_BYTES)
		memcpy(r->mem + WIRE_MBOX_WINDOWS_AT + dma, image + at, len);
	return ask(r, WIRE_OP_LOAD, &l, sizeof(l));
}

static uint32_t
abort_upload(struct rig *r, uint32_t handle)
{
	struct wire_abort a = { le32_put(handle) };

	return ask(r, WIRE_OP_ABORT, &a, sizeof(a));
}

static uint8_t image[RIG_BANK_BYTES];

/* M2 and everything else that is out of order. */
static void
order(void)
{
	struct wire_counter_read read = { le32_put(0), le32_put(0) };
	struct rig r;

	rig_init(&r);
	rig_image(image, 4096, 7);
	T_IS_UINT(begin(&r, 1, 5, image, 4096, 0), WIRE_ERR_ESTALE);
	T_IS_UINT(begin(&r, 0, 0, image, 4096, 0), WIRE_ERR_GENERATION);
	T_IS_UINT(begin(&r, 0, 5, image, 4096, RIG_COUNTERS + 1), WIRE_ERR_ENOSPC);
	T_IS_UINT(arg(), RIG_COUNTERS);
	T_IS_UINT(begin(&r, 0, 5, image, 0, 0), WIRE_ERR_EINVAL);
	T_IS_UINT(load(&r, image, 0, 4096, 0), WIRE_ERR_ENOENT);
	T_IS_UINT(rig_commit(&r, ask, 5), WIRE_ERR_ENOENT);
	T_IS_UINT(abort_upload(&r, 1), WIRE_ERR_ENOENT);
	T_IS_UINT(begin(&r, 0, 5, image, 4096, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_NOT_STAGED);
	T_IS_UINT(rig_commit(&r, ask, 5), WIRE_ERR_NOT_STAGED);
	/* No hole, no excess, no window beyond the windows. */
	T_IS_UINT(load(&r, image, 64, 64, 0), WIRE_ERR_ERANGE);
	T_IS_UINT(load(&r, image, 0, 4160, 0), WIRE_ERR_ERANGE);
	T_IS_UINT(load(&r, image, 0, 0, 0), WIRE_ERR_EINVAL);
	T_IS_UINT(load(&r, image, 0, WIRE_MBOX_WINDOW_BYTES + 1, 0), WIRE_ERR_EINVAL);
	T_IS_UINT(load(&r, image, 0, UINT32_MAX, 0), WIRE_ERR_EINVAL);
	T_IS_UINT(load(&r, image, 0, 64, 2 * WIRE_MBOX_WINDOW_BYTES - 63), WIRE_ERR_EINVAL);
	T_IS_UINT(load(&r, image, 0, 64, UINT32_MAX), WIRE_ERR_EINVAL);
	T_IS_UINT(load(&r, image, 0, 1000, 3), 0);
	T_IS_UINT(get_le32(reply), 1000);
	T_IS_UINT(load(&r, image, 0, 1000, 0), 0);
	T_IS_UINT(load(&r, image, 500, 2500, 8), 0);
	T_IS_UINT(get_le32(reply), 3000);
	/* Half an upload. */
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_NOT_STAGED);
	T_IS_UINT(arg(), 3000);
	T_IS_UINT(rig_commit(&r, ask, 5), WIRE_ERR_NOT_STAGED);
	T_IS_UINT(load(&r, image, 3000, 1096, 0), 0);
	T_IS_UINT(rig_commit(&r, ask, 5), WIRE_ERR_NOT_STAGED);
	T_IS_UINT(rig_verify(&r, ask, 2), WIRE_ERR_EINVAL);
	T_IS_UINT(rig_verify(&r, ask, 0), 0);
	T_IS_UINT(get_le32(reply), 4096);
	T_IS_UINT(rig_verify(&r, ask, 0), 0);
	T_IS_UINT(rig_commit(&r, ask, 6), WIRE_ERR_GENERATION);
	/* What is loaded after VERIFY was not verified. */
	T_IS_UINT(load(&r, image, 0, 64, 0), 0);
	T_IS_UINT(rig_commit(&r, ask, 5), WIRE_ERR_NOT_STAGED);
	T_IS_UINT(rig_verify(&r, ask, WIRE_VERIFY_BACKGROUND), WIRE_ERR_EBUSY);
	rig_poll(&r);
	T_IS_UINT(rig_verify(&r, ask, WIRE_VERIFY_BACKGROUND), 0);
	T_IS_UINT(r.fw->generation, 0);
	T_IS_UINT(rig_commit(&r, ask, 5), 0);
	T_IS_UINT(r.fw->generation, 5);
	T_IS_UINT(rig_commit(&r, ask, 5), WIRE_ERR_ENOENT);
	T_IS_UINT(begin(&r, 5, 5, image, 4096, 0), WIRE_ERR_GENERATION);
	T_IS_UINT(begin(&r, 5, 6, image, 4096, 0), 0);
	T_IS_UINT(abort_upload(&r, r.fm->handle - 1), WIRE_ERR_ENOENT);
	T_IS_UINT(abort_upload(&r, r.fm->handle), 0);
	T_IS_UINT(abort_upload(&r, r.fm->handle), WIRE_ERR_ENOENT);
	T_IS_UINT(ask(&r, WIRE_OP_COUNTER_READ, &read, sizeof(read)), WIRE_ERR_EINVAL);
	read.first = le32_put(RIG_COUNTERS);
	read.count = le32_put(1);
	T_IS_UINT(ask(&r, WIRE_OP_COUNTER_READ, &read, sizeof(read)), WIRE_ERR_ERANGE);
	read.first = le32_put(UINT32_MAX);
	T_IS_UINT(ask(&r, WIRE_OP_COUNTER_READ, &read, sizeof(read)), WIRE_ERR_ERANGE);
	read.first = le32_put(0);
	read.count = le32_put(WIRE_COUNTER_READ_MAX + 1);
	T_IS_UINT(ask(&r, WIRE_OP_COUNTER_READ, &read, sizeof(read)), WIRE_ERR_EINVAL);
	T_IS_UINT(r.fw->generation, 5);
	rig_fini(&r);
}

/* What BEGIN announced and what came differ: counts, digest, structure. */
static void
not_as_announced(void)
{
	struct rig r;

	rig_init(&r);
	rig_image(image, 4096, 7);
	T_IS_UINT(begin(&r, 0, 5, image, 4096, 3), 0);
	T_IS_UINT(load(&r, image, 0, 4096, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_RULE_INVALID);
	T_OK(arg() > 0 && arg() < 128);
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_RULE_INVALID);
	T_IS_UINT(rig_commit(&r, ask, 5), WIRE_ERR_NOT_STAGED);
	T_IS_UINT(begin(&r, 0, 5, image, 4096, 0), 0);
	image[4095] ^= 1;
	T_IS_UINT(load(&r, image, 0, 4096, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_BAD_DIGEST);
	T_IS_UINT(rig_commit(&r, ask, 5), WIRE_ERR_NOT_STAGED);
	image[4095] ^= 1;
	T_IS_UINT(load(&r, image, 0, 4096, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), 0);
	image[4] ^= 1;
	T_IS_UINT(begin(&r, 0, 5, image, 4096, 0), 0);
	T_IS_UINT(load(&r, image, 0, 4096, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_RULE_INVALID);
	T_IS_UINT(arg(), 0);
	T_IS_UINT(r.fw->generation, 0);
	rig_fini(&r);
}

/* A table that costs more than the board grants: refused by its index, and taken where it fits. */
static void
beyond_the_profile(void)
{
	static const uint32_t counts[] = { 5, 200 };
	struct gen_image g = { .state = 3 };
	struct image_input *in;
	struct arena a;
	struct rig r;
	uint8_t *p;
	size_t len;

	rig_init(&r);
	arena_init(&a, (size_t)64 << 20);
	g.arena = &a;
	in = gen_image_plain(&g, counts, 2);
	CHECK(image_encode(in, &p, &len, NULL) == RC_OK && len <= RIG_BANK_BYTES);
	r.fw->cfg.lines_max = 10;
	T_IS_UINT(begin_full(&r, (struct wire_begin){ .generation = le32_put(5),
		.tables = le32_put(2), .rules = le32_put(205),
		.counters = le32_put(in->counter_count), .bytes = le32_put((uint32_t)len) }, p), 0);
	CHECK(len <= WIRE_MBOX_WINDOW_BYTES);
	T_IS_UINT(load(&r, p, 0, (uint32_t)len, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_PROFILE);
	T_IS_UINT(arg(), 0);
	T_IS_UINT(rig_commit(&r, ask, 5), WIRE_ERR_NOT_STAGED);
	r.fw->cfg.lines_max = 99;
	T_IS_UINT(begin_full(&r, (struct wire_begin){ .generation = le32_put(5),
		.tables = le32_put(2), .rules = le32_put(205),
		.counters = le32_put(in->counter_count), .bytes = le32_put((uint32_t)len) }, p), 0);
	T_IS_UINT(load(&r, p, 0, (uint32_t)len, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), 0);
	free(p);
	arena_fini(&a);
	rig_fini(&r);
}

/* M5: each bit of a 4 KiB image flipped on the way to the bank, CRC32C made to fit. */
static void
image_bits(void)
{
	static uint8_t wrong[4096];
	struct rig r;
	uint32_t refused = 0;

	rig_init(&r);
	rig_image(image, sizeof(wrong), 7);
	T_IS_UINT(begin(&r, 0, 5, image, sizeof(wrong), 0), 0);
	memcpy(wrong, image, sizeof(wrong));
	T_IS_UINT(load(&r, wrong, 0, sizeof(wrong), 0), 0);
	for (uint32_t bit = 0; bit < sizeof(wrong) * 8; bit++) {
		uint32_t line = bit / 512 * 64;

		wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (load(&r, wrong, line, 64, 0) == 0)
			refused += rig_verify(&r, ask, 0) == WIRE_ERR_BAD_DIGEST &&
			    rig_commit(&r, ask, 5) == WIRE_ERR_NOT_STAGED;
		wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (bit % 512 == 511)
			T_IS_UINT(load(&r, wrong, line, 64, 0), 0);
	}
	T_IS_UINT(rig_verify(&r, ask, 0), 0);
	T_IS_UINT(refused, sizeof(wrong) * 8);
	T_IS_UINT(r.fw->generation, 0);
	rig_fini(&r);
}

/* hook_count: bit number, then poll at which it is flipped; before the poll it is the request's,
 * after it the reply's. */
static void
flip_bit(struct rig *r)
{
	uint32_t poll = r->hook_count >> 16, bit = r->hook_count & 0xffff;
	uint32_t slot = (r->mbox != NULL ? mbox_counts(r->mbox)->calls : 0) % WIRE_MBOX_SLOTS;

	if (r->polls == poll)
		r->mem[WIRE_MBOX_SLOTS_AT + slot * WIRE_MBOX_SLOT_BYTES + bit / 8] ^=
		    (uint8_t)(1 << bit % 8);
}

/* One bit of one request or reply of an upload: it succeeds, or fails and leaves the old image, or
 * the host does not know; what is enforced is one of the two, whole, under its own number. */
static void
message_bits(void)
{
	uint32_t good = 0, refused = 0, unsure = 0, wrong = 0;
	struct rig r;
	uint64_t polls;

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(rig_upload(&r, 5, 4096, 1), RC_OK);
	polls = r.polls;
	for (uint32_t side = 0; side < 2; side++) {
		for (uint32_t n = 0; n < (polls + 2) * 68 * 8; n++) {
			enum rc rc;

			rig_reset(&r);
			rig_host(&r);
			r.hook_count = n / (68 * 8) << 16 | n % (68 * 8);
			*(side == 0 ? &r.before_poll : &r.after_poll) = flip_bit;
			rc = rig_upload(&r, 6, 4096, 1);
			if (rc == RC_OK)
				good++;
			else if (r.fw->generation == 6)
				unsure++;
			else
				refused++;
			wrong += r.fw->generation != 0 && r.fw->generation != 6;
			wrong += rc == RC_OK && r.fw->generation != 6;
			wrong += rc == RC_INVALID && r.fw->generation != 0;
			wrong += r.fw->generation == 6 &&
			    (memcmp(r.stored.sha256, r.fm->active.sha256, 32) != 0 ||
			    r.stored.generation != 6);
		}
	}
	rig_fini(&r);
	T_IS_UINT(wrong, 0);
	T_OK(refused > 500 && good > 500);
	printf("# one bit: %u uploads good, %u refused, %u of which the host does not know\n", good,
	    refused, unsure);
}

/* A host that dies in the middle: the active image stays; the next BEGIN takes over. */
static void
host_dies(void)
{
	uint8_t *second = aligned_alloc(64, WIRE_MBOX_BYTES);
	uint8_t *first;
	struct rig r;

	CHECK(second != NULL);
	memset(second, 0, WIRE_MBOX_BYTES);
	rig_init(&r);
	rig_image(image, 4096, 7);
	T_IS_UINT(begin(&r, 0, 5, image, 4096, 0), 0);
	T_IS_UINT(load(&r, image, 0, 4096, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), 0);
	T_IS_UINT(rig_commit(&r, ask, 5), 0);
	T_IS_UINT(begin(&r, 5, 6, image, 4096, 0), 0);
	T_IS_UINT(load(&r, image, 0, 4096, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, WIRE_VERIFY_BACKGROUND), WIRE_ERR_EBUSY);
	first = r.mem;
	r.mem = second;
	fw_mbox_attach(r.fw, second, r.now_ns);
	rig_poll(&r);
	T_IS_UINT(r.fw->generation, 5);
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_ENOENT);
	T_IS_UINT(begin(&r, 5, 6, image, 4096, 0), 0);
	/* A second BEGIN ends the first; its handle then names nothing. */
	r.fm->handle--;
	T_IS_UINT(begin(&r, 5, 6, image, 4096, 0), 0);
	T_IS_UINT(load(&r, image, 0, 4096, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), 0);
	/* And dies while the board stores: the commit goes on, once and whole. */
	r.store_pending = 3;
	T_IS_UINT(r.stores, 1);
	wire_store32(r.mem + WIRE_MBOX_SLOTS_AT, 0);
	{
		struct wire_commit c = { .handle = le32_put(r.fm->handle), .generation =
			le32_put(6), .flags = le32_put(WIRE_COMMIT_PERSIST) };
		uint8_t *at = r.mem + WIRE_MBOX_SLOTS_AT;

		c.crc32c = le32_put(crc32c(0, &c, sizeof(c) - 4));
		memcpy(at + 8, &c, sizeof(c));
		wire_store32(at + 4, WIRE_OP_COMMIT | sizeof(c) << 16);
		wire_store32(at, LATER);
		wire_or32(r.mem + WIRE_MBOX_DOORBELL_AT, 1);
		rig_poll(&r);
	}
	T_IS_UINT(r.fw->generation, 5);
	ask_slot = 1;
	T_IS_UINT(begin(&r, 5, 7, image, 4096, 0), WIRE_ERR_EBUSY);
	T_IS_UINT(abort_upload(&r, r.fm->handle), WIRE_ERR_EBUSY);
	ask_slot = 0;
	fw_mbox_attach(r.fw, NULL, r.now_ns);
	for (int i = 0; i < 5; i++)
		rig_poll(&r);
	T_IS_UINT(r.fw->generation, 6);
	T_IS_UINT(r.stored.generation, 6);
	free(first);
	rig_fini(&r);
}

/* Boot: what the store gives back is judged again. */
static void
boots(void)
{
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	T_IS_INT(rig_upload(&r, 5, 4096, 9), RC_OK);
	rig_reboot(&r);
	T_IS_UINT(r.fw->generation, 5);
	T_IS_UINT(r.fm->active.generation, 5);
	r.stored.generation = 0;
	rig_reboot(&r);
	T_IS_UINT(r.fw->generation, 0);
	for (uint32_t bit = 0; bit < 4096 * 8; bit += 101) {
		struct fw_record record = { .generation = 7, .len = 4096 };

		rig_image(r.cfg.bank[0], 4096, 9);
		sha256(r.cfg.bank[0], 4096, record.sha256);
		r.cfg.bank[0][bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!T_OK(!fw_boot_image(r.fw, &record)))
			break;
	}
	T_OK(!fw_boot_image(r.fw, &(struct fw_record) { .generation = 1, .len = UINT32_MAX }));
	T_OK(!fw_boot_image(r.fw, &(struct fw_record) { .generation = 1 }));
	T_OK(!fw_boot_image(r.fw, &(struct fw_record) { .len = 64 }));
	T_IS_UINT(r.fw->generation, 0);
	rig_fini(&r);
}

/* SHA-256 and CRC32C of fw/ against the library's, at every length and cut. */
static void
digests(void)
{
	uint8_t ours[32], theirs[32];

	(void)t_seed();
	for (uint32_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)t_rand();
	for (uint32_t len = 0; len < 300; len++) {
		struct fw_sha256 s;
		uint32_t cut = (uint32_t)t_rand_below(len + 1);

		fw_sha256_init(&s);
		fw_sha256_update(&s, image, cut);
		fw_sha256_update(&s, image + cut, len - cut);
		fw_sha256_final(&s, ours);
		sha256(image, len, theirs);
		T_IS_MEM(ours, theirs, 32);
		T_IS_UINT(fw_crc32c(fw_crc32c(0, image, cut), image + cut, len - cut),
		    crc32c(0, image, len));
	}
	for (int i = 0; i < 20; i++) {
		struct fw_sha256 s;
		uint32_t len = (uint32_t)t_rand_below(sizeof(image)), at = 0;

		fw_sha256_init(&s);
		while (at < len) {
			uint32_t n = (uint32_t)t_rand_below(2000);

			n = n < len - at ? n : len - at;
			fw_sha256_update(&s, image + at, n);
			at += n;
		}
		fw_sha256_final(&s, ours);
		sha256(image, len, theirs);
		T_IS_MEM(ours, theirs, 32);
	}
}

int
main(void)
{
	T_RUN(digests);
	T_ROWS(headers, header_row);
	T_RUN(epochs);
	T_RUN(order);
	T_RUN(not_as_announced);
	T_RUN(beyond_the_profile);
	T_RUN(image_bits);
	T_RUN(message_bits);
	T_RUN(host_dies);
	T_RUN(boots);
	return t_done();
}
