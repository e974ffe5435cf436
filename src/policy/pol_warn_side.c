/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_warn_side - rules that allow at one local IP what another local IP denies.
 * Does:    for an allow to (from) peers that are local too, takes one packet from its first
 *          member and asks both tables, as the NIC would. It is said only of a packet that this
 *          rule itself allows and the other end drops or would drop; so each warning is true,
 *          but not each case is found.
 * Limits:  RULE_PACKETS packets of a rule; peers' ranges wider than RANGE_MAX addresses are meant
 *          for the world and not asked; STEPS_MAX rule comparisons in all, then a count.
 */
#include "pol_job.h"

enum { RULE_PACKETS = 2, RULE_RANGES = 16, RANGE_MAX = 1 << 16, STEPS_MAX = 1500 * 1000 };

struct side {
	struct pol_job *j;
	uint64_t steps;
	uint32_t left_out;
};

/* The first rule of l's table that matches; NULL = its default. */
static const struct image_rule *
first_match(struct side *s, uint32_t local, const struct pkt_key *k)
{
	struct pol_job *j = s->j;
	uint8_t f = j->locals[local].family == 4 ? POL_V4 : POL_V6;
	const struct image_list *l = &j->image_lists[j->classes[j->class_of[local]].list[f]];

	for (uint32_t i = 0; i < l->count; i++) {
		const struct image_rule *r = l->rules[i];

		s->steps++;
		if (r->dir != k->dir || !addr_set_has(&r->peer, &k->remote) ||
		    !vlan_matches(r->vlans, r->vlan_count, k->vlan))
			continue;
		for (uint32_t n = 0; n < r->service_count; n++)
			if (service_matches(&r->services[n], k))
				return r;
	}
	return NULL;
}

/* One packet of the rule's first service that the family knows. */
static bool
packet_of(const struct pol_rule *r, const struct addr *remote, struct pkt_key *k)
{
	for (uint32_t i = 0; i < r->service_count; i++) {
		const struct service *a = &r->services[i].atom;

		if (a->proto_any || (a->family != 0 && a->family != remote->family))
			continue;
		*k = (struct pkt_key){ .remote = *remote, .dir = r->dir, .proto = a->proto,
			.dport = a->dport_lo,
			.vlan = r->vlan_count > 0 ? r->vlans[0].lo : WIRE_VLAN_NONE };
		if (a->proto == PROTO_TCP || a->proto == PROTO_UDP || a->proto == PROTO_SCTP)
			k->sport = MIN(MAX(a->sport_lo, 49152), a->sport_hi);
		return true;
	}
	return false;
}

static void
side_say(struct side *s, uint32_t rule, uint32_t from, uint32_t to, const struct pkt_key *k,
    const struct image_rule *by)
{
	struct pol_job *j = s->j;
	const struct pol_rule *r = &j->r->rules[rule];
	const struct pol_class *c = &j->classes[j->class_of[to]];
	struct service one = { .proto = k->proto, .sport_hi = UINT16_MAX, .dport_lo = k->dport,
		.dport_hi = k->dport };
	char a[ADDR_TEXT_BYTES], b[ADDR_TEXT_BYTES], what[SERVICE_TEXT_BYTES];
	bool out = r->dir == WIRE_OUT;
	struct diag d;

	addr_print(&j->locals[from], a);
	addr_print(&j->locals[to], b);
	if (k->dport == 0 && k->proto != PROTO_ICMP && k->proto != PROTO_ICMP6)
		one.dport_hi = UINT16_MAX;	/* not a port that is worth a name */
	if (k->proto == PROTO_ICMP || k->proto == PROTO_ICMP6)
		one.family = k->remote.family;
	service_print(&one, what);
	diag_set(&d, "one-sided", "%s may %s %s %s %s by this rule, but %s of %s denies it %s", a,
	    out ? "send" : "hear", what, out ? "to" : "from", b,
	    by == NULL ? "the default" : "a rule", b, out ? "in" : "out");
	if (by == NULL) {
		diag_hint(&d, "segment \"%s\" has no rule that allows it",
		    j->r->segments[c->strictest].name);
	} else {
		const struct pol_item *it = (const struct pol_item *)(const void *)by;
		const struct pol_pos *p = &j->r->rules[it->src].pos;

		diag_hint(&d, "the rule is at %s:%u", j->r->files[p->file], p->line);
	}
	pol_say(j, &d, DIAG_WARNING, &r->pos);
}
_Static_assert(offsetof(struct pol_item, rule) == 0, "an item begins with the image's rule");

/* True where it found the two sides apart, and said so. */
static bool
pair_look(struct side *s, uint32_t rule, uint32_t from, uint32_t to)
{
	struct pol_job *j = s->j;
	const struct image_rule *own, *other;
	struct pkt_key k;

	if (!packet_of(&j->r->rules[rule], &j->locals[to], &k))
		return false;
	own = first_match(s, from, &k);
	if (own == NULL || own->action.rule_id != j->rule_ids[rule])
		return false;
	k.dir = k.dir == WIRE_OUT ? WIRE_IN : WIRE_OUT;
	k.remote = j->locals[from];
	other = first_match(s, to, &k);
	if (other != NULL ? other->action.verdict != WIRE_DROP ||
	    other->action.mode == WIRE_LEARN :
	    j->r->segments[j->classes[j->class_of[to]].strictest].mode == WIRE_LEARN)
		return false;
	side_say(s, rule, from, to, &k, other);
	return true;
}

/* The first member of a family that is a local IP. */
static bool
member_of(const struct pol_job *j, const struct pol_segment *s, uint8_t family, uint32_t *out)
{
	uint32_t first, count;

	addr_set_family(&s->members, family, &first, &count);
	for (uint32_t i = first; i < first + count; i++) {
		*out = pol_local_at(j, &s->members.ranges[i].lo);
		if (*out < j->local_count &&
		    addr_cmp(&j->locals[*out], &s->members.ranges[i].hi) <= 0)
			return true;
	}
	return false;
}

static void
rule_look(struct side *s, uint32_t i)
{
	struct pol_job *j = s->j;
	const struct pol_rule *r = &j->r->rules[i];
	unsigned packets = 0;

	for (uint32_t n = 0; n < MIN(r->peer.count, (uint32_t)RULE_RANGES); n++) {
		const struct addr_range *p = &r->peer.ranges[n];
		uint32_t to = pol_local_at(j, &p->lo), from;

		if (to == j->local_count || addr_cmp(&j->locals[to], &p->hi) > 0 ||
		    p->hi.hi != p->lo.hi || p->hi.lo - p->lo.lo >= RANGE_MAX ||
		    !member_of(j, &j->r->segments[r->segment], p->lo.family, &from) || from == to)
			continue;
		if (pair_look(s, i, from, to) || ++packets == RULE_PACKETS)
			return;
	}
}

void
pol_warn_one_sided(struct pol_job *j)
{
	struct side s = { .j = j };
	struct diag d;

	for (uint32_t i = 0; i < j->r->rule_count; i++) {
		const struct pol_rule *r = &j->r->rules[i];

		if (r->deny || j->r->segments[r->segment].members_all ||
		    j->r->files[r->pos.file][0] == '<')
			continue;
		if (s.steps < STEPS_MAX)
			rule_look(&s, i);
		else
			s.left_out++;
	}
	if (s.left_out == 0)
		return;
	diag_set(&d, "one-sided", "%u rules were not looked at from the other side: the work for "
	    "this is bounded", s.left_out);
	pol_say(j, &d, DIAG_WARNING, NULL);
}
