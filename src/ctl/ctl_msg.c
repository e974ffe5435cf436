/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_msg - pairs of encode and decode. Text goes as le16 length and bytes, checked to be text. */
#include "ctl_msg.h"

#include <string.h>

#include "bytes.h"
#include "keys.h"

static void
text_put(struct wr *w, const char *s)
{
	size_t n = strlen(s);

	CHECK(n < UINT16_MAX);
	wr_le16(w, (uint16_t)n);
	wr_bytes(w, s, n);
}

/* Printable ASCII only, shorter than cap. */
static bool
text_get(struct rd *r, char *out, size_t cap)
{
	size_t n = rd_le16(r);
	const uint8_t *p = n < cap ? rd_bytes(r, n) : NULL;

	out[0] = '\0';
	if (p == NULL)
		return n == 0 && !r->failed;
	for (size_t i = 0; i < n; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	memcpy(out, p, n);
	out[n] = '\0';
	return true;
}

size_t
ctl_msg_room(size_t body_len)
{
	return body_len + sizeof(struct ctl_request) + sizeof(struct ctl_answer) + 64;
}

enum rc
ctl_request_encode(const struct ctl_request *r, uint8_t *buf, size_t cap, size_t *len)
{
	struct wr w;

	wr_init(&w, buf, cap);
	wr_u8(&w, r->verb);
	wr_u8(&w, r->role);
	wr_u8(&w, r->local);
	wr_u8(&w, r->has_body);
	wr_le32(&w, r->number);
	wr_le32(&w, r->seconds);
	text_put(&w, r->tag);
	text_put(&w, r->key);
	wr_le32(&w, r->body_len);
	wr_bytes(&w, r->body, r->body_len);
	*len = w.pos;
	return w.failed ? RC_LIMIT : RC_OK;
}

enum rc
ctl_request_decode(const uint8_t *p, size_t len, struct ctl_request *out)
{
	uint8_t local, has_body;
	struct rd r;

	memset(out, 0, sizeof(*out));
	rd_init(&r, p, len);
	out->verb = rd_u8(&r);
	out->role = rd_u8(&r);
	local = rd_u8(&r);
	has_body = rd_u8(&r);
	out->number = rd_le32(&r);
	out->seconds = rd_le32(&r);
	if (out->verb == 0 || out->verb >= CTL_VERB__COUNT || out->role >= KEYS_ROLE__COUNT ||
	    local > 1 || has_body > 1 || !text_get(&r, out->tag, sizeof(out->tag)) ||
	    !text_get(&r, out->key, sizeof(out->key)))
		return RC_INVALID;
	out->local = local;
	out->has_body = has_body;
	out->body_len = rd_le32(&r);
	if (out->body_len > HTTP_BODY_BYTES_MAX || (!has_body && out->body_len > 0))
		return RC_INVALID;
	out->body = rd_bytes(&r, out->body_len);
	return rd_done(&r) ? RC_OK : RC_INVALID;
}

enum rc
ctl_answer_encode(const struct ctl_answer *r, uint8_t *buf, size_t cap, size_t *len)
{
	struct wr w;

	wr_init(&w, buf, cap);
	text_put(&w, r->etag);
	text_put(&w, r->location);
	text_put(&w, r->type);
	wr_le32(&w, r->body_len);
	wr_bytes(&w, r->body, r->body_len);
	*len = w.pos;
	return w.failed ? RC_LIMIT : RC_OK;
}

enum rc
ctl_answer_decode(const uint8_t *p, size_t len, struct ctl_answer *out)
{
	struct rd r;

	memset(out, 0, sizeof(*out));
	rd_init(&r, p, len);
	if (!text_get(&r, out->etag, sizeof(out->etag)) ||
	    !text_get(&r, out->location, sizeof(out->location)) ||
	    !text_get(&r, out->type, sizeof(out->type)))
		return RC_INVALID;
	out->body_len = rd_le32(&r);
	out->body = rd_bytes(&r, out->body_len);
	return rd_done(&r) ? RC_OK : RC_INVALID;
}

static void
blob_put(struct wr *w, const uint8_t *p, uint32_t len)
{
	wr_le32(w, len);
	wr_bytes(w, p, len);
}

/* PEM: a NUL at its end and nowhere else; or nothing. */
static bool
blob_get(struct rd *r, const uint8_t **p, uint32_t *len)
{
	*len = rd_le32(r);
	*p = rd_bytes(r, *len);
	if (*p == NULL)
		return false;
	return *len == 0 || memchr(*p, 0, *len) == *p + *len - 1;
}

enum rc
ctl_keys_encode(const struct ctl_keys *k, uint8_t *buf, size_t cap, size_t *len)
{
	struct wr w;

	wr_init(&w, buf, cap);
	blob_put(&w, k->ca, k->ca_len);
	blob_put(&w, k->crt, k->crt_len);
	blob_put(&w, k->crl, k->crl_len);
	*len = w.pos;
	return w.failed ? RC_LIMIT : RC_OK;
}

enum rc
ctl_keys_decode(const uint8_t *p, size_t len, struct ctl_keys *out)
{
	struct rd r;

	memset(out, 0, sizeof(*out));
	rd_init(&r, p, len);
	if (!blob_get(&r, &out->ca, &out->ca_len) || !blob_get(&r, &out->crt, &out->crt_len) ||
	    !blob_get(&r, &out->crl, &out->crl_len) || (out->ca_len == 0) != (out->crt_len == 0))
		return RC_INVALID;
	return rd_done(&r) ? RC_OK : RC_INVALID;
}

enum rc
ctl_said_encode(const struct ctl_said *s, uint8_t *buf, size_t cap, size_t *len)
{
	struct wr w;

	wr_init(&w, buf, cap);
	wr_u8(&w, s->ok);
	wr_le64(&w, s->until_s);
	wr_le64(&w, s->crl_until_s);
	text_put(&w, s->why);
	*len = w.pos;
	return w.failed ? RC_LIMIT : RC_OK;
}

enum rc
ctl_said_decode(const uint8_t *p, size_t len, struct ctl_said *out)
{
	struct rd r;
	uint8_t ok;

	memset(out, 0, sizeof(*out));
	rd_init(&r, p, len);
	ok = rd_u8(&r);
	out->until_s = rd_le64(&r);
	out->crl_until_s = rd_le64(&r);
	if (ok > 1 || !text_get(&r, out->why, sizeof(out->why)) || (ok != 0) != (out->why[0] == 0))
		return RC_INVALID;
	out->ok = ok;
	return rd_done(&r) ? RC_OK : RC_INVALID;
}
