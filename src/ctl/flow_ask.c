/* SPDX-License-Identifier: Apache-2.0 */
/* flow_ask - limit and before are of the page, all other parts pick flows. */
#include "flow_ask.h"

#include <string.h>

#include "bytes.h"

/* Digits only, 1..max. */
static bool
number_read(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '9' && n < 19; n++)
		v = v * 10 + (uint64_t)(text[n] - '0');
	*out = v;
	return n > 0 && text[n] == '\0' && v >= 1 && v <= max;
}

static enum rc
part_read(struct flow_ask *a, const char *name, const char *value, uint64_t now_ns,
    struct diag *diag)
{
	bool limit = strcmp(name, "limit") == 0;
	uint64_t v;

	if (!limit && strcmp(name, "before") != 0)
		return flow_pick_set(&a->pick, name, value, now_ns, diag);
	if (!number_read(value, limit ? FLOW_ASK_LIMIT_MAX : INT64_MAX, &v)) {
		diag_set(diag, "flow-filter", limit ? "limit takes 1 to %d, not \"%.64s\"" :
		    "before takes the next of a page (limit %d), not \"%.64s\"",
		    FLOW_ASK_LIMIT_MAX, value);
		return RC_INVALID;
	}
	if (limit ? a->limit != 0 : a->before != 0) {
		diag_set(diag, "flow-filter", "%s is given twice", name);
		return RC_INVALID;
	}
	if (limit)
		a->limit = (uint32_t)v;
	else
		a->before = v;
	return RC_OK;
}

enum rc
flow_ask_read(const struct http_slice *query, uint64_t now_wall_ns, struct flow_ask *out,
    struct diag *diag)
{
	const char *p = query->p, *end = query->p + query->len;
	enum rc rc = RC_OK;

	memset(out, 0, sizeof(*out));
	while (rc == RC_OK && query->len > 0 && p <= end) {
		const char *amp = memchr(p, '&', (size_t)(end - p));
		const char *stop = amp != NULL ? amp : end;
		const char *eq = memchr(p, '=', (size_t)(stop - p));
		char name[16], value[FLOW_PICK_TEXT_BYTES];
		struct http_slice v = { .p = stop, .len = 0 };

		if (eq != NULL)
			v = (struct http_slice){ .p = eq + 1, .len = (size_t)(stop - eq - 1) };
		if (eq == NULL || (size_t)(eq - p) >= sizeof(name) ||
		    !http_unescape(&v, value, sizeof(value))) {
			diag_set(diag, "flow-filter", "\"%.*s\" is no part of a query for flows",
			    (int)MIN(stop - p, (ptrdiff_t)64), p);
			return RC_INVALID;
		}
		memcpy(name, p, (size_t)(eq - p));
		name[eq - p] = '\0';
		rc = part_read(out, name, value, now_wall_ns, diag);
		p = stop + 1;
	}
	if (out->limit == 0)
		out->limit = FLOW_ASK_LIMIT;
	return rc;
}

size_t
flow_ask_encode(const struct flow_ask *a, uint8_t out[FLOW_ASK_BYTES])
{
	struct wr w;

	wr_init(&w, out, FLOW_ASK_BYTES);
	wr_le64(&w, a->before);
	wr_le32(&w, a->limit);
	CHECK(!w.failed);
	return w.pos + flow_pick_encode(&a->pick, out + w.pos);
}

enum rc
flow_ask_decode(const uint8_t *p, size_t len, struct flow_ask *out)
{
	struct rd r;

	memset(out, 0, sizeof(*out));
	rd_init(&r, p, len);
	out->before = rd_le64(&r);
	out->limit = rd_le32(&r);
	if (r.failed || out->limit < 1 || out->limit > FLOW_ASK_LIMIT_MAX)
		return RC_INVALID;
	return flow_pick_decode(p + (len - rd_left(&r)), rd_left(&r), &out->pick);
}
