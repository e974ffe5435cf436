/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_prop - random rules: first match by hand == decoded image == firmware walk, with vectors of
 * 512 bits where the processor has them, of 128, and with counting loops; and foreign bytes: every
 * flip and every cut is refused or harmless.
 */
#include "fw_match.h"
#include "fw_state.h"
#include "gen_image.h"

/* The same walk again, its nodes as counting loops. */
#define FW_MATCH_SCALAR 1
#undef FW_MATCH_API
#define FW_MATCH_API static
#define fw_table_find scalar_table_find
#define fw_table_guard scalar_table_guard
#define fw_match scalar_match
#define fw_match_batch scalar_match_batch
#define fw_match_action scalar_match_action
#include "fw_match.c"
#undef fw_table_find
#undef fw_table_guard
#undef fw_match
#undef fw_match_batch
#undef fw_match_action

#include "t.h"

static struct fw_key
fw_key_from(const struct pkt_key *k)
{
	struct fw_key f = { .family = k->remote.family, .dir = k->dir, .proto = k->proto,
		.frag = k->frag, .sport = k->sport, .dport = k->dport, .vlan = k->vlan };

	addr_to_wire(&k->remote, f.remote);
	return f;
}

static bool
action_is(const struct image_action *want, const struct fw_action *got)
{
	return want->verdict == got->verdict && want->mode == got->mode &&
	    want->state == got->state && want->log == (got->log != 0) &&
	    want->counter == got->counter && want->rule_id == got->rule_id;
}

static bool
action_same(const struct image_action *a, const struct image_action *b)
{
	return a->verdict == b->verdict && a->mode == b->mode && a->state == b->state &&
	    a->log == b->log && a->counter == b->counter && a->rule_id == b->rule_id;
}

/* Three side by side: this packet, one of nobody, and this one the other way. */
static bool
batch_agrees(const uint8_t *p, struct fw_table table, const uint8_t local[16],
    const struct fw_key *f, uint32_t want)
{
	struct fw_key keys[3] = { *f, *f, *f };
	uint32_t index[3], other;
	struct fw_table at[3];
	struct fw_lane lanes[3];
	uint8_t locals[48];
	bool is_default;

	for (int i = 0; i < 3; i++)
		memcpy(locals + 16 * i, local, 16);
	locals[16] ^= 0x55;
	keys[2].dir ^= 1;
	other = scalar_match(p, table, &keys[2], &is_default);
	fw_match_batch(p, locals, keys, 3, lanes, at, index);
	if (at[0].body != table.body || index[0] != want || index[2] != other ||
	    at[1].body != fw_table_find(p, f->family, locals + 16).body)
		return false;
	scalar_match_batch(p, locals, keys, 3, lanes, at, index);
	return index[0] == want && index[2] == other;
}

/* All ways to ask give one answer. */
static bool
ask_all(const uint8_t *p, size_t len, const struct addr *local, const struct image_list *l,
    const struct pkt_key *k)
{
	uint32_t first = gen_image_first(l, k), vec, one;
	const struct image_action *want = first == l->count ? &l->deflt : &l->rules[first]->action;
	struct fw_key f = fw_key_from(k);
	struct image_action read;
	struct fw_action act, act_one;
	bool read_default, vec_default, one_default;
	struct fw_table vec_at, one_at;
	uint8_t wire[16];

	if (local->family == 0) {
		vec_at = fw_table_guard(p, f.family);
		one_at = scalar_table_guard(p, f.family);
	} else {
		addr_to_wire(local, wire);
		vec_at = fw_table_find(p, local->family, wire);
		one_at = scalar_table_find(p, local->family, wire);
	}
	if (vec_at.body == 0 || one_at.body != vec_at.body)
		return false;
	vec = fw_match(p, vec_at, &f, &vec_default);
	one = scalar_match(p, vec_at, &f, &one_default);
	fw_match_action(p, vec_at, vec, &act);
	scalar_match_action(p, vec_at, one, &act_one);
	if (!image_lookup(p, len, local, k, &read, &read_default))
		return false;
	for (int narrow = 0; narrow < 2; narrow++) {
#if defined(FW_MATCH_PICKS)
		fw_match_narrow = narrow != 0;
#endif
		if (fw_match(p, vec_at, &f, &vec_default) != vec || vec_default != one_default ||
		    (local->family != 0 && !batch_agrees(p, vec_at, wire, &f, vec)))
			return false;
	}
	return vec == one && vec_default == one_default && vec_default == (first == l->count) &&
	    read_default == vec_default && action_is(want, &act) && action_is(want, &act_one) &&
	    action_same(want, &read);
}

static void
key_say(const struct pkt_key *k, const struct addr *local)
{
	char remote[ADDR_TEXT_BYTES], text[ADDR_TEXT_BYTES] = "none";

	addr_print(&k->remote, remote);
	if (local->family != 0)
		addr_print(local, text);
	printf("# local %s remote %s dir %u proto %u frag %u sport %u dport %u vlan %u\n", text,
	    remote, k->dir, k->proto, k->frag, k->sport, k->dport, k->vlan);
}

/* What group tables the images had. */
static struct {
	unsigned long images;
	uint8_t depth[2], key_bytes;	/* of the last */
} groups_seen;

static void
groups_see(const uint8_t *p)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;

	for (int v6 = 0; v6 < 2; v6++) {
		const struct wire_groups *w = (const struct wire_groups *)(p +
		    (size_t)le32_get(h->groups_at[v6]) * WIRE_LINE);

		if (le32_get(h->groups_at[v6]) == 0)
			continue;
		groups_seen.images++;
		groups_seen.depth[v6] = w->depth;
		groups_seen.key_bytes = w->key_bytes;
	}
}

/* A batch in memory of exactly its size: sanitizers see a step outside. */
struct batch {
	uint32_t count;
	uint8_t *locals;
	struct fw_key *keys;
	struct fw_lane *lanes;
	struct fw_table *tables;
	uint32_t *index;
};

static void *
exact(size_t count, size_t size)
{
	void *p = malloc(count * size);

	CHECK(p != NULL || count == 0);
	return p;
}

/* Any number of packets; a fifth have a local IP that is one bit from a table's. */
static void
batch_make(struct gen_image *g, const struct image_input *in, struct batch *b)
{
	uint32_t n = gen_image_below(g, FW_BATCH_MAX + 1);

	*b = (struct batch){ .count = n, .locals = exact(n, 16),
		.keys = exact(n, sizeof(*b->keys)), .lanes = exact(n, sizeof(*b->lanes)),
		.tables = exact(n, sizeof(*b->tables)), .index = exact(n, sizeof(*b->index)) };
	for (uint32_t i = 0; i < n; i++) {
		const struct image_table *tab = in->table_count == 0 ? NULL :
		    &in->tables[gen_image_below(g, in->table_count)];
		bool owned = tab != NULL && tab->local.family != 0;
		struct addr local = owned ? tab->local : (struct addr){ .lo =
		    gen_image_below(g, UINT32_MAX), .family = gen_image_below(g, 2) == 0 ? 4 : 6 };
		struct pkt_key k = { .remote = local, .proto = PROTO_TCP, .vlan = WIRE_VLAN_NONE };

		if (tab != NULL)
			k = gen_image_key(g, &in->lists[tab->list], local.family);
		if (gen_image_below(g, 5) == 0)
			local.lo ^= UINT64_C(1) << gen_image_below(g, 32);
		k.dir = (uint8_t)gen_image_below(g, 2);
		b->keys[i] = fw_key_from(&k);
		addr_to_wire(&local, b->locals + 16 * (size_t)i);
	}
}

static void
batch_fini(struct batch *b)
{
	free(b->locals);
	free(b->keys);
	free(b->lanes);
	free(b->tables);
	free(b->index);
}

/* How many batches there were, by their packets, and in images larger than a near one. */
static unsigned long batches[FW_BATCH_MAX + 1], batches_far, strangers;

/* What a batch found is what one packet at a time finds. */
static bool
batch_is_right(const uint8_t *p, const struct batch *b)
{
	for (uint32_t i = 0; i < b->count; i++) {
		struct fw_table at = scalar_table_find(p, b->keys[i].family, b->locals + 16 *
		    (size_t)i);
		bool is_default;

		strangers += at.body == 0;
		if (b->tables[i].body != at.body || (at.body != 0 && (b->tables[i].slots !=
		    at.slots || b->index[i] != scalar_match(p, at, &b->keys[i], &is_default))))
			return false;
	}
	return true;
}

static bool
batch_holds(struct gen_image *g, const struct image_input *in, const uint8_t *p)
{
	struct batch b;
	bool good;

	batch_make(g, in, &b);
	scalar_match_batch(p, b.locals, b.keys, b.count, b.lanes, b.tables, b.index);
	good = batch_is_right(p, &b);
	for (int narrow = 0; narrow < 2 && good; narrow++) {
#if defined(FW_MATCH_PICKS)
		fw_match_narrow = narrow != 0;
#endif
		fw_match_batch(p, b.locals, b.keys, b.count, b.lanes, b.tables, b.index);
		good = batch_is_right(p, &b);
	}
	batches[b.count]++;
	batches_far += le32_get(fw_image_hdr(p)->bytes) > 1 << 20;
	batch_fini(&b);
	return good;
}

/* Asks n packets of each table and family. */
static bool
input_holds(struct gen_image *g, const struct image_input *in, unsigned n, unsigned long *asked)
{
	struct diag d = { 0 };
	uint8_t *p;
	size_t len;
	uint32_t bad_at;
	bool good = true;

	if (image_encode(in, &p, &len, &d) != RC_OK || image_check(p, len, &d) != RC_OK) {
		printf("# %s: %s\n", d.code, d.text);
		return false;
	}
	if (!fw_image_check(p, (uint32_t)len, &bad_at)) {
		printf("# the firmware refuses byte %u\n", bad_at);
		good = false;
	}
	groups_see(p);
	for (unsigned i = 0; i < n / 100 + 1 && good; i++)
		good = batch_holds(g, in, p);
	for (uint32_t i = 0; i < in->table_count && good; i++) {
		const struct image_table *tab = &in->tables[i];
		const struct image_list *l = &in->lists[tab->list];

		for (unsigned q = 0; q < n && good; q++) {
			uint8_t family = tab->local.family != 0 ? tab->local.family : q % 2 ? 4 : 6;
			struct pkt_key k = gen_image_key(g, l, family);

			good = ask_all(p, len, &tab->local, l, &k);
			*asked += 1;
			if (!good)
				key_say(&k, &tab->local);
		}
	}
	free(p);
	return good;
}

static void
all_answers_agree(void)
{
	struct gen_image g = { .state = t_seed() };
	unsigned long tries = t_tries(400), asked = 0;
	struct arena a;

	arena_init(&a, (size_t)256 << 20);
	g.arena = &a;
	for (unsigned long i = 0; i < tries; i++) {
		uint64_t state = g.state;
		uint32_t rules = i % 40 == 39 ? 400 : i % 4 == 0 ? 4 : 40;
		struct image_input *in = gen_image(&g, i % 4 == 0 ? 40 : 6, rules);

		if (!T_OK(input_holds(&g, in, 300, &asked))) {
			printf("# replay with SEED=%" PRIu64 "\n", state);
			break;
		}
		arena_reset(&a);
	}
	printf("# %lu lookups, four ways each; %lu tables of groups; %lu packets of nobody\n",
	    asked, groups_seen.images, strangers);
	T_OK(groups_seen.images > tries / 4);
	T_OK(strangers > tries);
	for (uint32_t n = 0; n <= FW_BATCH_MAX; n++)
		if (!T_OK(batches[n] > 0))
			printf("# no batch of %u\n", n);
	arena_fini(&a);
}

static void
plain_tables_agree(void)
{
	static const uint32_t counts[] = { 1, 10, 100, 700, 60, 20, 300, 30 };
	struct gen_image g = { .state = t_seed() };
	unsigned long asked = 0;
	struct arena a;

	arena_init(&a, (size_t)256 << 20);
	g.arena = &a;
	T_OK(input_holds(&g, gen_image_plain(&g, counts, 8), (unsigned)t_tries(3000), &asked));
	arena_fini(&a);
}

/* Group tables of one leaf, and of several levels, with keys of each kind. */
static void
big_groups_agree(void)
{
	static const struct {
		uint32_t groups, prefixes[2], depth[2], key_bytes;
		bool hosts;
	} rows[] = {
		{ 1, { 90, 90 }, { 1, 2 }, 8, false },
		{ 3, { 300, 100 }, { 2, 2 }, 16, true },
		{ 20, { 250, 250 }, { 3, 4 }, 16, true },
		{ 5, { 5000, 5000 }, { 3, 5 }, 8, false },
		{ 4, { 20000, 20000 }, { 4, 5 }, 16, true },
	};
	struct gen_image g = { .state = t_seed() };
	unsigned long asked = 0;
	struct arena a;

	arena_init(&a, (size_t)256 << 20);
	g.arena = &a;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct image_input *in = gen_image_big(&g, rows[i].groups, rows[i].prefixes,
		    rows[i].hosts);

		T_OK(input_holds(&g, in, (unsigned)t_tries(3000), &asked));
		T_OK(groups_seen.images > 0);
		T_IS_UINT(groups_seen.depth[0], rows[i].depth[0]);
		T_IS_UINT(groups_seen.depth[1], rows[i].depth[1]);
		T_IS_UINT(groups_seen.key_bytes, rows[i].key_bytes);
		arena_reset(&a);
	}
	printf("# %lu lookups, %lu batches in images that are far\n", asked, batches_far);
	T_OK(batches_far > 0);
	arena_fini(&a);
}

/* An image without any table: every batch is of nobody. */
static void
no_table_no_answer(void)
{
	struct gen_image g = { .state = t_seed() };
	const struct image_input in = { .unsegmented = WIRE_PASS, .non_ip = WIRE_PASS };
	const unsigned long before = strangers;
	uint8_t *p;
	size_t len;

	CHECK(image_encode(&in, &p, &len, NULL) == RC_OK);
	T_IS_UINT(le32_get(fw_image_hdr(p)->body_count), 0);
	for (int i = 0; i < 100; i++)
		T_OK(batch_holds(&g, &in, p));
	T_OK(strangers > before);
	free(p);
}

/* --- foreign bytes ---------------------------------------------------------------------------- */

/* Every walk of an accepted image, from a copy of exactly its size: sanitizers see a step
 * outside. */
static void
walk_all(const uint8_t *p, size_t len, struct gen_image *g, const struct image_input *in)
{
	for (uint32_t i = 0; i < in->table_count; i++) {
		const struct image_table *tab = &in->tables[i];

		for (unsigned q = 0; q < 4; q++) {
			uint8_t family = tab->local.family != 0 ? tab->local.family : q % 2 ? 4 : 6;
			struct pkt_key k = gen_image_key(g, &in->lists[tab->list], family);
			struct fw_key f = fw_key_from(&k);
			uint8_t wire[16];
			struct fw_table at;
			struct fw_action act;
			struct image_action read;
			bool is_default;

			addr_to_wire(&tab->local, wire);
			at = tab->local.family == 0 ? fw_table_guard(p, family)
						  : fw_table_find(p, family, wire);
			if (at.body != 0)
				fw_match_action(p, at, fw_match(p, at, &f, &is_default), &act);
			(void)!image_lookup(p, len, &tab->local, &k, &read, &is_default);
		}
	}
	T_OK(batch_holds(g, in, p));
}

static struct image_input *
small_image(struct gen_image *g, uint8_t **p, size_t *len)
{
	for (;;) {
		struct image_input *in = gen_image(g, 3, 5);

		CHECK(image_encode(in, p, len, NULL) == RC_OK);
		if (*len >= 4096 && *len <= 12288 && in->table_count > 1)
			return in;
		free(*p);
	}
}

static void
flips_are_refused_or_harmless(void)
{
	struct gen_image g = { .state = t_seed() };
	unsigned long refused = 0, accepted = 0, fw_only = 0, fw_less = 0;
	struct image_input *in;
	struct arena a;
	uint8_t *p, *copy;
	size_t len;

	arena_init(&a, (size_t)256 << 20);
	g.arena = &a;
	in = small_image(&g, &p, &len);
	copy = malloc(len);
	CHECK(copy != NULL);
	for (size_t i = 0; i < len; i++) {
		for (unsigned how = 0; how < 4; how++) {
			static const uint8_t flips[] = { 0x01, 0x80, 0xff, 0x10 };
			uint32_t bad_at;

			memcpy(copy, p, len);
			copy[i] ^= flips[how];
			if (image_check(copy, len, NULL) == RC_OK) {
				accepted++;
				fw_less += !fw_image_check(copy, (uint32_t)len, &bad_at);
				walk_all(copy, len, &g, in);
			} else {
				refused++;
				/* what only the firmware lets through must be harmless too */
				if (fw_image_check(copy, (uint32_t)len, &bad_at)) {
					struct fw_key f = { .family = 4, .proto = 6, .vlan = 4096 };
					struct fw_table at = fw_table_guard(copy, 4);
					bool is_default;

					fw_only++;
					if (at.body != 0)
						(void)fw_match(copy, at, &f, &is_default);
				}
			}
		}
	}
	printf("# %zu bytes: %lu flips refused, %lu accepted and walked, %lu by the firmware "
	    "only\n", len, refused, accepted, fw_only);
	T_OK(refused > 0 && accepted > 0);
	T_IS_UINT(fw_less, 0);
	free(copy);
	free(p);
	arena_fini(&a);
}

static void
cuts_are_refused(void)
{
	struct gen_image g = { .state = t_seed() };
	struct arena a;
	uint8_t *p;
	size_t len;

	arena_init(&a, (size_t)256 << 20);
	g.arena = &a;
	(void)small_image(&g, &p, &len);
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n + 1);
		uint32_t bad_at;

		CHECK(copy != NULL);
		memcpy(copy, p, n);
		if (image_check(copy, n, NULL) == RC_OK || (n >= sizeof(struct wire_image_hdr) &&
		    fw_image_check(copy, (uint32_t)n, &bad_at))) {
			T_OK(!"a cut image is accepted");
			printf("# %zu of %zu bytes\n", n, len);
		}
		free(copy);
	}
	T_OK(image_check(p, len, NULL) == RC_OK);
	free(p);
	arena_fini(&a);
}

static void
same_input_same_bytes(void)
{
	uint64_t seed = t_seed();
	uint8_t *p[2];
	size_t len[2];

	for (int i = 0; i < 2; i++) {
		struct gen_image g = { .state = seed };
		struct arena a;

		arena_init(&a, (size_t)256 << 20);
		g.arena = &a;
		CHECK(image_encode(gen_image(&g, 10, 60), &p[i], &len[i], NULL) == RC_OK);
		arena_fini(&a);
	}
	T_IS_UINT(len[0], len[1]);
	T_IS_MEM(p[0], p[1], len[0]);
	free(p[0]);
	free(p[1]);
}

int
main(void)
{
	T_RUN(all_answers_agree);
	T_RUN(plain_tables_agree);
	T_RUN(big_groups_agree);
	T_RUN(no_table_no_answer);
	T_RUN(flips_are_refused_or_harmless);
	T_RUN(cuts_are_refused);
	T_RUN(same_input_same_bytes);
	return t_done();
}
