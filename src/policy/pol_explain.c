/* SPDX-License-Identifier: Apache-2.0 */
/* pol_explain - the order of ringfence-policy(5), State, for one packet; and the nearest allow. */
#include "pol_explain.h"

#include <stdio.h>
#include <string.h>

#include "verdict.h"

enum { RANGES_SHOWN = 3 };

static const char *const axis_names[POL_AXIS__COUNT] = { "direction", "protocol", "peer", "port",
	"sport", "vlan" };
/* Of two allows that miss as often, the one whose misses are lighter is nearer. */
static const uint32_t axis_weights[POL_AXIS__COUNT] = { 32, 16, 4, 2, 1, 8 };

const char *
pol_axis_name(uint8_t axis)
{
	return axis < POL_AXIS__COUNT ? axis_names[axis] : "unknown";
}

static uint8_t
soften(uint8_t mode)
{
	return mode == WIRE_ENFORCE ? WIRE_DROP : mode == WIRE_COMPLY ? WIRE_WOULD_DROP : WIRE_PASS;
}

/* --- texts of bounds and values --- */

static void
bound_add(char out[POL_BOUND_BYTES], const char *text)
{
	size_t n = strlen(out);

	(void)snprintf(out + n, POL_BOUND_BYTES - n, "%s%s", n > 0 ? ", " : "", text);
}

/* Of many ranges those next to the address. */
static void
bound_peer(const struct addr_set *s, const struct addr *a, char out[POL_BOUND_BYTES])
{
	uint32_t first, count, lo, hi;
	char text[2 * ADDR_TEXT_BYTES];

	addr_set_family(s, a->family, &first, &count);
	lo = first;
	for (hi = first + count; lo < hi;) {	/* lo becomes the first range above */
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(&s->ranges[mid].hi, a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (count > RANGES_SHOWN)
		first = MIN(MAX(lo, first + 1) - 1, first + count - RANGES_SHOWN);
	for (uint32_t i = 0; i < count && i < RANGES_SHOWN; i++) {
		addr_range_print(&s->ranges[first + i], text);
		bound_add(out, text);
	}
	if (count > RANGES_SHOWN) {
		(void)snprintf(text, sizeof(text), "%u ranges more", count - RANGES_SHOWN);
		bound_add(out, text);
	}
	if (count == 0)
		bound_add(out, a->family == 6 ? "no IPv6 address" : "no IPv4 address");
}

static void
range_print(uint32_t lo, uint32_t hi, char *out, size_t cap)
{
	if (lo == hi)
		(void)snprintf(out, cap, "%u", lo);
	else
		(void)snprintf(out, cap, "%u-%u", lo, hi);
}

static void
bound_vlan(const struct pol_rule *r, char out[POL_BOUND_BYTES])
{
	char text[24];

	for (uint32_t i = 0; i < r->vlan_count && i < RANGES_SHOWN; i++) {
		range_print(r->vlans[i].lo, r->vlans[i].hi, text, sizeof(text));
		bound_add(out, text);
	}
	if (r->vlan_count > RANGES_SHOWN)
		bound_add(out, "more");
}

/* --- what one allow misses --- */

static bool
ports_of(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

static bool
is_icmp(uint8_t proto)
{
	return proto == PROTO_ICMP || proto == PROTO_ICMP6;
}

/* Bits of enum pol_axis. Ports count where both have some of one kind. */
static unsigned
misses_of(const struct pol_rule *r, const struct service *s, const struct pkt_key *k)
{
	bool proto = (s->proto_any || s->proto == k->proto) &&
	    (s->family == 0 || s->family == k->remote.family);
	bool alike = s->proto_any || (ports_of(s->proto) && ports_of(k->proto)) ||
	    (is_icmp(s->proto) && s->proto == k->proto);
	unsigned m = 0;

	m |= r->dir != k->dir ? 1u << POL_AXIS_DIRECTION : 0;
	m |= !proto ? 1u << POL_AXIS_PROTOCOL : 0;
	m |= !addr_set_has(&r->peer, &k->remote) ? 1u << POL_AXIS_PEER : 0;
	m |= !vlan_matches(r->vlans, r->vlan_count, k->vlan) ? 1u << POL_AXIS_VLAN : 0;
	if (alike && (k->dport < s->dport_lo || k->dport > s->dport_hi))
		m |= 1u << POL_AXIS_PORT;
	if (alike && (k->sport < s->sport_lo || k->sport > s->sport_hi))
		m |= 1u << POL_AXIS_SPORT;
	return m;
}

static uint32_t
score(unsigned misses)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < POL_AXIS__COUNT; i++)
		if (misses & 1u << i)
			n += 64 + axis_weights[i];
	return n;
}

static void
miss_values(const struct pkt_key *k, uint8_t axis, struct pol_miss *m)
{
	const struct service is = { .proto = k->proto, .sport_hi = UINT16_MAX,
		.dport_hi = UINT16_MAX };
	char text[SERVICE_TEXT_BYTES];

	switch (axis) {
	case POL_AXIS_DIRECTION:
		(void)snprintf(m->value, sizeof(m->value), "%s", dir_name(k->dir));
		break;
	case POL_AXIS_PROTOCOL:
		service_print(&is, text);
		(void)snprintf(m->value, sizeof(m->value), "%.60s", text);
		break;
	case POL_AXIS_PEER:
		if (k->remote.family != 0)
			addr_print(&k->remote, m->value);
		else
			(void)snprintf(m->value, sizeof(m->value), "any");
		break;
	case POL_AXIS_PORT:
		if (is_icmp(k->proto))
			(void)snprintf(m->value, sizeof(m->value), "type %u code %u",
			    k->dport >> 8, k->dport & 0xff);
		else
			(void)snprintf(m->value, sizeof(m->value), "%u", k->dport);
		break;
	case POL_AXIS_SPORT:
		(void)snprintf(m->value, sizeof(m->value), "%u", k->sport);
		break;
	default:
		(void)snprintf(m->value, sizeof(m->value), k->vlan == WIRE_VLAN_NONE ? "none" :
		    "%u", k->vlan);
	}
}

static void
miss_say(const struct pol_rule *r, const struct service *s, const struct pkt_key *k, uint8_t axis,
    struct pol_miss *m)
{
	char text[SERVICE_TEXT_BYTES];

	memset(m, 0, sizeof(*m));
	m->axis = axis;
	miss_values(k, axis, m);
	switch (axis) {
	case POL_AXIS_DIRECTION:
		bound_add(m->bound, dir_name(r->dir));
		break;
	case POL_AXIS_PEER:
		bound_peer(&r->peer, &k->remote, m->bound);
		break;
	case POL_AXIS_SPORT:
		range_print(s->sport_lo, s->sport_hi, text, sizeof(text));
		bound_add(m->bound, text);
		break;
	case POL_AXIS_VLAN:
		bound_vlan(r, m->bound);
		break;
	case POL_AXIS_PORT:
		range_print(s->dport_lo, s->dport_hi, text, sizeof(text));
		if (is_icmp(k->proto))
			service_print(s, text);
		bound_add(m->bound, text);
		break;
	default:
		service_print(s, text);
		bound_add(m->bound, text);
	}
}

static bool
applies(const struct pol_rules *r, const struct pol_rule *rule, const struct addr *local)
{
	const struct pol_segment *s = &r->segments[rule->segment];

	return s->members_all || (local->family != 0 && addr_set_has(&s->members, local));
}

/* Of the allows of this local IP the one that misses on the fewest axes, the earliest of equals. */
static void
near_find(const struct pol_rules *r, const struct pkt_key *k, struct pol_hop *hop)
{
	const struct service *best = NULL;
	uint32_t least = UINT32_MAX;
	unsigned misses = 0;

	for (uint32_t i = 0; i < r->rule_count; i++) {
		const struct pol_rule *rule = &r->rules[i];

		if (rule->deny || !applies(r, rule, &hop->local))
			continue;
		for (uint32_t j = 0; j < rule->service_count; j++) {
			unsigned m = misses_of(rule, &rule->services[j].atom, k);

			if (score(m) >= least)
				continue;
			least = score(m);
			misses = m;
			best = &rule->services[j].atom;
			hop->near = i;
		}
	}
	for (uint8_t axis = 0; axis < POL_AXIS__COUNT && best != NULL; axis++)
		if (misses & 1u << axis)
			miss_say(&r->rules[hop->near], best, k, axis,
			    &hop->misses[hop->miss_count++]);
}

/* --- one hop --- */

static void
say(struct pol_hop *hop, uint8_t verdict, uint8_t reason, const struct pol_outcome *o)
{
	hop->verdict = verdict;
	hop->reason = reason;
	hop->rule = o->rule;
	hop->segment = o->segment;
}

/* What a packet that no rule matches would meet. */
static struct pol_outcome
default_of(const struct pol_rules *r, const struct addr *local)
{
	struct pol_rules bare = *r;
	const struct pkt_key k = { .remote = *local };
	struct pol_outcome o;

	bare.rule_count = 0;
	CHECK(pol_ref_match(&bare, local, &k, &o) && !o.matched);
	return o;
}

/* Its own direction; else, of a segment that is no bare SYN, what allows the packet it answers. */
static bool
decide(const struct pol_rules *r, const struct pol_packet *p, const struct pkt_key *k,
    struct pol_hop *hop, struct pol_outcome *o)
{
	struct pkt_key back = pkt_key_reversed(k);
	struct pol_outcome other;

	CHECK(pol_ref_match(r, &hop->local, k, o));
	if (o->matched)
		return true;
	if (p->proto != PROTO_TCP || pol_packet_bare_syn(p))
		return false;
	CHECK(pol_ref_match(r, &hop->local, &back, &other));
	if (!other.matched || other.deny || other.state == WIRE_STATE_NONE)
		return false;
	*o = other;
	hop->reply = true;
	return true;
}

static void
hop_judge(const struct pol_rules *r, const struct pol_packet *p, struct pol_hop *hop)
{
	struct pol_outcome deflt = default_of(r, &hop->local), o;
	struct pkt_key k = pol_packet_key(p, hop->dir);

	if (p->frag == WIRE_FRAG_REST || (p->frag == WIRE_FRAG_FIRST &&
	    r->defaults.fragments_drop)) {
		say(hop, soften(deflt.mode), WIRE_REASON_FRAGMENT, &deflt);
		return;
	}
	if (!decide(r, p, &k, hop, &o))
		say(hop, soften(deflt.mode), WIRE_REASON_DEFAULT, &deflt);
	else if (o.deny)
		say(hop, soften(o.mode), WIRE_REASON_RULE, &o);
	else if (o.state == WIRE_STATE_FLOW && r->defaults.midstream_drop &&
	    p->proto == PROTO_TCP && !pol_packet_bare_syn(p))
		say(hop, soften(deflt.mode), WIRE_REASON_MIDSTREAM, &o);
	else
		say(hop, WIRE_PASS, WIRE_REASON_RULE, &o);
	if (hop->reason == WIRE_REASON_DEFAULT || (hop->reason == WIRE_REASON_RULE && o.deny))
		near_find(r, &k, hop);
}

static void
hop_begin(struct pol_hop *hop, uint8_t dir, const struct addr *local)
{
	memset(hop, 0, sizeof(*hop));
	hop->dir = dir;
	hop->local = *local;
	hop->rule = hop->segment = hop->near = UINT32_MAX;
}

/* Guard rules judge a packet with no local IP; else it is unsegmented. */
static void
nobody_judge(const struct pol_rules *r, const struct pol_packet *p, struct pol_explained *out)
{
	const struct addr nobody = { .family = 0 };

	out->verdict = r->defaults.unsegmented;
	out->reason = WIRE_REASON_UNSEGMENTED;
	for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN; dir++) {
		struct pkt_key k = pol_packet_key(p, dir);
		struct pol_outcome o;
		uint8_t verdict;

		CHECK(pol_ref_match(r, &nobody, &k, &o));
		verdict = o.deny ? soften(o.mode) : WIRE_PASS;
		if (!o.matched || (out->hop_count > 0 && verdict >= out->verdict))
			continue;
		hop_begin(&out->hops[0], dir, &nobody);
		say(&out->hops[0], verdict, WIRE_REASON_RULE, &o);
		out->hop_count = 1;
		out->verdict = verdict;
		out->reason = WIRE_REASON_RULE;
	}
}

void
pol_explain(const struct pol_rules *r, const struct pol_packet *p, struct pol_explained *out)
{
	const struct pol_hop *of = NULL;

	CHECK(p->src.family != 0 || p->dst.family != 0);
	memset(out, 0, sizeof(*out));
	for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN; dir++) {
		const struct addr *local = dir == WIRE_OUT ? &p->src : &p->dst;
		struct pkt_key k = pol_packet_key(p, dir);
		struct pol_outcome o;

		/* behind a drop nothing is judged */
		if (local->family == 0 || (of != NULL && of->verdict == WIRE_DROP) ||
		    !pol_ref_match(r, local, &k, &o))
			continue;
		hop_begin(&out->hops[out->hop_count], dir, local);
		hop_judge(r, p, &out->hops[out->hop_count]);
		/* the worst hop speaks for the packet; of two that pass, the last */
		if (of == NULL || of->verdict == WIRE_PASS ||
		    out->hops[out->hop_count].verdict < of->verdict)
			of = &out->hops[out->hop_count];
		out->hop_count++;
	}
	if (of == NULL) {
		nobody_judge(r, p, out);
		return;
	}
	out->verdict = of->verdict;
	out->reason = of->reason;
}
