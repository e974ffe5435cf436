/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_ask_fuzz - the input as a query for flows, and as the message that main gets of one.
 * Holds:   what reads or decodes encodes to a message that decodes to the same; a flow is taken or
 *          not by both alike.
 */
#include <string.h>

#include "flow_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same_again(const struct flow_ask *a)
{
	uint8_t bytes[FLOW_ASK_BYTES], again[FLOW_ASK_BYTES];
	struct flow_facts facts = { .segment = "web", .file = "a.pol", .line = 7, .proto = 6,
		.ports = { 1, 443 }, .last_ns = 1 };
	size_t len = flow_ask_encode(a, bytes);
	struct flow_ask b;

	CHECK(flow_ask_decode(bytes, len, &b) == RC_OK);
	CHECK(flow_ask_encode(&b, again) == len && memcmp(bytes, again, len) == 0);
	CHECK(flow_pick_takes(&a->pick, &facts) == flow_pick_takes(&b.pick, &facts));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_slice query = { .p = (const char *)data, .len = size };
	struct diag d = { 0 };
	struct flow_ask a;

	if (flow_ask_read(&query, UINT64_C(1700000000000000000), &a, &d) == RC_OK)
		same_again(&a);
	else
		CHECK(d.text[0] != '\0');
	if (flow_ask_decode(data, size, &a) == RC_OK)
		same_again(&a);
	return 0;
}
