/* SPDX-License-Identifier: Apache-2.0 */
/* flow_table_test - order, room, names, ends of the flows the daemon keeps. */
#include "flow_table.h"
#include "clock.h"
#include "wire_flow.h"
#include "wire_verdict.h"

#include "t.h"

static struct nic_flow
flow(uint64_t id, uint8_t kind)
{
	return (struct nic_flow){ .id = id, .kind = kind,
		.end = kind == WIRE_FLOW_ENDED ? WIRE_FLOW_FIN : WIRE_FLOW_LIVE,
		.verdict = WIRE_PASS, .family = 4, .proto = 6, .dir = WIRE_IN,
		.flags = WIRE_FLOW_BOUND | WIRE_FLOW_STATE, .local = { 10, 0, 0, 1 },
		.remote = { 10, 0, 0, 2 }, .local_port = 443, .remote_port = 4000,
		.rule_id = 7, .generation = 3 };
}

/* The numbers from the newest row on, at most five, as decimal digits. */
static uint64_t
order(const struct flow_table *table)
{
	const struct flow_row *r = flow_table_newest(table);
	uint64_t digits = 0;

	for (int i = 0; i < 5 && r != NULL; i++, r = flow_table_older(table, r))
		digits = digits * 10 + r->number;
	return digits;
}

static void
newest_first(void)
{
	struct flow_table *table = flow_table_create();
	struct nic_flow f;

	T_OK(flow_table_newest(table) == NULL);
	for (uint64_t id = 1; id <= 4; id++) {
		f = flow(id, WIRE_FLOW_OPENED);
		(void)flow_table_put(table, 1, &f, id, 0);
	}
	T_IS_UINT(order(table), 4321);
	f = flow(2, WIRE_FLOW_ENDED);
	(void)flow_table_put(table, 1, &f, 5, 0);
	T_IS_UINT(order(table), 5431);
	f = flow(2, WIRE_FLOW_OPENED);		/* of another boot */
	(void)flow_table_put(table, 2, &f, 6, 0);
	T_IS_UINT(order(table), 65431);
	T_IS_UINT(flow_table_count(table), 5);
	flow_table_destroy(&table);
}

/* More than there is room for: the oldest go, and each that stays is found and is itself. */
static void
oldest_out(void)
{
	struct flow_table *table = flow_table_create();
	const struct flow_row *r;
	uint64_t want, number = 0;

	for (uint64_t id = 1; id <= FLOW_ROWS + 5000; id++) {
		struct nic_flow f = flow(id * 7, WIRE_FLOW_OPENED);

		(void)flow_table_put(table, 1, &f, ++number, 0);
		if (id % 3 == 0) {		/* an early one goes on, and is not the oldest */
			f = flow(7, WIRE_FLOW_UPDATED);
			(void)flow_table_put(table, 1, &f, ++number, 0);
		}
	}
	T_IS_UINT(flow_table_count(table), FLOW_ROWS);
	T_IS_UINT(flow_table_forgotten(table), 5000);
	r = flow_table_newest(table);
	want = UINT64_MAX;
	for (uint32_t i = 0; i < FLOW_ROWS; i++, r = flow_table_older(table, r)) {
		if (!T_OK(r != NULL && r->number < want))
			return;
		want = r->number;
	}
	T_OK(r == NULL);
	flow_table_destroy(&table);
}

static void
ends(void)
{
	struct flow_table *table = flow_table_create();
	struct nic_flow f = flow(1, WIRE_FLOW_OPENED);
	struct flow_row *r = flow_table_put(table, 1, &f, 1, 1000);

	T_IS_STR(flow_row_end(r, 1000), "");
	T_IS_STR(flow_row_end(r, 1000 + FLOW_SILENT_S * NS_PER_S - 1), "");
	T_IS_STR(flow_row_end(r, 1000 + FLOW_SILENT_S * NS_PER_S), "untold");
	flow_table_boot(table, 1);
	T_IS_STR(flow_row_end(r, 1000), "");
	flow_table_boot(table, 2);
	T_IS_STR(flow_row_end(r, 1000), "nic-reset");
	f = flow(1, WIRE_FLOW_ENDED);
	r = flow_table_put(table, 1, &f, 2, 1000);
	T_IS_STR(flow_row_end(r, 1000), "fin");
	flow_table_destroy(&table);
}

/* A place stands while rule and generation do. */
static void
places(void)
{
	struct flow_table *table = flow_table_create();
	struct nic_flow f = flow(1, WIRE_FLOW_OPENED);
	struct flow_row *r = flow_table_put(table, 1, &f, 1, 0);
	struct flow_pick p = { .has = 0 };
	struct diag d = { 0 };
	char name[16];

	T_IS_STR(r->file, "");
	(void)snprintf(name, sizeof(name), "a.pol");
	r->file = flow_table_name(table, name);
	r->segment = flow_table_name(table, "web");
	r->line = 7;
	T_OK(flow_table_name(table, "a.pol") == r->file);
	name[0] = 'b';
	T_IS_STR(r->file, "a.pol");
	f.kind = WIRE_FLOW_UPDATED;
	r = flow_table_put(table, 1, &f, 2, 0);
	T_IS_STR(r->file, "a.pol");
	T_IS_INT(flow_pick_set(&p, "file", "a.pol:7", 0, &d), RC_OK);
	T_IS_INT(flow_pick_set(&p, "from", "10.0.0.2", 0, &d), RC_OK);
	T_IS_INT(flow_pick_set(&p, "local", "10.0.0.1", 0, &d), RC_OK);
	T_IS_INT(flow_pick_set(&p, "state", "live", 0, &d), RC_OK);
	T_OK(flow_row_picked(r, &p, 0));
	f.generation = 4;
	r = flow_table_put(table, 1, &f, 3, 0);
	T_IS_STR(r->file, "");
	T_OK(!flow_row_picked(r, &p, 0));
	for (uint32_t i = 0; i < 2 * FLOW_NAMES; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		(void)flow_table_name(table, name);
	}
	T_IS_STR(flow_table_name(table, "one more"), "");
	T_IS_STR(flow_table_name(table, "web"), "web");
	flow_table_destroy(&table);
}

int
main(void)
{
	T_RUN(newest_first);
	T_RUN(oldest_out);
	T_RUN(ends);
	T_RUN(places);
	return t_done();
}
