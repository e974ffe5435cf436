/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All entries live equally long, so the list by age is also the list by deadline: expiry looks at
 * its old end only. Indices are stored + 1, so that zeroed memory is an empty table.
 */
#include "fw_frag.h"

#include "fw_hash.h"
#include "fw_mem.h"
#include "fw_port.h"

_Static_assert(FW_FRAG_DATAGRAMS < 65535, "indices + 1 fit 16 bits");

static uint32_t
head_of(const struct fw *fw, const uint8_t src[16], const uint8_t dst[16], uint32_t id)
{
	uint64_t words[5] = { fw_word(src), fw_word(src + 8), fw_word(dst), fw_word(dst + 8), id };

	return (uint32_t)fw_siphash(fw->cfg.seed, words, 5) % FW_FRAG_DATAGRAMS;
}

static struct fw_frag *
item(struct fw_frags *all, uint16_t at)
{
	FW_CHECK(at >= 1 && at <= FW_FRAG_DATAGRAMS);
	return &all->items[at - 1];
}

void
fw_frag_reset(struct fw_frags *all)
{
	memset(all, 0, sizeof(*all));
	for (uint16_t i = 0; i < FW_FRAG_DATAGRAMS; i++)
		all->items[i].chain = (uint16_t)(i + 2);
	all->items[FW_FRAG_DATAGRAMS - 1].chain = 0;
	all->free = 1;
}

static void
forget(struct fw *fw, struct fw_frag *d)
{
	struct fw_frags *all = fw->cfg.frags;
	uint16_t self = (uint16_t)(d - all->items + 1);
	uint16_t *link = &all->heads[head_of(fw, d->src, d->dst, d->id)];

	for (uint32_t n = 0; *link != self; n++) {
		FW_CHECK(n < FW_FRAG_DATAGRAMS);
		link = &item(all, *link)->chain;
	}
	*link = d->chain;
	*(d->older != 0 ? &item(all, d->older)->newer : &all->oldest) = d->newer;
	*(d->newer != 0 ? &item(all, d->newer)->older : &all->newest) = d->older;
	d->chain = all->free;
	all->free = self;
	all->count--;
}

void
fw_frag_expire(struct fw *fw, uint64_t now_ns, uint32_t max)
{
	struct fw_frags *all = fw->cfg.frags;

	for (uint32_t n = 0; n < max && all->oldest != 0; n++) {
		struct fw_frag *d = item(all, all->oldest);

		if (now_ns < d->deadline_ns)
			return;
		forget(fw, d);
	}
}

/* v6 has one identification for all protocols; v4 one for each. */
static bool
same_datagram(const struct fw_frag *d, const struct fw_pkt *p)
{
	return d->id == p->frag_id && d->family == p->tuple.family && d->vlan == p->tuple.vlan &&
	    (d->family == 6 || d->proto == p->tuple.proto) &&
	    memcmp(d->src, p->tuple.src, 16) == 0 && memcmp(d->dst, p->tuple.dst, 16) == 0;
}

static struct fw_frag *
find(struct fw *fw, uint64_t now_ns)
{
	struct fw_frags *all = fw->cfg.frags;
	const struct fw_pkt *p = &fw->pkt;
	uint16_t at = all->heads[head_of(fw, p->tuple.src, p->tuple.dst, p->frag_id)];

	for (uint32_t n = 0; at != 0; n++) {
		struct fw_frag *d = item(all, at);

		FW_CHECK(n < FW_FRAG_DATAGRAMS);
		if (same_datagram(d, p)) {
			if (now_ns < d->deadline_ns)
				return d;
			forget(fw, d);
			return NULL;
		}
		at = d->chain;
	}
	return NULL;
}

static struct fw_frag *
open_datagram(struct fw *fw, uint64_t now_ns)
{
	struct fw_frags *all = fw->cfg.frags;
	const struct fw_pkt *p = &fw->pkt;

	fw_frag_expire(fw, now_ns, 2);
	if (all->free == 0) {
		fw->stats.frag_full++;
		return NULL;
	}
	uint16_t self = all->free, *head = &all->heads[head_of(fw, p->tuple.src, p->tuple.dst,
	    p->frag_id)];
	struct fw_frag *d = item(all, self);

	all->free = d->chain;
	*d = (struct fw_frag){ .deadline_ns = now_ns + FW_FRAG_S * FW_NS_PER_S, .id = p->frag_id,
		.vlan = p->tuple.vlan, .family = p->tuple.family, .proto = p->tuple.proto,
		.chain = *head, .older = all->newest };
	memcpy(d->src, p->tuple.src, 16);
	memcpy(d->dst, p->tuple.dst, 16);
	*head = self;
	*(all->newest != 0 ? &item(all, all->newest)->newer : &all->oldest) = self;
	all->newest = self;
	all->count++;
	return d;
}

/* Adds [lo, hi) to what was seen; false where some of it was, where it lies past the end of the
 * datagram, or where there would be too many runs. */
static bool
range_add(struct fw_frag *d, const struct fw_pkt *p)
{
	uint16_t lo = p->frag_lo, hi = p->frag_hi;
	uint32_t at = 0;

	FW_CHECK(lo < hi && d->range_count <= FW_FRAG_RANGES);
	while (at < d->range_count && d->hi[at] <= lo)
		at++;
	if (at < d->range_count && d->lo[at] < hi)
		return false;
	if (d->end != 0 && (hi > d->end || !p->frag_more))
		return false;
	if (!p->frag_more && d->range_count > 0 && d->hi[d->range_count - 1] > hi)
		return false;
	bool join_prev = at > 0 && d->hi[at - 1] == lo;
	bool join_next = at < d->range_count && d->lo[at] == hi;

	if (join_prev && join_next) {
		d->hi[at - 1] = d->hi[at];
		d->range_count--;
		for (uint32_t i = at; i < d->range_count; i++) {
			d->lo[i] = d->lo[i + 1];
			d->hi[i] = d->hi[i + 1];
		}
	} else if (join_prev) {
		d->hi[at - 1] = hi;
	} else if (join_next) {
		d->lo[at] = lo;
	} else {
		if (d->range_count == FW_FRAG_RANGES)
			return false;
		for (uint32_t i = d->range_count; i > at; i--) {
			d->lo[i] = d->lo[i - 1];
			d->hi[i] = d->hi[i - 1];
		}
		d->lo[at] = lo;
		d->hi[at] = hi;
		d->range_count++;
	}
	if (!p->frag_more)
		d->end = hi;
	return true;
}

struct fw_frag *
fw_frag_take(struct fw *fw, uint64_t now_ns)
{
	struct fw_frag *d = find(fw, now_ns);

	FW_CHECK(fw->pkt.tuple.frag != WIRE_FRAG_NONE);
	if (d == NULL && fw->pkt.tuple.frag == WIRE_FRAG_FIRST)
		d = open_datagram(fw, now_ns);
	if (d == NULL || !range_add(d, &fw->pkt))
		return NULL;
	return d;
}

void
fw_frag_done(struct fw *fw, struct fw_frag *d)
{
	if (d->end != 0 && d->range_count == 1 && d->lo[0] == 0 && d->hi[0] == d->end)
		forget(fw, d);
}
