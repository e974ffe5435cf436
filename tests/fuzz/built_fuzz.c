/* SPDX-License-Identifier: Apache-2.0 */
/*
 * built_fuzz - any bytes as the build child's answer, with a checksum that is right.
 * Holds:   what is taken lies within the bytes, can be written again, and is then the same.
 */
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "roles.h"

enum { HEAD_BYTES = 40, PROVE_AT = 20, CRC_AT = 36 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
sum(uint8_t *p, size_t len)
{
	uint32_t crc = crc32c(get_le32(p + PROVE_AT), p + 4, 4);

	put_le32(p + CRC_AT, crc32c(crc, p + HEAD_BYTES, len - HEAD_BYTES));
}

static void
same(const void *a, size_t a_len, const void *b, size_t b_len)
{
	CHECK(a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0));
}

static void
again(const struct built *b, const struct diags *ds)
{
	struct diags ds2 = { 0 };
	struct built c;
	uint8_t *out;
	size_t len;

	CHECK(built_encode(b, ds, &out, &len) == RC_OK && diags_init(&ds2));
	CHECK(built_decode(out, len, &c, &ds2) == RC_OK);
	CHECK(c.stage == b->stage && c.rc == b->rc && c.prove_us == b->prove_us &&
	    c.reused == b->reused);
	same(c.image, c.image_len, b->image, b->image_len);
	same(c.symbols, c.symbols_len, b->symbols, b->symbols_len);
	same(c.keys, c.keys_len, b->keys, b->keys_len);
	same(c.times, c.time_count * sizeof(*c.times), b->times, b->time_count * sizeof(*b->times));
	same(c.example, c.example_len, b->example, b->example_len);
	CHECK(ds2.count == ds->count && ds2.errors == ds->errors && ds2.warnings == ds->warnings);
	for (uint32_t i = 0; i < ds->count; i++)
		CHECK(strcmp(ds2.items[i].text, ds->items[i].text) == 0);
	diags_fini(&ds2);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct diags ds = { 0 };
	struct built b;
	uint8_t *p;

	if (len < HEAD_BYTES)
		return 0;
	p = malloc(len);
	CHECK(p != NULL && diags_init(&ds));
	memcpy(p, data, len);
	sum(p, len);
	if (built_decode(p, len, &b, &ds) == RC_OK) {
		CHECK(!built_times_hold(&b, b.time_count + 1, UINT64_MAX));
		CHECK(b.prove_us == 0 || !built_times_hold(&b, b.time_count,
		    (uint64_t)b.prove_us * 1000 - 1));
		again(&b, &ds);
	}
	diags_fini(&ds);
	free(p);
	return 0;
}
