/* SPDX-License-Identifier: Apache-2.0 */
/* gen_image - rules as the encoder takes them. */
#include "gen_image.h"

#include <stdlib.h>
#include <string.h>

uint32_t
gen_image_below(struct gen_image *g, uint32_t below)
{
	uint64_t z;

	CHECK(below > 0);
	g->state += UINT64_C(0x9e3779b97f4a7c15);
	z = g->state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) >> 16) % below;
}

#define BELOW(n) gen_image_below(g, (n))

static void *
room(struct gen_image *g, size_t n, size_t size)
{
	void *p = arena_array(g->arena, n, size);

	CHECK(p != NULL);
	return p;
}

static struct addr
some_addr(struct gen_image *g, uint8_t family)
{
	static const uint64_t halves[] = { 0, 1, 2, 0x7fffffffffffffff, 0xfffffffffffffffe,
		UINT64_MAX, 0x20010db800000000, 0x20010db800000001 };
	static const uint32_t words[] = { 0, 1, 0x0a000000, 0x0a0000ff, 0x0a000100, 0x7fffffff,
		0xfffffffe, 0xffffffff };
	struct addr a = { .family = family };

	if (family == 4) {
		a.lo = BELOW(3) == 0 ? words[BELOW(8)] : 0x0a000000 + BELOW(600);
		return a;
	}
	a.hi = BELOW(3) == 0 ? halves[BELOW(8)] : UINT64_C(0x20010db800000000) + BELOW(40);
	a.lo = BELOW(2) == 0 ? halves[BELOW(8)] : BELOW(200);
	return a;
}

static struct addr_range
some_range(struct gen_image *g)
{
	uint8_t family = BELOW(2) == 0 ? 4 : 6;
	struct addr a = some_addr(g, family), b = some_addr(g, family);

	switch (BELOW(4)) {
	case 0:
		return addr_cmp(&a, &b) <= 0 ? (struct addr_range){ a, b }
		    : (struct addr_range){ b, a };
	case 1:
		return addr_prefix(&a, BELOW(family == 4 ? 33 : 129));
	case 2:
		return addr_prefix(&a, family == 4 ? 24 + BELOW(9) : 60 + BELOW(8));
	default:
		return (struct addr_range){ a, a };
	}
}

static struct addr_set
some_set(struct gen_image *g)
{
	struct addr_range ranges[12];
	uint32_t n = 1 + BELOW(BELOW(4) == 0 ? 12 : 3);
	struct addr_set s;

	if (BELOW(6) == 0) {
		CHECK(addr_set_any(g->arena, (uint8_t)(BELOW(3) * 2 == 2 ? 4 : 0), &s) == RC_OK);
		return s;
	}
	for (uint32_t i = 0; i < n; i++)
		ranges[i] = some_range(g);
	CHECK(addr_set_from(g->arena, ranges, n, &s) == RC_OK);
	return s;
}

static uint16_t
some_port(struct gen_image *g)
{
	static const uint16_t edges[] = { 0, 1, 79, 80, 81, 443, 1023, 1024, 8000, 65534, 65535 };

	return BELOW(2) == 0 ? edges[BELOW(11)] : (uint16_t)(8000 + BELOW(60));
}

static void
some_ports(struct gen_image *g, uint16_t *lo, uint16_t *hi)
{
	*lo = *hi = some_port(g);
	if (BELOW(3) == 0)
		*hi = some_port(g);
	if (*lo > *hi) {
		uint16_t t = *lo;

		*lo = *hi;
		*hi = t;
	}
}

static struct service
some_service(struct gen_image *g)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_ICMP,
		PROTO_ICMP6, 89, 0, 255 };
	struct service s = { .sport_hi = UINT16_MAX, .dport_hi = UINT16_MAX };

	if (BELOW(8) == 0) {
		s.proto_any = true;
		return s;
	}
	s.proto = protos[BELOW(9)];
	s.family = s.proto == PROTO_ICMP ? 4 : s.proto == PROTO_ICMP6 ? 6 : 0;
	if (s.proto == 89 || s.proto == 0 || s.proto == 255)
		return s;
	if (BELOW(6) == 0) {
		s.family = BELOW(4) == 0 ? 0 : s.family;
		return s;
	}
	some_ports(g, &s.dport_lo, &s.dport_hi);
	if (s.family == 0 && BELOW(5) == 0)
		some_ports(g, &s.sport_lo, &s.sport_hi);
	return s;
}

static struct image_action
some_action(struct gen_image *g, uint32_t id)
{
	return (struct image_action){ .verdict = BELOW(2) == 0 ? WIRE_PASS : WIRE_DROP,
		.mode = (uint8_t)BELOW(WIRE_MODE__COUNT),
		.state = (uint8_t)BELOW(WIRE_STATE__COUNT),
		.log = BELOW(4) == 0, .rule_id = id,
		.counter = (uint16_t)(BELOW(4) == 0 ? BELOW(16) : WIRE_COUNTER_NONE) };
}

static struct image_rule *
some_rule(struct gen_image *g, uint32_t id)
{
	struct image_rule *r = room(g, 1, sizeof(*r));
	struct service *s;
	struct vlan_range *v;

	r->dir = (uint8_t)BELOW(2);
	r->peer = some_set(g);
	r->service_count = 1 + BELOW(BELOW(5) == 0 ? 10 : 2);
	r->services = s = room(g, r->service_count, sizeof(*s));
	for (uint32_t i = 0; i < r->service_count; i++)
		s[i] = some_service(g);
	r->vlan_count = BELOW(5) == 0 ? 1 + BELOW(3) : 0;
	r->vlans = v = room(g, r->vlan_count, sizeof(*v));
	for (uint32_t i = 0; i < r->vlan_count; i++) {
		v[i].lo = (uint16_t)(BELOW(3) == 0 ? BELOW(4096) : BELOW(2) == 0 ? 10 : 4095);
		v[i].hi = (uint16_t)(v[i].lo + BELOW(4096u - v[i].lo) / (1 + BELOW(500)));
	}
	r->action = some_action(g, id);
	return r;
}

static void
some_list(struct gen_image *g, struct image_list *l, uint32_t count, uint32_t *id)
{
	l->count = count;
	l->rules = room(g, count, sizeof(struct image_rule *));
	for (uint32_t i = 0; i < count; i++)
		l->rules[i] = some_rule(g, ++*id);
	l->deflt = some_action(g, ++*id);
	l->deflt.verdict = WIRE_DROP;
	l->deflt.state = WIRE_STATE_NONE;
}

struct image_input *
gen_image(struct gen_image *g, uint32_t tables_max, uint32_t rules_max)
{
	struct image_input *in = room(g, 1, sizeof(*in));
	uint32_t id = 0, want = 1 + BELOW(tables_max), n = 0;

	in->list_count = 1 + BELOW(want);
	in->lists = room(g, in->list_count, sizeof(*in->lists));
	for (uint32_t i = 0; i < in->list_count; i++)
		some_list(g, &in->lists[i], BELOW(rules_max + 1), &id);
	in->tables = room(g, want + 1, sizeof(*in->tables));
	if (BELOW(2) == 0)
		in->tables[n++].list = BELOW(in->list_count);
	for (uint32_t i = 0; i < want; i++) {
		struct image_table t = { .list = BELOW(in->list_count) };
		uint32_t at = n;
		bool twice = false;

		t.local = some_addr(g, BELOW(2) == 0 ? 4 : 6);
		for (uint32_t k = 0; k < n; k++)
			twice = twice || addr_cmp(&in->tables[k].local, &t.local) == 0;
		if (twice)
			continue;
		for (; at > 0 && addr_cmp(&in->tables[at - 1].local, &t.local) > 0; at--)
			in->tables[at] = in->tables[at - 1];
		in->tables[at] = t;
		n++;
	}
	in->table_count = n;
	in->counter_count = 16;
	in->unsegmented = BELOW(2) == 0 ? WIRE_PASS : WIRE_DROP;
	in->non_ip = WIRE_PASS;
	in->fragments_drop = BELOW(2) == 0;
	in->big_ranges = BELOW(3) == 0 ? 0 : 1 + BELOW(3);	/* sets are small here */
	return in;
}

/* --- plain ------------------------------------------------------------------------------------ */

static struct image_rule *
plain_rule(struct gen_image *g, uint32_t id, uint8_t family, uint32_t ports, uint32_t nets)
{
	struct image_rule *r = room(g, 1, sizeof(*r));
	struct service *s = room(g, 1, sizeof(*s));
	struct vlan_range *v = room(g, 1, sizeof(*v));
	struct addr a = { .family = family };
	struct addr_range range;
	uint32_t net = BELOW(nets), kind = BELOW(100);

	a.lo = 0x0a000000 + (net << 8) + BELOW(256);
	if (family == 6) {
		a.hi = UINT64_C(0x20010db800000000) + net;
		a.lo = BELOW(256);
	}
	range = addr_prefix(&a, kind < 55 ? (family == 4 ? 24 : 64) : kind < 85 ? (family == 4 ? 32
	    : 128) : (family == 4 ? 16 + BELOW(8) : 48 + BELOW(16)));
	CHECK(addr_set_from(g->arena, &range, 1, &r->peer) == RC_OK);
	*s = (struct service){ .proto = BELOW(5) == 0 ? PROTO_UDP : PROTO_TCP,
		.sport_hi = UINT16_MAX };
	s->dport_lo = s->dport_hi = (uint16_t)(1 + BELOW(ports) * 7);
	if (BELOW(20) == 0)
		s->dport_hi = (uint16_t)(s->dport_lo + BELOW(200));
	if (BELOW(50) == 0)
		s->sport_lo = (uint16_t)(1024 + BELOW(4) * 1000);
	r->dir = (uint8_t)BELOW(2);
	r->services = s;
	r->service_count = 1;
	if (BELOW(33) == 0) {
		v->lo = v->hi = (uint16_t)(100 + BELOW(8));
		r->vlans = v;
		r->vlan_count = 1;
	}
	r->action = some_action(g, id);
	return r;
}

struct image_input *
gen_image_plain(struct gen_image *g, const uint32_t *counts, uint32_t tables)
{
	struct image_input *in = room(g, 1, sizeof(*in));
	uint32_t id = 0, v4 = tables - tables / 4;

	in->list_count = in->table_count = tables;
	in->lists = room(g, tables, sizeof(*in->lists));
	in->tables = room(g, tables, sizeof(*in->tables));
	in->counter_count = 16;
	in->unsegmented = in->non_ip = WIRE_PASS;
	for (uint32_t i = 0; i < tables; i++) {
		struct image_list *l = &in->lists[i];
		uint8_t family = i < v4 ? 4 : 6;
		uint32_t ports = 20 + counts[i] / 14, nets = 8 + counts[i] / 10;

		l->count = counts[i];
		l->rules = room(g, counts[i], sizeof(struct image_rule *));
		for (uint32_t k = 0; k < counts[i]; k++)
			l->rules[k] = plain_rule(g, ++id, family, ports, nets);
		l->deflt = (struct image_action){ .verdict = WIRE_DROP, .rule_id = ++id,
			.counter = WIRE_COUNTER_NONE, .mode = WIRE_ENFORCE };
		in->tables[i].list = i;
		in->tables[i].local = family == 4
		    ? (struct addr){ .lo = 0xc0a80000 + i * 3, .family = 4 }
		    : (struct addr){ .hi = UINT64_C(0xfd00000000000000), .lo = i, .family = 6 };
	}
	return in;
}

/* --- big groups ------------------------------------------------------------------------------- */

/* Bits as they fall: few prefixes meet, some hold others. */
static struct addr_range
feed_range(struct gen_image *g, uint8_t family, bool hosts)
{
	uint64_t r = (uint64_t)BELOW(UINT32_MAX) << 32 | BELOW(UINT32_MAX);
	struct addr a = { .family = family, .lo = (uint32_t)r };

	if (family == 4)
		return addr_prefix(&a, BELOW(2) == 0 ? 24 : BELOW(32) == 0 ? 12 + BELOW(12) :
		    25 + BELOW(8));
	a.hi = UINT64_C(0x2000000000000000) | r >> 3;
	a.lo = BELOW(8);
	if (hosts && BELOW(2) == 0)
		return addr_prefix(&a, 128 - BELOW(3));
	return addr_prefix(&a, BELOW(3) == 0 ? 24 + BELOW(24) : 48 + BELOW(17));
}

static struct addr_set
feed(struct gen_image *g, const uint32_t prefixes[2], bool hosts)
{
	uint32_t n = prefixes[0] + prefixes[1];
	struct addr_range *ranges = malloc(((size_t)n + 1) * sizeof(*ranges));
	struct addr_set s;

	CHECK(ranges != NULL);
	for (uint32_t i = 0; i < n; i++)
		ranges[i] = feed_range(g, i < prefixes[0] ? 4 : 6, hosts);
	CHECK(addr_set_from(g->arena, ranges, n, &s) == RC_OK);
	free(ranges);
	return s;
}

struct image_input *
gen_image_big(struct gen_image *g, uint32_t groups, const uint32_t prefixes[2], bool hosts)
{
	struct image_input *in = room(g, 1, sizeof(*in));
	struct addr_set *sets = room(g, groups, sizeof(*sets));
	uint32_t id = 0;

	for (uint32_t i = 0; i < groups; i++)
		sets[i] = feed(g, prefixes, hosts);
	in->list_count = 2;
	in->lists = room(g, 2, sizeof(*in->lists));
	for (uint32_t i = 0; i < 2; i++) {
		struct image_list *l = &in->lists[i];

		some_list(g, l, 40, &id);
		for (uint32_t k = 0; k < l->count; k++)
			if (BELOW(2) == 0)
				((struct image_rule *)l->rules[k])->peer = sets[BELOW(groups)];
	}
	in->table_count = 4;
	in->tables = room(g, 4, sizeof(*in->tables));
	for (uint32_t i = 0; i < 4; i++)
		in->tables[i] = (struct image_table){ { .family = i < 2 ? 4 : 6, .lo = i + 1 },
			i % 2 };
	in->counter_count = 16;
	in->unsegmented = in->non_ip = WIRE_PASS;
	in->big_ranges = 64;
	return in;
}

/* --- keys ------------------------------------------------------------------------------------- */

static uint16_t
near(struct gen_image *g, uint16_t lo, uint16_t hi)
{
	uint16_t edge = BELOW(2) == 0 ? lo : hi;

	return (uint16_t)(edge + BELOW(3) - 1);
}

static struct addr
near_addr(struct gen_image *g, const struct addr_range *r)
{
	struct addr a = BELOW(2) == 0 ? r->lo : r->hi;

	switch (BELOW(3)) {
	case 0:
		(void)addr_next(&a);
		break;
	case 1:
		(void)addr_prev(&a);
		break;
	default:
		break;
	}
	return a;
}

struct pkt_key
gen_image_key(struct gen_image *g, const struct image_list *l, uint8_t family)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMP, 89, 41 };
	struct pkt_key k = { .remote = some_addr(g, family), .dir = (uint8_t)BELOW(2),
		.proto = protos[BELOW(5)], .sport = some_port(g), .dport = some_port(g),
		.vlan = (uint16_t)(BELOW(2) == 0 ? WIRE_VLAN_NONE : BELOW(4096)) };

	for (uint32_t i = 0; i < 4 && l->count > 0; i++) {
		const struct image_rule *r = l->rules[BELOW(l->count)];
		const struct service *s = &r->services[BELOW(r->service_count)];
		const struct addr_range *range = &r->peer.ranges[BELOW(r->peer.count)];

		if ((i == 0 || BELOW(3) == 0) && range->lo.family == family)
			k.remote = near_addr(g, range);
		if (i == 0 || BELOW(4) == 0) {
			k.proto = s->proto_any ? protos[BELOW(5)] : s->proto;
			k.dport = near(g, s->dport_lo, s->dport_hi);
			k.sport = near(g, s->sport_lo, s->sport_hi);
			k.dir = r->dir;
		}
		if (r->vlan_count > 0 && BELOW(2) == 0)
			k.vlan = (uint16_t)(near(g, r->vlans[0].lo, r->vlans[0].hi) & 4095);
	}
	if (BELOW(6) == 0)
		k.frag = WIRE_FRAG_FIRST;
	if (BELOW(6) == 0) {
		k.frag = WIRE_FRAG_REST;
		k.sport = k.dport = 0;
	}
	return k;
}

uint32_t
gen_image_first(const struct image_list *l, const struct pkt_key *k)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const struct image_rule *r = l->rules[i];

		if (r->dir != k->dir || !addr_set_has(&r->peer, &k->remote) ||
		    !vlan_matches(r->vlans, r->vlan_count, k->vlan))
			continue;
		for (uint32_t s = 0; s < r->service_count; s++)
			if (service_matches(&r->services[s], k))
				return i;
	}
	return l->count;
}
