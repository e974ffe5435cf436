/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_check - is a foreign image one that every walk stays inside of?
 *
 * Bounds every offset, count, depth, class, segment and cell, and refuses what the encoder would
 * not write: order, padding keys, reserved bytes. O(len): bodies do not overlap, a body's arrays
 * are read once per sub-table, of which there are eight at most. The firmware has a check of its
 * own (fw_image.c), written apart from this one.
 */
#include <string.h>

#include "image_groups.h"
#include "image_read.h"

struct chk {
	const uint8_t *image;
	const uint8_t *p;	/* the body at hand, or the image */
	uint64_t len;		/* of p */
	uint64_t at;		/* of the first fault, from the image's start */
	uint32_t slots;		/* of the bodies so far */
	uint32_t sets[2];	/* of the group tables, v4, v6; 0 = there is none */
	const char *what;	/* NULL = sound so far */
};

static bool
chk_fail(struct chk *c, const void *at, const char *what)
{
	if (c->what == NULL) {
		c->what = what;
		c->at = at == NULL ? 0 : (uint64_t)((const uint8_t *)at - c->image);
	}
	return false;
}

static bool
chk_zero(struct chk *c, const uint8_t *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (p[i] != 0)
			return chk_fail(c, p + i, "a reserved byte is not zero");
	return true;
}

/* The bytes of an array at a line; NULL where they do not lie inside. */
static const uint8_t *
chk_array(struct chk *c, const le32 *line, uint64_t bytes)
{
	uint64_t at = (uint64_t)le32_get(*line) * WIRE_LINE;

	if (at <= c->len && bytes <= c->len - at)
		return c->p + at;
	chk_fail(c, line, "an array is not inside");
	return NULL;
}

static bool
chk_cells(struct chk *c, const le32 *line, uint64_t count, uint32_t below, bool none)
{
	const uint8_t *p = chk_array(c, line, count * 2);

	if (p == NULL)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		uint32_t v = (uint32_t)(p[2 * i] | p[2 * i + 1] << 8);

		if (v >= below && !(none && v == WIRE_CELL_NONE))
			return chk_fail(c, p + 2 * i, "a class, segment or cell is out of range");
	}
	return true;
}

/* --- trees ------------------------------------------------------------------------------------ */

static uint64_t
chk_key(const uint8_t *p, unsigned key_bytes)
{
	uint64_t v = 0;

	for (unsigned i = key_bytes; i > 0; i--)
		v = v << 8 | p[i - 1];
	return wire_key_flip(v, key_bytes);
}

/* Lines of a tree of count keys; start[i] where level i + 1 begins. */
static uint64_t
tree_shape(uint64_t count, unsigned fan, unsigned depth, uint64_t start[WIRE_DEPTH_MAX])
{
	uint64_t lines = 0, below = 1;

	for (unsigned i = 0; i < depth; i++)
		below *= fan;
	for (unsigned i = 0; i < depth; i++) {
		if (i > 0)
			start[i - 1] = lines;
		lines += count / below + 1;
		below /= fan;
	}
	return lines;
}

static unsigned
tree_depth(uint64_t count, unsigned fan)
{
	uint64_t ranks = 1;
	unsigned depth = 0;

	while (depth < 16 && ranks <= count) {
		ranks *= fan;
		depth++;
	}
	return depth;
}

/* Key number i of a tree's last level, which i is in. */
static uint64_t
last_key(const uint8_t *level, uint64_t i, unsigned key_bytes)
{
	unsigned fan = WIRE_LINE / key_bytes + 1;

	return chk_key(level + (i / fan * (fan - 1) + i % fan) * key_bytes, key_bytes);
}

/* Nodes of a tree whose lines lie inside: what is past count is all ones, so that no child is
 * reached that is not stored; the rest ascends, each key of an upper level between the two of the
 * last level that are its neighbours. */
static bool
chk_nodes(struct chk *c, const uint8_t *root, const uint8_t *more, uint64_t count,
    unsigned key_bytes, unsigned depth)
{
	unsigned fan = WIRE_LINE / key_bytes + 1;
	uint64_t ones = UINT64_MAX >> (64 - 8 * key_bytes), below = 1;
	uint64_t start[WIRE_DEPTH_MAX] = { 0 };
	const uint8_t *p = root, *last_level = root;

	(void)tree_shape(count, fan, depth, start);
	if (depth > 1)
		last_level = more + (start[depth - 2] - 1) * WIRE_LINE;
	for (unsigned i = 0; i < depth; i++)
		below *= fan;
	for (unsigned i = 0; i < depth; i++) {
		uint64_t n = count / below + 1, step = below / fan, last = 0;

		for (uint64_t node = 0; node < n; node++) {
			for (unsigned j = 0; j + 1 < fan; j++, p += key_bytes) {
				uint64_t at = (node * fan + j + 1) * step - 1;
				uint64_t key = chk_key(p, key_bytes);

				if (at >= count ? key != ones
				    : key == ones || (key <= last && (node > 0 || j > 0)))
					return chk_fail(c, p, "keys of a tree are out of order");
				if (at < count && step > 1 &&
				    (last_key(last_level, at - 1, key_bytes) >= key ||
				    (at + 1 < count &&
				    last_key(last_level, at + 1, key_bytes) <= key)))
					return chk_fail(c, p, "keys of a tree are out of order");
				last = at < count ? key : last;
			}
		}
		below = step;
		p = i == 0 ? more : p;
	}
	return true;
}

static bool
chk_tree(struct chk *c, const uint8_t *root, const struct wire_tree *t, const le32 *keys,
    unsigned key_bytes, unsigned depth, unsigned depth_max)
{
	uint64_t start[WIRE_DEPTH_MAX] = { 0 }, count = le32_get(*keys), lines;
	unsigned fan = WIRE_LINE / key_bytes + 1;
	const uint8_t *nodes;

	if (count > c->len || MAX(tree_depth(count, fan), 1u) != depth || depth > depth_max)
		return chk_fail(c, t, "a tree's depth is not that of its keys");
	lines = tree_shape(count, fan, depth, start);
	for (unsigned i = 0; i < 4; i++)
		if (le16_get(t->start[i]) != (start[i] > 0 ? start[i] - 1 : 0))
			return chk_fail(c, t, "a tree's levels do not begin where they must");
	nodes = chk_array(c, &t->at, (lines - 1) * WIRE_LINE);
	if (nodes == NULL || (depth == 1 && le32_get(t->at) != 0))
		return chk_fail(c, t, "a tree is not inside");
	return chk_nodes(c, root, nodes, count, key_bytes, depth);
}

/* Trees of lower halves: the one without keys is shared, the others follow one another. */
static bool
chk_lows(struct chk *c, const struct wire_half *h)
{
	uint64_t ranks = (uint64_t)le32_get(h->remote_keys) + 1, classes = 0;
	uint64_t none = UINT64_MAX, next = UINT64_MAX;
	unsigned depth = h->low_depth;
	const struct wire_low *low;

	if (depth > WIRE_DEPTH_LOW_MAX || h->family != 6)
		return chk_fail(c, h, "lower halves where there are none");
	low = (const struct wire_low *)chk_array(c, &h->low_at, ranks * sizeof(*low));
	for (uint64_t i = 0; low != NULL && i < ranks; i++, low++) {
		uint64_t start[WIRE_DEPTH_MAX] = { 0 }, count = le32_get(low->count), lines;
		uint64_t at = le32_get(low->at);
		const uint8_t *nodes;

		if (count > c->len || tree_depth(count, WIRE_KEYS_V6 + 1) > depth ||
		    le32_get(low->classes) != classes)
			return chk_fail(c, low, "a lower half's keys do not fit");
		classes += count + 1;
		lines = tree_shape(count, WIRE_KEYS_V6 + 1, depth, start);
		if (le16_get(low->start[0]) != start[1] || le16_get(low->start[1]) != start[2])
			return chk_fail(c, low, "a tree's levels do not begin where they must");
		if (count == 0 && none == at)
			continue;
		nodes = chk_array(c, &low->at, lines * WIRE_LINE);
		if (nodes == NULL || (count == 0 && none != UINT64_MAX) ||
		    (count > 0 && next != UINT64_MAX && next != at))
			return chk_fail(c, low, "trees of lower halves do not follow each other");
		if (count == 0)
			none = at;
		else
			next = at + lines;
		if (!chk_nodes(c, nodes, nodes + WIRE_LINE, count, 8, depth))
			return false;
	}
	if (low != NULL && classes != le32_get(h->low_ranks))
		return chk_fail(c, h, "the remote class array has not one entry a rank");
	return low != NULL;
}

/* --- halves and bodies ------------------------------------------------------------------------ */

/* A port's or VLAN's class array; none where the rank is the class. */
static bool
chk_classes(struct chk *c, const le32 *line, const le32 *keys, uint32_t classes)
{
	uint64_t ranks = (uint64_t)le32_get(*keys) + 1;

	if (le32_get(*line) == 0)
		return ranks == classes ||
		    chk_fail(c, line, "ranks without classes are not as many as classes");
	return chk_cells(c, line, ranks, classes, false);
}

static bool
chk_axes(struct chk *c, const struct wire_half *h)
{
	bool v4 = h->family == 4;

	if (!chk_tree(c, h->roots[WIRE_ROOT_REMOTE], &h->remote, &h->remote_keys, v4 ? 4 : 8,
	    h->remote_depth, v4 ? WIRE_DEPTH_V4_MAX : WIRE_DEPTH_V6_MAX) ||
	    !chk_tree(c, h->roots[WIRE_ROOT_DPORT], &h->dport, &h->dport_keys, 2,
	    h->dport_depth, WIRE_DEPTH_U16_MAX) ||
	    !chk_tree(c, h->roots[WIRE_ROOT_SPORT], &h->sport, &h->sport_keys, 2,
	    h->sport_depth, WIRE_DEPTH_U16_MAX) ||
	    !chk_tree(c, h->roots[WIRE_ROOT_VLAN], &h->vlan, &h->vlan_keys, 2,
	    h->vlan_depth, WIRE_DEPTH_U16_MAX))
		return false;
	if (h->low_depth > 0) {
		if (!chk_lows(c, h))
			return false;
	} else if (le32_get(h->low_ranks) != le32_get(h->remote_keys) + 1 ||
	    le32_get(h->low_at) != 0) {
		return chk_fail(c, h, "the remote class array has not one entry a rank");
	}
	return chk_cells(c, &h->remote_at, le32_get(h->low_ranks),
	    le16_get(h->local_classes), false) &&
	    chk_classes(c, &h->dport_at, &h->dport_keys, le16_get(h->dport_classes)) &&
	    chk_classes(c, &h->sport_at, &h->sport_keys, le16_get(h->sport_classes)) &&
	    chk_classes(c, &h->vlan_at, &h->vlan_keys, le16_get(h->vlan_classes));
}

/* rows of row segments each, and their pool; in one step where shift is 0. */
static bool
chk_product(struct chk *c, const le32 *at, uint64_t count, const le32 *pool_at, uint64_t segments,
    unsigned shift, uint32_t below, bool none)
{
	if (shift > 0)
		return chk_cells(c, at, count, (uint32_t)segments, false) &&
		    chk_cells(c, pool_at, segments << shift, below, none);
	if (le32_get(*pool_at) != 0 || segments != 0)
		return chk_fail(c, pool_at, "segments of rows that are not cut");
	return chk_cells(c, at, count, below, none);
}

static bool
chk_shift(unsigned shift)
{
	return shift == 0 || (shift >= WIRE_SHIFT_MIN && shift <= WIRE_SHIFT_MAX);
}

static bool
chk_products(struct chk *c, const struct wire_half *h)
{
	uint64_t b_segs = le32_get(h->b_segments), m_segs = le32_get(h->m_segments);
	uint32_t q = le16_get(h->q_classes);
	uint32_t s = le16_get(h->s_classes), d = le16_get(h->dport_classes);
	uint32_t protos = le16_get(h->proto_classes);
	const uint8_t *proto = chk_array(c, &h->proto_at, 256);

	if (proto == NULL)
		return false;
	for (int i = 0; i < 256; i++)
		if (proto[i] >= protos)
			return chk_fail(c, proto + i, "a protocol's class is out of range");
	if (!chk_shift(h->b_shift) || !chk_shift(h->m_shift) ||
	    b_segs > UINT16_MAX || m_segs > UINT16_MAX ||
	    le16_get(h->b_row) != (d + (1u << h->b_shift) - 1) >> h->b_shift ||
	    le16_get(h->m_row) != (s + (1u << h->m_shift) - 1) >> h->m_shift)
		return chk_fail(c, h, "rows are not cut as their shift says");
	if ((uint64_t)protos * 2 * le16_get(h->vlan_classes) > WIRE_HEAD_ROWS_MAX)
		return chk_fail(c, h, "protocols and VLANs are too many");
	return chk_cells(c, &h->head_at, (uint64_t)protos * 2 * le16_get(h->vlan_classes) *
	    le16_get(h->sport_classes), q, false) &&
	    chk_product(c, &h->b_at, (uint64_t)q * le16_get(h->b_row), &h->bp_at, b_segs,
	    h->b_shift, s, false) &&
	    chk_product(c, &h->m_at, (uint64_t)le16_get(h->remote_classes) *
	    le16_get(h->m_row), &h->mp_at, m_segs, h->m_shift, le16_get(h->rules), true);
}

/* A class of every group set, and a row of X for every class of the tree. */
static bool
chk_groups(struct chk *c, const struct wire_half *h)
{
	uint32_t sets = c->sets[h->family == 6], classes = le16_get(h->group_classes);
	unsigned shift = h->group & ~(unsigned)WIRE_GROUP_USED;
	uint64_t rows = le16_get(h->local_classes);
	const uint8_t *x;

	if (h->group == 0)
		return (le32_get(h->gmap_at) | le32_get(h->x_at) | classes) == 0 &&
		    le16_get(h->local_classes) == le16_get(h->remote_classes) ? true :
		    chk_fail(c, &h->gmap_at, "groups where there are none");
	if ((h->group & WIRE_GROUP_USED) == 0 || shift > WIRE_GROUP_SHIFT_MAX || sets == 0 ||
	    classes > 1u << shift || (shift > 0 && classes <= 1u << (shift - 1)))
		return chk_fail(c, &h->group, "a half's groups do not fit");
	if (!chk_cells(c, &h->gmap_at, sets, classes, false) ||
	    !chk_cells(c, &h->x_at, rows << shift, le16_get(h->remote_classes), false))
		return false;
	x = c->p + (uint64_t)le32_get(h->x_at) * WIRE_LINE;
	for (uint64_t i = 0; i < rows; i++)
		if (!chk_zero(c, x + 2 * ((i << shift) + classes), 2 * ((1u << shift) - classes)))
			return false;
	return true;
}

/* One sub-table; first is the body's first, with which it must agree. */
static bool
chk_half(struct chk *c, const struct wire_half *h, const struct wire_half *first)
{
	if (!chk_zero(c, h->reserved2, sizeof(h->reserved2)))
		return false;
	if (h->family != first->family || le16_get(h->rules) != le16_get(first->rules) ||
	    le32_get(h->actions_at) != le32_get(first->actions_at) ||
	    le16_get(h->counters) != le16_get(first->counters) ||
	    le32_get(h->body_bytes) != le32_get(first->body_bytes))
		return chk_fail(c, h, "sub-tables of one body differ");
	return chk_axes(c, h) && chk_groups(c, h) && chk_products(c, h);
}

static bool
chk_actions(struct chk *c, const struct wire_half *h)
{
	uint64_t n = (uint64_t)le16_get(h->rules) + 1;
	const struct wire_action *a = (const struct wire_action *)chk_array(c, &h->actions_at,
	    n * sizeof(*a));
	uint32_t counters = 0;

	for (uint64_t i = 0; a != NULL && i < n; i++, a++) {
		uint16_t counter = le16_get(a->counter);

		if ((a->verdict != WIRE_PASS && a->verdict != WIRE_DROP) ||
		    a->mode >= WIRE_MODE__COUNT || a->state >= WIRE_STATE__COUNT || a->log > 1 ||
		    (counter != WIRE_COUNTER_NONE && counter != counters++) ||
		    le32_get(a->rule_id) == 0 || (i + 1 == n && a->verdict != WIRE_DROP))
			return chk_fail(c, a, "an action is none");
		if (!chk_zero(c, a->reserved, sizeof(a->reserved)) ||
		    !chk_zero(c, a->reserved2, sizeof(a->reserved2)))
			return false;
	}
	if (a != NULL && counters != le16_get(h->counters))
		return chk_fail(c, &h->counters, "a body's counters are miscounted");
	c->slots += counters;
	return a != NULL;
}

/* c->p is the body; c->len what is left of the image, and then the body's own length. */
static bool
chk_body(struct chk *c)
{
	const struct wire_half *halves = (const struct wire_half *)c->p;
	uint64_t bytes;

	if (c->len < 2 * sizeof(*halves))
		return chk_fail(c, c->p, "a body is cut short");
	bytes = le32_get(halves->body_bytes);
	if (bytes % WIRE_LINE != 0 || bytes < 2 * sizeof(*halves) || bytes > c->len)
		return chk_fail(c, halves, "a body is not as long as it says");
	c->len = bytes;
	if ((halves->family != 4 && halves->family != 6) ||
	    le16_get(halves->rules) > WIRE_TABLE_RULES_MAX)
		return chk_fail(c, halves, "a body's family or number of rules is wrong");
	for (int dir = 0; dir < 2; dir++) {
		const struct wire_half *first = halves + dir, *more;

		if (first->subs < 1 || first->subs > WIRE_SUBS_MAX ||
		    (first->subs > 1) != (le32_get(first->next) != 0))
			return chk_fail(c, first, "sub-tables are miscounted");
		more = (const struct wire_half *)chk_array(c, &first->next,
		    (first->subs - 1) * sizeof(*more));
		if (more == NULL || !chk_half(c, first, halves))
			return false;
		for (uint32_t i = 1; i < first->subs; i++, more++)
			if (more->subs != first->subs || le32_get(more->next) != 0 ||
			    (more->group == 0) != (first->group == 0) ||
			    !chk_half(c, more, halves))
				return chk_fail(c, more, "a sub-table is wrong");
	}
	return chk_actions(c, halves);
}

/* --- the image -------------------------------------------------------------------------------- */

/* True where a body begins at line, is of the family, and has its counters from slots on. */
static bool
chk_is_body(const uint8_t *image, le32 line, le32 slots, uint8_t family)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)image;
	const struct wire_body *dir = (const struct wire_body *)(image +
	    (uint64_t)le32_get(h->bodies_at) * WIRE_LINE);
	uint32_t lo = 0, hi = le32_get(h->body_count);

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (le32_get(dir[mid].line) < le32_get(line))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < le32_get(h->body_count) && le32_get(dir[lo].line) == le32_get(line) &&
	    le32_get(dir[lo].slots) == le32_get(slots) &&
	    image[(uint64_t)le32_get(line) * WIRE_LINE] == family;
}

static bool
chk_header(struct chk *c)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)c->image;
	uint32_t buckets;

	if (c->len < sizeof(*h) || c->len > WIRE_IMAGE_BYTES_MAX || c->len % WIRE_LINE != 0)
		return chk_fail(c, NULL, "no image has this length");
	buckets = le32_get(h->buckets);
	if (le32_get(h->version) != WIRE_IMAGE_VERSION || le32_get(h->magic) != WIRE_IMAGE_MAGIC)
		return chk_fail(c, h, "not an image of a known version");
	if (le32_get(h->bytes) != c->len)
		return chk_fail(c, &h->bytes, "the image is not as long as it says");
	if (buckets == 0 || buckets > WIRE_BUCKETS_MAX || (buckets & (buckets - 1)) != 0 ||
	    le32_get(h->table_count) > WIRE_LOCALS_MAX ||
	    le32_get(h->body_count) > WIRE_BODIES_MAX ||
	    le32_get(h->rule_count) > WIRE_RULES_MAX || le32_get(h->list_count) > WIRE_BODIES_MAX ||
	    le32_get(h->counter_count) > WIRE_COUNTERS_MAX)
		return chk_fail(c, &h->buckets, "a count of the header is past its maximum");
	if ((h->unsegmented != WIRE_PASS && h->unsegmented != WIRE_DROP) ||
	    (h->non_ip != WIRE_PASS && h->non_ip != WIRE_DROP) ||
	    (h->flags & ~WIRE_IMAGE_FLAGS) != 0)
		return chk_fail(c, &h->unsegmented, "a default is none");
	if (h->reserved != 0)
		return chk_fail(c, &h->reserved, "a reserved byte is not zero");
	return chk_zero(c, h->reserved2, sizeof(h->reserved2));
}

/* Where directory, hash, records, slots and bodies lie: each right after the one before. */
static bool
chk_layout(struct chk *c, uint64_t *first_body)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)c->image;
	uint64_t dir = (uint64_t)le32_get(h->body_count) * sizeof(struct wire_body);
	uint64_t records = (uint64_t)le32_get(h->table_count) * sizeof(struct wire_table);
	uint64_t at = sizeof(*h) / WIRE_LINE, end;

	if (le32_get(h->bodies_at) != at)
		return chk_fail(c, &h->bodies_at, "the directory is not where it must be");
	end = at * WIRE_LINE + dir;
	at += (dir + WIRE_LINE - 1) / WIRE_LINE;
	if (le32_get(h->hash_at) != at || at * WIRE_LINE > c->len)
		return chk_fail(c, &h->hash_at, "the hash is not where it must be");
	if (!chk_zero(c, c->image + end, at * WIRE_LINE - end))
		return false;
	at += le32_get(h->buckets);
	end = at * WIRE_LINE + records;
	if (le32_get(h->tables_at) != at)
		return chk_fail(c, &h->tables_at, "the records are not where they must be");
	at += (records + WIRE_LINE - 1) / WIRE_LINE;
	if (at * WIRE_LINE > c->len)
		return chk_fail(c, &h->tables_at, "the records are not inside");
	if (!chk_zero(c, c->image + end, at * WIRE_LINE - end))
		return false;
	if (le32_get(h->slots_at) != at)
		return chk_fail(c, &h->slots_at, "the counter slots are not where they must be");
	end = at * WIRE_LINE + le32_get(h->slot_count) * sizeof(le16);
	at = (end + WIRE_LINE - 1) / WIRE_LINE;
	if (at * WIRE_LINE > c->len)
		return chk_fail(c, &h->slot_count, "the counter slots are not inside");
	if (!chk_cells(c, &h->slots_at, le32_get(h->slot_count), le32_get(h->counter_count), false))
		return false;
	*first_body = at;
	return chk_zero(c, c->image + end, at * WIRE_LINE - end);
}

/* The tables of groups, which end the image; c->len is cut to what is before them. */
static bool
chk_group_tables(struct chk *c)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)c->image;
	uint64_t end = c->len;

	for (unsigned v6 = 2; v6-- > 0;) {
		uint64_t at = (uint64_t)le32_get(h->groups_at[v6]) * WIRE_LINE;
		const struct wire_groups *g = (const struct wire_groups *)(c->image + at);
		const uint8_t *where;
		const char *what;

		if (at == 0)
			continue;
		if (at < sizeof(*h) || at >= end)
			return chk_fail(c, &h->groups_at[v6], "a group table is not inside");
		what = image_groups_check(c->image + at, end - at, v6 ? 6 : 4, &where);
		if (what != NULL)
			return chk_fail(c, where, what);
		if (le32_get(g->bytes) != end - at)
			return chk_fail(c, g, "bytes that belong to no group table");
		c->sets[v6] = le32_get(g->sets);
		end = at;
	}
	c->len = end;
	return true;
}

static bool
chk_bodies(struct chk *c, uint64_t at)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)c->image;
	const struct wire_body *dir = (const struct wire_body *)(c->image + sizeof(*h));
	uint64_t len = c->len;
	uint32_t lines_max = 0, loads_max = 0;

	for (uint32_t i = 0; i < le32_get(h->body_count); i++) {
		uint32_t lines, loads;

		/* a group table that began before the first body would have ended len there */
		if (at * WIRE_LINE > len || le32_get(dir[i].line) != at ||
		    le32_get(dir[i].slots) != c->slots)
			return chk_fail(c, &dir[i], "a body is not where the one before ends");
		c->p = c->image + at * WIRE_LINE;
		c->len = len - at * WIRE_LINE;
		if (!chk_body(c))
			return false;
		at += c->len / WIRE_LINE;
		image_body_cost(c->p, image_groups(c->image, *c->p), &lines, &loads);
		lines_max = lines > lines_max ? lines : lines_max;
		loads_max = loads > loads_max ? loads : loads_max;
	}
	c->p = c->image;
	c->len = len;
	if (at * WIRE_LINE != len)
		return chk_fail(c, &h->bytes, "bytes that belong to no body");
	if (le32_get(h->slot_count) != c->slots)
		return chk_fail(c, &h->slot_count, "counter slots that belong to no body");
	if (le16_get(h->lines_max) != lines_max || le16_get(h->loads_max) != loads_max)
		return chk_fail(c, &h->lines_max, "the cost is not that of the costliest body");
	for (unsigned v6 = 0; v6 < 2; v6++)
		if (le32_get(h->guard_at[v6]) == 0 ? le32_get(h->guard_slots[v6]) != 0
		    : !chk_is_body(c->image, h->guard_at[v6], h->guard_slots[v6], v6 ? 6 : 4))
			return chk_fail(c, &h->guard_at[v6], "the guard table is no body");
	return true;
}

static bool
chk_records(struct chk *c)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)c->image;
	const struct wire_table *t = (const struct wire_table *)(c->image +
	    (uint64_t)le32_get(h->tables_at) * WIRE_LINE);

	for (uint32_t i = 0; i < le32_get(h->table_count); i++, t++) {
		int order = i == 0 ? 1 : (int)t->family - t[-1].family;

		for (int k = 0; k < 16 && order == 0; k++)
			order = (int)t->local[k] - t[-1].local[k];
		if (order <= 0)
			return chk_fail(c, t, "local IPs are out of order");
		if (!chk_zero(c, t->reserved, sizeof(t->reserved)) ||
		    !chk_zero(c, t->reserved2, sizeof(t->reserved2)) ||
		    (t->family == 4 && !chk_zero(c, t->local + 4, 12)))
			return false;
		if (!chk_is_body(c->image, t->body, t->slots, t->family))
			return chk_fail(c, t, "a table has no body of its family");
	}
	return true;
}

/* Slot i of a bucket holds the record it says, which hashes to it. */
static bool
chk_slot(struct chk *c, const struct wire_bucket *b, int i, uint32_t bucket)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)c->image;
	uint32_t first = le32_get(h->tables_at) * (uint32_t)(WIRE_LINE / sizeof(struct wire_table));
	uint32_t at = le32_get(b->table[i]);
	const struct wire_table *t;
	uint64_t hash;
	le64 lo, hi;

	if (at < first || at - first >= le32_get(h->table_count))
		return chk_fail(c, &b->table[i], "a slot holds no table");
	t = (const struct wire_table *)(c->image + (uint64_t)at * sizeof(*t));
	for (int k = 0; k < 8; k++) {
		lo.b[k] = t->local[k];
		hi.b[k] = t->local[k + 8];
	}
	hash = wire_local_hash(le64_get(h->seed), t->family, le64_get(lo), le64_get(hi));
	if (le32_get(t->body) != le32_get(b->body[i]) || hash >> 48 != le16_get(b->tag[i]) ||
	    (hash & (le32_get(h->buckets) - 1)) != bucket)
		return chk_fail(c, &b->tag[i], "a slot is not its table's");
	for (int k = 0; k < i; k++)
		if (le16_get(b->tag[k]) == le16_get(b->tag[i]))
			return chk_fail(c, &b->tag[i], "two slots have one tag");
	return true;
}

/* As many slots as tables, no table twice: every table is found. */
static bool
chk_hash(struct chk *c)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)c->image;
	const struct wire_bucket *b = (const struct wire_bucket *)(c->image +
	    (uint64_t)le32_get(h->hash_at) * WIRE_LINE);
	uint32_t held = 0;

	for (uint32_t i = 0; i < le32_get(h->buckets); i++, b++) {
		int n = 0;

		if (!chk_zero(c, b->reserved, sizeof(b->reserved)))
			return false;
		for (; n < WIRE_BUCKET_SLOTS && le32_get(b->body[n]) != 0; n++)
			if (!chk_slot(c, b, n, i))
				return false;
		held += (uint32_t)n;
		for (; n < WIRE_BUCKET_SLOTS; n++)
			if (le32_get(b->body[n]) != 0 || le32_get(b->table[n]) != 0 ||
			    le16_get(b->tag[n]) != 0)
				return chk_fail(c, b, "an empty slot is not empty");
	}
	return held == le32_get(h->table_count) ? true
	    : chk_fail(c, &h->table_count, "the hash does not hold all tables");
}

enum rc
image_check(const uint8_t *p, size_t len, struct diag *diag)
{
	struct chk c = { .image = p, .p = p, .len = len };
	uint64_t first_body = 0;

	if (chk_header(&c) && chk_layout(&c, &first_body) && chk_group_tables(&c) &&
	    chk_bodies(&c, first_body) &&
	    chk_records(&c) && chk_hash(&c))
		return RC_OK;
	diag_set(diag, "bad-image", "image of %zu bytes, byte %llu: %s", len,
	    (unsigned long long)c.at, c.what);
	return len < sizeof(struct wire_image_hdr) ? RC_TRUNC : RC_INVALID;
}

void
image_info_get(const uint8_t *p, size_t len, struct image_info *out)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;

	CHECK(len >= sizeof(*h));
	memset(out, 0, sizeof(*out));
	out->version = le32_get(h->version);
	out->tables = le32_get(h->table_count);
	out->lists = le32_get(h->list_count);
	out->rules = le32_get(h->rule_count);
	out->counters = le32_get(h->counter_count);
	out->bytes = le32_get(h->bytes);
}
