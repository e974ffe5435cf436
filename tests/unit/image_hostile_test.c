/* SPDX-License-Identifier: Apache-2.0 */
/* image_check, fw_image_check - images that no encoder writes: sections over one another, keys out
 * of order from one level of a tree to the next, small and large values in every word. */
#include "image.h"

#include "fw_match.h"
#include "fw_state.h"
#include "gen_image.h"
#include "t.h"
#include "wire_image.h"

enum { MUTANTS = 3000 };

static struct arena arena;
static struct gen_image gen = { .state = 7, .arena = &arena };
static uint8_t *grouped, *large;
static size_t grouped_len, large_len;

static uint8_t *
copy_of(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len);	/* of its own size, so that a step outside is seen */

	CHECK(copy != NULL);
	memcpy(copy, p, len);
	return copy;
}

/* A sound group table at the end of the hash, whose buckets are checked last: the first body then
 * begins where the image ends. */
static void
groups_over_the_hash(void)
{
	const struct wire_image_hdr *from = (const struct wire_image_hdr *)grouped;
	const uint8_t *table = grouped + (size_t)le32_get(from->groups_at[1]) * WIRE_LINE;
	uint32_t bytes = le32_get(((const struct wire_groups *)table)->bytes), buckets = 1, end;
	struct wire_image_hdr *h;
	struct diag d = { 0 };
	uint8_t *p;
	uint32_t bad_at;

	CHECK(le32_get(from->groups_at[1]) != 0);
	while (buckets * WIRE_LINE < bytes)
		buckets *= 2;
	end = sizeof(*h) / WIRE_LINE + 1 + buckets;
	p = calloc(end, WIRE_LINE);
	CHECK(p != NULL);
	h = (struct wire_image_hdr *)p;
	*h = (struct wire_image_hdr){ .version = from->version, .magic = from->magic,
		.bytes = le32_put(end * WIRE_LINE), .buckets = le32_put(buckets),
		.bodies_at = le32_put(2), .body_count = le32_put(1), .hash_at = le32_put(3),
		.tables_at = le32_put(end), .slots_at = le32_put(end),
		.unsegmented = from->unsegmented, .non_ip = from->non_ip };
	((struct wire_body *)(p + sizeof(*h)))->line = le32_put(end);
	memcpy(p + (size_t)end * WIRE_LINE - bytes, table, bytes);
	h->groups_at[1] = le32_put(end - bytes / WIRE_LINE);
	T_IS_INT(image_check(p, (size_t)end * WIRE_LINE, &d), RC_INVALID);
	if (!T_OK(strstr(d.text, "a body is not where the one before ends") != NULL))
		printf("# %s\n", d.text);
	T_OK(!fw_image_check(p, end * WIRE_LINE, &bad_at));
	free(p);
}

/* The root's first key moved past its right neighbour of the last level, and past the left one,
 * keys of each level being in order all the same. */
static void
levels_out_of_order(void)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)large;
	const struct wire_body *dir = (const struct wire_body *)(large +
	    (size_t)le32_get(h->bodies_at) * WIRE_LINE);
	size_t body = (size_t)le32_get(dir[0].line) * WIRE_LINE;
	const struct wire_half *first = (const struct wire_half *)(large + body);
	uint32_t seen = 0;

	for (uint32_t dir_at = 0; dir_at < 2; dir_at++) {
		const struct wire_half *half = first + dir_at;
		size_t root = (size_t)(half->roots[WIRE_ROOT_REMOTE] - large);
		size_t node = 1;
		const uint8_t *last;

		if (half->family != 4 || half->remote_depth < 2)
			continue;
		for (uint32_t i = 2; i < half->remote_depth; i++)
			node *= WIRE_KEYS_V4 + 1;
		last = large + body + ((size_t)le32_get(half->remote.at) +
		    le16_get(half->remote.start[half->remote_depth - 2]) + node) * WIRE_LINE;
		for (uint32_t side = 0; side < 2; side++) {
			uint8_t *p = copy_of(large, large_len);
			struct diag d = { 0 };

			/* last: the node that begins right of the root's first key */
			memcpy(p + root, side == 0 ? last : last - 4, 4);
			T_IS_INT(image_check(p, large_len, &d), RC_INVALID);
			T_OK(strstr(d.text, "keys of a tree are out of order") != NULL);
			free(p);
			seen++;
		}
	}
	T_OK(seen > 0);
}

/* A packet of each family at random: inside, which the sanitizers see. */
static void
walk(const uint8_t *p)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;

	for (uint32_t i = 0; i < le32_get(h->table_count); i++) {
		const struct wire_table *record = (const struct wire_table *)(p +
		    (size_t)le32_get(h->tables_at) * WIRE_LINE) + i;
		struct fw_table table = fw_table_find(p, record->family, record->local);

		for (int n = 0; n < 8; n++) {
			struct fw_key k = { .family = record->family, .dir = n & 1,
				.proto = n & 2 ? 6 : 17,
				.sport = (uint16_t)gen_image_below(&gen, 65536),
				.dport = (uint16_t)gen_image_below(&gen, 65536),
				.vlan = WIRE_VLAN_NONE };
			struct fw_action act;
			bool is_default;

			for (int b = 0; b < (record->family == 4 ? 4 : 16); b++)
				k.remote[b] = n & 4 ? 0xff : (uint8_t)gen_image_below(&gen, 256);
			fw_match_action(p, table, fw_match(p, table, &k, &is_default), &act);
			T_OK(act.counter == WIRE_COUNTER_NONE ||
			    act.counter < le32_get(h->counter_count));
		}
	}
}

/* Where structure is, so that what changes is not always a cell. */
static size_t
some_place(const uint8_t *p, size_t len)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;
	const struct wire_body *dir = (const struct wire_body *)(p +
	    (size_t)le32_get(h->bodies_at) * WIRE_LINE);
	size_t at = 0, bytes = sizeof(*h);

	switch (gen_image_below(&gen, 5)) {
	case 0:
		break;
	case 1:
		at = (size_t)le32_get(h->groups_at[gen_image_below(&gen, 2)]) * WIRE_LINE;
		break;
	case 2:
		bytes = len;
		break;
	default:
		at = (size_t)le32_get(dir[gen_image_below(&gen, le32_get(h->body_count))].line) *
		    WIRE_LINE;
		bytes = 2 * sizeof(struct wire_half);
		break;
	}
	return at + gen_image_below(&gen, (uint32_t)(MIN(bytes, len - at)));
}

/* What the host accepts the firmware does, and what it accepts it walks inside. */
static void
words_of_every_kind(void)
{
	static const uint32_t odd[] = { 0, 1, 2, 7, 63, 64, 0x7f, 0x80, 0x8f, 0xff, 0x7fff, 0xffff,
		0x10000, 0x3ffffff, 0x4000000, 0x7fffffff, 0x80000000, 0xffffffff };
	uint32_t accepted = 0, host_accepted = 0;

	for (uint32_t n = 0; n < MUTANTS; n++) {
		uint8_t *p = copy_of(grouped, grouped_len);
		size_t at = some_place(p, grouped_len);
		uint32_t bytes = 1u << gen_image_below(&gen, 3), word, bad_at;
		bool host, fw;

		at = MIN(at, grouped_len - 4) & ~(size_t)(bytes - 1);
		word = gen_image_below(&gen, 2) ? odd[gen_image_below(&gen, sizeof(odd) / 4)]
		    : p[at] + gen_image_below(&gen, 5) - 2;
		for (uint32_t i = 0; i < bytes; i++)
			p[at + i] = (uint8_t)(word >> 8 * i);
		host = image_check(p, grouped_len, NULL) == RC_OK;
		fw = fw_image_check(p, (uint32_t)grouped_len, &bad_at);
		if (host && !fw)
			printf("# mutant %u: byte %zu, %u bytes of %#x\n", n, at, bytes, word);
		T_OK(fw || !host);
		if (fw)
			walk(p);
		accepted += fw;
		host_accepted += host;
		free(p);
	}
	printf("# %u mutants: the firmware accepts %u, the host %u\n", (unsigned)MUTANTS, accepted,
	    host_accepted);
	T_OK(accepted > 0 && accepted < MUTANTS && host_accepted < accepted);
}

int
main(void)
{
	static const uint32_t many = 2000, prefixes[2] = { 300, 300 };

	arena_init(&arena, (size_t)64 << 20);
	CHECK(image_encode(gen_image_big(&gen, 3, prefixes, true), &grouped, &grouped_len, NULL) ==
	    RC_OK);
	CHECK(image_encode(gen_image_plain(&gen, &many, 1), &large, &large_len, NULL) == RC_OK);
	T_RUN(groups_over_the_hash);
	T_RUN(levels_out_of_order);
	T_RUN(words_of_every_kind);
	free(grouped);
	free(large);
	arena_fini(&arena);
	return t_done();
}
