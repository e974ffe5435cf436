/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_track_test - what the firmware tells of flows: policies in text, packets, and the events that
 * follow each. An event is KIND[:END] VERDICT LINE LOCAL/PORT REMOTE/PORT OUT/IN, packets out and
 * in; KIND is + opened, ~ updated, - ended, and has a "?" where the flow was only seen.
 */
#include "frames.h"
#include "fw_board.h"
#include "fw_text.h"
#include "fw_seen.h"
#include "fw_track.h"
#include "str.h"
#include "verdict.h"
#include "wire_flow.h"

#include "t.h"

enum { STEPS_MAX = 16 };

struct step {
	uint32_t at_s;
	const char *packet;		/* NULL: every entry is looked at; "!TEXT" commits TEXT */
	const char *want;		/* events, "; " between them; "" = none */
};

struct story {
	const char *name;
	const char *policy;		/* its first line is empty: rules begin on line 2 */
	struct step steps[STEPS_MAX];
};

static struct fw_text texts;
static struct fw_board *board;
static struct str heard;
static bool deaf;

static bool
hear(void *arg, const struct fw_flow_event *e)
{
	static const char *const ends[] = { "", ":idle", ":fin", ":rst", ":cut", ":evicted" };
	struct addr local = addr_from_bytes(e->family, e->local);
	struct addr remote = addr_from_bytes(e->family, e->remote);
	char l[ADDR_TEXT_BYTES], r[ADDR_TEXT_BYTES];

	UNUSED(arg);
	if (deaf)
		return false;
	addr_print(&local, l);
	addr_print(&remote, r);
	str_addf(&heard, "%s%c%s%s %s %u %s/%u %s/%u %u/%u", heard.len > 0 ? "; " : "",
	    "+~-"[e->kind], (e->flags & WIRE_FLOW_STATE) != 0 ? "" : "?", ends[e->end],
	    verdict_name(e->verdict), fw_text_line(&texts, e->generation, e->rule_id), l,
	    e->local_port, r, e->remote_port, (unsigned)e->tally->packets[0],
	    (unsigned)e->tally->packets[1]);
	return true;
}

static void
fresh(void)
{
	struct fw_cfg cfg = board->fw.cfg;

	fw_text_reset(&texts);
	cfg.flow = hear;
	fw_init(&board->fw, &cfg);
	fw_track_ask(&board->fw, WIRE_FLOW_MASK_ALL, 0);
	board->fw.asked_ns = 0;
	deaf = false;
}

static void
sweep_all(uint64_t now_ns)
{
	for (uint32_t i = 0; i < FW_BOARD_SEEN / FW_SEEN_SWEEP; i++)
		fw_sweep(&board->fw, now_ns);
}

static void
packet(const char *text, uint64_t now_ns)
{
	uint8_t frame[FRAME_BYTES_MAX];
	struct frame_spec spec;
	struct fw_verdict v;

	frame_from_text(text, &spec);
	fw_packet(&board->fw, frame, frame_build(&spec, frame), now_ns, &v);
}

static bool
adds_up(void)
{
	const struct fw_stats *s = &board->fw.stats;

	return s->flows_opened + s->flows_ended + s->seen_opened + s->seen_ended ==
	    s->flow_told - s->flow_updates + s->flow_lost + s->flow_untold;
}

static void
tell(const struct story *story)
{
	fresh();
	fw_text_commit(&texts, story->policy);
	for (const struct step *s = story->steps; s->want != NULL; s++) {
		str_fini(&heard);
		if (s->packet == NULL)
			sweep_all(s->at_s * FW_NS_PER_S);
		else if (s->packet[0] == '!')
			fw_text_commit(&texts, s->packet + 1);
		else
			packet(s->packet, s->at_s * FW_NS_PER_S);
		if (!T_IS_STR(str_text(&heard), s->want))
			printf("#   step %d\n", (int)(s - story->steps));
		T_OK(adds_up());
	}
}

#define ENFORCE "\nsegment 's' { members = ip '10.0.0.1', mode = 'enforce',\n"

static const struct story stories[] = {
	{ "a TCP flow from its SYN to its end",
	    ENFORCE "  inbound { allow = tcp(22), from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn",
		    "+ pass 3 10.0.0.1/22 9.9.9.9/1000 0/1" },
		{ 1, "10.0.0.1/22 > 9.9.9.9/1000 tcp syn ack", "" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/22 tcp ack", "" },
		{ 2, NULL, "~ pass 3 10.0.0.1/22 9.9.9.9/1000 1/2" },
		{ 61, NULL, "" },
		{ 62, NULL, "~ pass 3 10.0.0.1/22 9.9.9.9/1000 1/2" },
		{ 62, "9.9.9.9/1000 > 10.0.0.1/22 tcp fin ack", "" },
		{ 71, NULL, "" },
		{ 72, NULL, "-:fin pass 3 10.0.0.1/22 9.9.9.9/1000 1/3" },
		{ 200, NULL, "" },
	} },
	{ "a young flow is told as its age doubles",
	    ENFORCE "  inbound { allow = udp(53), from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/53 udp",
		    "+ pass 3 10.0.0.1/53 9.9.9.9/1000 0/1" },
		{ 5, "9.9.9.9/1000 > 10.0.0.1/53 udp", "" },
		{ 5, NULL, "~ pass 3 10.0.0.1/53 9.9.9.9/1000 0/2" },
		{ 8, "9.9.9.9/1000 > 10.0.0.1/53 udp", "" },
		{ 8, NULL, "" },
		{ 9, NULL, "~ pass 3 10.0.0.1/53 9.9.9.9/1000 0/3" },
		{ 16, "9.9.9.9/1000 > 10.0.0.1/53 udp", "" },
		{ 16, NULL, "" },
		{ 17, NULL, "~ pass 3 10.0.0.1/53 9.9.9.9/1000 0/4" },
	} },
	{ "reset, and idle",
	    ENFORCE "  inbound { allow = { tcp(22), udp(53) }, from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn",
		    "+ pass 3 10.0.0.1/22 9.9.9.9/1000 0/1" },
		{ 1, "10.0.0.1/22 > 9.9.9.9/1000 tcp rst", "" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/53 udp",
		    "+ pass 3 10.0.0.1/53 9.9.9.9/1000 0/1" },
		{ 11, NULL, "-:rst pass 3 10.0.0.1/22 9.9.9.9/1000 1/1" },
		{ 62, "9.9.9.9/1000 > 10.0.0.1/53 udp", "-:idle pass 3 10.0.0.1/53 9.9.9.9/1000 "
		    "0/1; + pass 3 10.0.0.1/53 9.9.9.9/1000 0/1" },
	} },
	{ "drops are seen, each by its line, and gathered",
	    ENFORCE "  inbound { deny = tcp(23), from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/23 tcp syn",
		    "+? drop 3 10.0.0.1/23 9.9.9.9/1000 0/1" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/23 tcp syn", "" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/24 tcp syn",
		    "+? drop 2 10.0.0.1/24 9.9.9.9/1000 0/1" },
		{ 30, "9.9.9.9/1000 > 10.0.0.1/24 tcp syn", "" },
		/* as they stand in the table: by hash */
		{ 31, NULL, "~? drop 3 10.0.0.1/23 9.9.9.9/1000 0/2; "
		    "~? drop 2 10.0.0.1/24 9.9.9.9/1000 0/2" },
		{ 32, NULL, "-?:idle drop 3 10.0.0.1/23 9.9.9.9/1000 0/2" },
	} },
	{ "rules without state: both ways are one flow",
	    ENFORCE "  inbound { allow = app 'dns' { udp(53), state = 'none' }, from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/53 udp",
		    "+? pass 3 10.0.0.1/53 9.9.9.9/1000 0/1" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/53 udp", "" },
	} },
	{ "between two local IPs there is a flow at each end",
	    "\nsegment 's' { members = { ip '10.0.0.1', ip '10.0.0.2' }, mode = 'enforce',\n"
	    "  inbound { allow = tcp(22), from = any },\n"
	    "  outbound { allow = tcp(22), to = any } }", {
		{ 1, "10.0.0.1/1000 > 10.0.0.2/22 tcp syn",
		    "+ pass 4 10.0.0.1/1000 10.0.0.2/22 1/0; "
		    "+ pass 3 10.0.0.2/22 10.0.0.1/1000 0/1" },
	} },
	{ "no local IP: the lesser end stands for it",
	    ENFORCE "  inbound { allow = tcp(22), from = any } }", {
		{ 1, "9.9.9.9/1000 > 8.8.8.8/53 udp", "+? pass 0 8.8.8.8/53 9.9.9.9/1000 0/1" },
		{ 1, "8.8.8.8/53 > 9.9.9.9/1000 udp", "" },
		{ 31, NULL, "-?:idle pass 0 8.8.8.8/53 9.9.9.9/1000 1/1" },
	} },
	{ "a reload: what stays is told anew, what may not go on is cut",
	    ENFORCE "  inbound { allow = tcp(22), from = any },\n"
	    "  inbound { allow = tcp(80), from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/22 tcp syn",
		    "+ pass 3 10.0.0.1/22 9.9.9.9/1000 0/1" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/80 tcp syn",
		    "+ pass 4 10.0.0.1/80 9.9.9.9/1000 0/1" },
		{ 2, "!" ENFORCE "\n\n  inbound { allow = tcp(22), from = any } }", "" },
		{ 2, "9.9.9.9/1000 > 10.0.0.1/80 tcp ack",
		    "-:cut pass 4 10.0.0.1/80 9.9.9.9/1000 0/1; "
		    "+? drop 2 10.0.0.1/80 9.9.9.9/1000 0/1" },
		{ 2, NULL, "~ pass 5 10.0.0.1/22 9.9.9.9/1000 0/1" },
	} },
	{ "comply: a would-drop by a rule has a flow, one by default is seen",
	    "\nsegment 's' { members = ip '10.0.0.1', mode = 'comply',\n"
	    "  inbound { deny = tcp(23), from = any } }", {
		{ 1, "9.9.9.9/1000 > 10.0.0.1/23 tcp syn",
		    "+ would-drop 3 10.0.0.1/23 9.9.9.9/1000 0/1" },
		{ 1, "9.9.9.9/1000 > 10.0.0.1/24 tcp syn",
		    "+? would-drop 2 10.0.0.1/24 9.9.9.9/1000 0/1" },
	} },
	{ "an ICMP error counts for the flow it is about",
	    ENFORCE "  outbound { allow = udp(53), to = any } }", {
		{ 1, "10.0.0.1/1000 > 9.9.9.9/53 udp",
		    "+ pass 3 10.0.0.1/1000 9.9.9.9/53 1/0" },
		{ 1, "9.9.9.9/53 > 10.0.0.1/1000 udp", "" },
		{ 61, NULL, "-:idle pass 3 10.0.0.1/1000 9.9.9.9/53 1/1" },
	} },
};

/* A flow whose opening found no room is known by an update; an end that found none is lost. */
static void
no_room(void)
{
	const struct fw_stats *s = &board->fw.stats;

	fresh();
	fw_text_commit(&texts, ENFORCE "  inbound { allow = udp(53), from = any } }");
	str_fini(&heard);
	deaf = true;
	packet("9.9.9.9/1000 > 10.0.0.1/53 udp", FW_NS_PER_S);
	sweep_all(FW_NS_PER_S);
	T_IS_UINT(s->flow_lost, 1);
	deaf = false;
	sweep_all(2 * FW_NS_PER_S);
	T_IS_STR(str_text(&heard), "~ pass 3 10.0.0.1/53 9.9.9.9/1000 0/1");
	deaf = true;
	sweep_all(61 * FW_NS_PER_S);
	T_IS_UINT(s->flow_lost, 2);
	T_IS_UINT(s->flow_told, 1);
	T_IS_UINT(s->flow_updates, 1);
	T_OK(adds_up());
}

/* What was not asked for is not told, and not lost. */
static void
masks(void)
{
	const struct fw_stats *s = &board->fw.stats;

	fresh();
	fw_text_commit(&texts, ENFORCE "  inbound { allow = udp(53), from = any } }");
	str_fini(&heard);
	fw_track_ask(&board->fw, WIRE_FLOW_MASK_OPENED | WIRE_FLOW_MASK_ENDED, 0);
	packet("9.9.9.9/1000 > 10.0.0.1/53 udp", FW_NS_PER_S);
	packet("9.9.9.9/1000 > 10.0.0.1/54 udp", FW_NS_PER_S);
	T_IS_STR(str_text(&heard), "+ pass 3 10.0.0.1/53 9.9.9.9/1000 0/1");
	T_IS_UINT(s->flow_untold, 1);
	fw_track_ask(&board->fw, 0, 0);
	packet("9.9.9.9/1001 > 10.0.0.1/53 udp", FW_NS_PER_S);
	T_IS_UINT(s->flow_untold, 2);
	str_fini(&heard);
	fw_track_ask(&board->fw, WIRE_FLOW_MASK_UPDATED, 2 * FW_NS_PER_S);
	sweep_all(2 * FW_NS_PER_S);
	sweep_all(2 * FW_NS_PER_S);
	T_IS_UINT(s->flow_updates, 2);		/* all that live in the table, once */
	T_IS_UINT(s->flow_lost, 0);
	T_OK(adds_up());
}

/* More drops than the table holds: what has no place is counted, and no verdict changes. */
static void
flood(void)
{
	enum { COUNT = 3 * FW_BOARD_SEEN };
	const struct fw_stats *s = &board->fw.stats;
	uint8_t frame[FRAME_BYTES_MAX];
	struct frame_spec spec;
	struct fw_verdict v;
	uint32_t dropped = 0;

	fresh();
	fw_text_commit(&texts, ENFORCE "  inbound { allow = tcp(22), from = any } }");
	frame_from_text("9.9.9.9/1000 > 10.0.0.1/23 tcp syn", &spec);
	for (uint32_t i = 0; i < COUNT; i++) {
		spec.sport = (uint16_t)i;
		fw_packet(&board->fw, frame, frame_build(&spec, frame), FW_NS_PER_S, &v);
		dropped += v.verdict == WIRE_DROP && v.reason == WIRE_REASON_DEFAULT;
	}
	T_IS_UINT(dropped, COUNT);
	T_IS_UINT(s->seen_opened + s->seen_full, COUNT);
	T_OK(s->seen_opened > FW_BOARD_SEEN * 8 / 10 && s->seen_opened <= FW_BOARD_SEEN);
	T_IS_UINT(s->seen_ended, 0);
	/* After a second of quiet the old make room. */
	for (uint32_t i = 0; i < 100; i++) {
		spec.sport = (uint16_t)(40000 + i);
		fw_packet(&board->fw, frame, frame_build(&spec, frame), 2 * FW_NS_PER_S, &v);
	}
	T_IS_UINT(s->seen_opened + s->seen_full, COUNT + 100);
	T_OK(s->seen_ended >= 90);
	sweep_all(40 * FW_NS_PER_S);
	T_IS_UINT(s->seen_opened, s->seen_ended);
	T_OK(adds_up());
}

/* Later fragments count for the flow of the first, by the bytes of their frames. */
static void
fragments(void)
{
	uint8_t frame[FRAME_BYTES_MAX];
	struct frame_spec spec;
	struct fw_verdict v;
	uint64_t bytes = 0;

	fresh();
	fw_text_commit(&texts, ENFORCE "  inbound { allow = udp(53), from = any } }");
	frame_from_text("9.9.9.9/1000 > 10.0.0.1/53 udp", &spec);
	spec.fragment = true;
	for (int i = 0; i < 3; i++) {
		uint32_t len;

		spec.frag_off = (uint16_t)(i == 0 ? 0 : 3 * i);
		spec.more = i < 2;
		spec.payload = i == 0 ? 16 : 24;
		len = frame_build(&spec, frame);
		bytes += len;
		fw_packet(&board->fw, frame, len, FW_NS_PER_S, &v);
		T_IS_UINT(v.verdict, WIRE_PASS);
	}
	T_IS_UINT(board->fw.stats.flows_opened, 1);
	T_IS_UINT(board->fw.stats.seen_opened, 0);
	str_fini(&heard);
	sweep_all(61 * FW_NS_PER_S);
	T_IS_STR(str_text(&heard), "-:idle pass 3 10.0.0.1/53 9.9.9.9/1000 0/3");
	for (uint32_t i = 0; i < board->fw.cfg.flow_count; i++)
		if (board->fw.cfg.tallies[i].id != 0)
			T_IS_UINT(board->fw.cfg.tallies[i].bytes[WIRE_IN], bytes);
}

/* A flow that closed takes no fragment that comes when its time is over. */
static void
late_fragment(void)
{
	uint8_t frame[FRAME_BYTES_MAX];
	struct frame_spec spec;
	struct fw_verdict v;

	fresh();
	fw_text_commit(&texts, ENFORCE "  inbound { allow = tcp(22), from = any } }");
	frame_from_text("9.9.9.9/1000 > 10.0.0.1/22 tcp fin ack", &spec);
	spec.fragment = spec.more = true;
	spec.payload = 12;
	fw_packet(&board->fw, frame, frame_build(&spec, frame), FW_NS_PER_S, &v);
	T_IS_UINT(board->fw.stats.flows_opened, 1);
	for (uint32_t s = 10; s <= 11; s++) {
		spec.frag_off = (uint16_t)(4 + 2 * (s - 10));
		spec.payload = 16;
		fw_packet(&board->fw, frame, frame_build(&spec, frame), s * FW_NS_PER_S, &v);
		T_IS_UINT(v.verdict, WIRE_PASS);
		T_IS_UINT(board->fw.stats.seen_opened, s - 10);
	}
}

int
main(void)
{
	board = fw_board_create(FW_BOARD_SEEN, 1 << 20);
	fw_text_init(&texts, board);
	T_ROWS(stories, tell);
	T_RUN(no_room);
	T_RUN(masks);
	T_RUN(flood);
	T_RUN(fragments);
	T_RUN(late_fragment);
	str_fini(&heard);
	fw_board_destroy(&board);
	fw_text_fini(&texts);
	return t_done();
}
