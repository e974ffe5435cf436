/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_prop - random policies and packets at their edges: an explanation has the verdict, the
 * reason and the line of the reference that knows no flow; the nearest allow misses something
 * where the default decides; a packet's text gives the packet.
 */
#include "t.h"

#include "gen_rules.h"
#include "pol_explain.h"
#include "ref_state.h"

enum { POLICIES = 400, PACKETS = 60, ARENA_BYTES = 64 << 20 };

static struct gen gen;
static struct arena arena;
static unsigned long passed, denied, near_ones;

static void
packet_from(const struct addr *local, const struct pkt_key *k, struct pol_packet *p)
{
	static const uint8_t flags[] = { POL_SYN, POL_ACK, POL_SYN | POL_ACK, POL_RST,
		POL_FIN | POL_ACK, POL_PSH | POL_ACK | POL_URG };

	memset(p, 0, sizeof(*p));
	p->src = k->dir == WIRE_OUT ? *local : k->remote;
	p->dst = k->dir == WIRE_OUT ? k->remote : *local;
	p->proto = k->proto;
	p->frag = k->frag;
	p->sport = k->sport;
	p->dport = k->dport;
	p->vlan = k->vlan;
	if (p->proto == PROTO_TCP && p->frag != WIRE_FRAG_REST)
		p->tcp_flags = flags[gen_below(&gen, ARRAY_LEN(flags))];
}

static void
text_gives_packet(const struct pol_packet *p)
{
	char text[POL_PACKET_TEXT_BYTES], again[POL_PACKET_TEXT_BYTES];
	struct diag d = { 0 };
	struct pol_packet q;

	pol_packet_text(p, text);
	if (!T_OK(pol_packet_parse(text, strlen(text), &q, &d))) {
		printf("# %s: %s\n", text, d.text);
		return;
	}
	pol_packet_text(&q, again);
	T_IS_STR(again, text);
	T_OK(addr_cmp(&q.src, &p->src) == 0 && addr_cmp(&q.dst, &p->dst) == 0 &&
	    q.proto == p->proto && q.frag == p->frag && q.tcp_flags == p->tcp_flags &&
	    q.sport == p->sport && q.dport == p->dport && q.vlan == p->vlan);
}

static void
frame_of(const struct pol_packet *p, struct ref_pkt *out)
{
	memset(out, 0, sizeof(*out));
	out->s = (struct frame_spec){ .src = p->src, .dst = p->dst, .proto = p->proto,
		.sport = p->sport, .dport = p->dport, .tcp_flags = p->tcp_flags, .payload = 64 };
	out->s.tags[0] = p->vlan;
	out->s.tag_count = p->vlan != WIRE_VLAN_NONE;
	out->s.fragment = p->frag != WIRE_FRAG_NONE;
	out->s.more = p->frag == WIRE_FRAG_FIRST;
	out->s.frag_off = p->frag == WIRE_FRAG_REST ? 20 : 0;
}

static void
explained_as_judged(const struct pol_rules *r, const struct pol_packet *p)
{
	struct pol_explained e;
	struct ref_verdict v;
	struct ref_pkt f;
	struct ref *ref = ref_create();
	char text[POL_PACKET_TEXT_BYTES];
	bool ok;

	pol_explain(r, p, &e);
	frame_of(p, &f);
	ref_commit(ref, r, 1);
	ref_judge(ref, &f, 1, &v);
	ref_destroy(&ref);
	ok = T_IS_UINT(e.verdict, v.verdict) & T_IS_UINT(e.reason, v.reason);
	if (v.hop_count > 0)
		ok &= T_IS_UINT(e.hop_count, v.hop_count);
	for (uint32_t i = 0; i < v.hop_count && i < e.hop_count; i++) {
		ok &= T_IS_UINT(e.hops[i].verdict, v.hops[i].verdict) &
		    T_IS_UINT(e.hops[i].reason, v.hops[i].reason) &
		    T_IS_UINT(e.hops[i].rule, v.hops[i].rule) &
		    T_IS_UINT(e.hops[i].segment, v.hops[i].segment);
		if (e.hops[i].reason == WIRE_REASON_DEFAULT && e.hops[i].near != UINT32_MAX) {
			ok &= T_OK(e.hops[i].miss_count > 0);
			near_ones++;
		}
	}
	if (v.hop_count == 0 && v.reason == WIRE_REASON_RULE)
		ok &= T_IS_UINT(e.hops[0].rule, v.guard.rule);
	pol_packet_text(p, text);
	if (!ok)
		printf("# %s\n", text);
	passed += e.verdict == WIRE_PASS;
	denied += e.verdict != WIRE_PASS;
}

static void
explanations(void)
{
	for (unsigned long i = 0; i < t_tries(POLICIES); i++) {
		struct pol_rules r;

		arena_reset(&arena);
		gen_rules(&gen, &arena, 4, 14, &r);
		r.defaults.fragments_drop = gen_below(&gen, 4) == 0;
		r.defaults.midstream_drop = gen_below(&gen, 3) == 0;
		for (int j = 0; j < PACKETS; j++) {
			struct pol_packet p;
			struct pkt_key k;
			struct addr local;

			gen_key(&gen, &r, &local, &k);
			packet_from(&local, &k, &p);
			text_gives_packet(&p);
			/* to itself: the second hop may meet the flow of the first */
			if (addr_cmp(&p.src, &p.dst) == 0)
				continue;
			if (local.family != 0 && t.case_failed == 0)
				explained_as_judged(&r, &p);
		}
	}
	T_OK(passed > 0 && denied > 0 && near_ones > 0);
	printf("# %lu passed, %lu denied, %lu with a nearest allow\n", passed, denied, near_ones);
}

int
main(void)
{
	gen.state = t_seed();
	arena_init(&arena, ARENA_BYTES);
	T_RUN(explanations);
	arena_fini(&arena);
	return t_done();
}
