/* SPDX-License-Identifier: Apache-2.0 */
/* query_flows - known flows judged by the old tables and the new ones. In the query child. */
#include <stdlib.h>
#include <string.h>

#include "doc.h"
#include "query_doc.h"
#include "verdict.h"
#include "wire_flow.h"

enum { CHANGES_MAX = 100, LINES_MAX = 100, ENDED = 0, LIVE = 1,
	TCP_FLAGS = POL_FIN | POL_SYN | POL_RST | POL_PSH | POL_ACK | POL_URG };

/* In the order in which they are told: what is cut, and what lives, first. */
enum change { CUT, LET, OTHER, CHANGE__COUNT };

struct flow_change {
	struct flow_known k;
	struct flow_said was, becomes;
	uint8_t kind;				/* enum change */
	uint32_t order;
};

/* What a line of the new text cuts. */
struct cut_line {
	uint32_t rule_id, flows[2];		/* by LIVE */
	uint8_t reason;
};

static bool
kind_of(const struct flow_said *was, const struct flow_said *is, uint8_t *out)
{
	if (was->verdict == is->verdict)
		return false;
	*out = is->verdict == WIRE_DROP ? CUT : was->verdict == WIRE_DROP ? LET : OTHER;
	return true;
}

static uint32_t
cut_count(const struct query_flows *s)
{
	return s->counts[ENDED][CUT] + s->counts[LIVE][CUT];
}

enum rc
query_flows_judge(const uint8_t *p, size_t len, const uint8_t *old_image, const uint8_t *new_image,
    struct arena *a, struct query_flows *out)
{
	struct flow_list l;
	enum rc rc = flow_list_open(&l, p, len);

	memset(out, 0, sizeof(*out));
	if (rc != RC_OK)
		return rc;
	out->told = l.told;
	out->lost = l.lost;
	out->known = l.count;
	out->changes = arena_array(a, (size_t)l.count + 1, sizeof(*out->changes));
	if (out->changes == NULL)
		return RC_NOMEM;
	for (;;) {
		struct flow_change *c = &out->changes[out->change_count];

		rc = flow_list_next(&l, &c->k);
		if (rc != RC_OK)
			break;
		if (!flow_judge_may(&c->k.f))
			continue;
		flow_judge(old_image, &c->k.f, c->k.live, &c->was);
		flow_judge(new_image, &c->k.f, c->k.live, &c->becomes);
		out->judged[c->k.live]++;
		if (!kind_of(&c->was, &c->becomes, &c->kind))
			continue;
		out->counts[c->k.live][c->kind]++;
		c->order = out->change_count++;
	}
	if (rc != RC_AGAIN)
		return rc;
	out->lines = arena_array(a, (size_t)cut_count(out) + 1, sizeof(*out->lines));
	return out->lines == NULL ? RC_NOMEM : RC_OK;
}

/* --- as a document --- */

static int
change_cmp(const void *x, const void *y)
{
	const struct flow_change *a = x, *b = y;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->k.live != b->k.live)
		return a->k.live ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int
rule_cmp(const void *x, const void *y)
{
	const struct cut_line *a = x, *b = y;

	if (a->rule_id != b->rule_id)
		return a->rule_id < b->rule_id ? -1 : 1;
	return a->reason < b->reason ? -1 : a->reason > b->reason;
}

/* The most live flows first, then the most of all. */
static int
weight_cmp(const void *x, const void *y)
{
	const struct cut_line *a = x, *b = y;

	for (int i = LIVE; i >= ENDED; i--)
		if (a->flows[i] != b->flows[i])
			return a->flows[i] > b->flows[i] ? -1 : 1;
	return rule_cmp(x, y);
}

static void
place_add(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const struct image_symbols *s,
    const struct flow_said *said)
{
	o = yyjson_mut_obj_add_obj(d, o, key);
	if (said->rule_id != 0)
		query_symbol_add(d, o, image_symbol_find(s, said->rule_id));
}

static void
change_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct query_plan *q,
    const struct flow_change *c)
{
	const struct nic_flow *f = &c->k.f;
	bool echo = (f->flags & WIRE_FLOW_ECHO) != 0;
	const struct pol_packet p = { .src = flow_end_addr(f, 0), .dst = flow_end_addr(f, 1),
		.proto = f->proto, .vlan = f->vlan, .sport = echo ? 0 : flow_end_port(f, 0),
		.dport = echo ? flow_judge_echo(f->family) : flow_end_port(f, 1),
		.tcp_flags = f->proto == PROTO_TCP ? (uint8_t)(f->tcp_flags & TCP_FLAGS) : 0 };
	char text[POL_PACKET_TEXT_BYTES], local[ADDR_TEXT_BYTES];
	struct addr at = addr_from_bytes(f->family, f->local);

	pol_packet_text(&p, text);
	doc_str(d, o, "packet", text);
	doc_str(d, o, "state", c->k.live ? "live" : "ended");
	if ((f->flags & WIRE_FLOW_BOUND) != 0) {
		addr_print(&at, local);
		doc_str(d, o, "local", local);
		doc_str(d, o, "direction", dir_name(f->dir));
	}
	doc_time(d, o, "first", f->first_wall_ns);
	doc_time(d, o, "time", f->last_wall_ns);
	doc_uint(d, o, "packets", f->packets[0]);
	doc_uint(d, o, "bytes", f->bytes[0]);
	doc_uint(d, o, "number", c->k.number);
	doc_str(d, o, "was", verdict_name(c->was.verdict));
	doc_str(d, o, "becomes", verdict_name(c->becomes.verdict));
	doc_str(d, o, "reason", reason_name(c->becomes.reason));
	place_add(d, o, "old", q->old_symbols, &c->was);
	place_add(d, o, "new", q->new_symbols, &c->becomes);
}

/* One for each line, the heaviest first; the cut flows are the first of the changes. */
static uint32_t
lines_sum(const struct query_flows *s)
{
	struct cut_line *lines = s->lines;
	uint32_t cut = cut_count(s), count = 0;

	for (uint32_t i = 0; i < cut; i++) {
		const struct flow_change *c = &s->changes[i];

		CHECK(c->kind == CUT);
		lines[i] = (struct cut_line){ .rule_id = c->becomes.rule_id,
			.reason = c->becomes.reason };
		lines[i].flows[c->k.live] = 1;
	}
	qsort(lines, cut, sizeof(*lines), rule_cmp);
	for (uint32_t i = 0; i < cut; i++) {
		if (count == 0 || rule_cmp(&lines[count - 1], &lines[i]) != 0) {
			lines[count++] = lines[i];
			continue;
		}
		lines[count - 1].flows[ENDED] += lines[i].flows[ENDED];
		lines[count - 1].flows[LIVE] += lines[i].flows[LIVE];
	}
	qsort(lines, count, sizeof(*lines), weight_cmp);
	return count;
}

static void
lines_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct query_plan *q)
{
	uint32_t count = lines_sum(q->flows);
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, o, "cut_by");

	for (uint32_t i = 0; i < count && i < LINES_MAX; i++) {
		const struct cut_line *line = &q->flows->lines[i];
		yyjson_mut_val *l = yyjson_mut_arr_add_obj(d, list);

		if (line->rule_id != 0)
			query_symbol_add(d, l, image_symbol_find(q->new_symbols, line->rule_id));
		doc_str(d, l, "reason", reason_name(line->reason));
		doc_uint(d, l, "live", line->flows[LIVE]);
		doc_uint(d, l, "ended", line->flows[ENDED]);
	}
	doc_uint(d, o, "cut_by_left_out", count > LINES_MAX ? count - LINES_MAX : 0);
}

static void
counts_add(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const struct query_flows *s,
    int state)
{
	o = yyjson_mut_obj_add_obj(d, o, key);
	doc_uint(d, o, "judged", s->judged[state]);
	doc_uint(d, o, "cut", s->counts[state][CUT]);
	doc_uint(d, o, "let", s->counts[state][LET]);
	doc_uint(d, o, "other", s->counts[state][OTHER]);
}

void
query_flows_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct query_plan *q)
{
	const struct query_flows *s = q->flows;
	yyjson_mut_val *list;

	_Static_assert((int)CHANGE__COUNT == (int)QUERY_FLOW_KINDS, "one count each");
	o = yyjson_mut_obj_add_obj(d, o, "flows");
	doc_bool(d, o, "told", s->told);
	doc_uint(d, o, "known", s->known);
	doc_uint(d, o, "lost", s->lost);
	counts_add(d, o, "live", s, LIVE);
	counts_add(d, o, "ended", s, ENDED);
	qsort(s->changes, s->change_count, sizeof(*s->changes), change_cmp);
	lines_add(d, o, q);
	list = yyjson_mut_obj_add_arr(d, o, "changes");
	for (uint32_t i = 0; i < s->change_count && i < CHANGES_MAX; i++)
		change_add(d, yyjson_mut_arr_add_obj(d, list), q, &s->changes[i]);
	doc_uint(d, o, "changes_left_out", s->change_count > CHANGES_MAX ?
	    s->change_count - CHANGES_MAX : 0);
}
