/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_unpack - policy text in a request's body, {"files":[{"path":"a.pol","text":"..."}]}, as
 * sources. In the query child only: what it makes is decoded again, with distrust, by who uses it.
 */
#include <string.h>
#include <yyjson.h>

#include "query_doc.h"

static bool
refuse(struct diag *d, const char *what)
{
	diag_set(d, "body", "%s", what);
	diag_hint(d, "{\"files\":[{\"path\":\"a.pol\",\"text\":\"...\"}]}");
	return false;
}

/* Exactly the members path and text, both strings. */
static bool
file_take(yyjson_val *v, struct pol_source *out, struct diag *d)
{
	yyjson_val *path = yyjson_obj_get(v, "path"), *text = yyjson_obj_get(v, "text");

	if (yyjson_obj_size(v) != 2 || !yyjson_is_str(path) || !yyjson_is_str(text))
		return refuse(d, "each of files is an object of path and text, both strings");
	if (yyjson_get_len(path) != strlen(yyjson_get_str(path)))
		return refuse(d, "a path with a NUL");
	*out = (struct pol_source){ .path = yyjson_get_str(path),
		.text = (const uint8_t *)yyjson_get_str(text), .len = yyjson_get_len(text) };
	return true;
}

static bool
files_take(yyjson_val *root, struct arena *a, struct pol_sources *s, struct diag *d)
{
	yyjson_val *files = yyjson_obj_get(root, "files"), *v;
	yyjson_arr_iter it;

	if (yyjson_obj_size(root) != 1 || !yyjson_is_arr(files))
		return refuse(d, "the body is an object with one member, the array files");
	if (yyjson_arr_size(files) > POL_FILES_MAX)
		return refuse(d, "more files than a policy may have");
	s->items = arena_array(a, yyjson_arr_size(files) + 1, sizeof(*s->items));
	if (s->items == NULL)
		return refuse(d, "no memory for the files");
	yyjson_arr_iter_init(files, &it);
	while ((v = yyjson_arr_iter_next(&it)) != NULL)
		if (!file_take(v, &s->items[s->count++], d))
			return false;
	return pol_sources_check(s, d);
}

bool
query_unpack(const uint8_t *body, size_t len, struct arena *a, uint8_t **out, size_t *out_len,
    struct diag *d)
{
	struct pol_sources s = { 0 };
	yyjson_read_err err;
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)body, len, 0, NULL, &err);
	bool ok;

	if (doc == NULL) {
		diag_set(d, "body", "byte %zu of the body: %s", err.pos, err.msg);
		return false;
	}
	ok = files_take(yyjson_doc_get_root(doc), a, &s, d);
	if (ok && pol_sources_encode(&s, a, out, out_len) != RC_OK)
		ok = refuse(d, "the text is too long");
	yyjson_doc_free(doc);
	return ok;
}
