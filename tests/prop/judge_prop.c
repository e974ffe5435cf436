/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge_prop - random policies and sequences of real frames: the firmware, over a really encoded
 * image, says of each frame and each hop what the reference says: verdict, reason, line and
 * generation.
 * Frames sit at the edges of rules, answer and repeat earlier ones, quote them in ICMP errors, come
 * in fragments, lie; time leaps over time-outs; policies change on the way. And each frame counts
 * for the flow that the reference names. A failure is shrunk to the events that matter and printed.
 */
#include "t.h"

#include "fw_board.h"
#include "fw_parse.h"
#include "gen_rules.h"
#include "ref_flows.h"
#include "ref_state.h"

enum { EPISODES = 2500, EVENTS = 440, POLICIES = 2, HISTORY = 12, ARENA_BYTES = 64 << 20 };
enum { FLOWS = 16384, BANK_BYTES = 4 << 20 };

struct policy {
	struct pol_rules rules;
	struct image_symbols symbols;
	uint8_t *image;
	size_t len;
};

struct event {
	bool commit, skip;
	uint32_t policy;
	uint64_t dt_ns;
	struct ref_pkt p;
	struct frame_spec about;
};

static struct gen gen;
static struct arena arena;
static struct diags diags;
static struct policy policies[POLICIES];
static struct event events[EVENTS];
static struct fw_board *board;
static struct ref_flows *tallies;
static unsigned long judged;
static uint64_t reasons[WIRE_REASON__COUNT][WIRE_VERDICT__COUNT];

static bool
one_in(uint32_t n)
{
	return gen_below(&gen, n) == 0;
}

/* --- policies ------------------------------------------------------------------------------ */

static void
policy_make(struct policy *p)
{
	struct image_input in;
	struct diag diag;

	gen_rules(&gen, &arena, 4, 14, &p->rules);
	struct pol_defaults *d = &p->rules.defaults;

	d->unsegmented = one_in(2) ? WIRE_PASS : WIRE_DROP;
	d->fragments_drop = one_in(6);
	d->midstream_drop = one_in(4);
	d->live_flows_drain = one_in(3);
	diags.count = diags.errors = diags.warnings = 0;
	CHECK(pol_build(&p->rules, POL_PASS_ALL, &arena, &in, &p->symbols, &diags) == RC_OK);
	if (image_encode(&in, &p->image, &p->len, &diag) != RC_OK) {
		diag_print(&diag, stderr);
		CHECK(false);
	}
}

/* --- packets ------------------------------------------------------------------------------- */

static bool
is_icmp(const struct frame_spec *s)
{
	return s->proto == (s->src.family == 4 ? FW_PROTO_ICMP : FW_PROTO_ICMP6);
}

static uint8_t
random_flags(void)
{
	static const uint8_t some[] = { FW_TCP_SYN, FW_TCP_SYN, FW_TCP_SYN, FW_TCP_ACK,
		FW_TCP_SYN | FW_TCP_ACK, FW_TCP_ACK, FW_TCP_ACK | FW_TCP_FIN, FW_TCP_RST, 0,
		FW_TCP_SYN | FW_TCP_FIN };

	return some[gen_below(&gen, sizeof(some))];
}

static void
packet_fresh(const struct pol_rules *r, struct frame_spec *s)
{
	struct addr local;
	struct pkt_key k;

	gen_key(&gen, r, &local, &k);
	if (local.family == 0)
		local = frame_addr(k.remote.family == 4 ? "192.0.2.77" : "2001:db8::77");
	*s = (struct frame_spec){ .proto = k.proto, .sport = k.sport, .dport = k.dport,
		.src = k.dir == WIRE_OUT ? local : k.remote,
		.dst = k.dir == WIRE_OUT ? k.remote : local, .tcp_flags = random_flags() };
	if (is_icmp(s))
		s->sport = (uint16_t)gen_below(&gen, 3);
	if (s->src.family == 6 && s->proto == 0)
		s->proto = 59;		/* 0 is a header that is walked, not a protocol */
	if (k.vlan != WIRE_VLAN_NONE) {
		s->tag_count = 1 + gen_below(&gen, 2);
		s->tags[0] = k.vlan;
		s->tags[1] = 77;
	}
}

static void
packet_reply(struct frame_spec *s)
{
	struct frame_spec from = *s;
	unsigned type = from.dport >> 8;

	s->src = from.dst;
	s->dst = from.src;
	if (is_icmp(s)) {
		if (type == 8 || type == 128)
			s->dport = (uint16_t)(type == 8 ? 0 : 129 << 8);
	} else {
		s->sport = from.dport;
		s->dport = from.sport;
	}
	s->tcp_flags = one_in(4) ? random_flags() : FW_TCP_ACK;
}

static void
packet_cut(struct event *e)
{
	struct frame_spec *s = &e->p.s;
	uint32_t header = s->proto == FW_PROTO_TCP ? 20 : s->proto == FW_PROTO_SCTP ? 12 :
	    s->proto == FW_PROTO_UDP || is_icmp(s) ? 8 : 0;

	s->fragment = true;
	s->frag_id = gen_below(&gen, 3);
	s->more = !one_in(3);
	if (one_in(2)) {
		s->frag_off = 0;
		s->payload = 8 * (1 + gen_below(&gen, 3)) + (8 - header % 8) % 8;
	} else {
		s->frag_off = (uint16_t)(1 + gen_below(&gen, 8));
		s->payload = 8 * (1 + gen_below(&gen, 3)) - (s->more ? 0 : gen_below(&gen, 8));
		if (s->frag_off == 1 && s->proto == FW_PROTO_TCP)
			e->p.fault = WIRE_REASON_FRAGMENT;
	}
}

static void
packet_error(struct event *e, const struct frame_spec *about)
{
	static const uint8_t types4[] = { 3, 4, 11, 12, 5 }, types6[] = { 1, 2, 3, 4, 137 };
	struct frame_spec *s = &e->p.s;
	uint8_t family = about->src.family;

	e->about = *about;
	e->about.tag_count = 0;
	e->about.payload = 8;
	e->about.fragment = false;
	*s = (struct frame_spec){ .proto = family == 4 ? FW_PROTO_ICMP : FW_PROTO_ICMP6,
		.src = one_in(2) ? about->dst :
		    frame_addr(family == 4 ? "192.0.2.1" : "2001:db8::1"),
		.dst = about->src,
		.dport = (uint16_t)((family == 4 ? types4 : types6)[gen_below(&gen, 5)] << 8) };
	if (one_in(3)) {
		s->src = about->dst;
		s->dst = one_in(2) ? about->src : frame_addr(family == 4 ? "10.20.3.5" : "fd00::5");
	}
	e->p.about = &e->about;
}

static void
event_make(struct event *e, uint32_t at, uint32_t policy)
{
	static const uint64_t leaps[] = { 1, 5, 9, 10, 11, 29, 30, 31, 59, 60, 61, 3599, 3600 };
	const struct frame_spec *past = NULL;

	memset(e, 0, sizeof(*e));
	e->policy = policy;
	e->dt_ns = gen_below(&gen, 1000000);
	if (one_in(8))
		e->dt_ns = leaps[gen_below(&gen, ARRAY_LEN(leaps))] * FW_NS_PER_S -
		    (one_in(2) ? 0 : 1);
	if (at > 0) {
		uint32_t back = 1 + gen_below(&gen, at < HISTORY ? at : HISTORY);

		past = events[at - back].commit ? NULL : &events[at - back].p.s;
	}
	if (past == NULL || one_in(2)) {
		packet_fresh(&policies[policy].rules, &e->p.s);
		if (one_in(10))
			packet_cut(e);
	} else if (one_in(6) && past->quote == NULL && events[at - 1].p.about == NULL) {
		packet_error(e, past);
	} else {
		e->p.s = *past;
		e->p.s.quote = NULL;
		if (e->p.s.fragment)
			packet_cut(e);
		else if (one_in(2))
			packet_reply(&e->p.s);
		else
			e->p.s.tcp_flags = random_flags();
	}
	if (e->p.fault == 0 && one_in(40))
		e->p.fault = WIRE_REASON_MALFORMED;
}

static uint32_t
event_frame(const struct event *e, uint8_t *buf)
{
	static uint8_t inner[FRAME_BYTES_MAX];
	struct frame_spec s = e->p.s;

	if (e->p.about != NULL) {
		s.quote_bytes = s.payload = frame_build(e->p.about, inner) - 14;
		s.quote = inner + 14;
	}
	uint32_t len = frame_build(&s, buf);

	if (e->p.fault == WIRE_REASON_MALFORMED) {	/* more bytes than there are */
		uint8_t *length = buf + frame_ip_at(&s) + (s.src.family == 4 ? 2 : 4);

		length[0] = length[1] = 0xff;
	}
	return len;
}

/* --- one against the other ----------------------------------------------------------------- */

static const struct image_symbol *
symbol_of(const struct image_symbols *s, uint32_t rule_id)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->items[i].rule_id == rule_id)
			return &s->items[i];
	return NULL;
}

static bool
cites(const struct policy *p, uint32_t rule_id, uint32_t rule, uint32_t segment)
{
	const struct image_symbol *s = symbol_of(&p->symbols, rule_id);
	const struct pol_rules *r = &p->rules;
	const struct pol_pos *pos = rule != UINT32_MAX ? &r->rules[rule].pos :
	    &r->segments[segment].pos;

	return s != NULL && strcmp(s->file, r->files[pos->file]) == 0 && s->line == pos->line &&
	    s->col == pos->col && s->is_default == (rule == UINT32_MAX) &&
	    strcmp(s->segment, r->segments[segment].name) == 0;
}

static bool
hop_agrees(const struct policy *const *of, const struct ref_hop *want, const struct fw_hop *got)
{
	uint8_t local[16];

	addr_to_wire(&want->local, local);
	return got->dir == want->dir && got->family == want->local.family &&
	    memcmp(got->local, local, 16) == 0 && got->verdict == want->verdict &&
	    got->reason == want->reason && got->generation == want->generation &&
	    cites(of[want->generation], got->rule_id, want->rule, want->segment);
}

static bool
agrees(const struct policy *const *of, const struct ref_verdict *want, const struct fw_verdict *got)
{
	if (got->verdict != want->verdict || got->reason != want->reason ||
	    got->hop_count != want->hop_count)
		return false;
	for (uint32_t i = 0; i < want->hop_count; i++)
		if (!hop_agrees(of, &want->hops[i], &got->hops[i]))
			return false;
	return want->hop_count > 0 || want->reason != WIRE_REASON_RULE ||
	    cites(of[want->guard.generation], got->rule_id, want->guard.rule, want->guard.segment);
}

static void
differ_print(const struct ref_verdict *want, const struct fw_verdict *got)
{
	printf("#   want verdict %u reason %u hops %u, got %u %u %u\n", want->verdict,
	    want->reason, want->hop_count, got->verdict, got->reason, got->hop_count);
	for (uint32_t i = 0; i < want->hop_count || i < got->hop_count; i++)
		printf("#   hop %u: want dir %u verdict %u reason %u gen %u rule %d segment %d; "
		    "got dir %u verdict %u reason %u gen %u id %08x\n", i, want->hops[i].dir,
		    want->hops[i].verdict, want->hops[i].reason, want->hops[i].generation,
		    (int)want->hops[i].rule, (int)want->hops[i].segment, got->hops[i].dir,
		    got->hops[i].verdict, got->hops[i].reason, got->hops[i].generation,
		    got->hops[i].rule_id);
}

static void
board_fresh(void)
{
	struct fw_cfg cfg = board->fw.cfg;

	fw_init(&board->fw, &cfg);
}

/* Index of the first event on which they differ; EVENTS: none. */
static uint32_t
episode_run(uint32_t count, bool print)
{
	const struct policy *of[EVENTS + 2] = { NULL, &policies[0] };
	struct ref *ref = ref_create();
	uint32_t generation = 1, at = 0;
	uint64_t now_ns = FW_NS_PER_S;
	const char *why = NULL;

	board_fresh();
	ref_flows_begin(tallies, &board->fw, gen.state % 3 == 0 ? 5 : 0);
	fw_board_commit_bytes(board, policies[0].image, policies[0].len, generation);
	ref_commit(ref, &policies[0].rules, generation);
	for (; at < count; at++) {
		static uint8_t frame[FRAME_BYTES_MAX];
		const struct event *e = &events[at];
		struct ref_verdict want;
		struct fw_verdict got;

		if (e->skip)
			continue;
		now_ns += e->dt_ns;
		if (e->commit) {
			const struct policy *p = &policies[e->policy];

			of[++generation] = p;
			for (uint32_t n = 0; n < board->fw.cfg.flow_count; n += FW_FLOW_SWEEP)
				fw_sweep(&board->fw, now_ns);
			fw_board_commit_bytes(board, p->image, p->len, generation);
			ref_commit(ref, &p->rules, generation);
			continue;
		}
		if (at % 64 == 63)
			fw_sweep(&board->fw, now_ns);
		uint32_t len = event_frame(e, frame);

		fw_packet(&board->fw, frame, len, now_ns, &got);
		ref_judge(ref, &e->p, now_ns, &want);
		judged++;
		reasons[want.reason][want.verdict]++;
		if (agrees(of, &want, &got)) {
			why = ref_flows_frame(tallies, &want, &got, len, now_ns);
			if (why == NULL)
				continue;
		} else if (print) {
			differ_print(&want, &got);
		}
		break;
	}
	if (at == count) {
		why = ref_flows_end(tallies, now_ns);
		at = why == NULL ? EVENTS : count - 1;
	}
	if (print && why != NULL)
		printf("#   %s\n", why);
	ref_destroy(&ref);
	return at;
}

static void
rules_print(const struct pol_rules *r)
{
	char a[2 * ADDR_TEXT_BYTES], s[SERVICE_TEXT_BYTES];

	printf("#   defaults: unsegmented %u, fragments_drop %d, midstream_drop %d, drain %d\n",
	    r->defaults.unsegmented, r->defaults.fragments_drop, r->defaults.midstream_drop,
	    r->defaults.live_flows_drain);
	for (uint32_t i = 0; i < r->segment_count; i++) {
		const struct pol_segment *g = &r->segments[i];

		printf("#   segment %u stage %u mode %u%s", i, g->stage, g->mode,
		    g->members_all ? " all" : "");
		for (uint32_t n = 0; n < g->members.count; n++) {
			addr_range_print(&g->members.ranges[n], a);
			printf(" %s", a);
		}
		printf("\n");
	}
	for (uint32_t i = 0; i < r->rule_count; i++) {
		const struct pol_rule *x = &r->rules[i];

		printf("#   rule %u segment %u %s %s mode %u", i, x->segment,
		    x->dir == WIRE_IN ? "inbound" : "outbound", x->deny ? "deny" : "allow",
		    x->mode);
		for (uint32_t n = 0; n < x->service_count; n++) {
			service_print(&x->services[n].atom, s);
			printf(" %s/state%u", s, x->services[n].state);
		}
		for (uint32_t n = 0; n < x->peer.count; n++) {
			addr_range_print(&x->peer.ranges[n], a);
			printf(" %s", a);
		}
		for (uint32_t n = 0; n < x->vlan_count; n++)
			printf(" vlan %u-%u", x->vlans[n].lo, x->vlans[n].hi);
		printf("\n");
	}
}

/* Leaves out what the failure does not need, then prints the rest. */
static void
episode_shrink(uint32_t count)
{
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < count; i++) {
			if (events[i].skip)
				continue;
			events[i].skip = true;
			if (episode_run(count, false) == EVENTS)
				events[i].skip = false;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		char text[256];

		if (events[i].skip)
			continue;
		frame_print(&events[i].p.s, text, sizeof(text));
		printf("#   +%" PRIu64 " ns %s%s fault %u\n", events[i].dt_ns,
		    events[i].commit ? "commit " : "", events[i].commit ? "" : text,
		    events[i].p.fault);
		if (events[i].commit)
			rules_print(&policies[events[i].policy].rules);
		if (events[i].p.about != NULL) {
			frame_print(events[i].p.about, text, sizeof(text));
			printf("#     about %s\n", text);
		}
	}
	printf("# first policy:\n");
	rules_print(&policies[0].rules);
	(void)episode_run(count, true);
}

static bool
episode(void)
{
	uint32_t policy = 0;

	for (uint32_t i = 0; i < POLICIES; i++)
		policy_make(&policies[i]);
	for (uint32_t i = 0; i < EVENTS; i++) {
		event_make(&events[i], i, policy);
		if (one_in(100)) {
			policy = gen_below(&gen, POLICIES);
			memset(&events[i], 0, sizeof(events[i]));
			events[i].commit = true;
			events[i].policy = policy;
		}
	}
	uint32_t at = episode_run(EVENTS, false);

	if (at != EVENTS)
		episode_shrink(at + 1);
	for (uint32_t i = 0; i < POLICIES; i++)
		free(policies[i].image);
	return at == EVENTS;
}

static void
firmware_is_the_reference(void)
{
	unsigned long tries = t_tries(EPISODES);
	uint64_t seed = t_seed();

	for (unsigned long n = 0; n < tries; n++) {
		gen.state = seed + n;
		arena_reset(&arena);
		if (!T_OK(episode())) {
			printf("# SEED=%" PRIu64 " fails at once\n", seed + n);
			return;
		}
	}
	printf("# %lu judgements; drop, would-drop, pass by reason:", judged);
	for (unsigned i = 0; i < WIRE_REASON__COUNT; i++)
		printf(" %u: %" PRIu64 " %" PRIu64 " %" PRIu64 ";", i, reasons[i][WIRE_DROP],
		    reasons[i][WIRE_WOULD_DROP], reasons[i][WIRE_PASS]);
	const uint64_t *heard = ref_flows_heard(tallies);

	printf("\n# flows told: %" PRIu64 " opened, %" PRIu64 " updated, %" PRIu64 " ended\n",
	    heard[0], heard[1], heard[2]);
	T_OK(heard[0] > 0 && heard[1] > 0 && heard[2] > 0);
	if (tries >= EPISODES)
		T_OK(judged >= 1000000);
}

int
main(void)
{
	arena_init(&arena, ARENA_BYTES);
	CHECK(diags_init(&diags));
	board = fw_board_create(FLOWS, BANK_BYTES);
	tallies = ref_flows_create();
	T_RUN(firmware_is_the_reference);
	ref_flows_destroy(&tallies);
	fw_board_destroy(&board);
	diags_fini(&diags);
	arena_fini(&arena);
	return t_done();
}
