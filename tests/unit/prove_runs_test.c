/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_runs_test - a product that is cut in segments, changed in a segment or in which of them a
 * row has: told alike whether runs of services are taken from the row before or all are compared.
 */
#include "prove_impl.h"

#include <stdlib.h>
#include <string.h>

#include "gen_rules.h"
#include "pol_image.h"
#include "t.h"

enum { RULES = 300, MUTANTS = 100 };

#define ARENA_BYTES ((size_t)128 << 20)

static struct gen gen = { 5 };

/* A sub-table whose product has segments, of which there is one; where its body begins. */
static const struct wire_half *
half_cut(const struct pol_image *image, size_t *body)
{
	const struct wire_image_hdr *hdr = (const struct wire_image_hdr *)image->bytes;
	const struct wire_body *b = (const struct wire_body *)(image->bytes +
	    (size_t)le32_get(hdr->bodies_at) * WIRE_LINE);

	for (uint32_t i = 0; i < 2 * le32_get(hdr->body_count); i++) {
		const struct wire_half *h;

		*body = (size_t)le32_get(b[i / 2].line) * WIRE_LINE;
		h = (const struct wire_half *)(image->bytes + *body) + i % 2;
		if (h->m_shift > 0 && le16_get(h->remote_classes) > RULES / 2)
			return h;
	}
	CHECK(!"a half with segments");
	return NULL;
}

/* Another cell in a segment; another segment in a row: any, or that of the row before where it is
 * not the same, so that nothing tells the image's rows apart there. */
static void
change(const struct pol_image *image, uint8_t *mutant)
{
	size_t body;
	const struct wire_half *h = half_cut(image, &body);
	uint32_t how = gen_below(&gen, 4), row = le16_get(h->m_row);
	uint32_t n = how > 0 ? le16_get(h->remote_classes) * row :
	    le32_get(h->m_segments) << h->m_shift;
	le16 *cells = (le16 *)(mutant + body + (size_t)le32_get(how > 0 ? h->m_at : h->mp_at) *
	    WIRE_LINE);
	uint32_t at = gen_below(&gen, n), from = gen_below(&gen, n);

	for (uint32_t i = 0; how > 1 && i < n; i++) {
		at = (at + 1) % n;
		from = at - row;
		if (at >= row && le16_get(cells[at]) != le16_get(cells[from]))
			break;
	}
	cells[at] = cells[from];
}

static enum rc
prove(const struct pol_rules *r, const struct pol_image *image, const uint8_t *bytes,
    uint32_t run_min, struct pol_proof *out)
{
	const uint32_t before = prove_run_min;
	struct diag d = { 0 };
	struct arena a;
	enum rc rc;

	arena_init(&a, ARENA_BYTES);
	prove_run_min = run_min;
	rc = pol_prove(r, &image->names, bytes, image->len, &a, out, &d);
	prove_run_min = before;
	arena_fini(&a);
	return rc;
}

static void
mutants(void)
{
	uint32_t differ = 0, same = 0, refused = 0, wrong = 0;
	struct vlan_range *v;
	struct pol_image image;
	struct pol_rules r;
	struct diags diags;
	struct arena a;

	arena_init(&a, ARENA_BYTES);
	CHECK(diags_init(&diags));
	gen_rules_large(&gen, &a, 1, RULES, &r);
	for (uint32_t i = 0; i < RULES; i += 10) {
		v = arena_alloc(&a, sizeof(*v));
		CHECK(v != NULL);
		v->lo = v->hi = (uint16_t)(1 + i);
		r.rules[i].vlans = v;
		r.rules[i].vlan_count = 1;
	}
	CHECK(pol_image_make(&r, POL_PASS_ALL, &a, &image, &diags) == RC_OK);
	for (uint32_t i = 0; i < MUTANTS; i++) {
		uint8_t *mutant = arena_memdup(&a, image.bytes, image.len);
		struct pol_proof all, runs;
		struct diag d = { 0 };
		enum rc rc;

		CHECK(mutant != NULL);
		change(&image, mutant);
		if (image_check(mutant, image.len, &d) != RC_OK) {
			refused++;
			continue;
		}
		rc = prove(&r, &image, mutant, UINT32_MAX, &all);
		CHECK(rc == RC_OK || rc == RC_CONFLICT);
		differ += rc == RC_CONFLICT;
		same += rc == RC_OK;
		for (uint32_t min = 0; min <= 4; min += 4) {
			wrong += prove(&r, &image, mutant, min, &runs) != rc;
			if (rc == RC_OK)
				wrong += runs.boxes != all.boxes;
			else
				wrong += runs.got.rule_id == runs.want.rule_id &&
				    runs.got_default == runs.want_default;
		}
	}
	T_IS_UINT(wrong, 0);
	T_OK(differ > MUTANTS / 4 && same > MUTANTS / 20);
	printf("# %u differ, %u do not, %u refused\n", differ, same, refused);
	pol_image_fini(&image);
	diags_fini(&diags);
	arena_fini(&a);
}

int
main(void)
{
	T_RUN(mutants);
	return t_done();
}
