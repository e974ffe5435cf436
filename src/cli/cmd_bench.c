/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_bench - what a policy costs per packet on this machine: each table, then the whole NIC. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cli.h"
#include "fw_parse.h"
#include "pcap.h"
#include "roles.h"

enum {
	TABLE_ASKS_MAX = 4096, TABLE_ASKS_MIN = 256,
	ALL_ASKS = 1 << 19,		/* of all tables together, so that many tables end soon */
	FLOWS = 2048, FLOW_ENTRIES = 4 * FLOWS
};

struct row;

struct bench {
	struct cli *cli;
	struct compile_result r;
	struct board *board;
	const uint8_t *image;
	struct bench_ask *capture;	/* in the capture's order */
	uint32_t capture_count;
	struct addr *targets;		/* room for every local IP */
	struct row *rows;		/* measured, each of a body of its own */
	uint32_t row_count;
	uint64_t seed;
};

/* One line of output. */
struct row {
	const char *scope;
	struct addr addr;		/* family 0 = the whole NIC */
	char local[ADDR_TEXT_BYTES];	/* its text, "" = the whole NIC */
	struct image_cost cost;
	uint32_t tables;
	struct bench_times times;
	double batch_mean, adversarial, flow_p50, chase, compile_ms, prove_ms;
	bool captured;
};

/* --- packets ---------------------------------------------------------------------------------- */

/* Each packet has a line of its own. */
static struct bench_ask *
asks_alloc(struct diag *diag)
{
	size_t bytes = BENCH_ASKS_MAX * sizeof(struct bench_ask);
	struct bench_ask *asks = aligned_alloc(WIRE_LINE, bytes);

	if (asks == NULL)
		diag_set(diag, "memory", "no memory for %d packets", BENCH_ASKS_MAX);
	else
		memset(asks, 0, bytes);
	return asks;
}

static void
ask_from(const struct addr *local, const struct pkt_key *k, struct bench_ask *out)
{
	memset(out, 0, sizeof(*out));
	out->key = (struct fw_key){ .family = k->remote.family, .dir = k->dir, .proto = k->proto,
		.frag = k->frag, .sport = k->sport, .dport = k->dport, .vlan = k->vlan };
	addr_to_wire(&k->remote, out->key.remote);
	addr_to_wire(local, out->local);
}

/* The packet as the local IP at one of its ends sees it; false where nobody has that address. Where
 * nobody has any, the guard's table judges it. */
static bool
ask_captured(const struct bench *b, const struct fw_tuple *t, uint8_t dir, struct bench_ask *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->local, dir == WIRE_OUT ? t->src : t->dst, 16);
	memcpy(out->key.remote, dir == WIRE_OUT ? t->dst : t->src, 16);
	out->key.family = t->family;
	out->key.dir = dir;
	out->key.proto = t->proto;
	out->key.frag = t->frag;
	out->key.sport = t->sport;
	out->key.dport = t->dport;
	out->key.vlan = t->vlan;
	return fw_table_find(b->image, t->family, out->local).body != 0 ||
	    image_local_count(b->image) == 0;
}

static enum rc
capture_read(struct bench *b, const char *path, struct diag *diag)
{
	struct pcap_reader *p = NULL;
	static struct fw_pkt pkt;
	struct pcap_frame f;
	bool got = true;
	enum rc rc = pcap_open(path, &p, diag);

	b->capture = asks_alloc(diag);
	if (rc == RC_OK && b->capture == NULL)
		rc = RC_NOMEM;
	while (rc == RC_OK && b->capture_count + 2 <= BENCH_ASKS_MAX) {
		rc = pcap_next(p, &f, &got, diag);
		if (rc != RC_OK || !got)
			break;
		fw_parse(f.bytes, f.len_bytes, &pkt);
		if (pkt.kind != FW_KIND_IP || pkt.fault != 0)
			continue;
		for (uint8_t dir = 0; dir < 2; dir++)
			b->capture_count += ask_captured(b, &pkt.tuple, dir,
			    &b->capture[b->capture_count]);
	}
	pcap_close(&p);
	if (rc == RC_OK && b->capture_count == 0) {
		diag_set(diag, "pcap-strange", image_local_count(b->image) == 0 ?
		    "%s: there is no IP packet in it" :
		    "%s: no frame has an address of this policy's local IPs at an end", path);
		rc = RC_INVALID;
	}
	return rc;
}

/* Packets of one table: the capture's over and over, or own ones, edges and any in turn. */
static bool
asks_of_table(struct bench *b, const struct addr *local, struct bench_ask *asks, uint32_t count)
{
	uint8_t wire[16];
	uint32_t n = 0;

	addr_to_wire(local, wire);
	for (uint32_t i = 0; i < b->capture_count && n < count; i++)
		if (b->capture[i].key.family == local->family &&
		    memcmp(b->capture[i].local, wire, 16) == 0)
			asks[n++] = b->capture[i];
	if (n > 0) {
		for (uint32_t i = n; i < count; i++)
			asks[i] = asks[i - n];
		return true;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct pkt_key k;

		image_table_packet(b->image, local, i % 2 == 0, &b->seed, &k);
		ask_from(local, &k, &asks[i]);
	}
	return false;
}

/* Packets of a NIC without any table: to and from whom ever, of IPv4 and IPv6 in turn. */
static void
asks_of_guard(struct bench *b, bool edges, struct bench_ask *asks, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint8_t family = i % 2 == 0 ? 4 : 6;
		struct pkt_key k, other;

		image_guard_packet(b->image, family, false, &b->seed, &other);
		image_guard_packet(b->image, family, edges || i / 2 % 2 == 0, &b->seed, &k);
		ask_from(&other.remote, &k, &asks[i]);
	}
}

/* Each lookup in another table than the last, as on a busy host. */
static bool
asks_of_nic(struct bench *b, struct bench_ask *asks, uint32_t count)
{
	uint32_t tables = image_local_count(b->image);

	if (tables == 0 && b->capture_count == 0)
		asks_of_guard(b, false, asks, count);
	for (uint32_t i = 0; i < count && b->capture_count > 0; i++)
		asks[i] = b->capture[i % b->capture_count];
	for (uint32_t i = 0; i < count && tables > 0 && b->capture_count == 0; i++) {
		struct addr local = image_local(b->image,
		    (uint32_t)(((uint64_t)i * 2654435761u & UINT32_MAX) * tables >> 32));
		struct pkt_key k;

		image_table_packet(b->image, &local, i % 2 == 0, &b->seed, &k);
		ask_from(&local, &k, &asks[i]);
	}
	return b->capture_count > 0;
}

/* The tables that an attacker sends to: the row's own; of the NIC all of them, so that none stays
 * in the cache, or the costliest. Returns how many. */
static uint32_t
targets(const struct bench *b, const struct row *r, bool all, struct addr *out)
{
	uint32_t tables = image_local_count(b->image), n = 0;

	if (r->addr.family != 0) {
		out[0] = r->addr;
		return 1;
	}
	for (uint32_t i = 0; i < tables; i++) {
		struct addr local = image_local(b->image, i);
		struct image_cost cost;

		image_table_cost(b->image, &local, &cost);
		if (all || cost.loads >= r->cost.loads)
			out[n++] = local;
	}
	CHECK(n > 0);
	return n;
}

/* What an attacker who knows the image would send: always another edge of the trees. */
static void
asks_adversarial(struct bench *b, const struct row *r, bool all, struct bench_ask *asks,
    uint32_t count)
{
	uint32_t n;

	if (image_local_count(b->image) == 0) {
		asks_of_guard(b, true, asks, count);
		return;
	}
	n = targets(b, r, all, b->targets);
	for (uint32_t i = 0; i < count; i++) {
		const struct addr *local = &b->targets[i % n];
		struct pkt_key k;

		image_table_packet(b->image, local, true, &b->seed, &k);
		ask_from(local, &k, &asks[i]);
	}
}

/* Loads of a packet's table, over all packets. */
static double
asks_loads(const struct bench *b, const struct bench_ask *asks, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct addr local = addr_from_bytes(asks[i].key.family, asks[i].local);
		struct image_cost cost;

		if (image_local_count(b->image) == 0)
			image_guard_cost(b->image, asks[i].key.family, &cost);
		else
			image_table_cost(b->image, &local, &cost);
		sum += cost.loads;
	}
	return (double)sum / count;
}

/* --- rows ------------------------------------------------------------------------------------- */

static void
row_json(const struct row *r)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc);
	const struct { const char *name; double value, per; } reals[] = {
		{ "p50_ns", r->times.p50, 100 }, { "p99_ns", r->times.p99, 100 },
		{ "mean_ns", r->times.mean, 100 }, { "adversarial_mean_ns", r->adversarial, 100 },
		{ "flow_p50_ns", r->flow_p50, 100 },
		{ "batch_mean_ns", r->batch_mean, 100 }, { "chase_ns", r->chase, 100 },
		{ "compile_ms", r->compile_ms, 1000 }, { "prove_ms", r->prove_ms, 1000 },
	};

	yyjson_mut_doc_set_root(doc, o);
	(void)yyjson_mut_obj_add_str(doc, o, "scope", r->scope);
	if (r->local[0] != '\0') {
		(void)yyjson_mut_obj_add_str(doc, o, "local", r->local);
		(void)yyjson_mut_obj_add_uint(doc, o, "body", r->cost.body);
	} else {
		(void)yyjson_mut_obj_add_uint(doc, o, "tables", r->tables);
	}
	(void)yyjson_mut_obj_add_uint(doc, o, "rules", r->cost.rules);
	for (size_t i = 0; i < ARRAY_LEN(reals); i++)
		(void)yyjson_mut_obj_add_real(doc, o, reals[i].name,
		    (double)(int64_t)(reals[i].value * reals[i].per + 0.5) / reals[i].per);
	(void)yyjson_mut_obj_add_uint(doc, o, "loads_max", r->cost.loads);
	(void)yyjson_mut_obj_add_uint(doc, o, "lines_max", r->cost.lines);
	(void)yyjson_mut_obj_add_uint(doc, o, "bytes", r->cost.bytes);
	(void)yyjson_mut_obj_add_str(doc, o, "packets", r->captured ? "capture" : "own");
	cli_json(doc);
}

static void
row_print(const struct bench *b, const struct row *r)
{
	if (b->cli->json) {
		row_json(r);
		return;
	}
	printf("%-24s %7" PRIu32 " %7.1f %7.1f %7.1f %7.1f %7.1f %7.1f %7.1f %5" PRIu32 " %5" PRIu32
	    " %9" PRIu32 "\n", r->local[0] != '\0' ? r->local : r->scope, r->cost.rules,
	    r->times.p50, r->times.p99, r->times.mean, r->adversarial, r->flow_p50,
	    r->batch_mean, r->chase,
	    r->cost.loads, r->cost.lines, r->cost.bytes);
}

/* Of the whole, or of the table's body, which others may share. */
static void
row_compiled(const struct bench *b, struct row *r)
{
	const struct built_time *t = &b->r.times[r->cost.body];

	r->compile_ms = (double)(b->r.eval_ns + b->r.build_ns - b->r.prove_ns) / 1e6;
	r->prove_ms = (double)b->r.prove_ns / 1e6;
	if (r->addr.family == 0)
		return;
	r->compile_ms = (double)le64_get(t->pack_ns) / 1e6;
	r->prove_ms = (double)le64_get(t->prove_ns) / 1e6;
}

static void
row_measure(struct bench *b, struct bench_ask *asks, uint32_t count, struct row *r)
{
	bench_walk(b->image, asks, count, &r->times);
	r->batch_mean = bench_batch(b->image, asks, count);
	r->chase = bench_chase(r->cost.bytes, asks_loads(b, asks, count));
	r->flow_p50 = bench_flow(b->board, asks, MIN(count, (uint32_t)FLOWS));
	for (int all = 0; all < (r->addr.family != 0 ? 1 : 2); all++) {
		struct bench_times worst;

		asks_adversarial(b, r, all != 0, asks, count);
		bench_walk(b->image, asks, count, &worst);
		r->adversarial = MAX(r->adversarial, worst.mean);
	}
}

/* What was measured of another local IP with the same body, and no packets of its own. */
static const struct row *
row_of_body(const struct bench *b, uint32_t body)
{
	for (uint32_t i = 0; i < b->row_count; i++)
		if (b->rows[i].cost.body == body && !b->rows[i].captured)
			return &b->rows[i];
	return NULL;
}

static void
row_of_table(struct bench *b, uint32_t table, struct bench_ask *asks, uint32_t count,
    struct row *r)
{
	const struct row *same;

	*r = (struct row){ .scope = "table", .addr = image_local(b->image, table) };
	addr_print(&r->addr, r->local);
	image_table_cost(b->image, &r->addr, &r->cost);
	row_compiled(b, r);
	r->captured = asks_of_table(b, &r->addr, asks, count);
	same = r->captured ? NULL : row_of_body(b, r->cost.body);
	if (same == NULL) {
		row_measure(b, asks, count, r);
		b->rows[b->row_count++] = *r;
		return;
	}
	r->times = same->times;
	r->batch_mean = same->batch_mean;
	r->adversarial = same->adversarial;
	r->flow_p50 = same->flow_p50;
	r->chase = same->chase;
}

static void
nic_add(struct row *nic, const struct image_cost *cost)
{
	nic->cost.rules += cost->rules;
	nic->cost.loads = MAX(nic->cost.loads, cost->loads);
	nic->cost.lines = MAX(nic->cost.lines, cost->lines);
}

static void
row_of_nic(struct bench *b, struct bench_ask *asks, struct row *nic)
{
	for (uint8_t family = 4; family <= 6 && nic->tables == 0; family += 2) {
		struct image_cost cost;

		image_guard_cost(b->image, family, &cost);
		nic_add(nic, &cost);
	}
	nic->cost.bytes = (uint32_t)b->r.image_len;
	nic->captured = asks_of_nic(b, asks, BENCH_ASKS_MAX);
	row_compiled(b, nic);
	row_measure(b, asks, BENCH_ASKS_MAX, nic);
	row_print(b, nic);
}

static enum rc
rows_all(struct bench *b, struct diag *diag)
{
	uint32_t tables = image_local_count(b->image);
	uint32_t count = ALL_ASKS / MAX(tables, 1u);
	struct row nic = { .scope = "nic", .tables = tables };
	struct bench_ask *asks = asks_alloc(diag);

	b->rows = calloc(MAX(tables, 1u), sizeof(*b->rows));
	b->targets = calloc(MAX(tables, 1u), sizeof(*b->targets));
	if (asks == NULL || b->rows == NULL || b->targets == NULL) {
		free(asks);
		diag_set(diag, "memory", "no memory for %" PRIu32 " tables", tables);
		return RC_NOMEM;
	}
	count = MAX(MIN(count, (uint32_t)TABLE_ASKS_MAX), (uint32_t)TABLE_ASKS_MIN);
	for (uint32_t i = 0; i < tables; i++) {
		struct row r;

		cli_progress(b->cli, "measuring");
		row_of_table(b, i, asks, count, &r);
		row_print(b, &r);
		nic_add(&nic, &r.cost);
	}
	row_of_nic(b, asks, &nic);
	free(asks);
	return RC_OK;
}

static enum rc
bench_run(struct bench *b, const char *pcap, struct diag *diag)
{
	struct board_cfg cfg = { .flow_count = FLOW_ENTRIES };
	enum rc rc = board_open(&cfg, &b->board, diag);

	if (rc == RC_OK)
		rc = board_commit(b->board, b->r.image, b->r.image_len, 1, diag);
	if (rc != RC_OK)
		return rc;
	b->image = fw_image(&b->board->fw);
	if (pcap != NULL)
		rc = capture_read(b, pcap, diag);
	if (rc != RC_OK)
		return rc;
	if (!b->cli->json)
		printf("%s%-24s %7s %7s %7s %7s %7s %7s %7s %7s %5s %5s %9s%s\n",
		    cli_ink(b->cli, BOLD), "ns a packet", "rules", "p50", "p99", "mean", "advers",
		    "flow", "batch", "chase",
		    "loads", "lines", "bytes", cli_ink(b->cli, PLAIN));
	rc = rows_all(b, diag);
	if (rc == RC_OK && !b->cli->json)
		printf("compile %.1f ms, proof %.1f ms\n", (double)(b->r.eval_ns + b->r.build_ns -
		    b->r.prove_ns) / 1e6, (double)b->r.prove_ns / 1e6);
	return rc;
}

int
cmd_bench(struct cli *cli)
{
	struct bench b = { .cli = cli, .seed = 0x9e3779b97f4a7c15 };
	bool json = cli->json;
	struct diag d = { 0 };
	int code;
	enum rc rc;

	/* standard output holds measurements only: messages go to standard error */
	cli->json = false;
	rc = cli_compile(cli, opt_value(&cli->opts, OPT_POLICY, NULL), &b.r, &code);
	cli->json = json;
	if (rc == RC_OK) {
		rc = bench_run(&b, opt_value(&cli->opts, OPT_PCAP, NULL), &d);
		if (rc != RC_OK)
			code = cli_fail(cli, rc, &d);
	}
	free(b.capture);
	free(b.targets);
	free(b.rows);
	board_close(&b.board);
	compile_result_fini(&b.r);
	return code;
}
