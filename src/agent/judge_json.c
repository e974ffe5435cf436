/* SPDX-License-Identifier: Apache-2.0 */
/* judge_json - one frame's verdict, hop by hop. */
#include "judge_json.h"

#include <yyjson.h>

#include "addr.h"
#include "clock.h"
#include "verdict.h"

static void
local_text(const struct fw_hop *h, char out[ADDR_TEXT_BYTES])
{
	struct addr a = addr_from_bytes(h->family, h->local);

	addr_print(&a, out);
}

static void
add_rule(yyjson_mut_doc *doc, yyjson_mut_val *o, const struct judge_json *j, uint32_t rule_id,
    uint32_t generation)
{
	const struct image_symbol *s = rule_id == 0 ? NULL :
	    image_symbol_find(j->symbols, rule_id);

	if (s != NULL)
		(void)yyjson_mut_obj_add_str(doc, o, "segment", s->segment);
	if (rule_id != 0)
		(void)yyjson_mut_obj_add_uint(doc, o, "rule", rule_id);
	if (s != NULL) {
		(void)yyjson_mut_obj_add_str(doc, o, "file", s->file);
		(void)yyjson_mut_obj_add_uint(doc, o, "line", s->line);
	}
	(void)yyjson_mut_obj_add_uint(doc, o, "generation", generation);
}

void
judge_json_add(struct judge_json *j, const struct pcap_frame *f, const struct fw_verdict *v,
    struct str *out)
{
	char time[CLOCK_RFC3339_BYTES], local[2][ADDR_TEXT_BYTES];
	yyjson_alc alc;
	char *text;
	size_t len;
	yyjson_mut_val *o, *hops;
	yyjson_mut_doc *doc;

	CHECK(yyjson_alc_pool_init(&alc, j->pool, sizeof(j->pool)));
	doc = yyjson_mut_doc_new(&alc);
	o = yyjson_mut_obj(doc);
	hops = yyjson_mut_arr(doc);
	clock_rfc3339(f->wall_ns, time);
	yyjson_mut_doc_set_root(doc, o);
	(void)yyjson_mut_obj_add_uint(doc, o, "frame", f->number);
	(void)yyjson_mut_obj_add_str(doc, o, "time", time);
	(void)yyjson_mut_obj_add_str(doc, o, "verdict", verdict_name(v->verdict));
	(void)yyjson_mut_obj_add_str(doc, o, "reason", reason_name(v->reason));
	if (v->hop_count == 0 && v->rule_id != 0)	/* a guard rule, without a local IP */
		add_rule(doc, o, j, v->rule_id, v->generation);
	for (int i = 0; i < v->hop_count; i++) {
		const struct fw_hop *h = &v->hops[i];
		yyjson_mut_val *hop = yyjson_mut_arr_add_obj(doc, hops);

		local_text(h, local[i]);
		(void)yyjson_mut_obj_add_str(doc, hop, "direction", dir_name(h->dir));
		(void)yyjson_mut_obj_add_str(doc, hop, "local", local[i]);
		(void)yyjson_mut_obj_add_str(doc, hop, "verdict", verdict_name(h->verdict));
		(void)yyjson_mut_obj_add_str(doc, hop, "reason", reason_name(h->reason));
		add_rule(doc, hop, j, h->rule_id, h->generation);
	}
	(void)yyjson_mut_obj_add_val(doc, o, "hops", hops);
	text = yyjson_mut_write_opts(doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &alc, &len, NULL);
	CHECK(text != NULL);	/* the pool has room for the longest */
	str_add_bytes(out, text, len);
	str_add(out, "\n");
}
