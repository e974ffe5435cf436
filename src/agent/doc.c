/* SPDX-License-Identifier: Apache-2.0 */
/* doc - members of a JSON object, one call each. */
#include "doc.h"

#include "clock.h"
#include "diag_json.h"
#include "hash.h"

void
doc_str(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *text)
{
	(void)yyjson_mut_obj_add_strcpy(d, o, key, text);
}

void
doc_uint(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, uint64_t n)
{
	(void)yyjson_mut_obj_add_uint(d, o, key, n);
}

void
doc_hex(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const uint8_t *p, size_t len)
{
	char text[2 * DOC_HEX_BYTES_MAX + 1];

	CHECK(len <= DOC_HEX_BYTES_MAX);
	hex_encode(p, len, text);
	if (len > 0)
		doc_str(d, o, key, text);
}

void
doc_time(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, uint64_t wall_ns)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_rfc3339(wall_ns, text);
	doc_str(d, o, key, text);
}

yyjson_mut_doc *
doc_new(yyjson_mut_val **root)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);

	*root = yyjson_mut_obj(d);
	if (*root == NULL) {
		yyjson_mut_doc_free(d);
		return NULL;
	}
	yyjson_mut_doc_set_root(d, *root);
	return d;
}

void
doc_messages(yyjson_mut_doc *d, yyjson_mut_val *o, const struct diags *ds, uint32_t max)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, o, "messages");

	doc_uint(d, o, "errors", ds->errors);
	doc_uint(d, o, "warnings", ds->warnings);
	for (uint32_t i = 0; i < ds->count && i < max; i++)
		(void)yyjson_mut_arr_append(list, diag_json(d, &ds->items[i]));
}

void
doc_bool(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, bool v)
{
	(void)yyjson_mut_obj_add_bool(d, o, key, v);
}
