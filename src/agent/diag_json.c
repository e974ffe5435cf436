/* SPDX-License-Identifier: Apache-2.0 */
/* diag_json - one message as an object. */
#include "diag_json.h"

#include <string.h>

static void
put(yyjson_mut_doc *doc, yyjson_mut_val *o, const char *key, const char *text)
{
	if (text[0] != '\0')
		(void)yyjson_mut_obj_add_strcpy(doc, o, key, text);
}

yyjson_mut_val *
diag_json(yyjson_mut_doc *doc, const struct diag *d)
{
	yyjson_mut_val *o = yyjson_mut_obj(doc);

	if (o == NULL)
		return NULL;
	put(doc, o, "level", d->level == DIAG_WARNING ? "warning" : "error");
	put(doc, o, "code", d->code);
	put(doc, o, "file", d->file);
	if (d->line > 0) {
		(void)yyjson_mut_obj_add_uint(doc, o, "line", d->line);
		(void)yyjson_mut_obj_add_uint(doc, o, "col", d->col);
	}
	put(doc, o, "text", d->text);
	put(doc, o, "hint", d->hint);
	put(doc, o, "source", d->source);
	return o;
}

static void
get(yyjson_val *v, const char *key, char *out, size_t cap)
{
	const char *s = yyjson_get_str(yyjson_obj_get(v, key));

	snprintf(out, cap, "%s", s != NULL ? s : "");
}

bool
diag_from_json(yyjson_val *v, struct diag *out)
{
	const char *level = yyjson_get_str(yyjson_obj_get(v, "level"));

	memset(out, 0, sizeof(*out));
	if (level == NULL || !yyjson_is_str(yyjson_obj_get(v, "text")))
		return false;
	out->level = strcmp(level, "warning") == 0 ? DIAG_WARNING : DIAG_ERROR;
	out->line = (uint32_t)yyjson_get_uint(yyjson_obj_get(v, "line"));
	out->col = (uint32_t)yyjson_get_uint(yyjson_obj_get(v, "col"));
	get(v, "code", out->code, sizeof(out->code));
	get(v, "file", out->file, sizeof(out->file));
	get(v, "text", out->text, sizeof(out->text));
	get(v, "hint", out->hint, sizeof(out->hint));
	get(v, "source", out->source, sizeof(out->source));
	return true;
}
