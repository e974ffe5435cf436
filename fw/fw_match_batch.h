/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_match_batch - packets side by side: while one waits for memory, others walk.
 * Shape:   every step is a loop over the lanes, and ends with a prefetch of what the next step
 *          reads. Few steps: within one the processor looks ahead to the next packet by itself.
 * Limits:  FW_BATCH_MAX lanes.
 * Context: for fw_match.c alone.
 */
#ifndef FW_MATCH_BATCH_H
#define FW_MATCH_BATCH_H

FW_INLINE void
fw_lane_go(struct fw_lane *l, uint64_t at)
{
	l->at = at;
	__builtin_prefetch(l->body + at);
}

/* An image that the second cache of a processor holds is not asked for. */
enum { FW_BATCH_NEAR = 1 << 20 };

FW_INLINE void
fw_lane_half(struct fw_lane *l, const struct wire_half *h, bool near)
{
	l->half = h;
	if (near)
		return;
	/* all but the line that only bounds */
	for (uint32_t line = 0; line < WIRE_HALF_LINES; line++)
		if (line != 2)
			__builtin_prefetch((const uint8_t *)h + line * WIRE_LINE);
}

#if defined(__AVX512BW__) && !defined(FW_MATCH_SCALAR)
typedef char fw_v32i8 __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint64_t fw_v8u64 __attribute__((vector_size(64), aligned(1), may_alias));

/* fw_probe_of by one shuffle: both halves of the remote to host order, top bits flipped. */
FW_INLINE void
fw_lane_set(struct fw_lane *l, const struct fw_key *k)
{
	static const fw_v32i8 order = { 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8,
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1, -1, -1, -1, -1, -1 };
	static const fw_v32i8 flip = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, -128, 0, -128, 0, -128 };
	fw_v32i8 v = __builtin_ia32_loaddquqi256_mask((const char *)k, (fw_v32i8){ 0 },
	    (uint32_t)((UINT64_C(1) << sizeof(*k)) - 1));

	*(fw_v32i8 *)&l->probe = (fw_v32i8)__builtin_ia32_pshufb256(v, order) ^ flip;
}

/* Eight at a time: fw_lane_set, and wire_local_hash. */
FW_INLINE void
fw_batch_hash(const uint8_t *image, const uint8_t *locals, const struct fw_key *keys,
    struct fw_lane *lanes, uint64_t *hash)
{
	fw_v8u64 a = *(const fw_v8u64 *)locals, b = *(const fw_v8u64 *)(locals + 64);
	fw_v8u64 lo = __builtin_shuffle(a, b, (fw_v8u64){ 0, 2, 4, 6, 8, 10, 12, 14 });
	fw_v8u64 hi = __builtin_shuffle(a, b, (fw_v8u64){ 1, 3, 5, 7, 9, 11, 13, 15 });
	fw_v8u64 family = { keys[0].family, keys[1].family, keys[2].family, keys[3].family,
		keys[4].family, keys[5].family, keys[6].family, keys[7].family };
	fw_v8u64 h = (lo ^ lo >> 32) * (fw_load64(&fw_image_hdr(image)->seed) | 1) +
	    (hi ^ hi >> 32 ^ family) * WIRE_HASH_HIGH;

	*(fw_v8u64 *)hash = h << 16 | h >> 48;
	FW_UNROLL
	for (int i = 0; i < 8; i++)
		fw_lane_set(&lanes[i], &keys[i]);
}
#else
FW_INLINE void
fw_lane_set(struct fw_lane *l, const struct fw_key *k)
{
	const FW_PROBE *p = fw_probe_of(k, fw_lane_probe(l));

	if (p != fw_lane_probe(l))
		*fw_lane_probe(l) = *p;
}
#endif

FW_INLINE void
fw_lane_table(const uint8_t *image, const uint8_t *local, uint64_t hash, bool near,
    struct fw_table *table, struct fw_lane *l)
{
	struct fw_table t = fw_bucket_table(image, hash, fw_lane_probe(l)->family, local);
	uint64_t body = t.body;

	*table = t;
	if (__builtin_expect(body == 0, 0)) {
		/* the first body will do: its answer is not used */
		body = fw_load32(&((const struct wire_body *)(image + (uint64_t)fw_load32(
		    &fw_image_hdr(image)->bodies_at) * WIRE_LINE))->line);
		fw_lane_probe(l)->family = ((const struct wire_half *)(image +
		    body * WIRE_LINE))->family;
	}
	l->body = image + body * WIRE_LINE;
	fw_lane_half(l, (const struct wire_half *)l->body + (fw_lane_probe(l)->dir & 1), near);
}

/* Tables found, their halves asked for. */
FW_INLINE void
fw_batch_tables(const uint8_t *image, const uint8_t *locals, const struct fw_key *keys,
    uint32_t count, bool near, struct fw_table *tables, struct fw_lane *lanes)
{
	uint32_t i = 0;

#if defined(__AVX512BW__) && !defined(FW_MATCH_SCALAR)
	_Alignas(64) uint64_t hash[FW_BATCH_MAX];

	for (; i + 8 <= count; i += 8)
		fw_batch_hash(image, locals + (size_t)16 * i, keys + i, lanes + i, hash + i);
	for (uint32_t k = 0; k < i; k++)
		fw_lane_table(image, locals + (size_t)16 * k, hash[k], near, &tables[k], &lanes[k]);
#endif
	for (; i < count; i++) {
		fw_lane_set(&lanes[i], &keys[i]);
		fw_lane_table(image, locals + (size_t)16 * i, fw_local_hash(image, keys[i].family,
		    locals + (size_t)16 * i), near, &tables[i], &lanes[i]);
	}
}

enum { FW_GROUPS_NEAR = 256 * 1024 };

/* The sets of groups, where a half asks for them. In a table that the caches hold one after the
 * other: the processor overlaps them. In a larger one a node of all packets at a time: a lane's set
 * is the number of the node it stands at, and in the end what it found. */
FW_INLINE void
fw_batch_groups(const uint8_t *image, struct fw_lane *lanes, uint32_t count,
    const struct fw_table *tables)
{
	uint32_t walking = 0;

	for (uint32_t i = 0; i < count; i++) {
		const FW_PROBE *p = fw_lane_probe(&lanes[i]);
		uint64_t at;

		lanes[i].groups = 0;
		if (tables[i].body == 0 || lanes[i].half->group == 0)
			continue;
		if (fw_load32(&fw_groups(image, p->family, &at)->bytes) <= FW_GROUPS_NEAR)
			lanes[i].groups = fw_group_set(image, p);
		else
			walking |= 1u << i;
	}
	for (int level = 0; walking != 0 && level <= WIRE_GROUP_DEPTH_MAX; level++) {
		for (uint32_t waiting = walking; waiting != 0; waiting &= waiting - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(waiting);
			struct fw_lane *l = &lanes[i];
			const FW_PROBE *p = fw_lane_probe(l);
			const struct wire_groups *g = fw_groups(image, p->family, &l->at);
			uint64_t hi = fw_remote_hi(p), lo = fw_remote_lo(p);
			uint32_t bytes = g->key_bytes, lines = bytes == 16 ? 2 : 1;
			uint64_t at = fw_group_level(g, l->at, level);

			hi = bytes == 4 ? hi >> 32 : hi;
			if (level == g->depth) {
				l->groups = fw_group_leaf(image, at + (uint64_t)l->groups * lines *
				    WIRE_LINE, bytes, hi, lo);
				walking &= ~(1u << i);
				continue;
			}
			l->groups = fw_group_child(image, at, l->groups, bytes, hi, lo);
			at = fw_group_level(g, l->at, level + 1) + (uint64_t)l->groups * lines *
			    WIRE_LINE;
			__builtin_prefetch(image + at);
			__builtin_prefetch(image + at + (lines - 1) * WIRE_LINE);
		}
	}
}

/* What the trees of a half lead to: the cells of H and of the remote's class, and a rank. */
struct fw_spot {
	uint64_t head, remote;
	uint32_t dport;
};

FW_INLINE struct fw_spot
fw_lane_spot(struct fw_lane *l)
{
	const struct wire_half *h = l->half;
	const FW_PROBE *p = fw_lane_probe(l);
	struct fw_ranks r = fw_half_roots(h, p);

	fw_half_ranks(l->body, 0, h, p, &r);
	return (struct fw_spot){ .head = fw_head_at(l->body, 0, h, p, &r), .dport = r.dport,
		.remote = fw_cell_at(0, &h->remote_at,
		    fw_rank_remote(l->body, 0, h, r.remote, p)) };
}

/* From there to the cell of M, which is asked for. */
FW_INLINE void
fw_lane_sets(struct fw_lane *l, struct fw_spot s)
{
	const struct wire_half *h = l->half;
	const uint8_t *body = l->body;
	struct fw_classes c = fw_half_classes(body, 0, h, s.head, s.dport);
	uint32_t row = fw_row_remote(body, 0, h, s.remote, l->groups);
	uint32_t set = fw_load16(body + fw_b_at(0, h, c));

	if (h->b_shift != 0)
		set = fw_load16(body + fw_bp_at(0, h, c.dport, set));
	l->set = set;
	fw_lane_go(l, fw_m_at(0, h, row, set));
}

/* At once: the processor looks ahead to the next packet. */
FW_INLINE void
fw_lane_walk(struct fw_lane *l)
{
	fw_lane_sets(l, fw_lane_spot(l));
}

/* Where memory is far, all trees first. */
FW_INLINE void
fw_batch_far(struct fw_lane *lanes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fw_lane *l = &lanes[i];
		struct fw_spot s = fw_lane_spot(l);

		__builtin_prefetch(l->body + s.head);
		__builtin_prefetch(l->body + s.remote);
		__builtin_prefetch(l->body + fw_cell_at(0, &l->half->dport_at, s.dport));
		l->head = s.head;
		l->at = s.remote;
		l->dport = s.dport;
	}
	for (uint32_t i = 0; i < count; i++)
		fw_lane_sets(&lanes[i], (struct fw_spot){ lanes[i].head, lanes[i].at,
		    lanes[i].dport });
}

FW_INLINE uint32_t
fw_lane_rule(const struct fw_lane *l)
{
	uint32_t cell = fw_load16(l->body + l->at);

	return l->half->m_shift == 0 ? cell :
	    fw_load16(l->body + fw_mp_at(0, l->half, l->set, cell));
}

/* Sub-tables after the first, of the lanes that have any. */
FW_INLINE void
fw_batch_more(struct fw_lane *lanes, uint32_t count, uint32_t *index)
{
	uint32_t waiting = 0;

	for (uint32_t i = 0; i < count; i++)
		waiting |= (uint32_t)(lanes[i].half->subs > 1) << i;
	for (uint32_t sub = 1; waiting != 0; sub++) {
		uint32_t left = 0;

		for (uint32_t at = waiting; at != 0; at &= at - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(at);
			const struct wire_half *first = (const struct wire_half *)lanes[i].body +
			    (fw_lane_probe(&lanes[i])->dir & 1);

			fw_lane_half(&lanes[i], (const struct wire_half *)(lanes[i].body +
			    fw_array(0, &first->next)) + (sub - 1), false);
			left |= (uint32_t)(first->subs > sub + 1) << i;
		}
		for (uint32_t at = waiting; at != 0; at &= at - 1)
			fw_lane_walk(&lanes[__builtin_ctz(at)]);
		for (uint32_t at = waiting; at != 0; at &= at - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(at), cell = fw_lane_rule(&lanes[i]);

			index[i] = cell < index[i] ? cell : index[i];
		}
		waiting = left;
	}
}

FW_MATCH_API void
fw_match_batch(const uint8_t *image, const uint8_t *locals, const struct fw_key *keys,
    uint32_t count, struct fw_lane *lanes, struct fw_table *tables, uint32_t *index)
{
	const struct wire_image_hdr *hdr = fw_image_hdr(image);
	bool near = fw_load32(&hdr->bytes) <= FW_BATCH_NEAR;
	uint32_t subs = 0;

	if (FW_IS_WIDE) {
		fw_match_batch_wide(image, locals, keys, count, lanes, tables, index);
		return;
	}
	count = count < FW_BATCH_MAX ? count : FW_BATCH_MAX;
	if (fw_load32(&hdr->body_count) == 0) {
		for (uint32_t i = 0; i < count; i++)
			tables[i] = (struct fw_table){ 0 };
		return;
	}
	fw_batch_tables(image, locals, keys, count, near, tables, lanes);
	if ((fw_load32(&hdr->groups_at[0]) | fw_load32(&hdr->groups_at[1])) != 0)
		fw_batch_groups(image, lanes, count, tables);
	if (!near)
		fw_batch_far(lanes, count);
	for (uint32_t i = 0; near && i < count; i++)
		fw_lane_walk(&lanes[i]);
	for (uint32_t i = 0; i < count; i++) {
		const struct fw_lane *l = &lanes[i];
		uint32_t cell = fw_lane_rule(l), rules = fw_load16(&l->half->rules);

		index[i] = cell < rules ? cell : rules;
		subs |= l->half->subs;
		if (!near)
			__builtin_prefetch(l->body + fw_array(0, &l->half->actions_at) +
			    (size_t)index[i] * sizeof(struct wire_action));
	}
	if (subs > 1)
		fw_batch_more(lanes, count, index);
}

#endif
