/* SPDX-License-Identifier: Apache-2.0 */
/* http_chunk - a body in chunks (RFC 9112 section 7.1): sizes without extensions, no trailers. */
#include "http.h"

#include <string.h>

enum chunk_state { CHUNK_SIZE = 0, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_DATA_CR, CHUNK_DATA_LF,
	CHUNK_LAST_CR, CHUNK_LAST_LF, CHUNK_DONE };

enum { CHUNK_DIGITS_MAX = 8 };

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One byte outside data; false where it does not belong. */
static bool
chunk_byte(struct http_chunked *c, char b)
{
	int v;

	switch (c->state) {
	case CHUNK_SIZE:
		v = hex_value(b);
		if (v >= 0 && c->digits < CHUNK_DIGITS_MAX) {
			c->left = c->left << 4 | (uint64_t)v;
			c->digits++;
			return true;
		}
		c->state = CHUNK_SIZE_LF;
		return b == '\r' && c->digits > 0;
	case CHUNK_SIZE_LF:
		c->state = c->left == 0 ? CHUNK_LAST_CR : CHUNK_DATA;
		return b == '\n';
	case CHUNK_DATA_CR:
		c->state = CHUNK_DATA_LF;
		return b == '\r';
	case CHUNK_DATA_LF:
		c->state = CHUNK_SIZE;
		c->digits = 0;
		return b == '\n';
	case CHUNK_LAST_CR:
		c->state = CHUNK_LAST_LF;
		return b == '\r';
	case CHUNK_LAST_LF:
		c->state = CHUNK_DONE;
		c->done = b == '\n';
		return c->done;
	default:
		return false;
	}
}

enum rc
http_chunked_feed(struct http_chunked *c, const char *in, size_t in_len, size_t *in_used, char *out,
    size_t *out_len, int *status)
{
	size_t i = 0, n = 0;

	CHECK(in_used != NULL && out_len != NULL);
	*status = 400;
	while (i < in_len && !c->done) {
		if (c->state == CHUNK_DATA) {
			size_t take = (size_t)MIN(c->left, (uint64_t)(in_len - i));

			memcpy(out + n, in + i, take);
			i += take;
			n += take;
			c->left -= take;
			if (c->left == 0)
				c->state = CHUNK_DATA_CR;
			continue;
		}
		if (!chunk_byte(c, in[i++]))
			return RC_INVALID;
		if (c->state == CHUNK_DATA) {
			c->total += c->left;
			if (c->total > HTTP_BODY_BYTES_MAX) {
				*status = 413;
				return RC_INVALID;
			}
		}
	}
	*in_used = i;
	*out_len = n;
	return c->done ? RC_OK : RC_AGAIN;
}
