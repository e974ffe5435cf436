/* SPDX-License-Identifier: Apache-2.0 */
#include "hostport.h"

#include <string.h>

static bool
is_name(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    c == '.' || c == '-' || c == '_';
}

/* Bytes of the host, brackets and all; 0 where there is none. */
static size_t
host_length(const char *text, size_t len, bool bracketed)
{
	size_t n = 0;

	if (bracketed) {
		const char *end = memchr(text, ']', len);

		/* brackets are there for its colons */
		return end != NULL && memchr(text, ':', (size_t)(end - text)) != NULL ?
		    (size_t)(end - text) + 1 : 0;
	}
	while (n < len && is_name(text[n]))
		n++;
	return n;
}

static bool
port_ok(const char *text, size_t len)
{
	uint32_t v = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(text[i] - '0');
	}
	return v <= UINT16_MAX;
}

bool
hostport_parse(const char *text, size_t len, struct hostport *out)
{
	size_t n, edge;

	memset(out, 0, sizeof(*out));
	out->bracketed = len > 0 && text[0] == '[';
	edge = out->bracketed ? 1 : 0;
	n = host_length(text, len, out->bracketed);
	if (n == 0 || n - 2 * edge >= sizeof(out->host))
		return false;
	memcpy(out->host, text + edge, n - 2 * edge);
	if (n == len)
		return true;
	if (text[n] != ':' || !port_ok(text + n + 1, len - n - 1))
		return false;
	memcpy(out->port, text + n + 1, len - n - 1);
	return true;
}
