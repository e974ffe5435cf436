/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_match - the walk.
 *
 * What a packet costs is decided by the table's depths, never by the packet: every path of a rank
 * tree is equally long, every product is one load. The remote address, the ports and the VLAN are
 * ranked side by side; the processor overlaps them because none waits for another.
 */
#include "fw_match.h"

#if defined(FW_BPF)
#define FW_MATCH_SCALAR 1
#define FW_OFF(off) ((uint64_t)(off) & FW_IMAGE_MASK)
#define FW_LOOP _Pragma("clang loop unroll(disable)")
#else
#define FW_OFF(off) (off)
#define FW_LOOP
#endif
#if defined(FW_BPF)
#define FW_UNROLL FW_LOOP
#elif defined(__clang__)
#define FW_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FW_UNROLL _Pragma("GCC unroll 8")
#endif
#if !defined(__SSE2__) && !defined(__aarch64__)
#define FW_MATCH_SCALAR 1
#endif

#if defined(FW_MATCH_SCALAR)
#define FW_LESS(a, b) fw_sign((~(a) & (b)) | (~((a) ^ (b)) & ((a) - (b))))
#else
#define FW_LESS(a, b) ((a) < (b))
#endif

#define FW_INLINE static inline __attribute__((always_inline))

#if defined(FW_BPF)
/* The image is aligned there, and all in it is aligned to its size. */
#define FW_LOAD(bits) \
FW_INLINE uint##bits##_t \
fw_load##bits(const void *p) \
{ \
	return *(const uint##bits##_t *)p; \
}
#elif __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FW_LOAD(bits) \
FW_INLINE uint##bits##_t \
fw_load##bits(const void *p) \
{ \
	uint##bits##_t v; \
\
	__builtin_memcpy(&v, p, sizeof(v)); \
	return v; \
}
#else
#define FW_LOAD(bits) \
FW_INLINE uint##bits##_t \
fw_load##bits(const void *p) \
{ \
	return le##bits##_get(*(const le##bits *)p); \
}
#endif
FW_LOAD(16)
FW_LOAD(32)
FW_LOAD(64)

/* Of the caller's memory, which may be anywhere. */
FW_INLINE uint64_t
fw_bytes64(const uint8_t *p)
{
#if defined(FW_BPF)
	return le64_get(*(const le64 *)p);
#else
	return fw_load64(p);
#endif
}

FW_INLINE const uint8_t *
fw_at(const uint8_t *image, uint64_t off)
{
	return image + FW_OFF(off);
}

FW_INLINE uint32_t
fw_cell(const uint8_t *image, uint64_t array, uint32_t index)
{
	return fw_load16(fw_at(image, array + (uint64_t)index * 2));
}

/* --- nodes: keys below the value, before the first that is not; 0..keys --------------------- */

#if defined(FW_MATCH_SCALAR)

/* 1 where bit 63 is set. By arithmetic, not by a branch: the verifier follows both ways of one, and
 * the compiler must not find the compare behind it. */
FW_INLINE uint32_t
fw_sign(uint64_t v)
{
#if defined(FW_BPF)
	__asm__ volatile("" : "+r"(v));
#endif
	return (uint32_t)(v >> 63);
}

FW_INLINE uint32_t
fw_node_v4(const uint8_t *node, uint32_t x)
{
	uint32_t n = 0;

	FW_LOOP
	for (int i = 0; i < WIRE_KEYS_V4; i++)
		n += fw_sign((uint64_t)(fw_load32(node + 4 * i) ^ 0x80000000u) - x);
	return n;
}

FW_INLINE uint32_t
fw_node_u16(const uint8_t *node, uint32_t x)
{
	uint32_t n = 0;

	FW_LOOP
	for (int i = 0; i < WIRE_KEYS_U16; i++)
		n += fw_sign((uint64_t)(fw_load16(node + 2 * i) ^ 0x8000u) - x);
	return n;
}

#elif defined(__SSE2__)

typedef int32_t fw_v4i32 __attribute__((vector_size(16), may_alias));
typedef int16_t fw_v8i16 __attribute__((vector_size(16), may_alias));
typedef char fw_v16i8 __attribute__((vector_size(16)));

/* Keys ascend, so lanes that are below are the first ones. */
FW_INLINE uint32_t
fw_node_v4(const uint8_t *node, uint32_t x)
{
	const fw_v4i32 *k = (const fw_v4i32 *)node;
	fw_v4i32 v = (fw_v4i32){ 0 } + (int32_t)(x ^ 0x80000000u);
	fw_v8i16 lo = __builtin_ia32_packssdw128(v > k[0], v > k[1]);
	fw_v8i16 hi = __builtin_ia32_packssdw128(v > k[2], v > k[3]);
	fw_v16i8 all = __builtin_ia32_packsswb128(lo, hi);

	return (uint32_t)__builtin_ctz(~(uint32_t)__builtin_ia32_pmovmskb128(all));
}

FW_INLINE uint32_t
fw_node_u16(const uint8_t *node, uint32_t x)
{
	const fw_v8i16 *k = (const fw_v8i16 *)node;
	fw_v8i16 v = (fw_v8i16){ 0 } + (int16_t)(x ^ 0x8000u);
	fw_v16i8 lo = __builtin_ia32_packsswb128(v > k[0], v > k[1]);
	fw_v16i8 hi = __builtin_ia32_packsswb128(v > k[2], v > k[3]);
	uint64_t below = (uint32_t)__builtin_ia32_pmovmskb128(lo) |
	    (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128(hi) << 16;

	return (uint32_t)__builtin_ctzll(~below);
}

#else

typedef int32_t fw_v4i32 __attribute__((vector_size(16), may_alias));
typedef int16_t fw_v8i16 __attribute__((vector_size(16), may_alias));
typedef uint64_t fw_v2u64 __attribute__((vector_size(16)));

/* Sum of all lanes; each is below 256 and at least 16 bits wide. */
FW_INLINE uint32_t
fw_lanes(fw_v2u64 v)
{
	uint64_t sum = v[0] + v[1];

	sum += sum >> 32;
	sum += sum >> 16;
	return (uint32_t)sum & 0xff;
}

FW_INLINE uint32_t
fw_node_v4(const uint8_t *node, uint32_t x)
{
	const fw_v4i32 *k = (const fw_v4i32 *)node;
	fw_v4i32 v = (fw_v4i32){ 0 } + (int32_t)(x ^ 0x80000000u);

	/* A true lane is all ones, which is -1. */
	fw_v4i32 sum = ((v > k[0]) + (v > k[1])) + ((v > k[2]) + (v > k[3]));
	return fw_lanes((fw_v2u64)-sum);
}

FW_INLINE uint32_t
fw_node_u16(const uint8_t *node, uint32_t x)
{
	const fw_v8i16 *k = (const fw_v8i16 *)node;
	fw_v8i16 v = (fw_v8i16){ 0 } + (int16_t)(x ^ 0x8000u);
	fw_v8i16 sum = ((v > k[0]) + (v > k[1])) + ((v > k[2]) + (v > k[3]));

	return fw_lanes((fw_v2u64)-sum);
}

#endif

/* SSE2 has no 64-bit compare, and eight compares are soon done. */
FW_INLINE uint32_t
fw_node_v6(const uint8_t *node, uint64_t x)
{
	uint32_t even = 0, odd = 0;

	FW_UNROLL
	for (int i = 0; i < WIRE_KEYS_V6; i += 2) {
		even += FW_LESS(fw_load64(node + 8 * i), x);
		odd += FW_LESS(fw_load64(node + 8 * i + 8), x);
	}
	return even + odd;
}

/* --- trees ------------------------------------------------------------------------------------ */

/* Line of the node to look at next, at level i >= 1. */
FW_INLINE uint64_t
fw_tree_node(uint64_t more, const struct wire_tree *t, int level, uint32_t child)
{
	return more + ((uint64_t)fw_load16(&t->start[level - 1]) + child) * WIRE_LINE;
}

FW_INLINE uint32_t
fw_rank_v4(const uint8_t *image, uint64_t body, const uint8_t *root, const struct wire_tree *t,
    int depth, uint32_t x)
{
	uint64_t more = body + (uint64_t)fw_load32(&t->at) * WIRE_LINE;
	uint32_t rank = fw_node_v4(root, x);

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
fw_rank_v6(const uint8_t *image, uint64_t body, const uint8_t *root, const struct wire_tree *t,
    int depth, uint64_t x)
{
	uint64_t more = body + (uint64_t)fw_load32(&t->at) * WIRE_LINE;
	uint32_t rank = fw_node_v6(root, x);

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
fw_rank_u16(const uint8_t *image, uint64_t body, const uint8_t *root, const struct wire_tree *t,
    int depth, uint32_t x)
{
	uint64_t more = body + (uint64_t)fw_load32(&t->at) * WIRE_LINE;
	uint32_t rank = fw_node_u16(root, x);

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

FW_INLINE uint32_t
fw_class_remote(const uint8_t *image, uint64_t body, const struct wire_half *h,
    const struct fw_key *k)
{
	const uint8_t *root = h->roots[WIRE_ROOT_REMOTE];
	uint32_t rank;

	if (h->family == 4) {
		rank = fw_rank_v4(image, body, root, &h->remote, h->remote_depth,
		    fw_be32(k->remote));
	} else {
		rank = fw_rank_v6(image, body, root, &h->remote, h->remote_depth,
		    fw_be64(k->remote));
		if (h->low_depth > 0)
			rank = fw_rank_low(image, body, h, rank, fw_be64(k->remote + 8));
	}
	return fw_cell(image, fw_array(body, &h->remote_at), rank);
}

FW_INLINE struct fw_classes
fw_half_classes(const uint8_t *image, uint64_t body, const struct wire_half *h,
    const struct fw_key *k)
{
	struct fw_classes c;
	uint32_t p, v, s;

	p = *fw_at(image, fw_array(body, &h->proto_at) + k->proto) * 2u +
	    (k->frag == WIRE_FRAG_REST);
	p *= fw_load16(&h->vlan_classes);
	v = fw_cell(image, fw_array(body, &h->vlan_at),
	    fw_rank_u16(image, body, h->roots[WIRE_ROOT_VLAN], &h->vlan, h->vlan_depth,
	    k->vlan));
	s = fw_cell(image, fw_array(body, &h->sport_at),
	    fw_rank_u16(image, body, h->roots[WIRE_ROOT_SPORT], &h->sport, h->sport_depth,
	    k->sport));
	c.head = fw_cell(image, fw_array(body, &h->head_at),
	    (p + v) * fw_load16(&h->sport_classes) + s) * fw_load16(&h->b_row);
	c.m_row = fw_class_remote(image, body, h, k) * fw_load16(&h->m_row);
	c.dport = fw_cell(image, fw_array(body, &h->dport_at),
	    fw_rank_u16(image, body, h->roots[WIRE_ROOT_DPORT], &h->dport, h->dport_depth,
	    k->dport));
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
fw_half(const uint8_t *image, uint64_t body, const struct wire_half *h, const struct fw_key *k)
{
	struct fw_classes c = fw_half_classes(image, body, h, k);
	uint32_t seg = fw_load16(fw_at(image, fw_b_at(body, h, c)));
	uint32_t set = fw_load16(fw_at(image, fw_bp_at(body, h, c, seg)));

	seg = fw_load16(fw_at(image, fw_m_at(body, h, c, set)));
	return fw_load16(fw_at(image, fw_mp_at(body, h, set, seg)));
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

	if (t->family != family || ((fw_load64(t->local) ^ fw_bytes64(local)) |
	    (fw_load64(t->local + 8) ^ fw_bytes64(local + 8))) != 0)
		body = 0;
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

#if !defined(FW_BPF)
	/* one base for all that follows; BPF needs the image's own, to mask what is added */
	more -= body;
	image += body;
	body = 0;
#endif
	FW_LOOP
	for (int i = 1; i <= WIRE_SUBS_MAX; i++) {
		uint32_t cell = fw_half(image, body, h, k);

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

/* The products, one step of all packets at a time. index[i] is the cell. */
FW_INLINE void
fw_batch_cells(struct fw_lane *lanes, const struct fw_table *tables, uint32_t count,
    uint32_t *index)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fw_lane *l = &lanes[i];

		if (tables[i].body != 0)
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

		if (tables[i].body != 0)
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
	for (uint32_t i = 0; i < count; i++) {
		struct fw_lane *l = &lanes[i];

		if (tables[i].body == 0)
			continue;
		l->classes = fw_half_classes(l->body, 0, l->half, &keys[i]);
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
