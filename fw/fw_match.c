/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_match - the walk.
 *
 * What a packet costs is decided by the table's depths, never by the packet: every path of a rank
 * tree is equally long, every product is one load. The remote address, the ports and the VLAN are
 * ranked side by side; the processor overlaps them because none waits for another.
 */
#include "fw_match.h"
#include "fw_match_node.h"

/* --- trees ------------------------------------------------------------------------------------ */

/* Line of the node to look at next, at level i >= 1. */
FW_INLINE uint64_t
fw_tree_node(uint64_t more, const struct wire_tree *t, int level, uint32_t child)
{
	return more + ((uint64_t)fw_load16(&t->start[level - 1]) + child) * WIRE_LINE;
}

FW_INLINE uint32_t
fw_rank_v4(const uint8_t *image, uint64_t body, uint32_t rank, const struct wire_tree *t, int depth,
    uint32_t x)
{
	uint64_t more = body + (uint64_t)fw_load32(&t->at) * WIRE_LINE;

	FW_UNROLL
	for (int i = 1; i < WIRE_DEPTH_V4_MAX; i++) {
		if (i >= depth)
			break;
		rank = rank * (WIRE_KEYS_V4 + 1) +
		    fw_node_v4(fw_at(image, fw_tree_node(more, t, i, rank)), x);
	}
	return rank;
}

FW_INLINE uint32_t
fw_rank_v6(const uint8_t *image, uint64_t body, uint32_t rank, const struct wire_tree *t, int depth,
    uint64_t x)
{
	uint64_t more = body + (uint64_t)fw_load32(&t->at) * WIRE_LINE;

	FW_UNROLL
	for (int i = 1; i < WIRE_DEPTH_V6_MAX; i++) {
		if (i >= depth)
			break;
		rank = rank * (WIRE_KEYS_V6 + 1) +
		    fw_node_v6(fw_at(image, fw_tree_node(more, t, i, rank)), x);
	}
	return rank;
}

FW_INLINE uint32_t
fw_rank_u16(const uint8_t *image, uint64_t body, uint32_t rank, const struct wire_tree *t,
    int depth, uint32_t x)
{
	uint64_t more = body + (uint64_t)fw_load32(&t->at) * WIRE_LINE;

	FW_UNROLL
	for (int i = 1; i < WIRE_DEPTH_U16_MAX; i++) {
		if (i >= depth)
			break;
		rank = rank * (WIRE_KEYS_U16 + 1) +
		    fw_node_u16(fw_at(image, fw_tree_node(more, t, i, rank)), x);
	}
	return rank;
}

/* Index in the remote class array: by the upper half's rank, then by the lower half's. */
FW_INLINE uint32_t
fw_rank_low(const uint8_t *image, uint64_t body, const struct wire_half *h, uint32_t high,
    uint64_t x)
{
	const struct wire_low *low = (const struct wire_low *)fw_at(image,
	    body + (uint64_t)fw_load32(&h->low_at) * WIRE_LINE + (uint64_t)high * sizeof(*low));
	uint64_t root = body + (uint64_t)fw_load32(&low->at) * WIRE_LINE;
	uint64_t node = root;
	uint32_t rank = 0;

	FW_UNROLL
	for (int i = 1; i <= WIRE_DEPTH_LOW_MAX; i++) {
		uint32_t start = 1;

		if (i > h->low_depth)
			break;
		rank = rank * (WIRE_KEYS_V6 + 1) + fw_node_v6(fw_at(image, node), x);
		if (i >= 2)
			start = fw_load16(&low->start[(i - 2) & 1]);
		node = root + ((uint64_t)start + rank) * WIRE_LINE;
	}
	return fw_load32(&low->classes) + rank;
}

/* --- the walk --------------------------------------------------------------------------------- */

FW_INLINE uint32_t
fw_be32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

FW_INLINE uint64_t
fw_be64(const uint8_t *b)
{
	return (uint64_t)fw_be32(b) << 32 | fw_be32(b + 4);
}

FW_INLINE uint64_t
fw_array(uint64_t body, const le32 *at)
{
	return body + (uint64_t)fw_load32(at) * WIRE_LINE;
}

/* --- groups ----------------------------------------------------------------------------------- */

FW_INLINE const struct wire_groups *
fw_groups(const uint8_t *image, uint8_t family, uint64_t *at)
{
	*at = (uint64_t)fw_load32(&fw_image_hdr(image)->groups_at[family == 6]) * WIRE_LINE;
	return (const struct wire_groups *)fw_at(image, *at);
}

/* Child of a node; key_bytes is known where this is inlined. */
FW_INLINE uint32_t
fw_group_child(const uint8_t *image, uint64_t level, uint32_t node, uint32_t key_bytes,
    uint64_t hi, uint64_t lo)
{
	const uint8_t *p = fw_at(image, level + (uint64_t)node * (key_bytes == 16 ? 2 : 1) *
	    WIRE_LINE);

	if (key_bytes == 4)
		return node * (WIRE_KEYS_V4 + 1) + fw_node_v4(p, (uint32_t)hi);
	if (key_bytes == 8)
		return node * (WIRE_KEYS_V6 + 1) + fw_node_v6(p, hi);
	return node * (WIRE_KEYS_V6 + 1) + fw_keys_full(p, p + WIRE_GROUP_LOW_NODE, WIRE_KEYS_V6,
	    hi, lo);
}

/* The set at a leaf, which begins at byte at. */
FW_INLINE uint32_t
fw_group_leaf(const uint8_t *image, uint64_t at, uint32_t key_bytes, uint64_t hi, uint64_t lo)
{
	const uint8_t *p = fw_at(image, at);

	if (key_bytes == 4)
		return fw_cell(image, at + WIRE_GROUP_SETS_V4, fw_leaf_v4(p, (uint32_t)hi));
	if (key_bytes == 8)
		return fw_cell(image, at + WIRE_GROUP_SETS_V6,
		    fw_keys_v6(p, WIRE_GROUP_LEAF_V6, hi));
	return fw_cell(image, at + WIRE_GROUP_SETS_V6_FULL, fw_keys_full(p,
	    p + WIRE_GROUP_LOW_LEAF, WIRE_GROUP_LEAF_V6_FULL, hi, lo));
}

FW_INLINE uint64_t
fw_group_level(const struct wire_groups *g, uint64_t at, int level)
{
	return at + (uint64_t)fw_load32(&g->start[level & WIRE_GROUP_DEPTH_MAX]) * WIRE_LINE;
}

FW_INLINE uint32_t
fw_group_walk(const uint8_t *image, const struct wire_groups *g, uint64_t at, uint32_t key_bytes,
    uint64_t hi, uint64_t lo)
{
	uint32_t node = 0;
	int depth = g->depth;

	FW_LOOP
	for (int i = 0; i < WIRE_GROUP_DEPTH_MAX; i++) {
		if (i >= depth)
			break;
		node = fw_group_child(image, fw_group_level(g, at, i), node, key_bytes, hi, lo);
	}
	at = fw_group_level(g, at, depth) + (uint64_t)node * (key_bytes == 16 ? 2 : 1) * WIRE_LINE;
	return fw_group_leaf(image, at, key_bytes, hi, lo);
}

/* Which combination of big groups a remote is in. It needs no table: in fw_match the processor
 * takes it up while bucket and half are on their way. */
FW_INLINE uint32_t
fw_group_set(const uint8_t *image, const struct fw_key *k)
{
	uint64_t at, hi = fw_be64(k->remote);
	const struct wire_groups *g = fw_groups(image, k->family, &at);

	if (k->family == 4)
		return fw_group_walk(image, g, at, 4, hi >> 32, 0);
	if (g->key_bytes == 8)
		return fw_group_walk(image, g, at, 8, hi, 0);
	return fw_group_walk(image, g, at, 16, hi, fw_be64(k->remote + 8));
}

/* Class array index of the remote address; rank is that of the root. */
FW_INLINE uint32_t
fw_rank_remote(const uint8_t *image, uint64_t body, const struct wire_half *h, uint32_t rank,
    const struct fw_key *k)
{
	if (k->family == 4)
		return fw_rank_v4(image, body, rank, &h->remote, h->remote_depth,
		    fw_be32(k->remote));
	rank = fw_rank_v6(image, body, rank, &h->remote, h->remote_depth, fw_be64(k->remote));
	return h->low_depth == 0 ? rank :
	    fw_rank_low(image, body, h, rank, fw_be64(k->remote + 8));
}

/* The remote's row of M; rank is that of the root, set the set of groups where the half has any. */
FW_INLINE uint32_t
fw_row_remote(const uint8_t *image, uint64_t body, const struct wire_half *h, uint32_t rank,
    const struct fw_key *k, uint32_t set)
{
	uint32_t row = fw_cell(image, fw_array(body, &h->remote_at),
	    fw_rank_remote(image, body, h, rank, k));

	if (h->group != 0)
		row = fw_cell(image, fw_array(body, &h->x_at), (row << (h->group & 15)) +
		    fw_cell(image, fw_array(body, &h->gmap_at), set));
	return row;
}

/* The class of a rank: itself where there is no array. */
FW_INLINE uint32_t
fw_class_u16(const uint8_t *image, uint64_t body, const le32 *at, uint32_t rank)
{
	uint64_t array = fw_load32(at);

	return array == 0 ? rank : fw_cell(image, body + array * WIRE_LINE, rank);
}

/* All roots before anything that a table may or may not have: where the processor guessed a
 * branch wrong, what is older than the branch goes on. The packet's family is the table's, and
 * known before the table is. */
FW_INLINE struct fw_classes
fw_half_classes(const uint8_t *image, uint64_t body, const struct wire_half *h,
    const struct fw_key *k, uint32_t set)
{
	uint32_t vlan = fw_node_u16(h->roots[WIRE_ROOT_VLAN], k->vlan);
	uint32_t sport = fw_node_u16(h->roots[WIRE_ROOT_SPORT], k->sport);
	uint32_t dport = fw_node_u16(h->roots[WIRE_ROOT_DPORT], k->dport);
	uint32_t remote = k->family == 4 ?
	    fw_node_v4(h->roots[WIRE_ROOT_REMOTE], fw_be32(k->remote)) :
	    fw_node_v6(h->roots[WIRE_ROOT_REMOTE], fw_be64(k->remote));
	uint32_t row = *fw_at(image, fw_array(body, &h->proto_at) + k->proto) * 2u +
	    (k->frag == WIRE_FRAG_REST);
	struct fw_classes c;

	row *= fw_load16(&h->vlan_classes);
	dport = fw_rank_u16(image, body, dport, &h->dport, h->dport_depth, k->dport);
	vlan = fw_class_u16(image, body, &h->vlan_at,
	    fw_rank_u16(image, body, vlan, &h->vlan, h->vlan_depth, k->vlan));
	sport = fw_class_u16(image, body, &h->sport_at,
	    fw_rank_u16(image, body, sport, &h->sport, h->sport_depth, k->sport));
	c.head = fw_cell(image, fw_array(body, &h->head_at),
	    (row + vlan) * fw_load16(&h->sport_classes) + sport) * fw_load16(&h->b_row);
	c.dport = fw_class_u16(image, body, &h->dport_at, dport);
	c.m_row = fw_row_remote(image, body, h, remote, k, set) * fw_load16(&h->m_row);
	return c;
}

/* Bytes after the body where the next cell of the product lies: B, Bp, M, Mp. */
FW_INLINE uint64_t
fw_cell_at(uint64_t body, const le32 *array, uint32_t index)
{
	return fw_array(body, array) + (uint64_t)index * 2;
}

FW_INLINE uint64_t
fw_b_at(uint64_t body, const struct wire_half *h, struct fw_classes c)
{
	return fw_cell_at(body, &h->b_at, c.head + (c.dport >> (h->b_shift & 15)));
}

FW_INLINE uint64_t
fw_bp_at(uint64_t body, const struct wire_half *h, struct fw_classes c, uint32_t seg)
{
	uint32_t shift = h->b_shift & 15;

	return fw_cell_at(body, &h->bp_at, (seg << shift) + (c.dport & ((1u << shift) - 1)));
}

FW_INLINE uint64_t
fw_m_at(uint64_t body, const struct wire_half *h, struct fw_classes c, uint32_t set)
{
	return fw_cell_at(body, &h->m_at, c.m_row + (set >> (h->m_shift & 15)));
}

FW_INLINE uint64_t
fw_mp_at(uint64_t body, const struct wire_half *h, uint32_t set, uint32_t seg)
{
	uint32_t shift = h->m_shift & 15;

	return fw_cell_at(body, &h->mp_at, (seg << shift) + (set & ((1u << shift) - 1)));
}

/* The first rule of one sub-table, WIRE_CELL_NONE where none matches. */
FW_INLINE uint32_t
fw_half(const uint8_t *image, uint64_t body, const struct wire_half *h, const struct fw_key *k,
    uint32_t groups)
{
	struct fw_classes c = fw_half_classes(image, body, h, k, groups);
	uint32_t set = fw_load16(fw_at(image, fw_b_at(body, h, c))), cell;

	if (h->b_shift != 0)
		set = fw_load16(fw_at(image, fw_bp_at(body, h, c, set)));
	cell = fw_load16(fw_at(image, fw_m_at(body, h, c, set)));
	if (h->m_shift != 0)
		cell = fw_load16(fw_at(image, fw_mp_at(body, h, set, cell)));
	return cell;
}

/* The body that a tag names in a bucket, and its record; record 0, which is none, where there is no
 * such tag. */
#if defined(FW_MATCH_SCALAR) || !defined(__SSE2__)
FW_INLINE uint32_t
fw_bucket_body(const struct wire_bucket *b, uint32_t tag, uint32_t *record)
{
	uint32_t body = 0, at = 0;

	FW_UNROLL
	for (int i = 0; i < WIRE_BUCKET_SLOTS; i++) {
		uint32_t hit = fw_load16(&b->tag[i]) == tag ? UINT32_MAX : 0;

		body |= fw_load32(&b->body[i]) & hit;
		at |= fw_load32(&b->table[i]) & hit;
	}
	*record = at;
	return body;
}
#else
FW_INLINE uint32_t
fw_bucket_body(const struct wire_bucket *b, uint32_t tag, uint32_t *record)
{
	fw_v8i16 hit = *(const fw_v8i16 *)b->tag == (fw_v8i16){ 0 } + (int16_t)tag;
	uint32_t i = (uint32_t)__builtin_ctz((uint32_t)__builtin_ia32_pmovmskb128((fw_v16i8)hit) |
	    1u << 2 * (WIRE_BUCKET_SLOTS - 1)) / 2;

	*record = fw_load32(&b->table[i]);
	return fw_load32(&b->body[i]);
}
#endif

FW_INLINE uint64_t
fw_local_hash(const uint8_t *image, uint8_t family, const uint8_t *local)
{
	return wire_local_hash(fw_load64(&fw_image_hdr(image)->seed), family, fw_bytes64(local),
	    fw_bytes64(local + 8));
}

FW_INLINE const struct wire_bucket *
fw_bucket(const uint8_t *image, uint64_t hash)
{
	const struct wire_image_hdr *hdr = fw_image_hdr(image);
	uint64_t bucket = hash & (fw_load32(&hdr->buckets) - 1);

	return (const struct wire_bucket *)fw_at(image,
	    (fw_load32(&hdr->hash_at) + bucket) * WIRE_LINE);
}

FW_INLINE struct fw_table
fw_bucket_table(const uint8_t *image, uint64_t hash, uint8_t family, const uint8_t *local)
{
	uint32_t at, body = fw_bucket_body(fw_bucket(image, hash), (uint32_t)(hash >> 48), &at);
	const struct wire_table *t = (const struct wire_table *)fw_at(image,
	    (uint64_t)at * sizeof(*t));

	if (((fw_load64(t->local) ^ fw_bytes64(local)) | (uint64_t)(t->family ^ family) |
	    (fw_load64(t->local + 8) ^ fw_bytes64(local + 8))) != 0) {
		/* a branch, not a conditional move: the walk need not wait for the record */
		__asm__ volatile("");
		body = 0;
	}
	return (struct fw_table){ body, fw_load32(&t->slots) };
}

/* --- exported --------------------------------------------------------------------------------- */

FW_MATCH_API struct fw_table
fw_table_find(const uint8_t *image, uint8_t family, const uint8_t *local)
{
	return fw_bucket_table(image, fw_local_hash(image, family, local), family, local);
}

FW_MATCH_API struct fw_table
fw_table_guard(const uint8_t *image, uint8_t family)
{
	const struct wire_image_hdr *hdr = fw_image_hdr(image);

	return (struct fw_table){ fw_load32(&hdr->guard_at[family == 6]),
		fw_load32(&hdr->guard_slots[family == 6]) };
}

FW_MATCH_API uint32_t
fw_match(const uint8_t *image, struct fw_table table, const struct fw_key *k, bool *is_default)
{
	uint64_t body = (uint64_t)table.body * WIRE_LINE;
	const struct wire_half *first = (const struct wire_half *)fw_at(image,
	    body + (uint64_t)(k->dir & 1) * sizeof(*first));
	uint64_t more = body + (uint64_t)fw_load32(&first->next) * WIRE_LINE;
	const struct wire_half *h = first;
	uint32_t rules = fw_load16(&first->rules), best = WIRE_CELL_NONE;
	uint32_t groups = first->group != 0 ? fw_group_set(image, k) : 0;

#if !defined(FW_BPF)
	/* one base for all that follows; BPF needs the image's own, to mask what is added */
	more -= body;
	image += body;
	body = 0;
#endif
	FW_LOOP
	for (int i = 1; i <= WIRE_SUBS_MAX; i++) {
		uint32_t cell = fw_half(image, body, h, k, groups);

		best = cell < best ? cell : best;
		if (i >= first->subs)
			break;
		h = (const struct wire_half *)fw_at(image, more);
		more += sizeof(*h);
	}
	*is_default = best >= rules;
	return best < rules ? best : rules;
}

FW_MATCH_API void
fw_match_action(const uint8_t *image, struct fw_table table, uint32_t index,
    struct fw_action *out)
{
	uint64_t body = (uint64_t)table.body * WIRE_LINE;
	const struct wire_half *h = (const struct wire_half *)fw_at(image, body);
	const struct wire_action *a = (const struct wire_action *)fw_at(image,
	    fw_array(body, &h->actions_at) + (uint64_t)index * sizeof(*a));

	out->verdict = a->verdict;
	out->mode = a->mode;
	out->state = a->state;
	out->log = a->log;
	out->counter = fw_load16(&a->counter);
	if (out->counter != WIRE_COUNTER_NONE)
		out->counter = fw_load16(fw_at(image, ((uint64_t)table.slots + out->counter) *
		    sizeof(le16) + (uint64_t)fw_load32(&fw_image_hdr(image)->slots_at) *
		    WIRE_LINE));
	out->rule_id = fw_load32(&a->rule_id);
}

#if defined(FW_MATCH_BATCH)

enum { FW_GROUPS_NEAR = 256 * 1024 };

FW_INLINE void
fw_lane_go(struct fw_lane *l, uint64_t at)
{
	l->at = at;
	__builtin_prefetch(l->body + at);
}

FW_INLINE uint32_t
fw_lane_cell(const struct fw_lane *l)
{
	return fw_load16(l->body + l->at);
}

/* Tables found, their halves asked for. */
FW_INLINE void
fw_batch_tables(const uint8_t *image, const uint8_t *locals, const struct fw_key *keys,
    uint32_t count, struct fw_table *tables, struct fw_lane *lanes)
{
	for (uint32_t i = 0; i < count; i++) {
		lanes[i].at = fw_local_hash(image, keys[i].family, locals + 16 * i);
		__builtin_prefetch(fw_bucket(image, lanes[i].at));
	}
	for (uint32_t i = 0; i < count; i++) {
		struct fw_lane *l = &lanes[i];

		tables[i] = fw_bucket_table(image, l->at, keys[i].family, locals + 16 * i);
		/* without a table: any half will do, its answer is not used */
		l->body = image + (size_t)tables[i].body * WIRE_LINE;
		l->half = (const struct wire_half *)l->body + (keys[i].dir & 1);
		for (uint32_t line = 0; line < WIRE_HALF_LINES; line++)
			if (line != 2)
				__builtin_prefetch((const uint8_t *)l->half + line * WIRE_LINE);
	}
}

/* The sets of groups, where a half asks for them. In a table that the caches hold one after the
 * other: the processor overlaps them. In a larger one a node of all packets at a time: a lane's set
 * is the number of the node it stands at, and in the end what it found. */
FW_INLINE void
fw_batch_groups(const uint8_t *image, const struct fw_key *keys, uint32_t count,
    const struct fw_table *tables, struct fw_lane *lanes)
{
	uint32_t walking = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t at;

		lanes[i].set = 0;
		if (tables[i].body == 0 || lanes[i].half->group == 0)
			continue;
		if (fw_load32(&fw_groups(image, keys[i].family, &at)->bytes) <= FW_GROUPS_NEAR)
			lanes[i].set = fw_group_set(image, &keys[i]);
		else
			walking |= 1u << i;
	}
	for (int level = 0; walking != 0 && level <= WIRE_GROUP_DEPTH_MAX; level++) {
		for (uint32_t todo = walking; todo != 0; todo &= todo - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(todo);
			struct fw_lane *l = &lanes[i];
			const struct wire_groups *g = fw_groups(image, keys[i].family, &l->at);
			uint64_t hi = fw_be64(keys[i].remote), lo = fw_be64(keys[i].remote + 8);
			uint32_t bytes = g->key_bytes, lines = bytes == 16 ? 2 : 1;
			uint64_t at = fw_group_level(g, l->at, level);

			hi = bytes == 4 ? hi >> 32 : hi;
			if (level == g->depth) {
				l->set = fw_group_leaf(image, at + (uint64_t)l->set * lines *
				    WIRE_LINE, bytes, hi, lo);
				walking &= ~(1u << i);
				continue;
			}
			l->set = fw_group_child(image, at, l->set, bytes, hi, lo);
			at = fw_group_level(g, l->at, level + 1) + (uint64_t)l->set * lines *
			    WIRE_LINE;
			__builtin_prefetch(image + at);
			__builtin_prefetch(image + at + (lines - 1) * WIRE_LINE);
		}
	}
}

/* The products, one step of all packets at a time. index[i] is the cell. */
FW_INLINE void
fw_batch_cells(struct fw_lane *lanes, const struct fw_table *tables, uint32_t count,
    uint32_t *index)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fw_lane *l = &lanes[i];

		if (tables[i].body != 0 && l->half->b_shift != 0)
			fw_lane_go(l, fw_bp_at(0, l->half, l->classes, fw_lane_cell(l)));
	}
	for (uint32_t i = 0; i < count; i++) {
		struct fw_lane *l = &lanes[i];

		if (tables[i].body == 0)
			continue;
		l->set = fw_lane_cell(l);
		fw_lane_go(l, fw_m_at(0, l->half, l->classes, l->set));
	}
	for (uint32_t i = 0; i < count; i++) {
		struct fw_lane *l = &lanes[i];

		if (tables[i].body != 0 && l->half->m_shift != 0)
			fw_lane_go(l, fw_mp_at(0, l->half, l->set, fw_lane_cell(l)));
	}
	for (uint32_t i = 0; i < count; i++)
		if (tables[i].body != 0)
			index[i] = fw_lane_cell(&lanes[i]);
}

FW_MATCH_API void
fw_match_batch(const uint8_t *image, const uint8_t *locals, const struct fw_key *keys,
    uint32_t count, struct fw_lane *lanes, struct fw_table *tables, uint32_t *index)
{

	count = count < FW_BATCH_MAX ? count : FW_BATCH_MAX;
	fw_batch_tables(image, locals, keys, count, tables, lanes);
	fw_batch_groups(image, keys, count, tables, lanes);
	for (uint32_t i = 0; i < count; i++) {
		struct fw_lane *l = &lanes[i];

		if (tables[i].body == 0)
			continue;
		l->classes = fw_half_classes(l->body, 0, l->half, &keys[i], l->set);
		fw_lane_go(l, fw_b_at(0, l->half, l->classes));
	}
	fw_batch_cells(lanes, tables, count, index);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t rules;
		bool is_default;

		if (tables[i].body == 0)
			continue;
		rules = fw_load16(&lanes[i].half->rules);
		index[i] = index[i] < rules ? index[i] : rules;
		if (lanes[i].half->subs > 1)
			index[i] = fw_match(image, tables[i], &keys[i], &is_default);
		__builtin_prefetch(lanes[i].body + fw_array(0, &lanes[i].half->actions_at) +
		    (size_t)index[i] * sizeof(struct wire_action));
	}
}

#endif
