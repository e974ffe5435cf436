/* SPDX-License-Identifier: Apache-2.0 */
/* sources_fuzz - any bytes as an encoded directory: refused, or encodes to the same bytes. */
#include <string.h>

#include "pol_ctx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct pol_sources s;
	struct arena arena;
	uint8_t *again;
	size_t again_len;

	arena_init(&arena, 64 << 20);
	if (pol_sources_decode(data, len, &arena, &s) == RC_OK) {
		CHECK(s.count <= POL_FILES_MAX);
		for (uint32_t i = 0; i < s.count; i++) {
			struct diag d;

			CHECK(s.items[i].text[s.items[i].len] == 0);
			(void)!pol_text_check(&s.items[i], &d);
		}
		CHECK(pol_sources_encode(&s, &arena, &again, &again_len) == RC_OK);
		CHECK(again_len == len && memcmp(again, data, len) == 0);
	}
	arena_fini(&arena);
	return 0;
}
