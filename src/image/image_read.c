/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_read - a checked image decoded: the slow, obvious walk.
 *
 * Shares nothing with the encoder nor with the firmware: tables are found by bisection of the
 * sorted records instead of the hash, ranks by bisection of keys taken in order.
 */
#include "image_read.h"

#include <string.h>

#include "bytes.h"

static const uint8_t *
array(const struct image_view *v, le32 line)
{
	return v->body + (size_t)le32_get(line) * WIRE_LINE;
}

static uint32_t
cell(const struct image_view *v, le32 line, size_t index)
{
	return get_le16(array(v, line) + 2 * index);
}

/* Key number i, in ascending order, of a tree: the level is told by how often fan divides i + 1. */
static uint64_t
key_at(const uint8_t *root, const uint8_t *nodes, const uint32_t *start, unsigned depth,
    unsigned key_bytes, uint64_t i)
{
	unsigned fan = WIRE_LINE / key_bytes + 1, level = depth - 1;
	uint64_t n = i + 1;
	const uint8_t *p;

	while (n % fan == 0) {
		n /= fan;
		level--;
	}
	p = level > 0 ? nodes + (start[level - 1] + n / fan) * WIRE_LINE : root;
	p += (n % fan - 1) * key_bytes;
	return wire_key_flip(key_bytes == 2 ? get_le16(p) : key_bytes == 4 ? get_le32(p)
	    : get_le64(p), key_bytes);
}

static uint32_t
rank_of(const uint8_t *root, const uint8_t *nodes, const uint32_t *start, unsigned depth,
    unsigned key_bytes, uint32_t count, uint64_t value)
{
	uint32_t lo = 0, hi = count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (key_at(root, nodes, start, depth, key_bytes, mid) < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint32_t
tree_rank(const struct image_view *v, const uint8_t *root, const struct wire_tree *t,
    unsigned depth, unsigned key_bytes, le32 keys, uint64_t value)
{
	uint32_t start[4];

	for (int i = 0; i < 4; i++)
		start[i] = le16_get(t->start[i]);
	return rank_of(root, array(v, t->at), start, depth, key_bytes, le32_get(keys), value);
}

static uint32_t
remote_class(const struct image_view *v, const struct wire_half *h, const struct addr *a)
{
	uint64_t value = h->family == 4 ? a->lo : a->hi;
	uint32_t rank = tree_rank(v, h->roots[WIRE_ROOT_REMOTE], &h->remote, h->remote_depth,
	    h->family == 4 ? 4 : 8, h->remote_keys, value);

	if (h->low_depth > 0) {
		const struct wire_low *low = (const struct wire_low *)array(v, h->low_at) + rank;
		uint32_t start[4] = { 1, le16_get(low->start[0]), le16_get(low->start[1]), 0 };

		rank = le32_get(low->classes) + rank_of(array(v, low->at), array(v, low->at), start,
		    h->low_depth, 8, le32_get(low->count), a->lo);
	}
	return cell(v, h->remote_at, rank);
}

/* --- groups ----------------------------------------------------------------------------------- */

struct group_shape {
	unsigned leaf, leaf_bytes, sets_at;	/* keys; bytes of a leaf; where its sets begin */
	unsigned fan, node_bytes;		/* children of a node */
};

static struct group_shape
group_shape(const struct wire_groups *g)
{
	switch (g->key_bytes) {
	case 4:
		return (struct group_shape){ WIRE_GROUP_LEAF_V4, WIRE_LINE, WIRE_GROUP_SETS_V4,
			WIRE_KEYS_V4 + 1, WIRE_LINE };
	case 8:
		return (struct group_shape){ WIRE_GROUP_LEAF_V6, WIRE_LINE, WIRE_GROUP_SETS_V6,
			WIRE_KEYS_V6 + 1, WIRE_LINE };
	default:
		CHECK(g->key_bytes == 16);
		return (struct group_shape){ WIRE_GROUP_LEAF_V6_FULL, 2 * WIRE_LINE,
			WIRE_GROUP_SETS_V6_FULL, WIRE_KEYS_V6 + 1, 2 * WIRE_LINE };
	}
}

static const uint8_t *
group_level(const struct wire_groups *g, unsigned level)
{
	return (const uint8_t *)g + (size_t)le32_get(g->start[level]) * WIRE_LINE;
}

/* Place i of a node or leaf. */
static struct addr
group_key(const struct wire_groups *g, const uint8_t *node, unsigned i, unsigned low_at)
{
	struct addr a = { .family = g->family };

	if (g->key_bytes == 4) {
		a.lo = wire_key_flip(get_le32(node + (size_t)i * 4), 4);
		return a;
	}
	a.hi = get_le64(node + (size_t)i * 8);
	a.lo = g->key_bytes == 8 ? UINT64_MAX : get_le64(node + low_at + (size_t)i * 8);
	return a;
}

/* Every (leaf + 1)th key is in a node above; of those every fanth is higher still. */
struct addr
image_groups_key(const struct wire_groups *g, uint32_t i)
{
	struct group_shape s = group_shape(g);
	uint64_t n = (uint64_t)i + 1;
	unsigned level = g->depth;

	CHECK(i < le32_get(g->keys));
	if (n % (s.leaf + 1) != 0)
		return group_key(g, group_level(g, level) + n / (s.leaf + 1) * s.leaf_bytes,
		    (unsigned)(n % (s.leaf + 1)) - 1, WIRE_GROUP_LOW_LEAF);
	n /= s.leaf + 1;
	for (level--; n % s.fan == 0; level--)
		n /= s.fan;
	return group_key(g, group_level(g, level) + n / s.fan * s.node_bytes,
	    (unsigned)(n % s.fan) - 1, WIRE_GROUP_LOW_NODE);
}

uint32_t
image_groups_set(const struct wire_groups *g, uint32_t rank)
{
	struct group_shape s = group_shape(g);

	CHECK(rank <= le32_get(g->keys));
	return get_le16(group_level(g, g->depth) + (size_t)(rank / (s.leaf + 1)) * s.leaf_bytes +
	    s.sets_at + (size_t)(rank % (s.leaf + 1)) * 2);
}

uint32_t
image_groups_find(const struct wire_groups *g, const struct addr *a)
{
	uint32_t lo = 0, hi = le32_get(g->keys);

	CHECK(a->family == g->family);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		struct addr key = image_groups_key(g, mid);

		if (addr_cmp(&key, a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return image_groups_set(g, lo);
}

const struct wire_groups *
image_groups(const uint8_t *p, uint8_t family)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;
	uint32_t line = le32_get(h->groups_at[family == 6]);

	CHECK(family == 4 || family == 6);
	return line == 0 ? NULL : (const struct wire_groups *)(p + (size_t)line * WIRE_LINE);
}

uint32_t
image_view_remote(const struct image_view *v, const struct wire_half *h, const struct addr *a)
{
	uint32_t cls = remote_class(v, h, a), set;

	if (h->group == 0)
		return cls;
	CHECK(v->groups != NULL);
	set = cell(v, h->gmap_at, image_groups_find(v->groups, a));
	return cell(v, h->x_at, ((size_t)cls << (h->group & ~WIRE_GROUP_USED)) + set);
}

/* --- the walk --------------------------------------------------------------------------------- */

static uint32_t
segmented(const struct image_view *v, le32 index_at, le32 pool_at, uint32_t row, unsigned shift,
    uint32_t r, uint32_t c)
{
	size_t segment = cell(v, index_at, (size_t)r * row + (c >> shift));

	if (shift == 0)
		return (uint32_t)segment;
	return cell(v, pool_at, (segment << shift) + (c & ((1u << shift) - 1)));
}

static uint32_t
class_of(const struct image_view *v, le32 classes_at, uint32_t rank)
{
	return le32_get(classes_at) == 0 ? rank : cell(v, classes_at, rank);
}

static uint32_t
half_cell(const struct image_view *v, const struct wire_half *h, const struct pkt_key *k)
{
	uint32_t proto = array(v, h->proto_at)[k->proto];
	uint32_t vlan = class_of(v, h->vlan_at, tree_rank(v, h->roots[WIRE_ROOT_VLAN], &h->vlan,
	    h->vlan_depth, 2, h->vlan_keys, k->vlan));
	uint32_t sport = class_of(v, h->sport_at, tree_rank(v, h->roots[WIRE_ROOT_SPORT], &h->sport,
	    h->sport_depth, 2, h->sport_keys, k->sport));
	uint32_t dport = class_of(v, h->dport_at, tree_rank(v, h->roots[WIRE_ROOT_DPORT], &h->dport,
	    h->dport_depth, 2, h->dport_keys, k->dport));
	uint32_t row = proto * 2 + (k->frag == WIRE_FRAG_REST);
	uint32_t q = cell(v, h->head_at, ((size_t)row * le16_get(h->vlan_classes) + vlan) *
	    le16_get(h->sport_classes) + sport);
	uint32_t s = segmented(v, h->b_at, h->bp_at, le16_get(h->b_row), h->b_shift, q, dport);

	return segmented(v, h->m_at, h->mp_at, le16_get(h->m_row), h->m_shift,
	    image_view_remote(v, h, &k->remote), s);
}

const struct wire_half *
image_view_half(const struct image_view *v, unsigned dir, unsigned sub)
{
	const struct wire_half *first = (const struct wire_half *)v->body + dir;

	CHECK(dir < 2 && sub < first->subs);
	return sub == 0 ? first : (const struct wire_half *)array(v, first->next) + (sub - 1);
}

uint32_t
image_view_rules(const struct image_view *v)
{
	return le16_get(image_view_half(v, 0, 0)->rules);
}

void
image_view_action(const struct image_view *v, uint32_t index, struct image_action *out)
{
	const struct wire_half *h = image_view_half(v, 0, 0);
	const struct wire_action *a = (const struct wire_action *)array(v, h->actions_at) + index;

	CHECK(index <= image_view_rules(v));
	memset(out, 0, sizeof(*out));
	out->verdict = a->verdict;
	out->mode = a->mode;
	out->state = a->state;
	out->log = a->log != 0;
	out->counter = le16_get(a->counter);
	if (out->counter != WIRE_COUNTER_NONE)
		out->counter = le16_get(v->slots[out->counter]);
	out->rule_id = le32_get(a->rule_id);
}

uint32_t
image_view_match(const struct image_view *v, const struct pkt_key *k)
{
	const struct wire_half *first = image_view_half(v, k->dir, 0);
	uint32_t best = image_view_rules(v);

	CHECK(k->remote.family == first->family);
	for (unsigned i = 0; i < first->subs; i++)
		best = MIN(best, half_cell(v, image_view_half(v, k->dir, i), k));
	return best;
}

static const struct wire_tree *
axis_tree(const struct wire_half *h, enum wire_root axis, unsigned *depth, le32 *keys)
{
	switch (axis) {
	case WIRE_ROOT_REMOTE:
		*depth = h->remote_depth;
		*keys = h->remote_keys;
		return &h->remote;
	case WIRE_ROOT_DPORT:
		*depth = h->dport_depth;
		*keys = h->dport_keys;
		return &h->dport;
	case WIRE_ROOT_SPORT:
		*depth = h->sport_depth;
		*keys = h->sport_keys;
		return &h->sport;
	default:
		*depth = h->vlan_depth;
		*keys = h->vlan_keys;
		return &h->vlan;
	}
}

uint32_t
image_view_keys(const struct wire_half *h, enum wire_root axis)
{
	unsigned depth;
	le32 keys;

	(void)axis_tree(h, axis, &depth, &keys);
	return le32_get(keys);
}

uint64_t
image_view_key(const struct image_view *v, const struct wire_half *h, enum wire_root axis,
    uint32_t i)
{
	unsigned depth, bytes = axis != WIRE_ROOT_REMOTE ? 2 : h->family == 4 ? 4 : 8;
	uint32_t start[4];
	le32 keys;
	const struct wire_tree *t = axis_tree(h, axis, &depth, &keys);

	CHECK(i < le32_get(keys));
	for (int k = 0; k < 4; k++)
		start[k] = le16_get(t->start[k]);
	return key_at(h->roots[axis], array(v, t->at), start, depth, bytes, i);
}

uint32_t
image_local_count(const uint8_t *p)
{
	return le32_get(((const struct wire_image_hdr *)p)->table_count);
}

struct addr
image_local(const uint8_t *p, uint32_t i)
{
	CHECK(i < image_local_count(p));
	return image_table_local(&image_tables(p)[i]);
}

const struct wire_table *
image_tables(const uint8_t *p)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;

	return (const struct wire_table *)(p + (size_t)le32_get(h->tables_at) * WIRE_LINE);
}

struct addr
image_table_local(const struct wire_table *t)
{
	return addr_from_bytes(t->family, t->local);
}

bool
image_view_open(struct image_view *v, const uint8_t *p, const struct addr *local, uint8_t family)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;
	uint32_t lo = 0, hi = le32_get(h->table_count), body = 0, slots = 0;

	CHECK(family == 4 || family == 6);
	while (local->family != 0 && lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		struct addr a = image_table_local(&image_tables(p)[mid]);
		int c = addr_cmp(&a, local);

		if (c == 0) {
			body = le32_get(image_tables(p)[mid].body);
			slots = le32_get(image_tables(p)[mid].slots);
			break;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (local->family == 0) {
		body = le32_get(h->guard_at[family == 6]);
		slots = le32_get(h->guard_slots[family == 6]);
	}
	v->slots = (const le16 *)(p + (size_t)le32_get(h->slots_at) * WIRE_LINE) + slots;
	v->line = body;
	v->body = p + (size_t)body * WIRE_LINE;
	v->groups = image_groups(p, family);
	return body != 0;
}

bool
image_lookup(const uint8_t *p, size_t len, const struct addr *local, const struct pkt_key *k,
    struct image_action *out, bool *is_default)
{
	struct image_view v;
	uint32_t index;

	CHECK(len >= sizeof(struct wire_image_hdr));
	CHECK(k->dir == WIRE_OUT || k->dir == WIRE_IN);
	if ((local->family != 0 && local->family != k->remote.family) ||
	    !image_view_open(&v, p, local, k->remote.family))
		return false;
	index = image_view_match(&v, k);
	*is_default = index == image_view_rules(&v);
	image_view_action(&v, index, out);
	return true;
}
