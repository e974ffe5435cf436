/* SPDX-License-Identifier: Apache-2.0 */
/* http_accept - what a client would have: RFC 9110 12.5.1, the part with types and weights. */
#include <string.h>
#include <strings.h>

#include "http.h"

enum { RANGES_MAX = 32, Q_ONE = 1000 };

static struct http_slice
trimmed(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct http_slice){ .p = p, .len = (size_t)(end - p) };
}

/* The part up to mark, which moves p behind the mark. */
static struct http_slice
part_take(const char **p, const char *end, char mark)
{
	const char *from = *p, *at = memchr(from, mark, (size_t)(end - from));

	*p = at == NULL ? end : at + 1;
	return trimmed(from, at == NULL ? end : at);
}

/* "0.25" in thousandths; what is no weight counts as 1. */
static uint32_t
weight_read(const struct http_slice *s)
{
	uint32_t v = 0, digit = 100;

	if (s->len == 0 || (s->p[0] != '0' && s->p[0] != '1'))
		return Q_ONE;
	if (s->p[0] == '1')
		return Q_ONE;
	for (size_t i = 2; i < s->len && digit > 0; i++, digit /= 10) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return Q_ONE;
		v += (uint32_t)(s->p[i] - '0') * digit;
	}
	return v;
}

/* How exactly a range names the type: 0 not at all, 1 by stars, 3 by its name. */
static int
range_match(const struct http_slice *range, const char *type)
{
	const char *slash = strchr(type, '/');
	size_t head = (size_t)(slash - type) + 1;

	CHECK(slash != NULL);
	if (range->len == strlen(type) && strncasecmp(range->p, type, range->len) == 0)
		return 3;
	if (range->len == head + 1 && range->p[head] == '*' &&
	    strncasecmp(range->p, type, head) == 0)
		return 2;
	return range->len == 3 && memcmp(range->p, "*/*", 3) == 0 ? 1 : 0;
}

uint32_t
http_accepts(const struct http_slice *accept, const char *type)
{
	const char *p = accept->p, *end = accept->p + accept->len;
	uint32_t q = 0;
	int best = 0;

	for (int i = 0; i < RANGES_MAX && p < end; i++) {
		struct http_slice item = part_take(&p, end, ',');
		const char *at = item.p, *item_end = item.p + item.len;
		struct http_slice range = part_take(&at, item_end, ';');
		uint32_t weight = Q_ONE;
		int match = range_match(&range, type);

		while (at < item_end) {
			struct http_slice param = part_take(&at, item_end, ';');

			if (param.len > 2 && (param.p[0] | 0x20) == 'q' && param.p[1] == '=') {
				param.p += 2;
				param.len -= 2;
				weight = weight_read(&param);
			}
		}
		/* one type in several versions: the best of them */
		if (match > best || (match == best && match > 0 && weight > q)) {
			best = match;
			q = weight;
		}
	}
	return q;
}
