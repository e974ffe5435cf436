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

/* Address and port of the lesser end, then of the greater, then 3 bytes of the service. */
static inline uint64_t
hash_v4(const struct fw *fw, const struct fw_flow_key *k)
{
	uint64_t lesser = fw_half_word(k->local) << 16 | fw_service_local_port(k->service);
	uint64_t greater = fw_half_word(k->remote) << 16 | fw_service_remote_port(k->service);
	uint64_t differ = lesser ^ greater, pair;

	/* either is as likely: no branch */
	differ &= 0 - (uint64_t)(lesser > greater);
	lesser ^= differ;
	greater ^= differ;
	pair = lesser | greater << 48;
	return fw_siphash13_last(fw->cfg.seed, &pair, 1,
	    greater >> 16 | k->service >> 32 << 32, 7);
}

/* The local end than the remote one, in any order that is one. */
static bool
is_greater(const struct fw_flow_key *k)
{
	if (fw_word(k->local) != fw_word(k->remote))
		return fw_word(k->local) > fw_word(k->remote);
	if (fw_word(k->local + 8) != fw_word(k->remote + 8))
		return fw_word(k->local + 8) > fw_word(k->remote + 8);
	return fw_service_local_port(k->service) > fw_service_remote_port(k->service);
}

uint64_t
fw_flow_hash(const struct fw *fw, const struct fw_flow_key *k)
{
	if (fw_service_family(k->service) == 4)
		return hash_v4(fw, k);
	const uint8_t *lesser = k->local, *greater = k->remote;
	uint64_t service = k->service;

	if (is_greater(k)) {
		lesser = k->remote;
		greater = k->local;
		service = fw_service_turn(service);
	}
	uint64_t words[4] = { fw_word(lesser), fw_word(lesser + 8), fw_word(greater),
		fw_word(greater + 8) };

	return fw_siphash13_last(fw->cfg.seed, words, 4, service, 7);
}

/* Number of the first entry of the n-th bucket (0, 1) that may hold the key. */
static inline size_t
bucket(const struct fw *fw, uint64_t hash, unsigned n)
{
	uint32_t buckets = fw->cfg.flow_count / FW_FLOW_WAYS;
	uint32_t at = (uint32_t)(n == 0 ? hash : hash >> 32) & (buckets - 1);

	return (size_t)at * FW_FLOW_WAYS;
}

static inline uint16_t
hash_tag(uint64_t hash)
{
	uint16_t tag = (uint16_t)(hash >> 48);

	return tag != 0 ? tag : 1;
}

/* Ways of a bucket whose tag is that, as bits 0, 2, 4 ...; tag 0: those that are free. */
static inline uint32_t
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

static inline bool
flow_has_key(const struct fw_flow *f, const struct fw_flow_key *k)
{
	return ((f->service ^ k->service) |
	    (fw_word(f->remote) ^ fw_word(k->remote)) |
	    (fw_word(f->remote + 8) ^ fw_word(k->remote + 8)) |
	    (fw_word(f->local) ^ fw_word(k->local)) |
	    (fw_word(f->local + 8) ^ fw_word(k->local + 8))) == 0;
}

static bool
is_tcp(const struct fw_flow *f)
{
	return fw_service_proto(f->service) == FW_PROTO_TCP;
}

static uint64_t
idle_ns(const struct fw_flow *f)
{
	if (f->live == FW_FLOW_HALF)
		return FW_FLOW_HALF_S * FW_NS_PER_S;
	return (is_tcp(f) ? FW_FLOW_TCP_S : FW_FLOW_OTHER_S) * FW_NS_PER_S;
}

void
fw_flow_key_get(const struct fw_pkt *p, uint8_t dir, struct fw_flow_key *key)
{
	const struct fw_tuple *t = &p->tuple;
	bool out = dir == WIRE_OUT;

	memcpy(key->local, out ? t->src : t->dst, 16);
	memcpy(key->remote, out ? t->dst : t->src, 16);
	uint32_t sport = p->echo ? p->echo_id : fw_alone(t->sport);
	uint32_t dport = p->echo ? p->echo_id : fw_alone(t->dport);

	key->service = fw_service(t->family, t->proto, p->echo,
	    (uint16_t)(out ? sport : dport), (uint16_t)(out ? dport : sport));
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

	memcpy(key->local, out ? in->src : in->dst, 16);
	memcpy(key->remote, out ? in->dst : in->src, 16);
	key->service = fw_service(p->tuple.family, in->proto, in->echo,
	    out ? in->sport : in->dport, out ? in->dport : in->sport);
	return memcmp(key->local, local, 16) == 0;
}

/* Ways of both buckets at once that may hold a key: which one it is in cannot be foretold. */
static inline uint32_t
ways_of(const struct fw *fw, uint64_t hash)
{
	uint16_t tag = hash_tag(hash);

	return tags_match(fw->cfg.flow_tags + bucket(fw, hash, 0), tag) |
	    tags_match(fw->cfg.flow_tags + bucket(fw, hash, 1), tag) << 16;
}

/* The entry that the lowest of some ways names. */
static size_t
way_entry(const struct fw *fw, uint64_t hash, uint32_t ways)
{
	uint32_t way = (uint32_t)__builtin_ctz(ways) / 2;

	return bucket(fw, hash, way / FW_FLOW_WAYS) + way % FW_FLOW_WAYS;
}

void
fw_flow_ahead(struct fw *fw)
{
	const struct fw_flow_key *out = &fw->ends[WIRE_OUT];
	struct fw_flow_key *in = &fw->ends[WIRE_IN];
	uint32_t ways;

	fw_flow_key_get(&fw->pkt, WIRE_OUT, &fw->ends[WIRE_OUT]);
	memcpy(in->local, out->remote, 16);
	memcpy(in->remote, out->local, 16);
	in->service = fw_service_turn(out->service);
	fw->hash = fw_flow_hash(fw, out);
	ways = ways_of(fw, fw->hash);
	if (ways != 0) {
		size_t index = way_entry(fw, fw->hash, ways);

		__builtin_prefetch(&fw->cfg.flows[index], 1);
		__builtin_prefetch(&fw->cfg.tallies[index], 1);
	}
}

struct fw_flow *
fw_flow_find(struct fw *fw, const struct fw_flow_key *key, uint64_t hash, uint64_t now_ns)
{
	for (uint32_t ways = ways_of(fw, hash); ways != 0; ways &= ways - 1) {
		struct fw_flow *f = &fw->cfg.flows[way_entry(fw, hash, ways)];

		if (!flow_has_key(f, key))
			continue;
		FW_CHECK(f->live);
		if (now_ns < f->deadline_ns)
			return f;
		fw_flow_expire(fw, f, now_ns);
		return NULL;
	}
	return NULL;
}

/* Ends what is over in a bucket, and bounds what is left anew. */
static void
bucket_expire(struct fw *fw, size_t first, uint64_t now_ns)
{
	uint64_t bound_ns = UINT64_MAX;

	for (size_t i = first; i < first + FW_FLOW_WAYS; i++) {
		struct fw_flow *f = &fw->cfg.flows[i];

		if (fw->cfg.flow_tags[i] == 0)
			continue;
		if (now_ns >= f->deadline_ns)
			fw_flow_expire(fw, f, now_ns);
		else if (f->deadline_ns < bound_ns)
			bound_ns = f->deadline_ns;
	}
	fw->cfg.flow_bounds[first / FW_FLOW_WAYS] = bound_ns;
}

static void
bound_lower(struct fw *fw, const struct fw_flow *f)
{
	uint64_t *bound_ns = &fw->cfg.flow_bounds[(size_t)(f - fw->cfg.flows) / FW_FLOW_WAYS];

	if (f->deadline_ns < *bound_ns)
		*bound_ns = f->deadline_ns;
}

/* Of a mask that tags_match gave. */
static uint32_t
ways_count(uint32_t ways)
{
	_Static_assert(FW_FLOW_WAYS == 8, "sums of two, then of eight in the top one of four");
	return ((ways & 0x1111) + (ways >> 2 & 0x1111)) * 0x1111 >> 12 & 15;
}

/* Free ways of a bucket, as tags_match gives them, after those that are over have made room. That
 * reads two lines, not each flow. */
static uint32_t
bucket_free(struct fw *fw, size_t first, uint64_t now_ns)
{
	if (now_ns >= fw->cfg.flow_bounds[first / FW_FLOW_WAYS])
		bucket_expire(fw, first, now_ns);
	return tags_match(fw->cfg.flow_tags + first, 0);
}

struct fw_flow *
fw_flow_open(struct fw *fw, const struct fw_flow_key *key, uint64_t hash, bool half,
    uint64_t now_ns)
{
	size_t first = bucket(fw, hash, 0), index = bucket(fw, hash, 1);
	uint32_t free_first = bucket_free(fw, first, now_ns);
	uint32_t free_ways = bucket_free(fw, index, now_ns);

	if (ways_count(free_first) >= ways_count(free_ways)) {
		free_ways = free_first;
		index = first;
	}
	if (free_ways == 0 || (half && fw->flow_half >= fw->cfg.flow_count / FW_FLOW_HALF_PART)) {
		fw->stats.flow_full++;
		return NULL;
	}
	index += (31u - (uint32_t)__builtin_clz(free_ways)) / 2;
	struct fw_flow *f = &fw->cfg.flows[index];

	fw->cfg.flow_tags[index] = hash_tag(hash);
	memcpy(f->local, key->local, 16);
	memcpy(f->remote, key->remote, 16);
	f->rule_id = f->generation = f->judged = 0;
	f->service = key->service;
	f->counter = WIRE_COUNTER_NONE;
	f->kind = FW_FLOW_PASS;
	f->live = half ? FW_FLOW_HALF : FW_FLOW_WHOLE;
	f->closing = 0;
	f->deadline_ns = now_ns + idle_ns(f);
	bound_lower(fw, f);
	fw_track_open(fw, &fw->cfg.tallies[index], now_ns);
	fw->flow_live++;
	fw->flow_half += half;
	fw->stats.flows_opened++;
	FW_CHECK(fw->flow_live <= fw->cfg.flow_count);
	return f;
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
	if (is_tcp(f) && (tcp_flags & (FW_TCP_FIN | FW_TCP_RST)) != 0) {
		f->closing = (tcp_flags & FW_TCP_RST) != 0 ? WIRE_FLOW_RST : WIRE_FLOW_FIN;
		f->deadline_ns = now_ns + (f->live == FW_FLOW_HALF ? FW_FLOW_HALF_S :
		    FW_FLOW_CLOSED_S) * FW_NS_PER_S;
		bound_lower(fw, f);
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
	fw->cfg.flow_tags[f - fw->cfg.flows] = 0;
	fw->flow_live--;
	fw->stats.flows_ended++;
}

void
fw_flow_expire(struct fw *fw, struct fw_flow *f, uint64_t now_ns)
{
	fw_flow_end(fw, f, f->closing != 0 ? f->closing : WIRE_FLOW_IDLE, now_ns);
}
