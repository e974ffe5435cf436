/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - the head of an HTTP/1.1 request, and bodies in chunks.
 * Does:    lexes one head by a strict subset of RFC 9112: origin-form target, CRLF only, no folded
 *          lines, no Content-Length beside Transfer-Encoding, either once at most, only "chunked";
 *          one Host, a name or an address, with a port or without. What is not in the subset is
 *          refused, never repaired.
 * Limits:  HTTP_HEAD_BYTES_MAX, HTTP_FIELDS_MAX, HTTP_BODY_BYTES_MAX; a chunk line of 8 hex digits,
 *          no extensions, no trailers.
 * Memory:  slices point into the caller's buffer and live as long as it does.
 * Errors:  RC_AGAIN = more bytes are needed; RC_INVALID = refused, *status is the answer's status:
 *          400, 413, 414, 431, 501, 505.
 * Source:  RFC 9110, RFC 9112.
 */
#ifndef HTTP_H
#define HTTP_H

#include "base.h"
#include "rc.h"

enum {
	HTTP_HEAD_BYTES_MAX = 16 * 1024,
	HTTP_TARGET_BYTES_MAX = 2048,
	HTTP_FIELDS_MAX = 64,
	HTTP_BODY_BYTES_MAX = 8 * 1024 * 1024
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS, HTTP_PATCH,
	HTTP_METHOD__COUNT };

struct http_slice {
	const char *p;
	size_t len;
};

struct http_field {
	struct http_slice name, value;	/* value without blanks around it */
};

struct http_head {
	enum http_method method;
	struct http_slice path, query;	/* path begins with '/'; query without '?' */
	struct http_slice host;
	struct http_field fields[HTTP_FIELDS_MAX];
	uint32_t field_count;
	uint64_t content_length;	/* 0 where none was given */
	bool has_length, chunked, close, expect_continue;
};

/* Lexes the head at buf[0..len). After RC_OK *used is its length, the empty line included. */
MUST_CHECK enum rc http_head_parse(const char *buf, size_t len, struct http_head *out, size_t *used,
    int *status);

/* Value of the first field of that name, letters of either case; false where there is none. */
MUST_CHECK bool http_field_get(const struct http_head *h, const char *name, struct http_slice *out);
/* How many have that name. */
MUST_CHECK uint32_t http_field_count(const struct http_head *h, const char *name);
bool http_slice_is(const struct http_slice *s, const char *text);

/* The weight that an Accept gives to a type, 0 to 1000; 0: it would rather have nothing. */
uint32_t http_accepts(const struct http_slice *accept, const char *type);

/* Decodes "%41" in a path or query part into out; false where it is malformed, a NUL, or longer
 * than cap - 1. */
MUST_CHECK bool http_unescape(const struct http_slice *s, char *out, size_t cap);
/* Value of name in the query, unescaped; false where it is absent or malformed. */
MUST_CHECK bool http_query_get(const struct http_slice *query, const char *name, char *out,
    size_t cap);

/* State of a body in chunks; all zero at its start. */
struct http_chunked {
	uint64_t left;		/* data bytes of this chunk still to come */
	uint64_t total;		/* data bytes so far */
	uint8_t state;		/* enum in http_chunk.c */
	uint8_t digits;
	bool done;
};

/* Takes bytes from in, gives data to out (cap_bytes >= in_len). RC_OK with done, or RC_AGAIN. */
MUST_CHECK enum rc http_chunked_feed(struct http_chunked *c, const char *in, size_t in_len,
    size_t *in_used, char *out, size_t *out_len, int *status);

/* The phrase of RFC 9110 for a status that is used here, else "Error". */
const char *http_status_text(int status);

#endif
