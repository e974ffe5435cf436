/* SPDX-License-Identifier: Apache-2.0 */
/* bytes - cursors that stop at the end instead of passing it. */
#include "bytes.h"

#include <string.h>

uint16_t
get_le16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

uint32_t
get_le32(const void *p)
{
	const uint8_t *b = p;

	return get_le16(b) | (uint32_t)get_le16(b + 2) << 16;
}

uint64_t
get_le64(const void *p)
{
	const uint8_t *b = p;

	return get_le32(b) | (uint64_t)get_le32(b + 4) << 32;
}

uint16_t
get_be16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t
get_be32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)get_be16(b) << 16 | get_be16(b + 2);
}

void
put_le16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

void
put_le32(void *p, uint32_t v)
{
	put_le16(p, (uint16_t)v);
	put_le16((uint8_t *)p + 2, (uint16_t)(v >> 16));
}

void
put_le64(void *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}

void
put_be16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

void
put_be32(void *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16((uint8_t *)p + 2, (uint16_t)v);
}

void
rd_init(struct rd *r, const void *p, size_t len)
{
	CHECK(p != NULL || len == 0);
	*r = (struct rd){ .p = p, .len = len };
}

const uint8_t *
rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *p;

	if (r->failed || n > r->len - r->pos) {
		r->failed = true;
		return NULL;
	}
	p = r->p + r->pos;
	r->pos += n;
	return p;
}

size_t
rd_left(const struct rd *r)
{
	return r->failed ? 0 : r->len - r->pos;
}

bool
rd_done(const struct rd *r)
{
	return !r->failed && r->pos == r->len;
}

uint8_t
rd_u8(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 1);

	return p == NULL ? 0 : *p;
}

uint16_t
rd_le16(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 2);

	return p == NULL ? 0 : get_le16(p);
}

uint32_t
rd_le32(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 4);

	return p == NULL ? 0 : get_le32(p);
}

uint64_t
rd_le64(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 8);

	return p == NULL ? 0 : get_le64(p);
}

uint16_t
rd_be16(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 2);

	return p == NULL ? 0 : get_be16(p);
}

uint32_t
rd_be32(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 4);

	return p == NULL ? 0 : get_be32(p);
}

void
wr_init(struct wr *w, void *p, size_t cap)
{
	CHECK(p != NULL || cap == 0);
	*w = (struct wr){ .p = p, .cap = cap };
}

/* Room for n bytes, passed; NULL and failed where there is none. */
static uint8_t *
wr_room(struct wr *w, size_t n)
{
	uint8_t *p;

	if (w->failed || n > w->cap - w->pos) {
		w->failed = true;
		return NULL;
	}
	p = w->p + w->pos;
	w->pos += n;
	return p;
}

void
wr_bytes(struct wr *w, const void *p, size_t n)
{
	uint8_t *to = wr_room(w, n);

	if (to != NULL && n > 0)
		memcpy(to, p, n);
}

void
wr_text(struct wr *w, const char *s)
{
	size_t len = strlen(s);

	CHECK(len <= UINT32_MAX);
	wr_le32(w, (uint32_t)len);
	wr_bytes(w, s, len);
}

void
wr_zero(struct wr *w, size_t n)
{
	uint8_t *to = wr_room(w, n);

	if (to != NULL && n > 0)
		memset(to, 0, n);
}

void
wr_u8(struct wr *w, uint8_t v)
{
	wr_bytes(w, &v, 1);
}

void
wr_le16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_room(w, 2);

	if (p != NULL)
		put_le16(p, v);
}

void
wr_le32(struct wr *w, uint32_t v)
{
	uint8_t *p = wr_room(w, 4);

	if (p != NULL)
		put_le32(p, v);
}

void
wr_le64(struct wr *w, uint64_t v)
{
	uint8_t *p = wr_room(w, 8);

	if (p != NULL)
		put_le64(p, v);
}

void
wr_be16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_room(w, 2);

	if (p != NULL)
		put_be16(p, v);
}

void
wr_be32(struct wr *w, uint32_t v)
{
	uint8_t *p = wr_room(w, 4);

	if (p != NULL)
		put_be32(p, v);
}

static uint64_t
word_at(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

bool
bytes_equal(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	uint64_t d = 0;

	for (; n >= 32; x += 32, y += 32, n -= 32) {
		d = (word_at(x) ^ word_at(y)) | (word_at(x + 8) ^ word_at(y + 8)) |
		    (word_at(x + 16) ^ word_at(y + 16)) | (word_at(x + 24) ^ word_at(y + 24));
		if (d != 0)
			return false;
	}
	for (; n >= 8; x += 8, y += 8, n -= 8)
		d |= word_at(x) ^ word_at(y);
	for (; n > 0; x++, y++, n--)
		d |= (uint64_t)(*x ^ *y);
	return d == 0;
}

void
mem_wipe(void *p, size_t n)
{
	volatile uint8_t *b = p;

	while (n-- > 0)
		*b++ = 0;
}
