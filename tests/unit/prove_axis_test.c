/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_axis - one wrong cell among many near classes: found in whichever row it stands, also
 * beyond as many rows as the proof remembers.
 */
#include "t.h"

#include "pol_image.h"
#include "prove_joint.h"

enum { RULES = 40 };		/* more than are remembered, twice over */

#define ARENA_BYTES ((size_t)64 << 20)

static struct arena arena;

/* Rule i asks for VLAN i + 1 and port 2 * i + 100: nearly all of their pairs leave nothing. */
static void
policy_make(struct pol_rules *out)
{
	static const char *files[] = { "a.pol" };
	static struct pol_segment segment = { .name = "s", .pos = { 0, 1, 1, 0 },
		.mode = WIRE_ENFORCE };
	static struct vlan_range vlans[RULES];
	static struct pol_service services[RULES];
	static struct pol_rule rules[RULES];
	struct addr_range member = { { 0, 0x0a000001, 4 }, { 0, 0x0a000001, 4 } };

	CHECK(addr_set_from(&arena, &member, 1, &segment.members) == RC_OK);
	for (uint32_t i = 0; i < RULES; i++) {
		uint16_t port = (uint16_t)(100 + 2 * i), vlan = (uint16_t)(1 + i);

		vlans[i] = (struct vlan_range){ vlan, vlan };
		services[i] = (struct pol_service){ .atom = { .proto = PROTO_TCP,
			.sport_hi = UINT16_MAX, .dport_lo = port, .dport_hi = port } };
		rules[i] = (struct pol_rule){ .pos = { 0, i + 2, 3, i + 1 }, .dir = WIRE_IN,
			.services = &services[i], .service_count = 1, .vlans = &vlans[i],
			.vlan_count = 1 };
		CHECK(addr_set_any(&arena, 4, &rules[i].peer) == RC_OK);
	}
	*out = (struct pol_rules){ .files = files, .file_count = 1, .segments = &segment,
		.segment_count = 1, .rules = rules, .rule_count = RULES,
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

/* Every cell of B, one after the other, leads to the next set or segment. */
static void
every_cell_counts(void)
{
	struct pol_image image = { .passes = 0 };
	struct pol_rules rules;
	struct diags diags;
	struct wire_half *h;
	uint32_t limit, cells, missed = 0;
	le16 *b;

	CHECK(diags_init(&diags));
	arena_init(&arena, ARENA_BYTES);
	policy_make(&rules);
	T_IS_INT(pol_image_make(&rules, 0, &arena, &image, &diags), RC_OK);
	T_IS_INT(proved(&rules, &image), RC_OK);
	h = inbound(&image);
	b = (le16 *)((uint8_t *)(h - WIRE_IN) + (size_t)le32_get(h->b_at) * WIRE_LINE);
	limit = h->b_shift != 0 ? le32_get(h->b_segments) : le16_get(h->s_classes);
	cells = (uint32_t)le16_get(h->q_classes) * le16_get(h->b_row);
	T_IS_UINT(h->subs, 1);
	T_IS_UINT(le16_get(h->q_classes), RULES + 1);
	for (uint32_t i = 0; i < cells; i++) {
		const le16 before = b[i];

		b[i] = le16_put((uint16_t)((le16_get(before) + 1) % limit));
		T_OK(image_check(image.bytes, image.len, NULL) == RC_OK);
		missed += proved(&rules, &image) != RC_CONFLICT;
		b[i] = before;
	}
	printf("# %u cells of %u rows, shift %u\n", cells, le16_get(h->q_classes), h->b_shift);
	T_IS_UINT(missed, 0);
	pol_image_fini(&image);
	arena_fini(&arena);
	diags_fini(&diags);
}

int
main(void)
{
	T_RUN(every_cell_counts);
	return t_done();
}
