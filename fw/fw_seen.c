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
_Static_assert(sizeof(struct fw_seen_set) == 16, "no set lies in two lines");
_Static_assert((FW_SEEN_WAYS & (FW_SEEN_WAYS - 1)) == 0, "sets divide the table");

/* What was said of a packet, beside its key. */
struct said {
	uint32_t rule_id, generation;
	uint8_t verdict, reason;
	uint8_t bound;
};

/* Field by field, out of where they are: to gather them first would be to read again what was
 * written a moment ago in other widths, which processors wait long for. */
static bool
is_same(const struct fw_seen_key *s, const struct fw_flow_key *k, const struct said *said)
{
	return ((s->service ^ k->service) |
	    (fw_word(s->remote) ^ fw_word(k->remote)) |
	    (fw_word(s->remote + 8) ^ fw_word(k->remote + 8)) |
	    (fw_word(s->local) ^ fw_word(k->local)) |
	    (fw_word(s->local + 8) ^ fw_word(k->local + 8)) |
	    (s->rule_id ^ said->rule_id) | (s->generation ^ said->generation) |
	    (uint32_t)(s->verdict ^ said->verdict) | (uint32_t)(s->reason ^ said->reason) |
	    (uint32_t)(s->bound ^ said->bound)) == 0;
}

static void
tell(struct fw *fw, struct fw_seen *s, uint8_t kind, uint8_t end, uint64_t now_ns)
{
	const struct fw_seen_key *k = &s->key;

	if (!fw_track_wanted(fw, kind, 0, &s->tally, now_ns))
		return;
	struct fw_flow_event e = { .kind = kind, .end = end, .verdict = k->verdict,
		.reason = k->reason, .family = fw_service_family(k->service),
		.proto = fw_service_proto(k->service), .dir = s->dir, .tcp_flags = s->tcp_flags,
		.flags = (uint8_t)((k->bound ? WIRE_FLOW_BOUND : 0) |
		    (fw_service_echo(k->service) ? WIRE_FLOW_ECHO : 0)),
		.local_port = fw_service_local_port(k->service),
		.remote_port = fw_service_remote_port(k->service), .vlan = s->vlan,
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

/* Index of the entry, with its tag set; *is_new: it was free. UINT32_MAX: no room. */
static uint32_t
place_of(struct fw *fw, const struct fw_flow_key *key, const struct said *said, uint64_t now_ns,
    bool *is_new)
{
	uint32_t set = (uint32_t)fw->hash & (fw->cfg.seen_count / FW_SEEN_WAYS - 1);
	uint32_t place = UINT32_MAX;
	uint16_t tag = (uint16_t)(fw->hash >> 48 | 1);
	uint16_t *tags = fw->cfg.seen_sets[set].tags;

	*is_new = false;
	for (uint32_t way = 0; way < FW_SEEN_WAYS; way++) {
		uint32_t index = set * FW_SEEN_WAYS + way;

		if (tags[way] == tag && is_same(&fw->cfg.seen[index].key, key, said))
			return index;
	}
	/* A set without room has no free entry either: in a flood of new flows it ends here. */
	if (now_ns < fw->cfg.seen_sets[set].full_until_ns)
		return UINT32_MAX;
	for (uint32_t way = 0; way < FW_SEEN_WAYS; way++)
		if (tags[way] == 0)
			place = set * FW_SEEN_WAYS + way;
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
lesser_end(const struct fw *fw)
{
	const struct fw_flow_key *out = &fw->ends[WIRE_OUT];
	int order = memcmp(out->local, out->remote, 16);

	return order < 0 || (order == 0 && fw_service_local_port(out->service) <=
	    fw_service_remote_port(out->service)) ? WIRE_OUT : WIRE_IN;
}

static void
fill(struct fw_seen *s, const struct fw_flow_key *from, const struct said *said,
    const struct fw_tuple *t, uint8_t dir)
{
	struct fw_seen_key *k = &s->key;

	memcpy(k->local, from->local, 16);
	memcpy(k->remote, from->remote, 16);
	k->rule_id = said->rule_id;
	k->generation = said->generation;
	k->service = from->service;
	k->verdict = said->verdict;
	k->reason = said->reason;
	k->bound = said->bound;
	s->vlan = t->vlan;
	s->tcp_flags = t->tcp_flags;
	s->dir = dir;
}

void
fw_seen_add(struct fw *fw, const struct fw_verdict *v, const struct fw_hop *hop, uint32_t bytes,
    uint64_t now_ns)
{
	struct said said = { v->rule_id, v->generation, v->verdict, v->reason, 0 };
	uint8_t dir = hop != NULL ? hop->dir : lesser_end(fw);
	const struct fw_flow_key *key = &fw->ends[dir];
	bool is_new;

	if (hop != NULL)
		said = (struct said){ hop->rule_id, hop->generation, hop->verdict, hop->reason, 1 };
	uint32_t index = place_of(fw, key, &said, now_ns, &is_new);

	if (index == UINT32_MAX) {
		fw->stats.seen_full++;
		return;
	}
	struct fw_seen *s = &fw->cfg.seen[index];

	if (is_new) {
		fill(s, key, &said, &fw->pkt.tuple, dir);
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
