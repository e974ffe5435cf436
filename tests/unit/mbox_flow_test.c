/* SPDX-License-Identifier: Apache-2.0 */
/* mbox_flow_test - the flow stream from the firmware's hook to the host: credits, losses, lies. */
#include "rig.h"
#include "wire_shared.h"
#include "wire_verdict.h"

#include "clock.h"
#include "t.h"

static bool
flow_raise(struct rig *r, uint64_t id)
{
	struct fw_tally tally = { .id = id, .first_ns = r->now_ns, .last_ns = r->now_ns + 5,
		.packets = { 3, 4 }, .bytes = { 300, 400 } };
	uint8_t local[16] = { 10, 0, 0, 1 }, remote[16] = { 10, 0, 0, 2 };
	struct fw_flow_event e = { .kind = WIRE_FLOW_ENDED, .end = WIRE_FLOW_FIN,
		.verdict = WIRE_PASS, .reason = WIRE_REASON_RULE, .family = 4, .proto = 6,
		.dir = WIRE_IN, .tcp_flags = 2, .flags = WIRE_FLOW_STATE | WIRE_FLOW_BOUND,
		.local_port = 443, .remote_port = 1234, .vlan = 7, .rule_id = 77,
		.generation = 3, .local = local, .remote = remote, .tally = &tally,
		.now_ns = r->now_ns };

	return fw_mbox_flow(r->fm, &e);
}

static void
begin(struct rig *r)
{
	struct diag d = { 0 };

	rig_init(r);
	rig_host(r);
	T_IS_INT(mbox_flows_start(r->mbox, &d), RC_OK);
	T_IS_UINT(r->fw->flow_mask, WIRE_FLOW_MASK_ALL);
	T_IS_UINT(r->fm->flow_credits, WIRE_FLOWS);
}

static void
a_record_arrives_as_it_was(void)
{
	struct wire_flow w;
	struct rig r;

	begin(&r);
	T_IS_INT(mbox_flow_next(r.mbox, &w), RC_AGAIN);
	T_OK(flow_raise(&r, 9));
	T_IS_INT(mbox_flow_next(r.mbox, &w), RC_OK);
	T_IS_UINT(le64_get(w.id), 9);
	T_IS_UINT(w.kind, WIRE_FLOW_ENDED);
	T_IS_UINT(w.end, WIRE_FLOW_FIN);
	T_IS_UINT(w.verdict, WIRE_PASS);
	T_IS_UINT(w.dir, WIRE_IN);
	T_IS_UINT(w.local[0], 10);
	T_IS_UINT(w.remote[3], 2);
	T_IS_UINT(le16_get(w.local_port), 443);
	T_IS_UINT(le16_get(w.remote_port), 1234);
	T_IS_UINT(le16_get(w.vlan), 7);
	T_IS_UINT(le32_get(w.rule_id), 77);
	T_IS_UINT(le32_get(w.generation), 3);
	T_IS_UINT(le64_get(w.packets[WIRE_OUT]), 3);
	T_IS_UINT(le64_get(w.bytes[WIRE_IN]), 400);
	T_IS_UINT(le64_get(w.last_wall_ns) - le64_get(w.first_wall_ns), 5);
	T_IS_INT(mbox_flow_next(r.mbox, &w), RC_AGAIN);
	rig_fini(&r);
}

/* Laps; then no credit: what is not told is lost, and the rest goes on where it is granted. */
static void
credits_bound_the_ring(void)
{
	struct wire_flow w;
	struct rig r;
	uint64_t id = 0, want = 1, told = 0;

	begin(&r);
	for (uint32_t round = 0; round < 40; round++) {
		for (uint32_t i = 0; i < 1000; i++)
			told += flow_raise(&r, ++id);
		while (mbox_flow_next(r.mbox, &w) == RC_OK)
			T_IS_UINT(le64_get(w.id), want++);
	}
	T_IS_UINT(told, 40000);
	T_IS_UINT(want, 40001);
	T_OK(r.fm->flow_credits >= WIRE_FLOWS - WIRE_FLOWS / 4);
	told = 0;
	for (uint32_t i = 0; i < 2 * WIRE_FLOWS; i++)
		told += flow_raise(&r, ++id);
	T_OK(told <= WIRE_FLOWS && told >= WIRE_FLOWS - WIRE_FLOWS / 4);
	T_IS_UINT(r.fm->flow_credits, 0);
	while (mbox_flow_next(r.mbox, &w) == RC_OK) {
		T_IS_UINT(le64_get(w.id), want++);
		told--;
	}
	T_IS_UINT(told, 0);
	T_OK(flow_raise(&r, 1));
	T_IS_UINT(mbox_counts(r.mbox)->bad_flows, 0);
	T_IS_UINT(mbox_counts(r.mbox)->flows_skipped, 0);
	rig_fini(&r);
}

static void
each_bit_matters(void)
{
	struct wire_flow w;
	struct rig r;
	uint32_t wrong = 0;

	begin(&r);
	for (uint32_t bit = 0; bit < WIRE_FLOW_BYTES * 8; bit++) {
		uint8_t *at = r.mem + WIRE_MBOX_FLOWS_AT +
		    r.fm->flows_written % WIRE_FLOWS * WIRE_FLOW_BYTES;

		T_OK(flow_raise(&r, bit + 1));
		at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		wrong += mbox_flow_next(r.mbox, &w) != RC_AGAIN;
	}
	T_IS_UINT(wrong, 0);
	T_IS_UINT(mbox_counts(r.mbox)->bad_flows, WIRE_FLOW_BYTES * 8);
	rig_fini(&r);
}

/* Records that add up, and still cannot be. */
static void
each_field_is_held(void)
{
	static const struct {
		uint8_t at, value;
	} rows[] = { { 4, WIRE_FLOW_KIND__COUNT }, { 4, WIRE_FLOW_OPENED },
		{ 5, WIRE_FLOW_END__COUNT }, { 5, WIRE_FLOW_LIVE }, { 6, WIRE_VERDICT__COUNT },
		{ 7, WIRE_REASON__COUNT }, { 53, 0x11 }, { 54, 5 }, { 56, 2 }, { 58, 8 },
		{ 59, 1 }, { 79, 0xff }, { 127, 1 } };
	struct wire_flow w;
	struct rig r;

	begin(&r);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *at = r.mem + WIRE_MBOX_FLOWS_AT + i * WIRE_FLOW_BYTES;

		T_OK(flow_raise(&r, 1));
		memcpy(&w, at, sizeof(w));
		((uint8_t *)&w)[rows[i].at] = rows[i].value;
		w.check = le32_put(0);
		w.check = le32_put(~wire_flow_sum(&w));
		memcpy(at, &w, sizeof(w));
		T_IS_INT(mbox_flow_next(r.mbox, &w), RC_AGAIN);
		T_IS_UINT(mbox_counts(r.mbox)->bad_flows, i + 1);
	}
	rig_fini(&r);
}

static void
counts_that_cannot_be(void)
{
	struct wire_flow w;
	struct rig r;

	begin(&r);
	wire_store32(r.mem + WIRE_MBOX_FLOW_WRITTEN_AT, 5 * WIRE_FLOWS);
	T_IS_INT(mbox_flow_next(r.mbox, &w), RC_AGAIN);
	T_IS_UINT(mbox_counts(r.mbox)->flows_skipped, 5 * WIRE_FLOWS);
	rig_fini(&r);
}

/* What a host may ask wrongly: place, bound, value. */
static void
requests(void)
{
	static const struct {
		uint32_t op, words[2], len, code, arg;
	} rows[] = {
		{ WIRE_OP_FLOW_CREDIT, { 1, 1 }, 8, WIRE_ERR_ENOENT, 0 },
		{ WIRE_OP_FLOW_STOP, { 1 }, 4, WIRE_ERR_ENOENT, 0 },
		{ WIRE_OP_FLOW_START, { 0, 1 }, 8, WIRE_ERR_EINVAL, 0 },
		{ WIRE_OP_FLOW_START, { 16, 1 }, 8, WIRE_ERR_EINVAL, 0 },
		{ WIRE_OP_FLOW_START, { 15, 0 }, 8, WIRE_ERR_EINVAL, 1 },
		{ WIRE_OP_FLOW_START, { 15, WIRE_FLOWS + 1 }, 8, WIRE_ERR_ERANGE, 0 },
		{ WIRE_OP_FLOW_START, { 15, 1 }, 4, WIRE_ERR_EINVAL, WIRE_ERR_ARG_HDR + 1 },
		{ WIRE_OP_FLOW_START, { 15, 10 }, 8, 0, 1 },
		{ WIRE_OP_FLOW_START, { 15, 10 }, 8, WIRE_ERR_EALREADY, 1 },
		{ WIRE_OP_FLOW_CREDIT, { 2, 1 }, 8, WIRE_ERR_ENOENT, 1 },
		{ WIRE_OP_FLOW_CREDIT, { 1, 0 }, 8, WIRE_ERR_EINVAL, 1 },
		{ WIRE_OP_FLOW_CREDIT, { 1, WIRE_FLOWS - 9 }, 8, WIRE_ERR_ERANGE, 10 },
		{ WIRE_OP_FLOW_CREDIT, { 1, UINT32_MAX }, 8, WIRE_ERR_ERANGE, 10 },
		{ WIRE_OP_FLOW_CREDIT, { 1, WIRE_FLOWS - 10 }, 8, 0, WIRE_FLOWS },
		{ WIRE_OP_FLOW_STOP, { 1 }, 4, 0, 0 },
		{ WIRE_OP_FLOW_START, { 1, 1 }, 8, 0, 2 },
	};
	uint8_t reply[WIRE_MBOX_PAYLOAD_MAX];
	uint32_t got[2];
	struct rig r;

	rig_init(&r);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t hdr[2] = { WIRE_MBOX_V2 | WIRE_MBOX_RESYNC,
			rows[i].op | rows[i].len << WIRE_MBOX_LEN_SHIFT };
		le32 words[2] = { le32_put(rows[i].words[0]), le32_put(rows[i].words[1]) };
		le32 first, second;

		rig_raw(&r, 0, hdr, words, rows[i].len, got, reply);
		memcpy(&first, reply, sizeof(first));
		memcpy(&second, reply + 4, sizeof(second));
		T_IS_UINT((got[0] & WIRE_MBOX_ERROR) != 0, rows[i].code != 0);
		T_IS_UINT(le32_get(first), rows[i].code != 0 ? rows[i].code : rows[i].arg);
		if (rows[i].code != 0)
			T_IS_UINT(le32_get(second), rows[i].arg);
	}
	rig_fini(&r);
}

/* A stream ends with its owner; the next one is told all that lives. */
static void
ends_with_its_owner(void)
{
	struct wire_status s;
	struct wire_stats t2;
	struct wire_flow w;
	struct diag d = { 0 };
	struct rig r;

	begin(&r);
	T_IS_INT(mbox_flows_start(r.mbox, &d), RC_OK);	/* one that runs is ended */
	T_IS_UINT(r.fm->flow_stream, 2);
	r.now_ns += 20 * NS_PER_MS;
	rig_poll(&r);
	T_IS_INT(mbox_status(r.mbox, &s, &t2), RC_OK);
	T_OK((le32_get(s.flags) & WIRE_STATUS_FLOWS) != 0);
	wire_or32(r.mem + WIRE_MBOX_DOORBELL_AT, WIRE_MBOX_CANCEL);
	rig_poll(&r);
	T_IS_UINT(r.fw->flow_mask, 0);
	T_OK(!flow_raise(&r, 1));
	T_IS_INT(mbox_status(r.mbox, &s, &t2), RC_OK);
	T_OK((le32_get(s.flags) & WIRE_STATUS_FLOWS) == 0);
	T_IS_INT(mbox_flows_start(r.mbox, &d), RC_STALE);	/* its epoch ended too */
	T_IS_INT(mbox_flows_start(r.mbox, &d), RC_OK);
	T_OK(flow_raise(&r, 2));
	rig_reboot(&r);
	T_IS_INT(mbox_flow_next(r.mbox, &w), RC_AGAIN);
	T_IS_UINT(r.fw->flow_mask, 0);
	T_IS_INT(mbox_flows_start(r.mbox, &d), RC_STALE);
	T_IS_INT(mbox_flows_start(r.mbox, &d), RC_OK);
	T_IS_UINT(r.fm->flow_stream, 1);
	T_OK(flow_raise(&r, 3));
	T_IS_INT(mbox_flow_next(r.mbox, &w), RC_OK);
	T_IS_UINT(le64_get(w.id), 3);
	T_IS_INT(mbox_flows_stop(r.mbox, &d), RC_OK);
	T_IS_INT(mbox_flows_stop(r.mbox, &d), RC_INVALID);
	rig_fini(&r);
}

/* The host is woken once a heartbeat, however many there are. */
static void
one_kick_a_beat(void)
{
	struct rig r;
	uint64_t kicks;

	begin(&r);
	kicks = r.kicks;
	for (uint32_t i = 0; i < 100; i++)
		T_OK(flow_raise(&r, i + 1));
	rig_poll(&r);
	T_IS_UINT(r.kicks, kicks);
	r.now_ns += WIRE_MBOX_HEARTBEAT_MS * NS_PER_MS;
	rig_poll(&r);
	T_IS_UINT(r.kicks, kicks + 1);
	r.now_ns += WIRE_MBOX_HEARTBEAT_MS * NS_PER_MS;
	rig_poll(&r);
	T_IS_UINT(r.kicks, kicks + 1);
	rig_fini(&r);
}

int
main(void)
{
	T_RUN(a_record_arrives_as_it_was);
	T_RUN(credits_bound_the_ring);
	T_RUN(each_bit_matters);
	T_RUN(each_field_is_held);
	T_RUN(counts_that_cannot_be);
	T_RUN(requests);
	T_RUN(ends_with_its_owner);
	T_RUN(one_kick_a_beat);
	return t_done();
}
