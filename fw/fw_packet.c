/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frame, whole: parse, the local IPs at its ends, a judgement at each, the frame's verdict,
 * then what follows from it: counters, flows and alerts.
 */
#include "fw_alert.h"
#include "fw_count.h"
#include "fw_frag.h"
#include "fw_judge.h"
#include "fw_mem.h"
#include "fw_port.h"
#include "fw_track.h"

static bool
is_group_address(uint8_t family, const uint8_t a[16])
{
	if (family == 6)
		return a[0] == 0xff;
	return (a[0] & 0xf0) == 0xe0 || (a[0] & a[1] & a[2] & a[3]) == 0xff;
}

static void
decide(struct fw *fw, struct fw_verdict *v, uint8_t verdict, uint8_t reason)
{
	v->verdict = verdict;
	v->reason = reason;
	v->generation = fw->generation;
}

/* Guard rules judge what no table does: as outbound, then as inbound. False: they say nothing. */
static bool
judge_guard(struct fw *fw, struct fw_verdict *v)
{
	const uint8_t *image = fw_image(fw);
	struct fw_table table = fw_table_guard(image, fw->pkt.tuple.family);
	bool any = false;

	if (table.body == 0)
		return false;
	for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN; dir++) {
		struct fw_key key;
		struct fw_action a;
		bool is_default;

		fw_judge_key(&fw->pkt, dir, &key);
		uint32_t index = fw_match(image, table, &key, &is_default);

		if (is_default)
			continue;
		fw_match_action(image, table, index, &a);
		uint8_t verdict = a.verdict == WIRE_PASS ? WIRE_PASS : fw_judge_soften(a.mode);

		if (any && verdict >= v->verdict)
			continue;
		any = true;
		v->rule_id = a.rule_id;
		v->counter = a.counter;
		v->log = a.log;
		decide(fw, v, verdict, WIRE_REASON_RULE);
	}
	return any;
}

static void
judge_unsegmented(struct fw *fw, struct fw_verdict *v)
{
	if (fw->pkt.fault != 0 || !judge_guard(fw, v))
		decide(fw, v, fw_image_hdr(fw_image(fw))->unsegmented, WIRE_REASON_UNSEGMENTED);
}

static struct fw_hop *
hop_begin(struct fw *fw, uint8_t dir, struct fw_verdict *v)
{
	const struct fw_tuple *t = &fw->pkt.tuple;

	FW_CHECK(v->hop_count < 2);
	struct fw_hop *hop = &v->hops[v->hop_count++];

	hop->dir = dir;		/* the rest is zero */
	hop->family = t->family;
	hop->counter = WIRE_COUNTER_NONE;
	memcpy(hop->local, dir == WIRE_OUT ? t->src : t->dst, 16);
	return hop;
}

/* It may have ended since, be cut now, or its place be another's. */
static bool
flow_goes_on(struct fw *fw, const struct fw_frag_hop *h, uint64_t now_ns)
{
	struct fw_flow *f = h->flow != 0 ? &fw->cfg.flows[h->flow - 1] : NULL;

	return f != NULL && f->live && fw_track_id(fw, h->flow) == h->flow_id &&
	    now_ns < f->deadline_ns && fw_judge_flow(fw, f, now_ns);
}

static void
frag_replay(struct fw *fw, const struct fw_frag *d, uint64_t now_ns, struct fw_verdict *v)
{
	for (uint32_t i = 0; i < d->hop_count; i++) {
		const struct fw_frag_hop *from = &d->hops[i];
		struct fw_hop *hop = hop_begin(fw, from->dir, v);

		hop->verdict = from->verdict;
		hop->reason = from->reason;
		hop->rule_id = from->rule_id;
		hop->generation = from->generation;
		hop->counter = from->counter;
		hop->log = from->log;
		if (flow_goes_on(fw, from, now_ns))
			hop->flow = from->flow;
	}
	fw->stats.frag_followed++;
}

static void
frag_keep(const struct fw *fw, struct fw_frag *d, const struct fw_verdict *v)
{
	d->hop_count = v->hop_count;
	for (uint32_t i = 0; i < v->hop_count; i++) {
		const struct fw_hop *hop = &v->hops[i];

		d->hops[i] = (struct fw_frag_hop){ .rule_id = hop->rule_id,
			.generation = hop->generation, .counter = hop->counter, .dir = hop->dir,
			.verdict = hop->verdict, .reason = hop->reason, .log = hop->log,
			.flow = hop->flow,
			.flow_id = hop->flow != 0 ? fw_track_id(fw, hop->flow) : 0 };
	}
}

/* The hops, source first; a drop there ends the packet's way. reason 0: judge, else refuse. */
static void
judge_hops(struct fw *fw, struct fw_at at[2], uint8_t fault, struct fw_verdict *v)
{
	for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN; dir++) {
		if (at[dir].body == 0)
			continue;
		struct fw_hop *hop = hop_begin(fw, dir, v);

		if (fault != 0)
			fw_judge_default(fw, &at[dir], fault, hop);
		else
			fw_judge_hop(fw, &at[dir], hop);
		if (hop->verdict == WIRE_DROP)
			return;
	}
}

static void
find_table(const struct fw *fw, const uint8_t local[16], struct fw_at *at)
{
	struct fw_table table = fw_table_find(fw_image(fw), fw->pkt.tuple.family, local);

	at->body = table.body;
	at->slots = table.slots;
}

/* The frame's verdict: its first drop, else its first would-drop, else its last hop. */
static void
sum_up(struct fw *fw, struct fw_verdict *v)
{
	const struct fw_hop *of = &v->hops[v->hop_count - 1];

	FW_CHECK(v->hop_count >= 1 && v->hop_count <= 2);
	if (v->hops[0].verdict < of->verdict || (of->verdict == WIRE_WOULD_DROP &&
	    v->hops[0].verdict == WIRE_WOULD_DROP))
		of = &v->hops[0];
	v->rule_id = of->rule_id;
	v->counter = of->counter;
	v->log = of->log;
	decide(fw, v, of->verdict, of->reason);
}

static void
judge_ip(struct fw *fw, uint64_t now_ns, struct fw_verdict *v)
{
	const struct fw_tuple *t = &fw->pkt.tuple;
	struct fw_at at[2] = { { .now_ns = now_ns, .dir = WIRE_OUT },
		{ .now_ns = now_ns, .dir = WIRE_IN } };
	struct fw_frag *datagram = NULL;
	uint8_t fault = fw->pkt.fault;

	find_table(fw, t->src, &at[WIRE_OUT]);
	if (!is_group_address(t->family, t->dst))
		find_table(fw, t->dst, &at[WIRE_IN]);
	if ((at[WIRE_OUT].body | at[WIRE_IN].body) == 0) {
		judge_unsegmented(fw, v);
		return;
	}
	if (fault == 0 && t->frag != WIRE_FRAG_NONE) {
		if ((fw_image_hdr(fw_image(fw))->flags & WIRE_IMAGE_FRAGMENTS_DROP) == 0)
			datagram = fw_frag_take(fw, now_ns);
		if (datagram == NULL)
			fault = WIRE_REASON_FRAGMENT;
	}
	if (datagram != NULL && t->frag == WIRE_FRAG_REST) {
		frag_replay(fw, datagram, now_ns, v);
	} else {
		judge_hops(fw, at, fault, v);
		if (datagram != NULL)
			frag_keep(fw, datagram, v);
	}
	if (datagram != NULL)
		fw_frag_done(fw, datagram);
	sum_up(fw, v);
}

static void
judge(struct fw *fw, uint64_t now_ns, struct fw_verdict *v)
{
	if (fw->pkt.kind == FW_KIND_ARP) {
		decide(fw, v, WIRE_PASS, WIRE_REASON_NON_IP);
		return;
	}
	if (fw->active == FW_BANK_NONE) {
		decide(fw, v, WIRE_DROP, WIRE_REASON_NO_IMAGE);
		return;
	}
	if (fw->pkt.kind == FW_KIND_IP)
		judge_ip(fw, now_ns, v);
	else if (fw->pkt.kind == FW_KIND_NON_IP)
		decide(fw, v, fw_image_hdr(fw_image(fw))->non_ip, WIRE_REASON_NON_IP);
	else
		decide(fw, v, WIRE_DROP, WIRE_REASON_MALFORMED);
}

void
fw_packet(struct fw *fw, const uint8_t *frame, uint32_t len, uint64_t now_ns,
    struct fw_verdict *out)
{
	FW_CHECK(frame != NULL || len == 0);
	fw_parse(frame, len, &fw->pkt);
	if (fw->pkt.tuple.family != 0)
		fw_flow_ahead(fw);
	out->hop_count = 0;
	out->log = false;
	out->counter = WIRE_COUNTER_NONE;
	out->rule_id = 0;
	out->hops[0] = out->hops[1] = (struct fw_hop){ 0 };
	judge(fw, now_ns, out);
	fw_count_frame(fw, out, len);
	fw_track_frame(fw, out, len, now_ns);
	/* late: the parser wrote it in bytes and halves, and a copy in other widths waits for those
	 * to be in the cache, behind all that was written before */
	out->tuple = fw->pkt.tuple;
	if (out->verdict != WIRE_PASS || out->log || out->hops[0].log || out->hops[1].log)
		fw_alert_frame(fw, out, frame, len, now_ns);
}
