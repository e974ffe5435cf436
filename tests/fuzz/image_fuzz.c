/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_fuzz - any bytes as an image: what the firmware accepts it walks, what the host accepts the
 * firmware does too, and that is decoded and printed.
 * Under sanitizers each input has memory of its own size; without, for speed, all have the same.
 * Shape:   nearly all of what libFuzzer keeps and changes is refused by the first check. So most
 *          mutants are made here, of images that the firmware accepted before: a field, key or cell
 *          at a place that the walk reads gets a value near a bound.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fw_match.h"
#include "fw_state.h"
#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);
/* libFuzzer's, which a replay has not. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max) __attribute__((weak));

static uint64_t rand_state;

static uint64_t
rand_next(void)
{
	rand_state = rand_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return rand_state ^ rand_state >> 29;
}

enum { BATCH = 11 };	/* more than are taken at once, and not a multiple */

/* The packet in every other lane; between them one from nobody's address. */
static void
ask_batch(const uint8_t *image, const uint8_t *local, const struct fw_key *k, uint32_t count,
    uint32_t want)
{
	struct fw_table tables[BATCH];
	struct fw_lane lanes[BATCH];
	struct fw_key keys[BATCH];
	uint8_t locals[BATCH][16];
	uint32_t index[BATCH];

	for (uint32_t i = 0; i < count; i++) {
		keys[i] = *k;
		memcpy(locals[i], local, 16);
		if (i % 2 != 0) {
			keys[i].family = i % 4 == 1 ? 4 : 6;
			memset(locals[i], 0xff, sizeof(locals[i]));
		}
	}
	fw_match_batch(image, locals[0], keys, count, lanes, tables, index);
	for (uint32_t i = 0; i < count; i++)
		CHECK(i % 2 != 0 ? tables[i].body == fw_table_find(image, keys[i].family,
		    locals[i]).body : tables[i].body != 0 && index[i] == want);
}

/* One random packet, one at a time and in a batch; where the host accepted the image too, its
 * decoded match must agree. */
static void
ask(const uint8_t *image, size_t size, bool host, const struct addr *local, uint8_t family)
{
	uint64_t r = rand_next();
	struct pkt_key k = { .remote = { .hi = family == 6 ? rand_next() : 0, .lo = rand_next(),
		.family = family }, .dir = r & 1, .proto = (uint8_t)(r >> 8),
		.frag = (uint8_t)(r >> 16) % WIRE_FRAG__COUNT, .sport = (uint16_t)(r >> 24),
		.dport = (uint16_t)(r >> 40), .vlan = (uint16_t)(r >> 50) % 4097 };
	struct fw_key f = { .family = family, .dir = k.dir, .proto = k.proto, .frag = k.frag,
		.sport = k.sport, .dport = k.dport, .vlan = k.vlan };
	struct image_action read;
	struct fw_action act;
	struct fw_table table;
	uint32_t index;
	bool is_default, read_default;
	uint8_t wire[16];

	if (family == 4)
		k.remote.lo &= UINT32_MAX;
	addr_to_wire(&k.remote, f.remote);
	addr_to_wire(local, wire);
	table = local->family == 0 ? fw_table_guard(image, family)
				   : fw_table_find(image, family, wire);
	CHECK(!host || image_lookup(image, size, local, &k, &read, &read_default) ==
	    (table.body != 0));
	if (table.body == 0)
		return;
	index = fw_match(image, table, &f, &is_default);
	fw_match_action(image, table, index, &act);
	CHECK(act.counter == WIRE_COUNTER_NONE || act.counter <
	    le32_get(((const struct wire_image_hdr *)image)->counter_count));
	CHECK(!host || (act.rule_id == read.rule_id && is_default == read_default));
	if (local->family == 0)
		return;
	ask_batch(image, wire, &f, (r >> 63) != 0 ? BATCH : 1, index);
}

/* Of its own size, so that a step outside is seen; aligned as the walk wants it. */
static uint8_t *
room(size_t size)
{
#if defined(RF_SANITIZE)
	return malloc(size + 1);
#else
	static _Alignas(16) uint8_t once[64 * 1024];

	return size < sizeof(once) ? once : malloc(size + 1);
#endif
}

static void
room_free(uint8_t *copy, size_t size)
{
#if defined(RF_SANITIZE)
	(void)size;
	free(copy);
#else
	if (size >= 64 * 1024)
		free(copy);
#endif
}

/* Every packet of some, then every word of both dumps where the host accepts the image. */
static void
use(const uint8_t *copy, size_t size, bool host)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)copy;
	struct addr local = { 0 };
	static FILE *null;

	for (int i = 0; i < 16; i++)
		ask(copy, size, host, &local, i % 2 ? 4 : 6);
	for (uint32_t i = 0; i < le32_get(h->table_count) && i < 16; i++) {
		const struct wire_table *t = (const struct wire_table *)(copy +
		    (size_t)le32_get(h->tables_at) * WIRE_LINE) + i;

		local = addr_from_bytes(t->family, t->local);
		for (int k = 0; k < 8; k++)
			ask(copy, size, host, &local, t->family);
	}
	if (!host)
		return;
	if (null == NULL)
		null = fopen("/dev/null", "w");
	CHECK(null != NULL);
	CHECK(image_dump(copy, size, NULL, true, null, NULL) == RC_OK);
	CHECK(image_dump(copy, size, NULL, false, null, NULL) == RC_OK);
}

/* --- mutants ---------------------------------------------------------------------------------- */

enum { KEPT_BYTES_MAX = 16 * 1024, KEPT_MAX = 64, KEPT_FIRST = 16 };

/* The first ones, which are the corpus, and the last ones. */
static struct {
	uint8_t bytes[KEPT_BYTES_MAX];
	size_t size;
} kept[KEPT_MAX];
static uint32_t kept_count;

static void
keep(const uint8_t *data, size_t size)
{
	uint32_t i = kept_count < KEPT_MAX ? kept_count : KEPT_FIRST + kept_count %
	    (KEPT_MAX - KEPT_FIRST);

	if (size > KEPT_BYTES_MAX)
		return;
	memcpy(kept[i].bytes, data, size);
	kept[i].size = size;
	kept_count++;
}

static uint32_t
rand_below(uint32_t n)
{
	return n == 0 ? 0 : (uint32_t)(rand_next() >> 16) % n;
}

/* 0 where that lies outside: what was changed before may say anything. */
static uint32_t
get32(const uint8_t *p, size_t size, uint64_t at)
{
	return at + 4 <= size ? le32_get(*(const le32 *)(p + at)) : 0;
}

/* A byte of a group table: header, some node or leaf. */
static uint64_t
place_groups(const uint8_t *p, size_t size, uint64_t table)
{
	uint64_t at = table + rand_below(sizeof(struct wire_groups));

	if (rand_below(3) == 0)
		return at;
	at = table + offsetof(struct wire_groups, start) + 4 * rand_below(WIRE_GROUP_DEPTH_MAX + 1);
	return table + (uint64_t)get32(p, size, at) * WIRE_LINE + rand_below(4 * WIRE_LINE);
}

/* A byte of a half at that byte of a body: of what it says, or of an array that it names. */
static uint64_t
place_half(const uint8_t *p, size_t size, uint64_t body, uint64_t half)
{
	static const uint16_t lines[] = { offsetof(struct wire_half, remote.at),
		offsetof(struct wire_half, dport.at), offsetof(struct wire_half, sport.at),
		offsetof(struct wire_half, vlan.at), offsetof(struct wire_half, remote_at),
		offsetof(struct wire_half, dport_at), offsetof(struct wire_half, sport_at),
		offsetof(struct wire_half, vlan_at), offsetof(struct wire_half, proto_at),
		offsetof(struct wire_half, head_at), offsetof(struct wire_half, b_at),
		offsetof(struct wire_half, bp_at), offsetof(struct wire_half, m_at),
		offsetof(struct wire_half, mp_at), offsetof(struct wire_half, actions_at),
		offsetof(struct wire_half, low_at), offsetof(struct wire_half, gmap_at),
		offsetof(struct wire_half, x_at) };
	uint32_t line = get32(p, size, half + offsetof(struct wire_half, next));

	if (line != 0 && rand_below(2) == 0)
		half = body + (uint64_t)line * WIRE_LINE + rand_below(7) * sizeof(struct wire_half);
	if (rand_below(2) == 0)
		return half + rand_below(sizeof(struct wire_half));
	line = get32(p, size, half + lines[rand_below(ARRAY_LEN(lines))]);
	return body + (uint64_t)line * WIRE_LINE + rand_below(rand_below(2) ? 8 : 4 * WIRE_LINE);
}

static uint64_t
place(const uint8_t *p, size_t size)
{
	static const uint16_t lists[] = { offsetof(struct wire_image_hdr, hash_at),
		offsetof(struct wire_image_hdr, tables_at),
		offsetof(struct wire_image_hdr, bodies_at),
		offsetof(struct wire_image_hdr, slots_at) };
	uint64_t body = get32(p, size, offsetof(struct wire_image_hdr, bodies_at));
	uint32_t groups = get32(p, size, offsetof(struct wire_image_hdr, groups_at) +
	    4 * rand_below(2)), kind = rand_below(8);

	if (kind == 0)
		return rand_below(sizeof(struct wire_image_hdr));
	if (kind == 1)
		return (uint64_t)get32(p, size, lists[rand_below(ARRAY_LEN(lists))]) * WIRE_LINE +
		    rand_below(2 * WIRE_LINE);
	if (kind < 4 && groups != 0)
		return place_groups(p, size, (uint64_t)groups * WIRE_LINE);
	body = body * WIRE_LINE + sizeof(struct wire_body) * rand_below(get32(p, size,
	    offsetof(struct wire_image_hdr, body_count)));
	body = (uint64_t)get32(p, size, body) * WIRE_LINE;
	return place_half(p, size, body, body + rand_below(2) * sizeof(struct wire_half));
}

/* Of so many bytes, at a multiple of them: one more, one less, a bit, little, all ones, or what
 * stands elsewhere. */
static void
change(uint8_t *data, size_t size)
{
	uint32_t bytes = 1u << rand_below(3);
	uint64_t at = place(data, size) & ~(uint64_t)(bytes - 1), from = place(data, size);
	uint32_t v = 0;

	if (at + bytes > size || from + bytes > size)
		return;
	memcpy(&v, data + at, bytes);
	switch (rand_below(6)) {
	case 0:
		v++;
		break;
	case 1:
		v--;
		break;
	case 2:
		v ^= 1u << rand_below(8 * bytes);
		break;
	case 3:
		v = rand_below(32);
		break;
	case 4:
		v = UINT32_MAX >> rand_below(2);
		break;
	default:
		memcpy(&v, data + from, bytes);
	}
	memcpy(data + at, &v, bytes);
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	uint32_t i;

	if (LLVMFuzzerMutate != NULL && (seed % 8 == 0 || kept_count == 0))
		return LLVMFuzzerMutate(data, size, size_max);
	rand_state = seed;
	i = rand_below(kept_count < KEPT_MAX ? kept_count : KEPT_MAX);
	if (seed % 8 > 1 && kept[i].size <= size_max) {
		size = kept[i].size;
		memcpy(data, kept[i].bytes, size);
	}
	do
		change(data, size);
	while (rand_below(4) == 0);
	return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = room(size);
	uint32_t bad_at;
	bool host, fw = false;

	CHECK(copy != NULL);
	memcpy(copy, data, size);
	rand_state = size;
	host = image_check(copy, size, NULL) == RC_OK;
	if (size >= sizeof(struct wire_image_hdr) && size <= WIRE_IMAGE_BYTES_MAX)
		fw = fw_image_check(copy, (uint32_t)size, &bad_at);
	CHECK(fw || !host);
	if (fw) {
		keep(data, size);
		use(copy, size, host);
	}
	room_free(copy, size);
	return 0;
}
