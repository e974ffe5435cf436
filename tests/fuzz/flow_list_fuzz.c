/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_list_fuzz - any bytes as the flows that the query child is given.
 * Holds:   what opens has as many records as it says, or one is refused; each that is taken can be
 *          judged, by an image with one table.
 */
#include "flow_judge.h"
#include "flow_list.h"
#include "image.h"
#include "wire_verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t *
image(void)
{
	static struct image_list list = { .deflt = { .verdict = WIRE_DROP, .mode = WIRE_COMPLY,
		.counter = WIRE_COUNTER_NONE, .rule_id = 7 } };
	static struct image_table table = { .local = { .family = 4, .lo = 0x0a000001 } };
	static const struct image_input in = { .lists = &list, .list_count = 1, .tables = &table,
		.table_count = 1, .unsegmented = WIRE_PASS };
	static uint8_t *bytes;
	struct diag d = { 0 };
	size_t len;

	if (bytes == NULL)
		CHECK(image_encode(&in, &bytes, &len, &d) == RC_OK);
	return bytes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct flow_known k;
	struct flow_said said;
	struct flow_list l;
	uint32_t count = 0;
	enum rc rc = flow_list_open(&l, data, len);

	if (rc != RC_OK)
		return 0;
	while ((rc = flow_list_next(&l, &k)) == RC_OK) {
		count++;
		if (!flow_judge_may(&k.f))
			continue;
		flow_judge(image(), &k.f, k.live, &said);
		CHECK(said.verdict < WIRE_VERDICT__COUNT && said.reason < WIRE_REASON__COUNT);
	}
	CHECK(rc == RC_INVALID || (rc == RC_AGAIN && count == l.count));
	return 0;
}
