/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_prop - the prover against random policies: what the compiler makes is proved, with every
 * pass on and off; what was changed in the image is proved exactly where no packet can tell.
 * Whether a packet can tell is decided without the prover: by asking the image before and after
 * the change for every combination of values at the edges of rules and of tree keys.
 */
#include "t.h"

#include "gen_rules.h"
#include "pol_prove.h"
#include "wire_image.h"

enum { POLICIES = 400, SMALL_POLICIES = 60, MUTANTS_EACH = 40, VALUES_MAX = 24 };

#define ARENA_BYTES ((size_t)512 << 20)

static struct gen gen;
static struct diags diags;

struct built {
	struct arena a;
	struct pol_rules rules;
	struct pol_names names;
	uint8_t *image;
	size_t len;
};

static bool
build(struct built *b, uint32_t segments, uint32_t rules, unsigned passes)
{
	struct image_symbols symbols;
	struct image_input in;
	struct diag d = { 0 };

	memset(b, 0, sizeof(*b));
	arena_init(&b->a, ARENA_BYTES);
	gen_rules(&gen, &b->a, segments, rules, &b->rules);
	if (pol_build(&b->rules, passes, &b->a, &in, &symbols, &diags) == RC_OK &&
	    image_encode(&in, &b->image, &b->len, &d) == RC_OK &&
	    image_check(b->image, b->len, &d) == RC_OK &&
	    pol_names_get(&b->rules, &b->a, &b->names) == RC_OK)
		return true;
	diags_print(&diags, stdout);
	diag_print(&d, stdout);
	return false;
}

static void
unbuild(struct built *b)
{
	free(b->image);
	arena_fini(&b->a);
}

static enum rc
prove(struct built *b, const uint8_t *image, struct pol_proof *p, struct diag *d)
{
	struct arena a;
	enum rc rc;

	arena_init(&a, ARENA_BYTES);
	rc = pol_prove(&b->rules, &b->names, image, b->len, &a, p, d);
	arena_fini(&a);
	return rc;
}

static void
test_proved(void)
{
	unsigned long boxes = 0, wrong = 0;

	for (unsigned i = 0; i < t_tries(POLICIES); i++) {
		struct pol_proof p;
		struct diag d = { 0 };
		struct built b;

		if (!T_OK(build(&b, 1 + gen_below(&gen, 6), 1 + gen_below(&gen, 24),
		    i % (POL_PASS_ALL + 1))))
			return;
		if (prove(&b, b.image, &p, &d) != RC_OK && wrong++ < 5)
			printf("# policy %u: %s\n", i, d.text);
		boxes += p.boxes;
		unbuild(&b);
	}
	T_IS_UINT(wrong, 0);
	printf("# %lu boxes compared\n", boxes);
}

/* --- mutants --- */

struct values {
	uint64_t v[VALUES_MAX];
	uint32_t count;
};

static void
value_add(struct values *s, uint64_t v, uint64_t max)
{
	if (v > max || s->count == VALUES_MAX)
		return;
	for (uint32_t i = 0; i < s->count; i++)
		if (s->v[i] == v)
			return;
	s->v[s->count++] = v;
}

static void
edge_add(struct values *s, uint64_t lo, uint64_t hi, uint64_t max)
{
	value_add(s, lo, max);
	value_add(s, hi, max);
	if (lo > 0)
		value_add(s, lo - 1, max);
	if (hi < max)
		value_add(s, hi + 1, max);
}

struct space {
	struct values remote, sport, dport, vlan;
};

static void
space_of(const struct pol_rules *r, struct space *s)
{
	memset(s, 0, sizeof(*s));
	edge_add(&s->remote, 0, UINT32_MAX, UINT32_MAX);
	edge_add(&s->sport, 0, 0xffff, 0xffff);
	edge_add(&s->dport, 0, 0xffff, 0xffff);
	edge_add(&s->vlan, 0, WIRE_VLAN_NONE, WIRE_VLAN_NONE);
	for (uint32_t i = 0; i < r->rule_count; i++) {
		const struct pol_rule *rule = &r->rules[i];

		for (uint32_t k = 0; k < rule->peer.count; k++)
			if (rule->peer.ranges[k].lo.family == 4)
				edge_add(&s->remote, rule->peer.ranges[k].lo.lo,
				    rule->peer.ranges[k].hi.lo, UINT32_MAX);
		for (uint32_t k = 0; k < rule->service_count; k++) {
			const struct service *v = &rule->services[k].atom;

			edge_add(&s->sport, v->sport_lo, v->sport_hi, 0xffff);
			edge_add(&s->dport, v->dport_lo, v->dport_hi, 0xffff);
		}
		for (uint32_t k = 0; k < rule->vlan_count; k++)
			edge_add(&s->vlan, rule->vlans[k].lo, rule->vlans[k].hi, WIRE_VLAN_NONE);
	}
}

/* The key a frame can have: no ports where there are none. */
static void
key_settle(struct pkt_key *k)
{
	bool ports = k->frag != WIRE_FRAG_REST && (k->proto == PROTO_TCP ||
	    k->proto == PROTO_UDP || k->proto == PROTO_SCTP);
	bool icmp = k->frag != WIRE_FRAG_REST && k->proto == PROTO_ICMP;

	if (!ports)
		k->sport = 0;
	if (!ports && !icmp)
		k->dport = 0;
}

static bool
answers_differ(const struct image_action *x, bool dx, const struct image_action *y, bool dy)
{
	if (x->verdict != y->verdict || x->log != y->log || x->counter != y->counter ||
	    x->rule_id != y->rule_id || dx != dy)
		return true;
	return x->verdict == WIRE_DROP ? x->mode != y->mode : x->state != y->state;
}

/* Whether some packet at the edges meets another answer in the mutant, seen from local. */
static bool
tells(const struct built *b, const uint8_t *mutant, const struct space *s, const struct addr *local)
{
	static const uint8_t protos[] = { 0, 1, 6, 17, 47, 58, 132, 255 };
	struct image_action x, y;
	bool dx, dy;
	struct pkt_key k = { 0 };

	k.remote.family = 4;
	for (uint32_t i = 0; i < s->remote.count * 4 * ARRAY_LEN(protos); i++) {
		k.remote.lo = s->remote.v[i / (4 * ARRAY_LEN(protos))];
		k.proto = protos[i / 4 % ARRAY_LEN(protos)];
		k.dir = i & 1;
		k.frag = i & 2 ? WIRE_FRAG_REST : WIRE_FRAG_NONE;
		for (uint32_t n = 0; n < s->vlan.count * s->sport.count * s->dport.count; n++) {
			k.vlan = (uint16_t)s->vlan.v[n % s->vlan.count];
			k.sport = (uint16_t)s->sport.v[n / s->vlan.count % s->sport.count];
			k.dport = (uint16_t)s->dport.v[n / s->vlan.count / s->sport.count];
			key_settle(&k);
			if (!image_lookup(b->image, b->len, local, &k, &x, &dx) ||
			    !image_lookup(mutant, b->len, local, &k, &y, &dy) ||
			    (!(local->family == 0 && dx && dy) && answers_differ(&x, dx, &y, dy)))
				return true;
		}
	}
	return false;
}

static void
mutate(uint8_t *image, size_t len)
{
	size_t at = gen_below(&gen, (uint32_t)len);

	switch (gen_below(&gen, 4)) {
	case 0:
		image[at] ^= (uint8_t)(1u << gen_below(&gen, 8));
		break;
	case 1:		/* two cells exchanged */
		at &= ~(size_t)3;
		for (int i = 0; i < 2; i++) {
			uint8_t x = image[at + (size_t)i];

			image[at + (size_t)i] = image[at + 2 + (size_t)i];
			image[at + 2 + (size_t)i] = x;
		}
		break;
	case 2:
		image[at]++;
		break;
	default:
		image[at] = image[gen_below(&gen, (uint32_t)len)];
	}
}

static void
mutants_of(struct built *b, unsigned long tally[4])
{
	uint8_t *mutant = malloc(b->len);
	struct addr local = { 0 };
	struct space s;

	space_of(&b->rules, &s);
	for (uint32_t i = 0; i < b->rules.segment_count; i++)
		for (uint32_t k = 0; k < b->rules.segments[i].members.count; k++)
			if (b->rules.segments[i].members.ranges[k].lo.family == 4)
				local = b->rules.segments[i].members.ranges[k].lo;
	for (int i = 0; mutant != NULL && local.family == 4 && i < MUTANTS_EACH; i++) {
		struct pol_proof p;
		struct diag d = { 0 };
		bool proved, told;

		memcpy(mutant, b->image, b->len);
		mutate(mutant, b->len);
		if (memcmp(mutant, b->image, b->len) == 0)
			continue;
		if (image_check(mutant, b->len, &d) != RC_OK) {
			tally[0]++;
			continue;
		}
		proved = prove(b, mutant, &p, &d) == RC_OK;
		if (proved) {
			/* nothing at any edge may tell it from the original */
			told = tells(b, mutant, &s, &local);
			tally[1]++;
			if (told && tally[3]++ < 5)
				printf("# a mutant that differs was proved\n");
		} else {
			/* the counterexample must be one */
			struct image_action x, y;
			bool dx = false, dy = false, fx, fy;

			tally[2]++;
			if (p.key.remote.family == 0)
				continue;	/* a table or a default, said in words */
			fx = image_lookup(b->image, b->len, &p.local, &p.key, &x, &dx);
			fy = image_lookup(mutant, b->len, &p.local, &p.key, &y, &dy);
			if (fx && fy && !answers_differ(&x, dx, &y, dy) && tally[3]++ < 5)
				printf("# a mutant was flagged that does not differ: %s\n", d.text);
		}
	}
	free(mutant);
}

static void
test_mutants(void)
{
	unsigned long tally[4] = { 0 };

	for (unsigned i = 0; i < t_tries(SMALL_POLICIES); i++) {
		struct built b;

		if (!T_OK(build(&b, 1, 1 + gen_below(&gen, 4), POL_PASS_ALL)))
			return;
		mutants_of(&b, tally);
		unbuild(&b);
	}
	T_IS_UINT(tally[3], 0);
	T_OK(tally[1] > 0 && tally[2] > 0);
	printf("# mutants: %lu refused by the check, %lu proved equal, %lu found to differ\n",
	    tally[0], tally[1], tally[2]);
}

int
main(void)
{
	gen.state = t_seed();
	if (!diags_init(&diags))
		return 1;
	T_RUN(test_proved);
	T_RUN(test_mutants);
	diags_fini(&diags);
	return t_done();
}
