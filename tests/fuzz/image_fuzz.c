/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_fuzz - any bytes as an image: what the firmware accepts it walks, what the host accepts the
 * firmware does too, and that is decoded and printed.
 * Under sanitizers each input has memory of its own size; without, for speed, all have the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fw_match.h"
#include "fw_state.h"
#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t rand_state;

static uint64_t
rand_next(void)
{
	rand_state = rand_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return rand_state ^ rand_state >> 29;
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
	struct fw_lane lane;
	uint32_t index, batched;
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
	fw_match_batch(image, wire, &f, 1, &lane, &table, &batched);
	CHECK(batched == index);
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
	if (fw)
		use(copy, size, host);
	room_free(copy, size);
	return 0;
}
