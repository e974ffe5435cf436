/* SPDX-License-Identifier: Apache-2.0 */
/* query_doc - an explanation as a document. */
#include "query_doc.h"

#include "doc.h"
#include "verdict.h"

/* The rule's line and segment; of a default the segment's. */
static void
place_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct pol_rules *r, uint32_t rule,
    uint32_t segment)
{
	const struct pol_pos *pos = rule != UINT32_MAX ? &r->rules[rule].pos :
	    segment != UINT32_MAX ? &r->segments[segment].pos : NULL;

	if (pos == NULL)
		return;
	CHECK(pos->file < r->file_count);
	doc_str(d, o, "file", r->files[pos->file]);
	doc_uint(d, o, "line", pos->line);
	if (segment != UINT32_MAX)
		doc_str(d, o, "segment", r->segments[segment].name);
	if (rule != UINT32_MAX && r->rules[rule].why != NULL)
		doc_str(d, o, "why", r->rules[rule].why);
}

static void
near_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct pol_rules *r, const struct pol_hop *h)
{
	yyjson_mut_val *nearest = yyjson_mut_obj_add_obj(d, o, "nearest_allow"), *list;

	place_add(d, nearest, r, h->near, r->rules[h->near].segment);
	list = yyjson_mut_obj_add_arr(d, nearest, "misses");
	for (uint32_t i = 0; i < h->miss_count; i++) {
		yyjson_mut_val *m = yyjson_mut_arr_add_obj(d, list);

		doc_str(d, m, "axis", pol_axis_name(h->misses[i].axis));
		doc_str(d, m, "bound", h->misses[i].bound);
		doc_str(d, m, "value", h->misses[i].value);
	}
}

static void
hop_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct pol_rules *r, const struct pol_hop *h)
{
	char local[ADDR_TEXT_BYTES];

	doc_str(d, o, "direction", dir_name(h->dir));
	if (h->local.family != 0) {
		addr_print(&h->local, local);
		doc_str(d, o, "local", local);
	}
	doc_str(d, o, "verdict", verdict_name(h->verdict));
	doc_str(d, o, "reason", reason_name(h->reason));
	if (h->reply)
		doc_bool(d, o, "reply", true);
	place_add(d, o, r, h->rule, h->segment);
	if (h->near != UINT32_MAX)
		near_add(d, o, r, h);
}

yyjson_mut_doc *
query_explain_doc(const struct pol_rules *r, const struct pol_packet *p,
    const struct pol_explained *e)
{
	char text[POL_PACKET_TEXT_BYTES];
	yyjson_mut_val *o, *hops;
	yyjson_mut_doc *d = doc_new(&o);

	if (d == NULL)
		return NULL;
	pol_packet_text(p, text);
	doc_str(d, o, "packet", text);
	doc_str(d, o, "verdict", verdict_name(e->verdict));
	doc_str(d, o, "reason", reason_name(e->reason));
	hops = yyjson_mut_obj_add_arr(d, o, "hops");
	for (uint32_t i = 0; i < e->hop_count; i++)
		hop_add(d, yyjson_mut_arr_add_obj(d, hops), r, &e->hops[i]);
	return d;
}
