/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_work_test - the bounds of the packing's steps, on both sides: of one direction and of the
 * image, packed and taken over; groups that begin alike are told apart by more than their count.
 */
#include "image.h"

#include <stdlib.h>
#include <string.h>

#include "t.h"
#include "wire_image.h"

enum { RULES = 120, LISTS = 3, UNIT = 1024 };

static struct arena arena;

static void *
room(size_t n, size_t size)
{
	void *p = arena_array(&arena, n, size);

	CHECK(p != NULL);
	return p;
}

static struct addr_set
addresses(uint32_t lo, uint32_t hi)
{
	struct addr_range r = { { .lo = lo, .family = 4 }, { .lo = hi, .family = 4 } };
	struct addr_set s;

	CHECK(addr_set_from(&arena, &r, 1, &s) == RC_OK);
	return s;
}

/* Rules that overlap in the remote and in the ports, each in its own way: all multiply. */
static const struct image_rule *
rule(uint32_t list, uint32_t i)
{
	struct service *s = room(1, sizeof(*s));
	struct image_rule *r = room(1, sizeof(*r));

	*s = (struct service){ .proto = PROTO_TCP, .sport_hi = UINT16_MAX,
		.dport_lo = (uint16_t)(i * 37 % 5000), .dport_hi = (uint16_t)(6000 + i * 91) };
	*r = (struct image_rule){ .dir = WIRE_IN, .services = s, .service_count = 1,
		.peer = addresses(0x0a000000 + i * 53 % 4000, 0x0a001000 + i * (17 + list)),
		.action = { .verdict = WIRE_PASS, .rule_id = 1 + list * RULES + i,
		.counter = WIRE_COUNTER_NONE } };
	return r;
}

static struct image_input
input(uint32_t lists)
{
	struct image_input in = { .lists = room(lists, sizeof(*in.lists)), .list_count = lists,
		.tables = room(lists, sizeof(*in.tables)), .table_count = lists,
		.unsegmented = WIRE_PASS, .non_ip = WIRE_PASS };

	for (uint32_t i = 0; i < lists; i++) {
		const struct image_rule **rules = room(RULES, sizeof(const struct image_rule *));

		for (uint32_t k = 0; k < RULES; k++)
			rules[k] = rule(i, k);
		in.lists[i] = (struct image_list){ rules, RULES, { .verdict = WIRE_DROP,
			.mode = WIRE_ENFORCE, .rule_id = 1000 + i,
			.counter = WIRE_COUNTER_NONE } };
		in.tables[i] = (struct image_table){ { .lo = 0xc0000200 + i, .family = 4 }, i };
	}
	return in;
}

static enum rc
pack(const struct image_input *in, const struct image_reuse *before, struct image_keys *keys,
    uint8_t **p, size_t *len, struct image_heavy *heavy, struct diag *d)
{
	memset(d, 0, sizeof(*d));
	memset(heavy, 0, sizeof(*heavy));
	return image_encode_over(in, before, p, len, keys, heavy, d);
}

/* Packed with that bound, and thrown away. */
static enum rc
try(const struct image_input *in, struct image_heavy *heavy, struct diag *d)
{
	struct image_keys keys;
	uint8_t *p = NULL;
	size_t len;
	enum rc rc = pack(in, NULL, &keys, &p, &len, heavy, d);

	if (rc == RC_OK) {
		T_IS_INT(image_check(p, len, d), RC_OK);
		image_keys_fini(&keys);
	}
	free(p);
	return rc;
}

/* The least bound of one split that is enough: one less is refused, by a count that is told. */
static void
one_direction(void)
{
	struct image_input in = input(1);
	struct image_heavy heavy;
	uint64_t few = 1, enough = UINT64_C(1) << 32;
	char bound[32];
	struct diag d;

	in.steps_max = enough;
	T_IS_INT(try(&in, &heavy, &d), RC_OK);
	while (enough - few > 1) {
		in.steps_max = few + (enough - few) / 2;
		if (try(&in, &heavy, &d) == RC_OK)
			enough = in.steps_max;
		else
			few = in.steps_max;
	}
	T_OK(few > RULES);	/* every rule is looked at */
	in.steps_max = enough;
	T_IS_INT(try(&in, &heavy, &d), RC_OK);
	in.steps_max = few;
	T_IS_INT(try(&in, &heavy, &d), RC_LIMIT);
	T_IS_STR(d.code, "table-too-big");
	(void)snprintf(bound, sizeof(bound), "beyond %llu steps", (unsigned long long)few);
	T_OK(strstr(d.text, bound) != NULL);
	T_IS_UINT(heavy.count, IMAGE_HEAVY_MAX);
	T_OK(heavy.rule_ids[0] >= 1 && heavy.rule_ids[0] <= RULES);
}

/* The sum of what all bodies say that they took is enough; less is not, and the last is blamed. */
static void
all_tables(void)
{
	struct image_input in = input(LISTS);
	struct image_keys keys, again;
	struct image_heavy heavy;
	struct diag d, packed;
	char bound[48];
	uint64_t all = 0;
	size_t len, len2;
	uint8_t *p, *q;

	CHECK(pack(&in, NULL, &keys, &p, &len, &heavy, &d) == RC_OK);
	T_IS_UINT(keys.count, LISTS);
	for (uint32_t i = 0; i < keys.count; i++) {
		T_OK(le32_get(keys.items[i].steps) > 0);
		all += (uint64_t)le32_get(keys.items[i].steps) * UNIT;
	}
	for (int reuse = 0; reuse < 2; reuse++) {
		const struct image_reuse before = { p, len, keys.items, keys.count };

		in.steps_all_max = all;
		if (T_IS_INT(pack(&in, reuse ? &before : NULL, &again, &q, &len2, &heavy, &d),
		    RC_OK)) {
			T_IS_UINT(again.reused, reuse ? LISTS : 0);
			T_IS_UINT(len2, len);
			T_IS_MEM(q, p, len);
			T_IS_MEM(again.items, keys.items, keys.count * sizeof(*keys.items));
			image_keys_fini(&again);
			free(q);
		}
		in.steps_all_max = all - 1;
		T_IS_INT(pack(&in, reuse ? &before : NULL, &again, &q, &len2, &heavy, &d),
		    RC_LIMIT);
		T_IS_STR(d.code, "image-too-big");
		(void)snprintf(bound, sizeof(bound), "more than %llu steps",
		    (unsigned long long)all - 1);
		T_OK(strstr(d.text, bound) != NULL);
		T_IS_UINT(heavy.count, IMAGE_HEAVY_MAX);
		T_OK(heavy.rule_ids[0] > (LISTS - 1) * RULES);
		if (reuse == 0)
			packed = d;
		else
			T_IS_STR(d.text, packed.text);
	}
	image_keys_fini(&keys);
	free(p);
}

/* The last table has no rule that could be named. */
static void
empty_table_last(void)
{
	struct image_input in = input(2);
	struct image_heavy heavy;
	struct image_keys keys;
	uint64_t all = 0;
	struct diag d;
	uint8_t *p;
	size_t len;

	in.lists[1].count = 0;
	CHECK(pack(&in, NULL, &keys, &p, &len, &heavy, &d) == RC_OK);
	for (uint32_t i = 0; i < keys.count; i++)
		all += (uint64_t)le32_get(keys.items[i].steps) * UNIT;
	image_keys_fini(&keys);
	free(p);
	in.steps_all_max = all;
	T_IS_INT(try(&in, &heavy, &d), RC_OK);
	in.steps_all_max = all - 1;
	T_IS_INT(try(&in, &heavy, &d), RC_LIMIT);
	T_IS_STR(d.code, "image-too-big");
	T_OK(strstr(d.text, "of them the last, of 0 rules") != NULL);
	T_OK(strstr(d.text, "rule ids") == NULL);
	T_IS_UINT(heavy.count, 0);
}

/* n addresses, two apart, the last moved by extra. */
static struct addr_set
comb(uint32_t n, uint32_t extra)
{
	struct addr_set s = { room(n, sizeof(*s.ranges)), n };

	for (uint32_t i = 0; i < n; i++) {
		struct addr a = { .lo = 0x0a000000 + i * 2 + (i + 1 == n ? extra : 0),
			.family = 4 };

		s.ranges[i] = (struct addr_range){ a, a };
	}
	return s;
}

/* Two differ in the last of many addresses, a third is a copy of the first. */
static void
groups_alike(void)
{
	struct image_input in = input(1);
	const struct addr_set peers[] = { comb(200, 0), comb(200, 7), comb(200, 0) };
	const struct wire_groups *g;
	struct image_rule *rules[3];
	uint32_t ranks;
	uint8_t *p;
	size_t len;
	struct diag d = { 0 };

	for (uint32_t i = 0; i < 3; i++) {
		rules[i] = room(1, sizeof(*rules[i]));
		*rules[i] = *in.lists[0].rules[i];
		rules[i]->peer = peers[i];
		in.lists[0].rules[i] = rules[i];
	}
	in.lists[0].count = 3;
	CHECK(image_encode(&in, &p, &len, &d) == RC_OK);
	g = (const struct wire_groups *)(p + (size_t)le32_get(((const struct wire_image_hdr *)
	    p)->groups_at[0]) * WIRE_LINE);
	ranks = le32_get(g->sets);
	T_IS_UINT(ranks, 4);		/* none, both, the first's last, the second's last */
	for (uint32_t last = 0; last < 2; last++) {
		struct pkt_key k = { .remote = { .lo = 0x0a000000 + 199 * 2 + (last ? 7 : 0),
			.family = 4 }, .dir = WIRE_IN, .proto = PROTO_TCP, .dport = 5500,
			.vlan = WIRE_VLAN_NONE };
		struct image_action a;
		bool is_default;

		k.dport = rules[last]->services[0].dport_lo;
		T_OK(image_lookup(p, len, &in.tables[0].local, &k, &a, &is_default));
		T_IS_UINT(a.rule_id, 1 + last);
	}
	free(p);
}

int
main(void)
{
	arena_init(&arena, (size_t)64 << 20);
	T_RUN(one_direction);
	T_RUN(all_tables);
	T_RUN(empty_table_last);
	T_RUN(groups_alike);
	arena_fini(&arena);
	return t_done();
}
