/* SPDX-License-Identifier: Apache-2.0 */
/* image_encode - small policies by hand; sharing, splits, refusals. */
#include "image.h"

#include "gen_image.h"
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

static struct addr
ip(const char *text)
{
	struct addr a;

	CHECK(addr_parse(text, strlen(text), &a));
	return a;
}

static struct addr_set
peer(const char *text, unsigned len)
{
	struct addr a = ip(text);
	struct addr_range r = addr_prefix(&a, len);
	struct addr_set s;

	CHECK(addr_set_from(&arena, &r, 1, &s) == RC_OK);
	return s;
}

static struct image_rule *
rule(uint8_t dir, struct addr_set set, uint8_t proto, uint16_t lo, uint16_t hi, uint32_t id)
{
	struct image_rule *r = room(1, sizeof(*r));
	struct service *s = room(1, sizeof(*s));

	*s = (struct service){ .proto = proto, .sport_hi = UINT16_MAX, .dport_lo = lo,
		.dport_hi = hi };
	*r = (struct image_rule){ .dir = dir, .peer = set, .services = s, .service_count = 1,
		.action = { .verdict = WIRE_PASS, .state = WIRE_STATE_FLOW, .rule_id = id,
		.counter = WIRE_COUNTER_NONE } };
	return r;
}

static struct image_list
list(struct image_rule **rules, uint32_t count, uint32_t default_id)
{
	return (struct image_list){ .rules = (const struct image_rule **)rules, .count = count,
		.deflt = { .verdict = WIRE_DROP, .mode = WIRE_ENFORCE, .rule_id = default_id,
		.counter = 3 } };
}

static struct image_input
input(struct image_list *lists, uint32_t list_count, struct image_table *tables,
    uint32_t table_count)
{
	return (struct image_input){ .lists = lists, .list_count = list_count, .tables = tables,
		.table_count = table_count, .counter_count = 4, .unsegmented = WIRE_PASS,
		.non_ip = WIRE_DROP };
}

static uint8_t *
encode(const struct image_input *in, size_t *len)
{
	struct diag d = { 0 };
	uint8_t *p;

	if (!T_IS_INT(image_encode(in, &p, len, &d), RC_OK))
		printf("# %s\n", d.text);
	T_IS_INT(image_check(p, *len, &d), RC_OK);
	return p;
}

static uint32_t
decides(const uint8_t *p, size_t len, const char *local, struct pkt_key k, const char *remote)
{
	struct addr at = { 0 };
	struct image_action a;
	bool is_default;

	if (local[0] != '\0')
		at = ip(local);
	k.remote = ip(remote);
	return image_lookup(p, len, &at, &k, &a, &is_default) ? a.rule_id : 0;
}

static void
first_match_wins(void)
{
	struct image_rule *r[] = { rule(WIRE_IN, peer("10.0.0.0", 24), PROTO_TCP, 80, 90, 7),
		rule(WIRE_IN, peer("10.0.0.0", 8), PROTO_TCP, 85, 100, 8),
		rule(WIRE_OUT, peer("10.0.0.0", 8), PROTO_TCP, 0, 65535, 9) };
	struct image_list l[] = { list(r, 3, 99) };
	struct image_table tables[] = { { .local = ip("192.0.2.1"), .list = 0 } };
	struct image_input in = input(l, 1, tables, 1);
	struct pkt_key k = { .dir = WIRE_IN, .proto = PROTO_TCP, .dport = 86,
		.vlan = WIRE_VLAN_NONE };
	struct image_info info;
	size_t len;
	uint8_t *p = encode(&in, &len);

	T_IS_UINT(decides(p, len, "192.0.2.1", k, "10.0.0.255"), 7);
	T_IS_UINT(decides(p, len, "192.0.2.1", k, "10.0.1.0"), 8);
	T_IS_UINT(decides(p, len, "192.0.2.1", k, "11.0.0.0"), 99);
	k.dport = 84;
	T_IS_UINT(decides(p, len, "192.0.2.1", k, "10.0.1.0"), 99);
	k.dir = WIRE_OUT;
	T_IS_UINT(decides(p, len, "192.0.2.1", k, "10.0.1.0"), 9);
	T_IS_UINT(decides(p, len, "192.0.2.2", k, "10.0.1.0"), 0);
	T_IS_UINT(decides(p, len, "", k, "10.0.1.0"), 0);
	image_info_get(p, len, &info);
	T_IS_UINT(info.tables, 1);
	T_IS_UINT(info.rules, 3);
	T_IS_UINT(info.counters, 4);
	T_IS_UINT(info.bytes, len);
	free(p);
}

static void
later_fragments_match_no_ports(void)
{
	struct image_rule *r[] = { rule(WIRE_IN, peer("10.0.0.0", 8), PROTO_UDP, 0, 80, 1),
		rule(WIRE_IN, peer("10.0.0.0", 8), PROTO_UDP, 0, 65535, 2) };
	struct image_list l[] = { list(r, 2, 3) };
	struct image_table tables[] = { { .local = ip("192.0.2.1"), .list = 0 } };
	struct image_input in = input(l, 1, tables, 1);
	struct pkt_key k = { .dir = WIRE_IN, .proto = PROTO_UDP, .vlan = WIRE_VLAN_NONE };
	size_t len;
	uint8_t *p = encode(&in, &len);

	T_IS_UINT(decides(p, len, "192.0.2.1", k, "10.0.0.1"), 1);
	k.frag = WIRE_FRAG_FIRST;
	T_IS_UINT(decides(p, len, "192.0.2.1", k, "10.0.0.1"), 1);
	k.frag = WIRE_FRAG_REST;
	T_IS_UINT(decides(p, len, "192.0.2.1", k, "10.0.0.1"), 2);
	free(p);
}

/* Prefixes on both sides of /64, hosts in one and in several halves, the last address of all. */
static void
long_v6_prefixes(void)
{
	struct image_rule *r[] = { rule(WIRE_IN, peer("2001:db8::1", 128), PROTO_TCP, 1, 9, 1),
		rule(WIRE_IN, peer("2001:db8::", 112), PROTO_TCP, 1, 9, 2),
		rule(WIRE_IN, peer("2001:db8:0:1::", 64), PROTO_TCP, 1, 9, 3),
		rule(WIRE_IN, peer("2001:db8:0:2::ffff", 128), PROTO_TCP, 1, 9, 4),
		rule(WIRE_IN, peer("2001:db8::", 32), PROTO_TCP, 1, 9, 5),
		rule(WIRE_IN, peer("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128), PROTO_TCP, 1, 9,
		6) };
	struct image_list l[] = { list(r, 6, 99) };
	struct image_table tables[] = { { .local = ip("fd00::1"), .list = 0 } };
	struct image_input in = input(l, 1, tables, 1);
	struct pkt_key k = { .dir = WIRE_IN, .proto = PROTO_TCP, .dport = 5,
		.vlan = WIRE_VLAN_NONE };
	static const struct { const char *remote; uint32_t id; } cases[] = {
		{ "2001:db8::1", 1 }, { "2001:db8::", 2 }, { "2001:db8::2", 2 },
		{ "2001:db8::ffff", 2 }, { "2001:db8::1:0", 5 }, { "2001:db8:0:1::", 3 },
		{ "2001:db8:0:1:ffff:ffff:ffff:ffff", 3 }, { "2001:db8:0:2::", 5 },
		{ "2001:db8:0:2::fffe", 5 }, { "2001:db8:0:2::ffff", 4 },
		{ "2001:db8:0:2::1:0", 5 }, { "2001:db8:0:3::", 5 }, { "2001:db9::", 99 },
		{ "::", 99 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 99 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6 } };
	size_t len;
	uint8_t *p = encode(&in, &len);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (!T_IS_UINT(decides(p, len, "fd00::1", k, cases[i].remote), cases[i].id))
			printf("# %s\n", cases[i].remote);
	free(p);
}

/* Every interval begins and ends inside a half of its own: the most ranks and classes there are. */
static void
v6_ranges_between_halves(void)
{
	enum { RANGES = 2000 };
	struct addr_range *ranges = room(RANGES, sizeof(*ranges));
	struct image_rule *r[] = { rule(WIRE_IN, peer("::", 0), PROTO_TCP, 1, 9, 1),
		rule(WIRE_IN, peer("::", 0), PROTO_TCP, 0, 65535, 2) };
	struct image_list l[] = { list(r, 2, 99) };
	struct image_table tables[] = { { .local = ip("fd00::1"), .list = 0 } };
	struct image_input in = input(l, 1, tables, 1);
	struct pkt_key k = { .dir = WIRE_IN, .proto = PROTO_TCP, .dport = 5,
		.vlan = WIRE_VLAN_NONE, .remote = { .family = 6 } };
	uint32_t bad = 0;
	size_t len;
	uint8_t *p;

	for (uint32_t i = 0; i < RANGES; i++) {
		ranges[i].lo = (struct addr){ .family = 6, .hi = 1000 + 5 * i, .lo = 5 };
		ranges[i].hi = (struct addr){ .family = 6, .hi = 1002 + 5 * i, .lo = 5 };
	}
	CHECK(addr_set_from(&arena, ranges, RANGES, &r[0]->peer) == RC_OK);
	p = encode(&in, &len);
	for (uint32_t i = 0; i < RANGES * 5 * 3; i++) {
		uint32_t half = i / 3 % 5, low = 4 + i % 3;
		bool inside = half == 1 || (half == 0 && low >= 5) || (half == 2 && low <= 5);
		struct image_action a;
		bool is_default;

		k.remote.hi = 1000 + i / 3;
		k.remote.lo = low;
		bad += !image_lookup(p, len, &tables[0].local, &k, &a, &is_default) ||
		    a.rule_id != (inside ? 1 : 2);
	}
	T_IS_UINT(bad, 0);
	free(p);
}

static void
equal_lists_are_stored_once(void)
{
	struct image_rule *r[] = { rule(WIRE_IN, peer("10.0.0.0", 8), PROTO_TCP, 1, 9, 1) };
	struct image_list l[] = { list(r, 1, 2), list(r, 1, 2), list(r, 0, 2) };
	struct image_table tables[] = { { .local = ip("192.0.2.1"), .list = 0 },
		{ .local = ip("192.0.2.2"), .list = 1 }, { .local = ip("192.0.2.3"), .list = 0 },
		{ .local = ip("192.0.2.4"), .list = 2 } };
	struct image_input in = input(l, 3, tables, 4);
	size_t len;
	uint8_t *p = encode(&in, &len);

	T_IS_UINT(le32_get(((const struct wire_image_hdr *)p)->body_count), 2);
	free(p);
}

static void
guard_table_has_both_families(void)
{
	struct image_rule *r[] = { rule(WIRE_OUT, peer("ff02::", 16), PROTO_ICMP6, 0, 65535, 1),
		rule(WIRE_OUT, peer("224.0.0.0", 4), PROTO_UDP, 0, 65535, 2) };
	struct image_list l[] = { list(r, 2, 3) };
	struct image_table tables[] = { { .list = 0 } };
	struct image_input in = input(l, 1, tables, 1);
	struct pkt_key k = { .dir = WIRE_OUT, .proto = PROTO_UDP, .vlan = WIRE_VLAN_NONE };
	size_t len;
	uint8_t *p = encode(&in, &len);

	T_IS_UINT(decides(p, len, "", k, "224.0.0.1"), 2);
	T_IS_UINT(decides(p, len, "", k, "ff02::1"), 3);
	k.proto = PROTO_ICMP6;
	T_IS_UINT(decides(p, len, "", k, "ff02::1"), 1);
	free(p);
}

static void
nothing_at_all(void)
{
	struct image_input in = input(NULL, 0, NULL, 0);
	struct pkt_key k = { .vlan = WIRE_VLAN_NONE };
	size_t len;
	uint8_t *p = encode(&in, &len);

	T_IS_UINT(decides(p, len, "10.0.0.1", k, "10.0.0.2"), 0);
	free(p);
}

/* --- splits and refusals ---------------------------------------------------------------------- */

/* Rules that each leave other fields open: own VLAN and net; own source port; own ports. */
static struct image_input
multiplying(uint32_t vlans, uint32_t sports, uint32_t ports, uint32_t nets)
{
	uint32_t count = vlans + sports + ports + nets;
	struct image_rule **r = room(count, sizeof(struct image_rule *));
	struct image_list *l = room(1, sizeof(*l));
	struct image_table *t1 = room(1, sizeof(*t1));

	for (uint32_t i = 0; i < count; i++) {
		struct addr_set any;
		char text[32];

		CHECK(addr_set_any(&arena, 4, &any) == RC_OK);
		snprintf(text, sizeof(text), "10.%u.%u.0", i / 256, i % 256);
		r[i] = rule(WIRE_IN, peer(text, 24), PROTO_TCP, 0, 65535, i + 1);
		if (i < vlans) {
			struct vlan_range *v = room(1, sizeof(*v));

			v->lo = v->hi = (uint16_t)(i + 1);
			r[i]->vlans = v;
			r[i]->vlan_count = 1;
		} else if (i < vlans + sports) {
			struct service *s = room(1, sizeof(*s));

			*s = (struct service){ .proto = PROTO_TCP, .dport_hi = UINT16_MAX,
				.sport_lo = (uint16_t)(i * 3), .sport_hi = (uint16_t)(i * 3) };
			r[i]->services = s;
		} else if (i < vlans + sports + ports) {
			r[i] = rule(WIRE_IN, i % 2 ? any : peer(text, 24), PROTO_TCP,
			    (uint16_t)(i * 5), (uint16_t)(i * 5), i + 1);
		}
	}
	*l = list(r, count, count + 1);
	t1->local = ip("192.0.2.1");
	return input(l, 1, t1, 1);
}

static void
a_product_is_split(void)
{
	struct image_input in = multiplying(60, 60, 200, 100);
	struct gen_image g = { .state = 5, .arena = &arena };
	const struct wire_half *h;
	uint32_t bad = 0;
	size_t len;
	uint8_t *p = encode(&in, &len);
	const struct wire_image_hdr *hdr = (const struct wire_image_hdr *)p;
	const struct wire_body *dir = (const struct wire_body *)(p +
	    (size_t)le32_get(hdr->bodies_at) * WIRE_LINE);

	h = (const struct wire_half *)(p + (size_t)le32_get(dir[0].line) * WIRE_LINE) + WIRE_IN;
	T_OK(h->subs > 1);
	printf("# %zu bytes, %u sub-tables\n", len, h->subs);
	for (int i = 0; i < 20000; i++) {
		struct pkt_key k = gen_image_key(&g, in.lists, 4);
		uint32_t want = gen_image_first(in.lists, &k);
		struct image_action a;
		bool is_default;

		if (!image_lookup(p, len, &in.tables[0].local, &k, &a, &is_default))
			bad++;
		else
			bad += a.rule_id != want + 1;
	}
	T_IS_UINT(bad, 0);
	free(p);
}

/* Staggered ranges of both ports: about as many classes as pairs of rules. */
static void
too_much_is_refused_by_name(void)
{
	enum { COUNT = 2000 };
	struct image_rule **r = room(COUNT, sizeof(struct image_rule *));
	struct image_list l[] = { list(r, COUNT, COUNT + 1) };
	struct image_table tables[] = { { .local = ip("192.0.2.1"), .list = 0 } };
	struct image_input in = input(l, 1, tables, 1);
	struct diag d = { 0 };
	uint8_t *p;
	size_t len;

	for (uint32_t i = 0; i < COUNT; i++) {
		struct service *s = room(1, sizeof(*s));

		*s = (struct service){ .proto = PROTO_TCP, .sport_lo = (uint16_t)(i * 7 % 20000),
			.sport_hi = (uint16_t)(30000 + i * 11),
			.dport_lo = (uint16_t)(i * 13 % 20000),
			.dport_hi = (uint16_t)(30000 + i * 5) };
		r[i] = rule(WIRE_IN, peer("10.0.0.0", 8), PROTO_TCP, 0, 0, i + 1);
		r[i]->services = s;
	}
	T_IS_INT(image_encode(&in, &p, &len, &d), RC_LIMIT);
	T_IS_STR(d.code, "table-too-big");
	T_OK(strstr(d.text, "rule ids are ") != NULL && p == NULL && len == 0);
	printf("# %s\n", d.text);
	l[0].count = 100;
	T_IS_INT(image_encode(&in, &p, &len, &d), RC_OK);
	free(p);
}

static void
counts_past_their_maximum(void)
{
	struct image_rule **r = room(WIRE_TABLE_RULES_MAX + 1, sizeof(struct image_rule *));
	struct image_rule *one = rule(WIRE_IN, peer("10.0.0.0", 8), PROTO_TCP, 1, 9, 1);
	struct image_list l[] = { list(r, WIRE_TABLE_RULES_MAX + 1, 2) };
	struct image_table tables[] = { { .local = ip("192.0.2.1"), .list = 0 } };
	struct image_input in = input(l, 1, tables, 1);
	struct diag d = { 0 };
	uint8_t *p;
	size_t len;

	for (uint32_t i = 0; i <= WIRE_TABLE_RULES_MAX; i++)
		r[i] = one;
	T_IS_INT(image_encode(&in, &p, &len, &d), RC_LIMIT);
	T_IS_STR(d.code, "too-many-rules");
	T_OK(p == NULL && len == 0);
	l[0].count = WIRE_TABLE_RULES_MAX;
	T_IS_INT(image_encode(&in, &p, &len, &d), RC_OK);
	free(p);
	in.counter_count = WIRE_COUNTERS_MAX + 1;
	T_IS_INT(image_encode(&in, &p, &len, &d), RC_LIMIT);
	T_IS_STR(d.code, "too-many-counters");
}

/* A feed of 200,000 addresses in one rule, none next to another: 400,000 boundaries. */
static void
a_feed_in_one_table(void)
{
	enum { FEED = 200000 };
	struct addr_range *ranges = room(FEED, sizeof(*ranges));
	struct image_rule *r[] = { rule(WIRE_IN, peer("0.0.0.0", 0), PROTO_TCP, 1, 9, 1),
		rule(WIRE_IN, peer("0.0.0.0", 0), PROTO_TCP, 0, 65535, 2) };
	struct image_list l[] = { list(r, 2, 3) };
	struct image_table tables[] = { { .local = ip("192.0.2.1"), .list = 0 } };
	struct image_input in = input(l, 1, tables, 1);
	struct pkt_key k = { .dir = WIRE_IN, .proto = PROTO_TCP, .dport = 5,
		.vlan = WIRE_VLAN_NONE, .remote = { .family = 4 } };
	uint32_t bad = 0;
	size_t len;
	uint8_t *p;

	for (uint32_t i = 0; i < FEED; i++) {
		ranges[i].lo = (struct addr){ .family = 4, .lo = i * 20000u + 7 };
		ranges[i].hi = ranges[i].lo;
	}
	CHECK(addr_set_from(&arena, ranges, FEED, &r[0]->peer) == RC_OK);
	p = encode(&in, &len);
	for (uint32_t i = 0; i < FEED * 3; i++) {
		struct image_action a;
		bool is_default;

		k.remote.lo = i / 3 * 20000u + 6 + i % 3;
		bad += !image_lookup(p, len, &tables[0].local, &k, &a, &is_default) ||
		    a.rule_id != (i % 3 == 1 ? 1 : 2);
	}
	T_IS_UINT(bad, 0);
	printf("# %zu bytes\n", len);
	free(p);
}

/* As many local IPs as there may be, all of one list; each is found. */
static void
all_locals_are_found(void)
{
	struct image_rule *r[] = { rule(WIRE_IN, peer("10.0.0.0", 8), PROTO_TCP, 1, 9, 1) };
	struct image_list l[] = { list(r, 1, 2) };
	struct image_table *tables = room(WIRE_LOCALS_MAX, sizeof(*tables));
	struct image_input in = input(l, 1, tables, WIRE_LOCALS_MAX);
	size_t len;
	uint8_t *p;

	for (uint32_t i = 0; i < WIRE_LOCALS_MAX; i++) {
		tables[i].local = (struct addr){ .family = i < 2048 ? 4 : 6 };
		if (i < 2048) {
			tables[i].local.lo = 0x0a000000 + i * 256;
		} else {
			tables[i].local.hi = UINT64_C(0x20010db800000000) + i / 2;
			tables[i].local.lo = i & 1;
		}
	}
	p = encode(&in, &len);		/* the check finds each record by its hash */
	printf("# %zu bytes\n", len);
	free(p);
}

int
main(void)
{
	arena_init(&arena, (size_t)256 << 20);
	T_RUN(first_match_wins);
	T_RUN(later_fragments_match_no_ports);
	T_RUN(long_v6_prefixes);
	T_RUN(v6_ranges_between_halves);
	T_RUN(equal_lists_are_stored_once);
	T_RUN(guard_table_has_both_families);
	T_RUN(nothing_at_all);
	T_RUN(a_product_is_split);
	T_RUN(too_much_is_refused_by_name);
	T_RUN(counts_past_their_maximum);
	T_RUN(all_locals_are_found);
	T_RUN(a_feed_in_one_table);
	arena_fini(&arena);
	return t_done();
}
