/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl_rules - IPv4 rules and packets of a kind of whole NIC: our time for them, that of the plain
 * ways of ref_acl.h, and the same in a file for other classifiers. Exits 1 where a plain way
 * answers otherwise. usage: acl_rules KIND RULES TABLES FILE
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fw_match.h"
#include "gen_sets.h"
#include "pol_image.h"
#include "ref_acl.h"

/* short runs and many, so that some are undisturbed; a list in order is asked by as many packets as
 * make STEPS compares of a run */
enum { PACKETS = 1 << 14, RUNS = 25, LIST_RUNS = 5, STEPS = 1 << 26, MAP_BYTES_MAX = 256 << 20 };

static struct trace {
	struct fw_key keys[PACKETS];
	uint8_t locals[PACKETS][16];
	struct acl_packet packets[PACKETS];	/* the same, with the answers */
} traces[ACL_TRACE__COUNT];

/* --- the file --------------------------------------------------------------------------------- */

struct list {
	struct acl_entry *entries;
	uint32_t count, max;
};

static void
entry_put(struct list *l, const struct acl_entry *e)
{
	if (l->count == l->max) {
		l->max = MAX(2 * l->max, 1024u);
		l->entries = realloc(l->entries, l->max * sizeof(*e));
		CHECK(l->entries != NULL);
	}
	l->entries[l->count++] = *e;
}

static void
rule_put(struct list *l, uint32_t local, const struct image_rule *r)
{
	struct acl_entry e = { .local = local, .dir = r->dir, .rule_id = r->action.rule_id };
	static const struct vlan_range every = { 0, UINT16_MAX };
	uint32_t first, count;

	addr_set_family(&r->peer, 4, &first, &count);
	for (uint32_t s = 0; s < r->service_count; s++) {
		const struct service *v = &r->services[s];

		if (v->family == 6)
			continue;
		e.proto = v->proto;
		e.proto_any = v->proto_any;
		e.sport_lo = v->sport_lo;
		e.sport_hi = v->sport_hi;
		e.dport_lo = v->dport_lo;
		e.dport_hi = v->dport_hi;
		for (uint32_t n = 0; n < MAX(r->vlan_count, 1u); n++) {
			const struct vlan_range *vlan = r->vlan_count > 0 ? &r->vlans[n] : &every;

			e.vlan_lo = vlan->lo;
			e.vlan_hi = vlan->hi;
			for (uint32_t i = first; i < first + count; i++) {
				e.remote_lo = (uint32_t)r->peer.ranges[i].lo.lo;
				e.remote_hi = (uint32_t)r->peer.ranges[i].hi.lo;
				entry_put(l, &e);
			}
		}
	}
}

static void
entries_make(const struct image_input *in, struct list *l)
{
	for (uint32_t t = 0; t < in->table_count; t++) {
		const struct image_list *rules = &in->lists[in->tables[t].list];

		for (uint32_t i = 0; in->tables[t].local.family == 4 && i < rules->count; i++)
			rule_put(l, (uint32_t)in->tables[t].local.lo, rules->rules[i]);
	}
}

static void
file_write(const char *path, const struct list *l, const double single[ACL_TRACE__COUNT])
{
	struct acl_head head = { .entries = l->count, .packets = PACKETS };
	FILE *f = fopen(path, "wb");

	for (int t = 0; t < ACL_TRACE__COUNT; t++)
		head.single_ps[t] = (uint32_t)(single[t] * 1000);
	CHECK(f != NULL && fwrite(&head, sizeof(head), 1, f) == 1);
	CHECK(fwrite(l->entries, sizeof(*l->entries), l->count, f) == l->count);
	for (int t = 0; t < ACL_TRACE__COUNT; t++)
		CHECK(fwrite(traces[t].packets, sizeof(traces[t].packets), 1, f) == 1);
	CHECK(fclose(f) == 0);
}

/* --- our time --------------------------------------------------------------------------------- */

static uint32_t
within(struct gen *g, uint32_t lo, uint32_t hi)
{
	return lo + (uint32_t)(gen_rand(g) % ((uint64_t)hi - lo + 1));
}

/* A packet that the entry holds. */
static void
packet_inside(struct gen *g, const struct acl_entry *e, struct pkt_key *k, struct addr *local)
{
	*local = (struct addr){ .lo = e->local, .family = 4 };
	*k = (struct pkt_key){ .remote = { .family = 4 }, .dir = e->dir,
		.proto = e->proto_any ? PROTO_TCP : e->proto, .frag = WIRE_FRAG_NONE,
		.vlan = WIRE_VLAN_NONE };
	k->remote.lo = within(g, e->remote_lo, e->remote_hi);
	k->sport = (uint16_t)within(g, e->sport_lo, e->sport_hi);
	k->dport = (uint16_t)within(g, e->dport_lo, e->dport_hi);
	if (e->vlan_hi != UINT16_MAX)
		k->vlan = (uint16_t)within(g, e->vlan_lo, e->vlan_hi);
}

/* At an edge of each of a table's trees, or anything, in turn. */
static void
packet_around(const uint8_t *image, uint32_t v4, int i, uint64_t *state, struct pkt_key *k,
    struct addr *local)
{
	*local = image_local(image, (uint32_t)(((uint64_t)i * 2654435761u & UINT32_MAX) * v4 >>
	    32));
	image_table_packet(image, local, i % 2 == 0, state, k);
}

/* With our answer. */
static void
packet_put(const uint8_t *image, struct trace *t, int i, const struct pkt_key *k,
    const struct addr *local)
{
	struct acl_packet *p = &t->packets[i];
	struct fw_action action;
	struct fw_table table;
	bool is_default;

	t->keys[i] = (struct fw_key){ .family = 4, .dir = k->dir, .proto = k->proto,
		.sport = k->sport, .dport = k->dport, .vlan = k->vlan };
	addr_to_wire(&k->remote, t->keys[i].remote);
	addr_to_wire(local, t->locals[i]);
	table = fw_table_find(image, 4, t->locals[i]);
	fw_match_action(image, table, fw_match(image, table, &t->keys[i], &is_default), &action);
	*p = (struct acl_packet){ .proto = k->proto, .rule_id = is_default ? 0 : action.rule_id,
		.sport = { (uint8_t)(k->sport >> 8), (uint8_t)k->sport },
		.dport = { (uint8_t)(k->dport >> 8), (uint8_t)k->dport },
		.vlan = { (uint8_t)(k->vlan >> 8), (uint8_t)k->vlan }, .dir = { 0, k->dir } };
	memcpy(p->local, t->locals[i], 4);
	memcpy(p->remote, t->keys[i].remote, 4);
}

static void
traces_make(const uint8_t *image, const struct list *l)
{
	uint32_t v4 = 0, count = image_local_count(image);
	struct gen g = { .state = 99 };
	uint64_t state = 99;

	while (v4 < count && image_local(image, v4).family == 4)
		v4++;
	CHECK(v4 > 0 && l->count > 0);
	for (int i = 0; i < PACKETS; i++) {
		struct addr local;
		struct pkt_key k;

		packet_around(image, v4, i, &state, &k, &local);
		packet_put(image, &traces[ACL_AROUND], i, &k, &local);
		packet_inside(&g, &l->entries[gen_below(&g, l->count)], &k, &local);
		packet_put(image, &traces[ACL_INSIDE], i, &k, &local);
	}
}

static double
time_single(const uint8_t *image, const struct trace *t, uint32_t *sum)
{
	double best = 0;

	for (int run = 0; run < RUNS; run++) {
		uint64_t start = clock_mono_ns();
		double ns;

		for (int i = 0; i < PACKETS; i++) {
			struct fw_table table = fw_table_find(image, 4, t->locals[i]);
			struct fw_action action;
			bool is_default;

			fw_match_action(image, table, fw_match(image, table, &t->keys[i],
			    &is_default), &action);
			*sum += action.rule_id;
		}
		ns = (double)(clock_mono_ns() - start) / PACKETS;
		best = run == 0 || ns < best ? ns : best;
	}
	return best;
}

static double
time_batch(const uint8_t *image, const struct trace *t, uint32_t *sum)
{
	double best = 0;

	for (int run = 0; run < RUNS; run++) {
		uint64_t start = clock_mono_ns();
		double ns;

		for (int i = 0; i < PACKETS; i += FW_BATCH_MAX) {
			struct fw_table tables[FW_BATCH_MAX];
			struct fw_lane lanes[FW_BATCH_MAX];
			uint32_t index[FW_BATCH_MAX];
			struct fw_action action;

			fw_match_batch(image, t->locals[i], t->keys + i, FW_BATCH_MAX, lanes,
			    tables, index);
			for (int k = 0; k < FW_BATCH_MAX; k++) {
				fw_match_action(image, tables[k], index[k], &action);
				*sum += action.rule_id;
			}
		}
		ns = (double)(clock_mono_ns() - start) / PACKETS;
		best = run == 0 || ns < best ? ns : best;
	}
	return best;
}

/* --- the plain ways --------------------------------------------------------------------------- */

/* Nanoseconds a packet of the first count, in order or by the map; adds other answers to *wrong. */
static double
time_plain(const struct list *l, const struct ref_acl_map *map, const struct trace *t,
    uint32_t count, uint32_t *wrong)
{
	double best = 0;
	uint32_t sum = 0;

	for (int run = 0; run < (map == NULL ? LIST_RUNS : RUNS); run++) {
		uint64_t start = clock_mono_ns();
		double ns;

		sum = 0;
		for (uint32_t i = 0; i < count; i++) {
			const struct acl_packet *p = &t->packets[i];
			uint32_t id = map == NULL ? ref_acl_first(l->entries, l->count, p)
			    : ref_acl_map_find(map, p);

			sum += id != p->rule_id;
		}
		ns = (double)(clock_mono_ns() - start) / count;
		best = run == 0 || ns < best ? ns : best;
	}
	*wrong += sum;
	return best;
}

/* A line of one way; answers that differ. */
static uint32_t
plain_way(const char *name, const struct list *l, const struct ref_acl_map *map, double build_ms,
    uint32_t count, const double single[ACL_TRACE__COUNT])
{
	double ns[ACL_TRACE__COUNT];
	uint32_t wrong = 0;

	for (int t = 0; t < ACL_TRACE__COUNT; t++)
		ns[t] = time_plain(l, map, &traces[t], count, &wrong);
	printf("%-10s %7" PRIu32 " entries: build %9.1f ms  single %8.1f %8.1f ns (%.1f, %.1f of "
	    "ours)  %zu KiB, %" PRIu32 " of %" PRIu32 " answers differ\n", name, l->count,
	    build_ms, ns[0], ns[1], ns[0] / single[0], ns[1] / single[1],
	    (map == NULL ? l->count * sizeof(*l->entries) : ref_acl_map_bytes(map)) / 1024, wrong,
	    ACL_TRACE__COUNT * count);
	return wrong;
}

static uint32_t
plain_ways(const struct list *l, const double single[ACL_TRACE__COUNT])
{
	uint32_t count = MIN(MAX(STEPS / l->count, 64u), (uint32_t)PACKETS);
	uint32_t wrong = plain_way("linear", l, NULL, 0, count, single);
	uint64_t start = clock_mono_ns();
	struct ref_acl_map *map = ref_acl_map_create(l->entries, l->count, MAP_BYTES_MAX);

	if (map == NULL)
		printf("intervals  %7" PRIu32 " entries: more than %d MiB\n", l->count,
		    MAP_BYTES_MAX >> 20);
	else
		wrong += plain_way("intervals", l, map, (double)(clock_mono_ns() - start) / 1e6,
		    PACKETS, single);
	ref_acl_map_destroy(&map);
	return wrong;
}

int
main(int argc, char **argv)
{
	static const char *const kinds[GEN_SET__COUNT] = { "plain", "acl", "firewall", "chain",
		"groups", "feed" };
	uint32_t kind = 0, sum = 0, rules = argc == 5 ? (uint32_t)atoi(argv[2]) : 0;
	struct gen g = { .state = 7 };
	struct list list = { 0 };
	struct pol_image image;
	struct pol_rules r;
	struct diags diags;
	struct arena a;
	uint64_t start;
	uint8_t *p;
	double ms, single[ACL_TRACE__COUNT], batch[ACL_TRACE__COUNT];

	CHECK(argc == 5 && rules > 0);
	while (kind < GEN_SET__COUNT && strcmp(argv[1], kinds[kind]) != 0)
		kind++;
	CHECK(kind < GEN_SET__COUNT);
	arena_init(&a, (size_t)1 << 30);
	CHECK(diags_init(&diags));
	gen_set_make(&g, &a, (enum gen_set)kind, (uint32_t)atoi(argv[3]), rules, &r);
	start = clock_mono_ns();
	CHECK(pol_image_pack(&r, POL_PASS_ALL, &a, &image, &diags) == RC_OK);
	ms = (double)(clock_mono_ns() - start) / 1e6;
	p = aligned_alloc(WIRE_LINE, image.len);
	CHECK(p != NULL);
	memcpy(p, image.bytes, image.len);
	entries_make(&image.input, &list);
	traces_make(p, &list);
	for (int t = 0; t < ACL_TRACE__COUNT; t++) {
		single[t] = time_single(p, &traces[t], &sum);
		batch[t] = time_batch(p, &traces[t], &sum);
	}
	printf("ringfence  %7" PRIu32 " rules  : build %9.1f ms  single %8.1f %8.1f ns  batch "
	    "%6.1f %6.1f ns  %zu KiB (%08" PRIx32 ")\n", rules, ms, single[0], single[1], batch[0],
	    batch[1], image.len / 1024, sum);
	file_write(argv[4], &list, single);
	return plain_ways(&list, single) == 0 ? 0 : 1;
}
