/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox - an upload, both ends in one process: how long it takes, and for how long at most one poll
 * of the firmware holds up the packets.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "gen_image.h"
#include "rig.h"
#include "wire_image.h"

struct figures {
	uint64_t longest_ns, poll_ns;	/* of all polls, of all but the one that ends VERIFY */
	enum fw_stage stage;
	uint64_t begun_ns;
};

/* Of this thread, so that what else runs on the machine does not count. */
static uint64_t
cpu_ns(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void
poll_begins(struct rig *r)
{
	struct figures *f = r->hook_arg;

	f->stage = r->fm->stage;
	f->begun_ns = cpu_ns();
}

static void
poll_ends(struct rig *r)
{
	struct figures *f = r->hook_arg;
	uint64_t took_ns = cpu_ns() - f->begun_ns;

	f->longest_ns = MAX(f->longest_ns, took_ns);
	if (r->fm->stage != FW_STAGE_VERIFIED || f->stage == FW_STAGE_VERIFIED)
		f->poll_ns = MAX(f->poll_ns, took_ns);
}

static void
upload(const char *name, const uint8_t *image, uint32_t len)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)image;
	struct mbox_upload u = { .generation = 1, .image = image, .len = len,
		.tables = le32_get(h->table_count), .rules = le32_get(h->rule_count),
		.counters = le32_get(h->counter_count) };
	struct figures f = { 0 };
	struct diag d = { 0 };
	struct rig r;
	uint64_t start_ns;

	rig_init_bytes(&r, WIRE_IMAGE_BYTES_MAX);
	rig_host(&r);
	r.store_keeps_none = true;
	r.hook_arg = &f;
	r.before_poll = poll_begins;
	r.after_poll = poll_ends;
	start_ns = clock_mono_ns();
	CHECK(mbox_upload(r.mbox, &u, &d) == RC_OK);
	printf("%s: %u bytes, upload %.1f ms, longest poll %.3f ms, with the structure check "
	    "%.3f ms\n", name, len, (double)(clock_mono_ns() - start_ns) / 1e6,
	    (double)f.poll_ns / 1e6, (double)f.longest_ns / 1e6);
	rig_fini(&r);
}

int
main(void)
{
	static const uint32_t counts[] = { 5000 };
	struct arena arena;
	struct gen_image g = { .state = 1, .arena = &arena };
	struct diag d = { 0 };
	uint8_t *image = NULL;
	size_t len = 0;

	arena_init(&arena, (size_t)1 << 30);
	CHECK(image_encode(gen_image_plain(&g, counts, 1), &image, &len, &d) == RC_OK);
	upload("one table, 5000 rules", image, (uint32_t)len);
	free(image);
	arena_fini(&arena);
	image = malloc(WIRE_IMAGE_BYTES_MAX);
	CHECK(image != NULL);
	rig_image(image, WIRE_IMAGE_BYTES_MAX, 1);
	upload("no table, the largest image", image, WIRE_IMAGE_BYTES_MAX);
	free(image);
	return 0;
}
