/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox - any bytes in a request slot: header decode, the copy of the payload, the answers that
 * fw_mbox.c and fw_stream.c give by themselves. What fw_ruleset.c answers is any answer.
 * bounds: 3 counters; `fw_ruleset` answers anything; copies are one step
 * seconds: 60
 * unwind: 10
 * options:
 * options: -DHDR_BYTES=4
 * plant: fw_mbox.c s/r->len != request_len(r->op)/false/
 * plant -DHDR_BYTES=4: fw_mbox.c s/good(m, &v, sizeof(v))/good(m, \&v, sizeof(v) + 8)/
 */
#include "prove.h"

/* Copies are not gone through byte by byte: both ends must be there, and any bytes may arrive. */
#define wire_copy_out loop_copy_out
#define wire_copy_in loop_copy_in
#include "wire_shared.h"
#undef wire_copy_out
#undef wire_copy_in

static void
wire_copy_out(void *to, const void *from, size_t len)
{
	__CPROVER_assert(len == 0 || __CPROVER_r_ok(from, len), "the source is there");
	__CPROVER_assert(len == 0 || __CPROVER_w_ok(to, len), "the room is there");
	if (len > 0)
		__CPROVER_havoc_slice(to, len);
}

static void
wire_copy_in(void *to, const void *from, size_t len)
{
	wire_copy_out(to, from, len);
}

#include "fw_mbox.c"
#undef FAIL
#include "fw_stream.c"

#ifndef HDR_BYTES
#define HDR_BYTES 8
#endif
#ifndef COUNTERS_MAX
#define COUNTERS_MAX 3
#endif

static struct fw fw;
static struct fw_mbox mbox;
static struct fw_counter counters[COUNTERS_MAX];

bool
fw_ruleset_serve(struct fw *f, struct fw_mbox *m)
{
	(void)f;
	__CPROVER_assert(m->request.len <= WIRE_MBOX_PAYLOAD_MAX, "a request is no longer");
	return fw_mbox_fail(m, 1 + nondet_u16(), 0, 0);
}

void
fw_track_ask(struct fw *f, uint32_t mask, uint64_t now_ns)
{
	(void)now_ns;
	f->flow_mask = mask;
}

int
main(void)
{
	uint8_t *slot = any_bytes(WIRE_MBOX_SLOT_BYTES);
	struct fw_request *r = &mbox.request;

	fw.cfg.counters = counters;
	fw.cfg.counter_count = nondet_u32();
	__CPROVER_assume(fw.cfg.counter_count <= COUNTERS_MAX);
	fw.flow_mask = nondet_u32();
	mbox.flow_stream = nondet_u32();
	mbox.flow_credits = nondet_u32();
	__CPROVER_assume(mbox.flow_credits <= WIRE_FLOWS);
	r->hdr[0] = nondet_u32();
	r->hdr[1] = nondet_u32();
	/* as slot_serve tells the versions apart */
	__CPROVER_assume(((r->hdr[0] & WIRE_MBOX_CODE) == WIRE_MBOX_V2) == (HDR_BYTES == 8));
	r->hdr_bytes = HDR_BYTES;
	(void)request_serve(&fw, &mbox, slot);
	__CPROVER_assert(mbox.reply.len <= WIRE_MBOX_PAYLOAD_MAX, "a reply is no longer");
	__CPROVER_assert(mbox.reply.len % 4 == 0, "a reply is whole words");
	__CPROVER_assert(mbox.flow_credits <= WIRE_FLOWS, "no credit beyond the ring");
	return 0;
}
