/* SPDX-License-Identifier: Apache-2.0 */
/* An opened flow that could not be told is due at once, so that an update makes it known as soon
 * as there is room; an ended one is gone, and stays lost. */
#include "fw_track.h"

#include "fw_port.h"
#include "fw_seen.h"
#include "wire_flow.h"

_Static_assert(sizeof(struct fw_tally) == 64, "a tally is one line");

void
fw_track_open(struct fw *fw, struct fw_tally *t, uint64_t now_ns)
{
	*t = (struct fw_tally){ .id = ++fw->flow_id, .first_ns = now_ns, .last_ns = now_ns };
}

void
fw_track_frame(struct fw *fw, const struct fw_verdict *v, uint32_t bytes, uint64_t now_ns)
{
	for (uint32_t i = 0; i < v->hop_count; i++) {
		const struct fw_hop *hop = &v->hops[i];

		if (hop->flow == 0) {
			fw_seen_add(fw, v, hop, bytes, now_ns);
			continue;
		}
		FW_CHECK(hop->flow <= fw->cfg.flow_count);
		if (fw_track_add(&fw->cfg.tallies[hop->flow - 1], hop->dir, bytes, now_ns))
			fw_track_tell(fw, &fw->cfg.flows[hop->flow - 1], WIRE_FLOW_OPENED,
			    WIRE_FLOW_LIVE, now_ns);
	}
	if (v->hop_count == 0 && fw->pkt.tuple.family != 0)
		fw_seen_add(fw, v, NULL, bytes, now_ns);
}

bool
fw_track_due(const struct fw *fw, const struct fw_tally *t, uint64_t now_ns)
{
	uint64_t pause_ns = FW_TRACK_UPDATE_S * FW_NS_PER_S;

	if ((fw->flow_mask & WIRE_FLOW_MASK_UPDATED) == 0)
		return false;
	if (t->told_ns == 0 || t->told_ns < fw->asked_ns)
		return true;
	/* A young flow that goes on is told at twice its age. */
	if (t->last_ns > t->told_ns && t->told_ns - t->first_ns < pause_ns)
		pause_ns = t->told_ns - t->first_ns;
	if (pause_ns < FW_TRACK_YOUNG_S * FW_NS_PER_S)
		pause_ns = FW_TRACK_YOUNG_S * FW_NS_PER_S;
	return now_ns - t->told_ns >= pause_ns;
}

bool
fw_track_wanted(struct fw *fw, uint8_t kind, uint8_t flags, struct fw_tally *t, uint64_t now_ns)
{
	uint32_t wants = 1u << kind | ((flags & WIRE_FLOW_STATE) != 0 ? 0 :
	    (uint32_t)WIRE_FLOW_MASK_SEEN);

	_Static_assert(1u << WIRE_FLOW_OPENED == WIRE_FLOW_MASK_OPENED &&
	    1u << WIRE_FLOW_UPDATED == WIRE_FLOW_MASK_UPDATED &&
	    1u << WIRE_FLOW_ENDED == WIRE_FLOW_MASK_ENDED, "kinds are bits of the mask");
	FW_CHECK(kind < WIRE_FLOW_KIND__COUNT);
	if ((fw->flow_mask & wants) == wants)
		return true;
	t->told_ns = now_ns;
	if (kind != WIRE_FLOW_UPDATED)
		fw->stats.flow_untold++;
	return false;
}

void
fw_track_emit(struct fw *fw, struct fw_flow_event *e, struct fw_tally *t)
{
	e->tally = t;
	if (fw->cfg.flow != NULL && fw->cfg.flow(fw->cfg.flow_arg, e)) {
		t->told_ns = e->now_ns;
		fw->stats.flow_told++;
		if (e->kind == WIRE_FLOW_UPDATED)
			fw->stats.flow_updates++;
	} else if (e->kind != WIRE_FLOW_UPDATED) {
		t->told_ns = 0;
		fw->stats.flow_lost++;
	}
}

void
fw_track_tell(struct fw *fw, const struct fw_flow *f, uint8_t kind, uint8_t end, uint64_t now_ns)
{
	struct fw_tally *t = &fw->cfg.tallies[f - fw->cfg.flows];

	if (!fw_track_wanted(fw, kind, WIRE_FLOW_STATE, t, now_ns))
		return;
	const struct fw_opening *o = &fw->cfg.openings[f - fw->cfg.flows];
	struct fw_flow_event e = { .kind = kind, .end = end, .verdict = fw_track_verdict(f),
		.reason = WIRE_REASON_RULE, .family = fw_service_family(f->service),
		.proto = fw_service_proto(f->service), .dir = o->dir, .tcp_flags = o->tcp_flags,
		.flags = (uint8_t)(WIRE_FLOW_STATE | WIRE_FLOW_BOUND |
		    (fw_service_echo(f->service) ? WIRE_FLOW_ECHO : 0)),
		.local_port = fw_service_local_port(f->service),
		.remote_port = fw_service_remote_port(f->service),
		.vlan = o->vlan, .rule_id = f->rule_id, .generation = f->generation,
		.local = f->local, .remote = f->remote, .now_ns = now_ns };

	fw_track_emit(fw, &e, t);
}

void
fw_track_look(struct fw *fw, const struct fw_flow *f, uint64_t now_ns)
{
	if (fw_track_due(fw, &fw->cfg.tallies[f - fw->cfg.flows], now_ns))
		fw_track_tell(fw, f, WIRE_FLOW_UPDATED, WIRE_FLOW_LIVE, now_ns);
}

void
fw_track_ask(struct fw *fw, uint32_t mask, uint64_t now_ns)
{
	FW_CHECK((mask & ~(uint32_t)WIRE_FLOW_MASK_ALL) == 0);
	fw->flow_mask = mask;
	fw->asked_ns = mask != 0 ? now_ns : 0;
	fw->asked_left = mask != 0 ? fw->cfg.flow_count : 0;
}
