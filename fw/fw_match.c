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
#include "fw_match_probe.h"

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
fw_group_set(const uint8_t *image, const FW_PROBE *p)
{
	uint64_t at;
	const struct wire_groups *g = fw_groups(image, p->family, &at);

	if (p->family == 4)
		return fw_group_walk(image, g, at, 4, fw_remote_v4(p), 0);
	if (g->key_bytes == 8)
		return fw_group_walk(image, g, at, 8, fw_remote_hi(p), 0);
	return fw_group_walk(image, g, at, 16, fw_remote_hi(p), fw_remote_lo(p));
}

/* Class array index of the remote address; rank is that of the root. */
FW_INLINE uint32_t
fw_rank_remote(const uint8_t *image, uint64_t body, const struct wire_half *h, uint32_t rank,
    const FW_PROBE *p)
{
	if (p->family == 4)
		return fw_rank_v4(image, body, rank, &h->remote, h->remote_depth,
		    fw_remote_v4(p));
	rank = fw_rank_v6(image, body, rank, &h->remote, h->remote_depth, fw_remote_hi(p));
	return h->low_depth == 0 ? rank : fw_rank_low(image, body, h, rank, fw_remote_lo(p));
}

/* The remote's row of M; at is of its class, set the set of groups where the half has any. */
FW_INLINE uint32_t
fw_row_remote(const uint8_t *image, uint64_t body, const struct wire_half *h, uint64_t at,
    uint32_t set)
{
	uint32_t row = fw_load16(fw_at(image, at));

	if (h->group != 0)
		row = fw_cell(image, fw_array(body, &h->x_at), (row << (h->group & 15)) +
		    fw_cell(image, fw_array(body, &h->gmap_at), set));
	return fw_rows(row, fw_load16(&h->m_row));
}

/* The class of a rank: itself where there is no array. */
FW_INLINE uint32_t
fw_class_u16(const uint8_t *image, uint64_t body, const le32 *at, uint32_t rank)
{
	uint64_t array = fw_load32(at);

	return array == 0 ? rank : fw_cell(image, body + array * WIRE_LINE, rank);
}

/* Keys of each root below a packet's fields. */
struct fw_ranks {
	uint32_t vlan, sport, dport, remote;
};

/* What a packet is to one sub-table: row and column of B. */
struct fw_classes {
	uint32_t head, dport;
};

/* All roots before anything that a table may or may not have: where the processor guessed a
 * branch wrong, what is older than the branch goes on. The packet's family is the table's, and
 * known before the table is. */
FW_INLINE struct fw_ranks
fw_half_roots(const struct wire_half *h, const FW_PROBE *p)
{
	return (struct fw_ranks){
		.vlan = fw_node_u16(h->roots[WIRE_ROOT_VLAN], p->vlan),
		.sport = fw_node_u16(h->roots[WIRE_ROOT_SPORT], p->sport),
		.dport = fw_node_u16(h->roots[WIRE_ROOT_DPORT], p->dport),
		.remote = p->family == 4 ?
		    fw_node_v4(h->roots[WIRE_ROOT_REMOTE], fw_remote_v4(p)) :
		    fw_node_v6(h->roots[WIRE_ROOT_REMOTE], fw_remote_hi(p)) };
}

/* Keys below of the roots become those of the trees, of the VLAN and the source port classes. */
FW_INLINE void
fw_half_ranks(const uint8_t *image, uint64_t body, const struct wire_half *h,
    const FW_PROBE *p, struct fw_ranks *r)
{
	r->dport = fw_rank_u16(image, body, r->dport, &h->dport, h->dport_depth, p->dport);
	r->vlan = fw_class_u16(image, body, &h->vlan_at,
	    fw_rank_u16(image, body, r->vlan, &h->vlan, h->vlan_depth, p->vlan));
	r->sport = fw_class_u16(image, body, &h->sport_at,
	    fw_rank_u16(image, body, r->sport, &h->sport, h->sport_depth, p->sport));
}

FW_INLINE uint64_t
fw_head_at(const uint8_t *image, uint64_t body, const struct wire_half *h, const FW_PROBE *p,
    const struct fw_ranks *r)
{
	uint32_t row = fw_load8(fw_at(image, fw_array(body, &h->proto_at) + p->proto)) * 2 +
	    (p->frag == WIRE_FRAG_REST);

	row = fw_rows(row, fw_load16(&h->vlan_classes)) + r->vlan;
	return fw_array(body, &h->head_at) +
	    (uint64_t)(fw_rows(row, fw_load16(&h->sport_classes)) + r->sport) * 2;
}

/* Row and column of B of a packet whose ranks r holds; head is where the cell of H is. */
FW_INLINE struct fw_classes
fw_half_classes(const uint8_t *image, uint64_t body, const struct wire_half *h, uint64_t head,
    uint32_t dport)
{
	return (struct fw_classes){ fw_rows(fw_load16(fw_at(image, head)), fw_load16(&h->b_row)),
		fw_class_u16(image, body, &h->dport_at, dport) };
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
	return fw_cell_at(body, &h->b_at, c.head + (c.dport >> (h->b_shift & 31)));
}

FW_INLINE uint64_t
fw_bp_at(uint64_t body, const struct wire_half *h, uint32_t column, uint32_t seg)
{
	uint32_t shift = h->b_shift & 31;

	return fw_cell_at(body, &h->bp_at, (seg << shift) + (column & ((1u << shift) - 1)));
}

FW_INLINE uint64_t
fw_m_at(uint64_t body, const struct wire_half *h, uint32_t row, uint32_t set)
{
	return fw_cell_at(body, &h->m_at, row + (set >> (h->m_shift & 31)));
}

FW_INLINE uint64_t
fw_mp_at(uint64_t body, const struct wire_half *h, uint32_t set, uint32_t seg)
{
	uint32_t shift = h->m_shift & 31;

	return fw_cell_at(body, &h->mp_at, (seg << shift) + (set & ((1u << shift) - 1)));
}

/* The first rule of one sub-table, WIRE_CELL_NONE where none matches. */
FW_INLINE uint32_t
fw_half(const uint8_t *image, uint64_t body, const struct wire_half *h, const FW_PROBE *p,
    uint32_t groups)
{
	struct fw_ranks r = fw_half_roots(h, p);
	struct fw_classes c;
	uint32_t row, set, cell;

	fw_half_ranks(image, body, h, p, &r);
	c = fw_half_classes(image, body, h, fw_head_at(image, body, h, p, &r), r.dport);
	row = fw_row_remote(image, body, h, fw_cell_at(body, &h->remote_at,
	    fw_rank_remote(image, body, h, r.remote, p)), groups);
	set = fw_load16(fw_at(image, fw_b_at(body, h, c)));
	if (h->b_shift != 0)
		set = fw_load16(fw_at(image, fw_bp_at(body, h, c.dport, set)));
	cell = fw_load16(fw_at(image, fw_m_at(body, h, row, set)));
	if (h->m_shift != 0)
		cell = fw_load16(fw_at(image, fw_mp_at(body, h, set, cell)));
	return cell;
}

/* The body that a tag names in a bucket, and its record; record 0, which is none, where there is no
 * such tag. */
#if defined(__AVX512BW__) && !defined(FW_MATCH_SCALAR)
FW_INLINE uint32_t
fw_bucket_body(const struct wire_bucket *b, uint32_t tag, uint32_t *record)
{
	uint32_t hits = __builtin_ia32_cmpw128_mask((fw_v8i16){ 0 } + (int16_t)tag,
	    *(const fw_v8i16 *)b->tag, FW_CMP_EQUAL, (1u << WIRE_BUCKET_SLOTS) - 1);
	uint32_t i = (uint32_t)__builtin_ctz(hits | 1u << (WIRE_BUCKET_SLOTS - 1));

	*record = fw_load32(&b->table[i]);
	return fw_load32(&b->body[i]);
}
#elif defined(FW_MATCH_SCALAR) || !defined(__SSE2__)
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

#if defined(FW_MATCH_PICKS) && !defined(FW_MATCH_WIDE) && !defined(FW_MATCH_SCALAR)
bool fw_match_narrow;

FW_INLINE bool
fw_is_wide(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("bmi2") &&
	    !fw_match_narrow;
}
#define FW_IS_WIDE fw_is_wide()
#else
#define FW_IS_WIDE false
#define fw_match_wide(image, table, k, is_default) 0
#define fw_match_batch_wide(image, locals, keys, count, lanes, tables, index) ((void)0)
#endif

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
	FW_PROBE space;
	const FW_PROBE *p = fw_probe_of(k, &space);
	uint32_t groups;

	if (FW_IS_WIDE)
		return fw_match_wide(image, table, k, is_default);
	groups = first->group != 0 ? fw_group_set(image, p) : 0;
#if !defined(FW_BPF)
	/* one base for all that follows; BPF needs the image's own, to mask what is added */
	more -= body;
	image += body;
	body = 0;
#endif
	FW_LOOP
	for (int i = 1; i <= WIRE_SUBS_MAX; i++) {
		uint32_t cell = fw_half(image, body, h, p, groups);

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
#include "fw_match_batch.h"
#endif
