/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_fuzz - any bytes as what the compile child sends, and as a symbols file.
 * Does:    takes the input as it is, and once more with head and checksum made right, so that the
 *          inside is reached. What decodes must hold, must encode, must decode to the same
 *          bytes, and must build without a bug.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "hash.h"
#include "pol.h"
#include "pol_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUILD_RULES_MAX = 2000, BUILD_LOCALS_MAX = 256 };

static void
build(const struct pol_rules *r, struct arena *a, struct diags *diags)
{
	struct image_input in;
	struct image_symbols s;
	uint64_t locals = 0;

	for (uint32_t i = 0; i < r->segment_count; i++) {
		uint64_t n = addr_set_size(&r->segments[i].members);

		locals = n > BUILD_LOCALS_MAX ? n : locals + n;
		if (locals > BUILD_LOCALS_MAX && n <= POL_LOCALS_MAX)
			return;		/* right, but slow; beyond all bounds is quick again */
	}
	if (r->rule_count > BUILD_RULES_MAX)
		return;
	if (pol_build(r, POL_PASS_ALL, a, &in, &s, diags) != RC_OK)
		CHECK(diags->errors > 0);
}

static void
rules(const uint8_t *data, size_t size)
{
	struct pol_rules r, again;
	struct diags diags, copy;
	struct arena a;
	uint8_t *one, *two;
	size_t n_one, n_two;

	arena_init(&a, (size_t)256 << 20);
	CHECK(diags_init(&diags) && diags_init(&copy));
	if (pol_rules_decode(data, size, &a, &r, &diags) == RC_OK) {
		const char *broken;

		CHECK(pol_rules_check(&r, &broken));
		CHECK(diags.count <= DIAGS_MAX);
		CHECK(pol_rules_encode(&r, &diags, &a, &one, &n_one) == RC_OK);
		CHECK(pol_rules_decode(one, n_one, &a, &again, &copy) == RC_OK);
		CHECK(pol_rules_encode(&again, &copy, &a, &two, &n_two) == RC_OK);
		CHECK(n_one == n_two && memcmp(one, two, n_one) == 0);
		build(&again, &a, &copy);
	}
	diags_fini(&diags);
	diags_fini(&copy);
	arena_fini(&a);
}

static void
symbols(const uint8_t *data, size_t size)
{
	struct image_symbols s;
	struct arena a;
	uint8_t *out;
	size_t len;

	arena_init(&a, (size_t)64 << 20);
	if (image_symbols_decode(data, size, &a, &s, NULL) == RC_OK) {
		CHECK(image_symbols_encode(&s, &a, &out, &len) == RC_OK);
		CHECK(len == size && memcmp(out, data, len) == 0);
	}
	arena_fini(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	rules(data, size);
	symbols(data, size);
	if (size < POL_WIRE_HEAD_BYTES)
		return 0;
	copy = malloc(size);
	CHECK(copy != NULL);
	memcpy(copy, data, size);
	put_le32(copy, POL_WIRE_MAGIC);
	put_le32(copy + 4, POL_WIRE_VERSION);
	put_le32(copy + 8, (uint32_t)size);
	put_le32(copy + 12, crc32c(0, copy + POL_WIRE_HEAD_BYTES, size - POL_WIRE_HEAD_BYTES));
	rules(copy, size);
	memcpy(copy, data, size);
	if (size > 16 && copy[size - 1] == '\n') {	/* the symbols' checksum too */
		char tail[9];
		static const char digits[] = "0123456789abcdef";
		uint32_t crc = crc32c(0, copy, size - 16);

		for (int i = 7; i >= 0; i--, crc >>= 4)
			tail[i] = digits[crc & 15];
		memcpy(copy + size - 9, tail, 8);
		symbols(copy, size);
	}
	free(copy);
	return 0;
}
