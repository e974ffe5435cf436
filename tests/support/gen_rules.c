/* SPDX-License-Identifier: Apache-2.0 */
/* gen_rules - see the header. Everything random comes from gen_rand (splitmix64). */
#include "gen_rules.h"

#include <stdlib.h>
#include <string.h>

enum { ALL = 0xffff, LOCALS = 12, POINTS = 10 };

static const uint16_t ports[] = { 0, 1, 22, 79, 80, 81, 443, 1023, 1024, 8000, 8099, 65534, ALL };
static const uint16_t vlans[] = { 0, 1, 9, 10, 11, 100, 4094, 4095 };
static const uint8_t protos[] = { PROTO_TCP, PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_UDP,
	PROTO_SCTP, PROTO_ICMP, PROTO_ICMP6, 47, 89, 0, 255 };
static const uint16_t types[] = { 0, 1, 0x0300, 0x0304, 0x0800, 0x08ff, 0x8000, 0x8100, 0xff00,
	ALL };

uint64_t
gen_rand(struct gen *g)
{
	uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t
gen_below(struct gen *g, uint32_t below)
{
	CHECK(below > 0);
	return (uint32_t)((gen_rand(g) >> 32) * below >> 32);
}

static bool
one_in(struct gen *g, uint32_t n)
{
	return gen_below(g, n) == 0;
}

static void *
need(void *p)
{
	CHECK(p != NULL);
	return p;
}

/* i-th of LOCALS addresses of a family; neighbours, and one far away. */
static struct addr
local_addr(uint8_t family, uint32_t i)
{
	struct addr a = { .family = family };

	if (family == 4)
		a.lo = i == 0 ? UINT64_C(0xc0a80101) : UINT64_C(0x0a140300) + i;
	else
		a = (struct addr){ UINT64_C(0xfd00002000040000), i == 0 ? UINT64_MAX : i, 6 };
	return a;
}

/* Points whose neighbourhoods are the edges of peers. */
static struct addr
point(struct gen *g, uint8_t family)
{
	static const uint32_t v4[POINTS] = { 0, 0x0a000000, 0x0a0000ff, 0x0a140302, 0x0a140309,
		0x0affffff, 0x7fffffff, 0x80000000, 0xc0a80101, UINT32_MAX };
	static const uint64_t hi6[POINTS] = { 0, 0, 1, UINT64_C(0xfd00002000040000),
		UINT64_C(0xfd00002000040000), UINT64_C(0xfd00002000040001),
		UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000), UINT64_MAX,
		UINT64_MAX };
	static const uint64_t lo6[POINTS] = { 0, UINT64_MAX, 0, 0, 5, 0, UINT64_MAX, 0, 0,
		UINT64_MAX };
	uint32_t i = gen_below(g, POINTS);

	if (one_in(g, 4))
		return local_addr(family, gen_below(g, LOCALS));
	if (family == 4)
		return (struct addr){ 0, v4[i], 4 };
	return (struct addr){ hi6[i], lo6[i], 6 };
}

static void
step(struct gen *g, struct addr *a)
{
	switch (gen_below(g, 4)) {
	case 0:
		(void)addr_next(a);
		break;
	case 1:
		(void)addr_prev(a);
		break;
	default:
		break;
	}
}

static struct addr_range
peer_range(struct gen *g, uint8_t family)
{
	static const uint8_t lens4[] = { 0, 1, 8, 16, 24, 29, 30, 31, 32 };
	static const uint8_t lens6[] = { 0, 1, 8, 48, 63, 64, 65, 112, 120, 127, 128 };
	struct addr a = point(g, family), b;

	if (one_in(g, 2))
		return addr_prefix(&a, family == 4 ? lens4[gen_below(g, sizeof(lens4))]
						   : lens6[gen_below(g, sizeof(lens6))]);
	b = point(g, family);
	step(g, &a);
	step(g, &b);
	if (one_in(g, 3))
		b = a;
	return addr_cmp(&a, &b) <= 0 ? (struct addr_range){ a, b } : (struct addr_range){ b, a };
}

static struct addr_set
peer_set(struct gen *g, struct arena *a)
{
	struct addr_range r[4];
	struct addr_set s;
	uint32_t n = 0, kind = gen_below(g, 8);

	if (kind == 0) {
		static const uint8_t families[] = { 0, 4, 6 };

		CHECK(addr_set_any(a, families[gen_below(g, 3)], &s) == RC_OK);
		return s;
	}
	for (uint32_t want = one_in(g, 30) ? 0 : 1 + gen_below(g, 4); n < want; n++)
		r[n] = peer_range(g, one_in(g, 2) ? 4 : 6);
	CHECK(addr_set_from(a, r, n, &s) == RC_OK);
	return s;
}

/* Two ascending values of a table. */
static void
span(struct gen *g, const uint16_t *table, uint32_t n, uint16_t *lo, uint16_t *hi)
{
	uint16_t x = table[gen_below(g, n)], y = table[gen_below(g, n)];

	if (one_in(g, 2))
		y = x;
	*lo = MIN(x, y);
	*hi = MAX(x, y);
}

static struct pol_service
service(struct gen *g)
{
	struct pol_service s = { .atom = { .sport_hi = ALL, .dport_hi = ALL } };
	struct service *a = &s.atom;

	s.state = (uint8_t)(one_in(g, 2) ? WIRE_STATE_FLOW : gen_below(g, WIRE_STATE__COUNT));
	a->proto_any = one_in(g, 12);
	if (!a->proto_any)
		a->proto = protos[gen_below(g, sizeof(protos))];
	if (one_in(g, 16))
		a->family = one_in(g, 2) ? 4 : 6;
	if (!a->proto_any && (a->proto == PROTO_ICMP || a->proto == PROTO_ICMP6)) {
		a->family = one_in(g, 6) ? 0 : a->proto == PROTO_ICMP ? 4 : 6;
		if (a->family != 0 && !one_in(g, 4))
			span(g, types, ARRAY_LEN(types), &a->dport_lo, &a->dport_hi);
	} else if (a->proto == PROTO_TCP || a->proto == PROTO_UDP || a->proto == PROTO_SCTP) {
		if (!one_in(g, 6))
			span(g, ports, ARRAY_LEN(ports), &a->dport_lo, &a->dport_hi);
		if (one_in(g, 5))
			span(g, ports, ARRAY_LEN(ports), &a->sport_lo, &a->sport_hi);
	}
	if (s.state == WIRE_STATE_FLAGS && (a->proto_any || a->proto != PROTO_TCP))
		s.state = WIRE_STATE_NONE;
	return s;
}

static int
service_order(const void *a, const void *b)
{
	const struct pol_service *x = a, *y = b;
	int c = service_cmp(&x->atom, &y->atom);

	return c != 0 ? c : (x->state > y->state) - (x->state < y->state);
}

static void
rule_services(struct gen *g, struct arena *a, struct pol_rule *r)
{
	uint32_t n = one_in(g, 3) ? 1 + gen_below(g, 4) : 1, out = 0;

	r->services = need(arena_array(a, n, sizeof(*r->services)));
	for (uint32_t i = 0; i < n; i++)
		r->services[i] = service(g);
	if (n > 1 && one_in(g, 4)) {	/* one atom, two states */
		r->services[1] = r->services[0];
		r->services[1].state = WIRE_STATE_NONE;
	}
	qsort(r->services, n, sizeof(*r->services), service_order);
	for (uint32_t i = 0; i < n; i++)
		if (out == 0 || service_order(&r->services[out - 1], &r->services[i]) != 0)
			r->services[out++] = r->services[i];
	r->service_count = out;
}

static void
rule_vlans(struct gen *g, struct arena *a, struct pol_rule *r)
{
	uint32_t i = 0;

	r->vlans = need(arena_array(a, 3, sizeof(*r->vlans)));
	while (i < ARRAY_LEN(vlans) && r->vlan_count < 3) {
		uint32_t j = i + gen_below(g, 3);

		j = MIN(j, (uint32_t)ARRAY_LEN(vlans) - 1);
		r->vlans[r->vlan_count++] = (struct vlan_range){ vlans[i], vlans[j] };
		i = j + 1 + gen_below(g, 4);
	}
}

static void
files(struct arena *a, struct pol_rules *out)
{
	static const char *const names[] = { "<guard>", "a.pol", "b.pol" };

	out->file_count = ARRAY_LEN(names);
	out->files = need(arena_array(a, ARRAY_LEN(names), sizeof(*out->files)));
	for (uint32_t i = 0; i < ARRAY_LEN(names); i++)
		out->files[i] = names[i];
}

static struct pol_pos
place(struct gen *g, uint32_t lines, uint32_t seq)
{
	struct pol_pos p = { .seq = seq };

	p.file = gen_below(g, 3);
	p.line = 1 + gen_below(g, lines);
	p.col = 1 + gen_below(g, 60);
	return p;
}

static void
segment(struct gen *g, struct arena *a, uint32_t i, struct pol_segment *s)
{
	struct addr_range r[4];
	uint32_t n = 0;

	s->name = need(arena_printf(a, "seg-%u", i));
	s->pos = place(g, 20, i);
	s->stage = (uint8_t)gen_below(g, POL_STAGE__COUNT);
	s->mode = (uint8_t)gen_below(g, WIRE_MODE__COUNT);
	s->members_all = s->stage == POL_GUARD && one_in(g, 2);
	for (uint32_t want = one_in(g, 20) ? 0 : 1 + gen_below(g, 4); n < want; n++) {
		uint8_t family = one_in(g, 3) ? 6 : 4;
		uint32_t lo = 1 + gen_below(g, LOCALS - 1);

		r[n].lo = r[n].hi = local_addr(family, one_in(g, 6) ? 0 : lo);
		for (uint32_t more = one_in(g, 2) ? 0 : gen_below(g, 4); more > 0; more--)
			(void)addr_next(&r[n].hi);
	}
	CHECK(addr_set_from(a, r, s->members_all ? 0 : n, &s->members) == RC_OK);
}

static int
rule_order(const void *a, const void *b)
{
	const struct pol_pos *x = &((const struct pol_rule *)a)->pos;
	const struct pol_pos *y = &((const struct pol_rule *)b)->pos;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void
rules_finish(struct pol_rules *out)
{
	const char *broken;

	qsort(out->rules, out->rule_count, sizeof(*out->rules), rule_order);
	out->defaults.unsegmented = WIRE_PASS;
	out->defaults.non_ip = WIRE_PASS;
	CHECK(pol_rules_check(out, &broken));
}

/* As a loop writes them: rule i at the place of an earlier one, mostly of another peer, service or
 * VLAN only. */
static void
rule_again(struct gen *g, struct arena *a, struct pol_rules *out, uint32_t i)
{
	struct pol_rule *r = &out->rules[i];

	*r = out->rules[i - 1 - gen_below(g, MIN(i, 4u))];
	r->pos.seq = i;
	switch (gen_below(g, 4)) {
	case 0:
		rule_services(g, a, r);
		break;
	case 1:
		r->vlan_count = 0;
		rule_vlans(g, a, r);
		break;
	default:
		r->peer = peer_set(g, a);
	}
	if (one_in(g, 8))
		r->segment = gen_below(g, out->segment_count);
	if (one_in(g, 8))
		r->pos.col++;
	if (one_in(g, 8))
		r->deny = !r->deny;
}

void
gen_rules(struct gen *g, struct arena *a, uint32_t segments_max, uint32_t rules_max,
    struct pol_rules *out)
{
	CHECK(segments_max > 0);
	memset(out, 0, sizeof(*out));
	files(a, out);
	out->segment_count = 1 + gen_below(g, segments_max);
	out->segments = need(arena_array(a, out->segment_count, sizeof(*out->segments)));
	for (uint32_t i = 0; i < out->segment_count; i++)
		segment(g, a, i, &out->segments[i]);
	out->rule_count = gen_below(g, rules_max + 1);
	out->rules = need(arena_array(a, out->rule_count, sizeof(*out->rules)));
	for (uint32_t i = 0; i < out->rule_count; i++) {
		struct pol_rule *r = &out->rules[i];

		if (i > 0 && one_in(g, 3)) {
			rule_again(g, a, out, i);
			continue;
		}
		if (i > 0 && one_in(g, 8)) {	/* again, or nearly */
			*r = out->rules[gen_below(g, i)];
			if (one_in(g, 2))
				r->segment = gen_below(g, out->segment_count);
			if (one_in(g, 2))
				r->peer = peer_set(g, a);
		} else {
			r->segment = gen_below(g, out->segment_count);
			r->dir = (uint8_t)gen_below(g, 2);
			r->peer = peer_set(g, a);
			rule_services(g, a, r);
			if (one_in(g, 4))
				rule_vlans(g, a, r);
		}
		r->deny = one_in(g, 3);
		r->mode = (uint8_t)gen_below(g, WIRE_MODE__COUNT);
		r->count = one_in(g, 5);
		r->log = one_in(g, 5);
		r->why = one_in(g, 5) ? "CHG-1, \"quoted\"" : NULL;
		r->pos = place(g, 40, i);
	}
	rules_finish(out);
}

void
gen_rules_large(struct gen *g, struct arena *a, uint32_t segments, uint32_t rules,
    struct pol_rules *out)
{
	static const uint16_t common[] = { 22, 53, 80, 123, 443, 3306, 5432, 6379, 8080, 9090 };

	CHECK(segments > 0 && segments <= POL_LOCALS_MAX / 2);
	memset(out, 0, sizeof(*out));
	files(a, out);
	out->segment_count = segments;
	out->segments = need(arena_array(a, segments, sizeof(*out->segments)));
	for (uint32_t i = 0; i < segments; i++) {
		struct pol_segment *s = &out->segments[i];
		struct addr_range r[2] = { { .lo = { 0, UINT64_C(0x0a140000) + i, 4 } },
			{ .lo = { UINT64_C(0xfd00002000040000), i + 1, 6 } } };

		r[0].hi = r[0].lo;
		r[1].hi = r[1].lo;
		s->name = need(arena_printf(a, "seg-%u", i));
		s->pos = (struct pol_pos){ 1, 1 + i, 1, i };
		s->stage = POL_APP;
		s->mode = WIRE_ENFORCE;
		CHECK(addr_set_from(a, r, 2, &s->members) == RC_OK);
	}
	out->rule_count = rules;
	out->rules = need(arena_array(a, rules, sizeof(*out->rules)));
	for (uint32_t i = 0; i < rules; i++) {
		struct pol_rule *r = &out->rules[i];
		struct addr p = { 0, UINT64_C(0x0a000000) + gen_below(g, 1 << 24), 4 };
		unsigned len = one_in(g, 3) ? 32 : 20 + gen_below(g, 13);
		struct addr_range range = addr_prefix(&p, len);
		struct pol_service *s = need(arena_alloc(a, sizeof(*s)));

		s->atom = (struct service){ .proto = one_in(g, 4) ? PROTO_UDP : PROTO_TCP,
			.sport_hi = ALL };
		s->atom.dport_lo = one_in(g, 2) ? common[gen_below(g, ARRAY_LEN(common))]
						: (uint16_t)(1 + gen_below(g, 60000));
		s->atom.dport_hi = (uint16_t)(s->atom.dport_lo + (one_in(g, 6) ?
		    gen_below(g, 100) : 0));
		s->state = WIRE_STATE_FLOW;
		r->services = s;
		r->service_count = 1;
		r->segment = i % segments;
		r->dir = (uint8_t)gen_below(g, 2);
		r->deny = one_in(g, 10);
		r->mode = WIRE_ENFORCE;
		CHECK(addr_set_from(a, &range, 1, &r->peer) == RC_OK);
		r->pos = (struct pol_pos){ 1 + i % 2, 10 + i, 2, i };
	}
	rules_finish(out);
}

static bool
local_pick(struct gen *g, const struct pol_rules *r, struct addr *local)
{
	for (int tries = 0; tries < 16; tries++) {
		const struct addr_set *m = &r->segments[gen_below(g, r->segment_count)].members;
		const struct addr_range *range;

		if (m->count == 0)
			continue;
		range = &m->ranges[gen_below(g, m->count)];
		*local = range->lo;
		for (uint32_t n = gen_below(g, 3); n > 0 && addr_cmp(local, &range->hi) < 0; n--)
			CHECK(addr_next(local));
		return true;
	}
	return false;
}

/* At, below or above an edge of a set, else any point. */
static struct addr
remote_pick(struct gen *g, const struct addr_set *s, uint8_t family)
{
	uint32_t first, count;
	struct addr a;

	addr_set_family(s, family, &first, &count);
	if (count == 0 || one_in(g, 6)) {
		a = point(g, family);
	} else {
		const struct addr_range *r = &s->ranges[first + gen_below(g, count)];

		a = one_in(g, 2) ? r->lo : r->hi;
	}
	step(g, &a);
	return a;
}

/* At an edge or, rarely, one beside it. */
static uint16_t
edge(struct gen *g, uint16_t lo, uint16_t hi)
{
	uint16_t v = one_in(g, 2) ? lo : hi;
	uint32_t kind = gen_below(g, 8);

	return (uint16_t)(kind == 0 ? v + 1 : kind == 1 ? v - 1 : v);
}

static void
key_ports(struct gen *g, const struct service *s, uint8_t family, struct pkt_key *k)
{
	k->proto = s->proto;
	if (s->proto_any || one_in(g, 10))
		k->proto = protos[gen_below(g, sizeof(protos))];
	bool other = k->proto == (family == 4 ? PROTO_ICMP6 : PROTO_ICMP);

	if (other && !one_in(g, 4)) {
		k->proto = family == 4 ? PROTO_ICMP : PROTO_ICMP6;
		other = false;
	}
	k->frag = (uint8_t)(one_in(g, 6) ? gen_below(g, WIRE_FRAG__COUNT) : WIRE_FRAG_NONE);
	k->sport = 0;
	k->dport = 0;
	if (k->frag == WIRE_FRAG_REST || other)
		return;
	if (k->proto == PROTO_TCP || k->proto == PROTO_UDP || k->proto == PROTO_SCTP)
		k->sport = edge(g, s->sport_lo, s->sport_hi);
	else if (k->proto != PROTO_ICMP && k->proto != PROTO_ICMP6)
		return;
	k->dport = edge(g, s->dport_lo, s->dport_hi);
}

static uint16_t
key_vlan(struct gen *g, const struct pol_rule *r)
{
	uint32_t v;

	if (r == NULL || r->vlan_count == 0 || one_in(g, 8))
		return one_in(g, 2) ? WIRE_VLAN_NONE : vlans[gen_below(g, ARRAY_LEN(vlans))];
	v = gen_below(g, r->vlan_count);
	v = edge(g, r->vlans[v].lo, r->vlans[v].hi);
	return (uint16_t)MIN(v, WIRE_VLAN_NONE);
}

void
gen_key(struct gen *g, const struct pol_rules *r, struct addr *local, struct pkt_key *k)
{
	static const struct service whole = { .proto_any = true, .sport_hi = ALL,
		.dport_hi = ALL };
	const struct pol_rule *rule = NULL;
	const struct service *s = &whole;
	uint8_t family;

	memset(k, 0, sizeof(*k));
	if (one_in(g, 16) || !local_pick(g, r, local))
		*local = (struct addr){ .family = 0 };
	if (r->rule_count > 0 && !one_in(g, 20)) {
		for (int tries = 0; tries < 4; tries++) {	/* rather one of this table */
			const struct pol_segment *seg;

			rule = &r->rules[gen_below(g, r->rule_count)];
			seg = &r->segments[rule->segment];
			if (local->family == 0 ? seg->members_all :
			    addr_set_has(&seg->members, local))
				break;
		}
		if (rule->service_count > 0)
			s = &rule->services[gen_below(g, rule->service_count)].atom;
	}
	family = local->family != 0 ? local->family : one_in(g, 2) ? 4 : 6;
	k->dir = (uint8_t)(rule != NULL && !one_in(g, 10) ? rule->dir : gen_below(g, 2));
	if (rule != NULL)
		k->remote = remote_pick(g, &rule->peer, family);
	else
		k->remote = point(g, family);
	key_ports(g, s, family, k);
	k->vlan = key_vlan(g, rule);
}
