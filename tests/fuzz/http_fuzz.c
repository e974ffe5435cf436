/* SPDX-License-Identifier: Apache-2.0 */
/* http_fuzz - any bytes as a request head, then as a body in chunks. */
#include <stdlib.h>
#include <string.h>

#include "http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_chunked c = { 0 };
	struct http_head h;
	char text[64], *out;
	size_t used, got;
	int status;

	if (http_head_parse((const char *)data, size, &h, &used, &status) == RC_OK) {
		CHECK(used <= size && h.host.len > 0);
		CHECK(!(h.has_length && h.chunked));
		for (uint32_t i = 0; i < h.field_count; i++)
			CHECK(h.fields[i].name.len > 0);
		if (http_query_get(&h.query, "a", text, sizeof(text)))
			CHECK(strlen(text) < sizeof(text));
		data += used;
		size -= used;
	}
	out = malloc(size + 1);
	CHECK(out != NULL);
	if (http_chunked_feed(&c, (const char *)data, size, &used, out, &got, &status) !=
	    RC_INVALID)
		CHECK(used <= size && got <= used);
	free(out);
	return 0;
}
