/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_prop - one segment of 256 changes: every other table keeps its bytes, wherever in the image
 * they come to lie, and whatever is counted elsewhere; all but one body of each family are taken
 * from the image before; and what is wrong in that one is found. In the firmware what an unchanged
 * rule has counted goes on, whatever its number is now.
 */
#include "t.h"

#include "fw_board.h"
#include "gen_rules.h"
#include "hash.h"
#include "image_read.h"
#include "pol_image.h"

enum { SEGMENTS = 256, RULES = 4096, COUNTED = 800 };

static struct gen gen;
#define ARENA_BYTES ((size_t)512 << 20)

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

/* COUNTED of RULES, about, have a counter: one more or less moves the numbers of many. */
static void
rules_make(uint32_t segments, uint32_t rules, struct pol_rules *r)
{
	gen_rules_large(&gen, &arena, segments, rules, r);
	for (uint32_t i = 0; i < r->rule_count; i++)
		r->rules[i].count = gen_below(&gen, RULES) < COUNTED;
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

enum change { RULE_OPEN, RULE_TO_V6, RULE_GONE, MODE, COUNT, CHANGES };

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
	case COUNT:
		rule->count = !rule->count;
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
	static const uint32_t want[CHANGES][2] = { { 1, 0 }, { 1, 1 }, { 1, 0 }, { 1, 1 },
		{ 1, 0 } };
	uint64_t seed = t_seed();
	uint32_t moved_in_all = 0;

	for (enum change c = 0; c < CHANGES; c++) {
		struct pol_image before, after;
		struct pol_rules rules;
		uint32_t moved;

		arena_reset(&arena);
		gen.state = seed + c;
		rules_make(SEGMENTS, RULES, &rules);
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

static struct pol_image
make_over(const struct pol_rules *r, const struct pol_image *before, struct arena *a)
{
	const struct image_reuse reuse = { before->bytes, before->len, before->keys.items,
		before->keys.count };
	struct pol_image image;

	diags_fini(&diags);
	CHECK(diags_init(&diags));
	T_IS_INT(pol_image_make_over(r, POL_PASS_ALL, &reuse, a, &image, &diags), RC_OK);
	if (!T_IS_UINT(diags.errors, 0))
		diags_print(&diags, stdout);
	CHECK(image.bytes != NULL);
	return image;
}

static bool
bytes_same(const struct pol_image *a, const struct pol_image *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* The same bytes with and without; of 256 tables a family and the guard's, one is packed anew. */
static void
other_tables_are_not_packed(void)
{
	uint64_t seed = t_seed();

	for (enum change c = 0; c < CHANGES; c++) {
		struct pol_image before, after, again;
		struct pol_rules rules;
		bool both = c == RULE_TO_V6 || c == MODE;

		arena_reset(&arena);
		gen.state = seed + c;
		rules_make(SEGMENTS, RULES, &rules);
		before = pack(&rules);
		T_IS_UINT(before.keys.reused, 0);
		T_IS_UINT(before.keys.count, 2 * SEGMENTS + 2);
		again = make_over(&rules, &before, &arena);
		T_IS_UINT(again.keys.reused, 2 * SEGMENTS + 2);
		T_OK(bytes_same(&before, &again));
		pol_image_fini(&again);
		change_make(&rules, gen_below(&gen, SEGMENTS), c);
		after = pack(&rules);
		again = make_over(&rules, &before, &arena);
		T_IS_UINT(again.keys.reused, 2 * SEGMENTS + 2 - (both ? 2 : 1));
		T_OK(bytes_same(&after, &again));
		T_IS_MEM(again.keys.items, after.keys.items,
		    after.keys.count * sizeof(*after.keys.items));
		pol_image_fini(&again);
		pol_image_fini(&after);
		pol_image_fini(&before);
	}
}

/* The key of a body says what its bytes are now: only the proof is left to tell. */
static void
keys_agree(struct pol_image *p)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p->bytes;
	const struct wire_body *dir = (const struct wire_body *)(p->bytes +
	    (size_t)le32_get(h->bodies_at) * WIRE_LINE);

	for (uint32_t i = 0; i < p->keys.count; i++) {
		const uint8_t *body = p->bytes + (size_t)WIRE_LINE *
		    le32_get(dir[le32_get(p->keys.items[i].body)].line);
		const struct wire_half *half = (const struct wire_half *)body;
		size_t left = p->len - (size_t)(body - p->bytes);

		/* the length may be what was flipped */
		p->keys.items[i].hash = le64_put(fnv1a64(FNV1A64_INIT, body,
		    MIN((size_t)le32_get(half->body_bytes), left)));
	}
}

/* Bits of the image before, flipped anywhere: by digest, by check or by proof each comes to
 * nothing, and the tables are right. */
static void
damage_is_found(void)
{
	struct pol_image before, whole;
	struct pol_rules rules;
	struct arena each;
	uint32_t kept = 0, anew = 0, one = 0;
	size_t bodies_at;

	arena_reset(&arena);
	gen.state = t_seed();
	rules_make(8, 60, &rules);
	before = pack(&rules);
	whole = pack(&rules);
	bodies_at = (size_t)WIRE_LINE * le32_get(*(const le32 *)(before.bytes + (size_t)WIRE_LINE *
	    le32_get(((const struct wire_image_hdr *)before.bytes)->bodies_at)));
	for (unsigned long i = 0; i < t_tries(200); i++) {
		bool agree = i % 2 == 1;
		size_t at = i % 8 < 2 ? t_rand_below(bodies_at)
				      : bodies_at + t_rand_below(before.len - bodies_at);
		struct pol_image again;

		arena_init(&each, ARENA_BYTES);
		before.bytes[at] ^= (uint8_t)(1u << i % 8);
		if (agree && at >= bodies_at)
			keys_agree(&before);
		again = make_over(&rules, &before, &each);
		/* proved as it is, where the flip means nothing and its hash was made to agree */
		T_OK(bytes_same(&whole, &again) ||
		    (agree && again.keys.reused == before.keys.count));
		kept += again.keys.reused == before.keys.count;
		one += again.keys.reused > 0 && again.keys.reused < before.keys.count;
		anew += again.keys.reused == 0;
		pol_image_fini(&again);
		arena_fini(&each);
		before.bytes[at] ^= (uint8_t)(1u << i % 8);
		keys_agree(&before);
	}
	printf("# damaged: %u built anew, %u but for one body, %u not\n", anew, one, kept);
	T_OK(anew > 0 && one > 0);
	pol_image_fini(&before);
	pol_image_fini(&whole);
}

/* Keys of another image, out of order or past its end, cost a build and nothing else. */
static void
foreign_keys(void)
{
	struct pol_image before, whole, again;
	struct pol_rules rules;

	arena_reset(&arena);
	gen.state = 7;
	rules_make(8, 60, &rules);
	before = pack(&rules);
	whole = pack(&rules);
	for (uint32_t i = 0; i < before.keys.count; i++)
		before.keys.items[i].body = le32_put(i % 2 == 0 ? UINT32_MAX : before.keys.count);
	again = make_over(&rules, &before, &arena);
	T_IS_UINT(again.keys.reused, 0);
	T_OK(bytes_same(&whole, &again));
	pol_image_fini(&again);
	/* Each list has another's body, whole and with its hash: the proof alone sees it. */
	pol_image_fini(&before);
	before = pack(&rules);
	for (uint32_t i = 0; i + 1 < before.keys.count; i += 2) {
		struct image_key x = before.keys.items[i], *y = &before.keys.items[i + 1];

		before.keys.items[i].body = y->body;
		before.keys.items[i].hash = y->hash;
		y->body = x.body;
		y->hash = x.hash;
	}
	again = make_over(&rules, &before, &arena);
	T_IS_UINT(again.keys.reused, 0);
	T_OK(bytes_same(&whole, &again));
	pol_image_fini(&again);
	pol_image_fini(&before);
	pol_image_fini(&whole);
}

/* The number that the symbols give a rule's counter; WIRE_COUNTER_NONE = it has none. */
static uint16_t
number_of(const struct pol_image *p, uint32_t rule_id)
{
	const struct image_symbol *s = image_symbol_find(&p->symbols, rule_id);

	return s == NULL ? WIRE_COUNTER_NONE : s->counter;
}

static void
counters_go_on(void)
{
	struct fw_board *board = fw_board_create(64, 8 << 20);
	uint32_t moved = 0, kept = 0, fresh = 0;
	struct pol_image before, after;
	struct pol_rules rules;

	arena_reset(&arena);
	gen.state = t_seed();
	rules_make(SEGMENTS, RULES, &rules);
	before = pack(&rules);
	fw_board_commit_bytes(board, before.bytes, before.len, 1);
	for (uint32_t i = 0; i < before.input.counter_count; i++) {
		struct fw_counter *c = &board->fw.cfg.counters[i];

		c->packets = c->rule_id;	/* so that each may be known again */
		c->bytes = c->rule_id * UINT64_C(3);
	}
	for (uint32_t s = 0; s < SEGMENTS; s += 16)
		change_make(&rules, s, COUNT);
	after = pack(&rules);
	fw_board_commit_bytes(board, after.bytes, after.len, 2);
	for (uint32_t i = 0; i < after.symbols.count; i++) {
		const struct image_symbol *s = &after.symbols.items[i];
		const struct fw_counter *c = &board->fw.cfg.counters[s->counter];
		uint16_t was = number_of(&before, s->rule_id);

		if (s->counter == WIRE_COUNTER_NONE)
			continue;
		T_IS_UINT(c->rule_id, s->rule_id);
		T_IS_UINT(c->packets, was == WIRE_COUNTER_NONE ? 0 : s->rule_id);
		T_IS_UINT(c->bytes, was == WIRE_COUNTER_NONE ? 0 : s->rule_id * UINT64_C(3));
		fresh += was == WIRE_COUNTER_NONE;
		kept += was != WIRE_COUNTER_NONE;
		moved += was != WIRE_COUNTER_NONE && was != s->counter;
	}
	printf("# %u counters go on, %u of them under another number; %u begin\n", kept, moved,
	    fresh);
	T_OK(moved > kept / 2 && fresh > 0);
	pol_image_fini(&before);
	pol_image_fini(&after);
	fw_board_destroy(&board);
}

int
main(void)
{
	arena_init(&arena, ARENA_BYTES);
	CHECK(diags_init(&diags));
	T_RUN(other_tables_keep_their_bytes);
	T_RUN(other_tables_are_not_packed);
	T_RUN(damage_is_found);
	T_RUN(foreign_keys);
	T_RUN(counters_go_on);
	diags_fini(&diags);
	arena_fini(&arena);
	return t_done();
}
