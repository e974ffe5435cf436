/* SPDX-License-Identifier: Apache-2.0 */
/* gen_sets - a base of plain rules whose fields are drawn again, by kind. */
#include "gen_sets.h"

#include <stdlib.h>

enum { ALL = 0xffff, GROUPS = 64, FEED_PREFIXES = 40000, TABLE_MAX = 4000 };

struct sets {
	struct gen *g;
	struct arena *a;
	enum gen_set kind;
	struct addr_set groups[GROUPS];
	uint32_t group_count;
};

static struct addr_set
set_of(struct sets *s, struct addr_range *ranges, uint32_t n)
{
	struct addr_set out;

	CHECK(addr_set_from(s->a, ranges, n, &out) == RC_OK);
	return out;
}

static struct addr_range
prefix(struct sets *s, unsigned len)
{
	struct addr p = { 0, gen_rand(s->g) & UINT32_MAX, 4 };

	return addr_prefix(&p, len);
}

static void
groups_make(struct sets *s)
{
	uint32_t size = s->kind == GEN_FEED ? FEED_PREFIXES : 0;

	s->group_count = s->kind == GEN_FEED ? 1 : GROUPS;
	for (uint32_t i = 0; i < s->group_count; i++) {
		uint32_t n = size != 0 ? size : 1 + gen_below(s->g, 64);
		struct addr_range *r = arena_array(s->a, n, sizeof(*r));

		CHECK(r != NULL);
		for (uint32_t k = 0; k < n; k++)
			r[k] = prefix(s, size != 0 ? 32 : 24 + gen_below(s->g, 9));
		s->groups[i] = set_of(s, r, n);
	}
}

static struct addr_set
peer_of(struct sets *s)
{
	struct addr base = { 0, UINT64_C(0x0a000000), 4 };
	struct addr_range r[1];
	unsigned len;

	switch (s->kind) {
	case GEN_GROUPS:
		if (gen_below(s->g, 4) != 0)
			return s->groups[gen_below(s->g, s->group_count)];
		r[0] = prefix(s, 32);
		break;
	case GEN_FEED:
		if (gen_below(s->g, 4) == 0)
			return s->groups[0];
		r[0] = prefix(s, 32);
		break;
	case GEN_FIREWALL:
		r[0] = prefix(s, gen_below(s->g, 8) == 0 ? 0 : 8 + gen_below(s->g, 25));
		break;
	case GEN_CHAIN:
		len = 8 + gen_below(s->g, 25);
		base.lo |= gen_rand(s->g) & 0xffffff & ~((UINT64_C(1) << (32 - len)) - 1) &
		    0xf0f0ff;
		r[0] = addr_prefix(&base, len);
		break;
	default:
		r[0] = prefix(s, 20 + gen_below(s->g, 13));
		break;
	}
	if (gen_below(s->g, 4) == 0) {
		base = (struct addr){ UINT64_C(0xfd00002000040000) + gen_below(s->g, 256),
			gen_rand(s->g), 6 };
		r[0] = addr_prefix(&base, gen_below(s->g, 2) == 0 ? 64 : 128);
	}
	return set_of(s, r, 1);
}

static struct service
service_of(struct sets *s)
{
	static const uint16_t common[] = { 22, 53, 80, 123, 443, 3306, 5432, 6379, 8080, 9090 };
	struct service v = { .proto = gen_below(s->g, 4) == 0 ? PROTO_UDP : PROTO_TCP,
		.sport_hi = ALL };
	uint16_t port = (uint16_t)(1 + gen_below(s->g, 60000));

	v.dport_lo = v.dport_hi = gen_below(s->g, 2) == 0 ? port :
	    common[gen_below(s->g, ARRAY_LEN(common))];
	if (s->kind == GEN_CHAIN)
		v.dport_lo = v.dport_hi = common[gen_below(s->g, ARRAY_LEN(common))];
	if (s->kind == GEN_FIREWALL && gen_below(s->g, 3) == 0)
		v.dport_hi = (uint16_t)(v.dport_lo + gen_below(s->g, 1000));
	if (s->kind == GEN_FIREWALL && gen_below(s->g, 12) == 0)
		v.sport_lo = 1024;
	if (s->kind == GEN_GROUPS && gen_below(s->g, 6) == 0)
		v.dport_hi = (uint16_t)(v.dport_lo + 100);
	return v;
}

/* Segment of rule i: heavy-tailed, none beyond what a table holds. */
static uint32_t
segment_pick(struct sets *s, uint32_t *load, uint32_t segments)
{
	for (;;) {
		/* 1/x weights: exp of a uniform exponent, in integers */
		uint32_t span = 1u << gen_below(s->g, 32 - (uint32_t)__builtin_clz(segments));
		uint32_t at = span - 1 + gen_below(s->g, span);

		if (at >= segments || (load[at] >= TABLE_MAX && segments > 1))
			continue;
		load[at]++;
		return at;
	}
}

void
gen_set_make(struct gen *g, struct arena *a, enum gen_set kind, uint32_t tables, uint32_t rules,
    struct pol_rules *out)
{
	struct sets s = { .g = g, .a = a, .kind = kind };
	struct vlan_range *vlan;
	uint32_t *load = calloc(tables, sizeof(*load));
	const char *broken;

	CHECK(load != NULL);
	gen_rules_large(g, a, tables, rules, out);
	if (kind != GEN_PLAIN)
		groups_make(&s);
	for (uint32_t i = 0; i < rules && kind != GEN_PLAIN; i++) {
		struct pol_rule *r = &out->rules[i];

		r->segment = segment_pick(&s, load, tables);
		r->peer = peer_of(&s);
		r->services[0].atom = service_of(&s);
		if (kind == GEN_FIREWALL && gen_below(g, 12) == 0) {
			vlan = arena_alloc(a, sizeof(*vlan));
			CHECK(vlan != NULL);
			vlan->lo = vlan->hi = (uint16_t)(1 + gen_below(g, 30));
			r->vlans = vlan;
			r->vlan_count = 1;
		}
	}
	free(load);
	CHECK(pol_rules_check(out, &broken));
}
