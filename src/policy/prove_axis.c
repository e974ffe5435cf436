/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_axis - joint classes: what image and rules together tell apart, of the remote address on
 * one hand, of protocol, fragment, VLAN and ports on the other.
 * An axis is swept from its least value to its greatest. At each cut point the bits of the rules
 * whose intervals begin or end there are turned over, and the pair (image's class, rules' bits) is
 * added to the set of those seen.
 */
#include "prove_impl.h"

#include <stdlib.h>
#include <string.h>

/* One end of an interval of a rule: at this value its bit is turned over. */
struct edge {
	uint64_t hi, lo;		/* lo only on the 16-bit axes */
	uint32_t bit;
};

struct sweep {
	struct edge *edges;
	uint32_t count, cap, next;
	uint64_t *cuts;			/* of the upper (or only) 64 bits */
	uint32_t cut_count, cut_cap;
	uint64_t *bits;			/* as they are at the value reached */
};

static void
sweep_fini(struct sweep *w)
{
	free(w->edges);
	free(w->cuts);
	free(w->bits);
}

static enum rc
sweep_init(struct sweep *w, uint32_t words)
{
	memset(w, 0, sizeof(*w));
	w->bits = calloc(MAX(words, 1u), sizeof(*w->bits));
	return w->bits == NULL ? RC_NOMEM : RC_OK;
}

static enum rc
edge_add(struct sweep *w, uint64_t hi, uint64_t lo, uint32_t bit)
{
	if (w->count == w->cap) {
		uint32_t cap = w->cap == 0 ? 256 : w->cap * 2;
		struct edge *more = realloc(w->edges, cap * sizeof(*more));

		if (more == NULL)
			return RC_NOMEM;
		w->edges = more;
		w->cap = cap;
	}
	w->edges[w->count++] = (struct edge){ .hi = hi, .lo = lo, .bit = bit };
	return RC_OK;
}

static enum rc
cut_add(struct sweep *w, uint64_t at)
{
	if (w->cut_count == w->cut_cap) {
		uint32_t cap = w->cut_cap == 0 ? 256 : w->cut_cap * 2;
		uint64_t *more = realloc(w->cuts, cap * sizeof(*more));

		if (more == NULL)
			return RC_NOMEM;
		w->cuts = more;
		w->cut_cap = cap;
	}
	w->cuts[w->cut_count++] = at;
	return RC_OK;
}

static bool
edge_before(const struct edge *a, const struct edge *b)
{
	return a->hi != b->hi ? a->hi < b->hi : a->lo < b->lo;
}

static size_t
edges_run(const struct edge *e, size_t from, size_t count)
{
	size_t i = from + 1;

	while (i < count && !edge_before(&e[i], &e[i - 1]))
		i++;
	return MIN(i, count);
}

/* Edges come in runs, one a set of peers: runs are merged until there is one. */
static void
edges_sort(struct edge *e, struct edge *room, size_t count)
{
	while (count > 0 && edges_run(e, 0, count) < count) {
		for (size_t at = 0; at < count;) {
			size_t mid = edges_run(e, at, count);
			size_t end = mid < count ? edges_run(e, mid, count) : count;
			size_t i = at, k = mid;

			for (size_t n = at; n < end; n++)
				room[n] = i < mid && (k == end || !edge_before(&e[k], &e[i])) ?
				    e[i++] : e[k++];
			at = end;
		}
		memcpy(e, room, count * sizeof(*e));
	}
}

/* Sorted, none twice. */
static enum rc
cuts_sort(struct sweep *w)
{
	uint64_t *room = calloc((size_t)w->cut_count + 1, sizeof(*room));
	uint32_t k = 0;

	if (room == NULL)
		return RC_NOMEM;
	prove_u64_sort(w->cuts, room, w->cut_count);
	for (uint32_t i = 0; i < w->cut_count; i++)
		if (k == 0 || w->cuts[k - 1] != w->cuts[i])
			w->cuts[k++] = w->cuts[i];
	w->cut_count = k;
	free(room);
	return RC_OK;
}

static enum rc
sweep_sort(struct sweep *w)
{
	struct edge *room = calloc((size_t)w->count + 1, sizeof(*room));

	if (room == NULL)
		return RC_NOMEM;
	edges_sort(w->edges, room, w->count);
	free(room);
	return cuts_sort(w);
}

/* Turns over all edges up to a value. */
static void
sweep_to(struct sweep *w, uint64_t hi, uint64_t lo)
{
	while (w->next < w->count && (w->edges[w->next].hi < hi ||
	    (w->edges[w->next].hi == hi && w->edges[w->next].lo <= lo))) {
		uint32_t bit = w->edges[w->next++].bit;

		w->bits[bit / 64] ^= UINT64_C(1) << bit % 64;
	}
}

static enum rc
maps_cut(struct sweep *w, const struct prove_map *maps, uint32_t count)
{
	enum rc rc = cut_add(w, 0);

	for (uint32_t i = 0; i < count && rc == RC_OK; i++)
		for (uint32_t k = 0; k < maps[i].count && rc == RC_OK; k++)
			rc = cut_add(w, maps[i].steps[k].lo);
	return rc;
}

static prove_tuple
maps_tuple(const struct prove_map *maps, uint32_t count, uint64_t x)
{
	prove_tuple t = 0;

	for (uint32_t i = 0; i < count; i++)
		t |= (prove_tuple)(prove_map_at(&maps[i], x) & 0xffff) << 16 * i;
	return t;
}

/* --- 16-bit axes --- */

/* An interval lo..hi of a bit, with cuts at both ends. */
static enum rc
span_add(struct sweep *w, uint32_t lo, uint32_t hi, uint32_t bit)
{
	enum rc rc = edge_add(w, 0, lo, bit);

	if (rc == RC_OK)
		rc = edge_add(w, 0, (uint64_t)hi + 1, bit);
	if (rc == RC_OK)
		rc = cut_add(w, lo);
	if (rc == RC_OK)
		rc = cut_add(w, (uint64_t)hi + 1);
	return rc;
}

enum axis { AXIS_SPORT, AXIS_DPORT, AXIS_VLAN };

static enum rc
vlan_spans(struct sweep *w, const struct prove_side *s)
{
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < s->atom_count && rc == RC_OK; i++) {
		const struct pol_rule *rule = s->entries[s->atoms[i].entry].rule;

		if (rule->vlan_count == 0)
			rc = span_add(w, 0, WIRE_VLAN_NONE, i);
		for (uint32_t k = 0; k < rule->vlan_count && rc == RC_OK; k++)
			rc = span_add(w, rule->vlans[k].lo, rule->vlans[k].hi, i);
	}
	return rc;
}

static enum rc
port_spans(struct sweep *w, const struct prove_side *s, enum axis axis)
{
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < s->atom_count && rc == RC_OK; i++) {
		const struct service *v = &s->atoms[i].service;

		rc = axis == AXIS_SPORT ? span_add(w, v->sport_lo, v->sport_hi, i) :
		    span_add(w, v->dport_lo, v->dport_hi, i);
	}
	return rc;
}

/* All classes of one 16-bit axis; only values up to max are asked. */
static enum rc
axis_u16(const struct prove_half *h, const struct prove_side *s, enum axis axis, uint32_t max,
    struct prove_classes *out)
{
	const struct prove_map *maps = axis == AXIS_SPORT ? h->sport : axis == AXIS_DPORT ?
	    h->dport : h->vlan;
	struct sweep w;
	enum rc rc = sweep_init(&w, s->atom_words);

	if (rc == RC_OK)
		rc = maps_cut(&w, maps, h->count);
	if (rc == RC_OK)
		rc = axis == AXIS_VLAN ? vlan_spans(&w, s) : port_spans(&w, s, axis);
	if (rc == RC_OK)
		rc = sweep_sort(&w);
	for (uint32_t i = 0; i < w.cut_count && rc == RC_OK && w.cuts[i] <= max; i++) {
		uint16_t x = (uint16_t)w.cuts[i];
		struct pkt_key key = { .sport = x, .dport = x, .vlan = x };

		sweep_to(&w, 0, x);
		rc = prove_classes_add(out, maps_tuple(maps, h->count, x), 0, w.bits, &key);
	}
	sweep_fini(&w);
	return rc;
}

/* --- the remote address --- */

/* Edges of each set of peers, and cuts so that no run of upper halves holds part of one: an upper
 * half in which a range begins or ends is a run of its own. */
static enum rc
peer_spans(struct sweep *w, const struct prove_side *s)
{
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < s->set_count && rc == RC_OK; i++) {
		const struct addr_set *peer = s->sets[i].peer;

		for (uint32_t k = 0; k < peer->count && rc == RC_OK; k++) {
			struct addr_range g = peer->ranges[k];
			struct addr after = g.hi;

			if (g.lo.family != s->family)
				continue;
			if (s->family == 4) {
				rc = span_add(w, (uint32_t)g.lo.lo, (uint32_t)g.hi.lo, i);
				continue;
			}
			rc = edge_add(w, g.lo.hi, g.lo.lo, i);
			if (rc == RC_OK)
				rc = cut_add(w, g.lo.hi);
			if (rc == RC_OK && g.lo.hi != UINT64_MAX)
				rc = cut_add(w, g.lo.hi + 1);
			if (rc != RC_OK || !addr_next(&after))
				continue;
			rc = edge_add(w, after.hi, after.lo, i);
			if (rc == RC_OK)
				rc = cut_add(w, after.hi);
			if (rc == RC_OK && after.hi != UINT64_MAX)
				rc = cut_add(w, after.hi + 1);
		}
	}
	return rc;
}

static enum rc
remote_v4(const struct prove_half *h, struct sweep *w, struct prove_classes *out)
{
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < w->cut_count && rc == RC_OK && w->cuts[i] <= UINT32_MAX; i++) {
		struct pkt_key key = { .remote = { .family = 4, .lo = w->cuts[i] } };

		sweep_to(w, 0, w->cuts[i]);
		rc = prove_classes_add(out, maps_tuple(h->remote, h->count, w->cuts[i]), 0, w->bits,
		    &key);
	}
	return rc;
}

/* The lower halves of one run of upper halves that begins at hi. */
static enum rc
remote_low(const struct prove_half *h, struct sweep *w, uint64_t hi, struct prove_classes *out)
{
	const struct prove_map *low[WIRE_SUBS_MAX];
	struct sweep cuts = { 0 };
	enum rc rc = cut_add(&cuts, 0);

	for (uint32_t i = 0; i < h->count && rc == RC_OK; i++) {
		uint32_t rank = prove_map_at(&h->remote[i], hi);

		low[i] = h->low[i] == NULL ? NULL : &h->low[i][rank];
		for (uint32_t k = 0; low[i] != NULL && k < low[i]->count && rc == RC_OK; k++)
			rc = cut_add(&cuts, low[i]->steps[k].lo);
	}
	for (uint32_t k = w->next; k < w->count && w->edges[k].hi <= hi && rc == RC_OK; k++)
		if (w->edges[k].hi == hi)
			rc = cut_add(&cuts, w->edges[k].lo);
	if (rc == RC_OK)
		rc = cuts_sort(&cuts);
	for (uint32_t i = 0; i < cuts.cut_count && rc == RC_OK; i++) {
		struct pkt_key key = { .remote = { .family = 6, .hi = hi, .lo = cuts.cuts[i] } };
		prove_tuple t = 0;

		for (uint32_t k = 0; k < h->count; k++)
			t |= (prove_tuple)(low[k] == NULL ? prove_map_at(&h->remote[k], hi) :
			    prove_map_at(low[k], cuts.cuts[i])) << 16 * k;
		sweep_to(w, hi, cuts.cuts[i]);
		rc = prove_classes_add(out, t, 0, w->bits, &key);
	}
	sweep_fini(&cuts);
	return rc;
}

enum rc
prove_axis_remote(const struct prove_half *h, const struct prove_side *s, struct prove_classes *out)
{
	struct sweep w;
	enum rc rc = sweep_init(&w, s->set_words);

	if (rc == RC_OK)
		rc = maps_cut(&w, h->remote, h->count);
	if (rc == RC_OK)
		rc = peer_spans(&w, s);
	if (rc == RC_OK)
		rc = sweep_sort(&w);
	if (rc == RC_OK && s->family == 4)
		rc = remote_v4(h, &w, out);
	for (uint32_t i = 0; s->family == 6 && i < w.cut_count && rc == RC_OK; i++)
		rc = remote_low(h, &w, w.cuts[i], out);
	sweep_fini(&w);
	return rc;
}

/* --- protocol, fragment, VLAN, ports --- */

/* Which ports a packet of this protocol has; ICMP has its type and code for a destination port. */
enum kind { KIND_NONE, KIND_DPORT, KIND_BOTH };

static enum kind
kind_of(uint8_t proto, uint8_t family, bool rest)
{
	if (rest)
		return KIND_NONE;
	if (proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP)
		return KIND_BOTH;
	return (proto == PROTO_ICMP && family == 4) || (proto == PROTO_ICMP6 && family == 6) ?
	    KIND_DPORT : KIND_NONE;
}

/* Atoms that a protocol and place in the datagram leave possible. */
static void
proto_bits(const struct prove_side *s, uint8_t proto, bool rest, uint64_t *bits)
{
	memset(bits, 0, MAX(s->atom_words, 1u) * sizeof(*bits));
	for (uint32_t i = 0; i < s->atom_count; i++) {
		const struct service *v = &s->atoms[i].service;

		if ((v->proto_any || v->proto == proto) && !(rest && service_names_ports(v)))
			bits[i / 64] |= UINT64_C(1) << i % 64;
	}
}

static void
bits_and(const uint64_t *x, const uint64_t *y, uint32_t words, uint64_t *out)
{
	for (uint32_t i = 0; i < words; i++)
		out[i] = x[i] & y[i];
}

/* Protocols that no rule names, without ports, are one where the image's classes are equal. */
static void
protos_pick(const struct prove_half *h, const struct prove_side *s, bool pick[256])
{
	bool named[256] = { false };
	uint32_t seen[256], count = 0;

	for (uint32_t i = 0; i < s->atom_count; i++)
		if (!s->atoms[i].service.proto_any)
			named[s->atoms[i].service.proto] = true;
	for (uint32_t p = 0; p < 256; p++) {
		uint32_t class = 0;
		bool again = false;

		pick[p] = named[p] || kind_of((uint8_t)p, s->family, false) != KIND_NONE;
		if (pick[p])
			continue;
		for (uint32_t i = 0; i < h->count; i++)
			class |= (uint32_t)prove_proto(h, i, (uint8_t)p) << 8 * i;
		for (uint32_t i = 0; i < count && !again; i++)
			again = seen[i] == class;
		if (!again) {
			seen[count++] = class;
			pick[p] = true;
		}
	}
}

static enum rc
classes_pv(const struct prove_half *h, const struct prove_side *s,
    const struct prove_classes *vlans, uint64_t *bits, uint64_t *both, struct prove_classes *out)
{
	bool pick[256];
	enum rc rc = RC_OK;

	protos_pick(h, s, pick);
	for (uint32_t p = 0; p < 512 && rc == RC_OK; p++) {
		uint8_t proto = (uint8_t)p;
		bool rest = p >= 256;

		if (!pick[proto])
			continue;
		proto_bits(s, proto, rest, bits);
		for (uint32_t v = 0; v < vlans->count && rc == RC_OK; v++) {
			struct pkt_key key = { .proto = proto, .vlan = vlans->keys[v].vlan,
				.frag = rest ? WIRE_FRAG_REST : WIRE_FRAG_NONE };
			prove_tuple t = 0;

			for (uint32_t i = 0; i < h->count; i++)
				t |= (prove_tuple)prove_pv(h, i, proto, rest,
				    prove_tuple_get(vlans->tuples[v], i)) << 16 * i;
			bits_and(bits, prove_bits(vlans, v), s->atom_words, both);
			rc = prove_classes_add(out, t, (uint8_t)kind_of(proto, s->family, rest),
			    both, &key);
		}
	}
	return rc;
}

static enum rc
classes_q(const struct prove_half *h, const struct prove_side *s, const struct prove_classes *pv,
    const struct prove_classes *sports, uint64_t *both, struct prove_classes *out)
{
	enum rc rc = RC_OK;

	for (uint32_t p = 0; p < pv->count; p++) {
		/* class 0 of an axis is that of value 0 */
		uint32_t n = pv->kinds[p] == KIND_BOTH ? sports->count : MIN(sports->count, 1u);

		for (uint32_t k = 0; k < n && rc == RC_OK; k++) {
			struct pkt_key key = pv->keys[p];
			prove_tuple t = 0;

			key.sport = sports->keys[k].sport;
			for (uint32_t i = 0; i < h->count; i++)
				t |= (prove_tuple)prove_q(h, i, prove_tuple_get(pv->tuples[p], i),
				    prove_tuple_get(sports->tuples[k], i)) << 16 * i;
			bits_and(prove_bits(pv, p), prove_bits(sports, k), s->atom_words, both);
			rc = prove_classes_add(out, t, pv->kinds[p], both, &key);
		}
	}
	return rc;
}

/* Atoms that are left after all their axes, as the entries they belong to. */
static void
atoms_to_entries(const struct prove_side *s, const uint64_t *x, const uint64_t *y, uint64_t *out)
{
	memset(out, 0, MAX(s->entry_words, 1u) * sizeof(*out));
	for (uint32_t i = 0; i < s->atom_words; i++)
		for (uint64_t b = x[i] & y[i]; b != 0; b &= b - 1) {
			uint32_t e = s->atoms[i * 64 + (uint32_t)__builtin_ctzll(b)].entry;

			out[e / 64] |= UINT64_C(1) << e % 64;
		}
}

static enum rc
classes_s(const struct prove_half *h, const struct prove_side *s, const struct prove_classes *q,
    const struct prove_classes *dports, uint64_t *entries, struct prove_classes *out)
{
	enum rc rc = RC_OK;

	for (uint32_t p = 0; p < q->count; p++) {
		uint32_t n = q->kinds[p] == KIND_NONE ? MIN(dports->count, 1u) : dports->count;

		for (uint32_t k = 0; k < n && rc == RC_OK; k++) {
			struct pkt_key key = q->keys[p];
			prove_tuple t = 0;

			key.dport = dports->keys[k].dport;
			for (uint32_t i = 0; i < h->count; i++)
				t |= (prove_tuple)prove_s(h, i, prove_tuple_get(q->tuples[p], i),
				    prove_tuple_get(dports->tuples[k], i)) << 16 * i;
			atoms_to_entries(s, prove_bits(q, p), prove_bits(dports, k), entries);
			rc = prove_classes_add(out, t, 0, entries, &key);
		}
	}
	return rc;
}

enum rc
prove_axis_services(const struct prove_half *h, const struct prove_side *s,
    struct prove_classes *out)
{
	struct prove_classes vlans, sports, dports, pv, q;
	uint32_t words = MAX(s->atom_words, s->entry_words) + 1;
	uint64_t *room = calloc((size_t)words * 2, sizeof(*room));
	enum rc rc = room == NULL ? RC_NOMEM : RC_OK;

	prove_classes_init(&vlans, s->atom_words);
	prove_classes_init(&sports, s->atom_words);
	prove_classes_init(&dports, s->atom_words);
	prove_classes_init(&pv, s->atom_words);
	prove_classes_init(&q, s->atom_words);
	if (rc == RC_OK)
		rc = axis_u16(h, s, AXIS_VLAN, WIRE_VLAN_NONE, &vlans);
	if (rc == RC_OK)
		rc = axis_u16(h, s, AXIS_SPORT, UINT16_MAX, &sports);
	if (rc == RC_OK)
		rc = axis_u16(h, s, AXIS_DPORT, UINT16_MAX, &dports);
	if (rc == RC_OK)
		rc = classes_pv(h, s, &vlans, room, room + words, &pv);
	if (rc == RC_OK)
		rc = classes_q(h, s, &pv, &sports, room, &q);
	if (rc == RC_OK)
		rc = classes_s(h, s, &q, &dports, room, out);
	prove_classes_fini(&vlans);
	prove_classes_fini(&sports);
	prove_classes_fini(&dports);
	prove_classes_fini(&pv);
	prove_classes_fini(&q);
	free(room);
	return rc;
}
