/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_head - the lexer of an HTTP/1.1 request head.
 * The end of the head is looked for first: every byte up to it must be one that a head may have,
 * so what is refused is refused at its first wrong byte, however slowly it comes. Then the lines
 * are lexed; the buffer has "\r\n\r\n" at its end, and no rule reads past a CRLF.
 */
#include "http.h"

#include <string.h>
#include <strings.h>

#include "addr.h"
#include "hostport.h"

/* Length of the head with its empty line; 0 where it has not come whole. *bad: a byte is wrong. */
static size_t
head_length(const char *buf, size_t len, bool *bad)
{
	*bad = false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)buf[i];
		unsigned char before = i == 0 ? 0 : (unsigned char)buf[i - 1];

		if ((c == '\n') != (before == '\r' && i > 0) || c == 0x7f || c >= 0x80 ||
		    (c < 0x20 && c != '\r' && c != '\n' && c != '\t')) {
			*bad = true;
			return 0;
		}
		if (c == '\n' && i >= 3 && buf[i - 2] == '\n' && buf[i - 3] == '\r')
			return i + 1;
	}
	return 0;
}

/*!re2c
	re2c:define:YYCTYPE = "unsigned char";
	re2c:yyfill:enable = 0;
	re2c:flags:tags = 1;
	re2c:tags:expression = "@@";

	crlf    = "\r\n";
	tchar   = [!#$%&'*+.^_`|~0-9A-Za-z-];
	token   = tchar+;
	text    = [\t\x20-\x7e]*;
	pct     = "%" [0-9A-Fa-f]{2};
	pchar   = [A-Za-z0-9._~!$&'()*+,;=:@-] | pct;
	path    = "/" (pchar | "/")*;
	query   = (pchar | [/?])*;
	version = "HTTP/" [0-9] "." [0-9];
*/

static struct http_slice
slice(const unsigned char *from, const unsigned char *to)
{
	CHECK(from <= to);
	return (struct http_slice){ .p = (const char *)from, .len = (size_t)(to - from) };
}

/* Without blanks at either end. */
static struct http_slice
trimmed(const unsigned char *from, const unsigned char *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	return slice(from, to);
}

bool
http_slice_is(const struct http_slice *s, const char *text)
{
	return s->len == strlen(text) && memcmp(s->p, text, s->len) == 0;
}

static bool
slice_is_nocase(const struct http_slice *s, const char *text)
{
	return s->len == strlen(text) && strncasecmp(s->p, text, s->len) == 0;
}

static bool
method_find(const struct http_slice *s, enum http_method *out)
{
	static const char *const names[HTTP_METHOD__COUNT] = { "GET", "HEAD", "POST", "PUT",
		"DELETE", "OPTIONS", "PATCH" };

	for (int i = 0; i < HTTP_METHOD__COUNT; i++)
		if (http_slice_is(s, names[i])) {
			*out = (enum http_method)i;
			return true;
		}
	return false;
}

/* The first line. Returns where it ends, NULL with *status where it is refused. */
static const unsigned char *
request_line(const unsigned char *p, struct http_head *h, int *status)
{
	const unsigned char *YYCURSOR = p, *YYMARKER, *t, *te, *q = NULL, *v, *ve;
	struct http_slice method, ver;

	/*!stags:re2c format = "const unsigned char *@@;\n"; */

	*status = 400;
	/*!re2c
		token " " @t path @te ("?" @q query)? " " @v version @ve crlf { goto found; }
		* { return NULL; }
	*/
found:
	method = slice(p, t - 1);
	ver = slice(v, ve);
	if (!http_slice_is(&ver, "HTTP/1.1")) {
		*status = 505;
		return NULL;
	}
	h->path = slice(t, te);
	h->query = q == NULL ? (struct http_slice){ .p = "" } : slice(q, v - 1);
	if ((size_t)(v - 1 - t) > HTTP_TARGET_BYTES_MAX) {
		*status = 414;
		return NULL;
	}
	if (!method_find(&method, &h->method)) {
		*status = 501;
		return NULL;
	}
	return YYCURSOR;
}

/* One field, or the empty line (*end). Returns where it ends, NULL where it is refused. */
static const unsigned char *
field_line(const unsigned char *p, struct http_field *f, bool *end)
{
	const unsigned char *YYCURSOR = p, *YYMARKER, *colon;

	*end = false;
	/*!re2c
		crlf { *end = true; return YYCURSOR; }
		token ":" text crlf { goto found; }
		* { return NULL; }
	*/
found:
	colon = memchr(p, ':', (size_t)(YYCURSOR - p));
	CHECK(colon != NULL);
	f->name = slice(p, colon);
	f->value = trimmed(colon + 1, YYCURSOR - 2);
	return YYCURSOR;
}

/* Digits only, at most 18: no sign, no list, no wrap. */
static bool
length_parse(const struct http_slice *s, uint64_t *out)
{
	uint64_t v = 0;

	if (s->len == 0 || s->len > 18)
		return false;
	for (size_t i = 0; i < s->len; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s->p[i] - '0');
	}
	*out = v;
	return true;
}

/* A tab around the value of a field that frames the body: allowed, but read in two ways. */
static bool
tab_beside(const struct http_field *f)
{
	const char *p = f->name.p + f->name.len + 1;

	while (*p != '\r' && *p != '\t')
		p++;
	return *p == '\t';
}

/* Whose name or address it is nobody asks: that the certificates tell. */
static bool
host_ok(const struct http_slice *s)
{
	struct hostport hp;
	struct addr a;

	return hostport_parse(s->p, s->len, &hp) && (!hp.bracketed ||
	    (addr_parse(hp.host, strlen(hp.host), &a) && a.family == 6));
}

/* What a field says about framing; false with *status where it is refused. */
static bool
field_apply(struct http_head *h, const struct http_field *f, int *status)
{
	*status = 400;
	if (slice_is_nocase(&f->name, "host")) {
		if (h->host.p != NULL || !host_ok(&f->value))
			return false;
		h->host = f->value;
	} else if (slice_is_nocase(&f->name, "content-length")) {
		if (h->has_length || h->chunked || tab_beside(f) ||
		    !length_parse(&f->value, &h->content_length))
			return false;
		h->has_length = true;
		*status = 413;
		return h->content_length <= HTTP_BODY_BYTES_MAX;
	} else if (slice_is_nocase(&f->name, "transfer-encoding")) {
		if (h->has_length || h->chunked || tab_beside(f))
			return false;
		*status = 501;
		h->chunked = slice_is_nocase(&f->value, "chunked");
		return h->chunked;
	} else if (slice_is_nocase(&f->name, "connection")) {
		h->close = h->close || slice_is_nocase(&f->value, "close");
	} else if (slice_is_nocase(&f->name, "expect")) {
		h->expect_continue = slice_is_nocase(&f->value, "100-continue");
		return h->expect_continue;
	}
	return true;
}

enum rc
http_head_parse(const char *buf, size_t len, struct http_head *out, size_t *used, int *status)
{
	const unsigned char *p = (const unsigned char *)buf;
	struct http_field f;
	bool bad, end = false;
	size_t n = head_length(buf, MIN(len, (size_t)HTTP_HEAD_BYTES_MAX), &bad);

	CHECK(out != NULL && used != NULL && status != NULL);
	memset(out, 0, sizeof(*out));
	*used = 0;
	*status = bad ? 400 : 431;
	if (n == 0)
		return bad || len >= HTTP_HEAD_BYTES_MAX ? RC_INVALID : RC_AGAIN;
	p = request_line(p, out, status);
	while (p != NULL && !end) {
		p = field_line(p, &f, &end);
		*status = 400;
		if (p == NULL || end)
			break;
		if (out->field_count == HTTP_FIELDS_MAX) {
			*status = 431;
			return RC_INVALID;
		}
		out->fields[out->field_count++] = f;
		if (!field_apply(out, &f, status))
			return RC_INVALID;
	}
	if (p == NULL || out->host.p == NULL)
		return RC_INVALID;
	CHECK((size_t)((const char *)p - buf) == n);
	*used = n;
	*status = 0;
	return RC_OK;
}

uint32_t
http_field_count(const struct http_head *h, const char *name)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->field_count; i++)
		n += slice_is_nocase(&h->fields[i].name, name);
	return n;
}

bool
http_field_get(const struct http_head *h, const char *name, struct http_slice *out)
{
	for (uint32_t i = 0; i < h->field_count; i++)
		if (slice_is_nocase(&h->fields[i].name, name)) {
			*out = h->fields[i].value;
			return true;
		}
	return false;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
http_unescape(const struct http_slice *s, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < s->len; i++) {
		char c = s->p[i];

		if (c == '%') {
			int hi = i + 2 < s->len ? hex_digit(s->p[i + 1]) : -1;
			int lo = i + 2 < s->len ? hex_digit(s->p[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return false;
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		if (c == '\0' || n + 1 >= cap)
			return false;
		out[n++] = c;
	}
	if (cap == 0)
		return false;
	out[n] = '\0';
	return true;
}

bool
http_query_get(const struct http_slice *query, const char *name, char *out, size_t cap)
{
	size_t i = 0, nlen = strlen(name);

	while (i < query->len) {
		const char *p = query->p + i;
		const char *amp = memchr(p, '&', query->len - i);
		size_t n = amp == NULL ? query->len - i : (size_t)(amp - p);

		if (n > nlen && memcmp(p, name, nlen) == 0 && p[nlen] == '=') {
			struct http_slice v = { .p = p + nlen + 1, .len = n - nlen - 1 };

			return http_unescape(&v, out, cap);
		}
		i += n + 1;
	}
	return false;
}
