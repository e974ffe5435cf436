/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_resolve - drafts to plain rules, once all files ran: names, sets, services, order, bounds.
 * Does:    tells what is undefined, empty or too large, each once and at its place; then writes the
 *          result sorted by file, line and order of execution.
 */
#include <stdlib.h>
#include <string.h>

#include "pol_ctx.h"
#include "str.h"

enum { SERVICES_MAX = 4096 };	/* of one rule */

/* --- names ----------------------------------------------------------------------------------- */

/* The defined name nearest to an undefined one, of its kind; NULL where none is near. */
static const char *
nearest_name(struct pol_ctx *c, const struct pol_name *n)
{
	const char **names = arena_array(c->a, c->names.count, sizeof(*names));
	uint32_t count = 0;

	if (names == NULL)
		return NULL;
	for (uint32_t i = 0; i < c->names.count; i++)
		if (c->names.items[i].kind == n->kind && c->names.items[i].defined)
			names[count++] = c->names.items[i].text;
	return str_nearest(n->text, names, count);
}

static void
report_undefined(struct pol_ctx *c, const struct pol_name *n)
{
	const char *kind = pol_kind_names[n->kind], *near = nearest_name(c, n);
	struct diag d;

	CHECK(!n->defined);
	diag_set(&d, "undefined-name", "%s \"%s\" is not defined", kind, n->text);
	if (near != NULL)
		diag_hint(&d, "did you mean %s \"%s\"?", kind, near);
	for (uint32_t i = 0; near == NULL && i < c->names.count; i++) {
		const struct pol_name *o = &c->names.items[i];

		if (o->defined && o->kind != n->kind && strcmp(o->text, n->text) == 0)
			diag_hint(&d, "there is %s \"%s\"", pol_kind_names[o->kind], o->text);
	}
	pol_report_value(c, &d, &n->first_ref, n->text, strlen(n->text));
}

/* A file that stopped half-way, or was not read, may define what others miss: true where its text
 * has `KIND "NAME" {`. */
static bool
defined_in_text(struct pol_ctx *c, const struct pol_name *n)
{
	for (uint32_t i = 0; i < c->file_count; i++) {
		struct pol_file *f = c->files[i].aborted ? pol_file_lexed(c, i) : NULL;

		for (uint32_t t = 0; f != NULL && t + 2 < f->toks.count; t++)
			if (pol_tok_is(&f->toks, t, pol_kind_names[n->kind]) &&
			    pol_tok_table(&f->toks, t) != POL_NO_TOK &&
			    pol_tok_value(&f->toks, t, n->text, strlen(n->text)) != t)
				return true;
	}
	return false;
}

static bool
any_aborted(const struct pol_ctx *c)
{
	for (uint32_t i = 0; i < c->file_count; i++)
		if (c->files[i].aborted)
			return true;
	return false;
}

/* What a group or a list holds is bounded, and what all of them hold: tables share it. */
static void
check_listed(struct pol_ctx *c, const struct pol_name *n, uint32_t ranges, uint32_t *total)
{
	bool before = *total > POL_LISTED_MAX;
	struct diag d;

	CHECK(n->kind == POL_KIND_GROUP || n->kind == POL_KIND_LIST);
	*total += MIN(ranges, UINT32_MAX - *total);
	if (ranges > POL_LIST_ENTRIES_MAX)
		diag_set(&d, "limit", "%s \"%s\" holds %u ranges of addresses; at most %d",
		    pol_kind_names[n->kind], n->text, ranges, POL_LIST_ENTRIES_MAX);
	else if (!before && *total > POL_LISTED_MAX)
		diag_set(&d, "limit", "with %s \"%s\" groups and lists hold %u ranges of "
		    "addresses; at most %d in all", pol_kind_names[n->kind], n->text, *total,
		    POL_LISTED_MAX);
	else
		return;
	pol_report(c, &d, &n->site);
}

static enum rc
resolve_names(struct pol_ctx *c)
{
	bool quiet = any_aborted(c);
	uint32_t listed = 0;
	struct diag d;

	for (uint32_t i = 0; i < c->names.count; i++) {
		struct pol_name *n = &c->names.items[i];
		const struct pol_set *s;
		enum rc rc;

		if (!n->defined) {
			CHECK(n->referred);
			if (!quiet || !defined_in_text(c, n))
				report_undefined(c, n);
			continue;
		}
		if (n->kind == POL_KIND_APP)
			continue;
		rc = pol_set_eval(c, n->set);
		if (rc != RC_OK)
			return rc;
		s = &c->sets.items[n->set];
		if (n->kind == POL_KIND_GROUP || n->kind == POL_KIND_LIST)
			check_listed(c, n, s->set.count, &listed);
		if (n->kind != POL_KIND_GROUP || s->wrong || s->set.count > 0 || n->allow_empty ||
		    quiet)
			continue;
		diag_set(&d, "empty-group", "group \"%s\" has no addresses", n->text);
		diag_hint(&d, "write allow_empty = true in it if that is meant");
		pol_report(c, &d, &n->site);
	}
	return RC_OK;
}

/* --- services -------------------------------------------------------------------------------- */

struct svc_out {
	struct pol_service *items;
	uint32_t count, cap;
	bool wrong;
};

static bool
add_service(struct pol_ctx *c, struct svc_out *o, const struct service *atom, uint8_t state)
{
	CHECK(o->count <= o->cap);
	if (!pol_vec_room(c->a, &o->items, o->count, &o->cap, sizeof(*o->items)))
		return false;
	o->items[o->count].atom = *atom;
	o->items[o->count++].state = state == POL_STATE_UNSAID ? WIRE_STATE_FLOW : state;
	return true;
}

static enum rc collect(struct pol_ctx *c, uint32_t svc, uint8_t state, struct svc_out *o);

/* The services of an app; resolved once. */
static enum rc
collect_app(struct pol_ctx *c, const struct pol_svc *s, uint8_t state, struct svc_out *o)
{
	struct pol_name *n = &c->names.items[s->name];
	struct svc_out own = { .count = 0 };
	struct diag d;
	enum rc rc;

	if (!n->defined || n->busy) {
		if (n->busy) {
			diag_set(&d, "cycle", "app \"%s\" is defined by itself", n->text);
			pol_report(c, &d, &s->site);
		}
		o->wrong = true;
		return RC_OK;
	}
	if (!n->done) {
		n->busy = true;
		rc = collect(c, n->svc, n->state, &own);
		n->busy = false;
		if (rc != RC_OK)
			return rc;
		n->services = own.items;
		n->service_count = own.count;
		n->wrong = own.wrong;
		n->done = true;
	}
	o->wrong = o->wrong || n->wrong;
	for (uint32_t i = 0; i < n->service_count; i++)
		if (!add_service(c, o, &n->services[i].atom,
		    state == POL_STATE_UNSAID ? n->services[i].state : state))
			return RC_NOMEM;
	return RC_OK;
}

/* Depth: lists nest POL_NESTING_MAX deep, apps as deep as there are names; see too_deep(). */
static enum rc
collect(struct pol_ctx *c, uint32_t svc, uint8_t state, struct svc_out *o)
{
	static const struct service every = { .proto_any = true, .sport_hi = 65535,
		.dport_hi = 65535 };
	const struct pol_svc *s = &c->svcs.items[svc];
	struct diag d;
	enum rc rc = RC_OK;

	CHECK(svc < c->svcs.count);
	if (o->count > SERVICES_MAX || c->depth > 4 * POL_NESTING_MAX) {
		diag_set(&d, "limit", "more than %d services in one place, or apps nested deeper "
		    "than "
		    "%d", SERVICES_MAX, POL_NESTING_MAX);
		pol_report(c, &d, &s->site);
		o->wrong = true;
		return RC_OK;
	}
	c->depth++;
	switch (s->op) {
	case POL_SVC_ATOMS:
		for (uint32_t i = 0; i < s->count && rc == RC_OK; i++)
			rc = add_service(c, o, &s->atoms[i], state) ? RC_OK : RC_NOMEM;
		break;
	case POL_SVC_ANY:
		rc = add_service(c, o, &every, state) ? RC_OK : RC_NOMEM;
		break;
	case POL_SVC_CONTROL:
		if (c->control != POL_NO_NAME)
			rc = collect(c, c->control, state, o);
		break;
	case POL_SVC_REF:
		rc = collect_app(c, s, state, o);
		break;
	case POL_SVC_LIST:
		for (uint32_t i = 0; i < s->count && rc == RC_OK && !o->wrong; i++)
			rc = collect(c, s->kids[i], state, o);
		break;
	default:
		CHECK(s->op == POL_SVC_WRONG);
		o->wrong = true;
		break;
	}
	c->depth--;
	return rc;
}

static int
service_order(const void *a, const void *b)
{
	const struct pol_service *x = a, *y = b;
	int r = service_cmp(&x->atom, &y->atom);

	return r != 0 ? r : (int)x->state - (int)y->state;
}

/* Sorted, none twice: of equal services the strongest state stays. */
static void
sort_services(struct svc_out *o)
{
	uint32_t n = 0;

	if (o->count > 1)
		qsort(o->items, o->count, sizeof(*o->items), service_order);
	for (uint32_t i = 0; i < o->count; i++) {
		if (n > 0 && service_cmp(&o->items[n - 1].atom, &o->items[i].atom) == 0)
			o->items[n - 1].state = MAX(o->items[n - 1].state, o->items[i].state);
		else
			o->items[n++] = o->items[i];
	}
	o->count = n;
}

/* "flags" judges TCP segments by their flags; nothing else has them. */
static void
check_app(struct pol_ctx *c, const struct pol_name *n)
{
	struct diag d;

	CHECK(n->kind == POL_KIND_APP && n->done);
	for (uint32_t i = 0; i < n->service_count; i++) {
		const struct service *s = &n->services[i].atom;
		char text[SERVICE_TEXT_BYTES];

		if (n->services[i].state != WIRE_STATE_FLAGS ||
		    (!s->proto_any && s->proto == PROTO_TCP))
			continue;
		service_print(s, text);
		diag_set(&d, "flags-not-tcp", "app \"%s\": state = \"flags\" is for TCP only, and "
		    "%s is "
		    "not", n->text, text);
		diag_hint(&d, "put it in an app of its own, of state \"flow\" or \"none\"");
		pol_report_key(c, &d, &n->site, "state", false);
		return;
	}
}

static enum rc
resolve_apps(struct pol_ctx *c)
{
	for (uint32_t i = 0; i < c->names.count; i++) {
		struct pol_name *n = &c->names.items[i];
		const struct pol_svc ref = { .op = POL_SVC_REF, .name = i, .site = n->site };
		struct svc_out o = { .count = 0 };
		enum rc rc;

		if (n->kind != POL_KIND_APP || !n->defined)
			continue;
		rc = collect_app(c, &ref, POL_STATE_UNSAID, &o);
		if (rc != RC_OK)
			return rc;
		check_app(c, n);
	}
	if (c->control != POL_NO_NAME) {
		struct svc_out o = { .count = 0 };

		return collect(c, c->control, POL_STATE_UNSAID, &o);
	}
	return RC_OK;
}

/* --- segments and rules ---------------------------------------------------------------------- */

static struct pol_pos
pos_of(const struct pol_ctx *c, const struct pol_site *s)
{
	CHECK(s->file < c->file_count);
	return (struct pol_pos){ .file = c->files[s->file].out, .line = s->line, .col = s->col,
		.seq = s->seq };
}

static int
pos_cmp(const struct pol_pos *a, const struct pol_pos *b)
{
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->seq == b->seq ? 0 : a->seq < b->seq ? -1 : 1;
}

static int
segment_order(const void *a, const void *b)
{
	return pos_cmp(&((const struct pol_segment *)a)->pos,
	    &((const struct pol_segment *)b)->pos);
}

static int
rule_order(const void *a, const void *b)
{
	return pos_cmp(&((const struct pol_rule *)a)->pos, &((const struct pol_rule *)b)->pos);
}

static int
workload_order(const void *a, const void *b)
{
	return strcmp(((const struct pol_workload *)a)->name,
	    ((const struct pol_workload *)b)->name);
}

/* Names of the files that ran, in byte order. */
static enum rc
list_files(struct pol_ctx *c, struct pol_rules *out)
{
	uint32_t guard = c->file_count - 1, n = 0;

	out->files = arena_array(c->a, c->file_count, sizeof(*out->files));
	if (out->files == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0, placed = !c->files[guard].ran; i <= guard; i++) {
		if (!placed && (i == guard ||
		    strcmp(c->files[guard].name, c->files[i].name) < 0)) {
			placed = 1;
			c->files[guard].out = n;
			out->files[n++] = c->files[guard].name;
		}
		if (i == guard || !c->files[i].ran)
			continue;
		c->files[i].out = n;
		out->files[n++] = c->files[i].name;
	}
	out->file_count = n;
	return RC_OK;
}

/* Each segment and all together hold at most POL_LOCALS_MAX addresses. */
static enum rc
check_members(struct pol_ctx *c, const struct pol_draft_segment *s, struct addr_set *all)
{
	const char *name = c->names.items[s->name].text;
	const struct pol_set *set = &c->sets.items[s->members];
	uint64_t size = addr_set_size(&set->set), before = addr_set_size(all);
	struct diag d;
	enum rc rc;

	if (s->members_all || set->wrong)
		return RC_OK;
	if (set->op == POL_SET_ANY) {
		diag_set(&d, "members-any", "segment \"%s\": members cannot be any: each member "
		    "has a "
		    "table, and a NIC has %d", name, POL_LOCALS_MAX);
	} else if (size > POL_LOCALS_MAX) {
		diag_set(&d, "limit", "segment \"%s\" has %llu members; at most %d local IPs in "
		    "all",
		    name, (unsigned long long)size, POL_LOCALS_MAX);
	} else if (size == 0) {
		diag_set(&d, "empty-segment", "segment \"%s\" has no members: it has no effect",
		    name);
		d.level = DIAG_WARNING;
	} else {
		rc = addr_set_union(c->a, all, &set->set, all);
		if (rc != RC_OK)
			return rc;
		size = addr_set_size(all);
		if (before > POL_LOCALS_MAX || size <= POL_LOCALS_MAX)
			return RC_OK;
		diag_set(&d, "limit", "with segment \"%s\" there are %llu local IPs; at most %d in "
		    "all",
		    name, (unsigned long long)size, POL_LOCALS_MAX);
	}
	pol_report_key(c, &d, &s->site, "members", true);
	return RC_OK;
}

static enum rc
build_segments(struct pol_ctx *c, struct pol_rules *out)
{
	struct addr_set all = { .count = 0 };

	out->segments = arena_array(c->a, c->segments.count, sizeof(*out->segments));
	if (out->segments == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < c->segments.count; i++) {
		struct pol_draft_segment *s = &c->segments.items[i];
		struct pol_segment *o = &out->segments[i];
		enum rc rc = pol_set_eval(c, s->members);

		if (rc == RC_OK)
			rc = check_members(c, s, &all);
		if (rc != RC_OK)
			return rc;
		o->name = c->names.items[s->name].text;
		o->pos = pos_of(c, &s->site);
		o->stage = s->stage;
		o->mode = s->mode;
		o->members_all = s->members_all;
		if (!s->members_all)
			o->members = c->sets.items[s->members].set;
	}
	out->segment_count = c->segments.count;
	if (out->segment_count > 1)
		qsort(out->segments, out->segment_count, sizeof(*out->segments), segment_order);
	return RC_OK;
}

static uint32_t
segment_index(const struct pol_rules *out, const struct pol_pos *pos)
{
	uint32_t lo = 0, hi = out->segment_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (pos_cmp(&out->segments[mid].pos, pos) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	CHECK(lo < out->segment_count && pos_cmp(&out->segments[lo].pos, pos) == 0);
	return lo;
}

/* One rule; none (and RC_OK) where its only service is a control channel that nothing names. */
static enum rc
build_rule(struct pol_ctx *c, const struct pol_draft_rule *r, uint32_t segment,
    struct svc_out *svcs, struct pol_rules *out)
{
	struct pol_rule *o = &out->rules[out->rule_count];
	struct diag d;
	enum rc rc;

	CHECK(segment < out->segment_count);
	rc = pol_set_eval(c, r->peer);
	if (rc == RC_OK)
		rc = collect(c, r->svc, POL_STATE_UNSAID, svcs);
	if (rc != RC_OK)
		return rc;
	if (svcs->wrong || r->wrong || c->sets.items[r->peer].wrong || svcs->count == 0)
		return RC_OK;
	sort_services(svcs);
	if (svcs->count > SERVICES_MAX) {
		diag_set(&d, "limit", "a rule with %u services; at most %d", (unsigned)svcs->count,
		    SERVICES_MAX);
		pol_report(c, &d, &r->site);
		return RC_OK;
	}
	o->pos = pos_of(c, &r->site);
	o->segment = segment;
	o->dir = r->dir;
	o->deny = r->deny;
	o->mode = r->mode == POL_MODE_UNSAID ? out->segments[segment].mode : r->mode;
	o->count = r->count;
	o->log = r->log;
	o->peer = c->sets.items[r->peer].set;
	o->services = arena_memdup(c->a, svcs->items, svcs->count * sizeof(*svcs->items));
	if (o->services == NULL)
		return RC_NOMEM;
	o->service_count = svcs->count;
	o->vlans = r->vlans;
	o->vlan_count = r->vlan_count;
	o->why = r->why;
	out->rule_count++;
	return RC_OK;
}

static enum rc
build_rules(struct pol_ctx *c, struct pol_rules *out)
{
	struct svc_out svcs = { .count = 0 };	/* used again for each rule */
	struct diag d;

	out->rules = arena_array(c->a, c->rules.count, sizeof(*out->rules));
	if (out->rules == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < c->segments.count; i++) {
		const struct pol_draft_segment *s = &c->segments.items[i];
		struct pol_pos pos = pos_of(c, &s->site);
		uint32_t segment = segment_index(out, &pos);

		for (uint32_t k = 0; k < s->rule_count; k++) {
			enum rc rc;

			svcs.count = 0;
			svcs.wrong = false;
			rc = build_rule(c, &c->rules.items[s->rules[k]], segment, &svcs, out);
			if (rc != RC_OK)
				return rc;
		}
	}
	CHECK(out->rule_count <= c->rules.count);
	if (out->rule_count > 1)
		qsort(out->rules, out->rule_count, sizeof(*out->rules), rule_order);
	for (uint32_t i = 0; i < c->rules.count && c->diags->errors == 0; i++) {
		const struct pol_draft_rule *r = &c->rules.items[i];

		if (r->used)
			continue;
		diag_set(&d, "rule-outside", "this rule is in no segment");
		diag_hint(&d, "write it in the table of a segment");
		pol_report(c, &d, &r->site);
	}
	return RC_OK;
}

/* --- workloads ------------------------------------------------------------------------------- */

static enum rc
build_workloads(struct pol_ctx *c, struct pol_rules *out)
{
	out->workloads = arena_array(c->a, c->names.count, sizeof(*out->workloads));
	if (out->workloads == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < c->names.count; i++) {
		const struct pol_name *n = &c->names.items[i];
		struct pol_workload *w = &out->workloads[out->workload_count];

		if (n->kind != POL_KIND_WORKLOAD || !n->defined || c->sets.items[n->set].wrong)
			continue;
		w->name = n->text;
		w->ips = c->sets.items[n->set].set;
		w->pos = pos_of(c, &n->site);
		out->workload_count++;
	}
	if (out->workload_count > 1)
		qsort(out->workloads, out->workload_count, sizeof(*out->workloads), workload_order);
	return RC_OK;
}

enum rc
pol_resolve(struct pol_ctx *c, struct pol_rules *out)
{
	enum rc rc = list_files(c, out);

	c->depth = 0;
	if (rc == RC_OK)
		rc = resolve_names(c);
	if (rc == RC_OK)
		rc = resolve_apps(c);
	if (rc == RC_OK)
		rc = build_segments(c, out);
	if (rc == RC_OK)
		rc = build_rules(c, out);
	if (rc == RC_OK)
		rc = build_workloads(c, out);
	out->defaults = c->defaults;
	CHECK(c->depth == 0 || rc != RC_OK);
	return rc;
}
