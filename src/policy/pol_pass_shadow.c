/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_pass_shadow - rules of which no packet is left when their turn comes.
 * Does:    a shape is a direction, one service atom and a set of VLANs. For each shape it keeps
 *          which addresses the rules so far have taken; a rule is covered where, for each of its
 *          atoms, every range of its peers is taken in one shape whose atom and VLANs hold the
 *          rule's. So rules may cover together by their peers, but not by their ports.
 * Shape:   addresses of one shape are cut at the borders of its own rules; a union-find over the
 *          pieces answers "first piece not taken", so all of a shape's work is near linear.
 * Limits:  POL_SHADOW_STEPS_MAX for a build; what is beyond neither covers nor is covered, and is
 *          counted. Of a rule with more than POL_SHADOW_ITEM_STEPS_MAX ranges x atoms, as a list
 *          has, only the stretch from its first address to its last is asked for: it covers
 *          nothing.
 */
#include "pol_pass.h"

#include <stdlib.h>
#include <string.h>

struct shape {
	struct service atom;
	const struct vlan_range *vlans;
	uint32_t vlan_count;
	uint8_t dir;
	bool looked_up;			/* covers is filled */
	struct addr *starts;		/* borders of the pieces, sorted, none twice */
	uint32_t *next, *owner;		/* by piece: next free one (union-find); who took it */
	uint32_t count, cap;
	uint32_t *covers;		/* shapes that hold this one, itself first */
	uint32_t cover_count;
};

struct shape_key {
	uint32_t dir, vlan_id, proto, family, sport, dport;
};

struct narrow {
	uint64_t key;
	uint32_t id;
};

struct shadow {
	struct pol_job *j;
	struct arena tmp;
	struct pol_intern keys;
	struct shape *shapes;
	uint32_t *wide, wide_count;	/* shapes of more than one destination port */
	struct narrow *narrow;		/* the others, sorted */
	uint32_t narrow_count;
	uint32_t **item_shapes;		/* by item; NULL = left out */
	uint32_t *found;		/* room for one shape's covers */
};

static bool
steps_take(struct pol_job *j, uint64_t n)
{
	if (j->steps_left < n) {
		j->steps_left = 0;
		return false;
	}
	j->steps_left -= n;
	return true;
}

static bool
vlans_cover(const struct shape *t, const struct shape *s)
{
	uint32_t k = 0;

	if (t->vlan_count == 0)
		return true;
	for (uint32_t i = 0; i < s->vlan_count; i++) {
		while (k < t->vlan_count && t->vlans[k].hi < s->vlans[i].lo)
			k++;
		if (k == t->vlan_count || t->vlans[k].lo > s->vlans[i].lo ||
		    t->vlans[k].hi < s->vlans[i].hi)
			return false;
	}
	return s->vlan_count > 0;
}

/* Does every packet of s, peers aside, belong to t? */
static bool
shape_covers(const struct shape *t, const struct shape *s)
{
	const struct service *a = &t->atom, *b = &s->atom;

	return t->dir == s->dir && (a->proto_any || (!b->proto_any && a->proto == b->proto)) &&
	    (a->family == 0 || a->family == b->family) &&
	    a->dport_lo <= b->dport_lo && a->dport_hi >= b->dport_hi &&
	    a->sport_lo <= b->sport_lo && a->sport_hi >= b->sport_hi && vlans_cover(t, s);
}

/* Shapes of one port that can hold each other have one key. */
static uint64_t
narrow_key(const struct shape *s)
{
	return (uint64_t)s->dir << 32 | (uint32_t)s->atom.proto << 16 | s->atom.dport_lo;
}

static int
narrow_cmp(const void *a, const void *b)
{
	const struct narrow *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static int
start_cmp(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

/* The address after a in addr_cmp order, over the border of the families; false at the end. */
static bool
after(struct addr *a)
{
	if (addr_next(a))
		return true;
	if (a->family != 4)
		return false;
	*a = (struct addr){ .family = 6 };
	return true;
}

/* Index of the piece that holds a; UINT32_MAX before the first border. */
static uint32_t
piece_of(const struct shape *s, const struct addr *a)
{
	uint32_t lo = 0, hi = s->count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(&s->starts[mid], a) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

static uint32_t
free_from(struct shape *s, uint32_t i)
{
	uint32_t root = i;

	while (root < s->count && s->next[root] != root)
		root = s->next[root];
	while (i < s->count && s->next[i] != i) {
		uint32_t up = s->next[i];

		s->next[i] = root;
		i = up;
	}
	return root;
}

static bool
range_taken(struct shape *s, const struct addr_range *r, uint32_t *owner)
{
	uint32_t at = piece_of(s, &r->lo), end;

	if (at == UINT32_MAX)
		return false;
	end = free_from(s, at);
	if (end < s->count && addr_cmp(&s->starts[end], &r->hi) <= 0)
		return false;
	*owner = s->owner[at];
	return true;
}

static void
range_take(struct shape *s, const struct addr_range *r, uint32_t owner)
{
	uint32_t i = piece_of(s, &r->lo);

	CHECK(i != UINT32_MAX);
	CHECK(addr_cmp(&s->starts[i], &r->lo) == 0);
	for (i = free_from(s, i); i < s->count && addr_cmp(&s->starts[i], &r->hi) <= 0;
	    i = free_from(s, i)) {
		s->owner[i] = owner;
		s->next[i] = i + 1;
	}
}

static enum rc
shape_of(struct shadow *w, const struct pol_list *l, const struct pol_item *it, uint32_t atom,
    uint32_t *out)
{
	struct service a = it->rule.services[atom];
	uint32_t before = w->keys.count;
	struct shape_key k;
	enum rc rc;

	if (l->family != POL_ANY_FAMILY)
		a.family = 0;		/* all of this list are of one */
	k = (struct shape_key){ it->rule.dir, it->vlan_id, a.proto_any ? 256u : a.proto, a.family,
		a.sport_lo | (uint32_t)a.sport_hi << 16, a.dport_lo | (uint32_t)a.dport_hi << 16 };
	rc = pol_intern_add(&w->keys, &k, sizeof(k), out);
	if (rc == RC_OK && *out == before)
		w->shapes[*out] = (struct shape){ .atom = a, .vlans = it->rule.vlans,
			.vlan_count = it->rule.vlan_count, .dir = it->rule.dir };
	return rc;
}

static bool
is_large(const struct image_rule *r)
{
	return (uint64_t)r->peer.count * r->service_count > POL_SHADOW_ITEM_STEPS_MAX;
}

/* Gives each item its shapes and counts the borders of each shape. */
static enum rc
shapes_find(struct shadow *w, const struct pol_list *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const struct image_rule *r = &l->items[i]->rule;
		uint64_t steps = (is_large(r) ? 1 : (uint64_t)r->peer.count) * r->service_count;

		if (l->covered_by[i] != UINT32_MAX)
			continue;
		if (steps > POL_SHADOW_ITEM_STEPS_MAX || !steps_take(w->j, steps)) {
			w->j->not_compared++;
			continue;
		}
		w->item_shapes[i] = arena_array(&w->tmp, r->service_count, sizeof(uint32_t));
		if (w->item_shapes[i] == NULL)
			return RC_NOMEM;
		for (uint32_t k = 0; k < r->service_count; k++) {
			enum rc rc = shape_of(w, l, l->items[i], k, &w->item_shapes[i][k]);

			if (rc != RC_OK)
				return rc;
			if (!is_large(r))
				w->shapes[w->item_shapes[i][k]].cap += 2 * r->peer.count;
		}
	}
	return RC_OK;
}

static void
borders_add(struct shape *s, const struct addr_set *peer)
{
	for (uint32_t i = 0; i < peer->count; i++) {
		struct addr end = peer->ranges[i].hi;

		s->starts[s->count++] = peer->ranges[i].lo;
		if (after(&end))
			s->starts[s->count++] = end;
	}
	CHECK(s->count <= s->cap);
}

static void
borders_sort(struct shape *s)
{
	uint32_t n = 0;

	qsort(s->starts, s->count, sizeof(*s->starts), start_cmp);
	for (uint32_t i = 0; i < s->count; i++)
		if (n == 0 || addr_cmp(&s->starts[n - 1], &s->starts[i]) != 0)
			s->starts[n++] = s->starts[i];
	s->count = n;
	for (uint32_t i = 0; i < n; i++)
		s->next[i] = i;
}

static enum rc
shapes_cut(struct shadow *w, const struct pol_list *l)
{
	for (uint32_t i = 0; i < w->keys.count; i++) {
		struct shape *s = &w->shapes[i];

		s->starts = arena_array(&w->tmp, s->cap, sizeof(*s->starts));
		s->next = arena_array(&w->tmp, s->cap, sizeof(*s->next));
		s->owner = arena_array(&w->tmp, s->cap, sizeof(*s->owner));
		if (s->starts == NULL || s->next == NULL || s->owner == NULL)
			return RC_NOMEM;
		if (s->atom.dport_lo == s->atom.dport_hi)
			w->narrow[w->narrow_count++] = (struct narrow){ narrow_key(s), i };
		else
			w->wide[w->wide_count++] = i;
	}
	for (uint32_t i = 0; i < l->count; i++)
		for (uint32_t k = 0; w->item_shapes[i] != NULL && !is_large(&l->items[i]->rule) &&
		    k < l->items[i]->rule.service_count; k++)
			borders_add(&w->shapes[w->item_shapes[i][k]], &l->items[i]->rule.peer);
	for (uint32_t i = 0; i < w->keys.count; i++)
		borders_sort(&w->shapes[i]);
	qsort(w->narrow, w->narrow_count, sizeof(*w->narrow), narrow_cmp);
	return RC_OK;
}

/* Which shapes hold s: itself, wider ones, and those of the same single port. */
static enum rc
covers_find(struct shadow *w, uint32_t id)
{
	struct shape *s = &w->shapes[id];
	uint32_t n = 0, lo = 0, hi = w->narrow_count;
	uint64_t key = narrow_key(s);

	s->looked_up = true;
	w->found[n++] = id;
	for (uint32_t i = 0; steps_take(w->j, 1) && i < w->wide_count; i++)
		if (w->wide[i] != id && shape_covers(&w->shapes[w->wide[i]], s))
			w->found[n++] = w->wide[i];
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->narrow[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; s->atom.dport_lo == s->atom.dport_hi && lo < w->narrow_count &&
	    w->narrow[lo].key == key && steps_take(w->j, 1); lo++)
		if (w->narrow[lo].id != id && shape_covers(&w->shapes[w->narrow[lo].id], s))
			w->found[n++] = w->narrow[lo].id;
	s->covers = arena_memdup(&w->tmp, w->found, n * sizeof(*s->covers));
	s->cover_count = n;
	return s->covers == NULL ? RC_NOMEM : RC_OK;
}

/* Is every range of the peers taken in some shape that holds s? */
static bool
peers_taken(struct shadow *w, const struct shape *s, const struct addr_set *peer, uint32_t *owner)
{
	for (uint32_t i = 0; i < peer->count; i++) {
		bool taken = false;

		for (uint32_t k = 0; !taken && k < s->cover_count; k++) {
			if (!steps_take(w->j, 1))
				return false;
			taken = range_taken(&w->shapes[s->covers[k]], &peer->ranges[i], owner);
		}
		if (!taken)
			return false;
	}
	return true;
}

static enum rc
item_judge(struct shadow *w, struct pol_list *l, uint32_t i)
{
	const struct image_rule *r = &l->items[i]->rule;
	struct addr_range stretch = { r->peer.ranges[0].lo, r->peer.ranges[r->peer.count - 1].hi };
	struct addr_set peer = is_large(r) ? (struct addr_set){ &stretch, 1 } : r->peer;
	uint32_t owner = UINT32_MAX;
	bool covered = true;

	for (uint32_t k = 0; k < r->service_count; k++) {
		struct shape *s = &w->shapes[w->item_shapes[i][k]];

		if (!s->looked_up && covers_find(w, w->item_shapes[i][k]) != RC_OK)
			return RC_NOMEM;
		covered = covered && peers_taken(w, s, &peer, &owner);
	}
	if (covered) {
		CHECK(owner != UINT32_MAX);
		l->covered_by[i] = owner;
		return RC_OK;
	}
	for (uint32_t k = 0; k < r->service_count && !is_large(r); k++)
		for (uint32_t n = 0; n < r->peer.count; n++)
			range_take(&w->shapes[w->item_shapes[i][k]], &r->peer.ranges[n],
			    l->items[i]->src);
	return RC_OK;
}

enum rc
pol_pass_shadow(struct pol_job *j, struct pol_list *l)
{
	struct shadow w = { .j = j };
	uint64_t atoms = 0;
	enum rc rc;

	for (uint32_t i = 0; i < l->count; i++)
		atoms += MIN(l->items[i]->rule.service_count, POL_SHADOW_ITEM_STEPS_MAX);
	if (atoms > POL_SHADOW_ATOMS_MAX) {
		j->not_compared += l->count;
		return RC_OK;
	}
	arena_init(&w.tmp, j->scratch.cap_bytes);
	rc = pol_intern_init(&w.keys, &w.tmp, (uint32_t)atoms);
	if (rc != RC_OK)
		goto out;
	rc = RC_NOMEM;
	w.shapes = arena_array(&w.tmp, atoms, sizeof(*w.shapes));
	w.wide = arena_array(&w.tmp, atoms, sizeof(*w.wide));
	w.narrow = arena_array(&w.tmp, atoms, sizeof(*w.narrow));
	w.found = arena_array(&w.tmp, atoms + 1, sizeof(*w.found));
	w.item_shapes = arena_array(&w.tmp, l->count, sizeof(*w.item_shapes));
	if (w.shapes == NULL || w.wide == NULL || w.narrow == NULL || w.found == NULL ||
	    w.item_shapes == NULL)
		goto out;
	rc = shapes_find(&w, l);
	if (rc == RC_OK)
		rc = shapes_cut(&w, l);
	for (uint32_t i = 0; rc == RC_OK && i < l->count; i++)
		if (w.item_shapes[i] != NULL)
			rc = item_judge(&w, l, i);
out:
	arena_fini(&w.tmp);
	return rc;
}
