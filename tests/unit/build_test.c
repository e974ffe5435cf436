/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_test - pol_build case by case: sharing of lists, the guard's table, ids that outlive edits,
 * counters, each bound from both sides, each warning with and without its cause, and dedupe and
 * shadow held to the table of pol_pass.h field by field.
 */
#include "t.h"

#include "pol.h"
#include "pol_pass.h"

enum { RULES_MAX = 12000, SEGMENTS_MAX = 8, ALL = 0xffff };

static struct arena arena;
static struct diags diags;
static struct pol_rules r;
static struct image_input in;
static struct image_symbols symbols;

static void
start(void)
{
	static const char *files[] = { "<guard>", "a.pol", "b.pol" };

	arena_reset(&arena);
	diags_fini(&diags);
	CHECK(diags_init(&diags));
	r = (struct pol_rules){ .files = files, .file_count = 3,
		.segments = arena_array(&arena, SEGMENTS_MAX, sizeof(struct pol_segment)),
		.rules = arena_array(&arena, RULES_MAX, sizeof(struct pol_rule)),
		.workloads = arena_array(&arena, 4, sizeof(struct pol_workload)),
		.defaults = { .unsegmented = WIRE_PASS, .non_ip = WIRE_PASS } };
	CHECK(r.segments != NULL && r.rules != NULL && r.workloads != NULL);
}

/* "10.0.0.1", "10.0.0.1-10.0.0.9", "any", several with a blank between; "" is none. */
static struct addr_set
set(const char *text)
{
	struct addr_range ranges[8];
	struct addr_set s;
	size_t n = 0;

	if (strcmp(text, "any") == 0) {
		CHECK(addr_set_any(&arena, 0, &s) == RC_OK);
		return s;
	}
	while (*text != '\0') {
		size_t len = strcspn(text, " "), dash = strcspn(text, "- ");

		CHECK(n < ARRAY_LEN(ranges));
		CHECK(addr_parse(text, dash, &ranges[n].lo));
		ranges[n].hi = ranges[n].lo;
		if (dash < len)
			CHECK(addr_parse(text + dash + 1, len - dash - 1, &ranges[n].hi));
		n++;
		text += len + (text[len] == ' ');
	}
	CHECK(addr_set_from(&arena, ranges, n, &s) == RC_OK);
	return s;
}

static uint32_t
segment(const char *name, uint8_t stage, uint8_t mode, const char *members)
{
	struct pol_segment *s = &r.segments[r.segment_count];
	bool all = strcmp(members, "all") == 0;

	CHECK(r.segment_count < SEGMENTS_MAX);
	*s = (struct pol_segment){ .name = name, .pos = { 1, r.segment_count + 1, 1, 0 },
		.stage = stage, .mode = mode, .members_all = all,
		.members = set(all ? "" : members) };
	return r.segment_count++;
}

static const struct service tcp80 = { .proto = PROTO_TCP, .sport_hi = ALL, .dport_lo = 80,
	.dport_hi = 80 };
static const struct service tcp = { .proto = PROTO_TCP, .sport_hi = ALL, .dport_hi = ALL };

/* At a line after all the others. */
static struct pol_rule *
rule(uint32_t seg, uint8_t dir, bool deny, const struct service *s, const char *peer)
{
	struct pol_rule *p = &r.rules[r.rule_count];

	CHECK(r.rule_count < RULES_MAX);
	*p = (struct pol_rule){ .pos = { 2, 10 + r.rule_count, 3, 0 }, .segment = seg, .dir = dir,
		.deny = deny, .mode = r.segments[seg].mode, .peer = set(peer),
		.services = arena_alloc(&arena, sizeof(struct pol_service)), .service_count = 1 };
	CHECK(p->services != NULL);
	p->services[0] = (struct pol_service){ *s, WIRE_STATE_FLOW };
	r.rule_count++;
	return p;
}

static enum rc
build(unsigned passes)
{
	const char *broken;

	if (!T_OK(pol_rules_check(&r, &broken)))
		printf("# %s\n", broken);
	return pol_build(&r, passes, &arena, &in, &symbols, &diags);
}

static const struct image_list *
list_of(const char *local)
{
	struct addr a = { .family = 0 };

	if (local != NULL)
		CHECK(addr_parse(local, strlen(local), &a));
	for (uint32_t i = 0; i < in.table_count; i++)
		if (addr_cmp(&in.tables[i].local, &a) == 0)
			return &in.lists[in.tables[i].list];
	return NULL;
}

/* How many messages have this code; *first is the first of them. */
static unsigned
said(const char *code, const struct diag **first)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < diags.count; i++)
		if (strcmp(diags.items[i].code, code) == 0 && n++ == 0 && first != NULL)
			*first = &diags.items[i];
	return n;
}

static void
test_lists(void)
{
	uint32_t a, b;

	start();
	a = segment("a", POL_APP, WIRE_COMPLY, "10.0.0.1-10.0.0.3 fd00::1");
	b = segment("b", POL_APP, WIRE_ENFORCE, "10.0.0.3-10.0.0.4 224.0.0.1");
	segment("g", POL_GUARD, WIRE_LEARN, "all");
	rule(a, WIRE_IN, false, &tcp80, "any");
	rule(b, WIRE_OUT, true, &tcp, "10.9.0.0");
	rule(2, WIRE_IN, false, &tcp, "10.8.0.0 fd00::9");
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(in.table_count, 6);	/* the guard's, four of v4, one of v6; no multicast */
	T_OK(list_of("10.0.0.1") == list_of("10.0.0.2"));
	T_OK(list_of("10.0.0.1") != list_of("10.0.0.3"));
	T_OK(list_of("224.0.0.1") == NULL);
	T_IS_UINT(list_of(NULL)->count, 1);
	T_OK(list_of(NULL)->deflt.verdict == WIRE_DROP && list_of(NULL)->deflt.rule_id != 0);
	T_IS_UINT(list_of("10.0.0.1")->count, 2);
	T_IS_UINT(list_of("10.0.0.3")->count, 3);
	T_IS_UINT(list_of("fd00::1")->count, 2);
	/* stage guard first, then the deny, then the allow */
	T_IS_UINT(list_of("10.0.0.3")->rules[0]->peer.ranges[0].lo.lo, 0x0a080000);
	T_IS_UINT(list_of("10.0.0.3")->rules[1]->action.verdict, WIRE_DROP);
	T_IS_UINT(list_of("10.0.0.3")->rules[2]->peer.count, 1);
	T_IS_UINT(list_of("fd00::1")->rules[1]->peer.ranges[0].lo.family, 6);
	T_IS_UINT(list_of("10.0.0.1")->deflt.mode, WIRE_COMPLY);
	T_IS_UINT(list_of("10.0.0.3")->deflt.mode, WIRE_ENFORCE);
	T_OK(list_of("10.0.0.3")->deflt.rule_id == list_of("10.0.0.4")->deflt.rule_id);
	T_IS_UINT(said("multicast-member", NULL), 1);
}

/* Segments with nothing to say make no difference between lists. */
static void
test_equal_lists(void)
{
	start();
	segment("a", POL_APP, WIRE_ENFORCE, "10.0.0.1-10.0.0.2");
	segment("b", POL_APP, WIRE_COMPLY, "10.0.0.2");
	rule(0, WIRE_IN, false, &tcp80, "any");
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_OK(list_of("10.0.0.1") == list_of("10.0.0.2"));
	T_IS_UINT(in.list_count, 2);
}

static void
test_nothing(void)
{
	start();
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(in.table_count, 1);
	T_IS_UINT(list_of(NULL)->count, 0);
	T_IS_UINT(symbols.count, 0);
	T_IS_UINT(diags.errors + diags.warnings, 0);
}

static void
test_states(void)
{
	struct pol_rule *p;
	const struct image_list *l;

	start();
	segment("a", POL_APP, WIRE_ENFORCE, "10.0.0.1");
	p = rule(0, WIRE_IN, false, &tcp80, "any");
	p->services = arena_array(&arena, 3, sizeof(*p->services));
	CHECK(p->services != NULL);
	p->services[0] = (struct pol_service){ tcp, WIRE_STATE_FLAGS };
	p->services[1] = (struct pol_service){ tcp80, WIRE_STATE_NONE };
	p->services[2] = (struct pol_service){ tcp80, WIRE_STATE_FLOW };
	p->service_count = 3;
	T_OK(build(0) == RC_OK);
	l = list_of("10.0.0.1");
	if (!T_IS_UINT(l->count, 3))
		return;
	for (uint8_t i = 0; i < 3; i++) {
		T_IS_UINT(l->rules[i]->action.state, WIRE_STATE_FLOW - i);
		T_IS_UINT(l->rules[i]->action.rule_id, l->rules[0]->action.rule_id);
	}
	T_IS_UINT(symbols.count, 2);
	T_OK(build(POL_PASS_ALL) == RC_OK);	/* none of 80 is left for the third */
	T_IS_UINT(list_of("10.0.0.1")->count, 2);
	p->deny = true;
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(list_of("10.0.0.1")->count, 1);
	T_IS_UINT(list_of("10.0.0.1")->rules[0]->service_count, 2);
}

static uint32_t
id_at(uint32_t line)
{
	for (uint32_t i = 0; i < symbols.count; i++)
		if (symbols.items[i].line == line && !symbols.items[i].is_default)
			return symbols.items[i].rule_id;
	return 0;
}

static uint32_t
id_now(void)
{
	CHECK(build(0) == RC_OK);
	return id_at(r.rules[0].pos.line);
}

/* An id stays where only the place or the why change, and moves with each part of the meaning. */
static void
test_ids(void)
{
	struct vlan_range vlan = { 5, 6 };
	struct pol_rule *p;
	uint32_t id;

	start();
	segment("a", POL_APP, WIRE_ENFORCE, "10.0.0.1");
	p = rule(0, WIRE_IN, false, &tcp80, "10.9.0.1");
	id = id_now();
	T_OK(id != 0);
	p->pos.line = 99;
	p->why = "because";
	r.segments[0].members = set("10.0.0.1-10.0.0.7");
	T_IS_UINT(id_now(), id);
	p->mode = WIRE_LEARN;		/* of an allow: no meaning */
	T_IS_UINT(id_now(), id);
	T_OK((p->log = true, id_now()) != id);
	T_OK((p->log = false, p->count = true, id_now()) != id);
	T_OK((p->count = false, p->dir = WIRE_OUT, id_now()) != id);
	T_OK((p->dir = WIRE_IN, p->deny = true, p->mode = WIRE_ENFORCE, id_now()) != id);
	T_OK((p->deny = false, p->peer = set("10.9.0.2"), id_now()) != id);
	T_OK((p->peer = set("10.9.0.1"), p->services[0].atom.dport_hi = 81, id_now()) != id);
	T_OK((p->services[0].atom.dport_hi = 80, p->services[0].state = WIRE_STATE_NONE,
	    id_now()) != id);
	T_OK((p->services[0].state = WIRE_STATE_FLOW, p->vlans = &vlan, p->vlan_count = 1,
	    id_now()) != id);
	T_OK((p->vlan_count = 0, r.segments[0].name = "b", id_now()) != id);
	T_OK((r.segments[0].name = "a", r.segments[0].stage = POL_INFRA, id_now()) != id);
	r.segments[0].stage = POL_APP;
	T_IS_UINT(id_now(), id);
	rule(0, WIRE_IN, false, &tcp80, "10.9.0.1")->pos.line = 100;	/* the same again */
	T_IS_UINT(id_now(), id);
	T_OK(id_at(100) == id + 1);
}

static void
test_counters(void)
{
	const struct diag *d = NULL;

	start();
	segment("a", POL_APP, WIRE_ENFORCE, "10.0.0.1");
	for (int i = 0; i <= WIRE_COUNTERS_MAX; i++) {
		struct pol_rule *p = rule(0, WIRE_IN, false, &tcp80, "10.9.0.1");

		p->peer.ranges[0].lo.lo = p->peer.ranges[0].hi.lo += 2 * (uint32_t)i;
		p->count = i != 3;
	}
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(in.counter_count, WIRE_COUNTERS_MAX);
	for (uint32_t i = 0, want = 0; i < symbols.count; i++)	/* by id */
		if (symbols.items[i].line == 13 || symbols.items[i].is_default)
			T_OK(symbols.items[i].counter == WIRE_COUNTER_NONE);
		else
			T_OK(symbols.items[i].counter == want++);
	r.rules[3].count = true;
	T_OK(build(POL_PASS_ALL) == RC_LIMIT);
	if (T_IS_UINT(said("too-many-counters", &d), 1))
		T_OK(strstr(d->text, "1025") != NULL && strstr(d->text, "1024") != NULL &&
		    strstr(d->hint, "b.pol:10 (1)") != NULL);
	T_OK(in.table_count == 0);
}

/* n rules that differ, none at another's place, all at one line but the last. */
static void
many(uint32_t seg, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct pol_rule *p = rule(seg, WIRE_IN, false, &tcp80, "10.9.0.1");

		p->peer.ranges[0].lo.lo = p->peer.ranges[0].hi.lo += 2 * (uint64_t)i;
		p->pos.line = i + 1 < n ? 1000 + seg : 2000 + seg;
		p->pos.col = 1 + i;
		p->pos.seq = r.rule_count;
	}
}

static void
test_table_limit(void)
{
	const struct diag *d = NULL;

	start();
	segment("a", POL_APP, WIRE_ENFORCE, "10.0.0.1");
	many(0, WIRE_TABLE_RULES_MAX);
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(list_of("10.0.0.1")->count, WIRE_TABLE_RULES_MAX);
	rule(0, WIRE_OUT, false, &tcp80, "10.9.0.1")->pos.line = 9000;
	T_OK(build(POL_PASS_ALL) == RC_LIMIT);
	if (T_IS_UINT(said("table-too-big", &d), 1))
		T_OK(strstr(d->text, "5121") != NULL && strstr(d->text, "5120") != NULL &&
		    strstr(d->hint, "b.pol:1000 (5119)") != NULL && d->level == DIAG_ERROR);
}

static void
test_locals_limit(void)
{
	const struct diag *d = NULL;

	start();
	segment("a", POL_APP, WIRE_ENFORCE, "10.0.0.0-10.0.15.254");
	segment("b", POL_APP, WIRE_ENFORCE, "10.0.15.255");
	rule(0, WIRE_IN, false, &tcp80, "any");
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(in.table_count, POL_LOCALS_MAX + 1);
	T_IS_UINT(in.list_count, 3);
	r.segments[1].members = set("10.0.15.255-10.0.16.0");
	T_OK(build(POL_PASS_ALL) == RC_LIMIT);
	if (T_IS_UINT(said("too-many-locals", &d), 1))
		T_OK(strstr(d->text, "4097") != NULL && strstr(d->text, "4096") != NULL &&
		    strstr(d->hint, "\"a\"") != NULL);
	r.segments[1].members = set("any");
	T_OK(build(POL_PASS_ALL) == RC_LIMIT);
}

/* The bound of the image: one segment's rules stand in the lists of many classes. */
static void
test_image_limit(void)
{
	const struct diag *d = NULL;
	uint32_t lists = WIRE_RULES_MAX / 5000 + 1;

	start();
	r.segments = arena_array(&arena, lists + 2, sizeof(*r.segments));
	CHECK(r.segments != NULL);
	segment("all", POL_APP, WIRE_ENFORCE, "10.0.0.0-10.0.0.40");
	for (uint32_t i = 0; i <= lists; i++) {
		struct pol_segment *s = &r.segments[r.segment_count++];

		*s = r.segments[0];
		s->name = arena_printf(&arena, "s%u", i);
		s->mode = WIRE_COMPLY;
		s->members = set("10.0.0.0");
		s->members.ranges[0].lo.lo = s->members.ranges[0].hi.lo += i;
	}
	r.segments[0].members = set("10.0.0.0");
	r.segments[0].members.ranges[0].hi.lo += lists - 1;
	many(0, 5000);
	for (uint32_t i = 0; i < lists; i++) {	/* so that no two lists are equal */
		struct pol_rule *p = rule(1 + i, WIRE_OUT, false, &tcp80, "10.9.0.1");

		p->pos.line = 3000 + i;
		r.rules[r.rule_count - 1].deny = true;
	}
	T_OK(build(POL_PASS_ALL) == RC_LIMIT);
	if (T_IS_UINT(said("image-too-big", &d), 1))
		T_OK(strstr(d->text, "131072") != NULL &&
		    strstr(d->hint, "b.pol:1000 (") != NULL);
	r.rule_count = 5000 - 1;	/* equal lists are one */
	T_OK(build(POL_PASS_ALL) == RC_OK);
}

/* 12 segments that cut 4,095 local IPs into as many classes, and rules that are all equal: each
 * table is small, but there is too much to look through. */
static void
test_gathered_limit(void)
{
	const struct diag *d = NULL;

	start();
	r.segments = arena_array(&arena, 12, sizeof(*r.segments));
	CHECK(r.segments != NULL);
	for (uint32_t bit = 0; bit < 12; bit++) {
		struct addr_range *one = arena_array(&arena, POL_LOCALS_MAX, sizeof(*one));
		struct pol_segment *s = &r.segments[r.segment_count++];
		size_t n = 0;

		CHECK(one != NULL);
		for (uint32_t i = 0; i < POL_LOCALS_MAX; i++)
			if (i >> bit & 1)
				one[n++] = (struct addr_range){ { 0, 0x0a000000 + i, 4 },
					{ 0, 0x0a000000 + i, 4 } };
		*s = (struct pol_segment){ .name = arena_printf(&arena, "s%u", bit),
			.pos = { 1, bit + 1, 1, 0 }, .stage = POL_APP, .mode = WIRE_ENFORCE };
		CHECK(addr_set_from(&arena, one, n, &s->members) == RC_OK);
	}
	for (uint32_t i = 0; i < 9000; i++)
		rule(i % 12, WIRE_IN, false, &tcp80, "10.9.0.1");
	T_OK(build(POL_PASS_ALL) == RC_LIMIT);
	T_IS_UINT(said("image-too-big", &d), 1);
	r.rule_count = 12;
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(in.table_count, POL_LOCALS_MAX);
}

static void
test_warn_never(void)
{
	static const struct service icmp6 = { .proto = PROTO_ICMP6, .family = 6, .sport_hi = ALL,
		.dport_hi = ALL };
	static const char *const why[] = { "peers is empty", "no service",
		"IPv6 only and its peers IPv4", "no IPv6 member", "no member" };

	start();
	segment("a", POL_APP, WIRE_ENFORCE, "10.0.0.1");
	segment("b", POL_APP, WIRE_ENFORCE, "");
	rule(0, WIRE_IN, false, &tcp80, "");
	rule(0, WIRE_IN, false, &tcp80, "any")->service_count = 0;
	rule(0, WIRE_IN, false, &icmp6, "10.9.0.1");
	rule(0, WIRE_IN, false, &tcp80, "fd00::1");
	rule(1, WIRE_IN, false, &tcp80, "any");
	rule(0, WIRE_IN, false, &tcp80, "any");
	T_OK(build(POL_PASS_ALL) == RC_OK);
	if (!T_IS_UINT(diags.count, ARRAY_LEN(why)))
		return;
	for (uint32_t i = 0; i < ARRAY_LEN(why); i++) {
		T_IS_STR(diags.items[i].code, "never-matches");
		T_OK(strstr(diags.items[i].text, why[i]) != NULL);
		T_OK(strcmp(diags.items[i].file, "b.pol") == 0 && diags.items[i].line == 10 + i &&
		    diags.items[i].col == 3 && diags.items[i].level == DIAG_WARNING);
	}
}

static void
test_warn_shadowed(void)
{
	const struct diag *d = NULL;

	start();
	segment("a", POL_APP, WIRE_ENFORCE, "10.0.0.1-10.0.0.2");
	segment("b", POL_APP, WIRE_ENFORCE, "10.0.0.2");
	rule(0, WIRE_IN, false, &tcp, "10.9.0.0-10.9.0.5");
	rule(0, WIRE_IN, false, &tcp, "10.9.0.6-10.9.0.9");
	rule(0, WIRE_IN, false, &tcp80, "10.9.0.1-10.9.0.9");	/* by both together */
	rule(0, WIRE_IN, false, &tcp80, "10.9.0.1-10.9.0.10");	/* one address is left */
	rule(0, WIRE_OUT, false, &tcp80, "10.9.0.1");		/* the other direction */
	rule(0, WIRE_IN, true, &tcp80, "10.9.0.1");		/* a deny is earlier */
	rule(1, WIRE_IN, false, &tcp80, "10.9.0.3");		/* a's take it */
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(said("shadowed", &d), 2);
	if (d != NULL)
		T_OK(d->line == 12 && strstr(d->text, "b.pol:10") != NULL);
	T_IS_UINT(list_of("10.0.0.1")->count, 5);
	T_IS_UINT(list_of("10.0.0.2")->count, 5);
	T_OK(build(0) == RC_OK);
	T_IS_UINT(list_of("10.0.0.1")->count, 6);
}

static void
test_warn_members(void)
{
	const struct diag *d = NULL;

	start();
	segment("a", POL_APP, WIRE_COMPLY, "10.0.0.1-10.0.0.3");
	segment("b", POL_APP, WIRE_ENFORCE, "10.0.0.2-10.0.0.4");
	segment("c", POL_APP, WIRE_ENFORCE, "10.0.0.4");
	r.workloads[0] = (struct pol_workload){ "in", set("10.0.0.1"), { 1, 50, 1, 0 } };
	r.workloads[1] = (struct pol_workload){ "out", set("10.0.0.5"), { 1, 51, 1, 0 } };
	r.workloads[2] = (struct pol_workload){ "twin", set("10.0.0.1"), { 1, 52, 1, 0 } };
	r.workload_count = 3;
	T_OK(build(POL_PASS_ALL) == RC_OK);
	if (T_IS_UINT(said("mode-clash", &d), 1))
		T_OK(d->line == 2 && strstr(d->text, "10.0.0.2 (and 1 more) is in 2") != NULL &&
		    strstr(d->hint, "\"b\"") != NULL);
	if (T_IS_UINT(said("two-segments", &d), 1))
		T_OK(d->line == 3 && strstr(d->text, "10.0.0.4 is in 2") != NULL);
	if (T_IS_UINT(said("unsegmented", &d), 1))
		T_OK(d->line == 51);
	if (T_IS_UINT(said("repeated-address", &d), 1))
		T_OK(d->line == 52 && strstr(d->text, "\"in\"") != NULL);
	T_IS_UINT(diags.count, 4);
}

static void
test_warn_one_sided(void)
{
	const struct diag *d = NULL;

	start();
	segment("web", POL_APP, WIRE_ENFORCE, "10.0.0.1");
	segment("db", POL_APP, WIRE_COMPLY, "10.0.1.1");
	rule(0, WIRE_OUT, false, &tcp80, "10.0.1.0-10.0.1.9");
	T_OK(build(POL_PASS_ALL) == RC_OK);
	if (T_IS_UINT(said("one-sided", &d), 1))
		T_OK(d->line == 10 &&
		    strstr(d->text, "10.0.0.1 may send tcp/80 to 10.0.1.1") != NULL &&
		    strstr(d->hint, "\"db\"") != NULL);
	rule(1, WIRE_IN, false, &tcp80, "10.0.0.1");	/* now both sides agree */
	diags.count = 0;
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(said("one-sided", NULL), 0);
	rule(1, WIRE_IN, true, &tcp, "10.0.0.0-10.0.0.1");	/* a rule denies it */
	T_OK(build(POL_PASS_ALL) == RC_OK);
	if (T_IS_UINT(said("one-sided", &d), 1))
		T_OK(strstr(d->hint, "b.pol:12") != NULL);
	r.segments[1].mode = WIRE_LEARN;		/* nothing is cut in learn mode */
	r.rules[2].mode = WIRE_LEARN;
	diags.count = 0;
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(said("one-sided", NULL), 0);
	r.segments[1].mode = WIRE_ENFORCE;
	r.rule_count = 0;
	rule(0, WIRE_OUT, false, &tcp80, "any");	/* meant for the world */
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(said("one-sided", NULL), 0);
	r.rule_count = 0;
	rule(1, WIRE_IN, false, &tcp80, "10.0.0.1");	/* the mirror */
	T_OK(build(POL_PASS_ALL) == RC_OK);
	if (T_IS_UINT(said("one-sided", &d), 1))
		T_OK(strstr(d->text, "10.0.1.1 may hear tcp/80 from 10.0.0.1") != NULL);
}

/* The built-in guard is not the operator's to mend. */
static void
test_warn_not_guard(void)
{
	start();
	segment("g", POL_GUARD, WIRE_ENFORCE, "all");
	r.segments[0].pos.file = 0;
	rule(0, WIRE_IN, false, &tcp80, "any")->pos.file = 0;
	rule(0, WIRE_IN, false, &tcp80, "any")->pos.file = 0;
	T_OK(build(POL_PASS_ALL) == RC_OK);
	T_IS_UINT(diags.count, 0);
	T_IS_UINT(list_of(NULL)->count, 1);
}

/*
 * Both passes against their law: two items, the later one changed in one field so that the
 * earlier covers it (wide), or not (other). What may stay decides who may go.
 */
static struct pol_item items[2];

static void
item_reset(void)
{
	static const struct service ports = { .proto = PROTO_TCP, .sport_hi = ALL, .dport_lo = 10,
		.dport_hi = 20 };
	static const struct vlan_range vlan = { 10, 20 };

	memset(items, 0, sizeof(items));
	for (uint32_t i = 0; i < 2; i++) {
		items[i].src = i;
		items[i].rule = (struct image_rule){ .dir = WIRE_IN, .services = &ports,
			.service_count = 1, .vlans = &vlan, .vlan_count = 1,
			.peer = set("10.0.0.1-10.0.0.9"), .action = { .verdict = WIRE_PASS,
			.state = WIRE_STATE_FLOW, .rule_id = 1, .counter = WIRE_COUNTER_NONE } };
	}
}

/* Changes field f of the later item: narrower, or (covered false) beyond the earlier one. */
static void
item_change(const char *f, bool narrower)
{
	static const struct service less = { .proto = PROTO_TCP, .sport_hi = ALL, .dport_lo = 11,
		.dport_hi = 20 }, more = { .proto = PROTO_TCP, .sport_hi = ALL, .dport_lo = 9,
		.dport_hi = 20 };
	static const struct vlan_range vlan_less = { 10, 19 }, vlan_more = { 10, 21 };
	struct pol_item *it = &items[1];
	struct image_action *a = &it->rule.action;

	if (strcmp(f, "dir") == 0) {
		it->rule.dir = WIRE_OUT;
	} else if (strcmp(f, "peer") == 0) {
		it->rule.peer = set(narrower ? "10.0.0.2-10.0.0.9" : "10.0.0.2-10.0.0.10");
		it->peer_id = 1;
	} else if (strcmp(f, "services") == 0) {
		it->rule.services = narrower ? &less : &more;
		it->service_id = 1;
	} else if (strcmp(f, "vlans") == 0) {
		it->rule.vlans = narrower ? &vlan_less : &vlan_more;
		it->vlan_id = 1;
	} else if (strcmp(f, "verdict") == 0) {
		a->verdict = WIRE_DROP;
	} else if (strcmp(f, "mode") == 0) {
		a->mode = WIRE_ENFORCE;
	} else if (strcmp(f, "state") == 0) {
		a->state = WIRE_STATE_NONE;
	} else if (strcmp(f, "log") == 0) {
		a->log = true;
	} else if (strcmp(f, "counter") == 0) {
		a->counter = 3;
	} else if (strcmp(f, "rule_id") == 0) {
		a->rule_id = 2;
	}
}

static bool
goes_in(enum rc (*pass)(struct pol_job *, struct pol_list *), uint8_t family)
{
	struct pol_item *both[2] = { &items[0], &items[1] };
	uint32_t covered_by[2] = { UINT32_MAX, UINT32_MAX };
	struct pol_list l = { both, covered_by, 2, family };
	struct pol_job j = { .steps_left = 1000 };

	arena_init(&j.scratch, 1 << 20);
	CHECK(pass(&j, &l) == RC_OK);
	CHECK(covered_by[0] == UINT32_MAX);
	CHECK(covered_by[1] == UINT32_MAX || covered_by[1] == 0);
	arena_fini(&j.scratch);
	return covered_by[1] == 0;
}

static bool
goes(enum rc (*pass)(struct pol_job *, struct pol_list *))
{
	return goes_in(pass, POL_V4);
}

static void
test_pass_law(void)
{
	start();
	for (size_t i = 0; i < ARRAY_LEN(pol_pass_fields); i++) {
		const struct pol_pass_field *f = &pol_pass_fields[i];

		for (int narrower = 0; narrower < 2; narrower++) {
			item_reset();
			T_OK(goes(pol_pass_dedupe) && goes(pol_pass_shadow));
			item_change(f->field, narrower == 1);
			T_OK(goes(pol_pass_dedupe) == (f->dedupe == POL_FREE));
			T_OK(goes(pol_pass_shadow) == (f->shadow == POL_FREE ||
			    (f->shadow == POL_MUST_COVER && narrower == 1)));
		}
	}
}

/* Each side of each edge of an atom: does the first hold the second? */
struct atom_row {
	const char *name;
	struct service first, second;
	uint8_t family;		/* of the list */
	bool covered;
};

#define PORTS(slo, shi, dlo, dhi) { false, PROTO_UDP, 0, slo, shi, dlo, dhi }
#define KIND(any, proto, family) { any, proto, family, 0, ALL, 0, ALL }

static const struct atom_row atoms[] = {
	{ "equal", PORTS(5, 9, 5, 9), PORTS(5, 9, 5, 9), POL_V4, true },
	{ "inside", PORTS(5, 9, 5, 9), PORTS(6, 8, 6, 8), POL_V4, true },
	{ "one port inside", PORTS(5, 9, 5, 9), PORTS(6, 8, 7, 7), POL_V4, true },
	{ "source below", PORTS(5, 9, 5, 9), PORTS(4, 9, 5, 9), POL_V4, false },
	{ "source above", PORTS(5, 9, 5, 9), PORTS(5, 10, 5, 9), POL_V4, false },
	{ "destination below", PORTS(5, 9, 5, 9), PORTS(5, 9, 4, 9), POL_V4, false },
	{ "destination above", PORTS(5, 9, 5, 9), PORTS(5, 9, 5, 10), POL_V4, false },
	{ "one port, source inside", PORTS(5, 9, 7, 7), PORTS(5, 8, 7, 7), POL_V4, true },
	{ "one port, source below", PORTS(5, 9, 7, 7), PORTS(4, 9, 7, 7), POL_V4, false },
	{ "one port, source above", PORTS(5, 9, 7, 7), PORTS(5, 10, 7, 7), POL_V4, false },
	{ "another port", PORTS(5, 9, 7, 7), PORTS(5, 9, 8, 8), POL_V4, false },
	{ "any holds all", KIND(true, 0, 0), PORTS(5, 9, 7, 7), POL_V4, true },
	{ "all hold not any", KIND(false, 17, 0), KIND(true, 0, 0), POL_V4, false },
	{ "protocol 0 is not any", KIND(false, 0, 0), KIND(true, 0, 0), POL_V4, false },
	{ "another protocol", KIND(false, 89, 0), KIND(false, 88, 0), POL_V4, false },
	{ "both families", KIND(false, 89, 0), KIND(false, 89, 6), POL_ANY_FAMILY, true },
	{ "one family", KIND(false, 89, 6), KIND(false, 89, 0), POL_ANY_FAMILY, false },
	{ "the other family", KIND(false, 89, 4), KIND(false, 89, 6), POL_ANY_FAMILY, false },
	{ "one family, in its list", KIND(false, 89, 4), KIND(false, 89, 0), POL_V4, true },
};

static void
atom_case(const struct atom_row *row)
{
	start();
	item_reset();
	items[0].rule.services = &row->first;
	items[1].rule.services = &row->second;
	items[1].service_id = 1;
	T_OK(goes_in(pol_pass_shadow, row->family) == row->covered);
}

/* The same for VLANs: no VLAN named is any or none, which only the like holds. */
static void
test_pass_vlans(void)
{
	static const struct vlan_range v[] = { { 1, 5 }, { 10, 20 }, { 30, 30 } };
	static const struct { uint32_t first, count, at, n; bool covered; } rows[] = {
		{ 0, 0, 0, 3, true }, { 0, 3, 0, 0, false }, { 0, 3, 0, 3, true },
		{ 0, 3, 1, 2, true }, { 1, 2, 0, 2, false }, { 0, 2, 1, 2, false },
		{ 0, 0, 0, 0, true },
	};

	start();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		item_reset();
		items[0].rule.vlans = v + rows[i].first;
		items[0].rule.vlan_count = rows[i].count;
		items[1].rule.vlans = v + rows[i].at;
		items[1].rule.vlan_count = rows[i].n;
		items[1].vlan_id = 1;
		T_OK(goes_in(pol_pass_shadow, POL_V4) == rows[i].covered);
	}
}

/* Work that is bounded ends in "not known", not in a wrong answer. */
static void
test_pass_budget(void)
{
	struct pol_item *both[2] = { &items[0], &items[1] };
	uint32_t covered_by[2] = { UINT32_MAX, UINT32_MAX };
	struct pol_list l = { both, covered_by, 2, POL_V4 };

	start();
	item_reset();
	for (uint64_t steps = 0; steps < 12; steps++) {
		struct pol_job j = { .steps_left = steps };

		covered_by[0] = covered_by[1] = UINT32_MAX;
		arena_init(&j.scratch, 1 << 20);
		T_OK(pol_pass_shadow(&j, &l) == RC_OK);
		T_OK(covered_by[0] == UINT32_MAX);
		if (steps < 2)
			T_IS_UINT(j.not_compared, 2 - steps);
		arena_fini(&j.scratch);
	}
	T_IS_UINT(covered_by[1], 0);
}

/* Any limit of memory gives RC_NOMEM with a message, or the same tables. */
static void
test_no_memory(void)
{
	enum rc rc = RC_NOMEM;

	start();
	segment("a", POL_APP, WIRE_ENFORCE, "10.0.0.1-10.0.0.2");
	many(0, 3000);
	for (size_t cap = 1; rc != RC_OK && cap < (size_t)64 << 20; cap += 1 << 16) {
		struct arena a;

		diags.count = diags.errors = 0;
		arena_init(&a, cap);
		rc = pol_build(&r, POL_PASS_ALL, &a, &in, &symbols, &diags);
		T_OK(rc == RC_OK || (rc == RC_NOMEM && in.table_count == 0 &&
		    said("no-memory", NULL) == 1));
		if (rc == RC_OK)
			T_IS_UINT(list_of("10.0.0.2")->count, 3000);
		arena_fini(&a);
	}
	T_IS_INT(rc, RC_OK);
}

int
main(void)
{
	arena_init(&arena, (size_t)512 << 20);
	T_RUN(test_lists);
	T_RUN(test_equal_lists);
	T_RUN(test_nothing);
	T_RUN(test_states);
	T_RUN(test_ids);
	T_RUN(test_counters);
	T_RUN(test_table_limit);
	T_RUN(test_locals_limit);
	T_RUN(test_image_limit);
	T_RUN(test_gathered_limit);
	T_RUN(test_warn_never);
	T_RUN(test_warn_shadowed);
	T_RUN(test_warn_members);
	T_RUN(test_warn_one_sided);
	T_RUN(test_warn_not_guard);
	T_RUN(test_pass_law);
	T_ROWS(atoms, atom_case);
	T_RUN(test_pass_vlans);
	T_RUN(test_pass_budget);
	T_RUN(test_no_memory);
	arena_fini(&arena);
	diags_fini(&diags);
	return t_done();
}
