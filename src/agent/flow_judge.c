/* SPDX-License-Identifier: Apache-2.0 */
/* flow_judge - the order of ringfence-policy(5), State, for the packet that opened a flow. */
#include "flow_judge.h"

#include <string.h>

#include "fw_match.h"
#include "pol_packet.h"
#include "wire_flow.h"
#include "wire_verdict.h"

enum { ECHO_V4 = 8 << 8, ECHO_V6 = 128 << 8 };

/* The flow's first packet, by its own ends. */
struct opening {
	uint8_t src[16], dst[16];
	struct fw_key key;		/* remote and dir are of the end that looks */
	bool segment;			/* TCP, and no bare SYN */
};

static bool
has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

/* A header of IPv6 where the protocol should be: the packet ended there. */
static bool
is_extension(const struct nic_flow *f)
{
	return f->family == 6 && (f->proto == 0 || f->proto == 43 || f->proto == 44 ||
	    f->proto == 51 || f->proto == 60);
}

bool
flow_judge_may(const struct nic_flow *f)
{
	if (is_extension(f))
		return false;
	switch (f->reason) {
	case WIRE_REASON_RULE:
	case WIRE_REASON_DEFAULT:
	case WIRE_REASON_STATE:
	case WIRE_REASON_MIDSTREAM:
	case WIRE_REASON_UNSEGMENTED:
	case WIRE_REASON_NO_IMAGE:
		return !has_ports(f->proto) || f->local_port != 0 || f->remote_port != 0;
	default:	/* no room, a fragment, a fault */
		return false;
	}
}

uint16_t
flow_judge_echo(uint8_t family)
{
	return family == 4 ? ECHO_V4 : ECHO_V6;
}

static void
opening_of(const struct nic_flow *f, struct opening *o)
{
	bool out = f->dir == WIRE_OUT;

	memset(o, 0, sizeof(*o));
	memcpy(o->src, out ? f->local : f->remote, 16);
	memcpy(o->dst, out ? f->remote : f->local, 16);
	o->key = (struct fw_key){ .family = f->family, .proto = f->proto, .frag = WIRE_FRAG_NONE,
		.sport = out ? f->local_port : f->remote_port,
		.dport = out ? f->remote_port : f->local_port, .vlan = f->vlan };
	if ((f->flags & WIRE_FLOW_ECHO) != 0) {
		o->key.sport = 0;
		o->key.dport = flow_judge_echo(f->family);
	}
	o->segment = f->proto == PROTO_TCP &&
	    (f->tcp_flags & (POL_SYN | POL_ACK)) != POL_SYN;
}

static void
look_from(struct opening *o, uint8_t dir)
{
	o->key.dir = dir;
	memcpy(o->key.remote, dir == WIRE_OUT ? o->dst : o->src, 16);
}

static uint8_t
soften(uint8_t mode)
{
	return mode == WIRE_ENFORCE ? WIRE_DROP : mode == WIRE_COMPLY ? WIRE_WOULD_DROP : WIRE_PASS;
}

/* False: the table's default is the action. */
static bool
match(const uint8_t *image, struct fw_table table, const struct fw_key *k, struct fw_action *a)
{
	bool is_default;

	fw_match_action(image, table, fw_match(image, table, k, &is_default), a);
	return !is_default;
}

/* Its own direction; else, of a segment, what allows the packet it answers. False: neither, and
 * the action is the default's. */
static bool
decide(const uint8_t *image, struct fw_table table, const struct opening *o, struct fw_action *a)
{
	struct fw_key back = o->key;
	struct fw_action other;

	if (match(image, table, &o->key, a))
		return true;
	back.dir = back.dir == WIRE_OUT ? WIRE_IN : WIRE_OUT;
	back.sport = o->key.dport;
	back.dport = o->key.sport;
	if (!o->segment || !match(image, table, &back, &other) || other.verdict != WIRE_PASS ||
	    other.state == WIRE_STATE_NONE)
		return false;
	*a = other;
	return true;
}

static uint8_t
default_mode(const uint8_t *image, struct fw_table table)
{
	const struct wire_half *half = (const struct wire_half *)(image +
	    (size_t)table.body * WIRE_LINE);
	struct fw_action a;

	fw_match_action(image, table, le16_get(half->rules), &a);
	return a.mode;
}

/* At one local IP. held: the flow has an entry in the flow table, and lives. */
static void
hop_judge(const uint8_t *image, struct fw_table table, const struct opening *o, bool held,
    struct flow_said *out)
{
	uint8_t flags = fw_image_hdr(image)->flags;
	struct fw_action a;
	bool is_rule = decide(image, table, o, &a);
	bool lets = is_rule && (a.verdict == WIRE_PASS || a.mode != WIRE_ENFORCE);

	if (held && !lets && (flags & WIRE_IMAGE_FLOWS_DRAIN) != 0) {
		*out = (struct flow_said){ .verdict = WIRE_PASS, .reason = WIRE_REASON_STATE };
		return;
	}
	*out = (struct flow_said){ .rule_id = a.rule_id,
		.reason = is_rule ? WIRE_REASON_RULE : WIRE_REASON_DEFAULT,
		.verdict = is_rule && a.verdict == WIRE_PASS ? WIRE_PASS : soften(a.mode) };
	if (is_rule && a.verdict == WIRE_PASS && a.state == WIRE_STATE_FLOW && !held &&
	    o->segment && (flags & WIRE_IMAGE_MIDSTREAM_DROP) != 0) {
		out->verdict = soften(default_mode(image, table));
		out->reason = WIRE_REASON_MIDSTREAM;
	}
}

/* Guard rules judge what has no local IP, both ways; else it is unsegmented. */
static void
nobody_judge(const uint8_t *image, struct opening *o, struct flow_said *out)
{
	struct fw_table table = fw_table_guard(image, o->key.family);
	bool any = false;

	*out = (struct flow_said){ .verdict = fw_image_hdr(image)->unsegmented,
		.reason = WIRE_REASON_UNSEGMENTED };
	for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN && table.body != 0; dir++) {
		struct fw_action a;
		uint8_t verdict;

		look_from(o, dir);
		if (!match(image, table, &o->key, &a))
			continue;
		verdict = a.verdict == WIRE_PASS ? WIRE_PASS : soften(a.mode);
		if (any && verdict >= out->verdict)
			continue;
		any = true;
		*out = (struct flow_said){ .verdict = verdict, .reason = WIRE_REASON_RULE,
			.rule_id = a.rule_id };
	}
}

/* Of a flow whose telling end is no local IP here: both ends, the worse one speaks. Behind a drop
 * the other is not asked, but nothing is worse than that. */
static void
packet_judge(const uint8_t *image, struct opening *o, struct flow_said *out)
{
	struct addr dst = addr_from_bytes(o->key.family, o->dst);
	bool any = false;

	for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN; dir++) {
		struct fw_table table = fw_table_find(image, o->key.family,
		    dir == WIRE_OUT ? o->src : o->dst);
		struct flow_said said;

		if (table.body == 0 || (dir == WIRE_IN && addr_is_multicast(&dst)))
			continue;
		look_from(o, dir);
		hop_judge(image, table, o, false, &said);
		if (!any || out->verdict == WIRE_PASS || said.verdict < out->verdict)
			*out = said;
		any = true;
	}
	if (!any)
		nobody_judge(image, o, out);
}

void
flow_judge(const uint8_t *image, const struct nic_flow *f, bool live, struct flow_said *out)
{
	bool bound = (f->flags & WIRE_FLOW_BOUND) != 0;
	struct opening o;
	struct fw_table table = { 0 };

	CHECK((uintptr_t)image % 16 == 0 && flow_judge_may(f));
	opening_of(f, &o);
	if (bound)
		table = fw_table_find(image, f->family, f->local);
	if (table.body == 0) {
		packet_judge(image, &o, out);
		return;
	}
	look_from(&o, f->dir);
	hop_judge(image, table, &o, live && (f->flags & WIRE_FLOW_STATE) != 0, out);
	if (out->reason == WIRE_REASON_STATE)
		out->verdict = f->verdict;	/* it goes on as it was */
}
