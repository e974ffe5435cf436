/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_msg_fuzz - any bytes as each message between main and the control process. */
#include <stdlib.h>
#include <string.h>

#include "ctl_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_request r, again;
	struct ctl_answer a;
	struct ctl_keys k;
	struct ctl_said said;
	size_t cap = ctl_msg_room(size), len;
	uint8_t *buf = malloc(cap);

	CHECK(buf != NULL);
	/* what decodes encodes to the same bytes */
	if (ctl_request_decode(data, size, &r) == RC_OK) {
		CHECK(ctl_request_encode(&r, buf, cap, &len) == RC_OK && len == size);
		CHECK(memcmp(buf, data, size) == 0);
		CHECK(ctl_request_decode(buf, len, &again) == RC_OK && again.verb == r.verb);
	}
	if (ctl_answer_decode(data, size, &a) == RC_OK) {
		CHECK(ctl_answer_encode(&a, buf, cap, &len) == RC_OK && len == size);
		CHECK(memcmp(buf, data, size) == 0);
	}
	if (ctl_keys_decode(data, size, &k) == RC_OK) {
		CHECK(ctl_keys_encode(&k, buf, cap, &len) == RC_OK && len == size);
		CHECK(memcmp(buf, data, size) == 0);
	}
	if (ctl_said_decode(data, size, &said) == RC_OK) {
		CHECK(ctl_said_encode(&said, buf, cap, &len) == RC_OK && len == size);
		CHECK(memcmp(buf, data, size) == 0);
	}
	free(buf);
	return 0;
}
