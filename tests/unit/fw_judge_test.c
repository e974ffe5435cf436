/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_judge_test - the sentences of ringfence-policy(5) on state, order, modes and fragments, each
 * as a policy in text and the packets that show it. A step's answer is "VERDICT REASON [LINE]":
 * what the frame gets, and the line of the policy that is named for it.
 */
#include "t.h"

#include "frames.h"
#include "fw_board.h"
#include "fw_text.h"
#include "verdict.h"

enum { STEPS_MAX = 24 };

struct step {
	uint32_t at_s;
	const char *packet;		/* NULL: commits the policy in want */
	const char *want;
};

struct story {
	const char *name;
	const char *policy;		/* its first line is empty: rules begin on line 2 */
	struct step steps[STEPS_MAX];
};

static struct fw_text texts;
static struct fw_board *board;

static void
judge(const struct frame_spec *s, uint64_t now_ns, char *out, size_t cap)
{
	uint8_t frame[FRAME_BYTES_MAX];
	struct fw_verdict v;
	uint32_t generation;

	fw_packet(&board->fw, frame, frame_build(s, frame), now_ns, &v);
	generation = v.generation;
	for (uint32_t i = 0; i < v.hop_count; i++)
		if (v.hops[i].rule_id == v.rule_id)
			generation = v.hops[i].generation;
	if (v.rule_id != 0)
		snprintf(out, cap, "%s %s %u", verdict_name(v.verdict), reason_name(v.reason),
		    fw_text_line(&texts, generation, v.rule_id));
	else
		snprintf(out, cap, "%s %s", verdict_name(v.verdict), reason_name(v.reason));
}

static void
fresh(void)
{
	struct fw_cfg cfg = board->fw.cfg;

	fw_text_reset(&texts);
	fw_init(&board->fw, &cfg);
}

static void
tell(const struct story *story)
{
	fresh();
	fw_text_commit(&texts, story->policy);
	for (const struct step *s = story->steps; s->want != NULL; s++) {
		struct frame_spec spec;
		char got[128];

		if (s->packet == NULL) {
			fw_text_commit(&texts, s->want);
			T_OK(board->fw.generation > 1);
			continue;
		}
		frame_from_text(s->packet, &spec);
		judge(&spec, s->at_s * FW_NS_PER_S, got, sizeof(got));
		if (!T_IS_STR(got, s->want))
			printf("#   step %d: %s\n", (int)(s - story->steps), s->packet);
	}
}

/* Local: 10.0.0.1, 10.0.0.2, fd00::1. */
static const struct story stories[] = {
	{ "state flow: a bare SYN opens, both ways pass, citing the rule",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp(22), from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass rule 3" },
		{ 1, "10.0.0.1/22 > 9.9.9.9/1000 tcp syn ack", "pass state 3" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/22 tcp ack", "pass state 3" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/22 tcp ack vlan=7", "pass state 3" },
		{ 2, "10.0.0.1/22 > 9.9.9.9/1001 tcp syn", "drop default 2" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/23 tcp syn", "drop default 2" },
		{ 2, "9.9.9.9 > 10.0.0.1 icmp type=8.0", "drop default 2" },
		{ 3601, "9.9.9.9/1000 > 10.0.0.1/22 tcp ack", "pass state 3" },
		{ 7201, "10.0.0.1/22 > 9.9.9.9/1000 tcp syn ack", "pass rule 3" },
	} },
	{ "FIN and RST: 10 s more, whatever comes",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp(22), from = any } }\n"
	    "defaults { midstream = 'drop' }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass rule 3" },
		{ 1, "10.0.0.1/22 > 9.9.9.9/1000 tcp syn ack", "pass state 3" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/22 tcp fin ack", "pass state 3" },
		{ 11, "9.9.9.9/1000 > 10.0.0.1/22 tcp ack", "pass state 3" },
		{ 12, "9.9.9.9/1000 > 10.0.0.1/22 tcp ack", "drop midstream 3" },
		{ 12, "10.0.0.1/22 > 9.9.9.9/1000 tcp rst", "drop midstream 3" },
		{ 12, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass rule 3" },
	} },
	{ "half-open: 5 s from the last of its opener, until a packet comes the other way",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp(22), from = any },\n"
	    "  outbound { allow = tcp(80), to = any } }\n"
	    "defaults { midstream = 'drop' }", {
		{ 10, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass rule 3" },
		{ 14, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass state 3" },
		{ 18, "9.9.9.9/1000 > 10.0.0.1/22 tcp ack", "pass state 3" },
		{ 23, "10.0.0.1/22 > 9.9.9.9/1000 tcp syn ack", "drop midstream 3" },
		{ 30, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass rule 3" },
		{ 34, "10.0.0.1/22 > 9.9.9.9/1000 tcp syn ack", "pass state 3" },
		{ 3633, "9.9.9.9/1000 > 10.0.0.1/22 tcp ack", "pass state 3" },
		{ 4000, "10.0.0.1/900 > 9.9.9.9/80 tcp syn", "pass rule 4" },
		{ 4001, "10.0.0.1/900 > 9.9.9.9/80 tcp fin", "pass state 4" },
		{ 4006, "10.0.0.1/900 > 9.9.9.9/80 tcp ack", "drop midstream 4" },
	} },
	{ "others: 60 s idle; replies by the flow only",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  outbound { allow = { udp(53), icmp 'echo' }, to = any } }", {
		{ 1, "9.9.9.9/53 > 10.0.0.1/5000 udp", "drop default 2" },
		{ 1, "10.0.0.1/5000 > 9.9.9.9/53 udp", "pass rule 3" },
		{ 60, "9.9.9.9/53 > 10.0.0.1/5000 udp", "pass state 3" },
		{ 120, "9.9.9.9/53 > 10.0.0.1/5000 udp", "drop default 2" },
		{ 130, "10.0.0.1 > 9.9.9.9 icmp type=8.0 id=7", "pass rule 3" },
		{ 131, "9.9.9.9 > 10.0.0.1 icmp type=0.0 id=7", "pass state 3" },
		{ 131, "9.9.9.9 > 10.0.0.1 icmp type=0.0 id=8", "drop default 2" },
		{ 131, "9.9.9.9 > 10.0.0.1 icmp type=13.0", "drop default 2" },
	} },
	{ "flags: replies are segments that are not a bare SYN; no state",
	    "\nlocal pg = app 'pg' { tcp(5432), state = 'flags' }\n"
	    "segment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = pg, from = any } }", {
		{ 1, "10.0.0.1/5432 > 9.9.9.9/1000 tcp syn ack", "pass rule 4" },
		{ 1, "10.0.0.1/5432 > 9.9.9.9/1000 tcp syn", "drop default 3" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/5432 tcp ack", "pass rule 4" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/5432 tcp syn", "pass rule 4" },
		{ 2, "10.0.0.1/5432 > 9.9.9.9/1000 tcp rst", "pass rule 4" },
		{ 2, "10.0.0.1/5433 > 9.9.9.9/1000 tcp rst", "drop default 3" },
	} },
	{ "none: nothing comes back",
	    "\nlocal x = app 'x' { tcp(80), state = 'none' }\n"
	    "segment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = x, from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/80 tcp syn", "pass rule 4" },
		{ 1, "10.0.0.1/80 > 9.9.9.9/1000 tcp syn ack", "drop default 3" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/80 tcp ack", "pass rule 4" },
	} },
	{ "own direction decides first; a deny there is not asked about in reverse",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp(22), from = any },\n"
	    "  outbound { deny = tcp { src = 22 }, to = ip '9.9.9.9' } }", {
		{ 1, "10.0.0.1/22 > 9.9.9.9/1000 tcp ack", "drop rule 4" },
		{ 1, "10.0.0.1/22 > 9.9.9.8/1000 tcp ack", "pass rule 3" },
		{ 1, "9.9.9.8/1000 > 10.0.0.1/22 tcp ack", "pass state 3" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass rule 3" },
		{ 1, "10.0.0.1/22 > 9.9.9.9/1000 tcp ack", "pass state 3" },
	} },
	{ "a reversed deny is no allow: the default decides",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp(22), from = any },\n"
	    "  inbound { deny = tcp(22), from = ip '9.9.9.9' } }", {
		{ 1, "10.0.0.1/22 > 9.9.9.9/1000 tcp ack", "drop default 2" },
	} },
	{ "comply: would-drop by a rule opens a flow, by default opens none",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'comply',\n"
	    "  inbound { deny = tcp(23), from = any },\n"
	    "  outbound { allow = tcp { src = 24 }, to = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/23 tcp syn", "would-drop rule 3" },
		{ 1, "10.0.0.1/23 > 9.9.9.9/1000 tcp syn ack", "would-drop state 3" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/23 tcp ack", "would-drop state 3" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/99 tcp syn", "would-drop default 2" },
		{ 2, "10.0.0.1/99 > 9.9.9.9/1000 tcp syn ack", "would-drop default 2" },
		{ 3, "9.9.9.9/1001 > 10.0.0.1/23 tcp ack", "would-drop rule 3" },
		{ 3, "10.0.0.1/23 > 9.9.9.9/1001 tcp ack", "would-drop default 2" },
	} },
	{ "a rule's mode may differ from its segment's",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { deny = tcp(23), from = any, mode = 'comply' } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/23 tcp syn", "would-drop rule 3" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/24 tcp syn", "drop default 2" },
	} },
	{ "learn: every verdict is pass, rule and reason as they would be",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'learn',\n"
	    "  inbound { deny = tcp(23), from = any },\n"
	    "  inbound { allow = tcp(22), from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/23 tcp syn", "pass rule 3" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass rule 4" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/80 tcp syn", "pass default 2" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/80 udp rest", "pass fragment 2" },
		{ 2, "10.0.0.1/23 > 9.9.9.9/1000 tcp syn ack", "pass state 3" },
	} },
	{ "two local ends: outbound at the source, then inbound at the destination",
	    "\nsegment 'a' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  outbound { allow = tcp(22), to = ip '10.0.0.2' },\n"
	    "  outbound { allow = tcp(23), to = any } }\n"
	    "segment 'b' { members = ip '10.0.0.2', mode = 'enforce',\n"
	    "  inbound { allow = tcp { 22, 24 }, from = any } }", {
		{ 1, "10.0.0.1/1000 > 10.0.0.2/22 tcp syn", "pass rule 6" },
		{ 1, "10.0.0.2/22 > 10.0.0.1/1000 tcp syn ack", "pass state 3" },
		{ 1, "10.0.0.1/1000 > 10.0.0.2/23 tcp syn", "drop default 5" },
		{ 1, "10.0.0.1/1000 > 10.0.0.2/24 tcp syn", "drop default 2" },
		/* The hop that passed opened its flow, whatever the later one said. */
		{ 1, "10.0.0.1/1000 > 10.0.0.2/23 tcp ack", "drop default 5" },
	} },
	{ "of two would-drops the first counts",
	    "\nsegment 'a' { members = ip '10.0.0.1', mode = 'comply' }\n"
	    "segment 'b' { members = ip '10.0.0.2', mode = 'comply' }\n"
	    "segment 'c' { members = ip '10.0.0.3', mode = 'enforce' }", {
		{ 1, "10.0.0.1/1 > 10.0.0.2/2 udp", "would-drop default 2" },
		{ 1, "10.0.0.1/1 > 10.0.0.3/2 udp", "drop default 4" },
	} },
	{ "no table: unsegmented, guard rules before that; a multicast group is nobody's",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  outbound { allow = udp(5353), to = ip '224.0.0.251' } }\n"
	    "defaults { unsegmented = 'drop' }", {
		{ 1, "9.9.9.9/1 > 8.8.8.8/2 udp", "drop unsegmented" },
		{ 1, "10.0.0.1/5353 > 224.0.0.251/5353 udp", "pass rule 3" },
		{ 1, "9.9.9.9/5353 > 224.0.0.251/5353 udp", "drop unsegmented" },
		{ 1, "10.0.0.1/1 > 255.255.255.255/2 udp", "drop default 2" },
	} },
	{ "a guard file of one's own also judges packets with no local end",
	    "\npolicy 'guard' { stage = 'guard' }\n"
	    "segment 'g' { members = 'all', mode = 'enforce',\n"
	    "  outbound { deny = tcp(25), to = any },\n"
	    "  inbound { allow = udp(53), from = any },\n"
	    "  inbound { deny = udp(53), from = ip '9.9.9.9' } }\n"
	    "defaults { unsegmented = 'drop' }", {
		{ 1, "9.9.9.8/1 > 8.8.8.8/25 tcp syn", "drop rule 4" },
		{ 1, "9.9.9.8/1 > 8.8.8.8/53 udp", "pass rule 5" },
		{ 1, "8.8.8.8/53 > 9.9.9.8/1 udp", "drop unsegmented" },	/* no flow */
		{ 1, "9.9.9.9/1 > 8.8.8.8/53 udp", "drop rule 6" },
	} },
	{ "after a reload flows are judged again by their opening packet: cut",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp { 22, 23 }, from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass rule 3" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/23 tcp syn", "pass rule 3" },
		{ 1, NULL, "\n\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
		    "  outbound { allow = tcp(1000), to = any },\n"
		    "  inbound { allow = tcp(22), from = any } }" },
		{ 2, "10.0.0.1/22 > 9.9.9.9/1000 tcp ack", "pass state 5" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/23 tcp ack", "pass rule 4" },	/* as an answer */
		{ 2, "9.9.9.9/1001 > 10.0.0.1/23 tcp ack", "drop default 3" },
	} },
	{ "drain: flows go on, named by the text that let them; new ones do not open",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp(22), from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass rule 3" },
		{ 1, NULL, "\n\n\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce' }\n"
		    "defaults { live_flows = 'drain' }" },
		{ 2, "10.0.0.1/22 > 9.9.9.9/1000 tcp ack", "pass state 3" },
		{ 2, "9.9.9.9/1001 > 10.0.0.1/22 tcp syn", "drop default 4" },
		{ 3, "9.9.9.9/1000 > 10.0.0.1/22 tcp ack", "pass state 3" },
		{ 4, NULL, "\nsegment 't' { members = ip '10.0.0.1', mode = 'enforce' }" },
		{ 4, "9.9.9.9/1000 > 10.0.0.1/22 tcp ack", "drop default 2" },
	} },
	{ "a flow that a reload would now only watch",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp(22), from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn", "pass rule 3" },
		{ 1, NULL, "\nsegment 's' { members = ip '10.0.0.1', mode = 'comply',\n"
		    "  inbound { deny = tcp(22), from = any } }" },
		{ 2, "10.0.0.1/22 > 9.9.9.9/1000 tcp ack", "would-drop state 3" },
	} },
	{ "fragments follow the first; none without it; overlaps dropped",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = udp(53), from = any } }", {
		{ 1, "9.9.9.9 > 10.0.0.1 udp rest", "drop fragment 2" },
		{ 1, "9.9.9.9/1 > 10.0.0.1/53 udp first", "pass rule 3" },
		{ 1, "9.9.9.9 > 10.0.0.1 udp rest", "pass rule 3" },
		{ 1, "9.9.9.9 > 10.0.0.1 udp rest", "drop fragment 2" },
		{ 1, "9.9.9.9 > 10.0.0.1 udp last off=16", "pass rule 3" },
		{ 2, "9.9.9.9/1 > 10.0.0.1/54 udp first id=2", "drop default 2" },
		{ 2, "9.9.9.9 > 10.0.0.1 udp rest id=2", "drop default 2" },
		{ 31, "9.9.9.9 > 10.0.0.1 udp rest off=24 id=2", "drop default 2" },
		{ 32, "9.9.9.9 > 10.0.0.1 udp rest off=32 id=2", "drop fragment 2" },
		{ 33, "9.9.9.9 > 10.0.0.1 tcp rest off=1 id=3", "drop fragment 2" },
	} },
	{ "fragments = drop, in the segment's mode",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = udp(53), from = any } }\n"
	    "segment 't' { members = ip 'fd00::1', mode = 'comply',\n"
	    "  inbound { allow = udp(53), from = any } }\n"
	    "defaults { fragments = 'drop' }", {
		{ 1, "9.9.9.9/1 > 10.0.0.1/53 udp first", "drop fragment 2" },
		{ 1, "fd00::9/1 > fd00::1/53 udp first", "would-drop fragment 4" },
		{ 1, "9.9.9.9/1 > 10.0.0.1/53 udp", "pass rule 3" },
	} },
	{ "vlan is that of the outermost tag",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = udp(53), from = any, vlan = 7 } }", {
		{ 1, "9.9.9.9/1 > 10.0.0.1/53 udp", "drop default 2" },
		{ 1, "9.9.9.9/1 > 10.0.0.1/53 udp vlan=8 vlan=7", "drop default 2" },
		{ 1, "9.9.9.9/1 > 10.0.0.1/53 udp vlan=7 vlan=8", "pass rule 3" },
	} },
};

/* "ICMP errors about it pass with reason state"; about other packets they do not. */
static void
errors_about_flows(void)
{
	uint8_t inner[FRAME_BYTES_MAX];
	struct frame_spec s, e;
	char got[128];

	fresh();
	fw_text_commit(&texts, "\npolicy 'guard' { stage = 'guard' }\n"
	    "segment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  outbound { allow = tcp(80), to = any } }");
	frame_from_text("10.0.0.1/1000 > 9.9.9.9/80 tcp syn", &s);
	for (int opened = 0; opened < 2; opened++) {
		e = (struct frame_spec){ .proto = 1, .dport = 3 << 8 | 4, .src =
			frame_addr("8.8.8.8"), .dst = s.src, .quote = inner + 14 };
		e.payload = e.quote_bytes = frame_build(&s, inner) - 14;
		judge(&e, FW_NS_PER_S, got, sizeof(got));
		T_IS_STR(got, opened ? "pass state 4" : "drop default 3");
		judge(&s, FW_NS_PER_S, got, sizeof(got));
		T_IS_STR(got, opened ? "pass state 4" : "pass rule 4");
	}
	/* It prolongs nothing. */
	judge(&e, 5 * FW_NS_PER_S, got, sizeof(got));
	T_IS_STR(got, "pass state 4");
	judge(&e, 6 * FW_NS_PER_S, got, sizeof(got));
	T_IS_STR(got, "drop default 3");
}

/* Nothing committed: all but ARP is dropped. Frames that are not IP go by defaults. */
static void
no_image_and_no_ip(void)
{
	uint8_t arp[60] = { [12] = 0x08, [13] = 0x06 }, lldp[60] = { [12] = 0x88, [13] = 0xcc };
	struct fw_verdict v;

	fresh();
	fw_packet(&board->fw, arp, sizeof(arp), 1, &v);
	T_IS_UINT(v.verdict, WIRE_PASS);
	fw_packet(&board->fw, lldp, sizeof(lldp), 1, &v);
	T_IS_UINT(v.verdict, WIRE_DROP);
	T_IS_UINT(v.reason, WIRE_REASON_NO_IMAGE);
	fw_text_commit(&texts, "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce' }");
	fw_packet(&board->fw, lldp, sizeof(lldp), 1, &v);
	T_IS_UINT(v.verdict, WIRE_PASS);
	T_IS_UINT(v.reason, WIRE_REASON_NON_IP);
	fw_text_commit(&texts, "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce' }\n"
	    "defaults { non_ip = 'drop' }");
	fw_packet(&board->fw, lldp, sizeof(lldp), 1, &v);
	T_IS_UINT(v.verdict, WIRE_DROP);
	fw_packet(&board->fw, arp, sizeof(arp), 1, &v);
	T_IS_UINT(v.verdict, WIRE_PASS);
	fw_packet(&board->fw, lldp, 13, 1, &v);		/* no header: nobody's */
	T_IS_UINT(v.verdict, WIRE_DROP);
	T_IS_UINT(v.reason, WIRE_REASON_MALFORMED);
	T_IS_UINT(v.hop_count, 0);
}

/* Ten times the table in bare SYNs that nobody answers: the half-open ones keep to their part,
 * those that were answered live on, what rules deny is denied by them, and 5 s later there is
 * room. */
static void
syn_flood(void)
{
	const uint32_t part = board->fw.cfg.flow_count / FW_FLOW_HALF_PART;
	struct frame_spec s;
	uint32_t passed = 0, full = 0;
	char got[128];

	fresh();
	fw_text_commit(&texts, "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp(22), from = any } }");
	for (uint32_t i = 1; i <= 20; i++) {
		frame_from_text("8.8.8.8 > 10.0.0.1/22 tcp syn", &s);
		s.sport = (uint16_t)i;
		judge(&s, FW_NS_PER_S, got, sizeof(got));
		frame_from_text("10.0.0.1/22 > 8.8.8.8 tcp syn ack", &s);
		s.dport = (uint16_t)i;
		judge(&s, FW_NS_PER_S, got, sizeof(got));
		T_IS_STR(got, "pass state 3");
	}
	T_IS_UINT(board->fw.flow_half, 0);
	for (uint32_t i = 0; i < 10 * board->fw.cfg.flow_count; i++) {
		frame_from_text("9.9.9.9 > 10.0.0.1/22 tcp syn", &s);
		s.sport = (uint16_t)i;
		judge(&s, 2 * FW_NS_PER_S + i * 1000, got, sizeof(got));
		passed += strcmp(got, "pass rule 3") == 0;
		full += strcmp(got, "drop flow-full 3") == 0;
		T_OK(board->fw.flow_half <= part);
	}
	T_IS_UINT(passed, part);
	T_IS_UINT(passed + full, 10 * board->fw.cfg.flow_count);
	T_IS_UINT(board->fw.stats.flow_full, full);
	frame_from_text("9.9.9.9/1 > 10.0.0.1/23 tcp syn", &s);
	judge(&s, 3 * FW_NS_PER_S, got, sizeof(got));
	T_IS_STR(got, "drop default 2");
	for (uint32_t i = 1; i <= 20; i++) {
		frame_from_text("8.8.8.8 > 10.0.0.1/22 tcp ack", &s);
		s.sport = (uint16_t)i;
		judge(&s, 3 * FW_NS_PER_S, got, sizeof(got));
		T_IS_STR(got, "pass state 3");
	}
	/* A segment picked up is not half-open, and has the rest of the table. */
	frame_from_text("7.7.7.7/5 > 10.0.0.1/22 tcp ack", &s);
	judge(&s, 3 * FW_NS_PER_S, got, sizeof(got));
	T_IS_STR(got, "pass rule 3");
	for (uint32_t i = 0; i < board->fw.cfg.flow_count; i++)
		fw_sweep(&board->fw, 8 * FW_NS_PER_S);
	T_IS_UINT(board->fw.flow_half, 0);
	frame_from_text("9.9.9.9/7 > 10.0.0.1/22 tcp syn", &s);
	judge(&s, 8 * FW_NS_PER_S, got, sizeof(got));
	T_IS_STR(got, "pass rule 3");
	T_IS_UINT(board->fw.flow_half, 1);
}

/* Full: new flows are dropped with the allow's line and counted; live ones go on. */
static void
flows_full(void)
{
	struct frame_spec s;
	uint32_t passed = 0;
	char got[128];

	fresh();
	fw_text_commit(&texts, "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = udp(53), from = any } }");
	for (uint32_t i = 1; i <= 1024; i++) {
		frame_from_text("9.9.9.9 > 10.0.0.1/53 udp", &s);
		s.sport = (uint16_t)i;
		judge(&s, FW_NS_PER_S, got, sizeof(got));
		passed += strcmp(got, "pass rule 3") == 0;
		if (strcmp(got, "pass rule 3") != 0 && strcmp(got, "drop flow-full 3") != 0)
			T_IS_STR(got, "drop flow-full 3");
	}
	T_OK(passed > 200 && passed <= 256);
	T_IS_UINT(board->fw.stats.flow_full, 1024 - passed);
	T_IS_UINT(board->fw.stats.reasons[WIRE_REASON_FLOW_FULL], 1024 - passed);
	s.sport = 1;
	judge(&s, FW_NS_PER_S, got, sizeof(got));
	T_IS_STR(got, "pass state 3");
}

/* A rule's counter counts its hops and its flows' packets, and goes on over a reload. */
static void
counters(void)
{
	static const char policy[] = "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = udp(53), from = any, count = true } }";
	static const char other[] = "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"
	    "  inbound { allow = tcp(1), from = any, count = true },\n"
	    "  inbound { allow = udp(53), from = any, count = true } }";
	struct frame_spec s;
	uint64_t packets = 0, bytes = 0;
	char got[128];

	fresh();
	fw_text_commit(&texts, policy);
	frame_from_text("9.9.9.9/7 > 10.0.0.1/53 udp", &s);
	for (int i = 0; i < 3; i++)
		judge(&s, FW_NS_PER_S, got, sizeof(got));
	fw_text_commit(&texts, other);
	frame_from_text("9.9.9.9/8 > 10.0.0.1/53 udp", &s);
	judge(&s, FW_NS_PER_S, got, sizeof(got));
	for (uint32_t i = 0; i < WIRE_COUNTERS_MAX; i++) {
		packets += board->fw.cfg.counters[i].packets;
		bytes += board->fw.cfg.counters[i].bytes;
	}
	T_IS_UINT(packets, 4);
	T_IS_UINT(bytes, 4 * 42);
	T_IS_UINT(board->fw.stats.frames, 4);
}

/* burst, then rate; what was held back is told, to the last one. */
static void
alerts(void)
{
	struct frame_spec s;
	uint32_t suppressed = 0;
	char got[128];

	fresh();
	board->alert_count = 0;
	fw_text_commit(&texts, "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce' }");
	frame_from_text("9.9.9.9/7 > 10.0.0.1/53 udp", &s);
	for (int i = 0; i < 100; i++)
		judge(&s, FW_NS_PER_S, got, sizeof(got));
	T_IS_UINT(board->alert_count, 5);
	T_IS_UINT(board->fw.stats.alerts_suppressed, 95);
	for (int i = 0; i < FW_ALERT_SLOTS / FW_ALERT_SWEEP; i++)
		fw_sweep(&board->fw, 2 * FW_NS_PER_S);
	for (uint32_t i = 0; i < board->alert_count && i < FW_BOARD_ALERTS_MAX; i++)
		suppressed += board->alerts[i].suppressed;
	T_IS_UINT(board->alert_count, 6);
	T_IS_UINT(suppressed, 95);
	board->deaf = true;
	judge(&s, 3 * FW_NS_PER_S, got, sizeof(got));
	T_IS_UINT(board->fw.stats.alerts_lost, 1);
	board->deaf = false;
}

int
main(void)
{
	board = fw_board_create(256, 1 << 20);
	fw_text_init(&texts, board);
	T_ROWS(stories, tell);
	T_RUN(errors_about_flows);
	T_RUN(no_image_and_no_ip);
	T_RUN(flows_full);
	T_RUN(syn_flood);
	T_RUN(counters);
	T_RUN(alerts);
	fw_board_destroy(&board);
	fw_text_fini(&texts);
	return t_done();
}
