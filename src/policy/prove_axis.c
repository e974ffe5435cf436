/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_axis - joint classes of protocol, fragment, VLAN and ports: what image and rules together
 * tell apart. An axis is swept from its least value to its greatest; the pair (image's class,
 * rules' bits) of each interval is added to the set of those seen.
 */
#include "prove_sweep.h"

#include <stdlib.h>
#include <string.h>

/* --- 16-bit axes --- */

enum axis { AXIS_SPORT, AXIS_DPORT, AXIS_VLAN };

static enum rc
vlan_spans(struct prove_sweep *w, const struct prove_side *s)
{
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < s->atom_count && rc == RC_OK; i++) {
		const struct pol_rule *rule = s->entries[s->atoms[i].entry].rule;

		if (rule->vlan_count == 0)
			rc = prove_span_add(w, 0, WIRE_VLAN_NONE, i);
		for (uint32_t k = 0; k < rule->vlan_count && rc == RC_OK; k++)
			rc = prove_span_add(w, rule->vlans[k].lo, rule->vlans[k].hi, i);
	}
	return rc;
}

static enum rc
port_spans(struct prove_sweep *w, const struct prove_side *s, enum axis axis)
{
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < s->atom_count && rc == RC_OK; i++) {
		const struct service *v = &s->atoms[i].service;

		rc = axis == AXIS_SPORT ? prove_span_add(w, v->sport_lo, v->sport_hi, i) :
		    prove_span_add(w, v->dport_lo, v->dport_hi, i);
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
	struct prove_sweep w;
	enum rc rc = prove_sweep_init(&w, s->atom_words);

	if (rc == RC_OK)
		rc = prove_maps_cut(&w, maps, h->count);
	if (rc == RC_OK)
		rc = axis == AXIS_VLAN ? vlan_spans(&w, s) : port_spans(&w, s, axis);
	if (rc == RC_OK)
		rc = prove_sweep_sort(&w);
	for (uint32_t i = 0; i < w.cut_count && rc == RC_OK && w.cuts[i] <= max; i++) {
		uint16_t x = (uint16_t)w.cuts[i];
		struct pkt_key key = { .sport = x, .dport = x, .vlan = x };

		prove_sweep_to(&w, 0, x);
		rc = prove_classes_add(out, prove_maps_tuple(maps, h->count, x), 0, w.bits, &key);
	}
	prove_sweep_fini(&w);
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

enum { PROTO_FIRST_SEEN = 61 };

/* Protocols that no rule names, without ports, are one where the image's classes are equal. The one
 * that stands for them is rather none of IPv6's extension headers: those are not a packet's. */
static void
protos_pick(const struct prove_half *h, const struct prove_side *s, bool pick[256])
{
	bool named[256] = { false };
	uint32_t seen[256], count = 0;

	for (uint32_t i = 0; i < s->atom_count; i++)
		if (!s->atoms[i].service.proto_any)
			named[s->atoms[i].service.proto] = true;
	for (uint32_t n = 0; n < 256; n++) {
		uint32_t class = 0, p = (n + PROTO_FIRST_SEEN) % 256;
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
classes_pv(const struct prove_half *h, const struct prove_side *s, struct prove_work *work,
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
		rc = prove_work_add(work, (uint64_t)vlans->count * (s->atom_words / 4 + 1));
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
classes_q(const struct prove_half *h, const struct prove_side *s, struct prove_work *work,
    const struct prove_classes *pv, const struct prove_classes *sports, uint64_t *both,
    struct prove_classes *out)
{
	enum rc rc = RC_OK;

	for (uint32_t p = 0; p < pv->count && rc == RC_OK; p++) {
		/* class 0 of an axis is that of value 0 */
		uint32_t n = pv->kinds[p] == KIND_BOTH ? sports->count : MIN(sports->count, 1u);

		rc = prove_work_add(work, (uint64_t)n * (s->atom_words / 4 + 1));
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

/* Numbers of the words that hold a bit. */
static uint32_t
words_set(const uint64_t *bits, uint32_t words, uint32_t *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < words; i++)
		if (bits[i] != 0)
			out[n++] = i;
	return n;
}

/* Atoms that are left after all their axes, as the entries they belong to; x has bits in the words
 * of set only. out is all zero before. Gives their number. */
static uint32_t
atoms_to_entries(const struct prove_side *s, const uint64_t *x, const uint64_t *y,
    const uint32_t *set, uint32_t set_count, uint64_t *out)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < set_count; i++) {
		uint64_t left = x[set[i]] & y[set[i]];

		for (uint64_t b = left; b != 0; b &= b - 1, count++) {
			uint32_t e = s->atoms[set[i] * 64 + (uint32_t)__builtin_ctzll(b)].entry;

			out[e / 64] |= UINT64_C(1) << e % 64;
		}
	}
	return count;
}

/*
 * Most classes before the destination ports differ from one shortly before in few atoms: by a VLAN
 * or a source port that few rules name. With ports that none of these atoms has both leave the
 * same, and where the image's class is the same too the pair is known and not looked up again.
 */
enum { NEAR = 16 };

struct near {
	prove_tuple *rows[NEAR];	/* of the last classes, by number modulo NEAR */
	uint32_t *set, *differs;	/* words: its own; where it is not its near one's */
	uint64_t *delta;		/* the bits there */
	uint32_t differ_count;
	const prove_tuple *row;		/* of the near one; NULL = none */
};

static void
near_fini(struct near *near)
{
	for (uint32_t i = 0; i < NEAR; i++)
		free(near->rows[i]);
	free(near->set);
	free(near->differs);
	free(near->delta);
}

static enum rc
near_init(struct near *near, uint32_t words, uint32_t dports)
{
	*near = (struct near){ .set = calloc((size_t)words + 1, sizeof(*near->set)),
		.differs = calloc((size_t)words + 1, sizeof(*near->differs)),
		.delta = calloc((size_t)words + 1, sizeof(*near->delta)) };
	bool ok = near->set != NULL && near->differs != NULL && near->delta != NULL;

	for (uint32_t i = 0; i < NEAR && ok; i++) {
		near->rows[i] = calloc((size_t)dports + 1, sizeof(**near->rows));
		ok = near->rows[i] != NULL;
	}
	return ok ? RC_OK : RC_NOMEM;
}

static uint32_t
bits_apart(const uint64_t *x, const uint64_t *y, uint32_t words)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < words; i++)
		n += (uint32_t)__builtin_popcountll(x[i] ^ y[i]);
	return n;
}

/* The nearest of the classes before p. */
static void
near_find(struct near *near, const struct prove_classes *q, uint32_t p)
{
	uint32_t best = UINT32_MAX, of = p;

	for (uint32_t k = p - MIN(p, NEAR - 1u); k < p; k++) {
		uint32_t n = q->kinds[k] == KIND_NONE ? UINT32_MAX :
		    bits_apart(prove_bits(q, p), prove_bits(q, k), q->words);

		if (n < best) {
			best = n;
			of = k;
		}
	}
	near->row = of == p || q->kinds[p] == KIND_NONE ? NULL : near->rows[of % NEAR];
	near->differ_count = 0;
	for (uint32_t i = 0; i < q->words && near->row != NULL; i++) {
		uint64_t d = prove_bits(q, p)[i] ^ prove_bits(q, of)[i];

		if (d != 0) {
			near->differs[near->differ_count] = i;
			near->delta[near->differ_count++] = d;
		}
	}
}

static bool
near_same(const struct near *near, const uint64_t *dport)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < near->differ_count; i++)
		any |= dport[near->differs[i]] & near->delta[i];
	return any == 0;
}

/* One class before its destination ports, with each class of these. Where many name one port each,
 * nearly all pairs leave nothing: the last such class is known and not looked up again. */
static enum rc
class_s(const struct prove_half *h, const struct prove_side *s, const struct prove_classes *q,
    uint32_t p, const struct prove_classes *dports, struct near *near, uint64_t *entries,
    struct prove_work *work, struct prove_classes *out)
{
	uint32_t n = q->kinds[p] == KIND_NONE ? MIN(dports->count, 1u) : dports->count;
	uint32_t set_count = words_set(prove_bits(q, p), s->atom_words, near->set);
	prove_tuple nothing = 0, *row = near->rows[p % NEAR];
	struct pkt_key key = q->keys[p];
	bool nothing_known = false;
	enum rc rc;

	near_find(near, q, p);
	rc = prove_work_add(work, (uint64_t)n * (near->differ_count / 4 + 2 * h->count));
	for (uint32_t k = 0; k < n && rc == RC_OK; k++) {
		prove_tuple t = 0;
		uint32_t any;

		for (uint32_t i = 0; i < h->count; i++)
			t |= (prove_tuple)prove_s(h, i, prove_tuple_get(q->tuples[p], i),
			    prove_tuple_get(dports->tuples[k], i)) << 16 * i;
		row[k] = t;
		if (near->row != NULL && near->row[k] == t &&
		    near_same(near, prove_bits(dports, k)))
			continue;
		any = atoms_to_entries(s, prove_bits(q, p), prove_bits(dports, k), near->set,
		    set_count, entries);
		rc = prove_work_add(work, set_count / 4 + 1);
		if (any == 0 && nothing_known && t == nothing)
			continue;
		key.dport = dports->keys[k].dport;
		if (rc == RC_OK)
			rc = prove_classes_add(out, t, 0, entries, &key);
		if (rc == RC_OK)
			rc = prove_work_add(work, any + s->entry_words / 4);
		if (any > 0) {
			memset(entries, 0, s->entry_words * sizeof(*entries));
		} else {
			nothing_known = true;
			nothing = t;
		}
	}
	return rc;
}

static enum rc
classes_s(const struct prove_half *h, const struct prove_side *s, const struct prove_classes *q,
    const struct prove_classes *dports, uint64_t *entries, struct prove_work *work,
    struct prove_classes *out)
{
	struct near near;
	enum rc rc = near_init(&near, s->atom_words, dports->count);

	memset(entries, 0, MAX(s->entry_words, 1u) * sizeof(*entries));
	for (uint32_t p = 0; p < q->count && rc == RC_OK; p++)
		rc = class_s(h, s, q, p, dports, &near, entries, work, out);
	near_fini(&near);
	return rc;
}

enum rc
prove_axis_services(const struct prove_half *h, const struct prove_side *s,
    struct prove_work *work, struct prove_classes *out)
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
	work->vlans = vlans.count;
	work->sports = sports.count;
	work->dports = dports.count;
	if (rc == RC_OK)
		rc = classes_pv(h, s, work, &vlans, room, room + words, &pv);
	if (rc == RC_OK)
		rc = classes_q(h, s, work, &pv, &sports, room, &q);
	if (rc == RC_OK)
		rc = classes_s(h, s, &q, &dports, room, work, out);
	prove_classes_fini(&vlans);
	prove_classes_fini(&sports);
	prove_classes_fini(&dports);
	prove_classes_fini(&pv);
	prove_classes_fini(&q);
	free(room);
	return rc;
}
