/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl - DPDK's rte_acl on the rules and packets of a file: one at a time and in batches of 32, each
 * answer compared with the one in the file. A program of the host's libc, for the bench only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_acl.h>
#include <rte_eal.h>

#include "acl_file.h"

enum { FIELDS = 7, RUNS = 25, BATCH = 32 };

RTE_ACL_RULE_DEF(acl_rule, FIELDS);

static const struct rte_acl_field_def fields[FIELDS] = {
	{ RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, 0 },
	{ RTE_ACL_FIELD_TYPE_MASK, 4, 1, 1, 4 },
	{ RTE_ACL_FIELD_TYPE_MASK, 4, 2, 2, 8 },
	{ RTE_ACL_FIELD_TYPE_RANGE, 2, 3, 3, 12 },
	{ RTE_ACL_FIELD_TYPE_RANGE, 2, 4, 3, 14 },
	{ RTE_ACL_FIELD_TYPE_RANGE, 2, 5, 4, 16 },
	{ RTE_ACL_FIELD_TYPE_RANGE, 2, 6, 4, 18 },
};

/* With a remote that is one prefix. */
struct entry {
	struct acl_entry e;
	uint32_t bits;
};

struct list {
	struct entry *entries;
	uint32_t count, max;
};

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* A range is one prefix or several. */
static void
entry_split(struct list *l, struct acl_entry *e)
{
	uint64_t lo = e->remote_lo, hi = e->remote_hi;

	while (lo <= hi) {
		uint32_t bits = 32;

		while (bits > 0 && (lo & ((UINT64_C(1) << (33 - bits)) - 1)) == 0 &&
		    lo + (UINT64_C(1) << (33 - bits)) - 1 <= hi)
			bits--;
		if (l->count == l->max) {
			l->max = l->max == 0 ? 1024 : 2 * l->max;
			l->entries = realloc(l->entries, l->max * sizeof(*l->entries));
			if (l->entries == NULL)
				exit(2);
		}
		l->entries[l->count].e = *e;
		l->entries[l->count].e.remote_lo = (uint32_t)lo;
		l->entries[l->count++].bits = bits;
		lo += UINT64_C(1) << (32 - bits);
	}
}

static void
file_read(const char *path, struct acl_head *head, struct list *l, struct acl_packet **packets)
{
	FILE *f = fopen(path, "rb");
	struct acl_entry e;

	if (f == NULL || fread(head, sizeof(*head), 1, f) != 1)
		exit(2);
	for (uint32_t i = 0; i < head->entries; i++) {
		if (fread(&e, sizeof(e), 1, f) != 1)
			exit(2);
		entry_split(l, &e);
	}
	*packets = calloc(head->packets, ACL_TRACE__COUNT * sizeof(**packets));
	if (*packets == NULL || fread(*packets, ACL_TRACE__COUNT * sizeof(**packets),
	    head->packets, f) != head->packets)
		exit(2);
	fclose(f);
}

static void
rule_make(const struct acl_entry *e, uint32_t bits, uint32_t order, struct acl_rule *r)
{
	memset(r, 0, sizeof(*r));
	r->data.category_mask = 1;
	r->data.priority = RTE_ACL_MAX_PRIORITY - (int32_t)order;
	r->data.userdata = order + 1;
	r->field[0].value.u8 = e->proto;
	r->field[0].mask_range.u8 = e->proto_any ? 0 : 0xff;
	r->field[1].value.u32 = e->local;
	r->field[1].mask_range.u32 = 32;
	r->field[2].value.u32 = e->remote_lo;
	r->field[2].mask_range.u32 = bits;
	r->field[3].value.u16 = e->sport_lo;
	r->field[3].mask_range.u16 = e->sport_hi;
	r->field[4].value.u16 = e->dport_lo;
	r->field[4].mask_range.u16 = e->dport_hi;
	r->field[5].value.u16 = e->vlan_lo;
	r->field[5].mask_range.u16 = e->vlan_hi;
	r->field[6].value.u16 = e->dir;
	r->field[6].mask_range.u16 = e->dir;
}

static struct rte_acl_ctx *
build(const struct list *l, double *ms)
{
	struct rte_acl_param param = { .name = "bench", .socket_id = SOCKET_ID_ANY,
		.rule_size = RTE_ACL_RULE_SZ(FIELDS), .max_rule_num = l->count };
	struct rte_acl_config cfg = { .num_categories = 1, .num_fields = FIELDS };
	struct rte_acl_ctx *ctx = rte_acl_create(&param);
	double start = now_ns();

	memcpy(cfg.defs, fields, sizeof(fields));
	for (uint32_t i = 0; ctx != NULL && i < l->count; i++) {
		struct acl_rule r;

		rule_make(&l->entries[i].e, l->entries[i].bits, i, &r);
		if (rte_acl_add_rules(ctx, (struct rte_acl_rule *)&r, 1) != 0)
			return NULL;
	}
	if (ctx == NULL || rte_acl_build(ctx, &cfg) != 0)
		return NULL;
	*ms = (now_ns() - start) / 1e6;
	return ctx;
}

/* Nanoseconds a packet, best of RUNS; adds answers that are not those of the file to
 * *wrong. */
static double
classify(const struct rte_acl_ctx *ctx, const struct entry *entries,
    const struct acl_packet *packets, uint32_t count, uint32_t batch, uint32_t *wrong)
{
	double best = 0;
	uint32_t sum = 0;

	for (int run = 0; run < RUNS; run++) {
		double start = now_ns(), ns;

		sum = 0;
		for (uint32_t i = 0; i + batch <= count; i += batch) {
			const uint8_t *data[BATCH];
			uint32_t results[BATCH];

			for (uint32_t k = 0; k < batch; k++)
				data[k] = &packets[i + k].proto;
			rte_acl_classify(ctx, data, results, batch, 1);
			for (uint32_t k = 0; k < batch; k++) {
				uint32_t id = results[k] == 0 ? 0
				    : entries[results[k] - 1].e.rule_id;

				sum += id != packets[i + k].rule_id;
			}
		}
		ns = (now_ns() - start) / count;
		best = run == 0 || ns < best ? ns : best;
	}
	*wrong += sum;
	return best;
}

int
main(int argc, char **argv)
{
	char *eal[] = { argv[0], "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m",
		"2048", "-l", "0", "--log-level=1", NULL };
	struct acl_packet *packets;
	struct list list = { 0 };
	struct rte_acl_ctx *ctx;
	struct acl_head head;
	double ms = 0, one[ACL_TRACE__COUNT], many[ACL_TRACE__COUNT];
	uint32_t wrong = 0;

	if (argc != 2 || rte_eal_init((int)(sizeof(eal) / sizeof(*eal)) - 1, eal) < 0)
		return 2;
	file_read(argv[1], &head, &list, &packets);
	ctx = build(&list, &ms);
	if (ctx == NULL) {
		printf("rte_acl    %7u entries: does not build in 2 GiB\n", list.count);
		return 0;
	}
	for (int t = 0; t < ACL_TRACE__COUNT; t++) {
		const struct acl_packet *trace = packets + (size_t)t * head.packets;

		one[t] = classify(ctx, list.entries, trace, head.packets, 1, &wrong);
		many[t] = classify(ctx, list.entries, trace, head.packets, BATCH, &wrong);
	}
	printf("rte_acl    %7u entries: build %9.1f ms  single %8.1f %8.1f ns  batch %6.1f %6.1f "
	    "ns  %u of %u answers differ\n", list.count, ms, one[0], one[1], many[0], many[1],
	    wrong, 2 * ACL_TRACE__COUNT * head.packets);
	return wrong == 0 ? 0 : 1;
}
