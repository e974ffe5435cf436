/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet_fuzz - frames, one after the other, through the whole firmware: input is (time step 2 B,
 * length 2 B, frame) until it ends. Besides the sanitizers and the firmware's own checks: each
 * frame is in exactly one total, hops are of the frame's addresses, nothing is read past its end.
 */
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "fw_board.h"
#include "fw_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 10.0.0.1 and fd00::1: allow flows from anywhere on low ports, comply beyond. */
static void
policy_commit(struct fw_board *b)
{
	static const struct service low = { .proto_any = false, .proto = PROTO_TCP,
		.sport_hi = 65535, .dport_hi = 1023 };
	static const struct service any = { .proto_any = true, .sport_hi = 65535,
		.dport_hi = 65535 };
	struct arena arena;
	struct image_rule rules[3] = {
		{ .dir = WIRE_IN, .services = &low, .service_count = 1, .action = { WIRE_PASS,
		    WIRE_ENFORCE, WIRE_STATE_FLOW, false, 0, 11 } },
		{ .dir = WIRE_OUT, .services = &any, .service_count = 1, .action = { WIRE_PASS,
		    WIRE_ENFORCE, WIRE_STATE_FLOW, true, WIRE_COUNTER_NONE, 12 } },
		{ .dir = WIRE_IN, .services = &any, .service_count = 1, .action = { WIRE_DROP,
		    WIRE_COMPLY, WIRE_STATE_NONE, false, WIRE_COUNTER_NONE, 13 } },
	};
	const struct image_rule *order[3] = { &rules[0], &rules[1], &rules[2] };
	struct image_list list = { .rules = order, .count = 3, .deflt = { WIRE_DROP,
		WIRE_ENFORCE, WIRE_STATE_NONE, false, WIRE_COUNTER_NONE, 14 } };
	struct image_table tables[2] = { { .local = { 0, 0x0a000001, 4 } },
		{ .local = { UINT64_C(0xfd00) << 48, 1, 6 } } };
	struct image_input in = { .lists = &list, .list_count = 1, .tables = tables,
		.table_count = 2, .counter_count = 1, .unsegmented = WIRE_PASS,
		.non_ip = WIRE_PASS };

	arena_init(&arena, 1 << 20);
	for (int i = 0; i < 3; i++)
		CHECK(addr_set_any(&arena, 0, &rules[i].peer) == RC_OK);
	fw_board_commit(b, &in, 1);
	arena_fini(&arena);
}

static void
verdict_check(const struct fw *fw, const struct fw_verdict *v)
{
	CHECK(v->verdict < WIRE_VERDICT__COUNT && v->reason < WIRE_REASON__COUNT);
	CHECK(v->hop_count <= 2 && fw->flow_live <= fw->cfg.flow_count);
	for (uint32_t i = 0; i < v->hop_count; i++) {
		const struct fw_hop *hop = &v->hops[i];

		CHECK(hop->family == v->tuple.family && hop->rule_id >= 11 && hop->rule_id <= 14);
		CHECK(memcmp(hop->local, hop->dir == WIRE_OUT ? v->tuple.src : v->tuple.dst, 16) ==
		    0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fw_board *b;
	uint64_t now_ns = FW_NS_PER_S;

	if (b == NULL)
		b = fw_board_create(64, 1 << 20);
	struct fw_cfg cfg = b->fw.cfg;

	fw_init(&b->fw, &cfg);
	policy_commit(b);
	while (size >= 4) {
		size_t want = (size_t)data[2] << 8 | data[3];
		struct fw_verdict v;

		now_ns += (uint64_t)(data[0] << 8 | data[1]) * 100000000;
		data += 4;
		size -= 4;
		if (want > size)
			want = size;
		uint8_t *frame = malloc(want + 1);	/* of its own, for the sanitizer */

		CHECK(frame != NULL);
		memcpy(frame, data, want);
		uint8_t *exact = realloc(frame, want > 0 ? want : 1);

		CHECK(exact != NULL);
		fw_packet(&b->fw, exact, (uint32_t)want, now_ns, &v);
		free(exact);
		verdict_check(&b->fw, &v);
		data += want;
		size -= want;
	}
	fw_sweep(&b->fw, now_ns);
	return 0;
}
