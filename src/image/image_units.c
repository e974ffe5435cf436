/* SPDX-License-Identifier: Apache-2.0 */
/* image_units - rules to boxes. */
#include "image_units.h"

#include "image_groups.h"

#include <stdlib.h>
#include <string.h>

struct work {
	struct image_units *out;
	struct arena *arena;
	uint8_t family;
	const struct image_groups *groups;
	uint32_t caps[2];
};

static int
span_cmp(const void *x, const void *y)
{
	const struct image_span *a = x, *b = y;

	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return (a->hi > b->hi) - (a->hi < b->hi);
}

/* Sorts and joins spans in place; the whole axis becomes count 0. */
static struct image_values
values_from(struct image_span *spans, uint32_t count, u128 last)
{
	uint32_t n = 0;

	CHECK(count > 0);
	qsort(spans, count, sizeof(*spans), span_cmp);
	for (uint32_t i = 1; i < count; i++) {
		if (spans[n].hi == last)
			break;
		if (spans[i].lo <= spans[n].hi + 1)
			spans[n].hi = MAX(spans[n].hi, spans[i].hi);
		else
			spans[++n] = spans[i];
	}
	if (n == 0 && spans[0].lo == 0 && spans[0].hi == last)
		return (struct image_values){ NULL, 0 };
	return (struct image_values){ spans, n + 1 };
}

static u128
addr_value(const struct addr *a)
{
	return a->family == 4 ? (u128)(uint32_t)a->lo : (u128)a->hi << 64 | a->lo;
}

/* *any: the rule has addresses of the family. Those of a big group are told apart by its table. */
static enum rc
remote_from(struct work *w, const struct addr_set *set, struct image_values *out,
    uint32_t *group, bool *any)
{
	struct image_span *spans;
	uint32_t first, n;

	addr_set_family(set, w->family, &first, &n);
	*any = n > 0;
	*out = (struct image_values){ NULL, 0 };
	*group = image_groups_of(w->groups, set->ranges + first, n);
	if (n == 0 || *group != IMAGE_GROUP_NONE)
		return RC_OK;
	w->out->spans += n;
	spans = arena_array(w->arena, n, sizeof(*spans));
	if (spans == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		spans[i].lo = addr_value(&set->ranges[first + i].lo);
		spans[i].hi = addr_value(&set->ranges[first + i].hi);
	}
	*out = values_from(spans, n, w->family == 4 ? (u128)UINT32_MAX : ~(u128)0);
	return RC_OK;
}

static enum rc
vlans_from(struct work *w, const struct image_rule *r, struct image_values *out)
{
	struct image_span *spans;

	*out = (struct image_values){ NULL, 0 };
	if (r->vlan_count == 0)
		return RC_OK;
	spans = arena_array(w->arena, r->vlan_count, sizeof(*spans));
	if (spans == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < r->vlan_count; i++)
		spans[i] = (struct image_span){ r->vlans[i].lo, r->vlans[i].hi };
	*out = values_from(spans, r->vlan_count, UINT16_MAX);
	return RC_OK;
}

static bool
service_whole(const struct service *s)
{
	return s->sport_lo == 0 && s->sport_hi == UINT16_MAX && s->dport_lo == 0 &&
	    s->dport_hi == UINT16_MAX;
}

/* All but the destination port. */
static int
service_group_cmp(const struct service *a, const struct service *b)
{
	int ka[] = { a->proto_any, a->proto, service_whole(a), a->sport_lo, a->sport_hi };
	int kb[] = { b->proto_any, b->proto, service_whole(b), b->sport_lo, b->sport_hi };

	for (size_t i = 0; i < ARRAY_LEN(ka); i++)
		if (ka[i] != kb[i])
			return ka[i] < kb[i] ? -1 : 1;
	return 0;
}

static int
service_ptr_cmp(const void *x, const void *y)
{
	const struct service *a = *(const struct service *const *)x;
	const struct service *b = *(const struct service *const *)y;
	int c = service_group_cmp(a, b);

	if (c == 0)
		c = (int)a->dport_lo - b->dport_lo;
	return c != 0 ? c : (int)a->dport_hi - b->dport_hi;
}

static enum rc
unit_add(struct work *w, uint8_t dir, const struct image_unit *u)
{
	struct image_units *o = w->out;

	if (o->counts[dir] == IMAGE_UNITS_MAX)
		return RC_LIMIT;
	if (o->counts[dir] == w->caps[dir]) {
		uint32_t cap = MAX(w->caps[dir] * 2, 64);
		struct image_unit *p = arena_array(w->arena, cap, sizeof(*p));

		if (p == NULL)
			return RC_NOMEM;
		if (o->counts[dir] > 0)
			memcpy(p, o->items[dir], o->counts[dir] * sizeof(*p));
		o->items[dir] = p;
		w->caps[dir] = cap;
	}
	o->items[dir][o->counts[dir]++] = *u;
	return RC_OK;
}

/* One unit from services n, equal but for the destination port. */
static enum rc
group_add(struct work *w, uint8_t dir, struct image_unit u, const struct service *const *services,
    uint32_t n)
{
	const struct service *s = services[0];
	struct image_span *dport = arena_array(w->arena, n, sizeof(*dport));
	struct image_span *sport = arena_array(w->arena, 1, sizeof(*sport));

	if (dport == NULL || sport == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < n; i++)
		dport[i] = (struct image_span){ services[i]->dport_lo, services[i]->dport_hi };
	*sport = (struct image_span){ s->sport_lo, s->sport_hi };
	u.proto_any = s->proto_any;
	u.proto = s->proto;
	u.names_ports = !service_whole(s);
	u.axis[AXIS_DPORT] = values_from(dport, n, UINT16_MAX);
	u.axis[AXIS_SPORT] = values_from(sport, 1, UINT16_MAX);
	return unit_add(w, dir, &u);
}

static enum rc
rule_add(struct work *w, const struct image_rule *r)
{
	struct image_unit u = { .rule = w->out->rule_count };
	const struct service **list = arena_array(w->arena, r->service_count, sizeof(*list));
	uint32_t n = 0, before = w->out->counts[r->dir];
	bool any;
	enum rc rc;

	if (list == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < r->service_count; i++)
		if (r->services[i].family == 0 || r->services[i].family == w->family)
			list[n++] = &r->services[i];
	rc = remote_from(w, &r->peer, &u.axis[AXIS_REMOTE], &u.group, &any);
	if (rc == RC_OK && any)
		rc = vlans_from(w, r, &u.axis[AXIS_VLAN]);
	if (rc != RC_OK || !any || n == 0)
		return rc;
	w->out->spans += n;
	qsort(list, n, sizeof(*list), service_ptr_cmp);
	for (uint32_t i = 0, k; i < n && rc == RC_OK; i = k) {
		for (k = i + 1; k < n && (w->groups->apart & IMAGE_JOIN_PORTS) == 0 &&
		    service_group_cmp(list[i], list[k]) == 0; k++)
			;
		rc = group_add(w, r->dir, u, list + i, k - i);
	}
	if (rc == RC_OK && w->out->counts[r->dir] > before) {
		w->out->rules[w->out->rule_count++] = r;
		w->out->rule_counts[r->dir]++;
	}
	return rc;
}

enum rc
image_units_from(struct image_units *out, struct arena *a, const struct image_list *list,
    uint8_t family, const struct image_groups *groups)
{
	struct work w = { .out = out, .arena = a, .family = family, .groups = groups };
	enum rc rc = RC_OK;

	memset(out, 0, sizeof(*out));
	out->rules = arena_array(a, list->count, sizeof(struct image_rule *));
	if (out->rules == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < list->count && rc == RC_OK; i++) {
		CHECK(list->rules[i]->dir == WIRE_OUT || list->rules[i]->dir == WIRE_IN);
		rc = rule_add(&w, list->rules[i]);
	}
	return rc;
}
