/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_prop - one segment of 256 changes: every other table keeps its bytes, wherever in the image
 * they come to lie.
 */
#include "t.h"

#include "gen_rules.h"
#include "image_read.h"
#include "pol_image.h"

enum { SEGMENTS = 256, RULES = 4096 };

static struct gen gen;
static struct arena arena;
static struct diags diags;

static struct pol_image
pack(const struct pol_rules *r)
{
	struct pol_image image;

	diags_fini(&diags);
	CHECK(diags_init(&diags));
	CHECK(pol_image_pack(r, POL_PASS_ALL, &arena, &image, &diags) == RC_OK);
	return image;
}

static size_t
body_bytes(const struct image_view *v)
{
	return le32_get(image_view_half(v, 0, 0)->body_bytes);
}

static bool
body_same(const struct pol_image *a, const struct pol_image *b, const struct addr *local,
    uint8_t family)
{
	struct image_view x, y;

	return image_view_open(&x, a->bytes, local, family) &&
	    image_view_open(&y, b->bytes, local, family) && body_bytes(&x) == body_bytes(&y) &&
	    memcmp(x.body, y.body, body_bytes(&x)) == 0;
}

/* Tables of that family whose bytes differ; *moved: those whose equal bytes lie elsewhere. */
static uint32_t
tables_differ(const struct pol_image *a, const struct pol_image *b, uint8_t family,
    uint32_t *moved)
{
	const struct wire_table *tables = image_tables(a->bytes);
	struct image_info info, other;
	uint32_t n = 0, seen = 0;

	*moved = 0;
	image_info_get(a->bytes, a->len, &info);
	image_info_get(b->bytes, b->len, &other);
	T_IS_UINT(other.tables, info.tables);
	for (uint32_t i = 0; i < info.tables; i++) {
		struct addr local = image_table_local(&tables[i]);
		struct image_view x, y;

		if (local.family != family)
			continue;
		seen++;
		if (!body_same(a, b, &local, family)) {
			n++;
			continue;
		}
		*moved += image_view_open(&x, a->bytes, &local, family) &&
		    image_view_open(&y, b->bytes, &local, family) && x.line != y.line;
	}
	T_IS_UINT(seen, SEGMENTS);
	return n;
}

/* The last rule of the segment that is an allow. */
static struct pol_rule *
rule_of(struct pol_rules *r, uint32_t segment)
{
	for (uint32_t i = r->rule_count; i-- > 0;)
		if (r->rules[i].segment == segment && !r->rules[i].deny)
			return &r->rules[i];
	CHECK(false);
	return NULL;
}

enum change { RULE_OPEN, RULE_TO_V6, RULE_GONE, MODE, CHANGES };

static void
change_make(struct pol_rules *r, uint32_t segment, enum change change)
{
	static const struct service any_udp = { .proto = PROTO_UDP, .sport_hi = UINT16_MAX,
		.dport_hi = UINT16_MAX };
	static struct pol_service open;
	struct pol_rule *rule = rule_of(r, segment);

	switch (change) {
	case RULE_OPEN:
		open = rule->services[0];
		open.atom = any_udp;
		rule->services = &open;
		break;
	case RULE_TO_V6:
		CHECK(addr_set_any(&arena, 6, &rule->peer) == RC_OK);
		break;
	case RULE_GONE:
		memmove(rule, rule + 1, (size_t)(r->rules + r->rule_count - rule - 1) *
		    sizeof(*rule));
		r->rule_count--;
		break;
	default:
		r->segments[segment].mode = WIRE_COMPLY;
	}
}

static void
other_tables_keep_their_bytes(void)
{
	static const struct addr none = { .family = 0 };
	/* what changes per family: a rule whose peers are v4 is in the v4 table only */
	static const uint32_t want[CHANGES][2] = { { 1, 0 }, { 1, 1 }, { 1, 0 }, { 1, 1 } };
	uint64_t seed = t_seed();
	uint32_t moved_in_all = 0;

	for (enum change c = 0; c < CHANGES; c++) {
		struct pol_image before, after;
		struct pol_rules rules;
		uint32_t moved;

		arena_reset(&arena);
		gen.state = seed + c;
		gen_rules_large(&gen, &arena, SEGMENTS, RULES, &rules);
		before = pack(&rules);
		change_make(&rules, gen_below(&gen, SEGMENTS / 2), c);
		after = pack(&rules);
		for (int v6 = 0; v6 < 2; v6++) {
			uint32_t n = tables_differ(&before, &after, v6 ? 6 : 4, &moved);

			moved_in_all += moved;
			if (!T_IS_UINT(n, want[c][v6]))
				printf("# change %d, family %d\n", c, v6 ? 6 : 4);
			T_OK(body_same(&before, &after, &none, v6 ? 6 : 4));
		}
		pol_image_fini(&before);
		pol_image_fini(&after);
	}
	/* else offsets in place of contents would have passed too */
	T_OK(moved_in_all > SEGMENTS / 4);
}

int
main(void)
{
	arena_init(&arena, (size_t)512 << 20);
	CHECK(diags_init(&diags));
	T_RUN(other_tables_keep_their_bytes);
	diags_fini(&diags);
	arena_fini(&arena);
	return t_done();
}
