/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl_rules - IPv4 rules and packets of a kind of whole NIC: our time for them, and the same in a
 * file for another classifier. usage: acl_rules KIND RULES TABLES FILE
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl/acl_file.h"
#include "clock.h"
#include "fw_match.h"
#include "gen_sets.h"
#include "pol_image.h"

enum { PACKETS = 1 << 14, RUNS = 5 };

static struct fw_key keys[PACKETS];
static uint8_t locals[PACKETS][16];
static uint32_t answers[PACKETS];	/* rule ids, 0 = default */

/* --- the file --------------------------------------------------------------------------------- */

struct writer {
	FILE *f;
	struct acl_head head;
	struct acl_entry e;
};

static void
entry_put(struct writer *w)
{
	CHECK(fwrite(&w->e, sizeof(w->e), 1, w->f) == 1);
	w->head.entries++;
}

/* A range is one prefix or several. */
static void
range_put(struct writer *w, uint64_t lo, uint64_t hi)
{
	while (lo <= hi) {
		uint32_t bits = 32;

		while (bits > 0 && (lo & ((UINT64_C(1) << (33 - bits)) - 1)) == 0 &&
		    lo + (UINT64_C(1) << (33 - bits)) - 1 <= hi)
			bits--;
		w->e.remote = (uint32_t)lo;
		w->e.remote_bits = bits;
		entry_put(w);
		lo += UINT64_C(1) << (32 - bits);
	}
}

static void
rule_put(struct writer *w, const struct image_rule *r)
{
	static const struct vlan_range every = { 0, UINT16_MAX };
	uint32_t first, count;

	addr_set_family(&r->peer, 4, &first, &count);
	w->e.dir = r->dir;
	w->e.rule_id = r->action.rule_id;
	for (uint32_t s = 0; s < r->service_count; s++) {
		const struct service *v = &r->services[s];

		if (v->family == 6)
			continue;
		w->e.proto = v->proto;
		w->e.proto_any = v->proto_any;
		w->e.sport_lo = v->sport_lo;
		w->e.sport_hi = v->sport_hi;
		w->e.dport_lo = v->dport_lo;
		w->e.dport_hi = v->dport_hi;
		for (uint32_t n = 0; n < MAX(r->vlan_count, 1u); n++) {
			const struct vlan_range *vlan = r->vlan_count > 0 ? &r->vlans[n] : &every;

			w->e.vlan_lo = vlan->lo;
			w->e.vlan_hi = vlan->hi;
			for (uint32_t i = first; i < first + count; i++)
				range_put(w, r->peer.ranges[i].lo.lo, r->peer.ranges[i].hi.lo);
		}
	}
}

static void
packet_put(struct writer *w, int i)
{
	const struct fw_key *k = &keys[i];
	struct acl_packet p = { .proto = k->proto, .rule_id = answers[i],
		.sport = { (uint8_t)(k->sport >> 8), (uint8_t)k->sport },
		.dport = { (uint8_t)(k->dport >> 8), (uint8_t)k->dport },
		.vlan = { (uint8_t)(k->vlan >> 8), (uint8_t)k->vlan }, .dir = { 0, k->dir } };

	memcpy(p.local, locals[i], 4);
	memcpy(p.remote, k->remote, 4);
	CHECK(fwrite(&p, sizeof(p), 1, w->f) == 1);
}

static void
file_write(const char *path, const struct image_input *in)
{
	struct writer w = { .f = fopen(path, "wb"), .head = { .packets = PACKETS } };

	CHECK(w.f != NULL && fwrite(&w.head, sizeof(w.head), 1, w.f) == 1);
	for (uint32_t t = 0; t < in->table_count; t++) {
		const struct image_list *l = &in->lists[in->tables[t].list];

		if (in->tables[t].local.family != 4)
			continue;
		w.e.local = (uint32_t)in->tables[t].local.lo;
		for (uint32_t i = 0; i < l->count; i++)
			rule_put(&w, l->rules[i]);
	}
	for (int i = 0; i < PACKETS; i++)
		packet_put(&w, i);
	CHECK(fseek(w.f, 0, SEEK_SET) == 0 && fwrite(&w.head, sizeof(w.head), 1, w.f) == 1);
	CHECK(fclose(w.f) == 0);
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

int
main(int argc, char **argv)
{
	static const char *const kinds[GEN_SET__COUNT] = { "plain", "acl", "firewall", "chain",
		"groups", "feed" };
	uint32_t kind = 0, sum = 0, rules = argc == 5 ? (uint32_t)atoi(argv[2]) : 0;
	struct gen g = { .state = 7 };
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
	file_write(argv[4], &image.input);
	single = time_single(p, &sum);
	batch = time_batch(p, &sum);
	printf("ringfence  %7" PRIu32 " rules  : build %9.1f ms  single %6.1f ns  batch %6.1f ns  "
	    "%zu KiB (%08" PRIx32 ")\n", rules, ms, single, batch, image.len / 1024, sum);
	return 0;
}
