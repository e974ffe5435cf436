/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_ref - what the rules say, read off the rules: no order, no index, no pass.
 * Does:    the oracle of tests and the base of explanations. Each sentence of "Verdict for one
 *          direction of one local IP" in ringfence-policy(5) is one if below; speed is no aim.
 */
#include "pol.h"

static bool
rule_matches(const struct pol_rule *r, const struct pkt_key *k, uint8_t *state)
{
	bool any = false;

	if (r->dir != k->dir || !addr_set_has(&r->peer, &k->remote) ||
	    !vlan_matches(r->vlans, r->vlan_count, k->vlan))
		return false;
	*state = WIRE_STATE_NONE;
	for (uint32_t i = 0; i < r->service_count; i++)
		if (service_matches(&r->services[i].atom, k)) {
			*state = MAX(*state, r->services[i].state);
			any = true;
		}
	return any;
}

/* A deny beats an allow; of denies the strictest mode, of allows the strongest state; of equals
 * the earlier, which is the one that stands. */
static bool
better(const struct pol_rule *r, uint8_t state, const struct pol_outcome *than)
{
	if (!than->matched)
		return true;
	if (r->deny != than->deny)
		return r->deny;
	return r->deny ? r->mode > than->mode : state > than->state;
}

static bool
stage_match(const struct pol_rules *r, const bool *applies, unsigned stage,
    const struct pkt_key *k, struct pol_outcome *out)
{
	out->matched = false;
	for (uint32_t i = 0; i < r->rule_count; i++) {
		const struct pol_rule *rule = &r->rules[i];
		uint8_t state;

		if (!applies[rule->segment] || r->segments[rule->segment].stage != stage)
			continue;
		if (!rule_matches(rule, k, &state) || !better(rule, state, out))
			continue;
		*out = (struct pol_outcome){ .matched = true, .deny = rule->deny,
			.mode = rule->mode, .state = rule->deny ? WIRE_STATE_NONE : state,
			.rule = i, .segment = rule->segment };
	}
	return out->matched;
}

static bool
segment_earlier(const struct pol_segment *a, const struct pol_segment *b)
{
	if (a->pos.file != b->pos.file)
		return a->pos.file < b->pos.file;
	if (a->pos.line != b->pos.line)
		return a->pos.line < b->pos.line;
	return a->pos.seq < b->pos.seq;
}

bool
pol_ref_match(const struct pol_rules *r, const struct addr *local, const struct pkt_key *k,
    struct pol_outcome *out)
{
	static const struct pol_outcome none = { .deny = true, .rule = UINT32_MAX,
		.segment = UINT32_MAX };
	bool applies[POL_SEGMENTS_MAX + POL_BUILTIN_MAX], is_local = false;
	uint32_t strictest = UINT32_MAX;

	CHECK(r->segment_count <= ARRAY_LEN(applies));
	for (uint32_t i = 0; i < r->segment_count; i++) {
		const struct pol_segment *s = &r->segments[i];
		bool member = local->family != 0 && !s->members_all &&
		    addr_set_has(&s->members, local);

		applies[i] = member || s->members_all;
		is_local |= member;
		if (member && (strictest == UINT32_MAX ||
		    s->mode > r->segments[strictest].mode ||
		    (s->mode == r->segments[strictest].mode &&
		    segment_earlier(s, &r->segments[strictest]))))
			strictest = i;
	}
	*out = none;
	if (local->family != 0 && (!is_local || addr_is_multicast(local)))
		return false;
	for (unsigned stage = 0; stage < POL_STAGE__COUNT; stage++)
		if (stage_match(r, applies, stage, k, out))
			return true;
	*out = none;
	if (local->family == 0) {	/* no table's default: the packet is unsegmented */
		out->deny = false;
		return true;
	}
	CHECK(strictest != UINT32_MAX);
	out->mode = r->segments[strictest].mode;
	out->segment = strictest;
	return true;
}
