/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_judge_prop - two random policies, packets under the first, all their flows told.
 * Holds:   by the first, each flow gets the verdict, the reason and the rule that the firmware
 *          told; by the second, what the linear reference says of its opening packet, and, for
 *          those that live, what becomes of them once the firmware enforces it: cut, or which rule
 *          lets them on.
 */
#include "flow_judge.h"
#include "flow_list.h"
#include "frames.h"
#include "fw_board.h"
#include "fw_match.h"
#include "fw_seen.h"
#include "fw_track.h"
#include "gen_rules.h"
#include "pol_explain.h"
#include "pol_image.h"
#include "wire_flow.h"

#include "t.h"

enum { PAIRS = 150, PACKETS = 60, FLOWS = 4096, ARENA_BYTES = 128 << 20, BANK_BYTES = 4 << 20 };

struct told {
	struct nic_flow f;
	bool live;
	bool reply_first;		/* an echo that did not begin with its request */
};

static struct gen gen;
static struct arena arena;
static struct diags diags;
static struct fw_board *board;
static struct told told[2 * PACKETS];
static uint32_t told_count;
static bool echo_reply;			/* the frame in hand is one */
static unsigned long judged, cut, kept, drained, changed, nobodys;

/* As src/nic makes a struct nic_flow of a record. */
static void
flow_from(const struct fw_flow_event *e, struct nic_flow *f)
{
	*f = (struct nic_flow){ .id = e->tally->id, .kind = e->kind, .end = e->end,
		.verdict = e->verdict, .reason = e->reason, .family = e->family,
		.proto = e->proto, .dir = e->dir, .tcp_flags = e->tcp_flags, .flags = e->flags,
		.local_port = e->local_port, .remote_port = e->remote_port, .vlan = e->vlan,
		.rule_id = e->rule_id, .generation = e->generation };
	memcpy(f->local, e->local, 16);
	memcpy(f->remote, e->remote, 16);
}

static bool
hear(void *arg, const struct fw_flow_event *e)
{
	uint32_t i = 0;

	UNUSED(arg);
	while (i < told_count && told[i].f.id != e->tally->id)
		i++;
	if (i == told_count) {
		CHECK(told_count < ARRAY_LEN(told));
		told[told_count++] = (struct told){ .reply_first = echo_reply };
	}
	flow_from(e, &told[i].f);
	told[i].live = e->kind != WIRE_FLOW_ENDED;
	return true;
}

static void
packet_send(const struct pol_rules *r, uint64_t now_ns)
{
	static const uint8_t flags[] = { POL_SYN, POL_ACK, POL_SYN | POL_ACK, POL_RST };
	uint8_t frame[FRAME_BYTES_MAX];
	struct frame_spec s = { .payload = 64 };
	struct fw_verdict v;
	struct addr local;
	struct pkt_key k;

	gen_key(&gen, r, &local, &k);
	if (local.family == 0)
		local = (struct addr){ .family = k.remote.family, .lo = 77 };
	s.src = k.dir == WIRE_OUT ? local : k.remote;
	s.dst = k.dir == WIRE_OUT ? k.remote : local;
	s.proto = k.proto;
	s.sport = k.sport;
	s.dport = k.dport;
	s.tcp_flags = k.proto == PROTO_TCP ? flags[gen_below(&gen, ARRAY_LEN(flags))] : 0;
	s.tags[0] = k.vlan;
	s.tag_count = k.vlan != WIRE_VLAN_NONE;
	echo_reply = (k.proto == PROTO_ICMP && k.dport >> 8 == 0) ||
	    (k.proto == PROTO_ICMP6 && k.dport >> 8 == 129);
	/* a request is of code 0: another code would be a key that was not told */
	if (k.proto == PROTO_ICMP || k.proto == PROTO_ICMP6)
		echo_reply |= (k.dport & 0xff) != 0;
	fw_packet(&board->fw, frame, frame_build(&s, frame), now_ns, &v);
}

/* --- the reference: the rules as written --- */

static uint8_t
soften(uint8_t mode)
{
	return mode == WIRE_ENFORCE ? WIRE_DROP : mode == WIRE_COMPLY ? WIRE_WOULD_DROP : WIRE_PASS;
}

static uint32_t
id_of(const struct pol_names *n, const struct pol_outcome *o)
{
	return o->rule != UINT32_MAX ? n->rule_ids[o->rule] : n->default_ids[o->segment];
}

static uint8_t
default_of(const struct pol_rules *r, const struct addr *local)
{
	struct pol_rules bare = *r;
	const struct pkt_key k = { .remote = *local };
	struct pol_outcome o;

	bare.rule_count = 0;
	CHECK(pol_ref_match(&bare, local, &k, &o));
	return soften(o.mode);
}

/* False: the local IP of the flow is none of these rules. */
static bool
reference(const struct pol_rules *r, const struct pol_names *n, const struct told *x,
    struct flow_said *out)
{
	const struct nic_flow *f = &x->f;
	bool held = x->live && (f->flags & WIRE_FLOW_STATE) != 0, lets;
	bool segment = f->proto == PROTO_TCP && (f->tcp_flags & (POL_SYN | POL_ACK)) != POL_SYN;
	struct addr local = addr_from_bytes(f->family, f->local);
	struct pkt_key k = { .remote = addr_from_bytes(f->family, f->remote), .dir = f->dir,
		.proto = f->proto, .vlan = f->vlan, .sport = flow_end_port(f, 0),
		.dport = flow_end_port(f, 1) }, back;
	struct pol_outcome o, other;

	if ((f->flags & WIRE_FLOW_ECHO) != 0) {
		k.sport = 0;
		k.dport = f->family == 4 ? 0x800 : 0x8000;
	}
	if ((f->flags & WIRE_FLOW_BOUND) == 0 || !pol_ref_match(r, &local, &k, &o))
		return false;
	back = pkt_key_reversed(&k);
	if (!o.matched && segment) {
		CHECK(pol_ref_match(r, &local, &back, &other));
		if (other.matched && !other.deny && other.state != WIRE_STATE_NONE)
			o = other;
	}
	lets = o.matched && (!o.deny || o.mode != WIRE_ENFORCE);
	out->rule_id = id_of(n, &o);
	out->reason = o.matched ? WIRE_REASON_RULE : WIRE_REASON_DEFAULT;
	out->verdict = o.matched && !o.deny ? WIRE_PASS : soften(o.mode);
	if (held && !lets && r->defaults.live_flows_drain)
		*out = (struct flow_said){ .verdict = f->verdict, .reason = WIRE_REASON_STATE };
	else if (!held && o.matched && !o.deny && o.state == WIRE_STATE_FLOW && segment &&
	    r->defaults.midstream_drop)
		*out = (struct flow_said){ .verdict = default_of(r, &local),
			.reason = WIRE_REASON_MIDSTREAM, .rule_id = out->rule_id };
	return true;
}

/* Whose local IP is nobody's by these rules: the packet, end to end. */
static void
explained(const struct pol_rules *r, const struct pol_names *n, const struct told *x,
    struct flow_said *out)
{
	const struct nic_flow *f = &x->f;
	bool echo = (f->flags & WIRE_FLOW_ECHO) != 0;
	const struct pol_packet p = { .src = flow_end_addr(f, 0), .dst = flow_end_addr(f, 1),
		.proto = f->proto, .vlan = f->vlan, .sport = echo ? 0 : flow_end_port(f, 0),
		.dport = echo ? flow_judge_echo(f->family) : flow_end_port(f, 1),
		.tcp_flags = f->tcp_flags };
	struct pol_explained e;
	const struct pol_hop *by;
	struct pol_outcome o;

	pol_explain(r, &p, &e);
	*out = (struct flow_said){ .verdict = e.verdict, .reason = e.reason };
	if (e.hop_count == 0)
		return;
	by = &e.hops[e.hop_count - 1];
	if (e.hops[0].verdict < by->verdict || (e.verdict != WIRE_PASS &&
	    e.hops[0].verdict == e.verdict))
		by = &e.hops[0];
	o = (struct pol_outcome){ .rule = by->rule, .segment = by->segment };
	out->rule_id = id_of(n, &o);
}

static bool
same(const struct flow_said *got, const struct flow_said *want, const char *by)
{
	bool ok = T_IS_UINT(got->verdict, want->verdict) & T_IS_UINT(got->reason, want->reason) &
	    T_IS_UINT(got->rule_id, want->rule_id);

	if (!ok)
		printf("# by %s\n", by);
	return ok;
}

/* --- one flow --- */

static void
as_told(const uint8_t *image, const struct told *x)
{
	const struct nic_flow *f = &x->f;
	struct flow_said said, want = { f->verdict, f->reason, f->rule_id };

	flow_judge(image, f, x->live, &said);
	same(&said, &want, "what was told");
}

static void
as_rules_say(const struct pol_rules *r, const struct pol_names *n, const uint8_t *image,
    const struct told *x)
{
	struct flow_said said, want;

	flow_judge(image, &x->f, x->live, &said);
	if (!reference(r, n, x, &want)) {
		explained(r, n, x, &want);
		nobodys++;
	}
	same(&said, &want, "the reference");
	changed += said.verdict != x->f.verdict;
}

/* After the commit, and a look at every entry. was is the flow before it. */
static void
as_enforced(const uint8_t *image, const struct told *was, const struct told *is)
{
	struct flow_said said;

	if (!was->live || (was->f.flags & WIRE_FLOW_STATE) == 0)
		return;
	flow_judge(image, &was->f, true, &said);
	if (is->f.end == WIRE_FLOW_CUT) {
		/* a default that is soft, or none, lets by what has no entry any more */
		T_OK(said.verdict == WIRE_DROP || said.reason == WIRE_REASON_DEFAULT ||
		    fw_table_find(image, was->f.family, was->f.local).body == 0);
		cut++;
		return;
	}
	T_OK(is->live && said.verdict != WIRE_DROP);
	T_IS_UINT(said.verdict, is->f.verdict);
	if (said.reason != WIRE_REASON_STATE)
		T_IS_UINT(said.rule_id, is->f.rule_id);
	drained += said.reason == WIRE_REASON_STATE;
	kept++;
}

static bool
takes(const struct told *x)
{
	return flow_judge_may(&x->f) &&
	    !((x->f.flags & WIRE_FLOW_ECHO) != 0 && x->reply_first);
}

static void
defaults_pick(struct pol_rules *r)
{
	r->defaults.unsegmented = gen_below(&gen, 2) == 0 ? WIRE_PASS : WIRE_DROP;
	r->defaults.midstream_drop = gen_below(&gen, 3) == 0;
	r->defaults.live_flows_drain = gen_below(&gen, 3) == 0;
}

/* Another policy, or the first one without a rule. */
static void
next_rules(const struct pol_rules *was, struct pol_rules *is)
{
	uint32_t i;

	gen_rules(&gen, &arena, 4, 14, is);
	if (gen_below(&gen, 2) == 0 || was->rule_count == 0)
		return;
	*is = *was;
	i = gen_below(&gen, was->rule_count);
	is->rules = arena_array(&arena, was->rule_count, sizeof(*is->rules));
	CHECK(is->rules != NULL);
	memcpy(is->rules, was->rules, i * sizeof(*is->rules));
	memcpy(is->rules + i, was->rules + i + 1, (was->rule_count - i - 1) * sizeof(*is->rules));
	is->rule_count--;
}

static void
board_begin(const struct pol_image *image)
{
	struct fw_cfg cfg = board->fw.cfg;

	cfg.flow = hear;
	fw_init(&board->fw, &cfg);
	fw_track_ask(&board->fw, WIRE_FLOW_MASK_ALL, 0);
	board->fw.asked_ns = 0;
	told_count = 0;
	fw_board_commit_bytes(board, image->bytes, image->len, 1);
}

static void
pair(const struct pol_rules *was, const struct pol_rules *is, const struct pol_image *old_image,
    const struct pol_image *new_image)
{
	const uint64_t now_ns = FW_NS_PER_S;
	static struct told before[ARRAY_LEN(told)];
	uint32_t count;

	board_begin(old_image);
	for (int i = 0; i < PACKETS; i++)
		packet_send(i % 4 == 0 ? is : was, now_ns);
	count = told_count;
	memcpy(before, told, sizeof(before));
	for (uint32_t i = 0; i < count && t.case_failed == 0; i++) {
		if (!takes(&before[i]))
			continue;
		judged++;
		as_told(old_image->bytes, &before[i]);
		as_rules_say(was, &old_image->names, old_image->bytes, &before[i]);
		as_rules_say(is, &new_image->names, new_image->bytes, &before[i]);
	}
	fw_board_commit_bytes(board, new_image->bytes, new_image->len, 2);
	fw_track_ask(&board->fw, WIRE_FLOW_MASK_ALL, now_ns);
	for (uint32_t i = 0; i < FLOWS / FW_FLOW_SWEEP; i++)
		fw_sweep(&board->fw, now_ns + 1);
	T_IS_UINT(told_count, count);
	for (uint32_t i = 0; i < count && t.case_failed == 0; i++)
		if (takes(&before[i]))
			as_enforced(new_image->bytes, &before[i], &told[i]);
}

static void
pairs(void)
{
	for (unsigned long i = 0; i < t_tries(PAIRS) && t.case_failed == 0; i++) {
		struct pol_image old_image, new_image;
		struct pol_rules was, is;

		arena_reset(&arena);
		diags_fini(&diags);
		CHECK(diags_init(&diags));
		gen_rules(&gen, &arena, 4, 14, &was);
		next_rules(&was, &is);
		defaults_pick(&was);
		defaults_pick(&is);
		CHECK(pol_image_make(&was, POL_PASS_ALL, &arena, &old_image, &diags) == RC_OK);
		CHECK(pol_image_make(&is, POL_PASS_ALL, &arena, &new_image, &diags) == RC_OK);
		pair(&was, &is, &old_image, &new_image);
		pol_image_fini(&old_image);
		pol_image_fini(&new_image);
	}
	T_OK(judged > 0 && cut > 0 && kept > 0 && drained > 0 && changed > 0 && nobodys > 0);
	printf("# %lu flows judged, %lu changed, %lu without a local IP; of live ones %lu cut, %lu "
	    "went on, %lu drained\n", judged, changed, nobodys, cut, kept, drained);
}

int
main(void)
{
	gen.state = t_seed();
	arena_init(&arena, ARENA_BYTES);
	board = fw_board_create(FLOWS, BANK_BYTES);
	T_RUN(pairs);
	fw_board_destroy(&board);
	diags_fini(&diags);
	arena_fini(&arena);
	return t_done();
}
