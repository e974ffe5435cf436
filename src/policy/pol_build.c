/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_build - from rules to what the image encoder takes.
 * Does:    finds the local IPs and their classes, cuts rules into parts, gives ids, then for each
 *          class and family gathers, sorts, passes and emits one list; equal lists are one. The
 *          guard's table (family 0) holds the rules of "all" segments in both families.
 * Shape:   a list is sorted by (rank, part): see pol_part.c for why that is the verdict's order.
 * Limits:  WIRE_TABLE_RULES_MAX in a list, WIRE_RULES_MAX over all lists, WIRE_LOCALS_MAX tables,
 *          WIRE_COUNTERS_MAX counters: RC_LIMIT, with bound, value and the heaviest lines.
 */
#include "pol_job.h"

#include <stdlib.h>
#include <string.h>

#include "pol_pass.h"

#define SCRATCH_BYTES_MAX ((size_t)768 << 20)

/* Parts over all lists before passes: what a build may sort. Far beyond what could be packed. */
enum { GATHERED_MAX = 16 * WIRE_RULES_MAX };

static int
key_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Does segment s stand in class c (NULL: the guard's table)? */
static bool
in_table(const struct pol_job *j, const struct pol_class *c, uint32_t s)
{
	return j->r->segments[s].members_all || (c != NULL && pol_class_has(c, s));
}

/* The parts of a table in match order: rank in the upper half of a key, part in the lower. */
static enum rc
keys_gather(struct pol_job *j, struct arena *tmp, const struct pol_class *c, uint64_t **out,
    uint32_t *count)
{
	uint64_t *keys;
	uint32_t n = 0, at = 0;

	for (uint32_t s = 0; s < j->r->segment_count; s++)
		if (in_table(j, c, s))
			n += j->segment_first[s + 1] - j->segment_first[s];
	keys = arena_array(tmp, n, sizeof(*keys));
	if (keys == NULL)
		return RC_NOMEM;
	for (uint32_t s = 0; s < j->r->segment_count; s++) {
		if (!in_table(j, c, s))
			continue;
		for (uint32_t i = j->segment_first[s]; i < j->segment_first[s + 1]; i++) {
			uint32_t p = j->segment_parts[i];

			keys[at++] = (uint64_t)j->parts[p].rank << 32 | p;
		}
	}
	CHECK(at == n);
	qsort(keys, n, sizeof(*keys), key_cmp);
	*out = keys;
	*count = n;
	return RC_OK;
}

static enum rc
list_gather(struct pol_job *j, struct arena *tmp, const uint64_t *keys, uint32_t n,
    uint8_t family, struct pol_list *l)
{
	*l = (struct pol_list){ .family = family };
	l->items = arena_array(tmp, n, sizeof(*l->items));
	l->covered_by = arena_array(tmp, n, sizeof(*l->covered_by));
	if (l->items == NULL || l->covered_by == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct pol_item *it;
		enum rc rc = pol_item_get(j, &j->parts[(uint32_t)keys[i]], family, &it);

		if (rc != RC_OK)
			return rc;
		if (it == NULL)
			continue;
		l->covered_by[l->count] = UINT32_MAX;
		l->items[l->count++] = it;
		j->fates[it->src].listed++;
	}
	return RC_OK;
}

/* Takes what the passes found out of the list, and keeps account of it. */
static void
covered_remove(struct pol_job *j, struct pol_list *l, bool remove)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->count; i++) {
		struct pol_fate *f = &j->fates[l->items[i]->src];

		if (l->covered_by[i] != UINT32_MAX) {
			if (f->covered++ == 0)
				f->by = l->covered_by[i];
			if (remove)
				continue;
		}
		l->covered_by[n] = UINT32_MAX;
		l->items[n++] = l->items[i];
	}
	l->count = n;
}

/* The shadow pass always looks, for the warnings; it finds equal rules too. */
static enum rc
list_pass(struct pol_job *j, struct pol_list *l)
{
	enum rc rc = RC_OK;

	if ((j->passes & POL_PASS_DEDUPE) != 0) {
		rc = pol_pass_dedupe(j, l);
		if (rc == RC_OK)
			covered_remove(j, l, true);
	}
	if (rc == RC_OK)
		rc = pol_pass_shadow(j, l);
	if (rc == RC_OK)
		covered_remove(j, l, (j->passes & POL_PASS_SHADOW) != 0);
	return rc;
}

static enum rc
table_too_big(struct pol_job *j, const struct pol_list *l, const struct pol_class *c)
{
	uint32_t *weights = arena_array(&j->scratch, j->r->rule_count, sizeof(*weights));
	char lines[POL_LINES_TEXT_BYTES], local[ADDR_TEXT_BYTES] = "the guard";
	struct diag d;

	if (weights == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < l->count; i++)
		weights[l->items[i]->src]++;
	pol_lines_heaviest(j, weights, lines);
	if (c != NULL)
		addr_print(&j->locals[c->first_local], local);
	diag_set(&d, "table-too-big", "%u rules in the table of %s; a table holds %d", l->count,
	    local, WIRE_TABLE_RULES_MAX);
	diag_hint(&d, "most of them come from %s", lines);
	pol_say(j, &d, DIAG_ERROR, c == NULL ? NULL : &j->r->segments[c->strictest].pos);
	return RC_LIMIT;
}

static enum rc
image_too_big(struct pol_job *j)
{
	uint32_t *weights = arena_array(&j->scratch, j->r->rule_count, sizeof(*weights));
	char lines[POL_LINES_TEXT_BYTES];
	struct diag d;

	if (weights == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < j->r->rule_count; i++)
		weights[i] = j->fates[i].listed;
	pol_lines_heaviest(j, weights, lines);
	diag_set(&d, "image-too-big", "%u rules in %u tables so far, %u before those that others "
	    "cover were taken out; all tables together hold %d", j->packed_count,
	    j->image_list_count + 1, j->gathered_count, WIRE_RULES_MAX);
	diag_hint(&d, "most of them come from %s", lines);
	pol_say(j, &d, DIAG_ERROR, NULL);
	return RC_LIMIT;
}

static struct image_action
default_of(const struct pol_job *j, const struct pol_class *c)
{
	struct image_action a = { .verdict = WIRE_DROP, .counter = WIRE_COUNTER_NONE,
		.rule_id = j->guard_default_id };

	if (c == NULL)		/* no match in the guard's table: the packet is unsegmented */
		return a;
	a.mode = j->r->segments[c->strictest].mode;
	a.rule_id = j->default_ids[c->strictest];
	return a;
}

/* Appends the list, or finds the equal one that is there. */
static enum rc
list_emit(struct pol_job *j, struct arena *tmp, const struct pol_list *l,
    const struct pol_class *c, uint32_t *index)
{
	uint32_t *key = arena_array(tmp, (size_t)l->count + 1, sizeof(*key));
	struct image_list *out;
	enum rc rc;

	if (key == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < l->count; i++)
		key[i] = l->items[i]->serial;
	key[l->count] = c == NULL ? UINT32_MAX : c->strictest;
	rc = pol_intern_add(&j->lists, key, ((size_t)l->count + 1) * sizeof(*key), index);
	if (rc != RC_OK || *index < j->image_list_count)
		return rc;
	CHECK(*index == j->image_list_count);
	for (uint32_t i = 0; i < l->count; i++)
		j->fates[l->items[i]->src].packed++;
	j->packed_count += l->count;
	if (j->packed_count > WIRE_RULES_MAX)
		return image_too_big(j);
	out = &j->image_lists[j->image_list_count++];
	out->rules = arena_array(j->arena, l->count, sizeof(*out->rules));
	if (out->rules == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < l->count; i++)
		out->rules[i] = &l->items[i]->rule;
	out->count = l->count;
	out->deflt = default_of(j, c);
	return RC_OK;
}

/* The lists of a class (NULL: the guard's one). */
static enum rc
class_build(struct pol_job *j, struct pol_class *c, uint32_t *guard_list)
{
	struct arena tmp;
	uint64_t *keys;
	uint32_t n;
	enum rc rc;

	arena_init(&tmp, SCRATCH_BYTES_MAX);
	rc = keys_gather(j, &tmp, c, &keys, &n);
	if (rc == RC_OK) {
		j->gathered_count += n;
		if (j->gathered_count > GATHERED_MAX)
			rc = image_too_big(j);
	}
	for (uint8_t f = 0; rc == RC_OK && f < POL_FAMILIES; f++) {
		struct pol_list l;

		if ((c == NULL) != (f == POL_ANY_FAMILY) || (c != NULL && c->local_count[f] == 0))
			continue;
		rc = list_gather(j, &tmp, keys, n, f, &l);
		if (rc == RC_OK)
			rc = list_pass(j, &l);
		if (rc == RC_OK && l.count > WIRE_TABLE_RULES_MAX)
			rc = table_too_big(j, &l, c);
		if (rc == RC_OK)
			rc = list_emit(j, &tmp, &l, c, c == NULL ? guard_list : &c->list[f]);
	}
	arena_fini(&tmp);
	return rc;
}

static enum rc
tables_build(struct pol_job *j, struct image_input *out)
{
	uint32_t guard_list = 0, lists_max = 2 * j->class_count + 1;
	enum rc rc = pol_intern_init(&j->lists, &j->scratch, lists_max);

	j->fates = arena_array(&j->scratch, j->r->rule_count, sizeof(*j->fates));
	j->image_lists = arena_array(j->arena, lists_max, sizeof(*j->image_lists));
	out->tables = arena_array(j->arena, (size_t)j->local_count + 1, sizeof(*out->tables));
	if (rc == RC_OK && (j->fates == NULL || j->image_lists == NULL || out->tables == NULL))
		rc = RC_NOMEM;
	if (rc == RC_OK)
		rc = class_build(j, NULL, &guard_list);
	for (uint32_t i = 0; rc == RC_OK && i < j->class_count; i++)
		rc = class_build(j, &j->classes[i], NULL);
	if (rc != RC_OK)
		return rc;
	out->tables[0] = (struct image_table){ .list = guard_list };
	for (uint32_t l = 0; l < j->local_count; l++) {
		uint8_t f = j->locals[l].family == 4 ? POL_V4 : POL_V6;

		out->tables[l + 1] = (struct image_table){ .local = j->locals[l],
			.list = j->classes[j->class_of[l]].list[f] };
	}
	out->table_count = j->local_count + 1;
	out->lists = j->image_lists;
	out->list_count = j->image_list_count;
	return RC_OK;
}

static int
symbol_cmp(const void *a, const void *b)
{
	uint32_t x = ((const struct image_symbol *)a)->rule_id;
	uint32_t y = ((const struct image_symbol *)b)->rule_id;

	return x < y ? -1 : x > y;
}

/* One for each rule that stands in a table and each segment that has members. */
static enum rc
symbols_fill(struct pol_job *j, struct image_symbols *out)
{
	const struct pol_rules *r = j->r;

	out->items = arena_array(j->arena, (size_t)r->rule_count + r->segment_count,
	    sizeof(*out->items));
	if (out->items == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < r->rule_count; i++) {
		const struct pol_rule *rule = &r->rules[i];
		uint32_t first, v4;

		if (j->fates[i].packed == 0)
			continue;
		addr_set_family(&rule->peer, 4, &first, &v4);
		out->items[out->count++] = (struct image_symbol){ .rule_id = j->rule_ids[i],
			.file = r->files[rule->pos.file], .line = rule->pos.line,
			.col = rule->pos.col, .segment = r->segments[rule->segment].name,
			.why = rule->why == NULL ? "" : rule->why, .counter = j->counters[i],
			.ranges = { v4, rule->peer.count - v4 } };
	}
	for (uint32_t i = 0; i < r->segment_count; i++) {
		const struct pol_segment *s = &r->segments[i];

		if (s->members_all)
			continue;
		out->items[out->count++] = (struct image_symbol){ .rule_id = j->default_ids[i],
			.file = r->files[s->pos.file], .line = s->pos.line, .col = s->pos.col,
			.segment = s->name, .why = "", .is_default = true,
			.counter = WIRE_COUNTER_NONE };
	}
	qsort(out->items, out->count, sizeof(*out->items), symbol_cmp);
	for (uint32_t i = 1; i < out->count; i++)
		CHECK(out->items[i - 1].rule_id < out->items[i].rule_id);
	return RC_OK;
}

const char *const pol_pass_names[POL_PASS_COUNT] = { "dedupe", "shadow", "merge", "aggregate",
	"fold" };

static enum rc
rules_broken(struct diags *diags, const char *broken)
{
	struct diag d;

	diag_set(&d, "broken-rules", "the rules do not hold together: %s", broken);
	diags_add(diags, &d);
	return RC_INVALID;
}

enum rc
pol_build(const struct pol_rules *r, unsigned passes, struct arena *a, struct image_input *out,
    struct image_symbols *symbols, struct diags *diags)
{
	struct pol_job j = { .arena = a, .diags = diags, .passes = passes,
		.steps_left = POL_SHADOW_STEPS_MAX };
	struct pol_merged merged;
	const char *broken = NULL;
	enum rc rc;

	CHECK((passes & ~(unsigned)POL_PASS_ALL) == 0);
	memset(out, 0, sizeof(*out));
	memset(symbols, 0, sizeof(*symbols));
	if (!pol_rules_check(r, &broken))
		return rules_broken(diags, broken);
	arena_init(&j.scratch, SCRATCH_BYTES_MAX);
	rc = pol_pass_merge(r, (passes & POL_PASS_MERGE) != 0, a, &merged);
	j.r = &merged.rules;
	if (rc == RC_OK)
		rc = pol_locals_find(&j);
	if (rc == RC_OK)
		rc = pol_ids_give(&j);
	if (rc == RC_OK)
		rc = pol_parts_make(&j);
	if (rc == RC_OK)
		rc = tables_build(&j, out);
	if (rc == RC_OK)
		rc = symbols_fill(&j, symbols);
	if (rc == RC_OK) {
		out->counter_count = j.counter_count;
		out->unsegmented = r->defaults.unsegmented;
		out->non_ip = r->defaults.non_ip;
		out->fragments_drop = r->defaults.fragments_drop;
		out->midstream_drop = r->defaults.midstream_drop;
		out->live_flows_drain = r->defaults.live_flows_drain;
		out->apart = (uint8_t)((passes & POL_PASS_FOLD ? 0 : IMAGE_JOIN_PORTS) |
		    (passes & POL_PASS_AGGREGATE ? 0 : IMAGE_JOIN_RANGES));
		pol_warnings(&j);
	}
	arena_fini(&j.scratch);
	if (rc == RC_NOMEM) {
		struct diag d;

		diag_set(&d, "no-memory", "the build needs more memory than it may have");
		diags_add(diags, &d);
	}
	if (rc != RC_OK)
		memset(out, 0, sizeof(*out));
	return rc;
}
