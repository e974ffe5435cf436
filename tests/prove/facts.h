/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts - what the firmware's check establishes about one half, and its walk relies upon.
 * Does:    says it once: the harnesses of the check assert it, those of the walk assume it.
 * Shape:   a tree is held by its outermost path: no node has a larger number than the last of its
 *          level, and the last has no more keys below a value than keys that are not padding.
 * Units:   bytes from the body's start.
 */
#ifndef FACTS_H
#define FACTS_H

#include "wire_image.h"

/* count cells from byte at lie inside, each below limit, or WIRE_CELL_NONE where that may be. */
struct cells_fact {
	bool is;
	uint32_t at;			/* line */
	uint64_t count;
	uint32_t limit;
	bool none;
};

enum array { A_REMOTE, A_DPORT, A_SPORT, A_VLAN, A_HEAD, A_B, A_BP, A_M, A_MP, A_GMAP, A_X,
	A__COUNT };

/* Sizes that are products of two fields. */
struct sizes {
	uint64_t rows, head, b, m;
};

/* The last node of each level: its number, its byte, its keys. */
struct chain {
	uint32_t last[WIRE_DEPTH_MAX + 1];
	uint64_t at[WIRE_DEPTH_MAX];
	uint32_t keys[WIRE_DEPTH_MAX];
};

/* Level 0 of a half's tree is its root, of a low tree the line at_line. */
static inline bool
chain_holds(const struct chain *c, uint32_t at_line, const le16 *start, uint32_t depth,
    uint32_t keys, uint64_t bytes)
{
	bool holds = c->last[0] == 0 && c->keys[0] <= keys && c->last[1] == c->keys[0];

	for (uint32_t i = 1; i < WIRE_DEPTH_MAX; i++) {
		if (i >= depth)
			break;
		holds = holds && c->keys[i] <= keys && c->last[i] <= UINT32_MAX / 64 &&
		    c->at[i] == ((uint64_t)at_line + le16_get(start[i - 1]) + c->last[i]) *
		    WIRE_LINE && c->at[i] + WIRE_LINE <= bytes &&
		    c->last[i + 1] == c->last[i] * (keys + 1) + c->keys[i];
	}
	return holds;
}

static inline struct cells_fact
cells_of(le32 at, uint64_t count, uint32_t limit)
{
	return (struct cells_fact){ true, le32_get(at), count, limit, false };
}

/* Steps, shifts and what needs no array. */
static inline bool
half_header(const struct wire_half *h, uint8_t family)
{
	uint32_t dport = le16_get(h->dport_classes), set = le16_get(h->s_classes);

	return h->family == family && h->remote_depth >= 1 && h->dport_depth >= 1 &&
	    h->sport_depth >= 1 && h->vlan_depth >= 1 &&
	    h->remote_depth <= (family == 4 ? WIRE_DEPTH_V4_MAX : WIRE_DEPTH_V6_MAX) &&
	    h->low_depth <= (family == 4 ? 0 : WIRE_DEPTH_LOW_MAX) &&
	    h->dport_depth <= WIRE_DEPTH_U16_MAX && h->sport_depth <= WIRE_DEPTH_U16_MAX &&
	    h->vlan_depth <= WIRE_DEPTH_U16_MAX &&
	    h->b_shift <= WIRE_SHIFT_MAX && h->m_shift <= WIRE_SHIFT_MAX &&
	    dport > 0 && set > 0 && (dport - 1) >> h->b_shift < le16_get(h->b_row) &&
	    (set - 1) >> h->m_shift < le16_get(h->m_row) &&
	    le32_get(h->b_segments) <= 0x10000 && le32_get(h->m_segments) <= 0x10000 &&
	    (le32_get(h->dport_at) != 0 ||
	    (uint64_t)le32_get(h->dport_keys) + 1 == dport) &&
	    (le32_get(h->sport_at) != 0 ||
	    (uint64_t)le32_get(h->sport_keys) + 1 == le16_get(h->sport_classes)) &&
	    (le32_get(h->vlan_at) != 0 ||
	    (uint64_t)le32_get(h->vlan_keys) + 1 == le16_get(h->vlan_classes)) &&
	    (h->group == 0 ? le16_get(h->local_classes) == le16_get(h->remote_classes)
	    : (h->group & WIRE_GROUP_USED) != 0 &&
	    (h->group & ~WIRE_GROUP_USED) <= WIRE_GROUP_SHIFT_MAX &&
	    le16_get(h->group_classes) <= 1u << (h->group & ~WIRE_GROUP_USED));
}

static inline void
half_axes(const struct wire_half *h, struct cells_fact a[A__COUNT])
{
	a[A_REMOTE] = cells_of(h->remote_at, h->low_depth > 0 ? le32_get(h->low_ranks)
	    : (uint64_t)le32_get(h->remote_keys) + 1, le16_get(h->local_classes));
	a[A_DPORT] = cells_of(h->dport_at, (uint64_t)le32_get(h->dport_keys) + 1,
	    le16_get(h->dport_classes));
	a[A_SPORT] = cells_of(h->sport_at, (uint64_t)le32_get(h->sport_keys) + 1,
	    le16_get(h->sport_classes));
	a[A_VLAN] = cells_of(h->vlan_at, (uint64_t)le32_get(h->vlan_keys) + 1,
	    le16_get(h->vlan_classes));
	a[A_DPORT].is = le32_get(h->dport_at) != 0;
	a[A_SPORT].is = le32_get(h->sport_at) != 0;
	a[A_VLAN].is = le32_get(h->vlan_at) != 0;
}

/* sets: of the family's group table. */
static inline void
half_arrays(const struct wire_half *h, const struct sizes *s, uint32_t sets,
    struct cells_fact a[A__COUNT])
{
	uint32_t set = le16_get(h->s_classes), rules = le16_get(h->rules);
	uint32_t b_segments = le32_get(h->b_segments), m_segments = le32_get(h->m_segments);

	half_axes(h, a);
	a[A_HEAD] = cells_of(h->head_at, s->head, le16_get(h->q_classes));
	a[A_B] = cells_of(h->b_at, s->b, h->b_shift == 0 ? set : b_segments);
	a[A_BP] = cells_of(h->bp_at, (uint64_t)b_segments << h->b_shift, set);
	a[A_BP].is = h->b_shift != 0;
	a[A_M] = cells_of(h->m_at, s->m, h->m_shift == 0 ? rules : m_segments);
	a[A_M].none = h->m_shift == 0;
	a[A_MP] = cells_of(h->mp_at, (uint64_t)m_segments << h->m_shift, rules);
	a[A_MP].is = h->m_shift != 0;
	a[A_MP].none = true;
	a[A_GMAP] = cells_of(h->gmap_at, sets, le16_get(h->group_classes));
	a[A_X] = cells_of(h->x_at, (uint64_t)le16_get(h->local_classes) << (h->group & 15),
	    le16_get(h->remote_classes));
	a[A_GMAP].is = a[A_X].is = h->group != 0;
}

#endif
