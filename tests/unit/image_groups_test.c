/* SPDX-License-Identifier: Apache-2.0 */
/* image_groups - big groups by hand: one table for all, limits, reuse, what the check refuses. */
#include "image.h"

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "fw_state.h"
#include "t.h"
#include "wire_image.h"

static struct arena arena;

static void *
room(size_t n, size_t size)
{
	void *p = arena_array(&arena, n, size);

	CHECK(p != NULL);
	return p;
}

/* n addresses of the family, every stride-th from first on; one a range. */
static struct addr_set
comb(uint8_t family, uint64_t first, uint32_t stride, uint32_t n)
{
	struct addr_set s = { room(n, sizeof(*s.ranges)), n };

	for (uint32_t i = 0; i < n; i++) {
		struct addr a = { .lo = first + (uint64_t)i * stride, .family = family };

		s.ranges[i] = (struct addr_range){ a, a };
	}
	return s;
}

static struct image_rule *
rule(struct addr_set peer, uint32_t id)
{
	static const struct service any = { .proto_any = true, .sport_hi = UINT16_MAX,
		.dport_hi = UINT16_MAX };
	struct image_rule *r = room(1, sizeof(*r));

	*r = (struct image_rule){ .dir = WIRE_IN, .peer = peer, .services = &any,
		.service_count = 1, .action = { .verdict = WIRE_PASS, .rule_id = id,
		.counter = WIRE_COUNTER_NONE } };
	return r;
}

/* Table i is 192.0.2.i of list i, which has count rules from rules[i]. */
static struct image_input
input(struct image_rule **rules, uint32_t lists, uint32_t count)
{
	struct image_input in = { .lists = room(lists, sizeof(*in.lists)),
		.tables = room(lists, sizeof(*in.tables)), .list_count = lists,
		.table_count = lists, .unsegmented = WIRE_PASS, .non_ip = WIRE_PASS,
		.big_ranges = 16 };

	for (uint32_t i = 0; i < lists; i++) {
		in.lists[i] = (struct image_list){
			.rules = (const struct image_rule **)rules + (size_t)i * count,
			.count = count, .deflt = { .verdict = WIRE_DROP, .mode = WIRE_ENFORCE,
			.rule_id = 1000 + i, .counter = WIRE_COUNTER_NONE } };
		in.tables[i] = (struct image_table){ { .lo = 0xc0000200 + i, .family = 4 }, i };
	}
	return in;
}

static uint8_t *
encode(const struct image_input *in, size_t *len)
{
	struct diag d = { 0 };
	uint32_t bad_at;
	uint8_t *p;

	if (!T_OK(image_encode(in, &p, len, &d) == RC_OK)) {
		printf("# %s: %s\n", d.code, d.text);
		exit(1);
	}
	T_IS_INT(image_check(p, *len, &d), RC_OK);
	T_OK(fw_image_check(p, (uint32_t)*len, &bad_at));
	return p;
}

static const struct wire_groups *
groups_v4(const uint8_t *p)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;

	return (const struct wire_groups *)(p + (size_t)le32_get(h->groups_at[0]) * WIRE_LINE);
}

static uint32_t
rule_met(const uint8_t *p, size_t len, uint32_t table, uint64_t remote)
{
	struct addr local = { .lo = 0xc0000200 + table, .family = 4 };
	struct pkt_key k = { .remote = { .lo = remote, .family = 4 }, .dir = WIRE_IN,
		.proto = PROTO_TCP, .vlan = WIRE_VLAN_NONE };
	struct image_action a;
	bool is_default;

	return image_lookup(p, len, &local, &k, &a, &is_default) ? a.rule_id : 0;
}

static void
one_table_for_all(void)
{
	struct addr_set odd = comb(4, 0x0a000001, 2, 1000);
	struct addr_set copy = comb(4, 0x0a000001, 2, 1000);
	struct image_rule *one[] = { rule(odd, 1) }, *two[] = { rule(odd, 1), rule(copy, 2) };
	struct image_rule *many[64];
	struct image_input in = input(one, 1, 1);
	size_t len[3], each;
	uint8_t *p[3];

	p[0] = encode(&in, &len[0]);
	in = input(two, 2, 1);
	p[1] = encode(&in, &len[1]);
	for (uint32_t i = 0; i < 64; i++)
		many[i] = rule(odd, i + 1);
	in = input(many, 64, 1);
	p[2] = encode(&in, &len[2]);
	each = le32_get(groups_v4(p[0])->bytes);
	for (int i = 0; i < 3; i++)
		T_IS_MEM(groups_v4(p[i]), groups_v4(p[0]), each);
	T_IS_UINT(le32_get(groups_v4(p[0])->keys), 2000);
	T_IS_UINT(le32_get(groups_v4(p[0])->sets), 2);
	T_OK((len[2] - len[0]) / 63 < 3000);	/* a table is small: it holds no range */
	T_IS_UINT(rule_met(p[1], len[1], 0, 0x0a000003), 1);
	T_IS_UINT(rule_met(p[1], len[1], 1, 0x0a000003), 2);
	T_IS_UINT(rule_met(p[1], len[1], 1, 0x0a000004), 1001);
	for (int i = 0; i < 3; i++)
		free(p[i]);
}

/* What a half pays that names no big group: nothing. */
static void
others_pay_nothing(void)
{
	struct addr_set big = comb(4, 0x0a000001, 2, 1000), small = comb(4, 0x0b000000, 8, 4);
	struct image_rule *with[] = { rule(small, 1), rule(big, 2) };
	struct image_rule *without[] = { rule(small, 1) };
	struct image_input in = input(with, 2, 1);
	struct image_cost cost[2], alone;
	size_t len;
	uint8_t *both = encode(&in, &len), *p;

	image_table_cost(both, &in.tables[0].local, &cost[0]);
	image_table_cost(both, &in.tables[1].local, &cost[1]);
	in = input(without, 1, 1);
	p = encode(&in, &len);
	image_table_cost(p, &in.tables[0].local, &alone);
	T_IS_UINT(le32_get(((struct wire_image_hdr *)p)->groups_at[0]), 0);
	T_IS_UINT(cost[0].lines, alone.lines);
	T_IS_UINT(cost[0].loads, alone.loads);
	T_IS_UINT(cost[0].bytes, alone.bytes);
	/* header, two levels of nodes, leaf; gmap and X */
	T_IS_UINT(cost[1].lines, alone.lines + 4 + 2);
	T_IS_UINT(le16_get(((struct wire_image_hdr *)both)->lines_max), cost[1].lines);
	for (uint32_t over = 0; over < 2; over++) {
		struct fw_cfg cfg = { .lines_max = (uint16_t)(cost[1].lines - over),
			.loads_max = (uint16_t)cost[1].loads };
		uint32_t table = 99;

		T_IS_INT(fw_image_fits(&cfg, both, &table), over == 0);
		T_OK(over == 0 || table == 1);
	}
	free(both);
	free(p);
}

/* Group b holds the addresses whose bit b is set: a set for each address below end. All groups hold
 * two addresses more, so that none is small, and that is one set more. */
static struct image_input
bits(uint32_t groups, uint32_t end)
{
	struct image_rule **r = room(groups, sizeof(*r));

	for (uint32_t b = 0; b < groups; b++) {
		struct addr_set s = { room(end + 2, sizeof(*s.ranges)), 0 };

		for (uint32_t lo = 1u << b; lo < end; lo += 2u << b) {
			uint32_t hi = MIN(lo + (1u << b), end) - 1;

			s.ranges[s.count++] = (struct addr_range){ { .lo = lo, .family = 4 },
				{ .lo = hi, .family = 4 } };
		}
		for (uint32_t i = 0; i < 2; i++, s.count++)
			s.ranges[s.count].lo = s.ranges[s.count].hi = (struct addr){
				.lo = 0x40000000 + 2 * i, .family = 4 };
		r[b] = rule(s, b + 1);
	}
	return input(r, 1, groups);
}

static void
as_many_sets_as_there_may_be(void)
{
	struct image_input in = bits(16, 65534);
	struct image_heavy heavy;
	struct diag d = { 0 };
	uint32_t bad = 0;
	size_t len;
	uint8_t *p;

	in.big_ranges = 1;
	p = encode(&in, &len);
	T_IS_UINT(le32_get(groups_v4(p)->sets), WIRE_GROUP_SETS_MAX);
	for (uint32_t i = 0; i < 70000; i += 7) {
		uint32_t want = i == 0 || i >= 65534 ? 1000 : (uint32_t)__builtin_ctz(i) + 1;

		bad += rule_met(p, len, 0, i) != want;
	}
	T_IS_UINT(bad, 0);
	free(p);
	in = bits(16, 65535);
	in.big_ranges = 1;
	T_IS_INT(image_encode_heavy(&in, &p, &len, &heavy, &d), RC_LIMIT);
	T_IS_STR(d.code, "image-too-big");
	T_OK(strstr(d.text, "65535 overlaps") != NULL);
	T_IS_UINT(heavy.count, IMAGE_HEAVY_MAX);
	T_IS_UINT(heavy.rule_ids[0], 1);	/* most ranges */
}

static void
as_many_ranges_as_there_may_be(void)
{
	struct addr_set half = comb(4, 0, 4, WIRE_GROUP_RANGES_MAX / 2);
	struct addr_set rest = comb(4, 1, 4, WIRE_GROUP_RANGES_MAX / 2);
	struct addr_set one = comb(6, 1, 4, 17);
	struct image_rule *r[] = { rule(half, 1), rule(rest, 2), rule(half, 3), rule(one, 4) };
	struct image_input in = input(r, 1, 3);
	struct image_heavy heavy;
	struct diag d = { 0 };
	size_t len;
	uint8_t *p = encode(&in, &len);

	printf("# %zu bytes of %d ranges\n", len, WIRE_GROUP_RANGES_MAX);
	T_IS_UINT(rule_met(p, len, 0, 4), 1);
	T_IS_UINT(rule_met(p, len, 0, 5), 2);
	T_IS_UINT(rule_met(p, len, 0, 6), 1000);
	free(p);
	in = input(r, 1, 4);
	in.tables[0].local = (struct addr){ 0 };	/* guard: both families */
	T_IS_INT(image_encode_heavy(&in, &p, &len, &heavy, &d), RC_LIMIT);
	T_IS_STR(d.code, "image-too-big");
	T_OK(strstr(d.text, "IPv6 have more than 0 ranges") != NULL);
	T_IS_UINT(heavy.rule_ids[0], 4);
}

static void
what_names_no_changed_group_is_reused(void)
{
	struct addr_set big = comb(4, 0x0a000001, 2, 1000), small = comb(4, 0x0b000000, 8, 4);
	struct addr_set more = comb(4, 0x0a000001, 2, 1001);
	struct image_rule *r[] = { rule(small, 1), rule(big, 2), rule(big, 3) };
	struct image_input in = input(r, 3, 1);
	struct image_keys keys, again;
	struct image_heavy heavy;
	struct image_reuse before;
	size_t len, len2;
	uint8_t *p, *q;

	CHECK(image_encode_over(&in, NULL, &p, &len, &keys, &heavy, NULL) == RC_OK);
	before = (struct image_reuse){ p, len, keys.items, keys.count };
	r[0]->action.rule_id = 9;
	CHECK(image_encode_over(&in, &before, &q, &len2, &again, &heavy, NULL) == RC_OK);
	T_IS_UINT(again.reused, 2);		/* those of the group */
	T_IS_MEM(groups_v4(p), groups_v4(q), le32_get(groups_v4(p)->bytes));
	image_keys_fini(&again);
	free(q);
	r[0]->action.rule_id = 1;
	r[1]->peer = more;			/* another group, and with it another table */
	CHECK(image_encode_over(&in, &before, &q, &len2, &again, &heavy, NULL) == RC_OK);
	T_IS_UINT(again.reused, 1);
	T_IS_UINT(rule_met(q, len2, 1, 0x0a000001 + 2000), 2);
	T_IS_UINT(rule_met(q, len2, 2, 0x0a000001 + 2000), 1002);
	image_keys_fini(&again);
	free(q);
	/* a key that lies: the body of a group, where there is no group any more */
	in = input(r, 1, 1);
	for (uint32_t i = 0; i < keys.count; i++)
		keys.items[i].body = keys.items[(i + 1) % keys.count].body;
	CHECK(image_encode_over(&in, &before, &q, &len2, &again, &heavy, NULL) == RC_OK);
	T_IS_INT(image_check(q, len2, NULL), RC_OK);
	image_keys_fini(&again);
	image_keys_fini(&keys);
	free(q);
	free(p);
}

/* One wrong field each; the firmware may let through what only the encoder's order forbids. */
enum place { HEADER, ROOT, LEAF, HALF, GMAP, X };

static const struct row {
	const char *name;
	enum place place;
	unsigned at, bytes;
	uint32_t value;
	const char *says;
	bool fw;		/* the firmware refuses it too */
} rows[] = {
	{ "family", HEADER, 0, 1, 6, "family, keys or reserved", true },
	{ "key bytes", HEADER, 1, 1, 8, "family, keys or reserved", true },
	{ "depth", HEADER, 2, 1, 1, "depth is not that", true },
	{ "deep", HEADER, 2, 1, 8, "depth is not that", true },
	{ "reserved", HEADER, 3, 1, 1, "family, keys or reserved", true },
	{ "keys", HEADER, 4, 4, 0x7fffffff, "miscounted", false },
	{ "fewer keys", HEADER, 4, 4, 1998, "", false },
	{ "no sets", HEADER, 8, 4, 0, "miscounted", true },
	{ "fewer sets", HEADER, 8, 4, 1, "", true },
	{ "more sets", HEADER, 8, 4, 3, "", false },
	{ "bytes", HEADER, 12, 4, 0x10000000, "not as long", true },
	{ "root", HEADER, 16, 4, 2, "do not begin", true },
	{ "leaves outside", HEADER, 24, 4, 0x100000, "do not begin", true },
	{ "reserved2", HEADER, 50, 1, 1, "family, keys or reserved", true },
	{ "root key", ROOT, 0, 4, 0, "out of order", false },
	{ "padding", ROOT, 60, 4, 0, "end where they must not", true },
	{ "leaf key", LEAF, 0, 4, 0x7ffffff0, "out of order", false },
	{ "first set", LEAF, 40, 2, 1, "sets of a group table", false },
	{ "set outside", LEAF, 42, 2, 2, "sets of a group table", true },
	{ "leaf reserved", LEAF, 62, 1, 1, "reserved byte", false },
	{ "group unused", HALF, offsetof(struct wire_half, group), 1, 0, "", true },
	{ "group bits", HALF, offsetof(struct wire_half, group), 1, 0x41, "do not fit", true },
	{ "row", HALF, offsetof(struct wire_half, group), 1, 0x82, "do not fit", false },
	{ "short row", HALF, offsetof(struct wire_half, group), 1, 0x80, "do not fit", true },
	{ "classes", HALF, offsetof(struct wire_half, group_classes), 2, 3, "do not fit", true },
	{ "fewer classes", HALF, offsetof(struct wire_half, group_classes), 2, 1, "", true },
	{ "gmap outside", HALF, offsetof(struct wire_half, gmap_at), 4, 0xffffff, "inside", true },
	{ "x outside", HALF, offsetof(struct wire_half, x_at), 4, 0xffffff, "inside", true },
	{ "gmap class", GMAP, 2, 2, 2, "out of range", true },
	{ "x row", X, 0, 2, 0xfff0, "out of range", true },
};

static uint8_t *
place_of(uint8_t *p, enum place place)
{
	struct wire_image_hdr *h = (struct wire_image_hdr *)p;
	uint8_t *body = p + (size_t)le32_get(((struct wire_body *)(p +
	    (size_t)le32_get(h->bodies_at) * WIRE_LINE))->line) * WIRE_LINE;
	struct wire_half *half = (struct wire_half *)body + WIRE_IN;
	uint8_t *g = p + (size_t)le32_get(h->groups_at[0]) * WIRE_LINE;

	switch (place) {
	case ROOT:
		return g + WIRE_LINE;
	case LEAF:
		return g + (size_t)le32_get(((struct wire_groups *)g)->start[2]) * WIRE_LINE;
	case HALF:
		return (uint8_t *)half;
	case GMAP:
		return body + (size_t)le32_get(half->gmap_at) * WIRE_LINE;
	case X:
		return body + (size_t)le32_get(half->x_at) * WIRE_LINE;
	default:
		return g;
	}
}

static uint8_t *image;
static size_t image_len;

static void
a_wrong_field_is_named(const struct row *r)
{
	uint8_t *copy = malloc(image_len), *to;
	struct diag d = { 0 };
	uint32_t bad_at;

	CHECK(copy != NULL);
	memcpy(copy, image, image_len);
	to = place_of(copy, r->place) + r->at;
	for (unsigned i = 0; i < r->bytes; i++)
		to[i] = (uint8_t)(r->value >> 8 * i);
	T_IS_INT(image_check(copy, image_len, &d), RC_INVALID);
	if (!T_OK(strstr(d.text, r->says) != NULL))
		printf("# %s\n", d.text);
	T_IS_INT(fw_image_check(copy, (uint32_t)image_len, &bad_at), !r->fw);
	free(copy);
}

int
main(void)
{
	arena_init(&arena, (size_t)512 << 20);
	T_RUN(one_table_for_all);
	T_RUN(others_pay_nothing);
	T_RUN(as_many_sets_as_there_may_be);
	T_RUN(as_many_ranges_as_there_may_be);
	T_RUN(what_names_no_changed_group_is_reused);
	struct image_rule *r[] = { rule(comb(4, 0x0a000001, 2, 1000), 1) };
	struct image_input in = input(r, 1, 1);

	image = encode(&in, &image_len);
	T_ROWS(rows, a_wrong_field_is_named);
	free(image);
	arena_fini(&arena);
	return t_done();
}
