/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_flow - flows of the NIC: asked for, kept, told to whoever watches.
 *
 * A flood must not make the daemon busy: a turn takes FLOWS_A_TURN, and what the NIC's ring cannot
 * hold meanwhile the NIC counts as lost.
 */
#include <stdlib.h>
#include <string.h>

#include "agent_api.h"
#include "clock.h"
#include "doc.h"
#include "flow_ask.h"
#include "flow_list.h"
#include "log.h"
#include "service.h"
#include "verdict.h"
#include "wire_flow.h"

enum { FLOWS_A_TURN = 256, FLOWS_TURN_MS = 10 };

/* --- one flow as JSON; key names of Hubble where they fit --- */

static void
add_addr(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, struct addr a)
{
	char text[ADDR_TEXT_BYTES];

	addr_print(&a, text);
	doc_str(d, o, key, text);
}

static void
add_tcp_flags(yyjson_mut_doc *d, yyjson_mut_val *o, uint8_t flags)
{
	static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG" };

	o = yyjson_mut_obj_add_obj(d, o, "flags");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((flags & 1u << i) != 0)
			doc_bool(d, o, names[i], true);
}

static void
add_l4(yyjson_mut_doc *d, yyjson_mut_val *o, const struct nic_flow *f)
{
	const char *name = f->proto == PROTO_TCP ? "TCP" : f->proto == PROTO_UDP ? "UDP" :
	    f->proto == PROTO_SCTP ? "SCTP" : f->proto == PROTO_ICMP ? "ICMPv4" :
	    f->proto == PROTO_ICMP6 ? "ICMPv6" : NULL;

	o = yyjson_mut_obj_add_obj(d, o, "l4");
	if (name == NULL)
		return;
	o = yyjson_mut_obj_add_obj(d, o, name);
	if (f->proto != PROTO_ICMP && f->proto != PROTO_ICMP6) {
		doc_uint(d, o, "source_port", flow_end_port(f, 0));
		doc_uint(d, o, "destination_port", flow_end_port(f, 1));
		if (f->proto == PROTO_TCP)
			add_tcp_flags(d, o, f->tcp_flags);
	} else if ((f->flags & WIRE_FLOW_ECHO) != 0) {
		doc_uint(d, o, "identifier", f->local_port);
	} else {
		doc_uint(d, o, "type", flow_end_port(f, 1) >> 8);
		doc_uint(d, o, "code", flow_end_port(f, 1) & 0xff);
	}
}

static void
add_ends(yyjson_mut_doc *d, yyjson_mut_val *o, const struct nic_flow *f)
{
	const uint8_t ack = 16, syn = 2;
	char proto[PROTO_TEXT_BYTES];
	bool bound = (f->flags & WIRE_FLOW_BOUND) != 0;
	yyjson_mut_val *ip = yyjson_mut_obj_add_obj(d, o, "IP");

	add_addr(d, ip, "source", flow_end_addr(f, 0));
	add_addr(d, ip, "destination", flow_end_addr(f, 1));
	doc_str(d, ip, "ipVersion", f->family == 4 ? "IPv4" : "IPv6");
	add_l4(d, o, f);
	doc_str(d, o, "proto", proto_name(f->proto, proto));
	doc_str(d, o, "traffic_direction", !bound ? "TRAFFIC_DIRECTION_UNKNOWN" :
	    f->dir == WIRE_OUT ? "EGRESS" : "INGRESS");
	/* its first packet was an answer: picked up on its way */
	doc_bool(d, o, "is_reply", f->proto == PROTO_TCP &&
	    (f->tcp_flags & (syn | ack)) == (syn | ack));
	if (bound) {
		add_addr(d, o, "local", addr_from_bytes(f->family, f->local));
		add_addr(d, o, "remote", addr_from_bytes(f->family, f->remote));
	}
	if (f->vlan != WIRE_VLAN_NONE)
		doc_uint(d, o, "vlan", f->vlan);
}

static void
add_counts(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const uint64_t counts[2],
    uint8_t dir)
{
	o = yyjson_mut_obj_add_obj(d, o, key);
	doc_uint(d, o, "forward", counts[dir]);		/* as the first packet went */
	doc_uint(d, o, "reverse", counts[!dir]);
}

static void
add_policy(yyjson_mut_doc *d, yyjson_mut_val *o, const struct flow_row *r)
{
	o = yyjson_mut_obj_add_obj(d, o, "policy");
	if (r->f.rule_id != 0)
		doc_uint(d, o, "rule", r->f.rule_id);
	if (r->file[0] != '\0') {
		doc_str(d, o, "file", r->file);
		doc_uint(d, o, "line", r->line);
		doc_str(d, o, "segment", r->segment);
	}
	doc_str(d, o, "reason", reason_name(r->f.reason));
	doc_uint(d, o, "generation", r->f.generation);
}

static void
add_flow(yyjson_mut_doc *d, yyjson_mut_val *o, const struct flow_row *r, uint64_t now_ns)
{
	static const char *const kinds[] = { "opened", "updated", "ended" };
	const struct nic_flow *f = &r->f;
	const char *end = flow_row_end(r, now_ns);

	doc_time(d, o, "time", f->last_wall_ns);
	doc_time(d, o, "first", f->first_wall_ns);
	doc_uint(d, o, "number", r->number);
	doc_str(d, o, "event", kinds[f->kind]);
	doc_str(d, o, "state", end[0] == '\0' ? "live" : "ended");
	if (end[0] != '\0')
		doc_str(d, o, "end", end);
	doc_bool(d, o, "tracked", (f->flags & WIRE_FLOW_STATE) != 0);
	doc_str(d, o, "verdict", verdict_name(f->verdict));
	add_ends(d, o, f);
	add_counts(d, o, "packets", f->packets, f->dir);
	add_counts(d, o, "bytes", f->bytes, f->dir);
	add_policy(d, o, r);
}

/* --- from the NIC --- */

static void
place_find(struct agent *a, struct flow_row *r)
{
	const struct gen *g = state_find(a->state, r->f.generation);
	const struct image_symbol *s = g != NULL && r->f.rule_id != 0 ?
	    image_symbol_find(&g->symbols, r->f.rule_id) : NULL;

	if (s == NULL)
		return;
	r->file = flow_table_name(a->flows, s->file);
	r->segment = flow_table_name(a->flows, s->segment);
	r->line = s->line;
}

static void
flow_tell(struct agent *a, const struct flow_row *r)
{
	yyjson_mut_val *o;
	yyjson_mut_doc *d = a->chan == NULL ? NULL : doc_new(&o);
	size_t len = 0;
	char *text;

	if (d == NULL)
		return;
	add_flow(d, o, r, r->told_ns);
	text = yyjson_mut_write(d, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &len);
	if (text != NULL)
		agent_ctl_send(a, &(struct msg){ .type = CTL_FLOW, .arg = r->number,
		    .body = (const uint8_t *)text, .len = (uint32_t)len });
	free(text);
	yyjson_mut_doc_free(d);
}

static void
flow_timer_set(struct agent *a)
{
	enum rc rc = loop_timer_set(a->loop, &a->flow_timer, clock_mono_ns() +
	    FLOWS_TURN_MS * NS_PER_MS);

	CHECK(rc == RC_OK);	/* there are few timers here */
}

enum rc
agent_flows_take(struct agent *a)
{
	uint64_t now_ns = clock_mono_ns();
	struct nic_flow f;
	enum rc rc = RC_OK;

	for (int i = 0; i < FLOWS_A_TURN; i++) {
		struct flow_row *r;

		rc = nic_flow_next(a->nic, &f);
		if (rc != RC_OK)
			return rc;
		r = flow_table_put(a->flows, a->flow_boot, &f, ++a->flow_number, now_ns);
		if (r->file[0] == '\0')
			place_find(a, r);
		flow_tell(a, r);
	}
	flow_timer_set(a);
	return RC_AGAIN;
}

void
agent_flows_begin(struct agent *a)
{
	struct diag d = { 0 };
	enum rc rc = nic_flows_start(a->nic, &d);

	a->flow_boot = a->nic_status.boot_count;
	flow_table_boot(a->flows, a->flow_boot);
	a->flows_refused = rc == RC_INVALID;
	if (rc != RC_OK)
		log_warn("nic-flows", "rc=%s text=\"%s\"", rc_name(rc), d.text);
}

enum rc
agent_flows_open(struct agent *a)
{
	a->flows = flow_table_create();
	return a->flows != NULL ? RC_OK : RC_NOMEM;
}

void
agent_flows_close(struct agent *a)
{
	if (a->loop != NULL)
		loop_timer_clear(a->loop, &a->flow_timer);
	flow_table_destroy(&a->flows);
}

/* --- answers --- */

void
agent_flows_status(struct agent *a, yyjson_mut_doc *d, yyjson_mut_val *o, const char *key)
{
	const struct nic_status *s = &a->nic_status;

	o = yyjson_mut_obj_add_obj(d, o, key);
	doc_bool(d, o, "told", s->flows_on);
	doc_uint(d, o, "live", s->flows_live + s->seen_opened - s->seen_ended);
	doc_uint(d, o, "opened", s->flows_opened);
	doc_uint(d, o, "ended", s->flows_ended);
	doc_uint(d, o, "seen_opened", s->seen_opened);
	doc_uint(d, o, "seen_ended", s->seen_ended);
	doc_uint(d, o, "records", s->flow_told);
	doc_uint(d, o, "updates", s->flow_updates);
	doc_uint(d, o, "lost", s->flow_lost);
	doc_uint(d, o, "unasked", s->flow_untold);
	doc_uint(d, o, "unseen_packets", s->seen_full);
	doc_uint(d, o, "kept", flow_table_count(a->flows));
	doc_uint(d, o, "forgotten", flow_table_forgotten(a->flows));
}

static yyjson_mut_doc *
flows_doc(struct agent *a, const struct flow_ask *ask)
{
	uint64_t now_ns = clock_mono_ns(), last = 0;
	const struct flow_row *r = flow_table_newest(a->flows);
	yyjson_mut_val *o, *list;
	yyjson_mut_doc *d = doc_new(&o);
	uint32_t count = 0;

	if (d == NULL)
		return NULL;
	doc_uint(d, o, "number", a->flow_number);
	list = yyjson_mut_obj_add_arr(d, o, "flows");
	for (; r != NULL; r = flow_table_older(a->flows, r)) {
		if ((ask->before != 0 && r->number >= ask->before) ||
		    !flow_row_picked(r, &ask->pick, now_ns))
			continue;
		if (count++ == ask->limit)
			break;
		last = r->number;
		add_flow(d, yyjson_mut_arr_add_obj(d, list), r, now_ns);
	}
	if (r != NULL)
		doc_uint(d, o, "next", last);	/* more of them: before= this */
	agent_flows_status(a, d, o, "totals");
	return d;
}

/* So that what happened before the question is in the answer, as far as a turn takes it. */
static void
flows_refresh(struct agent *a)
{
	if (a->nic == NULL)
		return;
	(void)!nic_status_get(a->nic, &a->nic_status);
	(void)!agent_flows_take(a);
}

enum rc
agent_flows_list(struct agent *a, uint8_t **out, size_t *len)
{
	flows_refresh(a);
	return flow_list_encode(a->flows, a->nic != NULL && a->nic_status.flows_on,
	    a->nic_status.flow_lost + a->nic_status.seen_full, clock_mono_ns(), out, len);
}

void
agent_flows_answer(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	struct flow_ask ask;
	struct diag d = { 0 };

	if (flow_ask_decode(r->body, r->body_len, &ask) != RC_OK) {
		diag_set(&d, "bad-query", "the question is not one of flows");
		agent_answer_problem(a, id, 400, &d);
		return;
	}
	flows_refresh(a);
	agent_answer_doc(a, id, 200, "", "", flows_doc(a, &ask));
}
