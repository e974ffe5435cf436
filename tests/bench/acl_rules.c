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

/* a list in order is asked by as many packets as make STEPS compares of a run */
enum { PACKETS = 1 << 14, RUNS = 5, STEPS = 1 << 26, MAP_BYTES_MAX = 256 << 20 };

static struct fw_key keys[PACKETS];
static uint8_t locals[PACKETS][16];
static uint32_t answers[PACKETS];	/* rule ids, 0 = default */

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
packets_write(struct acl_packet *packets)
{
	for (int i = 0; i < PACKETS; i++) {
		const struct fw_key *k = &keys[i];

		packets[i] = (struct acl_packet){ .proto = k->proto, .rule_id = answers[i],
			.sport = { (uint8_t)(k->sport >> 8), (uint8_t)k->sport },
			.dport = { (uint8_t)(k->dport >> 8), (uint8_t)k->dport },
			.vlan = { (uint8_t)(k->vlan >> 8), (uint8_t)k->vlan },
			.dir = { 0, k->dir } };
		memcpy(packets[i].local, locals[i], 4);
		memcpy(packets[i].remote, k->remote, 4);
	}
}

static void
file_write(const char *path, const struct list *l, const struct acl_packet *packets, double single)
{
	struct acl_head head = { .entries = l->count, .packets = PACKETS,
		.single_ps = (uint32_t)(single * 1000), .vlan_none = WIRE_VLAN_NONE };
	FILE *f = fopen(path, "wb");

	CHECK(f != NULL && fwrite(&head, sizeof(head), 1, f) == 1);
	CHECK(fwrite(l->entries, sizeof(*l->entries), l->count, f) == l->count);
	CHECK(fwrite(packets, sizeof(*packets), PACKETS, f) == PACKETS);
	CHECK(fclose(f) == 0);
}

/* --- our time --------------------------------------------------------------------------------- */

static void
packets_make(const uint8_t *image)
{
	uint32_t v4 = 0, count = image_local_count(image);
	uint64_t state = 99;

	while (v4 < count && image_local(image, v4).family == 4)
		v4++;
	CHECK(v4 > 0);
	for (int i = 0; i < PACKETS; i++) {
		struct addr local = image_local(image, (uint32_t)(((uint64_t)i * 2654435761u &
		    UINT32_MAX) * v4 >> 32));
		struct fw_action action;
		struct pkt_key k;
		struct fw_table t;
		bool is_default;

		image_table_packet(image, &local, i % 2 == 0, &state, &k);
		keys[i] = (struct fw_key){ .family = 4, .dir = k.dir, .proto = k.proto,
			.sport = k.sport, .dport = k.dport, .vlan = k.vlan };
		addr_to_wire(&k.remote, keys[i].remote);
		addr_to_wire(&local, locals[i]);
		t = fw_table_find(image, 4, locals[i]);
		fw_match_action(image, t, fw_match(image, t, &keys[i], &is_default), &action);
		answers[i] = is_default ? 0 : action.rule_id;
	}
}

static double
time_single(const uint8_t *image, uint32_t *sum)
{
	double best = 0;

	for (int run = 0; run < RUNS; run++) {
		uint64_t start = clock_mono_ns();
		double ns;

		for (int i = 0; i < PACKETS; i++) {
			struct fw_table t = fw_table_find(image, 4, locals[i]);
			struct fw_action action;
			bool is_default;

			fw_match_action(image, t, fw_match(image, t, &keys[i], &is_default),
			    &action);
			*sum += action.rule_id;
		}
		ns = (double)(clock_mono_ns() - start) / PACKETS;
		best = run == 0 || ns < best ? ns : best;
	}
	return best;
}

static double
time_batch(const uint8_t *image, uint32_t *sum)
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

			fw_match_batch(image, locals[i], keys + i, FW_BATCH_MAX, lanes, tables,
			    index);
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

/* Nanoseconds a packet of the first count, in order or by the map; wrong counts other answers. */
static double
time_plain(const struct list *l, const struct ref_acl_map *map, const struct acl_packet *packets,
    uint32_t count, uint32_t *wrong)
{
	double best = 0;

	for (int run = 0; run < RUNS; run++) {
		uint64_t start = clock_mono_ns();
		double ns;

		*wrong = 0;
		for (uint32_t i = 0; i < count; i++) {
			const struct acl_packet *p = &packets[i];
			uint32_t id = map == NULL ? ref_acl_first(l->entries, l->count, p)
			    : ref_acl_map_find(map, p);

			*wrong += id != p->rule_id;
		}
		ns = (double)(clock_mono_ns() - start) / count;
		best = run == 0 || ns < best ? ns : best;
	}
	return best;
}

/* Answers that differ. */
static uint32_t
plain_ways(const struct list *l, const struct acl_packet *packets, double single)
{
	uint32_t count = MIN(MAX(STEPS / l->count, 64u), (uint32_t)PACKETS), wrong, all;
	uint64_t start = clock_mono_ns();
	struct ref_acl_map *map = ref_acl_map_create(l->entries, l->count, MAP_BYTES_MAX);
	double ms = (double)(clock_mono_ns() - start) / 1e6, ns;

	ns = time_plain(l, NULL, packets, count, &all);
	printf("linear     %7" PRIu32 " entries: single %9.1f ns (%.1f of ours), %" PRIu32
	    " packets, %" PRIu32 " answers differ\n", l->count, ns, ns / single, count, all);
	if (map == NULL) {
		printf("intervals  %7" PRIu32 " entries: more than %d MiB\n", l->count,
		    MAP_BYTES_MAX >> 20);
		return all;
	}
	ns = time_plain(l, map, packets, PACKETS, &wrong);
	printf("intervals  %7" PRIu32 " entries: build %9.1f ms  single %6.1f ns (%.1f of ours)  "
	    "%zu KiB, %" PRIu32 " answers differ\n", l->count, ms, ns, ns / single,
	    ref_acl_map_bytes(map) / 1024, wrong);
	ref_acl_map_destroy(&map);
	return all + wrong;
}

int
main(int argc, char **argv)
{
	static const char *const kinds[GEN_SET__COUNT] = { "plain", "acl", "firewall", "chain",
		"groups", "feed" };
	static struct acl_packet packets[PACKETS];
	uint32_t kind = 0, sum = 0, rules = argc == 5 ? (uint32_t)atoi(argv[2]) : 0;
	struct gen g = { .state = 7 };
	struct list list = { 0 };
	struct pol_image image;
	struct pol_rules r;
	struct diags diags;
	struct arena a;
	uint64_t start;
	uint8_t *p;
	double ms, single, batch;

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
	packets_make(p);
	entries_make(&image.input, &list);
	packets_write(packets);
	single = time_single(p, &sum);
	batch = time_batch(p, &sum);
	printf("ringfence  %7" PRIu32 " rules  : build %9.1f ms  single %6.1f ns  batch %6.1f ns  "
	    "%zu KiB (%08" PRIx32 ")\n", rules, ms, single, batch, image.len / 1024, sum);
	file_write(argv[4], &list, packets, single);
	return plain_ways(&list, packets, single) == 0 ? 0 : 1;
}
