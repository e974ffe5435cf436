/* SPDX-License-Identifier: Apache-2.0 */
/* line - bounded lines, and the one object on each. */
#include "line.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "str.h"

static const char *const names[LINE_VERB__COUNT] = {
	[LINE_STATUS] = "status", [LINE_COUNTERS] = "counters", [LINE_RELOAD] = "reload",
	[LINE_WATCH] = "watch"
};

const char *
line_verb_name(enum line_verb v)
{
	CHECK((unsigned)v < LINE_VERB__COUNT);
	return names[v];
}

enum rc
line_room(struct line_buf *b, char **to, size_t *room)
{
	CHECK(b->at <= b->len && b->len <= b->cap);
	if (b->at > 0) {
		memmove(b->p, b->p + b->at, b->len - b->at);
		b->len -= b->at;
		b->at = 0;
	}
	if (b->len == b->cap) {
		size_t cap = b->cap == 0 ? LINE_BYTES_FIRST : b->cap * 2;
		char *more;

		if (b->cap >= LINE_BYTES_MAX)
			return RC_LIMIT;
		more = realloc(b->p, cap);
		if (more == NULL)
			return RC_NOMEM;
		b->p = more;
		b->cap = cap;
	}
	*to = b->p + b->len;
	*room = b->cap - b->len;
	return RC_OK;
}

void
line_added(struct line_buf *b, size_t n)
{
	CHECK(n <= b->cap - b->len);
	b->len += n;
}

bool
line_next(struct line_buf *b, char **line, size_t *len)
{
	char *begin = b->p + b->at;
	char *end = b->len > b->at ? memchr(begin, '\n', b->len - b->at) : NULL;

	if (end == NULL)
		return false;
	*line = begin;
	*len = (size_t)(end - begin);
	b->at += *len + 1;
	return true;
}

void
line_fini(struct line_buf *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

static enum rc
verb_find(yyjson_val *root, enum line_verb *out, struct diag *diag)
{
	yyjson_val *verb = yyjson_is_obj(root) ? yyjson_obj_get(root, "verb") : NULL;
	const char *name = yyjson_get_str(verb), *near;

	if (name == NULL || yyjson_obj_size(root) != 1) {
		diag_set(diag, "request", "a request is an object with a verb and nothing else");
		return RC_INVALID;
	}
	for (int i = 0; i < LINE_VERB__COUNT; i++)
		if (yyjson_equals_str(verb, names[i])) {
			*out = (enum line_verb)i;
			return RC_OK;
		}
	diag_set(diag, "request", "unknown verb");
	near = str_nearest(name, names, LINE_VERB__COUNT);
	if (near != NULL)
		diag_hint(diag, "did you mean %s?", near);
	return RC_INVALID;
}

enum rc
line_parse(char *line, size_t len, enum line_verb *out, struct diag *diag)
{
	yyjson_doc *doc;
	enum rc rc;

	CHECK(len < LINE_BYTES_MAX);
	if (memchr(line, '\0', len) != NULL) {
		diag_set(diag, "request", "a NUL byte in a request");
		return RC_INVALID;
	}
	doc = yyjson_read(line, len, 0);
	if (doc == NULL) {
		diag_set(diag, "request", "a request is one JSON object on one line");
		return RC_INVALID;
	}
	rc = verb_find(yyjson_doc_get_root(doc), out, diag);
	yyjson_doc_free(doc);
	return rc;
}
