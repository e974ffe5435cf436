/* SPDX-License-Identifier: Apache-2.0 */
/* image_check - the shared check, its finding as a diag; facts of a checked image. */
#include <string.h>

#include "image.h"
#include "wire_image_check.h"

enum rc
image_check(const uint8_t *p, size_t len, struct diag *diag)
{
	uint64_t bad_at;
	const char *what;

	if (wire_image_check(p, len, &bad_at, &what))
		return RC_OK;
	diag_set(diag, "bad-image", "image of %zu bytes, byte %llu: %s", len,
	    (unsigned long long)bad_at, what);
	return len < sizeof(struct wire_image_hdr) ? RC_TRUNC : RC_INVALID;
}

void
image_info_get(const uint8_t *p, size_t len, struct image_info *out)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;

	CHECK(len >= sizeof(*h));
	memset(out, 0, sizeof(*out));
	out->version = le32_get(h->version);
	out->tables = le32_get(h->table_count);
	out->lists = le32_get(h->list_count);
	out->rules = le32_get(h->rule_count);
	out->counters = le32_get(h->counter_count);
	out->bytes = le32_get(h->bytes);
}
