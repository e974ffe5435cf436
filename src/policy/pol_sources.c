/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_sources - the text of a policy as bytes: checked, carried over a pipe.
 * Shape:   encoded: "RFS1", count, then per file path length, text length, path, text; integers
 *          little-endian u32.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "pol_ctx.h"
#include "str.h"

static const uint8_t magic[4] = { 'R', 'F', 'S', '1' };

/* --- text ------------------------------------------------------------------------------------ */

static void
place_at(const struct pol_source *s, size_t at, struct diag *d)
{
	uint32_t line = 1;
	size_t begin = 0;

	CHECK(at <= s->len);
	for (size_t i = 0; i < at; i++) {
		if (s->text[i] == '\n') {
			line++;
			begin = i + 1;
		}
	}
	diag_place(d, s->path, line, (uint32_t)(at - begin + 1));
}

bool
pol_text_check(const struct pol_source *s, struct diag *d)
{
	static const uint8_t bom[3] = { 0xef, 0xbb, 0xbf };
	const uint8_t *nul;
	size_t good;

	CHECK(s->text != NULL || s->len == 0);
	if (s->len > POL_FILE_BYTES_MAX) {
		diag_set(d, "limit", "a file of %zu bytes; at most %d", s->len, POL_FILE_BYTES_MAX);
		diag_place(d, s->path, 0, 0);
		return false;
	}
	if (s->len > 0 && s->text[0] == 0x1b) {
		diag_set(d, "bytecode", "compiled Lua is refused: a policy is text");
	} else if (s->len >= 2 && ((s->text[0] == 0xff && s->text[1] == 0xfe) ||
	    (s->text[0] == 0xfe && s->text[1] == 0xff))) {
		diag_set(d, "encoding", "the file is UTF-16: a policy is UTF-8");
	} else if (s->len >= 3 && memcmp(s->text, bom, 3) == 0) {
		diag_set(d, "encoding", "the file begins with a byte order mark");
		diag_hint(d, "save it as UTF-8 without a mark");
	} else if (s->len > 0 && s->text[0] == '#') {
		diag_set(d, "encoding", "the file begins with #: a policy is not a script");
		diag_hint(d, "comments begin with --");
	} else {
		nul = s->len == 0 ? NULL : memchr(s->text, 0, s->len);
		good = utf8_check(s->text, s->len);
		if (nul != NULL && (size_t)(nul - s->text) < good) {
			diag_set(d, "encoding", "a NUL byte in the text");
			good = (size_t)(nul - s->text);
		} else if (good < s->len) {
			diag_set(d, "encoding", "byte 0x%02x is not valid UTF-8", s->text[good]);
		} else {
			return true;
		}
		place_at(s, good, d);
		return false;
	}
	diag_place(d, s->path, 1, 1);
	return false;
}

bool
pol_path_is_plain(const char *path, size_t len)
{
	return len > 0 && len <= POL_PATH_BYTES_MAX && utf8_check(path, len) == len &&
	    control_find(path, len) == len;
}

bool
pol_path_is_policy(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".pol") == 0;
}

int
pol_source_cmp(const void *a, const void *b)
{
	const struct pol_source *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* Neither absolute, nor out of the directory, nor a name that reading one passes over. */
static bool
path_is_below(const char *path)
{
	const char *part = path;

	for (;;) {
		size_t n = strcspn(part, "/");

		if (n == 0 || part[0] == '.')
			return false;
		if (part[n] == '\0')
			return true;
		part += n + 1;
	}
}

/* What is no policy is read by who names it: only its size is looked at here. */
static bool
list_check(const struct pol_source *s, struct diag *d)
{
	if (s->len <= POL_LIST_BYTES_MAX)
		return true;
	diag_set(d, "limit", "a file of %zu bytes; at most %d", s->len, POL_LIST_BYTES_MAX);
	diag_place(d, s->path, 0, 0);
	return false;
}

bool
pol_sources_check(struct pol_sources *s, struct diag *d)
{
	bool any = false;

	if (s->count > 0)
		qsort(s->items, s->count, sizeof(*s->items), pol_source_cmp);
	for (uint32_t i = 0; i < s->count; i++) {
		const struct pol_source *f = &s->items[i];

		if (!pol_path_is_plain(f->path, strlen(f->path)) || !path_is_below(f->path) ||
		    (i > 0 && strcmp(s->items[i - 1].path, f->path) == 0)) {
			diag_set(d, "bad-path", "file %u has a path that is too long, not plain, "
			    "or another file's", i + 1);
			return false;
		}
		if (pol_path_is_policy(f->path) ? !pol_text_check(f, d) : !list_check(f, d))
			return false;
		any = any || (pol_path_is_policy(f->path) && strchr(f->path, '/') == NULL);
	}
	if (!any)
		diag_set(d, "no-policy", "no .pol file at the top");
	return any;
}

/* --- over the pipe --------------------------------------------------------------------------- */

enum rc
pol_sources_encode(const struct pol_sources *s, struct arena *a, uint8_t **out, size_t *len)
{
	size_t total = sizeof(magic) + 4;
	struct wr w;

	*out = NULL;
	*len = 0;
	if (s->count > POL_FILES_MAX)
		return RC_LIMIT;
	for (uint32_t i = 0; i < s->count; i++) {
		CHECK(s->items[i].len <= POL_LIST_BYTES_MAX);
		if (!size_add(total, 8 + strlen(s->items[i].path) + s->items[i].len, &total))
			return RC_LIMIT;
	}
	*out = arena_alloc(a, total);
	if (*out == NULL)
		return RC_NOMEM;
	wr_init(&w, *out, total);
	wr_bytes(&w, magic, sizeof(magic));
	wr_le32(&w, s->count);
	for (uint32_t i = 0; i < s->count; i++) {
		size_t n = strlen(s->items[i].path);

		wr_le32(&w, (uint32_t)n);
		wr_le32(&w, (uint32_t)s->items[i].len);
		wr_bytes(&w, s->items[i].path, n);
		wr_bytes(&w, s->items[i].text, s->items[i].len);
	}
	CHECK(!w.failed && w.pos == total);
	*len = total;
	return RC_OK;
}

static enum rc
decode_file(struct rd *r, struct arena *a, struct pol_source *out)
{
	uint32_t path_len = rd_le32(r), text_len = rd_le32(r);
	const uint8_t *path, *text;
	char *copy;
	uint8_t *body;

	if (r->failed)
		return RC_TRUNC;
	if (text_len > POL_LIST_BYTES_MAX)
		return RC_LIMIT;
	path = rd_bytes(r, path_len);
	text = rd_bytes(r, text_len);
	if (r->failed)
		return RC_TRUNC;
	if (!pol_path_is_plain((const char *)path, path_len))
		return RC_INVALID;
	copy = arena_alloc(a, (size_t)path_len + 1);
	body = arena_alloc(a, (size_t)text_len + 1);
	if (copy == NULL || body == NULL)
		return RC_NOMEM;
	memcpy(copy, path, path_len);
	if (text_len > 0)
		memcpy(body, text, text_len);
	out->path = copy;
	out->text = body;
	out->len = text_len;
	return RC_OK;
}

enum rc
pol_sources_decode(const uint8_t *p, size_t len, struct arena *a, struct pol_sources *out)
{
	const uint8_t *head;
	size_t bytes = 0;
	uint32_t count;
	struct rd r;

	CHECK(p != NULL || len == 0);
	memset(out, 0, sizeof(*out));
	rd_init(&r, p, len);
	head = rd_bytes(&r, sizeof(magic));
	count = rd_le32(&r);
	if (r.failed)
		return RC_TRUNC;
	if (memcmp(head, magic, sizeof(magic)) != 0)
		return RC_INVALID;
	if (count > POL_FILES_MAX)
		return RC_LIMIT;
	out->items = arena_array(a, count, sizeof(*out->items));
	if (out->items == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct pol_source *s = &out->items[i];
		enum rc rc = decode_file(&r, a, s);

		if (rc == RC_OK && i > 0 && strcmp(out->items[i - 1].path, s->path) >= 0)
			rc = RC_INVALID;
		bytes += rc == RC_OK ? s->len : 0;
		if (rc == RC_OK && bytes > POL_SOURCES_BYTES_MAX)
			rc = RC_LIMIT;
		if (rc != RC_OK)
			return rc;
	}
	if (!rd_done(&r))
		return RC_INVALID;
	out->count = count;
	return RC_OK;
}
