/* SPDX-License-Identifier: Apache-2.0 */
/* pol_lit - address literals: "A", "A/LEN", "A-B", and what is wrong with one that is none. */
#include <string.h>

#include "pol_lex.h"

enum { SHOW_BYTES = 80 };	/* of a foreign string in a message */

static bool
bad_address(struct diag *d, const char *text, size_t len)
{
	int n = (int)MIN(len, (size_t)SHOW_BYTES);

	diag_set(d, "bad-address", "\"%.*s\" is not an address, a prefix or a range", n, text);
	if (memchr(text, ' ', len) != NULL || memchr(text, ',', len) != NULL)
		diag_hint(d, "several addresses are a list: ip { \"10.0.0.1\", \"10.0.0.2\" }");
	else if (memchr(text, '*', len) != NULL)
		diag_hint(d, "write a prefix, as \"10.0.0.0/8\"");
	else if (len > 0 && memchr(text, '.', len) == NULL && memchr(text, ':', len) == NULL)
		diag_hint(d, "a name is written group \"%.*s\"", n, text);
	else
		diag_hint(d, "write \"10.0.0.1\", \"10.0.0.0/8\", \"10.0.0.1-10.0.0.9\" or the "
		    "same "
		    "in IPv6");
	return false;
}

static bool
parse_prefix(const char *text, size_t len, const char *slash, struct addr_range *out,
    struct diag *d)
{
	size_t host = (size_t)(slash - text), digits = len - host - 1;
	char fixed[2 * ADDR_TEXT_BYTES];
	unsigned bits = 0, max;
	struct addr a;

	CHECK(*slash == '/');
	if (!addr_parse(text, host, &a) || digits == 0 || digits > 3)
		return bad_address(d, text, len);
	for (size_t i = 0; i < digits; i++) {
		if (slash[1 + i] < '0' || slash[1 + i] > '9')
			return bad_address(d, text, len);
		bits = bits * 10 + (unsigned)(slash[1 + i] - '0');
	}
	max = a.family == 4 ? 32 : 128;
	if (bits > max) {
		diag_set(d, "bad-prefix", "prefix length %u is more than %u in \"%.*s\"", bits, max,
		    (int)MIN(len, (size_t)SHOW_BYTES), text);
		return false;
	}
	*out = addr_prefix(&a, bits);
	if (addr_cmp(&out->lo, &a) != 0) {
		char lo[ADDR_TEXT_BYTES];

		addr_print(&out->lo, lo);
		snprintf(fixed, sizeof(fixed), "%s/%u", lo, bits);
		diag_set(d, "host-bits", "\"%.*s\" has bits set after the prefix",
		    (int)MIN(len, (size_t)SHOW_BYTES), text);
		diag_hint(d, "the prefix is \"%s\"", fixed);
		return false;
	}
	return true;
}

static bool
parse_range(const char *text, size_t len, const char *dash, struct addr_range *out, struct diag *d)
{
	size_t first = (size_t)(dash - text);
	int n = (int)MIN(len, (size_t)SHOW_BYTES);

	CHECK(*dash == '-');
	if (!addr_parse(text, first, &out->lo) ||
	    !addr_parse(dash + 1, len - first - 1, &out->hi))
		return bad_address(d, text, len);
	if (out->lo.family != out->hi.family) {
		diag_set(d, "bad-range", "\"%.*s\" mixes IPv4 and IPv6", n, text);
		return false;
	}
	if (addr_cmp(&out->lo, &out->hi) > 0) {
		diag_set(d, "bad-range", "\"%.*s\" ends before it begins", n, text);
		return false;
	}
	return true;
}

bool
pol_lex_addr(const char *text, size_t len, struct addr_range *out, struct diag *d)
{
	const char *slash, *dash;

	CHECK(text != NULL && out != NULL && d != NULL);
	slash = memchr(text, '/', len);
	if (slash != NULL)
		return parse_prefix(text, len, slash, out, d);
	dash = memchr(text, '-', len);
	if (dash != NULL)
		return parse_range(text, len, dash, out, d);
	if (!addr_parse(text, len, &out->lo))
		return bad_address(d, text, len);
	out->hi = out->lo;
	return true;
}
