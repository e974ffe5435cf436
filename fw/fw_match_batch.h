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

FW_INLINE void
fw_lane_half(struct fw_lane *l, const struct wire_half *h)
{
	l->half = h;
	/* all but the line that only bounds */
	for (uint32_t line = 0; line < WIRE_HALF_LINES; line++)
		if (line != 2)
			__builtin_prefetch((const uint8_t *)h + line * WIRE_LINE);
}

/* Tables found, their halves asked for. */
FW_INLINE void
fw_batch_tables(const uint8_t *image, const uint8_t *locals, const struct fw_key *keys,
    uint32_t count, struct fw_table *tables, struct fw_lane *lanes)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fw_lane *l = &lanes[i];

		tables[i] = fw_table_find(image, keys[i].family, locals + 16 * i);
		/* without a table: any half will do, its answer is not used */
		l->body = image + (size_t)tables[i].body * WIRE_LINE;
		fw_lane_half(l, (const struct wire_half *)l->body + (keys[i].dir & 1));
	}
}

enum { FW_GROUPS_NEAR = 256 * 1024 };

/* The sets of groups, where a half asks for them. In a table that the caches hold one after the
 * other: the processor overlaps them. In a larger one a node of all packets at a time: a lane's set
 * is the number of the node it stands at, and in the end what it found. */
FW_INLINE void
fw_batch_groups(const uint8_t *image, const struct fw_key *keys, struct fw_lane *lanes,
    uint32_t count, const struct fw_table *tables)
{
	uint32_t walking = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t at;

		lanes[i].groups = 0;
		if (tables[i].body == 0 || lanes[i].half->group == 0)
			continue;
		if (fw_load32(&fw_groups(image, keys[i].family, &at)->bytes) <= FW_GROUPS_NEAR)
			lanes[i].groups = fw_group_set(image, &keys[i]);
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

/* Up to the cell of M, which is asked for. */
FW_INLINE void
fw_lane_walk(struct fw_lane *l, const struct fw_key *k)
{
	const struct wire_half *h = l->half;
	const uint8_t *body = l->body;
	struct fw_ranks r = fw_half_roots(h, k);
	struct fw_classes c;
	uint32_t row, set;

	fw_half_service(body, 0, h, k, &r, &c);
	row = fw_row_remote(body, 0, h, fw_cell_at(0, &h->remote_at,
	    fw_rank_remote(body, 0, h, r.remote, k)), l->groups);
	set = fw_load16(body + fw_b_at(0, h, c));
	if (h->b_shift != 0)
		set = fw_load16(body + fw_bp_at(0, h, c.dport, set));
	l->set = set;
	fw_lane_go(l, fw_m_at(0, h, row, set));
}

FW_INLINE uint32_t
fw_lane_rule(const struct fw_lane *l)
{
	uint32_t cell = fw_load16(l->body + l->at);

	return l->half->m_shift == 0 ? cell :
	    fw_load16(l->body + fw_mp_at(0, l->half, l->set, cell));
}

/* Sub-tables after the first, of the lanes whose bit in todo is set. */
FW_INLINE void
fw_batch_more(const struct fw_key *keys, struct fw_lane *lanes, uint32_t todo, uint32_t *index)
{
	for (uint32_t sub = 1; todo != 0; sub++) {
		uint32_t left = 0;

		for (uint32_t at = todo; at != 0; at &= at - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(at);
			const struct wire_half *first = (const struct wire_half *)lanes[i].body +
			    (keys[i].dir & 1);

			fw_lane_half(&lanes[i], (const struct wire_half *)(lanes[i].body +
			    fw_array(0, &first->next)) + (sub - 1));
			left |= (uint32_t)(first->subs > sub + 1) << i;
		}
		for (uint32_t at = todo; at != 0; at &= at - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(at);

			fw_lane_walk(&lanes[i], &keys[i]);
		}
		for (uint32_t at = todo; at != 0; at &= at - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(at), cell = fw_lane_rule(&lanes[i]);

			index[i] = cell < index[i] ? cell : index[i];
		}
		todo = left;
	}
}

FW_MATCH_API void
fw_match_batch(const uint8_t *image, const uint8_t *locals, const struct fw_key *keys,
    uint32_t count, struct fw_lane *lanes, struct fw_table *tables, uint32_t *index)
{
	const struct wire_image_hdr *hdr = fw_image_hdr(image);
	uint32_t more = 0;

	if (FW_IS_WIDE) {
		fw_match_batch_wide(image, locals, keys, count, lanes, tables, index);
		return;
	}
	count = count < FW_BATCH_MAX ? count : FW_BATCH_MAX;
	fw_batch_tables(image, locals, keys, count, tables, lanes);
	if ((fw_load32(&hdr->groups_at[0]) | fw_load32(&hdr->groups_at[1])) != 0)
		fw_batch_groups(image, keys, lanes, count, tables);
	for (uint32_t i = 0; i < count; i++)
		if (tables[i].body != 0)
			fw_lane_walk(&lanes[i], &keys[i]);
	for (uint32_t i = 0; i < count; i++) {
		const struct fw_lane *l = &lanes[i];
		uint32_t cell, rules;

		if (tables[i].body == 0)
			continue;
		cell = fw_lane_rule(l);
		rules = fw_load16(&l->half->rules);
		index[i] = cell < rules ? cell : rules;
		more |= (uint32_t)(l->half->subs > 1) << i;
		__builtin_prefetch(l->body + fw_array(0, &l->half->actions_at) +
		    (size_t)index[i] * sizeof(struct wire_action));
	}
	if (more != 0)
		fw_batch_more(keys, lanes, more, index);
}

#endif
