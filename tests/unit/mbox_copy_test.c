/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox_copy_test - what the NIC holds is not sent again: COPY at every edge of its fields, out of
 * order, with damage and reboots on the way; and the host's plan against real images.
 */
#include <stdlib.h>

#include "bytes.h"
#include "gen_image.h"
#include "hash.h"
#include "rig.h"
#include "wire_image.h"
#include "wire_shared.h"

#include "t.h"

enum { SMALL = 4096, TABLES = 48 };

static uint8_t old[RIG_BANK_BYTES], new[RIG_BANK_BYTES];
static uint32_t answer;			/* of the last request: its argument, or its first word */

/* The error code, 0 where it was good; 0xffff where the mailbox itself failed. */
static uint32_t
ask(struct rig *r, uint32_t op, const void *req, uint32_t len)
{
	struct mbox_error err;
	uint8_t reply[64];
	uint32_t n = 0;
	enum rc rc = mbox_call(r->mbox, op, req, len, reply, sizeof(reply), &n, &err);

	answer = rc == RC_INVALID ? err.arg : n >= 4 ? get_le32(reply) : 0;
	return rc == RC_OK ? 0 : rc == RC_INVALID ? err.code : 0xffff;
}

static uint32_t
begin(struct rig *r, uint32_t generation, const uint8_t *image, uint32_t len)
{
	struct wire_begin b = { .base_generation = le32_put(r->fw->generation),
		.generation = le32_put(generation), .bytes = le32_put(len) };

	sha256(image, len, b.sha256);
	b.crc32c = le32_put(crc32c(0, &b, sizeof(b) - 4));
	return ask(r, WIRE_OP_BEGIN, &b, sizeof(b));
}

static uint32_t
load(struct rig *r, const uint8_t *image, uint32_t at, uint32_t len)
{
	struct wire_load l = { le32_put(r->fm->handle), le32_put(at), le32_put(len),
		le32_put(crc32c(0, image + at, len)), le32_put(0) };

	memcpy(r->mem + WIRE_MBOX_WINDOWS_AT, image + at, len);
	return ask(r, WIRE_OP_LOAD, &l, sizeof(l));
}

/* wrong: bits of the CRC32C that are flipped. */
static uint32_t
copy(struct rig *r, uint32_t from, uint32_t at, uint32_t len, uint32_t wrong)
{
	uint32_t crc = from < sizeof(old) && len <= sizeof(old) - from
	    ? crc32c(0, old + from, len) : 0;
	struct wire_copy c = { le32_put(r->fm->handle), le32_put(from), le32_put(at),
		le32_put(len), le32_put(crc ^ wrong) };

	return ask(r, WIRE_OP_COPY, &c, sizeof(c));
}

/* old is enforced as 5, an upload of new as 6 is open; they differ in the last line. */
static void
start(struct rig *r, uint32_t len)
{
	rig_init(r);
	rig_host(r);
	rig_image(old, len, 7);
	for (uint32_t i = RIG_IMAGE_MIN; i < len; i++)
		old[i] = (uint8_t)(i * 7 + i / 251);
	memcpy(new, old, len);
	new[len - 1] ^= 1;
	T_IS_UINT(begin(r, 5, old, len), 0);
	for (uint32_t at = 0; at < len; at += WIRE_MBOX_WINDOW_BYTES)
		T_IS_UINT(load(r, old, at, MIN(len - at, (uint32_t)WIRE_MBOX_WINDOW_BYTES)), 0);
	T_IS_UINT(rig_verify(r, ask, 0), 0);
	T_IS_UINT(rig_commit(r, ask, 5), 0);
	T_IS_UINT(begin(r, 6, new, len), 0);
}

/* The active image is old, untouched. */
static void
old_stands(const struct rig *r, uint32_t len)
{
	T_IS_UINT(r->fw->generation, 5);
	T_IS_UINT(r->fw->image_bytes, len);
	T_OK(memcmp(fw_image(r->fw), old, len) == 0);
}

struct bound_row {
	const char *name;
	uint32_t from, at, len, code, arg;
};

static const struct bound_row bounds[] = {
	{ "one line", 0, 0, 64, 0, 64 },
	{ "all", 0, 0, SMALL, 0, SMALL },
	{ "the last line", SMALL - 64, 0, 64, 0, 64 },
	{ "from not a line", 1, 0, 64, WIRE_ERR_EINVAL, 1 },
	{ "from 63", 63, 0, 64, WIRE_ERR_EINVAL, 1 },
	{ "from the end", SMALL, 0, 64, WIRE_ERR_EINVAL, 1 },
	{ "from one line before, two", SMALL - 64, 0, 128, WIRE_ERR_EINVAL, 1 },
	{ "from beyond the image, in the bank", 2 * SMALL, 0, 64, WIRE_ERR_EINVAL, 1 },
	{ "from near 2^32", 0xffffffc0, 0, 64, WIRE_ERR_EINVAL, 1 },
	{ "from + len wraps", 0xffffffc0, 0, 128, WIRE_ERR_EINVAL, 1 },
	{ "at not a line", 0, 32, 64, WIRE_ERR_EINVAL, 2 },
	{ "len 0", 0, 0, 0, WIRE_ERR_EINVAL, 3 },
	{ "len not a line", 0, 0, 100, WIRE_ERR_EINVAL, 3 },
	{ "len of more than a window", 0, 0, WIRE_MBOX_WINDOW_BYTES + 64, WIRE_ERR_EINVAL, 3 },
	{ "len near 2^32", 0, 0, 0xffffffc0, WIRE_ERR_EINVAL, 3 },
	{ "a hole", 0, 64, 64, WIRE_ERR_ERANGE, 0 },
	{ "at beyond the image", 0, SMALL, 64, WIRE_ERR_ERANGE, 0 },
	{ "at near 2^32", 0, 0xffffffc0, 64, WIRE_ERR_ERANGE, 0 }
};

static void
bound_row(const struct bound_row *row)
{
	struct rig r;

	start(&r, SMALL);
	T_IS_UINT(copy(&r, row->from, row->at, row->len, 0), row->code);
	T_IS_UINT(answer, row->arg);
	T_IS_UINT(r.fm->loaded, row->code == 0 ? row->arg : 0);
	old_stands(&r, SMALL);
	rig_fini(&r);
}

/* More than BEGIN announced. */
static void
beyond_the_announced(void)
{
	struct rig r;

	start(&r, SMALL);
	T_IS_UINT(begin(&r, 6, new, 256), 0);
	T_IS_UINT(copy(&r, 0, 0, 320, 0), WIRE_ERR_ERANGE);
	T_IS_UINT(copy(&r, 0, 0, 192, 0), 0);
	T_IS_UINT(copy(&r, 0, 192, 128, 0), WIRE_ERR_ERANGE);
	T_IS_UINT(answer, 192);
	T_IS_UINT(copy(&r, 0, 192, 64, 0), 0);
	T_IS_UINT(answer, 256);
	rig_fini(&r);
}

static void
order(void)
{
	struct rig r;

	start(&r, SMALL);
	/* Overlaps may be repeated; damage puts the count back. */
	T_IS_UINT(copy(&r, 0, 0, 2048, 0), 0);
	T_IS_UINT(copy(&r, 1024, 1024, 2048, 0), 0);
	T_IS_UINT(answer, 3072);
	T_IS_UINT(copy(&r, 64, 64, 64, 0), 0);
	T_IS_UINT(answer, 3072);
	T_IS_UINT(copy(&r, 128, 128, 64, 1u << 31), WIRE_ERR_EBADMSG);
	T_IS_UINT(answer, crc32c(0, old + 128, 64));
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_NOT_STAGED);
	T_IS_UINT(answer, 128);
	T_IS_UINT(copy(&r, 128, 128, SMALL - 128, 0), 0);
	/* All is there, and the last line is the old one. */
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_BAD_DIGEST);
	T_IS_UINT(rig_commit(&r, ask, 6), WIRE_ERR_NOT_STAGED);
	T_IS_UINT(load(&r, new, SMALL - 64, 64), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), 0);
	/* What is copied after VERIFY was not verified. */
	T_IS_UINT(copy(&r, 0, 0, 64, 0), 0);
	T_IS_UINT(rig_commit(&r, ask, 6), WIRE_ERR_NOT_STAGED);
	T_IS_UINT(copy(&r, 64, 0, 64, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, 0), WIRE_ERR_BAD_DIGEST);
	T_IS_UINT(copy(&r, 0, 0, 64, 0), 0);
	T_IS_UINT(rig_verify(&r, ask, WIRE_VERIFY_BACKGROUND), WIRE_ERR_EBUSY);
	while (fw_mbox_busy(r.fm))
		rig_poll(&r);
	T_IS_UINT(rig_verify(&r, ask, 0), 0);
	old_stands(&r, SMALL);
	T_IS_UINT(rig_commit(&r, ask, 6), 0);
	T_OK(memcmp(fw_image(r.fw), new, SMALL) == 0);
	T_IS_UINT(copy(&r, 0, 0, 64, 0), WIRE_ERR_ENOENT);
	rig_fini(&r);
}

static void
nothing_to_copy_from(void)
{
	struct wire_copy c = { .len = le32_put(64) };
	struct rig r;

	rig_init(&r);
	rig_host(&r);
	rig_image(old, SMALL, 7);
	T_IS_UINT(copy(&r, 0, 0, 64, 0), WIRE_ERR_ENOENT);
	T_IS_UINT(begin(&r, 5, old, SMALL), 0);
	T_IS_UINT(copy(&r, 0, 0, 64, 0), WIRE_ERR_EINVAL);
	T_IS_UINT(answer, 1);
	/* Of no upload, and of another. */
	T_IS_UINT(ask(&r, WIRE_OP_COPY, &c, sizeof(c)), WIRE_ERR_ENOENT);
	c.handle = le32_put(r.fm->handle + 1);
	T_IS_UINT(ask(&r, WIRE_OP_COPY, &c, sizeof(c)), WIRE_ERR_ENOENT);
	T_IS_UINT(ask(&r, WIRE_OP_COPY, &c, 16), WIRE_ERR_EINVAL);
	T_IS_UINT(r.fm->loaded, 0);
	rig_fini(&r);
}

/* A poll moves as much as of a LOAD; a second request waits meanwhile. */
static void
bounded_steps(void)
{
	const uint32_t len = 2 * WIRE_MBOX_WINDOW_BYTES;
	struct wire_copy c;
	struct rig r;
	uint32_t polls = 0;

	start(&r, len);
	c = (struct wire_copy) { le32_put(r.fm->handle), le32_put(len / 2), le32_put(0),
		le32_put(WIRE_MBOX_WINDOW_BYTES),
		le32_put(crc32c(0, old + len / 2, WIRE_MBOX_WINDOW_BYTES)) };
	memcpy(r.mem + WIRE_MBOX_SLOTS_AT + 7 * WIRE_MBOX_SLOT_BYTES + 8, &c, sizeof(c));
	wire_store32(r.mem + WIRE_MBOX_SLOTS_AT + 7 * WIRE_MBOX_SLOT_BYTES + 4,
	    WIRE_OP_COPY | sizeof(c) << WIRE_MBOX_LEN_SHIFT);
	wire_store32(r.mem + WIRE_MBOX_SLOTS_AT + 7 * WIRE_MBOX_SLOT_BYTES, 0x002000ff);
	wire_or32(r.mem + WIRE_MBOX_DOORBELL_AT, 1u << 7);
	rig_poll(&r);
	T_OK(fw_mbox_busy(r.fm));
	{
		const uint32_t hdr[2] = { 0x002000ff, WIRE_OP_COPY |
		    sizeof(c) << WIRE_MBOX_LEN_SHIFT };
		uint8_t reply[WIRE_MBOX_PAYLOAD_MAX];
		uint32_t reply_hdr[2];

		rig_raw(&r, 6, hdr, &c, sizeof(c), reply_hdr, reply);
		T_OK((reply_hdr[0] & WIRE_MBOX_ERROR) != 0);
		T_IS_UINT(get_le32(reply), WIRE_ERR_EBUSY);
		T_OK(get_le32(reply + 4) < WIRE_MBOX_WINDOW_BYTES);
		polls++;
	}
	for (uint32_t before = r.fm->job_done; fw_mbox_busy(r.fm); polls++) {
		T_OK(r.fm->job_done - before <= FW_MBOX_STEP_BYTES);
		before = r.fm->job_done;
		rig_poll(&r);
	}
	T_OK(polls + 1 >= WIRE_MBOX_WINDOW_BYTES / FW_MBOX_STEP_BYTES);
	T_IS_UINT(r.fm->loaded, WIRE_MBOX_WINDOW_BYTES);
	T_OK(memcmp(r.cfg.bank[fw_bank_staged(r.fw)], old + len / 2, WIRE_MBOX_WINDOW_BYTES) == 0);
	old_stands(&r, len);
	rig_fini(&r);
}

static void
reboot_between(void)
{
	struct rig r;

	start(&r, SMALL);
	T_IS_UINT(copy(&r, 0, 0, 2048, 0), 0);
	rig_reboot(&r);
	T_IS_UINT(copy(&r, 2048, 2048, 64, 0), 0xffff);		/* it booted: RC_STALE */
	T_IS_UINT(copy(&r, 2048, 2048, 64, 0), WIRE_ERR_ENOENT);
	old_stands(&r, SMALL);
	rig_fini(&r);
}

/* --- the host's side --- */

static struct arena arena;
static struct gen_image gen = { .arena = &arena };

/* Real images into old and new: one list is a rule shorter in new, so that what follows moves. Some
 * lists name one big group, which is a fifth of the image and stays. */
static void
images_make(struct mbox_upload *first, struct mbox_upload *second)
{
	static struct addr_range ranges[3000];
	struct addr_set group = { ranges, ARRAY_LEN(ranges) };
	struct image_input *in;
	uint32_t counts[TABLES];

	arena_reset(&arena);
	gen.state = 5;
	for (uint32_t i = 0; i < TABLES; i++)
		counts[i] = 10 + i;
	in = gen_image_plain(&gen, counts, TABLES);
	for (uint32_t i = 0; i < ARRAY_LEN(ranges); i++)
		ranges[i].lo = ranges[i].hi = (struct addr) { .lo = i * 1000, .family = 4 };
	in->big_ranges = 64;
	for (uint32_t i = 0; i < 4; i++) {
		struct image_rule *r = arena_memdup(&arena, in->lists[i].rules[3], sizeof(*r));

		CHECK(r != NULL);
		r->peer = group;
		in->lists[i].rules[3] = r;
	}
	for (int i = 0; i < 2; i++) {
		struct mbox_upload *u = i == 0 ? first : second;
		struct diag d = { 0 };
		struct image_info info;
		uint8_t *p;
		size_t len;

		CHECK(image_encode(in, &p, &len, &d) == RC_OK && len <= sizeof(old));
		image_info_get(p, len, &info);
		memcpy(i == 0 ? old : new, p, len);
		free(p);
		*u = (struct mbox_upload) { .generation = 5 + (uint32_t)i, .tables = info.tables,
			.rules = info.rules, .counters = info.counters,
			.image = i == 0 ? old : new, .len = (uint32_t)len };
		in->lists[TABLES / 3].count -= 5;
	}
	second->held = first->image;
	second->held_len = first->len;
}

static enum rc
upload(struct rig *r, const struct mbox_upload *u, uint64_t *loaded, uint64_t *copied)
{
	struct mbox_counts before = *mbox_counts(r->mbox);
	struct diag d = { 0 };
	enum rc rc = mbox_upload(r->mbox, u, &d);

	*loaded = mbox_counts(r->mbox)->loaded_bytes - before.loaded_bytes;
	*copied = mbox_counts(r->mbox)->copied_bytes - before.copied_bytes;
	CHECK(rc == RC_OK || d.text[0] != '\0');
	return rc;
}

static void
enforced_is(const struct rig *r, const struct mbox_upload *u)
{
	T_IS_UINT(r->fw->generation, u->generation);
	T_IS_UINT(r->fw->image_bytes, u->len);
	T_OK(memcmp(fw_image(r->fw), u->image, u->len) == 0);
}

static void
only_what_changed_is_sent(void)
{
	struct mbox_upload a, b;
	uint64_t loaded, copied;
	struct rig r;

	images_make(&a, &b);
	rig_init(&r);
	rig_host(&r);
	T_IS_INT(upload(&r, &a, &loaded, &copied), RC_OK);
	T_IS_UINT(loaded, a.len);
	T_IS_UINT(copied, 0);
	T_IS_INT(upload(&r, &b, &loaded, &copied), RC_OK);
	T_IS_UINT(loaded + copied, b.len);
	T_OK(le32_get(((struct wire_image_hdr *)new)->groups_at[0]) != 0);
	T_OK(copied > 0 && loaded < b.len / 10);
	printf("# one table of %d: %" PRIu64 " bytes sent, %" PRIu64 " copied\n", TABLES, loaded,
	    copied);
	enforced_is(&r, &b);
	/* The NIC enforces b, not what this host thinks. */
	a.generation = 7;
	a.held = a.image;
	a.held_len = a.len;
	T_IS_INT(upload(&r, &a, &loaded, &copied), RC_OK);
	T_IS_UINT(loaded, a.len);
	T_IS_UINT(copied, 0);
	enforced_is(&r, &a);
	/* The same again: all bodies are there. */
	a.generation = 8;
	T_IS_INT(upload(&r, &a, &loaded, &copied), RC_OK);
	T_OK(loaded < a.len / 10);
	enforced_is(&r, &a);
	rig_fini(&r);
}

/* One bit of every COPY is wrong (hook_count: which byte of its payload), or the bank is. */
static void
copy_damaged(struct rig *r)
{
	for (uint32_t slot = 0; slot < WIRE_MBOX_SLOTS; slot++) {
		uint8_t *at = r->mem + WIRE_MBOX_SLOTS_AT + slot * WIRE_MBOX_SLOT_BYTES;

		if ((wire_load32(r->mem + WIRE_MBOX_DOORBELL_AT) & 1u << slot) != 0 &&
		    (get_le32(at + 4) & WIRE_MBOX_CMD) == WIRE_OP_COPY)
			at[8 + r->hook_count] ^= 1;
	}
}

static void
refused_copies_are_sent(void)
{
	struct mbox_upload a, b;
	uint64_t loaded, copied;
	struct rig r;

	images_make(&a, &b);
	for (uint32_t byte = 0; byte <= sizeof(struct wire_copy); byte++) {
		/* written whole, elsewhere than was meant: told by the reply's count */
		enum rc want = byte == offsetof(struct wire_copy, offset) + 1 ? RC_PEER : RC_OK;

		rig_init(&r);
		rig_host(&r);
		T_IS_INT(upload(&r, &a, &loaded, &copied), RC_OK);
		r.hook_count = byte;
		if (byte < sizeof(struct wire_copy))
			r.before_poll = copy_damaged;
		else
			r.cfg.bank[r.fw->active][a.len - 1] ^= 0x10;
		T_IS_INT(upload(&r, &b, &loaded, &copied), want);
		if (byte < sizeof(struct wire_copy))
			T_IS_UINT(copied, 0);
		else
			T_OK(copied > 0 && loaded > b.len / 20);
		if (want == RC_OK)
			T_IS_UINT(loaded + copied, b.len);
		enforced_is(&r, want == RC_OK ? &b : &a);
		rig_fini(&r);
	}
}

/* A reboot before and after every poll: the old image or the new one, whole. */
static void
reboot_everywhere(void)
{
	struct mbox_upload a, b;
	uint64_t loaded, copied, stale = 0, n;
	bool reached = true;

	images_make(&a, &b);
	for (n = 1; reached; n++) {
		struct rig r;
		enum rc rc;

		rig_init(&r);
		rig_host(&r);
		T_IS_INT(upload(&r, &a, &loaded, &copied), RC_OK);
		r.reboot_at = 2 * r.polls + n;
		b.generation = 6;
		rc = upload(&r, &b, &loaded, &copied);
		reached = r.reboots > 0;
		stale += rc == RC_STALE;
		if (!T_OK(rc == RC_OK || (reached && rc == RC_STALE)))
			break;
		T_IS_UINT(r.fw->generation, r.stored.generation);
		enforced_is(&r, r.fw->generation == 6 ? &b : &a);
		r.reboot_at = 0;
		b.generation = 7;
		rc = upload(&r, &b, &loaded, &copied);
		if (rc == RC_STALE)
			rc = upload(&r, &b, &loaded, &copied);
		T_IS_INT(rc, RC_OK);
		enforced_is(&r, &b);
		rig_fini(&r);
	}
	T_OK(n > 30);
	T_OK(stale > 15);
}

/* Directories that lie, on either side, cost a full load and nothing else. */
static void
odd_directories(void)
{
	static const struct { size_t at; uint32_t value; } lies[] = {
		{ offsetof(struct wire_image_hdr, bodies_at), UINT32_MAX },
		{ offsetof(struct wire_image_hdr, body_count), UINT32_MAX },
		{ offsetof(struct wire_image_hdr, body_count), 0 },
		{ offsetof(struct wire_image_hdr, body_count), WIRE_BODIES_MAX },
		{ offsetof(struct wire_image_hdr, version), 1 },
		{ offsetof(struct wire_image_hdr, groups_at), 1 },
		{ offsetof(struct wire_image_hdr, groups_at), UINT32_MAX },
		{ offsetof(struct wire_image_hdr, groups_at) + 4, 2 },
		{ sizeof(struct wire_image_hdr), 0 },
		{ sizeof(struct wire_image_hdr) + sizeof(struct wire_body), 0xffffff }
	};
	struct mbox_upload a, b;
	uint64_t loaded, copied;

	for (uint32_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct rig r;

		images_make(&a, &b);
		put_le32(new + lies[i].at, lies[i].value);
		rig_init(&r);
		rig_host(&r);
		T_IS_INT(upload(&r, &a, &loaded, &copied), RC_OK);
		T_IS_INT(upload(&r, &b, &loaded, &copied), RC_INVALID);
		T_IS_UINT(loaded, b.len);
		T_IS_UINT(copied, 0);
		enforced_is(&r, &a);
		b.held_len = 100;
		T_IS_INT(upload(&r, &b, &loaded, &copied), RC_INVALID);
		rig_fini(&r);
	}
}

int
main(void)
{
	arena_init(&arena, (size_t)64 << 20);
	T_ROWS(bounds, bound_row);
	T_RUN(beyond_the_announced);
	T_RUN(order);
	T_RUN(nothing_to_copy_from);
	T_RUN(bounded_steps);
	T_RUN(reboot_between);
	T_RUN(only_what_changed_is_sent);
	T_RUN(refused_copies_are_sent);
	T_RUN(reboot_everywhere);
	T_RUN(odd_directories);
	arena_fini(&arena);
	return t_done();
}
