/* SPDX-License-Identifier: Apache-2.0 */
/* flow_list_test - known flows there and back, and each byte of them that is refused. */
#include "flow_list.h"
#include "clock.h"
#include "wire_flow.h"
#include "wire_verdict.h"

#include "t.h"

enum { AT_TOLD = 4, AT_COUNT = 8, AT_RECORD = FLOW_LIST_HEAD_BYTES, AT_VLAN = AT_RECORD + 52,
	AT_FAMILY = AT_RECORD + 54, AT_DIR = AT_RECORD + 56, AT_FLAGS = AT_RECORD + 58,
	AT_VERDICT = AT_RECORD + 59, AT_REASON = AT_RECORD + 60, AT_LIVE = AT_RECORD + 61,
	AT_ZERO = AT_RECORD + 62, AT_LOCAL = AT_RECORD + 64, AT_REMOTE = AT_RECORD + 80 };

static uint8_t *bytes;
static size_t bytes_len;

/* The first flow lives, the second has ended. */
static void
two_flows(void)
{
	struct flow_table *table = flow_table_create();
	struct nic_flow f = { .id = 1, .kind = WIRE_FLOW_OPENED, .verdict = WIRE_WOULD_DROP,
		.reason = WIRE_REASON_RULE, .family = 4, .proto = 6, .dir = WIRE_IN,
		.tcp_flags = 2, .flags = WIRE_FLOW_BOUND | WIRE_FLOW_STATE,
		.local = { 10, 0, 0, 1 }, .remote = { 10, 0, 0, 2 }, .local_port = 443,
		.remote_port = 4000, .vlan = 7, .rule_id = 0x01020304, .generation = 3,
		.first_wall_ns = 1000, .last_wall_ns = 2000, .packets = { 3, 4 },
		.bytes = { 300, 400 } };

	(void)flow_table_put(table, 1, &f, 11, 0);
	f.id = 2;
	f.kind = WIRE_FLOW_ENDED;
	f.end = WIRE_FLOW_FIN;
	(void)flow_table_put(table, 1, &f, 12, 0);
	free(bytes);
	CHECK(flow_list_encode(table, true, 5, NS_PER_S, &bytes, &bytes_len) == RC_OK);
	flow_table_destroy(&table);
}

static void
there_and_back(void)
{
	struct flow_known k;
	struct flow_list l;

	two_flows();
	T_IS_INT(flow_list_open(&l, bytes, bytes_len), RC_OK);
	T_OK(l.told);
	T_IS_UINT(l.count, 2);
	T_IS_UINT(l.lost, 5);
	T_IS_INT(flow_list_next(&l, &k), RC_OK);
	T_IS_UINT(k.number, 12);
	T_OK(!k.live);
	T_IS_INT(flow_list_next(&l, &k), RC_OK);
	T_IS_UINT(k.number, 11);
	T_OK(k.live);
	T_OK(k.f.verdict == WIRE_WOULD_DROP && k.f.reason == WIRE_REASON_RULE &&
	    k.f.family == 4 && k.f.proto == 6 && k.f.dir == WIRE_IN && k.f.tcp_flags == 2 &&
	    k.f.flags == (WIRE_FLOW_BOUND | WIRE_FLOW_STATE) && k.f.vlan == 7);
	T_OK(k.f.local[0] == 10 && k.f.local[3] == 1 && k.f.remote[3] == 2);
	T_IS_UINT(k.f.local_port, 443);
	T_IS_UINT(k.f.remote_port, 4000);
	T_IS_UINT(k.f.rule_id, 0x01020304);
	T_IS_UINT(k.f.generation, 3);
	T_IS_UINT(k.f.first_wall_ns, 1000);
	T_IS_UINT(k.f.last_wall_ns, 2000);
	T_IS_UINT(k.f.packets[0], 7);
	T_IS_UINT(k.f.bytes[0], 700);
	T_IS_INT(flow_list_next(&l, &k), RC_AGAIN);
}

static bool
reads(void)
{
	struct flow_known k;
	struct flow_list l;
	enum rc rc = flow_list_open(&l, bytes, bytes_len);

	while (rc == RC_OK)
		rc = flow_list_next(&l, &k);
	return rc == RC_AGAIN;
}

struct wrong {
	const char *name;
	size_t at;
	uint8_t value;
	bool good;			/* the last value that is none too many */
};

static const struct wrong wrongs[] = {
	{ "magic", 3, '2', false },
	{ "told", AT_TOLD, 2, false }, { "not told", AT_TOLD, 0, true },
	{ "behind told", AT_TOLD + 1, 1, false },
	{ "fewer than there are", AT_COUNT, 1, false },
	{ "more than there are", AT_COUNT, 3, false },
	{ "more than a table has", AT_COUNT + 2, 1, false },
	{ "behind the count", AT_COUNT + 4, 1, false },
	{ "vlan", AT_VLAN + 1, 0x10, false }, { "vlan 4095", AT_VLAN + 1, 0x0f, true },
	{ "family", AT_FAMILY, 5, false }, { "family 6", AT_FAMILY, 6, true },
	{ "no family", AT_FAMILY, 0, false },
	{ "dir", AT_DIR, 2, false }, { "dir out", AT_DIR, WIRE_OUT, true },
	{ "flags", AT_FLAGS, WIRE_FLOW_FLAGS + 1, false },
	{ "all flags", AT_FLAGS, WIRE_FLOW_FLAGS, true },
	{ "verdict", AT_VERDICT, WIRE_VERDICT__COUNT, false },
	{ "last verdict", AT_VERDICT, WIRE_VERDICT__COUNT - 1, true },
	{ "reason", AT_REASON, WIRE_REASON__COUNT, false },
	{ "last reason", AT_REASON, WIRE_REASON__COUNT - 1, true },
	{ "live", AT_LIVE, 2, false }, { "lives", AT_LIVE, 1, true },
	{ "behind live", AT_ZERO, 1, false },
	{ "behind a v4 local", AT_LOCAL + 4, 1, false },
	{ "behind a v4 remote", AT_REMOTE + 15, 1, false },
	{ "another v4 remote", AT_REMOTE + 3, 9, true },
};

static void
held(const struct wrong *w)
{
	two_flows();
	T_OK(reads());
	bytes[w->at] = w->value;
	T_OK(reads() == w->good);
}

static void
cut_short(void)
{
	size_t whole;

	two_flows();
	whole = bytes_len;
	for (bytes_len = 0; bytes_len < whole; bytes_len++)
		T_OK(!reads());
	T_OK(reads());
}

int
main(void)
{
	T_RUN(there_and_back);
	T_ROWS(wrongs, held);
	T_RUN(cut_short);
	free(bytes);
	return t_done();
}
