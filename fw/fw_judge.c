/* SPDX-License-Identifier: Apache-2.0 */
/* Judgement at one local IP; fw_packet.c puts one or two of them together. */
#include "fw_judge.h"

#include "fw_hash.h"
#include "fw_mem.h"
#include "fw_port.h"
#include "fw_track.h"
#include "wire_flow.h"

/* What the rules say of a key, before state: the order of ringfence-policy(5). */
enum says { SAYS_DEFAULT = 0, SAYS_DENY, SAYS_ALLOW, SAYS_REVERSED };

void
fw_judge_key(const struct fw_pkt *p, uint8_t dir, struct fw_key *key)
{
	const struct fw_tuple *t = &p->tuple;

	memcpy(key->remote, dir == WIRE_OUT ? t->dst : t->src, 16);
	key->family = t->family;
	key->dir = dir;
	key->proto = t->proto;
	key->frag = t->frag;
	key->sport = (uint16_t)fw_alone(t->sport);
	key->dport = (uint16_t)fw_alone(t->dport);
	key->vlan = (uint16_t)fw_alone(t->vlan);
}

uint8_t
fw_judge_soften(uint8_t mode)
{
	return mode == WIRE_ENFORCE ? WIRE_DROP : mode == WIRE_COMPLY ? WIRE_WOULD_DROP : WIRE_PASS;
}

static void
cite(struct fw *fw, const struct fw_action *a, uint8_t verdict, uint8_t reason, struct fw_hop *hop)
{
	hop->verdict = verdict;
	hop->reason = reason;
	hop->rule_id = a->rule_id;
	hop->generation = fw->generation;
	hop->counter = a->counter;
	hop->log = a->log;
}

/* The first rule's action, or false and the default's. */
static bool
match(const struct fw *fw, struct fw_table table, const struct fw_key *key, struct fw_action *a)
{
	const uint8_t *image = fw_image(fw);
	bool is_default;

	fw_match_action(image, table, fw_match(image, table, key, &is_default), a);
	return !is_default;
}

/* Own direction first; where nothing matches there, a segment that is not a bare SYN is asked
 * about as the answer to its reverse. Where nothing does, *a is the default's. */
static enum says
ask(const struct fw *fw, struct fw_table table, struct fw_key *key, bool may_reverse,
    struct fw_action *a)
{
	if (match(fw, table, key, a))
		return a->verdict == WIRE_PASS ? SAYS_ALLOW : SAYS_DENY;
	if (!may_reverse)
		return SAYS_DEFAULT;
	struct fw_action back;
	uint16_t sport = key->sport;

	key->sport = key->dport;
	key->dport = sport;
	key->dir = key->dir == WIRE_OUT ? WIRE_IN : WIRE_OUT;
	if (!match(fw, table, key, &back) || back.verdict != WIRE_PASS ||
	    back.state == WIRE_STATE_NONE)
		return SAYS_DEFAULT;
	*a = back;
	return SAYS_REVERSED;
}

/* A body begins with a half, which says how many rules there are; the default follows them. */
static void
default_of(const struct fw *fw, struct fw_table table, struct fw_action *a)
{
	const uint8_t *image = fw_image(fw);
	const struct wire_half *half = (const struct wire_half *)(image +
	    (size_t)table.body * WIRE_LINE);

	fw_match_action(image, table, le16_get(half->rules), a);
}

static uint8_t
image_flags(const struct fw *fw)
{
	return fw_image_hdr(fw_image(fw))->flags;
}

void
fw_judge_default(struct fw *fw, const struct fw_at *at, uint8_t reason, struct fw_hop *hop)
{
	struct fw_action a;

	default_of(fw, fw_at_table(at), &a);
	cite(fw, &a, fw_judge_soften(a.mode), reason, hop);
}

/* Drops what a rule would have let by: the table's default mode, the rule's line. */
static void
refuse(struct fw *fw, const struct fw_at *at, const struct fw_action *allow, uint8_t reason,
    struct fw_hop *hop)
{
	struct fw_action d;

	default_of(fw, fw_at_table(at), &d);
	cite(fw, allow, fw_judge_soften(d.mode), reason, hop);
}

static bool
is_segment(const struct fw_pkt *p)
{
	return p->tuple.proto == FW_PROTO_TCP && !fw_tuple_is_bare_syn(&p->tuple);
}

static bool
flow_open(struct fw *fw, const struct fw_at *at, const struct fw_action *a, uint8_t kind,
    struct fw_hop *hop)
{
	const struct fw_tuple *t = &fw->pkt.tuple;
	struct fw_flow *f = fw_flow_open(fw, &fw->ends[at->dir], fw->hash,
	    t->proto == FW_PROTO_TCP && fw_tuple_is_bare_syn(t), at->now_ns);

	if (f == NULL)
		return false;
	f->rule_id = a->rule_id;
	f->counter = a->counter;
	f->kind = kind & 15u;
	f->generation = fw->generation;
	f->judged = fw->activation;
	fw->cfg.openings[f - fw->cfg.flows] = (struct fw_opening){ .sport = t->sport,
		.dport = t->dport, .vlan = t->vlan, .dir = at->dir, .tcp_flags = t->tcp_flags,
		.frag = t->frag };
	fw_flow_touch(fw, f, t->tcp_flags, false, at->now_ns);
	hop->flow = fw_track_place(fw, f);
	return true;
}

/* The live flow that the packet belongs to, or that it is an ICMP error about. */
static struct fw_flow *
flow_of(struct fw *fw, const struct fw_at *at)
{
	struct fw_flow *f = fw_flow_find(fw, &fw->ends[at->dir], fw->hash, at->now_ns);
	struct fw_flow_key key;

	if (f != NULL && fw_judge_flow(fw, f, at->now_ns)) {
		bool answers = f->live == FW_FLOW_HALF &&
		    fw->cfg.openings[f - fw->cfg.flows].dir != at->dir;

		fw_flow_touch(fw, f, fw->pkt.tuple.tcp_flags, answers, at->now_ns);
		return f;
	}
	if (!fw_flow_key_inner(&fw->pkt, at->dir, &key))
		return NULL;
	f = fw_flow_find(fw, &key, fw_flow_hash(fw, &key), at->now_ns);
	return f != NULL && fw_judge_flow(fw, f, at->now_ns) ? f : NULL;
}

static void
judge_deny(struct fw *fw, const struct fw_at *at, const struct fw_action *a, struct fw_hop *hop)
{
	cite(fw, a, fw_judge_soften(a->mode), WIRE_REASON_RULE, hop);
	if (a->mode == WIRE_ENFORCE || is_segment(&fw->pkt))
		return;
	/* Without room the packet is judged alone; fw_flow_open counted it. */
	(void)flow_open(fw, at, a, a->mode == WIRE_COMPLY ? FW_FLOW_WOULD_DROP : FW_FLOW_LEARN,
	    hop);
}

static void
judge_allow(struct fw *fw, const struct fw_at *at, const struct fw_action *a, struct fw_hop *hop)
{
	if (a->state == WIRE_STATE_FLOW) {
		if ((image_flags(fw) & WIRE_IMAGE_MIDSTREAM_DROP) != 0 && is_segment(&fw->pkt)) {
			refuse(fw, at, a, WIRE_REASON_MIDSTREAM, hop);
			return;
		}
		if (!flow_open(fw, at, a, FW_FLOW_PASS, hop)) {
			refuse(fw, at, a, WIRE_REASON_FLOW_FULL, hop);
			return;
		}
	}
	cite(fw, a, WIRE_PASS, WIRE_REASON_RULE, hop);
}

void
fw_judge_hop(struct fw *fw, const struct fw_at *at, struct fw_hop *hop)
{
	struct fw_flow *f = flow_of(fw, at);

	if (f != NULL) {
		hop->verdict = fw_track_verdict(f);
		hop->reason = WIRE_REASON_STATE;
		hop->rule_id = f->rule_id;
		hop->generation = f->generation;
		hop->counter = f->counter;
		hop->log = false;	/* told when it opened */
		hop->flow = fw_track_place(fw, f);
		return;
	}
	struct fw_key key;
	struct fw_action a;

	fw_judge_key(&fw->pkt, at->dir, &key);
	switch (ask(fw, fw_at_table(at), &key, is_segment(&fw->pkt), &a)) {
	case SAYS_DENY:
		judge_deny(fw, at, &a, hop);
		break;
	case SAYS_ALLOW:
	case SAYS_REVERSED:
		judge_allow(fw, at, &a, hop);
		break;
	case SAYS_DEFAULT:
		cite(fw, &a, fw_judge_soften(a.mode), WIRE_REASON_DEFAULT, hop);
		break;
	}
}

/* Takes what the rules now say into the flow. False: they would not let it open. */
static bool
flow_adopt(struct fw *fw, struct fw_flow *f, enum says says, const struct fw_action *a)
{
	if (says == SAYS_DEFAULT || (says == SAYS_DENY && a->mode == WIRE_ENFORCE))
		return false;
	f->kind = says != SAYS_DENY ? FW_FLOW_PASS :
	    a->mode == WIRE_COMPLY ? FW_FLOW_WOULD_DROP : FW_FLOW_LEARN;
	f->rule_id = a->rule_id;
	f->counter = a->counter;
	f->generation = fw->generation;
	fw_track_changed(fw, f);
	return true;
}

bool
fw_judge_flow(struct fw *fw, struct fw_flow *f, uint64_t now_ns)
{
	FW_CHECK(f->live);
	if (f->judged == fw->activation)
		return true;
	const struct fw_opening *o = &fw->cfg.openings[f - fw->cfg.flows];
	uint8_t family = fw_service_family(f->service), proto = fw_service_proto(f->service);
	struct fw_key key = { .family = family, .dir = o->dir, .proto = proto,
		.frag = o->frag, .sport = o->sport, .dport = o->dport, .vlan = o->vlan };
	struct fw_tuple opening = { .tcp_flags = o->tcp_flags };
	bool segment = proto == FW_PROTO_TCP && !fw_tuple_is_bare_syn(&opening);
	struct fw_table table = fw_table_find(fw_image(fw), family, f->local);
	struct fw_action a;

	memcpy(key.remote, f->remote, 16);
	f->judged = fw->activation;
	if (table.body != 0 && flow_adopt(fw, f, ask(fw, table, &key, segment, &a), &a))
		return true;
	if (table.body != 0 && (image_flags(fw) & WIRE_IMAGE_FLOWS_DRAIN) != 0) {
		/* Goes on as it was, named by the text that let it; its counter is gone. */
		f->counter = WIRE_COUNTER_NONE;
		return true;
	}
	fw->stats.flows_cut++;
	fw_flow_end(fw, f, WIRE_FLOW_CUT, now_ns);
	return false;
}
