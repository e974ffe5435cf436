/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One body: the walk of fw_match.c, taken once along its outermost path.
 * A tree's node count is what its last node reaches: child = node * (keys + 1) + keys below, so the
 * last node of a level has the largest children of all, and keys of all ones are below nothing.
 */
#include "fw_image.h"

#include "fw_port.h"

/* What one half of a body is made of, as far as it has been proven. */
struct part {
	struct fw_view *v;
	const struct wire_half *half;
	uint32_t body;			/* byte where the body begins */
	uint32_t body_bytes;
};

static bool
bad(const struct part *p, const void *what)
{
	p->v->bad_at = (uint32_t)((const uint8_t *)what - p->v->image);
	return false;
}

/* bytes from line at of the body lie inside it; *out is where they begin. */
static bool
array(const struct part *p, uint32_t at_line, uint64_t bytes, const uint8_t **out)
{
	if ((uint64_t)at_line * WIRE_LINE + bytes > p->body_bytes)
		return false;
	*out = p->v->image + p->body + (size_t)at_line * WIRE_LINE;
	return true;
}

/* count cells, each below limit; none is WIRE_CELL_NONE unless that is allowed. */
static bool
cells(const struct part *p, le32 at, uint64_t count, uint32_t limit, bool none_allowed)
{
	const uint8_t *b;

	if (!array(p, le32_get(at), count * 2, &b))
		return bad(p, p->half);
	for (uint64_t i = 0; i < count; i++) {
		uint32_t c = le16_get(*(const le16 *)(b + i * 2));

		if (c >= limit && !(none_allowed && c == WIRE_CELL_NONE))
			return bad(p, b + i * 2);
	}
	return true;
}

/* Keys of a node that are not padding: 4, 8 or 2 bytes each. */
static uint32_t
node_keys(const uint8_t *node, uint32_t key_bytes)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < WIRE_LINE; i += key_bytes) {
		uint8_t all = 0xff;

		for (uint32_t b = 0; b + 1 < key_bytes; b++)
			all &= node[i + b];
		n += all != 0xff || node[i + key_bytes - 1] != (key_bytes == 8 ? 0xff : 0x7f);
	}
	return n;
}

/* The largest rank of a tree; start[i] is the line of level i + 1 after at_line. */
static bool
tree(const struct part *p, const uint8_t *root, uint32_t at_line, const le16 *start,
    uint32_t levels, uint32_t depth, uint32_t key_bytes, uint32_t *rank_max)
{
	uint64_t node = node_keys(root, key_bytes), line;

	*rank_max = 0;
	for (uint32_t level = 1; level < depth; level++) {
		const uint8_t *b;

		FW_CHECK(level - 1 < levels);
		line = (uint64_t)at_line + le16_get(start[level - 1]);
		if (line + node > UINT32_MAX || !array(p, (uint32_t)(line + node), WIRE_LINE, &b))
			return bad(p, start);
		node = node * (WIRE_LINE / key_bytes + 1) + node_keys(b, key_bytes);
		if (node > UINT32_MAX / 64)
			return bad(p, start);
	}
	*rank_max = (uint32_t)node;
	return true;
}

/* Lower halves: one small tree for each rank of the upper half. */
static bool
low_trees(const struct part *p, uint32_t ranks)
{
	const struct wire_half *h = p->half;
	const uint8_t *b;

	if (!array(p, le32_get(h->low_at), (uint64_t)ranks * sizeof(struct wire_low), &b))
		return bad(p, &h->low_at);
	for (uint32_t i = 0; i < ranks; i++) {
		const struct wire_low *low = (const struct wire_low *)(b + i * sizeof(*low));
		le16 start[3] = { le16_put(1), low->start[0], low->start[1] };
		const uint8_t *root;
		uint32_t max;

		if (!array(p, le32_get(low->at), WIRE_LINE, &root) ||
		    !tree(p, root, le32_get(low->at), start, 3, h->low_depth, 8, &max)) {
			p->v->bad_at = (uint32_t)((const uint8_t *)low - p->v->image);
			return false;
		}
		if (max != le32_get(low->count) ||
		    (uint64_t)le32_get(low->classes) + max >= le32_get(h->low_ranks))
			return bad(p, low);
	}
	return true;
}

static bool
remote_axis(const struct part *p)
{
	const struct wire_half *h = p->half;
	uint32_t max, ranks;

	if (!tree(p, h->roots[WIRE_ROOT_REMOTE], le32_get(h->remote.at), h->remote.start, 4,
	    h->remote_depth, h->family == 4 ? 4 : 8, &max))
		return false;
	if (max != le32_get(h->remote_keys))
		return bad(p, &h->remote_keys);
	ranks = max + 1;
	if (h->low_depth > 0) {
		if (!low_trees(p, ranks))
			return false;
		ranks = le32_get(h->low_ranks);
	}
	return cells(p, h->remote_at, ranks, le16_get(h->local_classes), false);
}

static bool
u16_axis(const struct part *p, enum wire_root root, const struct wire_tree *t, uint32_t depth,
    le32 keys, le32 classes_at, uint32_t classes)
{
	uint32_t max;

	if (!tree(p, p->half->roots[root], le32_get(t->at), t->start, 4, depth, 2, &max))
		return false;
	if (max != le32_get(keys))
		return bad(p, t);
	if (le32_get(classes_at) == 0)
		return max + 1 == classes || bad(p, t);
	return cells(p, classes_at, (uint64_t)max + 1, classes, false);
}

static bool
protocols(const struct part *p)
{
	const struct wire_half *h = p->half;
	const uint8_t *b;

	if (!array(p, le32_get(h->proto_at), 256, &b))
		return bad(p, &h->proto_at);
	for (uint32_t i = 0; i < 256; i++) {
		if (b[i] >= le16_get(h->proto_classes))
			return bad(p, b + i);
	}
	return true;
}

static bool
axes(const struct part *p)
{
	const struct wire_half *h = p->half;

	return remote_axis(p) &&
	    u16_axis(p, WIRE_ROOT_DPORT, &h->dport, h->dport_depth, h->dport_keys, h->dport_at,
	    le16_get(h->dport_classes)) &&
	    u16_axis(p, WIRE_ROOT_SPORT, &h->sport, h->sport_depth, h->sport_keys, h->sport_at,
	    le16_get(h->sport_classes)) &&
	    u16_axis(p, WIRE_ROOT_VLAN, &h->vlan, h->vlan_depth, h->vlan_keys, h->vlan_at,
	    le16_get(h->vlan_classes)) && protocols(p);
}

/* A product in one step where shift is 0, else in two; its cells are below limit. */
static bool
product(const struct part *p, le32 at, uint64_t count, le32 pool_at, uint64_t segments,
    uint32_t shift, uint32_t limit, bool none_allowed)
{
	if (shift == 0)
		return cells(p, at, count, limit, none_allowed);
	return cells(p, at, count, (uint32_t)segments, false) &&
	    cells(p, pool_at, segments << shift, limit, none_allowed);
}

/* Every product's size follows from the classes that index it. */
static bool
products(const struct part *p)
{
	const struct wire_half *h = p->half;
	uint64_t vlan = le16_get(h->vlan_classes), sport = le16_get(h->sport_classes);
	uint64_t q = le16_get(h->q_classes), rows = le16_get(h->proto_classes) * 2 * vlan;
	uint32_t dport = le16_get(h->dport_classes), set = le16_get(h->s_classes);
	uint32_t b_row = le16_get(h->b_row), m_row = le16_get(h->m_row);
	uint64_t b_segments = le32_get(h->b_segments), m_segments = le32_get(h->m_segments);

	if (dport == 0 || set == 0 || (dport - 1) >> h->b_shift >= b_row ||
	    (set - 1) >> h->m_shift >= m_row)
		return bad(p, &h->b_row);
	if (b_segments > WIRE_CELL_NONE + 1u || m_segments > WIRE_CELL_NONE + 1u)
		return bad(p, &h->b_segments);
	return cells(p, h->head_at, rows * sport, (uint32_t)q, false) &&
	    product(p, h->b_at, q * b_row, h->bp_at, b_segments, h->b_shift, set, false) &&
	    product(p, h->m_at, (uint64_t)le16_get(h->remote_classes) * m_row, h->mp_at,
	    m_segments, h->m_shift, le16_get(h->rules), true);
}

/* A class of every set of the image's group table, a row of X for every class of the tree. */
static bool
groups(const struct part *p)
{
	const struct wire_half *h = p->half;
	uint32_t shift = h->group & ~(uint32_t)WIRE_GROUP_USED, sets = p->v->sets[h->family == 6];

	if (h->group == 0) {
		if (le32_get(h->gmap_at) != 0 || le32_get(h->x_at) != 0 ||
		    le16_get(h->group_classes) != 0 ||
		    le16_get(h->local_classes) != le16_get(h->remote_classes))
			return bad(p, &h->gmap_at);
		return true;
	}
	if ((h->group & WIRE_GROUP_USED) == 0 || shift > WIRE_GROUP_SHIFT_MAX || sets == 0 ||
	    le16_get(h->group_classes) > 1u << shift)
		return bad(p, &h->group);
	return cells(p, h->gmap_at, sets, le16_get(h->group_classes), false) &&
	    cells(p, h->x_at, (uint64_t)le16_get(h->local_classes) << shift,
	    le16_get(h->remote_classes), false);
}

static bool
half_check(const struct part *p, const struct wire_half *body, const struct wire_half *of,
    uint8_t family)
{
	const struct wire_half *h = p->half;
	uint32_t depth_max = family == 4 ? WIRE_DEPTH_V4_MAX : WIRE_DEPTH_V6_MAX;
	uint8_t sum = 0;

	for (uint32_t i = 0; i < sizeof(h->reserved2); i++)
		sum |= h->reserved2[i];
	if (h->remote_depth < 1 || h->dport_depth < 1 || h->sport_depth < 1 || h->vlan_depth < 1)
		return bad(p, h);
	if (sum != 0 || h->family != family || h->remote_depth > depth_max ||
	    h->low_depth > (family == 6 ? WIRE_DEPTH_LOW_MAX : 0) ||
	    h->dport_depth > WIRE_DEPTH_U16_MAX || h->sport_depth > WIRE_DEPTH_U16_MAX ||
	    h->vlan_depth > WIRE_DEPTH_U16_MAX)
		return bad(p, h);
	if (h->b_shift > WIRE_SHIFT_MAX || h->m_shift > WIRE_SHIFT_MAX)
		return bad(p, &h->b_shift);
	if ((h->group == 0) != (of->group == 0))
		return bad(p, &h->group);
	if (le16_get(h->rules) != le16_get(body->rules) ||
	    le32_get(h->actions_at) != le32_get(body->actions_at) ||
	    le16_get(h->counters) != le16_get(body->counters))
		return bad(p, &h->rules);
	return axes(p) && groups(p) && products(p);
}

static bool
actions(const struct part *p)
{
	uint32_t count = le16_get(p->half->rules), counters = 0;
	const uint8_t *b;

	if (count > WIRE_TABLE_RULES_MAX || !array(p, le32_get(p->half->actions_at),
	    (uint64_t)(count + 1) * sizeof(struct wire_action), &b))
		return bad(p, &p->half->actions_at);
	for (uint32_t i = 0; i <= count; i++) {
		const struct wire_action *a = (const struct wire_action *)b + i;
		uint32_t counter = le16_get(a->counter);
		uint32_t reserved2 = a->reserved2[0] | a->reserved2[1] | a->reserved2[2] |
		    a->reserved2[3];

		/* A default is judged by its mode; the guard's has no rule and passes. */
		if ((a->verdict != WIRE_DROP && a->verdict != WIRE_PASS) ||
		    a->mode >= WIRE_MODE__COUNT || a->state >= WIRE_STATE__COUNT || a->log > 1 ||
		    (counter != WIRE_COUNTER_NONE && counter != counters++) ||
		    (a->reserved[0] | a->reserved[1]) != 0 || reserved2 != 0 ||
		    (le32_get(a->rule_id) == 0 && i < count))
			return bad(p, a);
	}
	p->v->slots += counters;
	return counters == le16_get(p->half->counters) || bad(p, &p->half->counters);
}

bool
fw_image_body_check(struct fw_view *v, uint32_t at, uint8_t family)
{
	const struct wire_half *first = (const struct wire_half *)(v->image + at);
	struct part p = { .v = v, .half = first, .body = at,
		.body_bytes = le32_get(first->body_bytes) };

	FW_CHECK(at % WIRE_LINE == 0 && (uint64_t)at + 2 * sizeof(*first) <= v->len);
	if (p.body_bytes % WIRE_LINE != 0 || p.body_bytes < 2 * sizeof(*first) ||
	    p.body_bytes > v->len - at)
		return bad(&p, &first->body_bytes);
	if (!actions(&p))
		return false;
	for (uint32_t dir = 0; dir < 2; dir++) {
		const struct wire_half *of = first + dir;
		const uint8_t *more = NULL;

		p.half = of;
		if (of->subs < 1 || of->subs > WIRE_SUBS_MAX)
			return bad(&p, of);
		if (of->subs > 1 && !array(&p, le32_get(of->next),
		    (uint64_t)(of->subs - 1u) * sizeof(*of), &more))
			return bad(&p, &of->next);
		for (uint32_t sub = 0; sub < of->subs; sub++) {
			p.half = sub == 0 ? of : (const struct wire_half *)more + (sub - 1);
			if (!half_check(&p, first, of, family))
				return false;
		}
	}
	return true;
}
