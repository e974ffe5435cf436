/* SPDX-License-Identifier: Apache-2.0 */
/* query_fuzz - any bytes as a query child's input, and as its answer: refused, or encoded again to
 * the same. */
#include <stdlib.h>
#include <string.h>

#include "query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct query_answer a;
	struct query_input in;
	uint8_t *again;
	size_t again_len;

	if (query_input_decode(data, len, &in) == RC_OK) {
		CHECK(query_input_encode(&in, &again, &again_len) == RC_OK);
		CHECK(again_len == len && memcmp(again, data, len) == 0);
		free(again);
	}
	if (query_answer_decode(data, len, &a) == RC_OK) {
		CHECK(a.len <= QUERY_TEXT_BYTES_MAX);
		CHECK(query_answer_encode(&a, &again, &again_len) == RC_OK);
		CHECK(again_len == len && memcmp(again, data, len) == 0);
		free(again);
	}
	return 0;
}
