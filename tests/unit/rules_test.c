/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_test - rules over the pipe: the same on the other side; every truncation and every changed
 * byte is refused or harmless; each invariant of pol_rules_check has something that breaks it.
 */
#include "t.h"

#include "bytes.h"
#include "gen_rules.h"
#include "hash.h"
#include "pol_wire.h"

static struct arena arena;
static struct diags diags;
static struct gen gen;

static void
start(void)
{
	arena_reset(&arena);
	diags_fini(&diags);
	T_OK(diags_init(&diags));
}

static void
message_add(enum diag_level level, const char *text)
{
	struct diag d;

	diag_set(&d, "some-code", "%s", text);
	diag_place(&d, "a.pol", 3, 7);
	diag_hint(&d, "hint");
	snprintf(d.source, sizeof(d.source), "\tsource line");
	d.level = level;
	diags_add(&diags, &d);
}

static bool
set_same(const struct addr_set *a, const struct addr_set *b)
{
	return addr_set_equal(a, b);
}

static bool
pos_same(const struct pol_pos *a, const struct pol_pos *b)
{
	return a->file == b->file && a->line == b->line && a->col == b->col && a->seq == b->seq;
}

static bool
rule_same(const struct pol_rule *a, const struct pol_rule *b)
{
	bool same = pos_same(&a->pos, &b->pos) && a->segment == b->segment && a->dir == b->dir &&
	    a->deny == b->deny && a->mode == b->mode && a->count == b->count &&
	    a->log == b->log && set_same(&a->peer, &b->peer) &&
	    a->service_count == b->service_count && a->vlan_count == b->vlan_count &&
	    (a->why == NULL) == (b->why == NULL) &&
	    (a->why == NULL || strcmp(a->why, b->why) == 0);

	for (uint32_t i = 0; same && i < a->service_count; i++)
		same = service_cmp(&a->services[i].atom, &b->services[i].atom) == 0 &&
		    a->services[i].state == b->services[i].state;
	for (uint32_t i = 0; same && i < a->vlan_count; i++)
		same = a->vlans[i].lo == b->vlans[i].lo && a->vlans[i].hi == b->vlans[i].hi;
	return same;
}

static bool
rules_same(const struct pol_rules *a, const struct pol_rules *b)
{
	bool same = a->file_count == b->file_count && a->segment_count == b->segment_count &&
	    a->rule_count == b->rule_count && a->workload_count == b->workload_count &&
	    a->defaults.unsegmented == b->defaults.unsegmented &&
	    a->defaults.non_ip == b->defaults.non_ip &&
	    a->defaults.fragments_drop == b->defaults.fragments_drop &&
	    a->defaults.midstream_drop == b->defaults.midstream_drop &&
	    a->defaults.live_flows_drain == b->defaults.live_flows_drain;

	for (uint32_t i = 0; same && i < a->file_count; i++)
		same = strcmp(a->files[i], b->files[i]) == 0;
	for (uint32_t i = 0; same && i < a->segment_count; i++) {
		const struct pol_segment *x = &a->segments[i], *y = &b->segments[i];

		same = strcmp(x->name, y->name) == 0 && pos_same(&x->pos, &y->pos) &&
		    x->stage == y->stage && x->mode == y->mode &&
		    x->members_all == y->members_all && set_same(&x->members, &y->members);
	}
	for (uint32_t i = 0; same && i < a->rule_count; i++)
		same = rule_same(&a->rules[i], &b->rules[i]);
	for (uint32_t i = 0; same && i < a->workload_count; i++)
		same = strcmp(a->workloads[i].name, b->workloads[i].name) == 0 &&
		    pos_same(&a->workloads[i].pos, &b->workloads[i].pos) &&
		    set_same(&a->workloads[i].ips, &b->workloads[i].ips);
	return same;
}

/* Random rules with two workloads and odd defaults. */
static void
make(struct pol_rules *r, uint32_t rules)
{
	gen_rules(&gen, &arena, 5, rules, r);
	r->workloads = arena_array(&arena, 2, sizeof(*r->workloads));
	r->workload_count = 2;
	for (uint32_t i = 0; i < 2; i++) {
		r->workloads[i].name = i == 0 ? "web-1" : "db-\xc3\xa9";
		r->workloads[i].pos = (struct pol_pos){ 1, 2 + i, 3, 4 };
		r->workloads[i].ips = r->segments[0].members;
	}
	r->defaults.unsegmented = WIRE_DROP;
	r->defaults.midstream_drop = true;
}

static void
test_pipe(void)
{
	for (unsigned long n = t_tries(300); n > 0; n--) {
		struct pol_rules r, got;
		uint8_t *p;
		size_t len;

		start();
		make(&r, 30);
		message_add(DIAG_WARNING, "one");
		T_OK(pol_rules_encode(&r, &diags, &arena, &p, &len) == RC_OK);
		diags.count = diags.errors = diags.warnings = 0;
		T_OK(pol_rules_decode(p, len, &arena, &got, &diags) == RC_OK);
		if (!T_OK(rules_same(&r, &got)))
			return;
		T_OK(diags.count == 1 && diags.warnings == 1 && diags.errors == 0);
		T_IS_STR(diags.items[0].text, "one");
		T_IS_STR(diags.items[0].source, "\tsource line");
		T_OK(diags.items[0].line == 3 && diags.items[0].col == 7);
	}
}

static void
test_shared_sets(void)
{
	struct pol_rules r, got;
	uint8_t *p;
	size_t one, two;

	start();
	gen_rules_large(&gen, &arena, 4, 1000, &r);
	T_OK(pol_rules_encode(&r, &diags, &arena, &p, &one) == RC_OK);
	for (uint32_t i = 1; i < r.rule_count; i++)
		T_OK(addr_set_union(&arena, &r.rules[0].peer, &r.rules[0].peer,
		    &r.rules[i].peer) == RC_OK);
	T_OK(pol_rules_encode(&r, &diags, &arena, &p, &two) == RC_OK);
	T_OK(two + 999 * 13 >= one && two < one);
	T_OK(pol_rules_decode(p, two, &arena, &got, &diags) == RC_OK && rules_same(&r, &got));
	T_OK(got.rules[1].peer.ranges == got.rules[999].peer.ranges);
}

static void
test_errors_send_no_rules(void)
{
	struct pol_rules r, got;
	uint8_t *p;
	size_t len;

	start();
	make(&r, 10);
	for (int i = 0; i < DIAGS_MAX + 7; i++)
		message_add(i == 0 ? DIAG_ERROR : DIAG_WARNING, "bad\x1b[31m\n\xff");
	T_OK(pol_rules_encode(&r, &diags, &arena, &p, &len) == RC_OK);
	diags.count = diags.errors = diags.warnings = 0;
	T_OK(pol_rules_decode(p, len, &arena, &got, &diags) == RC_OK);
	T_OK(got.rule_count == 0 && got.segment_count == 0);
	T_OK(diags.count == DIAGS_MAX && diags.errors == 1 && diags.warnings == DIAGS_MAX + 6);
	T_IS_STR(diags.items[0].text, "bad?[31m??");
}

/* Every truncation; every byte with three other values, with and without a true checksum. */
static void
test_hostile(void)
{
	struct pol_rules r, got;
	const char *broken;
	struct arena tmp;
	uint8_t *p, *q;
	size_t len;

	start();
	make(&r, 12);
	message_add(DIAG_WARNING, "w");
	T_OK(pol_rules_encode(&r, &diags, &arena, &p, &len) == RC_OK);
	arena_init(&tmp, (size_t)64 << 20);
	for (size_t n = 0; n < len; n++) {
		q = malloc(n + 1);	/* of its own size, for the sanitizer */
		if (q == NULL || !T_OK(n < len))
			break;
		memcpy(q, p, n);
		diags.count = diags.errors = diags.warnings = 0;
		T_OK(pol_rules_decode(q, n, &tmp, &got, &diags) != RC_OK && got.rules == NULL);
		if (n >= POL_WIRE_HEAD_BYTES) {
			put_le32(q + 8, (uint32_t)n);
			put_le32(q + 12, crc32c(0, q + 16, n - 16));
			T_OK(pol_rules_decode(q, n, &tmp, &got, &diags) != RC_OK);
		}
		free(q);
		arena_reset(&tmp);
	}
	for (size_t i = 0; i < 3 * len; i++) {
		static const uint8_t flips[] = { 0x01, 0x80, 0xff };
		enum rc rc;

		p[i / 3] ^= flips[i % 3];
		T_OK(pol_rules_decode(p, len, &tmp, &got, &diags) != RC_OK);
		put_le32(p + 12, crc32c(0, p + 16, len - 16));
		diags.count = diags.errors = diags.warnings = 0;
		rc = pol_rules_decode(p, len, &tmp, &got, &diags);
		T_OK(rc != RC_OK || pol_rules_check(&got, &broken));
		p[i / 3] ^= flips[i % 3];
		put_le32(p + 12, crc32c(0, p + 16, len - 16));
		arena_reset(&tmp);
	}
	diags.count = diags.errors = diags.warnings = 0;
	T_OK(pol_rules_decode(p, len, &tmp, &got, &diags) == RC_OK);
	arena_fini(&tmp);
}

/* Memory that ends anywhere is RC_NOMEM, never a part of the rules. */
static void
test_no_memory(void)
{
	struct pol_rules r, got;
	enum rc rc = RC_NOMEM;
	uint8_t *p, *q;
	size_t len, n;

	start();
	gen_rules_large(&gen, &arena, 4, 2000, &r);
	T_OK(pol_rules_encode(&r, &diags, &arena, &p, &len) == RC_OK);
	for (size_t cap = 1; rc != RC_OK && cap < (size_t)16 << 20; cap += 1 << 15) {
		struct arena tmp;

		arena_init(&tmp, cap);
		rc = pol_rules_decode(p, len, &tmp, &got, &diags);
		T_OK(rc == RC_OK || (rc == RC_NOMEM && got.rule_count == 0));
		arena_fini(&tmp);
	}
	T_IS_INT(rc, RC_OK);
	rc = RC_NOMEM;
	for (size_t cap = 1; rc != RC_OK && cap < (size_t)16 << 20; cap += 1 << 16) {
		struct arena tmp;

		arena_init(&tmp, cap);
		rc = pol_rules_encode(&r, &diags, &tmp, &q, &n);
		T_OK(rc == RC_OK || (rc == RC_NOMEM && q == NULL && n == 0));
		arena_fini(&tmp);
	}
	T_IS_INT(rc, RC_OK);
}

/* One small set of rules that holds; each row breaks one thing. */
static struct addr_range range4 = { { 0, 10, 4 }, { 0, 20, 4 } };
static struct pol_service services[2];
static struct vlan_range vlans[2];
static struct pol_segment segments[2];
static struct pol_rule rules[2];
static struct pol_workload workload;
static const char *files[3];

static void
small(struct pol_rules *r)
{
	memset(r, 0, sizeof(*r));
	files[0] = "a.pol";
	files[1] = "b.pol";
	range4 = (struct addr_range){ { 0, 10, 4 }, { 0, 20, 4 } };
	for (int i = 0; i < 2; i++) {
		services[i] = (struct pol_service){ { .proto = PROTO_TCP, .sport_hi = 0xffff,
			.dport_lo = (uint16_t)i, .dport_hi = 80 }, WIRE_STATE_FLOW };
		vlans[i] = (struct vlan_range){ (uint16_t)(10 * i), (uint16_t)(10 * i + 5) };
		segments[i] = (struct pol_segment){ .name = i == 0 ? "one" : "two",
			.stage = POL_GUARD, .mode = WIRE_ENFORCE, .members = { &range4, 1 } };
		rules[i] = (struct pol_rule){ .pos = { 0, 5 + (uint32_t)i, 1, 1 },
			.peer = { &range4, 1 }, .services = services, .service_count = 2,
			.vlans = vlans, .vlan_count = 2 };
	}
	workload = (struct pol_workload){ "w", { &range4, 1 }, { 1, 1, 1, 1 } };
	*r = (struct pol_rules){ .files = files, .file_count = 2, .segments = segments,
		.segment_count = 2, .rules = rules, .rule_count = 2, .workloads = &workload,
		.workload_count = 1, .defaults = { .unsegmented = WIRE_PASS } };
}

#define BREAKS(change, words) \
	do { \
		small(&r); \
		broken = NULL; \
		T_OK(pol_rules_check(&r, &broken)); \
		change; \
		T_OK(!pol_rules_check(&r, &broken)); \
		T_OK(broken != NULL && strstr(broken, words) != NULL); \
	} while (0)

static void
test_check(void)
{
	char text[POL_NAME_BYTES_MAX + 2];
	const char *broken;
	struct pol_rules r;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	BREAKS(files[1] = "a.pol", "files");
	BREAKS(files[1] = "Z", "byte order");
	BREAKS(files[0] = "", "file's name");
	BREAKS(files[0] = "a\n", "file's name");
	BREAKS(segments[1].name = "one", "one name");
	BREAKS(segments[1].name = text, "segment's name");
	BREAKS(segments[1].name = "\xff", "segment's name");
	BREAKS(segments[1].pos.file = 2, "segment's file");
	BREAKS(segments[1].stage = POL_STAGE__COUNT, "stage");
	BREAKS(segments[1].mode = WIRE_MODE__COUNT, "mode");
	BREAKS(segments[1].members_all = true, "members are all");
	BREAKS((segments[1].members_all = true, segments[1].members.count = 0,
	    segments[1].stage = POL_APP), "members are all");
	BREAKS(rules[0].pos.file = 2, "rule's file");
	BREAKS(rules[1].pos.line = 4, "order of citation");
	BREAKS(rules[1].segment = 2, "rule's segment");
	BREAKS(rules[1].dir = 2, "direction");
	BREAKS(rules[1].mode = WIRE_MODE__COUNT, "mode");
	BREAKS(range4.lo.lo = 21, "set");
	BREAKS(range4.hi.family = 6, "set");
	BREAKS(range4.lo.family = 5, "set");
	BREAKS(range4.hi.lo = UINT64_C(1) << 32, "set");
	BREAKS(services[1] = services[0], "sorted");
	BREAKS(services[1].state = WIRE_STATE__COUNT, "state");
	BREAKS((services[1].atom.proto = PROTO_UDP, services[1].state = WIRE_STATE_FLAGS), "TCP");
	BREAKS(services[1].atom.proto = 89, "normal form");
	BREAKS(services[1].atom.proto = PROTO_ICMP, "normal form");
	BREAKS(services[1].atom.proto_any = true, "normal form");
	BREAKS(services[1].atom.family = 5, "normal form");
	BREAKS(services[1].atom.dport_lo = 81, "normal form");
	BREAKS(vlans[1].lo = 5, "VLANs");
	BREAKS(vlans[1].hi = WIRE_VLAN_NONE, "VLAN");
	BREAKS(vlans[1].hi = 9, "VLAN");
	BREAKS(rules[0].services = NULL, "services");
	BREAKS(workload.pos.file = 7, "workload's file");
	BREAKS(workload.name = "", "workload's name");
	BREAKS(r.defaults.non_ip = WIRE_WOULD_DROP, "other frames");
	BREAKS(r.defaults.unsegmented = 9, "unsegmented");
	BREAKS(r.rule_count = POL_RULES_MAX + POL_BUILTIN_MAX + 1, "more rules");
}

static void
test_check_sets(void)
{
	struct addr_range two[2] = { { { 0, 1, 4 }, { 0, 2, 4 } }, { { 0, 4, 4 }, { 0, 5, 4 } } };
	const char *broken;
	struct pol_rules r;

	small(&r);
	rules[0].peer = (struct addr_set){ two, 2 };
	T_OK(pol_rules_check(&r, &broken));
	two[1].lo.lo = 3;		/* adjacent */
	T_OK(!pol_rules_check(&r, &broken));
	two[1].lo.lo = 2;		/* overlap */
	T_OK(!pol_rules_check(&r, &broken));
	two[1] = (struct addr_range){ { 0, 0, 6 }, { 0, 5, 6 } };
	T_OK(pol_rules_check(&r, &broken));
	two[0].hi.lo = UINT32_MAX;	/* v4's end and v6's beginning do not touch */
	T_OK(pol_rules_check(&r, &broken));
	two[0] = two[1];
	two[1] = (struct addr_range){ { 0, 1, 4 }, { 0, 2, 4 } };
	T_OK(!pol_rules_check(&r, &broken));
}

int
main(void)
{
	arena_init(&arena, (size_t)512 << 20);
	gen.state = t_seed();
	T_RUN(test_pipe);
	T_RUN(test_shared_sets);
	T_RUN(test_errors_send_no_rules);
	T_RUN(test_hostile);
	T_RUN(test_no_memory);
	T_RUN(test_check);
	T_RUN(test_check_sets);
	arena_fini(&arena);
	diags_fini(&diags);
	return t_done();
}
