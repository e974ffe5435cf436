/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutant_prop - the prover against images that were changed after they were made.
 * Does:    changes one place of a proved image (bits of cells, classes, keys, actions; entries
 *          exchanged; bounds moved), keeps what image_check lets through, and demands that the
 *          prover flags exactly the mutants by which some packet fares differently.
 * Shape:   whether one does is decided without the prover: the firmware's own walk is asked, before
 *          and after, for every combination of values at the edges of the rules and of the mutant's
 *          tree keys, both families, both directions, all fragments; a function that is constant
 *          between edges cannot differ elsewhere.
 * Usage:   TRIES_SCALE=10 SEED=1 build/rel/prop/mutant_prop judges 100,000 mutants that pass the
 *          check, in about a minute; `./build.sh prove` does, with a new seed.
 */
#include "t.h"

#include "fw_match.h"
#include "gen_rules.h"
#include "pol_image.h"
#include "prove_joint.h"

enum { MUTANTS = 10000, EACH = 50, VALUES_MAX = 96, KEYS_MAX = 60000 };

#define ARENA_BYTES ((size_t)256 << 20)

static struct gen gen;
static struct diags diags;
static unsigned long asked;

/* --- the edges ----------------------------------------------------------------------------- */

struct values {
	uint64_t v[VALUES_MAX];
	uint32_t count;
	bool over;
};

static void
value_add(struct values *s, uint64_t v, uint64_t max)
{
	if (v > max)
		return;
	for (uint32_t i = 0; i < s->count; i++)
		if (s->v[i] == v)
			return;
	s->over = s->over || s->count == VALUES_MAX;
	if (!s->over)
		s->v[s->count++] = v;
}

/* The first value of an interval: what lies below is another one's last. */
static void
start_add(struct values *s, uint64_t lo, uint64_t hi, uint64_t max)
{
	value_add(s, lo, max);
	if (hi < max)
		value_add(s, hi + 1, max);
}

struct space {
	struct values hi, lo;		/* of the remote address; hi is 0 for v4 */
	struct values sport, dport, vlan;
	uint8_t protos[256];
	uint32_t proto_count;
};

/* Key number i in ascending order; level and place follow from how often fan divides i + 1. */
static uint64_t
key_at(const uint8_t *root, const uint8_t *nodes, const uint32_t *level_at, unsigned depth,
    unsigned bytes, uint32_t i)
{
	uint32_t fan = WIRE_LINE / bytes + 1, n = i + 1, level = depth - 1;
	uint64_t v = 0;

	for (; n % fan == 0; n /= fan)
		level--;
	if (level > 0)
		root = nodes + (level_at[level] + n / fan) * WIRE_LINE;
	for (unsigned b = bytes; b-- > 0;)
		v = v << 8 | root[(n % fan - 1) * bytes + b];
	return wire_key_flip(v, bytes);
}

static void
tree_edges(const uint8_t *body, const uint8_t *root, const struct wire_tree *tree,
    unsigned depth, unsigned bytes, uint32_t keys, uint64_t max, struct values *out)
{
	uint32_t level_at[5] = { 0, le16_get(tree->start[0]), le16_get(tree->start[1]),
		le16_get(tree->start[2]), le16_get(tree->start[3]) };

	for (uint32_t i = 0; i < keys; i++) {
		uint64_t v = key_at(root, body + (size_t)le32_get(tree->at) * WIRE_LINE, level_at,
		    depth, bytes, i);

		if (v < max)
			value_add(out, v + 1, max);
	}
}

static void
half_edges(const uint8_t *body, const struct wire_half *h, struct space *s)
{
	uint64_t max = h->family == 4 ? UINT32_MAX : UINT64_MAX;

	tree_edges(body, h->roots[WIRE_ROOT_REMOTE], &h->remote, h->remote_depth,
	    h->family == 4 ? 4 : 8,
	    le32_get(h->remote_keys), max, h->family == 4 ? &s->lo : &s->hi);
	tree_edges(body, h->roots[WIRE_ROOT_SPORT], &h->sport, h->sport_depth, 2,
	    le32_get(h->sport_keys), 0xffff, &s->sport);
	tree_edges(body, h->roots[WIRE_ROOT_DPORT], &h->dport, h->dport_depth, 2,
	    le32_get(h->dport_keys), 0xffff, &s->dport);
	tree_edges(body, h->roots[WIRE_ROOT_VLAN], &h->vlan, h->vlan_depth, 2,
	    le32_get(h->vlan_keys), WIRE_VLAN_NONE, &s->vlan);
	for (uint32_t i = 0; h->low_depth > 0 && i <= le32_get(h->remote_keys); i++) {
		const struct wire_low *low = (const struct wire_low *)(body +
		    (size_t)le32_get(h->low_at) * WIRE_LINE) + i;
		struct wire_tree tree = { .at = low->at, .start = { le16_put(1), low->start[0],
			low->start[1] } };

		tree_edges(body, body + (size_t)le32_get(low->at) * WIRE_LINE, &tree,
		    h->low_depth, 8, le32_get(low->count), UINT64_MAX, &s->lo);
	}
}

/* Key number i of a group table, in ascending order: as in a tree, but that the last level is of
 * leaves, which have keys of their own number, and of v6 a key may be both halves. */
static struct addr
group_key_at(const struct wire_groups *g, uint32_t i)
{
	bool full = g->key_bytes == 16, leaf = true;
	uint32_t keys = g->family == 4 ? WIRE_KEYS_V4 : WIRE_KEYS_V6, level = g->depth;
	uint32_t fan = 1 + (g->family == 4 ? (uint32_t)WIRE_GROUP_LEAF_V4 : full ?
	    (uint32_t)WIRE_GROUP_LEAF_V6_FULL : (uint32_t)WIRE_GROUP_LEAF_V6);
	uint32_t n = i + 1, bytes = full ? 8 : g->key_bytes;
	struct addr a = { .family = g->family, .lo = UINT64_MAX };
	const uint8_t *node;
	uint64_t half[2] = { 0, 0 };

	for (; n % fan == 0; fan = keys + 1, leaf = false) {
		n /= fan;
		level--;
	}
	node = (const uint8_t *)g + (size_t)le32_get(g->start[level]) * WIRE_LINE +
	    (size_t)(n / fan) * (full ? 2 : 1) * WIRE_LINE + (size_t)(n % fan - 1) * bytes;
	for (unsigned h = 0; h <= full; h++, node += leaf ? WIRE_GROUP_LOW_LEAF :
	    WIRE_GROUP_LOW_NODE)
		for (unsigned b = bytes; b-- > 0;)
			half[h] = half[h] << 8 | node[b];
	half[0] = wire_key_flip(half[0], bytes);
	if (g->family == 4)
		return (struct addr){ .family = 4, .lo = half[0] };
	a.hi = half[0];
	if (full)
		a.lo = half[1];
	return a;
}

static void
groups_edges(const uint8_t *image, uint8_t family, struct space *s)
{
	uint32_t line = le32_get(((const struct wire_image_hdr *)image)->groups_at[family == 6]);
	const struct wire_groups *g = (const struct wire_groups *)(image +
	    (size_t)line * WIRE_LINE);

	for (uint32_t i = 0; line != 0 && i < le32_get(g->keys); i++) {
		struct addr a = group_key_at(g, i);

		if (!addr_next(&a))
			continue;
		value_add(&s->hi, a.hi, UINT64_MAX);
		value_add(&s->lo, a.lo, family == 4 ? UINT32_MAX : UINT64_MAX);
		if (family == 6 && a.hi < UINT64_MAX)	/* where its upper half ends */
			value_add(&s->hi, a.hi + 1, UINT64_MAX);
	}
}

/* Calls half_edges for each sub-table of both directions. */
static void
body_edges(const uint8_t *body, struct space *s)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		const struct wire_half *first = (const struct wire_half *)body + dir;
		const struct wire_half *more = (const struct wire_half *)(body +
		    (size_t)le32_get(first->next) * WIRE_LINE);

		half_edges(body, first, s);
		for (uint32_t i = 1; i < first->subs; i++)
			half_edges(body, &more[i - 1], s);
	}
}

static void
rule_edges(const struct pol_rule *rule, uint8_t family, struct space *s)
{
	for (uint32_t k = 0; k < rule->peer.count; k++) {
		const struct addr_range *g = &rule->peer.ranges[k];

		if (g->lo.family != family)
			continue;
		start_add(&s->lo, g->lo.lo, g->hi.lo, family == 4 ? UINT32_MAX : UINT64_MAX);
		value_add(&s->hi, g->lo.hi, UINT64_MAX);
		if (family == 6 && g->lo.hi < UINT64_MAX)
			value_add(&s->hi, g->lo.hi + 1, UINT64_MAX);
		start_add(&s->hi, g->hi.hi, g->hi.hi, family == 4 ? 0 : UINT64_MAX);
	}
	for (uint32_t k = 0; k < rule->service_count; k++) {
		const struct service *v = &rule->services[k].atom;

		start_add(&s->sport, v->sport_lo, v->sport_hi, 0xffff);
		start_add(&s->dport, v->dport_lo, v->dport_hi, 0xffff);
	}
	for (uint32_t k = 0; k < rule->vlan_count; k++)
		start_add(&s->vlan, rule->vlans[k].lo, rule->vlans[k].hi, WIRE_VLAN_NONE);
}

/* Bytes of all protocol maps of a body that speak of p. */
static uint64_t
proto_sign(const uint8_t *body, uint8_t p)
{
	uint64_t sign = 0;

	for (unsigned dir = 0; dir < 2; dir++) {
		const struct wire_half *first = (const struct wire_half *)body + dir;

		for (uint32_t i = 0; i < first->subs; i++) {
			const struct wire_half *h = i == 0 ? first : (const struct wire_half *)
			    (body + (size_t)le32_get(first->next) * WIRE_LINE) + (i - 1);

			sign = sign * 1000003 + body[(size_t)le32_get(h->proto_at) * WIRE_LINE + p];
		}
	}
	return sign;
}

static bool
proto_has_ports(uint8_t p)
{
	return p == PROTO_TCP || p == PROTO_UDP || p == PROTO_SCTP || p == PROTO_ICMP ||
	    p == PROTO_ICMP6;
}

/* All protocols, save those without ports that both bodies treat as one already there. */
static void
proto_edges(const struct pol_rules *r, const uint8_t *one, const uint8_t *two, struct space *s)
{
	bool named[256] = { false };
	uint64_t seen[256][2];
	uint32_t seen_count = 0;

	for (uint32_t i = 0; i < r->rule_count; i++)
		for (uint32_t k = 0; k < r->rules[i].service_count; k++)
			named[r->rules[i].services[k].atom.proto] = true;
	for (uint32_t p = 0; p < 256; p++) {
		uint64_t a = proto_sign(one, (uint8_t)p), b = proto_sign(two, (uint8_t)p);
		bool again = false;

		for (uint32_t i = 0; i < seen_count && !named[p] &&
		    !proto_has_ports((uint8_t)p); i++)
			again = again || (seen[i][0] == a && seen[i][1] == b);
		if (again)
			continue;
		if (!named[p] && !proto_has_ports((uint8_t)p)) {
			seen[seen_count][0] = a;
			seen[seen_count++][1] = b;
		}
		s->protos[s->proto_count++] = (uint8_t)p;
	}
}

/* False where it is too large to be asked in full. */
static bool
space_make(const struct pol_rules *r, uint8_t family, const uint8_t *const images[2],
    const uint8_t *one, const uint8_t *two, struct space *s)
{
	uint64_t n;

	memset(s, 0, sizeof(*s));
	value_add(&s->hi, 0, 0);
	value_add(&s->lo, 0, 0);
	value_add(&s->sport, 0, 0);
	value_add(&s->dport, 0, 0);
	value_add(&s->vlan, 0, 0);
	value_add(&s->vlan, WIRE_VLAN_NONE, WIRE_VLAN_NONE);
	for (uint32_t i = 0; i < r->rule_count; i++)
		rule_edges(&r->rules[i], family, s);
	body_edges(one, s);
	body_edges(two, s);
	for (uint32_t i = 0; i < 2; i++)
		groups_edges(images[i], family, s);
	proto_edges(r, one, two, s);
	n = (uint64_t)s->hi.count * s->lo.count * s->vlan.count *
	    (3 * s->sport.count * s->dport.count + s->dport.count + s->proto_count);
	return n <= KEYS_MAX && !s->hi.over && !s->lo.over && !s->sport.over && !s->dport.over &&
	    !s->vlan.over;
}

/* --- does a packet fare differently? ---------------------------------------------------------- */

struct pair {
	const uint8_t *one, *two;
	struct fw_table in_one, in_two;
	bool guard;
};

static bool
answers_differ(const struct pair *p, const struct fw_key *k)
{
	bool dx, dy;
	uint32_t x = fw_match(p->one, p->in_one, k, &dx), y = fw_match(p->two, p->in_two, k, &dy);
	struct fw_action a, b;

	asked++;
	if (p->guard && dx && dy)
		return false;
	fw_match_action(p->one, p->in_one, x, &a);
	fw_match_action(p->two, p->in_two, y, &b);
	if (dx != dy || a.verdict != b.verdict || a.log != b.log || a.counter != b.counter ||
	    a.rule_id != b.rule_id)
		return true;
	return a.verdict == WIRE_DROP ? a.mode != b.mode : a.state != b.state;
}

static bool
ports_tell(const struct pair *p, const struct space *s, struct fw_key *k)
{
	bool ports = k->frag != WIRE_FRAG_REST && (k->proto == PROTO_TCP ||
	    k->proto == PROTO_UDP || k->proto == PROTO_SCTP);
	bool icmp = k->frag != WIRE_FRAG_REST && k->proto == (k->family == 4 ? PROTO_ICMP :
	    PROTO_ICMP6);
	uint32_t sports = ports ? s->sport.count : 1, dports = ports || icmp ? s->dport.count : 1;

	for (uint32_t i = 0; i < sports; i++)
		for (uint32_t n = 0; n < dports; n++) {
			k->sport = ports ? (uint16_t)s->sport.v[i] : 0;
			k->dport = ports || icmp ? (uint16_t)s->dport.v[n] : 0;
			if (answers_differ(p, k))
				return true;
		}
	return false;
}

static bool
table_tells(const struct pair *p, const struct space *s, uint8_t family)
{
	struct fw_key k = { .family = family };

	for (uint32_t a = 0; a < s->hi.count * s->lo.count; a++) {
		struct addr remote = { s->hi.v[a / s->lo.count], s->lo.v[a % s->lo.count], family };

		addr_to_wire(&remote, k.remote);
		for (uint32_t n = 0; n < 4 * s->proto_count; n++) {
			k.proto = s->protos[n / 4];
			k.dir = n & 1;
			k.frag = n & 2 ? WIRE_FRAG_REST : WIRE_FRAG_NONE;
			for (uint32_t v = 0; v < s->vlan.count; v++) {
				k.vlan = (uint16_t)s->vlan.v[v];
				if (ports_tell(p, s, &k))
					return true;
			}
		}
	}
	return false;
}

enum told { SAME, DIFFERS, TOO_LARGE };

static const uint8_t *
slots_of(const uint8_t *p, size_t *len)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;

	*len = le32_get(h->slot_count) * sizeof(le16);
	return p + (size_t)le32_get(h->slots_at) * WIRE_LINE;
}

static bool
slots_same(const uint8_t *one, const uint8_t *two)
{
	size_t n, m;
	const uint8_t *x = slots_of(one, &n), *y = slots_of(two, &m);

	return n == m && memcmp(x, y, n) == 0;
}

static bool
groups_same(const uint8_t *one, const uint8_t *two, uint8_t family)
{
	uint32_t x = le32_get(((const struct wire_image_hdr *)one)->groups_at[family == 6]);
	uint32_t y = le32_get(((const struct wire_image_hdr *)two)->groups_at[family == 6]);

	return x == y && (x == 0 || memcmp(one + (size_t)x * WIRE_LINE, two + (size_t)x * WIRE_LINE,
	    le32_get(((const struct wire_groups *)(one + (size_t)x * WIRE_LINE))->bytes)) == 0);
}

static bool
body_same(const uint8_t *one, const uint8_t *two, uint32_t line)
{
	const uint8_t *body = one + (size_t)line * WIRE_LINE;

	return memcmp(body, two + (size_t)line * WIRE_LINE,
	    le32_get(((const struct wire_half *)body)->body_bytes)) == 0;
}

/* No rule in either direction: of the guard that is as good as no table, nothing matches. */
static bool
body_is_empty(const uint8_t *image, uint32_t line)
{
	const struct wire_half *h = (const struct wire_half *)(image + (size_t)line * WIRE_LINE);

	return le16_get(h[0].rules) == 0 && le16_get(h[1].rules) == 0;
}

/* One table of both images. local.family 0: the guard's of that family. */
static enum told
local_tells(const struct pol_rules *r, const uint8_t *one, const uint8_t *two,
    const struct addr *local, uint8_t family)
{
	struct pair p = { .one = one, .two = two, .guard = local->family == 0 };
	struct space s;
	uint8_t bytes[16];

	addr_to_wire(local, bytes);
	p.in_one = p.guard ? fw_table_guard(one, family) : fw_table_find(one, family, bytes);
	p.in_two = p.guard ? fw_table_guard(two, family) : fw_table_find(two, family, bytes);
	if ((p.in_one.body == 0) != (p.in_two.body == 0))
		return p.guard && body_is_empty(p.in_one.body != 0 ? one : two,
		    MAX(p.in_one.body, p.in_two.body)) ? SAME : DIFFERS;
	if (p.in_one.body == 0)
		return SAME;
	if (p.in_one.body == p.in_two.body && slots_same(one, two) &&
	    groups_same(one, two, family) && body_same(one, two, p.in_one.body))
		return SAME;
	if (!space_make(r, family, (const uint8_t *const [2]){ one, two },
	    one + (size_t)p.in_one.body * WIRE_LINE,
	    two + (size_t)p.in_two.body * WIRE_LINE, &s))
		return TOO_LARGE;
	return table_tells(&p, &s, family) ? DIFFERS : SAME;
}

/* A mutant's records may name addresses that no segment has. */
static bool
records_tell(const uint8_t *one, const uint8_t *two)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)two;
	const struct wire_table *rec = (const struct wire_table *)(two +
	    (size_t)le32_get(h->tables_at) * WIRE_LINE);

	for (uint32_t i = 0; i < le32_get(h->table_count); i++)
		if (fw_table_find(two, rec[i].family, rec[i].local).body != 0 &&
		    fw_table_find(one, rec[i].family, rec[i].local).body == 0)
			return true;
	return false;
}

static enum told
image_tells(const struct pol_rules *r, const uint8_t *one, const uint8_t *two)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)one;
	const struct wire_image_hdr *m = (const struct wire_image_hdr *)two;
	const struct addr none = { 0 };
	enum told told, all = SAME;

	if (h->unsegmented != m->unsegmented || h->non_ip != m->non_ip || h->flags != m->flags ||
	    records_tell(one, two))
		return DIFFERS;
	for (uint8_t family = 4; family <= 6; family += 2) {
		uint32_t asked_one = 0, asked_two = 0;

		for (uint32_t i = 0; i < le32_get(h->table_count); i++) {
			const struct wire_table *rec = (const struct wire_table *)(one +
			    (size_t)le32_get(h->tables_at) * WIRE_LINE) + i;
			struct addr local = addr_from_bytes(rec->family, rec->local);
			uint32_t in_one = fw_table_find(one, rec->family, rec->local).body;
			uint32_t in_two = fw_table_find(two, rec->family, rec->local).body;

			if (rec->family != family || (in_one == asked_one && in_two == asked_two))
				continue;
			asked_one = in_one;
			asked_two = in_two;
			told = local_tells(r, one, two, &local, family);
			if (told == DIFFERS)
				return told;
			all = MAX(all, told);
		}
		told = local_tells(r, one, two, &none, family);
		if (told == DIFFERS)
			return told;
		all = MAX(all, told);
	}
	return all;
}

/* --- mutants ---------------------------------------------------------------------------------- */

/* The line of an array of some half, where a change is likely to pass the check. */
static size_t
place_pick(const uint8_t *image, size_t len)
{
	const struct wire_image_hdr *hdr = (const struct wire_image_hdr *)image;
	const struct wire_body *dir = (const struct wire_body *)(image +
	    (size_t)le32_get(hdr->bodies_at) * WIRE_LINE);
	uint32_t n = le32_get(hdr->body_count), tries = 0;
	const struct wire_half *h;
	const uint8_t *body;
	size_t at;

	at = (size_t)le32_get(hdr->groups_at[gen_below(&gen, 2)]) * WIRE_LINE;
	if (at != 0 && gen_below(&gen, 4) == 0)
		return MIN(at + gen_below(&gen, le32_get(((const struct wire_groups *)(image +
		    at))->bytes)), len - 32);
	if (le32_get(hdr->slot_count) > 0 && gen_below(&gen, 16) == 0)
		return (size_t)le32_get(hdr->slots_at) * WIRE_LINE + 2 * gen_below(&gen,
		    le32_get(hdr->slot_count));
	/* rather a body that has rules */
	do {
		body = image + (size_t)le32_get(dir[gen_below(&gen, n)].line) * WIRE_LINE;
		h = (const struct wire_half *)body;
	} while (le16_get(h->rules) == 0 && tries++ < 8);
	h += gen_below(&gen, 2);
	if (h->subs > 1 && gen_below(&gen, 2) == 0)
		h = (const struct wire_half *)(body + (size_t)le32_get(h->next) * WIRE_LINE) +
		    gen_below(&gen, h->subs - 1u);
	{
		const le32 roots = le32_put((uint32_t)((const uint8_t *)h->roots[gen_below(&gen,
		    WIRE_ROOT__COUNT)] - body) / WIRE_LINE);
		const le32 arrays[] = { roots, roots, roots, h->remote.at, h->dport.at,
			h->remote_at, h->dport_at, h->sport_at, h->vlan_at, h->proto_at, h->head_at,
			h->b_at, h->b_at, h->bp_at, h->m_at, h->mp_at, h->mp_at, h->bp_at,
			h->actions_at, h->actions_at, h->low_at, h->gmap_at, h->x_at, h->x_at };

		at = (size_t)(body - image) +
		    (size_t)le32_get(arrays[gen_below(&gen, ARRAY_LEN(arrays))]) * WIRE_LINE;
	}
	at += gen_below(&gen, gen_below(&gen, 3) == 0 ? 4 * WIRE_LINE : 16);
	return MIN(at, len - 32);
}

static void
exchange(uint8_t *x, uint8_t *y, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t b = x[i];

		x[i] = y[i];
		y[i] = b;
	}
}

static void
mutate(uint8_t *image, size_t len)
{
	static const uint8_t sizes[] = { 1, 2, 4, 8, 16 };
	size_t n = sizes[gen_below(&gen, sizeof(sizes))];
	size_t at = gen_below(&gen, 16) == 0 ? gen_below(&gen, (uint32_t)len - 32) :
	    place_pick(image, len);

	switch (gen_below(&gen, 5)) {
	case 0:		/* one bit */
		image[at] ^= (uint8_t)(1u << gen_below(&gen, 8));
		break;
	case 1:		/* neighbours exchanged: cells, classes, keys, actions */
		at = MIN(at, len - 2 * n) & ~(n - 1);	/* the slots may end the image */
		exchange(image + at, image + at + n, n);
		break;
	case 2:		/* a bound moved */
		image[at & ~(size_t)1]++;
		break;
	case 3:
		image[at & ~(size_t)1]--;
		break;
	default:	/* a small value for a cell or class */
		image[at & ~(size_t)1] = (uint8_t)gen_below(&gen, 8);
		image[at | 1] = 0;
	}
}

struct tally {
	unsigned long refused, same, differs, large, missed, false_alarms, no_example;
	unsigned long images, shared;	/* shared: with a table of groups */
};

/* The counterexample is one: the packet meets two answers. A difference that is not a packet's is
 * told in words. */
static bool
example_holds(const uint8_t *one, const uint8_t *two, const struct pol_proof *proof)
{
	const struct pkt_key *x = &proof->key;
	struct fw_key k = { .family = x->remote.family, .dir = x->dir, .proto = x->proto,
		.frag = x->frag, .sport = x->sport, .dport = x->dport, .vlan = x->vlan };
	struct pair p = { .one = one, .two = two, .guard = proof->local.family == 0 };
	uint8_t local[16];

	if (k.family == 0)
		return true;
	addr_to_wire(&x->remote, k.remote);
	addr_to_wire(&proof->local, local);
	p.in_one = p.guard ? fw_table_guard(one, k.family) : fw_table_find(one, k.family, local);
	p.in_two = p.guard ? fw_table_guard(two, k.family) : fw_table_find(two, k.family, local);
	return p.in_one.body != 0 && p.in_two.body != 0 && answers_differ(&p, &k);
}

static void
mutant_judge(const struct pol_rules *r, const struct pol_image *image, const uint8_t *mutant,
    struct tally *n)
{
	struct diag d = { 0 };
	struct pol_proof proof;
	struct arena a;
	enum told told;
	enum rc rc;

	if (image_check(mutant, image->len, &d) != RC_OK) {
		n->refused++;
		return;
	}
	told = image_tells(r, image->bytes, mutant);
	if (told == TOO_LARGE) {
		n->large++;
		return;
	}
	arena_init(&a, ARENA_BYTES);
	prove_big_ranges = gen_below(&gen, 4) == 0 ? UINT32_MAX : gen_below(&gen, 3);
	prove_run_min = gen_below(&gen, 4) == 0 ? UINT32_MAX : gen_below(&gen, 3);
	rc = pol_prove(r, &image->names, mutant, image->len, &a, &proof, &d);
	arena_fini(&a);
	CHECK(rc == RC_OK || rc == RC_CONFLICT);
	n->same += told == SAME;
	n->differs += told == DIFFERS;
	if (rc == RC_CONFLICT && !example_holds(image->bytes, mutant, &proof) &&
	    n->no_example++ < 5)
		printf("# no counterexample: %s\n", d.text);
	if (told == DIFFERS && rc == RC_OK && n->missed++ < 5)
		printf("# proved, but a packet fares differently\n");
	if (told == SAME && rc != RC_OK && n->false_alarms++ < 5)
		printf("# flagged, but no packet fares differently: %s\n", d.text);
}

/* As pol_image_make, but that sets of two ranges may already be shared by all tables. */
static bool
image_make(const struct pol_rules *r, struct arena *a, struct pol_image *out, struct tally *n)
{
	struct diag d = { 0 };

	memset(out, 0, sizeof(*out));
	out->passes = gen_below(&gen, POL_PASS_ALL + 1);
	if (pol_build(r, out->passes, a, &out->input, &out->symbols, &diags) != RC_OK)
		return false;
	out->input.big_ranges = gen_below(&gen, 4) != 0;
	if (image_encode(&out->input, &out->bytes, &out->len, &d) != RC_OK ||
	    image_check(out->bytes, out->len, &d) != RC_OK ||
	    pol_names_get(r, out->passes, a, &out->names) != RC_OK ||
	    pol_prove(r, &out->names, out->bytes, out->len, a, &out->proof, &d) != RC_OK) {
		printf("# %s\n", d.text);
		return false;
	}
	n->shared += le32_get(((const struct wire_image_hdr *)out->bytes)->groups_at[0]) != 0 ||
	    le32_get(((const struct wire_image_hdr *)out->bytes)->groups_at[1]) != 0;
	return true;
}

/* False where the policy does not become an image. */
static bool
policy_mutants(struct tally *n)
{
	struct pol_image image;
	struct pol_rules rules;
	uint8_t *mutant = NULL;
	struct arena a;
	bool good;

	arena_init(&a, ARENA_BYTES);
	do
		gen_rules(&gen, &a, 1 + gen_below(&gen, 2), 1 + gen_below(&gen, 5), &rules);
	while (rules.rule_count == 0);
	if (image_make(&rules, &a, &image, n))
		mutant = malloc(image.len);
	good = mutant != NULL;
	n->images++;
	for (int i = 0; mutant != NULL && i < EACH; i++) {
		memcpy(mutant, image.bytes, image.len);
		mutate(mutant, image.len);
		if (memcmp(mutant, image.bytes, image.len) != 0)
			mutant_judge(&rules, &image, mutant, n);
	}
	free(mutant);
	pol_image_fini(&image);
	arena_fini(&a);
	return good;
}

static void
every_change_of_meaning_is_caught(void)
{
	unsigned long want = t_tries(MUTANTS);
	struct tally n = { 0 };

	while (n.same + n.differs < want)
		if (!T_OK(policy_mutants(&n)))
			break;
	T_IS_UINT(n.missed, 0);
	T_IS_UINT(n.false_alarms, 0);
	T_IS_UINT(n.no_example, 0);
	T_OK(n.same > 0 && n.differs > want / 20);
	T_OK(n.shared > n.images / 8);
	printf("# %lu of %lu images have a table of groups\n", n.shared, n.images);
	printf("# mutants: %lu judged: %lu differ, %lu do not; %lu refused by the check before, "
	    "%lu left out: too many packets to ask\n", n.same + n.differs, n.differs, n.same,
	    n.refused, n.large);
	printf("# %lu packets asked\n", asked);
}

int
main(void)
{
	gen.state = t_seed();
	if (!diags_init(&diags))
		return 1;
	T_RUN(every_change_of_meaning_is_caught);
	diags_fini(&diags);
	return t_done();
}
