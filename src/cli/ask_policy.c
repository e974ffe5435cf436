/* SPDX-License-Identifier: Apache-2.0 */
/* ask_policy - the text of a policy directory, as the body of a request. */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "ask.h"
#include "compile.h"
#include "http.h"
#include "pol.h"

enum { SOURCES_ARENA_BYTES = 192 << 20 };

static char *
sources_json(const struct pol_sources *s, size_t *len)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *list;
	char *text;

	yyjson_mut_doc_set_root(d, root);
	list = yyjson_mut_obj_add_arr(d, root, "files");
	for (uint32_t i = 0; i < s->count; i++) {
		yyjson_mut_val *f = yyjson_mut_arr_add_obj(d, list);

		(void)yyjson_mut_obj_add_str(d, f, "path", s->items[i].path);
		(void)yyjson_mut_obj_add_strn(d, f, "text", (const char *)s->items[i].text,
		    s->items[i].len);
	}
	text = yyjson_mut_write(d, YYJSON_WRITE_ALLOW_INVALID_UNICODE, len);
	yyjson_mut_doc_free(d);
	return text;
}

enum rc
ask_policy_body(const char *dir, char **body, size_t *len, struct diag *diag)
{
	struct diags diags = { 0 };
	struct pol_sources s;
	uint8_t *sources = NULL;
	struct arena arena;
	size_t sources_len;
	enum rc rc = diags_init(&diags) ? RC_OK : RC_NOMEM;

	*body = NULL;
	arena_init(&arena, SOURCES_ARENA_BYTES);
	if (rc == RC_OK)
		rc = compile_sources_read(dir, &diags, &sources, &sources_len);
	if (rc != RC_OK && diags.count > 0)
		*diag = diags.items[0];
	if (rc == RC_OK)
		rc = pol_sources_decode(sources, sources_len, &arena, &s);
	if (rc == RC_OK) {
		*body = sources_json(&s, len);
		rc = *body == NULL ? RC_NOMEM : RC_OK;
	}
	if (rc == RC_OK && *len > HTTP_BODY_BYTES_MAX) {
		diag_set(diag, "too-long", "the text of %s has %zu bytes as JSON; the daemon takes "
		    "%d", dir, *len, HTTP_BODY_BYTES_MAX);
		rc = RC_LIMIT;
	}
	free(sources);
	arena_fini(&arena);
	diags_fini(&diags);
	return rc;
}
