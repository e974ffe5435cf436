/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_set_eval - set expressions to sorted ranges, after all files ran.
 * Does:    walks with a stack of its own (a chain of a thousand unions is usual), each expression
 *          once; a union gathers the ranges of all its leaves and sorts them together.
 * Shape:   `any - list "bad"` written in fifty segments is fifty expressions of one result: what
 *          is large is remembered by its operator and the ranges it was made of, and shared.
 */
#include <stdlib.h>
#include <string.h>

#include "pol_ctx.h"
#include "str.h"

enum { MEMO_RANGES_MIN = 256 };			/* less is as quickly made again */

/* One, used again for each expression. */
struct pol_walk {
	POL_VEC(uint32_t) stack, todo;
	POL_VEC(struct addr_set) parts;		/* what one result is made of */
};

/* A result, by what it was made of: sets are known by where their ranges lie. */
struct pol_memo {
	struct pol_memo *next;
	struct addr_set *parts, result;
	uint32_t count;
	uint8_t op;
};

static bool
push(struct pol_ctx *c, struct pol_walk *w, uint32_t set)
{
	CHECK(set < c->sets.count);
	if (!POL_VEC_ROOM(c, w->stack))
		return false;
	w->stack.items[w->stack.count++] = set;
	return true;
}

/* The expression a name stands for; its error, if any, is told here or was told before. */
static uint32_t
name_set(struct pol_ctx *c, const struct pol_set *s)
{
	const struct pol_name *n = &c->names.items[s->a];

	CHECK(s->op == POL_SET_REF);
	return n->defined ? n->set : 0;
}

static bool
has_label(const struct pol_name *w, const struct pol_label *want)
{
	uint32_t lo = 0, hi = w->label_count;

	CHECK(want->key != NULL);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int r = strcmp(w->labels[mid].key, want->key);

		if (r == 0)
			return strcmp(w->labels[mid].value, want->value) == 0;
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static bool
part_add(struct pol_ctx *c, struct pol_walk *w, const struct addr_set *s)
{
	if (!POL_VEC_ROOM(c, w->parts))
		return false;
	w->parts.items[w->parts.count++] = *s;
	return true;
}

/* The chain that holds what is made of these parts, or would. */
static struct pol_memo **
memo_chain(struct pol_ctx *c, uint8_t op, const struct pol_walk *w)
{
	uint64_t h = op;

	for (uint32_t i = 0; i < w->parts.count; i++) {
		h ^= (uint64_t)(uintptr_t)w->parts.items[i].ranges + w->parts.items[i].count;
		h *= UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return &c->memos[h % POL_MEMO_CHAINS];
}

static bool
memo_is(const struct pol_memo *m, uint8_t op, const struct pol_walk *w)
{
	if (m->op != op || m->count != w->parts.count)
		return false;
	for (uint32_t i = 0; i < m->count; i++)
		if (m->parts[i].ranges != w->parts.items[i].ranges ||
		    m->parts[i].count != w->parts.items[i].count)
			return false;
	return true;
}

/* All ranges of all parts, sorted and joined. */
static enum rc
parts_join(struct pol_ctx *c, const struct pol_walk *w, struct addr_set *out)
{
	struct addr_range *all;
	size_t n = 0, at = 0;
	enum rc rc;

	for (uint32_t i = 0; i < w->parts.count; i++)
		n += w->parts.items[i].count;
	all = malloc((n + 1) * sizeof(*all));
	if (all == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < w->parts.count; i++) {
		const struct addr_set *s = &w->parts.items[i];

		if (s->count > 0)
			memcpy(all + at, s->ranges, s->count * sizeof(*all));
		at += s->count;
	}
	CHECK(at == n);
	rc = addr_set_from(c->a, all, n, out);
	free(all);
	return rc;
}

/* What op makes of the parts, made now or before. */
static enum rc
parts_apply(struct pol_ctx *c, uint8_t op, const struct pol_walk *w, struct addr_set *out)
{
	const struct addr_set *p = w->parts.items;
	struct pol_memo **chain = memo_chain(c, op, w), *m;
	uint32_t ranges = 0;
	enum rc rc;

	for (m = *chain; m != NULL; m = m->next)
		if (memo_is(m, op, w)) {
			*out = m->result;
			return RC_OK;
		}
	CHECK(op == POL_SET_UNION || w->parts.count == 2);
	if (op == POL_SET_UNION)
		rc = parts_join(c, w, out);
	else if (op == POL_SET_MINUS)
		rc = addr_set_minus(c->a, &p[0], &p[1], out);
	else
		rc = addr_set_intersect(c->a, &p[0], &p[1], out);
	for (uint32_t i = 0; i < w->parts.count && ranges < MEMO_RANGES_MIN; i++)
		ranges += p[i].count;
	if (rc != RC_OK || ranges < MEMO_RANGES_MIN)
		return rc;
	m = arena_alloc(c->a, sizeof(*m));
	if (m == NULL)
		return RC_NOMEM;
	*m = (struct pol_memo){ .next = *chain, .result = *out, .count = w->parts.count, .op = op,
		.parts = arena_memdup(c->a, p, w->parts.count * sizeof(*p)) };
	*chain = m;
	return m->parts == NULL ? RC_NOMEM : RC_OK;
}

static bool
workload_has(const struct pol_name *n, const struct pol_set *s)
{
	if (n->kind != POL_KIND_WORKLOAD || !n->defined)
		return false;
	for (uint32_t i = 0; i < s->label_count; i++)
		if (!has_label(n, &s->labels[i]))
			return false;
	return true;
}

static void
warn_no_workload(struct pol_ctx *c, const struct pol_set *s)
{
	struct diag d;

	diag_set(&d, "empty-label", "no workload has label %s = \"%s\"%s", s->labels[0].key,
	    s->labels[0].value, s->label_count > 1 ? " and the others" : "");
	d.level = DIAG_WARNING;
	pol_report(c, &d, &s->site);
}

static enum rc
eval_label(struct pol_ctx *c, struct pol_walk *w, struct pol_set *s)
{
	bool any = false;

	CHECK(s->op == POL_SET_LABEL && s->label_count > 0);
	w->parts.count = 0;
	for (uint32_t i = 0; i < c->names.count; i++) {
		const struct pol_name *n = &c->names.items[i];

		if (!workload_has(n, s))
			continue;
		any = true;
		CHECK(c->sets.items[n->set].done);
		s->wrong = s->wrong || c->sets.items[n->set].wrong;
		if (!part_add(c, w, &c->sets.items[n->set].set))
			return RC_NOMEM;
	}
	if (!any)
		warn_no_workload(c, s);
	return parts_apply(c, POL_SET_UNION, w, &s->set);
}

/* Pushes what set needs and is not done. False where memory is out; *more says whether any. */
static bool
push_needs(struct pol_ctx *c, struct pol_walk *w, const struct pol_set *s, bool *more)
{
	uint32_t need[2];
	unsigned n = 0;

	*more = false;
	if (s->op == POL_SET_REF)
		need[n++] = name_set(c, s);
	if (s->op >= POL_SET_UNION) {
		need[n++] = s->a;
		need[n++] = s->b;
	}
	for (unsigned i = 0; i < n; i++) {
		if (c->sets.items[need[i]].done)
			continue;
		if (!push(c, w, need[i]))
			return false;
		*more = true;
	}
	if (s->op == POL_SET_LABEL) {
		for (uint32_t i = 0; i < c->names.count; i++) {
			const struct pol_name *name = &c->names.items[i];

			if (!workload_has(name, s) || c->sets.items[name->set].done)
				continue;
			if (!push(c, w, name->set))
				return false;
			*more = true;
		}
	}
	return true;
}

/* The expression at top is needed by one above it: told at the nearest name or label between. */
static void
report_cycle(struct pol_ctx *c, const struct pol_walk *w, uint32_t top)
{
	struct diag d;

	for (uint32_t i = top + 1; i > 0; i--) {
		const struct pol_set *s = &c->sets.items[w->stack.items[i - 1]];

		if (!s->busy || (s->op != POL_SET_REF && s->op != POL_SET_LABEL))
			continue;
		if (s->op == POL_SET_REF)
			diag_set(&d, "cycle", "%s \"%s\" is defined by itself",
			    pol_kind_names[c->names.items[s->a].kind], c->names.items[s->a].text);
		else
			diag_set(&d, "cycle", "a label chooses a workload whose addresses it is");
		pol_report(c, &d, &s->site);
		return;
	}
	CHECK(!"a cycle without a name");
}

static enum rc
finish(struct pol_ctx *c, struct pol_walk *w, struct pol_set *s)
{
	const struct pol_set *a = &c->sets.items[s->a], *b = &c->sets.items[s->b];
	enum rc rc = RC_OK;

	switch (s->op) {
	case POL_SET_ANY:
		rc = addr_set_any(c->a, s->family, &s->set);
		break;
	case POL_SET_LABEL:
		rc = eval_label(c, w, s);
		break;
	case POL_SET_REF:
		s->set = c->sets.items[name_set(c, s)].set;
		s->wrong = c->sets.items[name_set(c, s)].wrong;
		break;
	case POL_SET_MINUS:
	case POL_SET_AND:
		w->parts.count = 0;
		if (!part_add(c, w, &a->set) || !part_add(c, w, &b->set))
			return RC_NOMEM;
		rc = parts_apply(c, s->op, w, &s->set);
		break;
	default:
		CHECK(s->op == POL_SET_RANGES || s->op == POL_SET_WRONG);
		break;
	}
	CHECK(s->op != POL_SET_UNION);
	if (s->op == POL_SET_MINUS || s->op == POL_SET_AND)
		s->wrong = a->wrong || b->wrong;
	return rc;
}

/* The leaves of a tree of unions: they are evaluated first, inner unions never by themselves. */
static enum rc
union_leaves(struct pol_ctx *c, struct pol_walk *w, uint32_t root, bool *more)
{
	uint32_t base = w->stack.count, stamp = ++c->stamp;
	struct pol_set *s = &c->sets.items[root];

	*more = false;
	w->parts.count = w->todo.count = 0;
	s->wrong = false;
	for (uint32_t next = root;;) {
		struct pol_set *n = &c->sets.items[next];
		bool seen = n->stamp == stamp;

		n->stamp = stamp;
		if (n->op == POL_SET_UNION && !n->done && !seen) {
			if (!POL_VEC_ROOM(c, w->todo))
				return RC_NOMEM;
			w->todo.items[w->todo.count++] = n->b;
			next = n->a;
			continue;
		}
		if (!seen) {
			if (!n->done && !push(c, w, next))
				return RC_NOMEM;
			s->wrong = s->wrong || n->wrong;
			if (n->done && !part_add(c, w, &n->set))
				return RC_NOMEM;
		}
		if (w->todo.count == 0)
			break;
		next = w->todo.items[--w->todo.count];
	}
	*more = w->stack.count > base;
	return RC_OK;
}

/* Elements of a list that overlap: together they have more addresses than their union. */
static void
warn_repeats(struct pol_ctx *c, const struct pol_walk *w, const struct pol_set *s)
{
	uint64_t sum = 0;
	struct diag d;

	for (uint32_t i = 0; i < w->parts.count; i++) {
		uint64_t size = addr_set_size(&w->parts.items[i]);

		sum = sum > UINT64_MAX - size ? UINT64_MAX : sum + size;
	}
	if (sum == UINT64_MAX || sum <= addr_set_size(&s->set))
		return;
	diag_set(&d, "repeated-address", "elements of this list have addresses in common");
	d.level = DIAG_WARNING;
	pol_report(c, &d, &s->site);
}

static enum rc
eval_union(struct pol_ctx *c, struct pol_walk *w, uint32_t set, bool *more)
{
	struct pol_set *s = &c->sets.items[set];
	enum rc rc = union_leaves(c, w, set, more);

	CHECK(s->op == POL_SET_UNION);
	if (rc != RC_OK || *more)
		return rc;
	rc = parts_apply(c, POL_SET_UNION, w, &s->set);
	if (rc == RC_OK && s->listed && !s->wrong)
		warn_repeats(c, w, s);
	return rc;
}

static void
too_large(struct pol_ctx *c, struct pol_set *s)
{
	struct diag d;

	diag_set(&d, "limit", "a set of more than %d ranges of addresses", ADDR_SET_RANGES_MAX);
	s->wrong = true;
	pol_report(c, &d, &s->site);
}

static enum rc
walk_run(struct pol_ctx *c, struct pol_walk *w)
{
	while (w->stack.count > 0) {
		uint32_t top = w->stack.count - 1, at = w->stack.items[top];
		struct pol_set *s = &c->sets.items[at];
		bool more = false;
		enum rc rc = RC_OK;

		if (s->done) {
			w->stack.count--;
			continue;
		}
		if (s->op == POL_SET_UNION)
			rc = eval_union(c, w, at, &more);
		else if (!push_needs(c, w, s, &more))
			rc = RC_NOMEM;
		if (rc == RC_LIMIT)
			too_large(c, s);
		else if (rc != RC_OK)
			return rc;
		if (more && !s->busy) {
			s->busy = true;
			continue;
		}
		if (more) {
			/* its needs came up again undone: they wait for it */
			s->wrong = true;
			report_cycle(c, w, top);
		} else if (s->op != POL_SET_UNION) {
			rc = finish(c, w, s);
			if (rc == RC_LIMIT)
				too_large(c, s);
			else if (rc != RC_OK)
				return rc;
		}
		s->done = true;
	}
	return RC_OK;
}

enum rc
pol_set_eval(struct pol_ctx *c, uint32_t set)
{
	CHECK(set < c->sets.count);
	if (c->sets.items[set].done)
		return RC_OK;
	if (c->walk == NULL)
		c->walk = arena_alloc(c->a, sizeof(*c->walk));
	if (c->walk == NULL)
		return RC_NOMEM;
	c->walk->stack.count = 0;
	return push(c, c->walk, set) ? walk_run(c, c->walk) : RC_NOMEM;
}
