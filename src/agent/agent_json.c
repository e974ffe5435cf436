/* SPDX-License-Identifier: Apache-2.0 */
/* agent_json - what the daemon answers, as documents. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent_impl.h"
#include "clock.h"
#include "diag_json.h"
#include "doc.h"
#include "log.h"
#include "rights.h"
#include "service.h"
#include "verdict.h"

enum { MESSAGES_IN_STATUS = 20 };

/* --- status --- */

static void
status_nic(struct agent *a, yyjson_mut_doc *d, yyjson_mut_val *root)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "nic");

	doc_str(d, o, "path", a->cfg->nic);
	doc_str(d, o, "state", a->nic != NULL ? "up" : "down");
	doc_time(d, o, "since", a->nic_since_wall_ns);
	doc_uint(d, o, "attached", a->nic_ups);
	if (a->nic == NULL)
		doc_str(d, o, "error", a->nic_error.text);
	if (!a->nic_known)
		return;
	doc_str(d, o, "alarm", agent_nic_alarm(a));
	doc_uint(d, o, "boots", a->nic_status.boot_count);
	doc_uint(d, o, "tables_max", a->caps.tables_max);
	doc_uint(d, o, "rules_max", a->caps.rules_max);
	doc_uint(d, o, "counters_max", a->caps.counters_max);
	doc_uint(d, o, "flows_max", a->caps.flows_max);
	doc_uint(d, o, "lines_max", a->caps.lines_max);
	doc_uint(d, o, "loads_max", a->caps.loads_max);
}

static void
status_traffic(struct agent *a, yyjson_mut_doc *d, yyjson_mut_val *root)
{
	const struct nic_status *s = &a->nic_status;
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "traffic");

	doc_uint(d, o, "packets", s->packets);
	doc_uint(d, o, "passed", s->passed);
	doc_uint(d, o, "dropped", s->dropped);
	doc_uint(d, o, "would_drop", s->would_dropped);
	doc_uint(d, o, "flows_live", s->flows_live);
	doc_uint(d, o, "alerts", s->alerts);
	o = yyjson_mut_obj_add_obj(d, root, "losses");
	doc_uint(d, o, "alerts_lost", s->alerts_lost);
	doc_uint(d, o, "events_lost", s->events_lost);
	doc_uint(d, o, "tx_lost", s->tx_lost);
	doc_uint(d, o, "flows_full", s->flows_full);
	doc_uint(d, o, "frags_refused", s->frags_refused);
	doc_uint(d, o, "watch_lost", a->events_lost);
}

/* The NIC keeps the time; here it is only told. */
static void
status_wait(const struct agent *a, yyjson_mut_doc *d, yyjson_mut_val *root)
{
	uint64_t now_ns = clock_mono_ns(), left;
	yyjson_mut_val *o;

	if (!a->nic_known || a->wait.generation == 0)
		return;
	left = a->wait.end_ns > now_ns ? a->wait.end_ns - now_ns : 0;
	o = yyjson_mut_obj_add_obj(d, root, "unconfirmed");
	doc_uint(d, o, "former", a->wait.former);
	doc_uint(d, o, "seconds_left", (left + NS_PER_S - 1) / NS_PER_S);
	doc_time(d, o, "until", clock_wall_ns() + left);
}

static void
status_policy(struct agent *a, yyjson_mut_doc *d, yyjson_mut_val *root)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "policy");
	const struct outcome *l = &a->last;
	const struct gen *g = agent_active(a);

	doc_str(d, o, "dir", a->cfg->policy);
	doc_bool(d, o, "compiling", a->compile != NULL);
	doc_bool(d, o, "posted", g != NULL && g->posted);
	if (a->undone.level != DIAG_NONE)
		(void)yyjson_mut_obj_add_val(d, o, "undone", diag_json(d, &a->undone));
	if (!l->known)
		return;
	/* The text is right; whether the NIC took it is another thing. */
	doc_bool(d, o, "ok", l->diags.errors == 0 && l->rc != RC_NOMEM);
	doc_bool(d, o, "waits_for_nic", a->wanted != NULL);
	doc_time(d, o, "time", l->wall_ns);
	if (l->why.level != DIAG_NONE)
		(void)yyjson_mut_obj_add_val(d, o, "refused", diag_json(d, &l->why));
	doc_messages(d, o, &l->diags, MESSAGES_IN_STATUS);
}

static void
status_tls(struct agent *a, yyjson_mut_doc *d, yyjson_mut_val *root)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "tls");
	const uint64_t end = UINT64_MAX / NS_PER_S;	/* of what nanoseconds can say: 2554 */
	char alarm[400];

	doc_str(d, o, "listen", a->cfg->listen);
	doc_str(d, o, "keys", a->cfg->keys);
	doc_bool(d, o, "serving", a->keys.serving);
	if (a->keys.serving)
		doc_time(d, o, "until", MIN(a->keys.until_s, end) * NS_PER_S);
	if (a->keys.serving && a->keys.crl_until_s != 0)
		doc_time(d, o, "crl_until", MIN(a->keys.crl_until_s, end) * NS_PER_S);
	agent_keys_alarm(a, alarm, sizeof(alarm));
	doc_str(d, o, "alarm", alarm);
}

/* Of main; its children say theirs in the log. */
static void
status_sandbox(yyjson_mut_doc *d, yyjson_mut_val *root)
{
	struct rights_report r = rights_report();
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "sandbox"), *list;
	char name[64];

	doc_bool(d, o, "on", !r.off);
	list = yyjson_mut_obj_add_arr(d, o, "missing");
	for (uint32_t bit = 1; bit < RIGHTS_ALL; bit <<= 1) {
		if ((r.wanted & ~r.active & bit) == 0)
			continue;
		rights_layer_names(bit, name, sizeof(name));
		(void)yyjson_mut_arr_add_strcpy(d, list, name);
	}
}

yyjson_mut_doc *
agent_status_doc(struct agent *a)
{
	const struct gen *g = agent_active(a);
	char hex[SHA256_HEX];
	yyjson_mut_val *o, *root;
	yyjson_mut_doc *d = doc_new(&o);

	if (d == NULL)
		return NULL;
	doc_str(d, o, "version", a->cfg->version);
	doc_uint(d, o, "uptime_s", (clock_mono_ns() - a->started_ns) / NS_PER_S);
	doc_bool(d, o, "starting", !a->last.known);
	doc_uint(d, o, "generation", a->nic_known ? a->active.generation : 0);
	if (a->nic_known && a->active.generation != 0) {
		hex_encode(a->active.sha256, SHA256_BYTES, hex);
		doc_str(d, o, "sha256", hex);
		doc_time(d, o, "committed", a->active.committed_wall_ns);
	}
	if (g != NULL) {
		doc_uint(d, o, "tables", g->info.tables);
		doc_uint(d, o, "rules", g->info.rules);
		doc_uint(d, o, "counters", g->info.counters);
		doc_uint(d, o, "bytes", g->image_len);
	}
	status_wait(a, d, o);
	status_nic(a, d, o);
	if (a->nic_known) {
		status_traffic(a, d, o);
		agent_flows_status(a, d, o, "flows");
	}
	status_policy(a, d, o);
	root = o;
	o = yyjson_mut_obj_add_obj(d, root, "state");
	doc_str(d, o, "dir", a->cfg->state);
	doc_str(d, o, "alarm", state_alarm(a->state));
	if (a->cfg->listen != NULL)
		status_tls(a, d, root);
	status_sandbox(d, root);
	return d;
}

/* --- counters --- */

static void
counter_add(yyjson_mut_doc *d, yyjson_mut_val *list, const struct image_symbol *s,
    const struct nic_counter *c)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);

	doc_uint(d, o, "counter", s->counter);
	doc_str(d, o, "file", s->file);
	doc_uint(d, o, "line", s->line);
	doc_str(d, o, "segment", s->segment);
	if (s->why[0] != '\0')
		doc_str(d, o, "why", s->why);
	doc_uint(d, o, "packets", c->packets);
	doc_uint(d, o, "bytes", c->bytes);
}

/* A rule that stands in many tables has one counter and many ids: the first names it. */
static void
counters_add(yyjson_mut_doc *d, yyjson_mut_val *list, const struct gen *g,
    const struct nic_counter *values, uint32_t count)
{
	bool told[WIRE_COUNTERS_MAX] = { false };

	for (uint32_t i = 0; i < g->symbols.count; i++) {
		const struct image_symbol *s = &g->symbols.items[i];

		if (s->counter >= count || told[s->counter])
			continue;
		told[s->counter] = true;
		counter_add(d, list, s, &values[s->counter]);
	}
}

yyjson_mut_doc *
agent_counters_doc(struct agent *a, struct diag *why)
{
	struct nic_counter values[WIRE_COUNTERS_MAX];
	const struct gen *g = agent_active(a);
	uint32_t count = g != NULL ? g->info.counters : 0;
	yyjson_mut_val *o;
	yyjson_mut_doc *d;
	enum rc rc = a->nic == NULL ? RC_PEER : RC_OK;

	if (rc != RC_OK) {
		diag_set(why, "nic-gone", "the NIC is not there: %s", a->nic_error.text);
		return NULL;
	}
	CHECK(count <= WIRE_COUNTERS_MAX);
	if (count > 0)
		rc = nic_counters_get(a->nic, 0, count, values, why);
	if (rc != RC_OK)
		return NULL;
	d = doc_new(&o);
	if (d == NULL)
		return NULL;
	doc_uint(d, o, "generation", a->active.generation);
	o = yyjson_mut_obj_add_arr(d, o, "counters");
	if (g != NULL)
		counters_add(d, o, g, values, count);
	return d;
}

/* --- reload --- */

yyjson_mut_doc *
agent_outcome_doc(struct agent *a)
{
	const struct outcome *l = &a->last;
	yyjson_mut_val *o;
	yyjson_mut_doc *d = doc_new(&o);

	if (d == NULL)
		return NULL;
	doc_bool(d, o, "ok", l->rc == RC_OK);
	doc_uint(d, o, "generation", l->generation);
	doc_bool(d, o, "changed", l->changed);
	if (l->rc != RC_OK) {
		doc_str(d, o, "rc", rc_name(l->rc));
		doc_bool(d, o, "no_fit", l->no_fit);
	}
	if (l->why.level != DIAG_NONE)
		(void)yyjson_mut_obj_add_val(d, o, "refused", diag_json(d, &l->why));
	doc_messages(d, o, &l->diags, DIAGS_MAX);
	doc_hex(d, o, "counterexample", l->example, l->example_len);
	doc_uint(d, o, "eval_us", l->eval_ns / 1000);
	doc_uint(d, o, "build_us", l->build_ns / 1000);
	doc_uint(d, o, "load_us", l->load_ns / 1000);
	doc_uint(d, o, "reused_bodies", l->reused);
	doc_uint(d, o, "loaded_bytes", l->moved.loaded);
	doc_uint(d, o, "copied_bytes", l->moved.copied);
	return d;
}

/* --- alerts --- */

static void
add_addr(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, uint8_t family,
    const uint8_t *bytes)
{
	struct addr addr = addr_from_bytes(family, bytes);
	char text[ADDR_TEXT_BYTES];

	addr_print(&addr, text);
	doc_str(d, o, key, text);
}

static void
add_flags(yyjson_mut_doc *d, yyjson_mut_val *o, uint8_t flags)
{
	static const char *const names[] = { "fin", "syn", "rst", "psh", "ack", "urg" };
	char text[32] = "";

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((flags & (1u << i)) != 0) {
			if (text[0] != '\0')
				(void)strcat(text, ",");
			(void)strcat(text, names[i]);
		}
	doc_str(d, o, "flags", text);
}

static void
add_packet(yyjson_mut_doc *d, yyjson_mut_val *o, const struct nic_alert *w)
{
	static const uint8_t none[16];
	char proto[PROTO_TEXT_BYTES];

	if (w->family != 4 && w->family != 6)
		return;
	if (memcmp(w->local, none, sizeof(none)) != 0)
		add_addr(d, o, "local", w->family, w->local);
	doc_str(d, o, "proto", proto_name(w->proto, proto));
	add_addr(d, o, "src", w->family, w->src);
	add_addr(d, o, "dst", w->family, w->dst);
	if (w->proto == PROTO_TCP || w->proto == PROTO_UDP || w->proto == PROTO_SCTP) {
		doc_uint(d, o, "sport", w->sport);
		doc_uint(d, o, "dport", w->dport);
	} else if (w->proto == PROTO_ICMP || w->proto == PROTO_ICMP6) {
		doc_uint(d, o, "type", w->dport >> 8);
		doc_uint(d, o, "code", w->dport & 0xff);
	}
	if (w->proto == PROTO_TCP)
		add_flags(d, o, w->tcp_flags);
	if (w->vlan != WIRE_VLAN_NONE)
		doc_uint(d, o, "vlan", w->vlan);
}

yyjson_mut_doc *
agent_alert_doc(struct agent *a, const struct nic_alert *w)
{
	const struct gen *g = state_find(a->state, w->generation);
	const struct image_symbol *s = g != NULL && w->rule_id != 0 ?
	    image_symbol_find(&g->symbols, w->rule_id) : NULL;
	yyjson_mut_val *o;
	yyjson_mut_doc *d = doc_new(&o);

	if (d == NULL)
		return NULL;
	doc_time(d, o, "time", w->wall_ns);
	/* A record without a frame tells only how many were left out. */
	if (w->frame_bytes > 0) {
		doc_str(d, o, "verdict", verdict_name(w->verdict));
		doc_str(d, o, "reason", reason_name(w->reason));
		doc_str(d, o, "direction", dir_name(w->dir));
		add_packet(d, o, w);
		doc_uint(d, o, "bytes", w->frame_bytes);
	}
	if (w->rule_id != 0)
		doc_uint(d, o, "rule", w->rule_id);
	if (s != NULL) {
		doc_str(d, o, "segment", s->segment);
		doc_str(d, o, "file", s->file);
		doc_uint(d, o, "line", s->line);
		if (s->why[0] != '\0')
			doc_str(d, o, "why", s->why);
	}
	doc_uint(d, o, "generation", w->generation);
	doc_uint(d, o, "suppressed", w->suppressed);
	return d;
}

/* The log has short lines: one for each part. */
void
agent_dump(struct agent *a)
{
	yyjson_mut_doc *d = agent_status_doc(a);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(d), *key;
	yyjson_mut_obj_iter it;

	if (root == NULL)
		return;
	yyjson_mut_obj_iter_init(root, &it);
	while ((key = yyjson_mut_obj_iter_next(&it)) != NULL) {
		yyjson_mut_val *v = yyjson_mut_obj_iter_get_val(key);
		char *text = yyjson_mut_is_str(v) ? strdup(yyjson_mut_get_str(v)) :
		    yyjson_mut_val_write(v, 0, NULL);

		if (text != NULL)
			log_info("state", "%s=\"%s\"", yyjson_mut_get_str(key), text);
		free(text);
	}
	yyjson_mut_doc_free(d);
}
