/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two choices of bucket keep the table usable until it is nearly full; the keyed hash keeps anyone
 * outside from filling a chosen pair of buckets. Expired entries are free entries: whoever probes
 * a bucket sees them so, and the sweep of fw_poll returns them to the count.
 */
#include "fw_flow.h"

#include "fw_hash.h"
#include "fw_mem.h"
#include "fw_port.h"
#include "fw_track.h"
#include "wire_flow.h"

_Static_assert(FW_FLOW_WAYS == 8, "the ways of two buckets are 32 bits of a mask");
_Static_assert(sizeof(struct fw_flow) == 64, "a flow is one line of board memory");

/* The addresses, then 6 bytes that tell flows of one pair apart; IPv4 and IPv6 differ in length. */
static inline uint64_t
key_hash(const struct fw *fw, const struct fw_flow_key *k)
{
	uint64_t tail = (uint64_t)k->echo << 40 | (uint64_t)k->proto << 32 |
	    (uint32_t)k->local_port << 16 | k->remote_port;

	if (k->family == 4) {
		uint64_t pair = fw_half_word(k->local) << 32 | fw_half_word(k->remote);

		return fw_siphash13_last(fw->cfg.seed, &pair, 1, tail, 6);
	}
	uint64_t words[4] = { fw_word(k->local), fw_word(k->local + 8), fw_word(k->remote),
		fw_word(k->remote + 8) };

	return fw_siphash13_last(fw->cfg.seed, words, 4, tail, 6);
}

/* Number of the first entry of the n-th bucket (0, 1) that may hold the key. */
static size_t
bucket(const struct fw *fw, uint64_t hash, unsigned n)
{
	uint32_t buckets = fw->cfg.flow_count / FW_FLOW_WAYS;
	uint32_t at = (uint32_t)(n == 0 ? hash : hash >> 32) & (buckets - 1);

	return (size_t)at * FW_FLOW_WAYS;
}

static uint16_t
hash_tag(uint64_t hash)
{
	return (uint16_t)(hash >> 48);
}

/* Ways of a bucket whose tag is that, as bits 0, 2, 4 ... An entry that ended keeps its tag. */
static uint32_t
tags_match(const uint16_t *tags, uint16_t tag)
{
#if defined(__SSE2__)
	typedef int16_t v8i16 __attribute__((vector_size(16), may_alias));
	typedef char v16i8 __attribute__((vector_size(16)));
	v8i16 hit = *(const v8i16 *)tags == (v8i16){ 0 } + (int16_t)tag;

	return (uint32_t)__builtin_ia32_pmovmskb128((v16i8)hit) & 0x5555;
#else
	uint32_t bits = 0;

	for (unsigned way = 0; way < FW_FLOW_WAYS; way++)
		bits |= (uint32_t)(tags[way] == tag) << 2 * way;
	return bits;
#endif
}

static bool
flow_has_key(const struct fw_flow *f, const struct fw_flow_key *k)
{
	return f->local_port == k->local_port && f->remote_port == k->remote_port &&
	    f->proto == k->proto && f->family == k->family && f->echo == k->echo &&
	    ((fw_word(f->remote) ^ fw_word(k->remote)) |
	    (fw_word(f->remote + 8) ^ fw_word(k->remote + 8)) |
	    (fw_word(f->local) ^ fw_word(k->local)) |
	    (fw_word(f->local + 8) ^ fw_word(k->local + 8))) == 0;
}

static uint64_t
idle_ns(const struct fw_flow *f)
{
	if (f->live == FW_FLOW_HALF)
		return FW_FLOW_HALF_S * FW_NS_PER_S;
	return (f->proto == FW_PROTO_TCP ? FW_FLOW_TCP_S : FW_FLOW_OTHER_S) * FW_NS_PER_S;
}

void
fw_flow_key_get(const struct fw_pkt *p, uint8_t dir, struct fw_flow_key *key)
{
	const struct fw_tuple *t = &p->tuple;
	bool out = dir == WIRE_OUT;

	*key = (struct fw_flow_key){ .family = t->family, .proto = t->proto, .echo = p->echo };
	memcpy(key->local, out ? t->src : t->dst, 16);
	memcpy(key->remote, out ? t->dst : t->src, 16);
	key->local_port = p->echo ? p->echo_id : out ? t->sport : t->dport;
	key->remote_port = p->echo ? p->echo_id : out ? t->dport : t->sport;
}

bool
fw_flow_key_inner(const struct fw_pkt *p, uint8_t dir, struct fw_flow_key *key)
{
	const struct fw_inner *in = &p->inner;

	if (!p->has_inner)
		return false;
	/* An error that comes in is about a packet that went out, and the other way round. */
	bool out = dir == WIRE_IN;
	const uint8_t *local = dir == WIRE_IN ? p->tuple.dst : p->tuple.src;

	*key = (struct fw_flow_key){ .family = p->tuple.family, .proto = in->proto,
		.echo = in->echo };
	memcpy(key->local, out ? in->src : in->dst, 16);
	memcpy(key->remote, out ? in->dst : in->src, 16);
	key->local_port = out ? in->sport : in->dport;
	key->remote_port = out ? in->dport : in->sport;
	return memcmp(key->local, local, 16) == 0;
}

struct fw_flow *
fw_flow_find(struct fw *fw, const struct fw_flow_key *key, uint64_t now_ns)
{
	uint64_t hash = key_hash(fw, key);
	size_t first = bucket(fw, hash, 0), second = bucket(fw, hash, 1);
	uint16_t tag = hash_tag(hash);
	/* both buckets at once: which one it is in cannot be foretold */
	uint32_t ways = tags_match(fw->cfg.flow_tags + first, tag) |
	    tags_match(fw->cfg.flow_tags + second, tag) << 16;

	for (; ways != 0; ways &= ways - 1) {
		uint32_t way = (uint32_t)__builtin_ctz(ways) / 2;
		struct fw_flow *f = fw->cfg.flows + (way < FW_FLOW_WAYS ? first : second) +
		    way % FW_FLOW_WAYS;

		if (!f->live || !flow_has_key(f, key))
			continue;
		if (now_ns < f->deadline_ns)
			return f;
		fw_flow_expire(fw, f, now_ns);
		return NULL;
	}
	return NULL;
}

struct fw_flow *
fw_flow_open(struct fw *fw, const struct fw_flow_key *key, bool half, uint64_t now_ns)
{
	uint64_t hash = key_hash(fw, key);
	struct fw_flow *best = NULL;
	unsigned best_free = 0;

	for (unsigned n = 0; n < 2; n++) {
		struct fw_flow *f = fw->cfg.flows + bucket(fw, hash, n), *free_entry = NULL;
		unsigned free_count = 0;

		for (unsigned way = 0; way < FW_FLOW_WAYS; way++, f++) {
			if (f->live && now_ns >= f->deadline_ns)
				fw_flow_expire(fw, f, now_ns);
			if (!f->live) {
				free_entry = f;
				free_count++;
			}
		}
		if (free_count > best_free) {
			best = free_entry;
			best_free = free_count;
		}
	}
	/* After those that are over have made room. */
	if (best == NULL || (half && fw->flow_half >= fw->cfg.flow_count / FW_FLOW_HALF_PART)) {
		fw->stats.flow_full++;
		return NULL;
	}
	*best = (struct fw_flow){ .family = key->family, .proto = key->proto, .echo = key->echo,
		.local_port = key->local_port, .remote_port = key->remote_port,
		.live = half ? FW_FLOW_HALF : FW_FLOW_WHOLE, .counter = WIRE_COUNTER_NONE };
	best->deadline_ns = now_ns + idle_ns(best);
	fw->cfg.flow_tags[best - fw->cfg.flows] = hash_tag(hash);
	memcpy(best->local, key->local, 16);
	memcpy(best->remote, key->remote, 16);
	fw_track_open(fw, &fw->cfg.tallies[best - fw->cfg.flows], now_ns);
	fw->flow_live++;
	fw->flow_half += half;
	fw->stats.flows_opened++;
	FW_CHECK(fw->flow_live <= fw->cfg.flow_count);
	return best;
}

void
fw_flow_touch(struct fw *fw, struct fw_flow *f, uint8_t tcp_flags, bool answers, uint64_t now_ns)
{
	FW_CHECK(f->live != FW_FLOW_FREE);
	if (f->live == FW_FLOW_HALF && answers) {
		FW_CHECK(fw->flow_half > 0);
		f->live = FW_FLOW_WHOLE;
		fw->flow_half--;
	}
	if (f->proto == FW_PROTO_TCP && (tcp_flags & (FW_TCP_FIN | FW_TCP_RST)) != 0) {
		f->closing = (tcp_flags & FW_TCP_RST) != 0 ? WIRE_FLOW_RST : WIRE_FLOW_FIN;
		f->deadline_ns = now_ns + (f->live == FW_FLOW_HALF ? FW_FLOW_HALF_S :
		    FW_FLOW_CLOSED_S) * FW_NS_PER_S;
	} else if (!f->closing) {
		f->deadline_ns = now_ns + idle_ns(f);
	}
}

void
fw_flow_end(struct fw *fw, struct fw_flow *f, uint8_t end, uint64_t now_ns)
{
	FW_CHECK(f->live && fw->flow_live > 0);
	fw_track_tell(fw, f, WIRE_FLOW_ENDED, end, now_ns);
	FW_CHECK(f->live != FW_FLOW_HALF || fw->flow_half > 0);
	fw->flow_half -= f->live == FW_FLOW_HALF;
	f->live = FW_FLOW_FREE;
	fw->flow_live--;
	fw->stats.flows_ended++;
}

void
fw_flow_expire(struct fw *fw, struct fw_flow *f, uint64_t now_ns)
{
	fw_flow_end(fw, f, f->closing != 0 ? f->closing : WIRE_FLOW_IDLE, now_ns);
}
