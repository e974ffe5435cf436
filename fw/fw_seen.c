/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing here is asked by a judgement: a wrong or missing entry is a wrong view, not a wrong
 * verdict. */
#include "fw_seen.h"

#include "fw_hash.h"
#include "fw_mem.h"
#include "fw_port.h"
#include "fw_track.h"
#include "wire_flow.h"

_Static_assert(sizeof(struct fw_seen) == 128, "a seen flow is two lines");
_Static_assert((FW_SEEN_WAYS & (FW_SEEN_WAYS - 1)) == 0, "sets divide the table");

/* Tag and number of the set. */
static uint32_t
key_hash(const struct fw *fw, const struct fw_seen_key *k, uint32_t *set)
{
	uint64_t words[5] = { (uint64_t)k->local_port << 48 | (uint64_t)k->remote_port << 32 |
		(uint32_t)k->family << 16 | (uint32_t)k->proto << 8 | k->echo,
		fw_word(k->local), fw_word(k->remote) };
	uint64_t hash;

	if (k->family == 6) {
		words[3] = fw_word(k->local + 8);
		words[4] = fw_word(k->remote + 8);
	}
	hash = fw_siphash13(fw->cfg.seed, words, k->family == 6 ? 5 : 3);
	*set = (uint32_t)hash & (fw->cfg.seen_count / FW_SEEN_WAYS - 1);
	return (uint32_t)(hash >> 32) | 1;
}

static bool
is_same(const struct fw_seen_key *x, const struct fw_seen_key *y)
{
	const uint8_t *a = (const uint8_t *)x, *b = (const uint8_t *)y;
	uint64_t differ = fw_half_word(a + 48) ^ fw_half_word(b + 48);

	_Static_assert(sizeof(*x) == 52, "six words and a half");
	for (uint32_t i = 0; i < 48; i += 8)
		differ |= fw_word(a + i) ^ fw_word(b + i);
	return differ == 0;
}

static void
tell(struct fw *fw, struct fw_seen *s, uint8_t kind, uint8_t end, uint64_t now_ns)
{
	const struct fw_seen_key *k = &s->key;
	struct fw_flow_event e = { .kind = kind, .end = end, .verdict = k->verdict,
		.reason = k->reason, .family = k->family, .proto = k->proto, .dir = s->dir,
		.tcp_flags = s->tcp_flags, .flags = (uint8_t)((k->bound ? WIRE_FLOW_BOUND : 0) |
		    (k->echo ? WIRE_FLOW_ECHO : 0)),
		.local_port = k->local_port, .remote_port = k->remote_port, .vlan = s->vlan,
		.rule_id = k->rule_id, .generation = k->generation, .local = k->local,
		.remote = k->remote, .now_ns = now_ns };

	fw_track_emit(fw, &e, &s->tally);
}

static void
end(struct fw *fw, uint32_t index, uint8_t how, uint64_t now_ns)
{
	struct fw_seen_set *set = &fw->cfg.seen_sets[index / FW_SEEN_WAYS];

	FW_CHECK(set->tags[index % FW_SEEN_WAYS] != 0);
	tell(fw, &fw->cfg.seen[index], WIRE_FLOW_ENDED, how, now_ns);
	set->tags[index % FW_SEEN_WAYS] = 0;
	set->full_until_ns = 0;
	fw->stats.seen_ended++;
}

/* The longest quiet entry of a full set gives way, or none: UINT32_MAX. Entries only become less
 * quiet, so what is found holds for a while and is not looked for by each packet. */
static uint32_t
make_room(struct fw *fw, uint32_t set, uint64_t now_ns)
{
	uint32_t first = set * FW_SEEN_WAYS, oldest = first;
	uint64_t quiet_ns;

	if (now_ns < fw->cfg.seen_sets[set].full_until_ns)
		return UINT32_MAX;
	for (uint32_t i = first + 1; i < first + FW_SEEN_WAYS; i++)
		if (fw->cfg.seen[i].tally.last_ns < fw->cfg.seen[oldest].tally.last_ns)
			oldest = i;
	quiet_ns = fw->cfg.seen[oldest].tally.last_ns + FW_SEEN_QUIET_S * FW_NS_PER_S;
	if (now_ns < quiet_ns) {
		fw->cfg.seen_sets[set].full_until_ns = quiet_ns;
		return UINT32_MAX;
	}
	end(fw, oldest, WIRE_FLOW_EVICTED, now_ns);
	return oldest;
}

/* Index of the entry of want, with its tag set; *is_new: it was free. UINT32_MAX: no room. */
static uint32_t
place_of(struct fw *fw, const struct fw_seen_key *want, uint64_t now_ns, bool *is_new)
{
	uint32_t set, tag = key_hash(fw, want, &set), place = UINT32_MAX;
	uint32_t *tags = fw->cfg.seen_sets[set].tags;

	*is_new = false;
	for (uint32_t way = 0; way < FW_SEEN_WAYS; way++) {
		uint32_t index = set * FW_SEEN_WAYS + way;

		if (tags[way] == tag && is_same(&fw->cfg.seen[index].key, want))
			return index;
		if (tags[way] == 0)
			place = index;
	}
	if (place == UINT32_MAX)
		place = make_room(fw, set, now_ns);
	if (place == UINT32_MAX)
		return place;
	tags[place % FW_SEEN_WAYS] = tag;
	*is_new = true;
	return place;
}

/* Without a local IP the lesser end stands for it, so that both ways are one flow. Returns the
 * packet's direction as seen from there. */
static uint8_t
lesser_key(const struct fw_pkt *p, struct fw_flow_key *key)
{
	fw_flow_key_get(p, WIRE_OUT, key);
	int order = memcmp(key->local, key->remote, 16);

	if (order < 0 || (order == 0 && key->local_port <= key->remote_port))
		return WIRE_OUT;
	fw_flow_key_get(p, WIRE_IN, key);
	return WIRE_IN;
}

/* No memset: every byte is named. Returns the packet's direction. */
static uint8_t
key_fill(const struct fw_pkt *p, const struct fw_verdict *v, const struct fw_hop *hop,
    struct fw_seen_key *k)
{
	struct fw_flow_key from;
	uint8_t dir = hop != NULL ? hop->dir : lesser_key(p, &from);

	if (hop != NULL)
		fw_flow_key_get(p, dir, &from);
	memcpy(k->local, from.local, 16);
	memcpy(k->remote, from.remote, 16);
	k->rule_id = hop != NULL ? hop->rule_id : v->rule_id;
	k->generation = hop != NULL ? hop->generation : v->generation;
	k->local_port = from.local_port;
	k->remote_port = from.remote_port;
	k->family = from.family;
	k->proto = from.proto;
	k->echo = from.echo;
	k->verdict = hop != NULL ? hop->verdict : v->verdict;
	k->reason = hop != NULL ? hop->reason : v->reason;
	k->bound = hop != NULL;
	k->zero[0] = k->zero[1] = 0;
	return dir;
}

void
fw_seen_add(struct fw *fw, const struct fw_verdict *v, const struct fw_hop *hop, uint32_t bytes,
    uint64_t now_ns)
{
	struct fw_seen_key want;
	uint8_t dir = key_fill(&fw->pkt, v, hop, &want);
	bool is_new;
	uint32_t index = place_of(fw, &want, now_ns, &is_new);
	struct fw_seen *s;

	if (index == UINT32_MAX) {
		fw->stats.seen_full++;
		return;
	}
	s = &fw->cfg.seen[index];
	if (is_new) {
		s->key = want;
		s->vlan = fw->pkt.tuple.vlan;
		s->tcp_flags = fw->pkt.tuple.tcp_flags;
		s->dir = dir;
		fw_track_open(fw, &s->tally, now_ns);
		fw->stats.seen_opened++;
	}
	(void)fw_track_add(&s->tally, dir, bytes, now_ns);
	if (is_new)
		tell(fw, s, WIRE_FLOW_OPENED, WIRE_FLOW_LIVE, now_ns);
}

void
fw_seen_sweep(struct fw *fw, uint64_t now_ns)
{
	for (uint32_t n = 0; n < FW_SEEN_SWEEP; n++) {
		uint32_t index = fw->seen_sweep;
		struct fw_seen *s = &fw->cfg.seen[index];

		fw->seen_sweep = (index + 1) & (fw->cfg.seen_count - 1);
		if (fw->cfg.seen_sets[index / FW_SEEN_WAYS].tags[index % FW_SEEN_WAYS] == 0)
			continue;
		if (now_ns - s->tally.last_ns >= FW_SEEN_IDLE_S * FW_NS_PER_S)
			end(fw, index, WIRE_FLOW_IDLE, now_ns);
		else if (fw_track_due(fw, &s->tally, now_ns))
			tell(fw, s, WIRE_FLOW_UPDATED, WIRE_FLOW_LIVE, now_ns);
	}
}
