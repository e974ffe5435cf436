/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_facts - parser and walker run on one frame, and all they found as one number.
 * Does:    the same text for BPF and for the host, so that a test can hold one against the other.
 * Context: pure; after fw_parse.h and fw_match.h.
 */
#ifndef FW_FACTS_H
#define FW_FACTS_H

#include "fw_match.h"
#include "fw_parse.h"

/* What one end of the packet has to do with the image. */
struct fw_facts_end {
	uint32_t body, index, is_default, rule_id;
};

static inline uint32_t
fw_facts_mix(uint32_t h, uint32_t v)
{
	return (h ^ v) * 0x01000193u ^ h >> 15;
}

static __attribute__((noinline)) void
fw_facts_end(const uint8_t *image, const struct fw_pkt *p, uint8_t dir, struct fw_key *k,
    struct fw_facts_end *out)
{
	const struct fw_tuple *tuple = &p->tuple;
	struct fw_table table = fw_table_find(image, tuple->family,
	    dir == WIRE_OUT ? tuple->src : tuple->dst);
	struct fw_action a;
	bool is_default = false;

	*out = (struct fw_facts_end){ .body = table.body };
	if (table.body == 0)
		return;
	__builtin_memcpy(k->remote, dir == WIRE_OUT ? tuple->dst : tuple->src, 16);
	k->family = tuple->family;
	k->dir = dir;
	k->proto = tuple->proto;
	k->frag = tuple->frag;
	k->sport = tuple->sport;
	k->dport = tuple->dport;
	k->vlan = tuple->vlan;
	out->index = fw_match(image, table, k, &is_default);
	out->is_default = is_default;
	fw_match_action(image, table, out->index, &a);
	out->rule_id = a.rule_id;
}

/* Never 0. k is room to work in. */
static inline uint32_t
fw_facts(const uint8_t *image, const struct fw_pkt *p, struct fw_key *k)
{
	const struct fw_tuple *tuple = &p->tuple;
	uint32_t h = fw_facts_mix(0x811c9dc5u, (uint32_t)p->kind << 16 | (uint32_t)p->why << 8 |
	    p->fault);

	h = fw_facts_mix(h, (uint32_t)tuple->family << 24 | (uint32_t)tuple->proto << 16 |
	    (uint32_t)tuple->frag << 8 | tuple->tcp_flags);
	h = fw_facts_mix(h, (uint32_t)tuple->sport << 16 | tuple->dport);
	h = fw_facts_mix(h, (uint32_t)tuple->vlan << 16 | p->echo_id);
	h = fw_facts_mix(h, (uint32_t)p->frag_lo << 16 | p->frag_hi);
	h = fw_facts_mix(h, p->frag_id ^ p->has_inner);
	h = fw_facts_mix(h, (uint32_t)p->inner.sport << 16 | p->inner.dport);
	if (p->kind == FW_KIND_IP && p->fault == 0) {
		for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN; dir++) {
			struct fw_facts_end end;

			fw_facts_end(image, p, dir, k, &end);
			h = fw_facts_mix(h, end.body);
			h = fw_facts_mix(h, end.index << 1 | end.is_default);
			h = fw_facts_mix(h, end.rule_id);
		}
	}
	return h != 0 ? h : 1;
}

#endif
