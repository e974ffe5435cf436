/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_pass_merge - rules of one place that differ in one field become one rule.
 * Does:    a loop in a policy writes the same rule many times over at one place: once for each
 *          peer, service or VLAN. Those that are equal but for that field become one rule, which
 *          has the field of all of them: ranges that touch are one range, as everywhere in sets.
 * Why so:  a verdict cites a place, and an id stands for one. Rules of different places therefore
 *          never merge, whatever they mean: a packet of the second would cite the first. Rules that
 *          count do not either: each has its own counter. What has one place, one segment, and is
 *          told of in the same words cannot be told apart by anybody who reads a verdict.
 * Order:   of two rules of one rank the earlier in the source is cited; a rule that joins an
 *          earlier one passes those between them. It may where it has no packet in common with
 *          them; all are of one line, since the order is by file and line. What is not seen to be
 *          disjoint by one field counts as meeting.
 * Limits:  GROUPS_MAX rules of a line are looked back at; a merged rule stays within what the
 *          shadow pass looks at, POL_SHADOW_ITEM_STEPS_MAX.
 */
#include "pol_pass.h"

#include <stdlib.h>
#include <string.h>

enum { GROUPS_MAX = 16 };

enum grows { GROWS_NOT, GROWS_PEER, GROWS_SERVICES, GROWS_VLANS };

struct group {
	uint32_t first, last;		/* rules; the rest of them by next */
	enum grows grows;
	uint64_t size;			/* of what grows, all members together */
};

struct merge {
	const struct pol_rules *r;
	struct arena *a;
	uint32_t *next;			/* by rule: the next of its group; UINT32_MAX = none */
	uint32_t *leader;		/* by rule */
	struct group groups[GROUPS_MAX];
	uint32_t count;
};

static bool
services_equal(const struct pol_rule *x, const struct pol_rule *y)
{
	if (x->service_count != y->service_count)
		return false;
	for (uint32_t i = 0; x->services != y->services && i < x->service_count; i++)
		if (service_cmp(&x->services[i].atom, &y->services[i].atom) != 0 ||
		    x->services[i].state != y->services[i].state)
			return false;
	return true;
}

static bool
vlans_equal(const struct pol_rule *x, const struct pol_rule *y)
{
	return x->vlan_count == y->vlan_count && (x->vlan_count == 0 ||
	    memcmp(x->vlans, y->vlans, x->vlan_count * sizeof(*x->vlans)) == 0);
}

/* In all that may not differ. */
static bool
rules_alike(const struct pol_rule *x, const struct pol_rule *y)
{
	return !x->count && !y->count && x->pos.col == y->pos.col && x->segment == y->segment &&
	    x->dir == y->dir && x->deny == y->deny && (!x->deny || x->mode == y->mode) &&
	    x->log == y->log && (x->why == NULL) == (y->why == NULL) &&
	    (x->why == NULL || strcmp(x->why, y->why) == 0);
}

/* The one field in which they differ; GROWS_NOT: none, or more than one. */
static enum grows
differ_in(const struct pol_rule *x, const struct pol_rule *y)
{
	bool peer = !addr_set_equal(&x->peer, &y->peer), services = !services_equal(x, y);
	bool vlans = !vlans_equal(x, y);

	if (peer + services + vlans != 1)
		return GROWS_NOT;
	return peer ? GROWS_PEER : services ? GROWS_SERVICES : GROWS_VLANS;
}

static bool
peers_meet(const struct addr_set *x, const struct addr_set *y)
{
	uint32_t i = 0, j = 0;

	while (i < x->count && j < y->count) {
		if (addr_cmp(&x->ranges[i].hi, &y->ranges[j].lo) < 0)
			i++;
		else if (addr_cmp(&y->ranges[j].hi, &x->ranges[i].lo) < 0)
			j++;
		else
			return true;
	}
	return false;
}

static bool
atoms_meet(const struct service *a, const struct service *b)
{
	return (a->proto_any || b->proto_any || a->proto == b->proto) &&
	    (a->family == 0 || b->family == 0 || a->family == b->family) &&
	    a->dport_lo <= b->dport_hi && b->dport_lo <= a->dport_hi &&
	    a->sport_lo <= b->sport_hi && b->sport_lo <= a->sport_hi;
}

static bool
services_meet(const struct pol_rule *x, const struct pol_rule *y)
{
	if ((uint64_t)x->service_count * y->service_count > POL_SHADOW_ITEM_STEPS_MAX)
		return true;
	for (uint32_t i = 0; i < x->service_count; i++)
		for (uint32_t k = 0; k < y->service_count; k++)
			if (atoms_meet(&x->services[i].atom, &y->services[k].atom))
				return true;
	return false;
}

/* Whether a packet may be of rule i and of some member of g: by the fields in which all members
 * are equal. */
static bool
may_meet(const struct merge *m, const struct group *g, uint32_t i)
{
	const struct pol_rule *x = &m->r->rules[g->first], *y = &m->r->rules[i];

	if (x->dir != y->dir || x->deny != y->deny)
		return false;		/* another direction, another rank */
	return (g->grows == GROWS_PEER || peers_meet(&x->peer, &y->peer)) &&
	    (g->grows == GROWS_SERVICES || services_meet(x, y));
}

static uint64_t
size_of(const struct pol_rule *r, enum grows grows)
{
	return grows == GROWS_PEER ? r->peer.count : grows == GROWS_SERVICES ? r->service_count : 1;
}

/* Whether the group stays small enough with as much more. */
static bool
has_room(const struct pol_rule *first, enum grows grows, uint64_t size)
{
	uint64_t other = grows == GROWS_PEER ? first->service_count :
	    grows == GROWS_SERVICES ? first->peer.count : 1;

	return size * other <= POL_SHADOW_ITEM_STEPS_MAX;
}

static bool
join(struct merge *m, uint32_t at, uint32_t i)
{
	struct group *g = &m->groups[at];
	const struct pol_rule *first = &m->r->rules[g->first], *rule = &m->r->rules[i];
	enum grows grows;
	uint64_t size;

	if (!rules_alike(first, rule))
		return false;
	grows = differ_in(first, rule);
	if (grows == GROWS_NOT || (g->grows != GROWS_NOT && g->grows != grows))
		return false;
	size = (g->grows == GROWS_NOT ? size_of(first, grows) : g->size) + size_of(rule, grows);
	if (!has_room(first, grows, size))
		return false;
	for (uint32_t k = 0; k < m->count; k++)
		if (k != at && may_meet(m, &m->groups[k], i))
			return false;
	g->grows = grows;
	g->size = size;
	m->next[g->last] = i;
	m->leader[i] = g->first;
	g->last = i;
	return true;
}

/* Gives each rule its leader, the first of its group. */
static void
groups_find(struct merge *m)
{
	for (uint32_t i = 0; i < m->r->rule_count; i++) {
		const struct pol_pos *p = &m->r->rules[i].pos;
		const struct pol_pos *before = &m->r->rules[i == 0 ? 0 : i - 1].pos;
		bool joined = false;

		m->next[i] = UINT32_MAX;
		m->leader[i] = i;
		if (p->file != before->file || p->line != before->line)
			m->count = 0;
		for (uint32_t at = m->count; at-- > 0 && !joined;)
			joined = join(m, at, i);
		if (joined)
			continue;
		if (m->count == GROUPS_MAX)
			m->count = 0;
		m->groups[m->count++] = (struct group){ .first = i, .last = i };
	}
}

static enum rc
peers_join(const struct merge *m, struct pol_rule *out, uint32_t first)
{
	struct addr_range *all;
	size_t n = 0, at = 0;

	for (uint32_t i = first; i != UINT32_MAX; i = m->next[i])
		n += m->r->rules[i].peer.count;
	all = arena_array(m->a, n, sizeof(*all));
	if (all == NULL)
		return RC_NOMEM;
	for (uint32_t i = first; i != UINT32_MAX; i = m->next[i]) {
		const struct addr_set *s = &m->r->rules[i].peer;

		if (s->count > 0)
			memcpy(all + at, s->ranges, s->count * sizeof(*all));
		at += s->count;
	}
	CHECK(at == n);
	return addr_set_from(m->a, all, n, &out->peer);
}

static int
service_order(const void *a, const void *b)
{
	const struct pol_service *x = a, *y = b;
	int c = service_cmp(&x->atom, &y->atom);

	return c != 0 ? c : (x->state > y->state) - (x->state < y->state);
}

static enum rc
services_join(const struct merge *m, struct pol_rule *out, uint32_t first)
{
	uint32_t n = 0, kept = 0;

	for (uint32_t i = first; i != UINT32_MAX; i = m->next[i])
		n += m->r->rules[i].service_count;
	out->services = arena_array(m->a, n, sizeof(*out->services));
	if (out->services == NULL)
		return RC_NOMEM;
	out->service_count = 0;
	for (uint32_t i = first; i != UINT32_MAX; i = m->next[i])
		for (uint32_t k = 0; k < m->r->rules[i].service_count; k++)
			out->services[out->service_count++] = m->r->rules[i].services[k];
	qsort(out->services, n, sizeof(*out->services), service_order);
	for (uint32_t i = 0; i < n; i++)
		if (kept == 0 || service_order(&out->services[kept - 1], &out->services[i]) != 0)
			out->services[kept++] = out->services[i];
	out->service_count = kept;
	return RC_OK;
}

static int
vlan_order(const void *a, const void *b)
{
	const struct vlan_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

/* None is any: so it is of all together. */
static enum rc
vlans_join(const struct merge *m, struct pol_rule *out, uint32_t first)
{
	uint32_t n = 0, kept = 0;
	struct vlan_range *v;

	for (uint32_t i = first; i != UINT32_MAX; i = m->next[i])
		n += m->r->rules[i].vlan_count;
	v = arena_array(m->a, n, sizeof(*v));
	if (v == NULL)
		return RC_NOMEM;
	out->vlans = v;
	out->vlan_count = 0;
	for (uint32_t i = first; i != UINT32_MAX; i = m->next[i]) {
		if (m->r->rules[i].vlan_count == 0)
			return RC_OK;
		memcpy(v + kept, m->r->rules[i].vlans, m->r->rules[i].vlan_count * sizeof(*v));
		kept += m->r->rules[i].vlan_count;
	}
	qsort(v, n, sizeof(*v), vlan_order);
	kept = 0;
	for (uint32_t i = 1; i < n; i++)
		if (v[i].lo <= v[kept].hi + 1u)
			v[kept].hi = MAX(v[kept].hi, v[i].hi);
		else
			v[++kept] = v[i];
	out->vlan_count = kept + 1;
	return RC_OK;
}

static enum rc
group_make(const struct merge *m, uint32_t first, struct pol_rule *out)
{
	uint32_t second = m->next[first];

	*out = m->r->rules[first];
	if (second == UINT32_MAX)
		return RC_OK;
	switch (differ_in(out, &m->r->rules[second])) {
	case GROWS_PEER:
		return peers_join(m, out, first);
	case GROWS_SERVICES:
		return services_join(m, out, first);
	default:
		return vlans_join(m, out, first);
	}
}

enum rc
pol_pass_merge(const struct pol_rules *r, bool on, struct arena *a, struct pol_merged *out)
{
	struct merge m = { .r = r, .a = a };
	const char *broken;
	enum rc rc = RC_OK;

	out->rules = *r;
	out->into = arena_array(a, r->rule_count, sizeof(*out->into));
	m.next = arena_array(a, r->rule_count, sizeof(*m.next));
	m.leader = arena_array(a, r->rule_count, sizeof(*m.leader));
	if (out->into == NULL || m.next == NULL || m.leader == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < r->rule_count; i++)
		out->into[i] = i;
	if (!on)
		return RC_OK;
	out->rules.rules = arena_array(a, r->rule_count, sizeof(*out->rules.rules));
	if (out->rules.rules == NULL)
		return RC_NOMEM;
	out->rules.rule_count = 0;
	groups_find(&m);
	for (uint32_t i = 0; i < r->rule_count && rc == RC_OK; i++) {
		if (m.leader[i] == i) {
			out->into[i] = out->rules.rule_count;
			rc = group_make(&m, i, &out->rules.rules[out->rules.rule_count++]);
		} else {
			out->into[i] = out->into[m.leader[i]];
		}
	}
	CHECK(rc != RC_OK || pol_rules_check(&out->rules, &broken));
	return rc;
}
