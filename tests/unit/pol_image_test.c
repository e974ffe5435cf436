/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_image_test - tables at their limits: rules that multiply are split, and past the bound they
 * are refused by line; one rule too many is refused with the dearest lines; what was made is
 * proved or refused by line, and a warning of the proof names the rule that decides instead.
 */
#include "t.h"

#include "pol_image.h"
#include "wire_image.h"

enum { ALL = 0xffff, RULES_MAX = WIRE_TABLE_RULES_MAX + 1 };

static struct arena arena;
static struct diags diags;
static struct pol_image image;

static const char *files[] = { "a.pol" };
static struct pol_segment segment = { .name = "s", .pos = { 0, 1, 1, 0 }, .stage = POL_APP,
	.mode = WIRE_ENFORCE };
static struct pol_rule rules[RULES_MAX];
static struct pol_rules policy = { .files = files, .file_count = 1, .segments = &segment,
	.segment_count = 1, .rules = rules, .defaults = { .unsegmented = WIRE_PASS,
	.non_ip = WIRE_PASS } };

static struct addr_set
one_address(uint32_t v4)
{
	struct addr_range r = { { 0, v4, 4 }, { 0, v4, 4 } };
	struct addr_set s;

	CHECK(addr_set_from(&arena, &r, 1, &s) == RC_OK);
	return s;
}

/* Starts a policy of one segment with one member. */
static void
policy_begin(void)
{
	arena_reset(&arena);
	diags_fini(&diags);
	CHECK(diags_init(&diags));
	memset(rules, 0, sizeof(rules));
	segment.members = one_address(0x0a000001);
	policy.rule_count = 0;
}

/* An allow of TCP on the next line; vlan_hi 0 = no VLAN. */
static void
rule_add(uint32_t peer, uint16_t vlan_lo, uint16_t vlan_hi, uint16_t sport_lo, uint16_t sport_hi,
    uint16_t dport_lo, uint16_t dport_hi)
{
	uint32_t i = policy.rule_count++;
	struct pol_rule *r = &rules[i];

	CHECK(i < RULES_MAX);
	*r = (struct pol_rule){ .pos = { 0, i + 2, 3, i + 1 }, .dir = WIRE_IN, .service_count = 1 };
	if (peer == 0)
		CHECK(addr_set_any(&arena, 4, &r->peer) == RC_OK);
	else
		r->peer = one_address(peer);
	r->services = arena_array(&arena, 1, sizeof(*r->services));
	CHECK(r->services != NULL);
	r->services[0] = (struct pol_service){ .atom = { .proto = PROTO_TCP, .sport_lo = sport_lo,
		.sport_hi = sport_hi, .dport_lo = dport_lo, .dport_hi = dport_hi } };
	if (vlan_hi == 0)
		return;
	r->vlans = arena_array(&arena, 1, sizeof(*r->vlans));
	CHECK(r->vlans != NULL);
	r->vlans[0] = (struct vlan_range){ vlan_lo, vlan_hi };
	r->vlan_count = 1;
}

static const struct diag *
said(const char *code)
{
	for (uint32_t i = 0; i < diags.count; i++)
		if (strcmp(diags.items[i].code, code) == 0)
			return &diags.items[i];
	return NULL;
}

/* Sub-tables of the costliest direction of all bodies. */
static unsigned
subs_max(void)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)image.bytes;
	unsigned most = 0;

	for (uint32_t i = 0; i < le32_get(h->table_count); i++) {
		const struct wire_table *rec = (const struct wire_table *)(image.bytes +
		    (size_t)le32_get(h->tables_at) * WIRE_LINE) + i;
		const struct wire_half *half = (const struct wire_half *)(image.bytes +
		    (size_t)le32_get(rec->body) * WIRE_LINE);

		most = MAX(most, MAX(half[0].subs, half[1].subs));
	}
	return most;
}

/* One rule in ten names a VLAN, one in twelve a source port, each another destination port. */
static void
a_product_is_split(void)
{
	policy_begin();
	for (uint16_t i = 0; i < 1200; i++) {
		uint16_t vlan = i % 10 == 0 ? (uint16_t)(1 + i / 10) : 0;
		uint16_t sport = i % 12 == 1 ? (uint16_t)(1024 + i) : 0;

		rule_add(0x0a010000u + i * 7u, vlan, vlan, sport, sport != 0 ? sport : ALL,
		    (uint16_t)(100 + i * 3), (uint16_t)(100 + i * 3 + i % 2));
	}
	if (!T_IS_INT(pol_image_make(&policy, POL_PASS_ALL, &arena, &image, &diags), RC_OK)) {
		diags_print(&diags, stdout);
		return;
	}
	T_IS_INT(image.step, POL_IMAGE_DONE);
	T_OK(image.proof.boxes > 1000);
	T_OK(subs_max() > 1 && subs_max() <= WIRE_SUBS_MAX);
	T_OK(subs_max() == 2 && image.len < 208 * 1200);
	T_OK(image.keys.body_count > 0);
	T_IS_UINT(image.keys.body_count, le32_get(((const struct wire_image_hdr *)
	    image.bytes)->body_count));
	T_IS_UINT(image.keys.body_count, image.proof.body_count);
	for (uint32_t i = 0; i < image.keys.body_count; i++)
		T_OK(image.keys.pack_ns[i] > 0 && image.proof.prove_ns[i] > 0);
	pol_image_fini(&image);
}

/* Every rule names a VLAN, so no split by field parts those that open different ones. */
static void
what_multiplies_past_the_bound_is_refused_by_line(void)
{
	const struct diag *d;
	unsigned line = 0;

	policy_begin();
	for (uint16_t i = 0; i < 1500; i++) {
		rule_add(0, (uint16_t)(1 + i * 2), (uint16_t)(1 + i * 2), 0, ALL, 0, ALL);
		rule_add(0, 0, 4094, (uint16_t)(i * 40), (uint16_t)(i * 40 + 1), 0, ALL);
		rule_add(0, 0, 4094, 0, ALL, (uint16_t)(i * 40), (uint16_t)(i * 40 + 1));
	}
	T_IS_INT(pol_image_make(&policy, POL_PASS_ALL, &arena, &image, &diags), RC_LIMIT);
	T_IS_INT(image.step, POL_IMAGE_ENCODE);
	T_OK(image.bytes == NULL);
	d = said("table-too-big");
	if (!T_OK(d != NULL))
		return;
	T_IS_STR(d->file, "a.pol");
	T_OK(d->line >= 2 && d->line < 2 + policy.rule_count);
	T_OK(strncmp(d->hint, "these lines multiply most: a.pol:", 33) == 0);
	T_OK(sscanf(d->hint + 33, "%u", &line) == 1 && line == d->line);
}

/* Each sub-table is small; what their VLANs and ports tell apart together is not. */
static void
what_multiplies_in_the_proof_is_refused_by_line(void)
{
	const struct diag *d;

	policy_begin();
	for (uint16_t i = 0; i < 400; i++) {
		uint16_t at = (uint16_t)(i * 7919 % 30000);
		uint32_t peer = 0xac100001u + i * 256u;

		rule_add(0, 0, 0, at, (uint16_t)(at + 20000), (uint16_t)(1000 + i * 37),
		    (uint16_t)(1000 + i * 37));
		rule_add(peer, 0, 0, 0, ALL, (uint16_t)(at + 5), (uint16_t)(at + 15000));
		rule_add(peer, (uint16_t)(1 + i), (uint16_t)(1 + i), 0, ALL, 0, ALL);
	}
	T_IS_INT(pol_image_make(&policy, POL_PASS_ALL, &arena, &image, &diags), RC_LIMIT);
	T_IS_INT(image.step, POL_IMAGE_PROVE);
	T_OK(image.bytes == NULL);
	d = said("table-too-big");
	if (!T_OK(d != NULL))
		return;
	T_IS_STR(d->file, "a.pol");
	T_OK(strncmp(d->text, "inbound rules of the table of 10.0.0.1 multiply", 47) == 0);
	T_IS_UINT(d->line, 4);
	T_OK(strncmp(d->hint, "these lines multiply: a.pol:4, a.pol:7, a.pol:2, a.pol:5, a.pol:3",
	    65) == 0);
}

/* 5,120 rules are packed, 5,121 are not, and the message names lines and their share. */
static void
one_rule_over_the_limit(void)
{
	const struct diag *d;

	for (uint32_t over = 0; over < 2; over++) {
		policy_begin();
		for (uint32_t i = 0; i < WIRE_TABLE_RULES_MAX + over; i++)
			rule_add(0x0a010000u + i * 2, 0, 0, 0, ALL, 443, 443);
		T_IS_INT(pol_image_make(&policy, POL_PASS_ALL, &arena, &image, &diags),
		    over == 0 ? RC_OK : RC_LIMIT);
		if (over == 0) {
			T_IS_INT(image.step, POL_IMAGE_DONE);
			pol_image_fini(&image);
		}
	}
	T_IS_INT(image.step, POL_IMAGE_BUILD);
	d = said("table-too-big");
	if (!T_OK(d != NULL))
		return;
	T_OK(strstr(d->text, "5121") != NULL && strstr(d->text, "5120") != NULL);
	T_OK(strstr(d->hint, "a.pol:2 (1)") != NULL);
}

/* The ports of two rules cover a third's, which no single rule does. */
static void
the_proof_finds_what_rules_cover_together(void)
{
	const struct diag *d;

	policy_begin();
	rule_add(0, 0, 0, 0, ALL, 0, 100);
	rule_add(0, 0, 0, 0, ALL, 101, ALL);
	rule_add(0x0a020000, 0, 0, 0, ALL, 50, 150);
	T_IS_INT(pol_image_make(&policy, POL_PASS_ALL, &arena, &image, &diags), RC_OK);
	d = said("shadowed");
	if (T_OK(d != NULL)) {
		T_IS_UINT(d->line, 4);
		T_IS_INT(d->level, DIAG_WARNING);
		T_OK(strstr(d->text, "a.pol:2") != NULL || strstr(d->text, "a.pol:3") != NULL);
	}
	T_IS_UINT(diags.warnings, 1);
	pol_image_fini(&image);
}

int
main(void)
{
	arena_init(&arena, (size_t)512 << 20);
	if (!diags_init(&diags))
		return 1;
	T_RUN(a_product_is_split);
	T_RUN(what_multiplies_past_the_bound_is_refused_by_line);
	T_RUN(what_multiplies_in_the_proof_is_refused_by_line);
	T_RUN(one_rule_over_the_limit);
	T_RUN(the_proof_finds_what_rules_cover_together);
	diags_fini(&diags);
	arena_fini(&arena);
	return t_done();
}
