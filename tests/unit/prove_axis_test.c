/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_axis - one wrong cell among many near classes: found in whichever row it stands, also
 * beyond as many rows as the proof remembers, and as many classes as it compares at a time.
 */
#include "t.h"

#include "pol_image.h"
#include "prove_joint.h"

/* RULES: more rows than are remembered, twice over. CROSSED: so many VLANs beside as many ports are
 * more classes than are compared at a time. */
enum { RULES = 40, CROSSED = 130, BLOCK_CLASSES = (256 << 10) / (5 * 8) };

#define ARENA_BYTES ((size_t)64 << 20)

static struct arena arena;

static struct pol_rule rules[2 * CROSSED];
static struct pol_rules policy = { .rules = rules };

/* 0 = any. */
static void
rule_add(uint32_t vlan_id, uint32_t dport)
{
	static struct vlan_range vlans[2 * CROSSED];
	static struct pol_service services[2 * CROSSED];
	uint32_t i = policy.rule_count++;
	uint16_t vlan = (uint16_t)vlan_id, port = (uint16_t)dport;

	CHECK(i < 2 * CROSSED);
	vlans[i] = (struct vlan_range){ vlan, vlan };
	services[i] = (struct pol_service){ .atom = { .proto = PROTO_TCP, .sport_hi = UINT16_MAX,
		.dport_lo = port, .dport_hi = port != 0 ? port : UINT16_MAX } };
	rules[i] = (struct pol_rule){ .pos = { 0, i + 2, 3, i + 1 }, .dir = WIRE_IN,
		.services = &services[i], .service_count = 1, .vlans = &vlans[i],
		.vlan_count = vlan != 0 };
	CHECK(addr_set_any(&arena, 4, &rules[i].peer) == RC_OK);
}

static void
policy_begin(void)
{
	static const char *files[] = { "a.pol" };
	static struct pol_segment segment = { .name = "s", .pos = { 0, 1, 1, 0 },
		.mode = WIRE_ENFORCE };
	struct addr_range member = { { 0, 0x0a000001, 4 }, { 0, 0x0a000001, 4 } };

	arena_init(&arena, ARENA_BYTES);
	CHECK(addr_set_from(&arena, &member, 1, &segment.members) == RC_OK);
	policy = (struct pol_rules){ .files = files, .file_count = 1, .segments = &segment,
		.segment_count = 1, .rules = rules,
		.defaults = { .unsegmented = WIRE_PASS, .non_ip = WIRE_PASS } };
}

static enum rc
proved(const struct pol_rules *r, const struct pol_image *image)
{
	struct pol_proof proof;
	struct diag d = { 0 };
	struct arena a;
	enum rc rc;

	arena_init(&a, ARENA_BYTES);
	rc = pol_prove(r, &image->names, image->bytes, image->len, &a, &proof, &d);
	arena_fini(&a);
	return rc;
}

static struct wire_half *
inbound(const struct pol_image *image)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)image->bytes;
	const struct wire_table *first = (const struct wire_table *)(image->bytes +
	    (size_t)le32_get(h->tables_at) * WIRE_LINE);

	return (struct wire_half *)(image->bytes + (size_t)le32_get(first->body) * WIRE_LINE) +
	    WIRE_IN;
}

/* Every step-th cell of B, one after the other, leads to the next set or segment. */
static void
cells_count(uint32_t rows, uint32_t step, uint64_t boxes_min)
{
	struct pol_image image = { .passes = 0 };
	struct diags diags;
	struct wire_half *h;
	uint32_t limit, cells, missed = 0;
	le16 *b;

	CHECK(diags_init(&diags));
	T_IS_INT(pol_image_make(&policy, 0, &arena, &image, &diags), RC_OK);
	T_OK(image.proof.boxes > boxes_min);
	h = inbound(&image);
	b = (le16 *)((uint8_t *)(h - WIRE_IN) + (size_t)le32_get(h->b_at) * WIRE_LINE);
	limit = h->b_shift != 0 ? le32_get(h->b_segments) : le16_get(h->s_classes);
	cells = (uint32_t)le16_get(h->q_classes) * le16_get(h->b_row);
	T_IS_UINT(h->subs, 1);
	T_IS_UINT(le16_get(h->q_classes), rows);
	for (uint32_t i = 0; i < cells; i += step) {
		const le16 before = b[i];

		b[i] = le16_put((uint16_t)((le16_get(before) + 1) % limit));
		T_OK(image_check(image.bytes, image.len, NULL) == RC_OK);
		missed += proved(&policy, &image) != RC_CONFLICT;
		b[i] = before;
	}
	printf("# %u cells of %u rows, shift %u\n", cells, rows, h->b_shift);
	T_IS_UINT(missed, 0);
	pol_image_fini(&image);
	arena_fini(&arena);
	diags_fini(&diags);
}

/* A VLAN and a port each: nearly all of their pairs leave nothing. */
static void
pairs(void)
{
	policy_begin();
	for (uint32_t i = 0; i < RULES; i++)
		rule_add(1 + i, 100 + 2 * i);
	cells_count(RULES + 1, 1, RULES);
}

/* Each VLAN with each port is a class of its own. */
static void
crossed(void)
{
	policy_begin();
	for (uint32_t i = 0; i < CROSSED; i++)
		rule_add(1 + i, 0);
	for (uint32_t i = 0; i < CROSSED; i++)
		rule_add(0, 100 + 2 * i);
	cells_count(CROSSED + 2, 13, 2 * BLOCK_CLASSES);	/* no VLAN; not TCP */
}

int
main(void)
{
	T_RUN(pairs);
	T_RUN(crossed);
	return t_done();
}
