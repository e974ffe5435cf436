/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_prop - for random rules and packets at their edges: the verdict that the linear reference
 * reads off the rules is the first match of the built list, citation and all, with each pass off,
 * all on and none. Also: what is built has the shape that image.h promises, and rules survive the
 * pipe.
 */
#include "t.h"

#include "gen_rules.h"

enum { POLICIES = 1500, KEYS = 60, VARIANTS = POL_PASS_COUNT + 2 };

static struct gen gen;
static struct diags diags;
static unsigned long judged, by_default;

static const struct image_list *
list_of(const struct image_input *in, const struct addr *local)
{
	for (uint32_t i = 0; i < in->table_count; i++)
		if (addr_cmp(&in->tables[i].local, local) == 0)
			return &in->lists[in->tables[i].list];
	return NULL;
}

static const struct image_action *
first_match(const struct image_list *l, const struct pkt_key *k, bool *is_default)
{
	*is_default = false;
	for (uint32_t i = 0; i < l->count; i++) {
		const struct image_rule *r = l->rules[i];

		if (r->dir != k->dir || !addr_set_has(&r->peer, &k->remote) ||
		    !vlan_matches(r->vlans, r->vlan_count, k->vlan))
			continue;
		for (uint32_t n = 0; n < r->service_count; n++)
			if (service_matches(&r->services[n], k))
				return &r->action;
	}
	*is_default = true;
	return &l->deflt;
}

/* The symbol names the line that the reference cites. */
static bool
cites(const struct pol_rules *r, const struct image_symbols *s, uint32_t rule_id,
    const struct pol_outcome *o)
{
	const struct pol_pos *p = o->matched ? &r->rules[o->rule].pos :
	    &r->segments[o->segment].pos;

	for (uint32_t i = 0; i < s->count; i++)
		if (s->items[i].rule_id == rule_id)
			return strcmp(s->items[i].file, r->files[p->file]) == 0 &&
			    s->items[i].line == p->line && s->items[i].col == p->col &&
			    s->items[i].is_default == !o->matched &&
			    strcmp(s->items[i].segment, r->segments[o->segment].name) == 0;
	return false;
}

static bool
judgement_holds(const struct pol_rules *r, const struct image_input *in,
    const struct image_symbols *s, const struct addr *local, const struct pkt_key *k)
{
	const struct image_list *l = list_of(in, local);
	const struct image_action *a;
	struct pol_outcome o;
	bool is_default;

	if (!pol_ref_match(r, local, k, &o))
		return l == NULL;
	if (l == NULL)
		return false;
	a = first_match(l, k, &is_default);
	judged++;
	by_default += is_default;
	if (is_default == o.matched)
		return false;
	if (is_default && local->family == 0)
		return a->verdict == WIRE_DROP;
	if (o.matched && (a->counter != WIRE_COUNTER_NONE) != r->rules[o.rule].count)
		return false;
	return (a->verdict == WIRE_DROP) == o.deny && (!o.deny || a->mode == o.mode) &&
	    (o.deny || (a->state == o.state && a->log == r->rules[o.rule].log)) &&
	    cites(r, s, a->rule_id, &o);
}

static void
key_print(const struct addr *local, const struct pkt_key *k, unsigned passes)
{
	char l[ADDR_TEXT_BYTES], m[ADDR_TEXT_BYTES];

	addr_print(local, l);
	addr_print(&k->remote, m);
	printf("# local %s dir %u remote %s proto %u frag %u %u>%u vlan %u, passes %u\n", l, k->dir,
	    m, k->proto, k->frag, k->sport, k->dport, k->vlan, passes);
}

static bool
set_is_of(const struct addr_set *s, uint8_t family)
{
	uint32_t first, count;

	addr_set_family(s, family, &first, &count);
	return s->count > 0 && count == s->count;
}

/* What image.h says of the input. */
static bool
shape_holds(const struct image_input *in, const struct image_symbols *s)
{
	for (uint32_t i = 0; i < in->table_count; i++) {
		const struct addr *local = &in->tables[i].local;
		const struct image_list *l;

		if (in->tables[i].list >= in->list_count ||
		    (i > 0 && addr_cmp(&in->tables[i - 1].local, local) >= 0))
			return false;
		l = &in->lists[in->tables[i].list];
		if (l->deflt.rule_id == 0)
			return false;
		for (uint32_t k = 0; k < l->count; k++) {
			const struct image_rule *r = l->rules[k];

			if (r->action.rule_id == 0 || r->service_count == 0 || r->peer.count == 0)
				return false;
			if (local->family != 0 && !set_is_of(&r->peer, local->family))
				return false;
			for (uint32_t n = 0; n < r->service_count && local->family != 0; n++)
				if (r->services[n].family != 0 &&
				    r->services[n].family != local->family)
					return false;
		}
	}
	for (uint32_t i = 1; i < s->count; i++)
		if (s->items[i - 1].rule_id >= s->items[i].rule_id)
			return false;
	return in->table_count > 0 && in->tables[0].local.family == 0;
}

/* What comes out of the pipe sends the same bytes again. */
static bool
pipe_holds(struct arena *a, const struct pol_rules *r)
{
	struct diags none = { .items = NULL };
	struct pol_rules got;
	uint8_t *one, *two;
	size_t n_one, n_two;

	return pol_rules_encode(r, &none, a, &one, &n_one) == RC_OK &&
	    pol_rules_decode(one, n_one, a, &got, &none) == RC_OK &&
	    pol_rules_encode(&got, &none, a, &two, &n_two) == RC_OK &&
	    n_one == n_two && memcmp(one, two, n_one) == 0;
}

/* All on, all but one, none. */
static unsigned
passes_of(unsigned variant)
{
	return variant > POL_PASS_COUNT ? 0
	    : POL_PASS_ALL & ~(variant == 0 ? 0 : 1u << (variant - 1));
}

static bool
policy_holds(struct arena *a, uint32_t segments, uint32_t rules)
{
	struct image_input in[VARIANTS];
	struct image_symbols s[VARIANTS];
	struct pol_rules r;

	gen_rules(&gen, a, segments, rules, &r);
	if (!pipe_holds(a, &r))
		return false;
	for (unsigned v = 0; v < VARIANTS; v++)
		if (pol_build(&r, passes_of(v), a, &in[v], &s[v], &diags) != RC_OK ||
		    !shape_holds(&in[v], &s[v]))
			return false;
	for (int i = 0; i < KEYS; i++) {
		struct addr local;
		struct pkt_key k;

		gen_key(&gen, &r, &local, &k);
		for (unsigned v = 0; v < VARIANTS; v++)
			if (!judgement_holds(&r, &in[v], &s[v], &local, &k)) {
				key_print(&local, &k, passes_of(v));
				return false;
			}
	}
	return true;
}

static void
test_small(void)
{
	struct arena a;

	arena_init(&a, (size_t)256 << 20);
	for (unsigned long n = t_tries(POLICIES); n > 0; n--) {
		arena_reset(&a);
		if (!T_OK(policy_holds(&a, 1 + gen_below(&gen, 6), gen_below(&gen, 40))))
			break;
	}
	arena_fini(&a);
}

static void
test_crowded(void)
{
	struct arena a;

	arena_init(&a, (size_t)256 << 20);
	for (unsigned long n = t_tries(POLICIES / 15); n > 0; n--) {
		arena_reset(&a);
		if (!T_OK(policy_holds(&a, 1 + gen_below(&gen, 30), 600)))
			break;
	}
	arena_fini(&a);
}

int
main(void)
{
	gen.state = t_seed();
	if (!diags_init(&diags))
		return 1;
	T_RUN(test_small);
	T_RUN(test_crowded);
	diags_fini(&diags);
	printf("# judgements %lu, of them by default %lu\n", judged, by_default);
	return t_done();
}
