/* SPDX-License-Identifier: Apache-2.0 */
/* query_msg - the bytes between a process that asks and its query child. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "query.h"

enum { INPUT_HEAD_BYTES = 24, ANSWER_HEAD_BYTES = 12 };

static const uint8_t input_magic[4] = { 'R', 'F', 'Q', '1' };
static const uint8_t answer_magic[4] = { 'R', 'F', 'A', '1' };

enum rc
query_input_encode(const struct query_input *in, uint8_t **out, size_t *len)
{
	const struct query_blob *parts[] = { &in->arg, &in->blobs[0], &in->blobs[1],
		&in->blobs[2] };
	size_t cap = INPUT_HEAD_BYTES;
	struct wr w;

	CHECK(in->kind > 0 && in->kind < QUERY_KIND__COUNT);
	*out = NULL;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i]->len > UINT32_MAX || !size_add(cap, parts[i]->len, &cap))
			return RC_LIMIT;
	*out = malloc(cap);
	if (*out == NULL)
		return RC_NOMEM;
	wr_init(&w, *out, cap);
	wr_bytes(&w, input_magic, sizeof(input_magic));
	wr_u8(&w, in->kind);
	wr_zero(&w, 3);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		wr_le32(&w, (uint32_t)parts[i]->len);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		wr_bytes(&w, parts[i]->p, parts[i]->len);
	CHECK(!w.failed && w.pos == cap);
	*len = cap;
	return RC_OK;
}

static bool
magic_take(struct rd *r, const uint8_t magic[4])
{
	const uint8_t *p = rd_bytes(r, 4);

	return p != NULL && memcmp(p, magic, 4) == 0;
}

enum rc
query_input_decode(const uint8_t *p, size_t len, struct query_input *out)
{
	struct query_blob *parts[] = { &out->arg, &out->blobs[0], &out->blobs[1],
		&out->blobs[2] };
	struct rd r;

	memset(out, 0, sizeof(*out));
	rd_init(&r, p, len);
	if (!magic_take(&r, input_magic))
		return RC_INVALID;
	out->kind = rd_u8(&r);
	if (out->kind == 0 || out->kind >= QUERY_KIND__COUNT || rd_u8(&r) != 0 ||
	    rd_le16(&r) != 0)
		return RC_INVALID;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i]->len = rd_le32(&r);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i]->p = rd_bytes(&r, parts[i]->len);
	return rd_done(&r) ? RC_OK : RC_INVALID;
}

enum rc
query_answer_encode(const struct query_answer *a, uint8_t **out, size_t *len)
{
	size_t cap = ANSWER_HEAD_BYTES + a->len;
	struct wr w;

	CHECK(a->len <= QUERY_TEXT_BYTES_MAX);
	*out = malloc(cap);
	if (*out == NULL)
		return RC_NOMEM;
	wr_init(&w, *out, cap);
	wr_bytes(&w, answer_magic, sizeof(answer_magic));
	wr_le16(&w, (uint16_t)a->status);
	wr_le16(&w, 0);
	wr_le32(&w, (uint32_t)a->len);
	wr_bytes(&w, a->text, a->len);
	CHECK(!w.failed && w.pos == cap);
	*len = cap;
	return RC_OK;
}

enum rc
query_answer_decode(const uint8_t *p, size_t len, struct query_answer *out)
{
	struct rd r;

	memset(out, 0, sizeof(*out));
	rd_init(&r, p, len);
	if (!magic_take(&r, answer_magic))
		return RC_INVALID;
	out->status = rd_le16(&r);
	if ((out->status != 200 && (out->status < 400 || out->status > 499)) || rd_le16(&r) != 0)
		return RC_INVALID;
	out->len = rd_le32(&r);
	if (out->len > QUERY_TEXT_BYTES_MAX)
		return RC_INVALID;
	out->text = rd_bytes(&r, out->len);
	return rd_done(&r) ? RC_OK : RC_INVALID;
}
