/* SPDX-License-Identifier: Apache-2.0 */
/* Each block says which sentence of ringfence-policy(5), State and Order, it is. */
#include "ref_state.h"

#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

enum { SYN = 2, RST = 4, FIN = 1, ACK = 16 };
enum kind { PASSES, WOULD_DROP, LEARNS };

struct flow {
	bool live, closing, half;
	struct addr local, remote;
	uint8_t proto;
	bool echo;
	uint16_t local_port, remote_port;
	struct pkt_key opening;
	bool opening_bare_syn;
	enum kind kind;
	uint64_t dies_ns;
	uint32_t rule, segment, generation, judged;
	uint64_t number;
};

struct datagram {
	bool live;
	struct frame_spec first;
	uint64_t dies_ns;
	bool seen[8193];		/* by units of 8 bytes */
	uint32_t end;
	uint32_t hop_count;
	struct ref_hop hops[2];
};

struct ref {
	const struct pol_rules *rules;
	uint32_t generation;
	struct flow flows[REF_FLOWS_MAX];
	uint32_t flow_count;
	uint64_t flow_number;		/* last given */
	struct datagram *datagrams;
};

struct ref *
ref_create(void)
{
	struct ref *ref = calloc(1, sizeof(*ref));

	CHECK(ref != NULL);
	ref->datagrams = calloc(REF_DATAGRAMS_MAX, sizeof(*ref->datagrams));
	CHECK(ref->datagrams != NULL);
	return ref;
}

void
ref_destroy(struct ref **ref)
{
	if (*ref != NULL)
		free((*ref)->datagrams);
	free(*ref);
	*ref = NULL;
}

static void judge_again(struct ref *ref, struct flow *f);

/* What the old rules have not judged yet, they judge now: so does the firmware that has gone
 * through its flow table since they came. */
void
ref_commit(struct ref *ref, const struct pol_rules *rules, uint32_t generation)
{
	for (uint32_t i = 0; i < ref->flow_count; i++)
		if (ref->flows[i].live)
			judge_again(ref, &ref->flows[i]);
	ref->rules = rules;
	ref->generation = generation;
}

/* --- a packet's facts ---------------------------------------------------------------------- */

static bool
is_icmp(const struct frame_spec *s)
{
	return s->proto == (s->src.family == 4 ? PROTO_ICMP : PROTO_ICMP6);
}

static bool
is_echo(const struct frame_spec *s)
{
	unsigned type = s->dport >> 8;

	if (!is_icmp(s))
		return false;
	return s->src.family == 4 ? type == 0 || type == 8 : type == 128 || type == 129;
}

static bool
is_error(const struct frame_spec *s)
{
	unsigned type = s->dport >> 8;

	if (!is_icmp(s))
		return false;
	return s->src.family == 4 ? type == 3 || type == 4 || type == 11 || type == 12
				  : type >= 1 && type <= 4;
}

static bool
has_ports(const struct frame_spec *s)
{
	return s->proto == PROTO_TCP || s->proto == PROTO_UDP || s->proto == PROTO_SCTP;
}

static bool
is_fragment(const struct frame_spec *s)
{
	return s->fragment && (s->more || s->frag_off > 0);
}

static bool
is_rest(const struct frame_spec *s)
{
	return s->fragment && s->frag_off > 0;
}

/* "A bare SYN has SYN set and ACK clear." */
static bool
is_bare_syn(const struct frame_spec *s)
{
	return (s->tcp_flags & SYN) != 0 && (s->tcp_flags & ACK) == 0;
}

static struct pkt_key
key_at(const struct frame_spec *s, uint8_t dir)
{
	struct pkt_key k = { .remote = dir == WIRE_OUT ? s->dst : s->src, .dir = dir,
		.proto = s->proto, .vlan = s->tag_count > 0 ? s->tags[0] : WIRE_VLAN_NONE };

	k.frag = !is_fragment(s) ? WIRE_FRAG_NONE : is_rest(s) ? WIRE_FRAG_REST : WIRE_FRAG_FIRST;
	if (is_rest(s))
		return k;
	if (has_ports(s))
		k.sport = s->sport;
	if (has_ports(s) || is_icmp(s))
		k.dport = s->dport;
	return k;
}

/* Who talks to whom, from one end: the key of a flow. */
static struct flow
flow_at(const struct frame_spec *s, uint8_t dir)
{
	struct flow f = { .proto = s->proto, .echo = is_echo(s) };
	uint16_t from = 0, to = 0;

	if (has_ports(s)) {
		from = s->sport;
		to = s->dport;
	} else if (is_echo(s)) {
		from = to = s->sport;	/* "ICMP echo: the identifier for both" */
	} else if (is_icmp(s)) {
		to = s->dport;
	}
	f.local = dir == WIRE_OUT ? s->src : s->dst;
	f.remote = dir == WIRE_OUT ? s->dst : s->src;
	f.local_port = dir == WIRE_OUT ? from : to;
	f.remote_port = dir == WIRE_OUT ? to : from;
	return f;
}

static bool
same_flow(const struct flow *a, const struct flow *b)
{
	return addr_cmp(&a->local, &b->local) == 0 && addr_cmp(&a->remote, &b->remote) == 0 &&
	    a->proto == b->proto && a->echo == b->echo && a->local_port == b->local_port &&
	    a->remote_port == b->remote_port;
}

static uint8_t
soften(uint8_t mode)
{
	return mode == WIRE_ENFORCE ? WIRE_DROP : mode == WIRE_COMPLY ? WIRE_WOULD_DROP : WIRE_PASS;
}

/* --- flows --------------------------------------------------------------------------------- */

/* "Half-open: until a packet comes the other way, 5 s after the last of its opener." */
static uint64_t
idle(const struct flow *f)
{
	if (f->half)
		return 5 * SECOND;
	return (f->proto == PROTO_TCP ? 3600 : 60) * SECOND;
}

static void
flow_touch(struct flow *f, const struct frame_spec *s, uint8_t dir, uint64_t now)
{
	f->half = f->half && dir == f->opening.dir;
	if (f->proto == PROTO_TCP && (s->tcp_flags & (FIN | RST)) != 0) {
		f->closing = true;
		f->dies_ns = now + (f->half ? 5 : 10) * SECOND;
	} else if (!f->closing) {
		f->dies_ns = now + idle(f);
	}
}

/* What rules say of a packet that opens something; reversed tells which direction decided. */
static bool
decides(struct ref *ref, const struct addr *local, const struct pkt_key *k, bool may_reverse,
    struct pol_outcome *o)
{
	struct pkt_key back = pkt_key_reversed(k);

	CHECK(pol_ref_match(ref->rules, local, k, o));
	if (o->matched)
		return true;
	struct pol_outcome r;

	if (!may_reverse)
		return false;
	CHECK(pol_ref_match(ref->rules, local, &back, &r));
	if (!r.matched || r.deny || r.state == WIRE_STATE_NONE)
		return false;
	*o = r;
	return true;
}

/* "After a reload every live flow is judged once by its opening packet." */
static void
judge_again(struct ref *ref, struct flow *f)
{
	struct pol_outcome o;

	if (f->judged == ref->generation)
		return;
	f->judged = ref->generation;
	if (!pol_ref_match(ref->rules, &f->local, &f->opening, &o)) {
		f->live = false;
		return;
	}
	if (decides(ref, &f->local, &f->opening,
	    f->proto == PROTO_TCP && !f->opening_bare_syn, &o) &&
	    !(o.deny && o.mode == WIRE_ENFORCE)) {
		f->kind = !o.deny ? PASSES : o.mode == WIRE_COMPLY ? WOULD_DROP : LEARNS;
		f->rule = o.rule;
		f->segment = o.segment;
		f->generation = ref->generation;
	} else if (!ref->rules->defaults.live_flows_drain) {
		f->live = false;
	}
}

static struct flow *
flow_find(struct ref *ref, const struct flow *key, uint64_t now)
{
	for (uint32_t i = 0; i < ref->flow_count; i++) {
		struct flow *f = &ref->flows[i];

		if (f->live && now >= f->dies_ns)
			f->live = false;
		if (!f->live || !same_flow(f, key))
			continue;
		judge_again(ref, f);
		return f->live ? f : NULL;
	}
	return NULL;
}

static uint64_t
flow_open(struct ref *ref, const struct ref_pkt *p, uint8_t dir, const struct pol_outcome *o,
    enum kind kind, uint64_t now)
{
	struct flow f = flow_at(&p->s, dir);
	uint32_t at = 0;

	f.live = true;
	f.number = ++ref->flow_number;
	f.kind = kind;
	f.opening = key_at(&p->s, dir);
	f.opening_bare_syn = is_bare_syn(&p->s);
	f.half = f.proto == PROTO_TCP && f.opening_bare_syn;
	f.rule = o->rule;
	f.segment = o->segment;
	f.generation = f.judged = ref->generation;
	flow_touch(&f, &p->s, dir, now);
	while (at < ref->flow_count && ref->flows[at].live)
		at++;
	CHECK(at < REF_FLOWS_MAX);
	ref->flows[at] = f;
	ref->flow_count = MAX(ref->flow_count, at + 1);
	return f.number;
}

/* --- one hop ------------------------------------------------------------------------------- */

static void
say(struct ref *ref, struct ref_hop *hop, uint8_t verdict, uint8_t reason,
    const struct pol_outcome *o)
{
	hop->verdict = verdict;
	hop->reason = reason;
	hop->generation = ref->generation;
	hop->rule = o->rule;
	hop->segment = o->segment;
}

/* The default of a local IP: the outcome of a packet that nothing matches. */
static struct pol_outcome
default_of(struct ref *ref, const struct addr *local)
{
	struct pol_rules bare = *ref->rules;
	struct pkt_key k = { .remote = *local };
	struct pol_outcome o;

	bare.rule_count = 0;
	CHECK(pol_ref_match(&bare, local, &k, &o) && !o.matched);
	return o;
}

static bool
by_flow(struct ref *ref, const struct ref_pkt *p, uint8_t dir, uint64_t now, struct ref_hop *hop)
{
	struct flow key = flow_at(&p->s, dir);
	struct flow *f = flow_find(ref, &key, now);

	if (f != NULL)
		flow_touch(f, &p->s, dir, now);
	if (f == NULL && is_error(&p->s) && p->about != NULL) {
		/* "ICMP errors about it": what the local IP sent, or was sent. */
		key = flow_at(p->about, dir == WIRE_IN ? WIRE_OUT : WIRE_IN);
		if (addr_cmp(&key.local, &hop->local) == 0)
			f = flow_find(ref, &key, now);
	}
	if (f == NULL)
		return false;
	hop->verdict = f->kind == WOULD_DROP ? WIRE_WOULD_DROP : WIRE_PASS;
	hop->reason = WIRE_REASON_STATE;
	hop->generation = f->generation;
	hop->rule = f->rule;
	hop->segment = f->segment;
	hop->flow = f->number;
	return true;
}

static void
judge_hop(struct ref *ref, const struct ref_pkt *p, uint8_t dir, uint64_t now, struct ref_hop *hop)
{
	struct pol_outcome o, deflt = default_of(ref, &hop->local);
	struct pkt_key k = key_at(&p->s, dir);
	bool segment = p->s.proto == PROTO_TCP && !is_bare_syn(&p->s);

	if (p->fault != 0) {
		say(ref, hop, soften(deflt.mode), p->fault, &deflt);
		return;
	}
	if (by_flow(ref, p, dir, now, hop))
		return;
	if (!decides(ref, &hop->local, &k, segment, &o)) {
		say(ref, hop, soften(deflt.mode), WIRE_REASON_DEFAULT, &deflt);
		return;
	}
	if (o.deny) {
		say(ref, hop, soften(o.mode), WIRE_REASON_RULE, &o);
		/* "A would-drop by a rule opens a flow" (TCP: by a bare SYN). */
		if (o.mode != WIRE_ENFORCE && !segment)
			hop->flow = flow_open(ref, p, dir, &o,
			    o.mode == WIRE_COMPLY ? WOULD_DROP : LEARNS, now);
		return;
	}
	if (o.state == WIRE_STATE_FLOW && segment && ref->rules->defaults.midstream_drop) {
		say(ref, hop, soften(deflt.mode), WIRE_REASON_MIDSTREAM, &o);
		return;
	}
	if (o.state == WIRE_STATE_FLOW)
		hop->flow = flow_open(ref, p, dir, &o, PASSES, now);
	say(ref, hop, WIRE_PASS, WIRE_REASON_RULE, &o);
}

/* --- fragments ----------------------------------------------------------------------------- */

static bool
same_datagram(const struct datagram *d, const struct frame_spec *s)
{
	const struct frame_spec *f = &d->first;
	bool tagged = s->tag_count > 0;

	return d->live && addr_cmp(&f->src, &s->src) == 0 && addr_cmp(&f->dst, &s->dst) == 0 &&
	    f->frag_id == s->frag_id && (f->proto == s->proto || s->src.family == 6) &&
	    (f->tag_count > 0) == tagged && (!tagged || f->tags[0] == s->tags[0]);
}

static uint32_t
l4_bytes(const struct frame_spec *s)
{
	if (is_rest(s))
		return 0;
	if (is_icmp(s))
		return 8;
	switch (s->proto) {
	case PROTO_TCP:
		return 20;
	case PROTO_UDP:
		return 8;
	case PROTO_SCTP:
		return 12;
	default:
		return 0;
	}
}

/* Runs of seen units, were [lo, hi) seen as well. */
static uint32_t
runs_with(const struct datagram *d, uint32_t lo, uint32_t hi)
{
	uint32_t runs = 0;
	bool before = false;

	for (uint32_t i = 0; i <= 8192; i++) {
		bool now = d->seen[i] || (i >= lo && i < hi);

		runs += now && !before;
		before = now;
	}
	return runs;
}

/* NULL: to be dropped with reason fragment. */
static struct datagram *
datagram_take(struct ref *ref, const struct frame_spec *s, uint64_t now)
{
	uint32_t lo = s->frag_off, hi = lo + (l4_bytes(s) + s->payload + 7) / 8;
	struct datagram *d = NULL, *room = NULL;

	for (uint32_t i = 0; i < REF_DATAGRAMS_MAX; i++) {
		struct datagram *x = &ref->datagrams[i];

		if (x->live && now >= x->dies_ns)
			x->live = false;
		if (same_datagram(x, s))
			d = x;
		if (!x->live && room == NULL)
			room = x;
	}
	if (d == NULL) {
		if (is_rest(s) || room == NULL)
			return NULL;
		d = room;
		memset(d, 0, sizeof(*d));
		d->live = true;
		d->first = *s;
		d->dies_ns = now + 30 * SECOND;
	}
	for (uint32_t i = lo; i < hi; i++)
		if (d->seen[i])
			return NULL;
	for (uint32_t i = hi; i <= 8192 && !s->more; i++)
		if (d->seen[i])
			return NULL;
	if ((d->end != 0 && (hi > d->end || !s->more)) || runs_with(d, lo, hi) > REF_RUNS_MAX)
		return NULL;
	for (uint32_t i = lo; i < hi; i++)
		d->seen[i] = true;
	if (!s->more)
		d->end = hi;
	return d;
}

static void
datagram_done(struct datagram *d)
{
	for (uint32_t i = 0; i < d->end; i++)
		if (!d->seen[i])
			return;
	if (d->end != 0)
		d->live = false;
}

/* A later fragment is of the flow of the first, while that lives. */
static uint64_t
still_flow(struct ref *ref, uint64_t number, uint64_t now)
{
	for (uint32_t i = 0; number != 0 && i < ref->flow_count; i++) {
		struct flow *f = &ref->flows[i];

		if (!f->live || f->number != number || now >= f->dies_ns)
			continue;
		judge_again(ref, f);
		return f->live ? number : 0;
	}
	return 0;
}

/* --- one packet ---------------------------------------------------------------------------- */

static void
judge_hops(struct ref *ref, const struct ref_pkt *p, const bool at[2], uint64_t now,
    struct ref_verdict *out)
{
	for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN; dir++) {
		struct ref_hop *hop = &out->hops[out->hop_count];

		if (!at[dir])
			continue;
		*hop = (struct ref_hop){ .dir = dir,
			.local = dir == WIRE_OUT ? p->s.src : p->s.dst };
		judge_hop(ref, p, dir, now, hop);
		out->hop_count++;
		if (hop->verdict == WIRE_DROP)
			return;
	}
}

/* "Guard rules also judge packets with no local IP, before unsegmented." */
static void
judge_nobody(struct ref *ref, const struct ref_pkt *p, struct ref_verdict *out)
{
	struct addr nobody = { .family = 0 };
	bool any = false;

	for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN && p->fault == 0; dir++) {
		struct pkt_key k = key_at(&p->s, dir);
		struct pol_outcome o;

		CHECK(pol_ref_match(ref->rules, &nobody, &k, &o));
		if (!o.matched)
			continue;
		uint8_t verdict = o.deny ? soften(o.mode) : WIRE_PASS;

		if (any && verdict >= out->verdict)
			continue;
		any = true;
		out->verdict = verdict;
		out->reason = WIRE_REASON_RULE;
		say(ref, &out->guard, verdict, WIRE_REASON_RULE, &o);
	}
	if (!any) {
		out->verdict = ref->rules->defaults.unsegmented;
		out->reason = WIRE_REASON_UNSEGMENTED;
	}
}

static void
sum_up(struct ref_verdict *out)
{
	const struct ref_hop *of = &out->hops[out->hop_count - 1];

	for (uint32_t want = WIRE_DROP; want <= WIRE_WOULD_DROP; want++) {
		for (uint32_t i = 0; i < out->hop_count; i++) {
			if (out->hops[i].verdict == want) {
				of = &out->hops[i];
				i = out->hop_count;
				want = WIRE_PASS;
			}
		}
	}
	out->verdict = of->verdict;
	out->reason = of->reason;
}

void
ref_judge(struct ref *ref, const struct ref_pkt *p, uint64_t now_ns, struct ref_verdict *out)
{
	struct pkt_key any_out = key_at(&p->s, WIRE_OUT), any_in = key_at(&p->s, WIRE_IN);
	struct ref_pkt q = *p;
	struct pol_outcome o;
	struct datagram *d = NULL;
	bool at[2];

	memset(out, 0, sizeof(*out));
	at[WIRE_OUT] = pol_ref_match(ref->rules, &p->s.src, &any_out, &o);
	at[WIRE_IN] = !addr_is_multicast(&p->s.dst) &&
	    pol_ref_match(ref->rules, &p->s.dst, &any_in, &o);
	if (!at[WIRE_OUT] && !at[WIRE_IN]) {
		judge_nobody(ref, p, out);
		return;
	}
	if (q.fault == 0 && is_fragment(&p->s)) {
		if (!ref->rules->defaults.fragments_drop)
			d = datagram_take(ref, &p->s, now_ns);
		if (d == NULL)
			q.fault = WIRE_REASON_FRAGMENT;
	}
	if (d != NULL && is_rest(&p->s)) {
		out->hop_count = d->hop_count;
		memcpy(out->hops, d->hops, sizeof(d->hops));
		for (uint32_t i = 0; i < out->hop_count; i++)
			out->hops[i].flow = still_flow(ref, out->hops[i].flow, now_ns);
	} else {
		judge_hops(ref, &q, at, now_ns, out);
		if (d != NULL) {
			d->hop_count = out->hop_count;
			memcpy(d->hops, out->hops, sizeof(d->hops));
		}
	}
	if (d != NULL)
		datagram_done(d);
	sum_up(out);
}
