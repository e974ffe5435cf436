/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_pass_merge - held to the table of pol_pass.h field by field; what of a field is joined; which
 * rules between two keep them apart; its bounds; and memory that ends anywhere.
 */
#include "t.h"

#include "pol_pass.h"

enum { RULES_MAX = 6000, ALL = 0xffff };

static struct arena arena;
static struct pol_rules r;
static struct pol_merged merged;

static const struct service tcp80 = { .proto = PROTO_TCP, .sport_hi = ALL, .dport_lo = 80,
	.dport_hi = 80 };
static const struct service tcp81 = { .proto = PROTO_TCP, .sport_hi = ALL, .dport_lo = 81,
	.dport_hi = 81 };

static void
start(void)
{
	static const char *files[] = { "a.pol", "b.pol" };
	static struct pol_segment segments[2];

	arena_reset(&arena);
	for (uint32_t i = 0; i < 2; i++)
		segments[i] = (struct pol_segment){ .name = i == 0 ? "a" : "b",
			.stage = POL_APP, .mode = WIRE_ENFORCE };
	r = (struct pol_rules){ .files = files, .file_count = 2, .segments = segments,
		.segment_count = 2, .rules = arena_array(&arena, RULES_MAX, sizeof(*r.rules)),
		.defaults = { .unsegmented = WIRE_PASS, .non_ip = WIRE_PASS } };
	CHECK(r.rules != NULL);
}

static struct addr_set
one(uint32_t v4)
{
	struct addr_range range = { { 0, v4, 4 }, { 0, v4, 4 } };
	struct addr_set s;

	CHECK(addr_set_from(&arena, &range, 1, &s) == RC_OK);
	return s;
}

/* An inbound allow at a.pol:7:3, from one address. */
static struct pol_rule *
rule(const struct service *s, uint32_t peer)
{
	struct pol_rule *p = &r.rules[r.rule_count];

	CHECK(r.rule_count < RULES_MAX);
	*p = (struct pol_rule){ .pos = { 0, 7, 3, r.rule_count++ }, .dir = WIRE_IN,
		.mode = WIRE_ENFORCE, .peer = one(peer), .service_count = 1,
		.services = arena_alloc(&arena, sizeof(*p->services)) };
	CHECK(p->services != NULL);
	p->services[0] = (struct pol_service){ *s, WIRE_STATE_FLOW };
	return p;
}

/* How many rules are left. */
static uint32_t
left(void)
{
	const char *broken;

	CHECK(pol_rules_check(&r, &broken));
	CHECK(pol_pass_merge(&r, true, &arena, &merged) == RC_OK);
	return merged.rules.rule_count;
}

static void
field_change(struct pol_rule *p, const char *f)
{
	static const struct vlan_range vlan = { 10, 20 };

	if (strcmp(f, "dir") == 0) {
		p->dir = WIRE_OUT;
	} else if (strcmp(f, "peer") == 0) {
		p->peer = one(0x0a000009);
	} else if (strcmp(f, "services") == 0) {
		p->services[0].atom = tcp81;
	} else if (strcmp(f, "vlans") == 0) {
		p->vlans = arena_memdup(&arena, &vlan, sizeof(vlan));
		p->vlan_count = 1;
	} else if (strcmp(f, "verdict") == 0) {
		p->deny = true;
	} else if (strcmp(f, "mode") == 0) {
		p->mode = WIRE_COMPLY;
	} else if (strcmp(f, "state") == 0) {
		p->services[0].state = WIRE_STATE_NONE;
	} else if (strcmp(f, "log") == 0) {
		p->log = true;
	} else if (strcmp(f, "counter") == 0) {
		p->count = true;
	} else if (strcmp(f, "place") == 0) {
		p->pos.col++;
	} else if (strcmp(f, "segment") == 0) {
		p->segment = 1;
	} else if (strcmp(f, "why") == 0) {
		p->why = "CHG-1";
	} else {
		CHECK(strcmp(f, "rule_id") == 0);	/* rules have none yet */
	}
}

/* Two denies that differ in their peers, and in field f. */
static uint32_t
left_with(const char *f, bool peers_differ)
{
	struct pol_rule *p, *q;

	start();
	p = rule(&tcp80, 0x0a000001);
	q = rule(&tcp80, 0x0a000001);
	if (peers_differ)
		q->peer = one(0x0a000007);
	p->deny = q->deny = strcmp(f, "state") != 0 && strcmp(f, "verdict") != 0;
	field_change(q, f);
	return left();
}

static void
each_field(void)
{
	for (size_t i = 0; i < ARRAY_LEN(pol_pass_fields); i++) {
		const struct pol_pass_field *f = &pol_pass_fields[i];

		switch ((enum pol_permit)f->merge) {
		case POL_MAY_DIFFER:
			T_IS_UINT(left_with(f->field, false), 1);
			if (strcmp(f->field, "peer") != 0)
				T_IS_UINT(left_with(f->field, true), 2);
			break;
		case POL_FREE:
			T_IS_UINT(left_with(f->field, true), 1);
			break;
		default:
			if (!T_IS_UINT(left_with(f->field, true), 2))
				printf("# %s\n", f->field);
		}
	}
	/* equal rules are for dedupe to find, and to be warned of */
	T_IS_UINT(left_with("rule_id", false), 2);
	/* of an allow the mode changes nothing */
	start();
	(void)rule(&tcp80, 1);
	rule(&tcp80, 2)->mode = WIRE_COMPLY;
	T_IS_UINT(left(), 1);
	/* another line is another place, also in another file */
	start();
	(void)rule(&tcp80, 1);
	rule(&tcp80, 2)->pos.line = 8;
	rule(&tcp80, 3)->pos.file = 1;
	T_IS_UINT(left(), 3);
	start();
	(void)rule(&tcp80, 1);
	(void)rule(&tcp80, 2);
	CHECK(pol_pass_merge(&r, false, &arena, &merged) == RC_OK);
	T_IS_UINT(merged.rules.rule_count, 2);
}

static void
fields_are_joined(void)
{
	static const struct vlan_range vlans[] = { { 10, 20 }, { 21, 30 }, { 5, 5 } };
	struct pol_rule *p;

	start();
	for (uint32_t i = 0; i < 256; i++)
		(void)rule(&tcp80, 0x0a000000 + (i * 7) % 256);
	T_IS_UINT(left(), 1);
	T_IS_UINT(merged.rules.rules[0].peer.count, 1);
	T_IS_UINT(merged.rules.rules[0].peer.ranges[0].hi.lo, 0x0a0000ff);
	T_IS_UINT(merged.into[255], 0);
	T_IS_UINT(merged.rules.rules[0].pos.seq, 0);

	start();
	(void)rule(&tcp81, 1);
	(void)rule(&tcp80, 1);
	rule(&tcp80, 1)->services[0].state = WIRE_STATE_NONE;
	T_IS_UINT(left(), 1);
	p = &merged.rules.rules[0];
	T_IS_UINT(p->service_count, 3);
	T_OK(p->services[0].atom.dport_lo == 80 && p->services[1].atom.dport_lo == 80 &&
	    p->services[2].atom.dport_lo == 81 && p->services[0].state < p->services[1].state);

	start();
	for (size_t i = 0; i < ARRAY_LEN(vlans); i++) {
		p = rule(&tcp80, 1);
		p->vlans = arena_memdup(&arena, &vlans[i], sizeof(vlans[i]));
		p->vlan_count = 1;
	}
	T_IS_UINT(left(), 1);
	p = &merged.rules.rules[0];
	T_IS_UINT(p->vlan_count, 2);
	T_OK(p->vlans[0].lo == 5 && p->vlans[1].lo == 10 && p->vlans[1].hi == 30);
	(void)rule(&tcp80, 1);		/* in any VLAN, and in none */
	T_IS_UINT(left(), 1);
	T_IS_UINT(merged.rules.rules[0].vlan_count, 0);
}

/* A B A: the second A may pass B where no packet is of both. */
static void
rules_between(void)
{
	struct pol_rule *b;

	start();
	(void)rule(&tcp80, 1);
	b = rule(&tcp80, 2);
	b->pos.col = 9;
	(void)rule(&tcp80, 2);
	T_IS_UINT(left(), 3);
	b->peer = one(1);		/* meets the first A, which stays before it */
	T_IS_UINT(left(), 2);
	b->peer = one(2);
	b->services[0].atom = tcp81;
	T_IS_UINT(left(), 2);
	T_OK(merged.into[0] == 0 && merged.into[1] == 1 && merged.into[2] == 0);
	b->services[0].atom = tcp80;
	b->services[0].atom.dport_hi = 81;
	T_IS_UINT(left(), 3);
	b->dir = WIRE_OUT;
	T_IS_UINT(left(), 2);
	b->dir = WIRE_IN;
	b->deny = true;			/* of another rank */
	T_IS_UINT(left(), 2);
	b->deny = false;
	b->services[0].atom = (struct service){ .proto_any = true, .sport_hi = ALL,
		.dport_hi = ALL };
	T_IS_UINT(left(), 3);
	b->services[0].atom = (struct service){ .proto = 89, .sport_hi = ALL, .dport_hi = ALL };
	T_IS_UINT(left(), 2);
	/* two loops in one line, of which the first goes on */
	start();
	for (uint32_t i = 0; i < 100; i++)
		rule(i % 2 == 0 ? &tcp80 : &tcp81, i / 2)->pos.col = 3 + i % 2;
	T_IS_UINT(left(), 2);
	/* what grows is not asked: it would be all of the members' */
	start();
	(void)rule(&tcp80, 1);
	(void)rule(&tcp80, 2);
	rule(&tcp80, 3)->pos.col = 9;
	rule(&tcp80, 4)->pos.col = 9;
	(void)rule(&tcp80, 5);
	T_IS_UINT(left(), 3);
}

static void
bounds(void)
{
	start();
	for (uint32_t i = 0; i < POL_SHADOW_ITEM_STEPS_MAX; i++)
		(void)rule(&tcp80, 2 * i);
	T_IS_UINT(left(), 1);
	(void)rule(&tcp80, 1);
	T_IS_UINT(left(), 2);
	/* past 16 rules that others cannot join, those before are forgotten */
	for (uint32_t more = 15; more <= 16; more++) {
		start();
		(void)rule(&tcp80, 1);
		for (uint32_t i = 0; i < more; i++)
			rule(&tcp81, 2)->pos.col = 9 + i;
		(void)rule(&tcp80, 3);
		T_IS_UINT(left(), 1 + more + (more == 16));
	}
}

static void
memory_ends_anywhere(void)
{
	enum rc rc = RC_NOMEM;

	start();
	for (uint32_t i = 0; i < 40; i++) {
		(void)rule(&tcp80, 2 * i);
		rule(i % 2 == 0 ? &tcp80 : &tcp81, 1)->pos.col = 9;
	}
	for (size_t cap = 1; rc != RC_OK && cap < (size_t)1 << 22; cap += 256) {
		struct arena a;

		arena_init(&a, cap);
		rc = pol_pass_merge(&r, true, &a, &merged);
		T_OK(rc == RC_OK || rc == RC_NOMEM);
		arena_fini(&a);
	}
	T_IS_INT(rc, RC_OK);
}

int
main(void)
{
	arena_init(&arena, (size_t)64 << 20);
	T_RUN(each_field);
	T_RUN(fields_are_joined);
	T_RUN(rules_between);
	T_RUN(bounds);
	T_RUN(memory_ends_anywhere);
	arena_fini(&arena);
	return t_done();
}
