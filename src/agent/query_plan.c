/* SPDX-License-Identifier: Apache-2.0 */
/* query_plan - what a reload would change, as a document. In the query child. */
#include <string.h>

#include "doc.h"
#include "query_doc.h"
#include "verdict.h"

enum { LINES_MAX = 100 };

static void
counts_add(yyjson_mut_doc *d, yyjson_mut_val *root, const char *key, const uint8_t *image,
    size_t len)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, key);
	struct image_info info;

	image_info_get(image, len, &info);
	doc_uint(d, o, "tables", info.tables);
	doc_uint(d, o, "rules", info.rules);
	doc_uint(d, o, "counters", info.counters);
	doc_uint(d, o, "bytes", len);
}

void
query_symbol_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct image_symbol *s)
{
	if (s == NULL)
		return;
	doc_str(d, o, "file", s->file);
	doc_uint(d, o, "line", s->line);
	doc_str(d, o, "segment", s->segment);
}

/* Rules of one that the other has not: by what they say, not by their place. */
static void
lines_add(yyjson_mut_doc *d, yyjson_mut_val *root, const char *key, const char *count_key,
    const struct image_symbols *of, const struct image_symbols *without)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, root, key);
	uint64_t count = 0;

	for (uint32_t i = 0; i < of->count; i++) {
		if (image_symbol_find(without, of->items[i].rule_id) != NULL)
			continue;
		if (count++ < LINES_MAX)
			query_symbol_add(d, yyjson_mut_arr_add_obj(d, list), &of->items[i]);
	}
	doc_uint(d, root, count_key, count);
}

static void
example_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct query_plan *q,
    const struct addr *local, const struct pol_change *c)
{
	char text[POL_PACKET_TEXT_BYTES];

	pol_packet_print(local, &c->key, text);
	doc_str(d, o, "packet", text);
	doc_str(d, o, "was", verdict_name(c->was));
	doc_str(d, o, "becomes", verdict_name(c->becomes));
	query_symbol_add(d, yyjson_mut_obj_add_obj(d, o, "old"),
	    image_symbol_find(q->old_symbols, c->old_id));
	query_symbol_add(d, yyjson_mut_obj_add_obj(d, o, "new"),
	    image_symbol_find(q->new_symbols, c->new_id));
}

static void
item_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct query_plan *q,
    const struct pol_plan_item *item)
{
	yyjson_mut_val *list;
	char local[ADDR_TEXT_BYTES];

	addr_print(&item->local, local);
	doc_str(d, o, "local", local);
	doc_uint(d, o, "locals", item->locals);
	doc_str(d, o, "direction", dir_name(item->dir));
	doc_uint(d, o, "gained", item->gained);
	doc_uint(d, o, "lost", item->lost);
	doc_uint(d, o, "other", item->other);
	list = yyjson_mut_obj_add_arr(d, o, "examples");
	for (uint32_t i = 0; i < item->count; i++)
		example_add(d, yyjson_mut_arr_add_obj(d, list), q, &item->local,
		    &item->examples[i]);
}

yyjson_mut_doc *
query_plan_doc(const struct query_plan *q)
{
	yyjson_mut_val *o, *list;
	yyjson_mut_doc *d = doc_new(&o);

	if (d == NULL)
		return NULL;
	doc_uint(d, o, "generation", q->old_symbols->generation);
	doc_bool(d, o, "changed", q->old_len != q->new_len ||
	    memcmp(q->old_image, q->new_image, q->old_len) != 0);
	counts_add(d, o, "old", q->old_image, q->old_len);
	counts_add(d, o, "new", q->new_image, q->new_len);
	lines_add(d, o, "added", "added_count", q->new_symbols, q->old_symbols);
	lines_add(d, o, "removed", "removed_count", q->old_symbols, q->new_symbols);
	doc_uint(d, o, "locals_added", q->plan->added);
	doc_uint(d, o, "locals_removed", q->plan->removed);
	list = yyjson_mut_obj_add_arr(d, o, "effects");
	for (uint32_t i = 0; i < q->plan->count; i++)
		item_add(d, yyjson_mut_arr_add_obj(d, list), q, &q->plan->items[i]);
	doc_uint(d, o, "effects_left_out", q->plan->items_left_out);
	query_flows_add(d, o, q);
	return d;
}
