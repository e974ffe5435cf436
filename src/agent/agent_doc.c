/* SPDX-License-Identifier: Apache-2.0 */
/* agent_doc - generations, jobs and problems as documents. */
#include <stdlib.h>
#include <string.h>

#include "agent_impl.h"
#include "diag_json.h"
#include "doc.h"

enum { SOURCES_ARENA_BYTES = 192 << 20 };

static void
generation_add(struct agent *a, yyjson_mut_doc *d, yyjson_mut_val *o, const struct gen *g)
{
	char hex[SHA256_HEX];

	hex_encode(g->sha256, SHA256_BYTES, hex);
	doc_uint(d, o, "generation", g->number);
	doc_str(d, o, "sha256", hex);
	doc_bool(d, o, "active", g == agent_active(a));
	doc_time(d, o, "written", g->written_wall_ns);
	doc_uint(d, o, "tables", g->info.tables);
	doc_uint(d, o, "rules", g->info.rules);
	doc_uint(d, o, "counters", g->info.counters);
	doc_uint(d, o, "bytes", g->image_len);
}

yyjson_mut_doc *
agent_generation_doc(struct agent *a, const struct gen *g)
{
	yyjson_mut_val *o;
	yyjson_mut_doc *d = doc_new(&o);

	if (d != NULL)
		generation_add(a, d, o, g);
	return d;
}

yyjson_mut_doc *
agent_generations_doc(struct agent *a)
{
	yyjson_mut_val *o, *list;
	yyjson_mut_doc *d = doc_new(&o);
	const struct gen *g;

	if (d == NULL)
		return NULL;
	doc_uint(d, o, "active", a->nic_known ? a->active.generation : 0);
	list = yyjson_mut_obj_add_arr(d, o, "generations");
	for (uint32_t i = 0; (g = state_gen(a->state, i)) != NULL; i++)
		generation_add(a, d, yyjson_mut_arr_add_obj(d, list), g);
	return d;
}

/* The text of a generation: every file of its directory. */
yyjson_mut_doc *
agent_sources_doc(const struct gen *g)
{
	struct pol_sources s;
	yyjson_mut_val *o, *list;
	yyjson_mut_doc *d = doc_new(&o);
	struct arena arena;

	if (d == NULL)
		return NULL;
	arena_init(&arena, SOURCES_ARENA_BYTES);
	if (pol_sources_decode(g->sources, g->sources_len, &arena, &s) != RC_OK)
		memset(&s, 0, sizeof(s));
	doc_uint(d, o, "generation", g->number);
	list = yyjson_mut_obj_add_arr(d, o, "files");
	for (uint32_t i = 0; i < s.count; i++) {
		yyjson_mut_val *f = yyjson_mut_arr_add_obj(d, list);

		doc_str(d, f, "path", s.items[i].path);
		(void)yyjson_mut_obj_add_strncpy(d, f, "text", (const char *)s.items[i].text,
		    s.items[i].len);
	}
	arena_fini(&arena);
	return d;
}

yyjson_mut_doc *
agent_rollback_doc(const struct outcome *o)
{
	yyjson_mut_val *root;
	yyjson_mut_doc *d = doc_new(&root);

	if (d == NULL)
		return NULL;
	doc_uint(d, root, "generation", o->generation);
	doc_bool(d, root, "changed", o->changed);
	return d;
}

/* What check says: messages, and what the tables would take. */
yyjson_mut_doc *
agent_check_doc(const struct compile_result *r)
{
	yyjson_mut_val *o;
	yyjson_mut_doc *d = doc_new(&o);

	if (d == NULL)
		return NULL;
	doc_bool(d, o, "ok", r->rc == RC_OK);
	if (r->rc == RC_OK) {
		doc_uint(d, o, "tables", r->info.tables);
		doc_uint(d, o, "rules", r->info.rules);
		doc_uint(d, o, "counters", r->info.counters);
		doc_uint(d, o, "bytes", r->image_len);
	} else {
		doc_bool(d, o, "no_fit", r->no_fit);
	}
	doc_messages(d, o, &r->diags, DIAGS_MAX);
	doc_hex(d, o, "counterexample", r->example, r->example_len);
	doc_uint(d, o, "eval_us", r->eval_ns / 1000);
	doc_uint(d, o, "build_us", r->build_ns / 1000);
	return d;
}

yyjson_mut_doc *
agent_job_doc(const struct agent_job *j, yyjson_val *outcome)
{
	yyjson_mut_val *o;
	yyjson_mut_doc *d = doc_new(&o);

	if (d == NULL)
		return NULL;
	doc_uint(d, o, "id", j->id);
	doc_str(d, o, "verb", j->verb == CTL_CHECK ? "check" : "reload");
	doc_str(d, o, "state", j->cancelled ? "cancelled" : j->done ? "done" : "running");
	if (outcome != NULL)
		(void)yyjson_mut_obj_add_val(d, o, "outcome", yyjson_val_mut_copy(d, outcome));
	return d;
}
