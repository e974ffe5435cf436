/* SPDX-License-Identifier: Apache-2.0 */
/* built - what the build child answers, as bytes and back. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "hash.h"
#include "pol.h"
#include "roles.h"

enum { HEAD_BYTES = 40, MESSAGE_BYTES_MAX = 12 + 5 * 4 + 1200, HEAD_CRC_AT = 36 };

static const uint8_t magic[4] = { 'R', 'F', 'B', '4' };

static void
message_put(struct wr *w, const struct diag *d)
{
	wr_le32(w, d->level);
	wr_le32(w, d->line);
	wr_le32(w, d->col);
	wr_text(w, d->code);
	wr_text(w, d->file);
	wr_text(w, d->text);
	wr_text(w, d->hint);
	wr_text(w, d->source);
}

/* A text of fewer than cap bytes; control bytes, a tab in a source line apart, become '?'. */
static void
text_take(struct rd *r, char *out, size_t cap)
{
	uint32_t n = rd_le32(r);
	const uint8_t *p = n < cap ? rd_bytes(r, n) : NULL;

	if (p == NULL) {
		r->failed = true;
		out[0] = '\0';
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		out[i] = (p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f ? '?' : (char)p[i];
	out[n] = '\0';
}

static bool
message_take(struct rd *r, struct diag *d)
{
	uint32_t level = rd_le32(r);

	memset(d, 0, sizeof(*d));
	d->level = level == DIAG_WARNING ? DIAG_WARNING : DIAG_ERROR;
	d->line = rd_le32(r);
	d->col = rd_le32(r);
	text_take(r, d->code, sizeof(d->code));
	text_take(r, d->file, sizeof(d->file));
	text_take(r, d->text, sizeof(d->text));
	text_take(r, d->hint, sizeof(d->hint));
	text_take(r, d->source, sizeof(d->source));
	return !r->failed && (level == DIAG_WARNING || level == DIAG_ERROR);
}

static uint32_t
crc_of(const uint8_t *p, size_t len)
{
	uint32_t crc = crc32c(get_le32(p + 20), p + 4, 4);

	return crc32c(crc, p + HEAD_BYTES, len - HEAD_BYTES);
}

size_t
messages_room(const struct diags *diags)
{
	return 12 + (size_t)diags->count * MESSAGE_BYTES_MAX;
}

void
messages_put(struct wr *w, const struct diags *diags)
{
	wr_le32(w, diags->errors);
	wr_le32(w, diags->warnings);
	wr_le32(w, diags->count);
	for (uint32_t i = 0; i < diags->count; i++)
		message_put(w, &diags->items[i]);
}

enum rc
built_encode(const struct built *b, const struct diags *diags, uint8_t **out, size_t *len)
{
	size_t cap = HEAD_BYTES + messages_room(diags);
	size_t times_len = b->time_count * sizeof(*b->times), messages_at;
	struct wr w;

	CHECK(b->stage <= STAGE_DONE && (b->image != NULL) == (b->stage == STAGE_DONE));
	*out = NULL;
	if (!size_add(cap, b->image_len, &cap) || !size_add(cap, b->symbols_len, &cap) ||
	    !size_add(cap, b->keys_len, &cap) || !size_add(cap, times_len, &cap) ||
	    !size_add(cap, b->example_len, &cap))
		return RC_LIMIT;
	*out = malloc(cap);
	if (*out == NULL)
		return RC_NOMEM;
	wr_init(&w, *out, cap);
	wr_zero(&w, HEAD_BYTES);
	wr_bytes(&w, b->image, b->image_len);
	wr_bytes(&w, b->symbols, b->symbols_len);
	wr_bytes(&w, b->keys, b->keys_len);
	wr_bytes(&w, b->times, times_len);
	wr_bytes(&w, b->example, b->example_len);
	messages_at = w.pos;
	messages_put(&w, diags);
	CHECK(!w.failed);
	*len = w.pos;
	memcpy(*out, magic, sizeof(magic));
	(*out)[4] = b->stage;
	(*out)[5] = (uint8_t)-(int)b->rc;
	put_le32(*out + 8, (uint32_t)b->image_len);
	put_le32(*out + 12, (uint32_t)b->symbols_len);
	put_le32(*out + 16, (uint32_t)(*len - messages_at));
	put_le32(*out + 20, b->prove_us);
	put_le32(*out + 24, (uint32_t)b->keys_len);
	put_le32(*out + 28, (uint32_t)b->example_len);
	put_le32(*out + 32, (uint32_t)times_len);
	put_le16(*out + 6, b->reused);
	put_le32(*out + HEAD_CRC_AT, crc_of(*out, *len));
	return RC_OK;
}

bool
messages_take(const uint8_t *p, size_t len, struct diags *diags)
{
	uint32_t errors, warnings, count, seen;
	struct diag d;
	struct rd r;

	rd_init(&r, p, len);
	errors = rd_le32(&r);
	warnings = rd_le32(&r);
	count = rd_le32(&r);
	if (r.failed || count > DIAGS_MAX || errors > POL_RULES_MAX * 2u ||
	    warnings > POL_RULES_MAX * 2u || count > errors + warnings)
		return false;
	seen = diags->errors + diags->warnings;
	for (uint32_t i = 0; i < count; i++) {
		if (!message_take(&r, &d))
			return false;
		diags_add(diags, &d);
	}
	if (!rd_done(&r))
		return false;
	/* Those past the list's end are only counts. */
	CHECK(diags->errors + diags->warnings == seen + count);
	if (count < errors + warnings) {
		diags->errors = MAX(diags->errors, errors);
		diags->warnings = MAX(diags->warnings, warnings);
	}
	return true;
}

enum rc
built_decode(const uint8_t *p, size_t len, struct built *out, struct diags *diags)
{
	size_t image, symbols, keys, times, example, messages;
	const uint8_t *body = p + HEAD_BYTES;

	memset(out, 0, sizeof(*out));
	if (len < HEAD_BYTES)
		return RC_TRUNC;
	image = get_le32(p + 8);
	symbols = get_le32(p + 12);
	messages = get_le32(p + 16);
	keys = get_le32(p + 24);
	example = get_le32(p + 28);
	times = get_le32(p + 32);
	if (memcmp(p, magic, sizeof(magic)) != 0 || p[4] > STAGE_DONE || p[5] >= RC__COUNT ||
	    image + symbols + keys + times + example + messages != len - HEAD_BYTES ||
	    get_le32(p + HEAD_CRC_AT) != crc_of(p, len))
		return RC_INVALID;
	out->stage = p[4];
	out->prove_us = get_le32(p + 20);
	out->reused = get_le16(p + 6);
	out->rc = (enum rc)-(int)p[5];
	if ((out->stage == STAGE_DONE) != (image > 0) || (image > 0) != (symbols > 0) ||
	    (image == 0 && keys + times > 0) || (image > 0 && example > 0) ||
	    times % sizeof(*out->times) != 0 ||
	    example > BUILT_EXAMPLE_BYTES_MAX ||
	    (out->stage == STAGE_DONE) != (out->rc == RC_OK) || image > WIRE_IMAGE_BYTES_MAX)
		return RC_INVALID;
	if (!messages_take(p + len - messages, messages, diags))
		return RC_INVALID;
	out->example = body + image + symbols + keys + times;
	out->example_len = example;
	if (image > 0) {
		out->image = body;
		out->image_len = image;
		out->symbols = body + image;
		out->symbols_len = symbols;
		out->keys = body + image + symbols;
		out->keys_len = keys;
		out->times = (const struct built_time *)(out->keys + keys);
		out->time_count = (uint32_t)(times / sizeof(*out->times));
	}
	return RC_OK;
}

bool
built_times_hold(const struct built *b, uint32_t bodies, uint64_t within_ns)
{
	uint64_t left = within_ns;

	if (b->time_count != bodies || (uint64_t)b->prove_us * 1000 > within_ns)
		return false;
	for (uint32_t i = 0; i < bodies; i++) {
		uint64_t pack = le64_get(b->times[i].pack_ns);
		uint64_t prove = le64_get(b->times[i].prove_ns);

		if (pack > left || prove > left - pack)
			return false;
		left -= pack + prove;
	}
	return true;
}
