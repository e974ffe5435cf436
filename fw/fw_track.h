/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_track - what flows did, and telling the host of it.
 * Does:    counts each frame for the flow of each of its hops, or as one that was only seen; tells
 *          that a flow opened, lives on, ended.
 * Shape:   a tally a flow, on a line of its own. What is to be told goes through fw_cfg.flow, as
 *          far as fw.flow_mask asks; an update without room waits, all else is counted as lost.
 * Limits:  changes no verdict, opens and ends nothing.
 * Context: part of struct fw. Every call is O(1), fw_track_frame O(FW_SEEN_WAYS).
 */
#ifndef FW_TRACK_H
#define FW_TRACK_H

#include "fw_flow.h"
#include "fw_port.h"

/* A live flow is told anew each FW_TRACK_UPDATE_S; while it is younger, as often as its age
 * doubles, from FW_TRACK_YOUNG_S on. */
enum { FW_TRACK_UPDATE_S = 60, FW_TRACK_YOUNG_S = 1 };

/* Its place in the flow table: index + 1. */
static inline uint32_t
fw_track_place(const struct fw *fw, const struct fw_flow *f)
{
	return (uint32_t)(f - fw->cfg.flows) + 1;
}

static inline uint64_t
fw_track_id(const struct fw *fw, uint32_t place)
{
	return fw->cfg.tallies[place - 1].id;
}

static inline uint8_t
fw_track_verdict(const struct fw_flow *f)
{
	return f->kind == FW_FLOW_WOULD_DROP ? WIRE_WOULD_DROP : WIRE_PASS;
}

/* Another rule or verdict stands: it is told soon. */
static inline void
fw_track_changed(struct fw *fw, const struct fw_flow *f)
{
	fw->cfg.tallies[f - fw->cfg.flows].told_ns = 0;
}

/* Begins a tally, with an id of its own and nothing counted. */
void fw_track_open(struct fw *fw, struct fw_tally *t, uint64_t now_ns);

/* One more frame. True: it was the first. */
static inline bool
fw_track_add(struct fw_tally *t, uint8_t dir, uint32_t bytes, uint64_t now_ns)
{
	FW_CHECK(dir <= WIRE_IN);
	t->packets[dir]++;
	t->bytes[dir] += bytes;
	t->last_ns = now_ns;
	return t->packets[WIRE_OUT] + t->packets[WIRE_IN] == 1;
}

/* Counts a frame that was judged. */
void fw_track_frame(struct fw *fw, const struct fw_verdict *v, uint32_t bytes, uint64_t now_ns);

void fw_track_tell(struct fw *fw, const struct fw_flow *f, uint8_t kind, uint8_t end,
    uint64_t now_ns);
/* Tells a live flow where it is due. */
void fw_track_look(struct fw *fw, const struct fw_flow *f, uint64_t now_ns);

/* The host's word for what it wants to hear; every live flow is then told. */
void fw_track_ask(struct fw *fw, uint32_t mask, uint64_t now_ns);

/* What fw_seen.c tells by. wanted: whether the host asked for events of kind, of a flow with
 * WIRE_FLOW_STATE in flags or without; else it counts as untold, and nothing of it need be
 * gathered. emit: one that is; e says all but the tally's part. */
bool fw_track_due(const struct fw *fw, const struct fw_tally *t, uint64_t now_ns);
bool fw_track_wanted(struct fw *fw, uint8_t kind, uint8_t flags, struct fw_tally *t,
    uint64_t now_ns);
void fw_track_emit(struct fw *fw, struct fw_flow_event *e, struct fw_tally *t);

#endif
