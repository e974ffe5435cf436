/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - families of samples, written in order. */
#include "metrics.h"

#include <inttypes.h>

#include "agent_impl.h"
#include "clock.h"

enum kind { GAUGE, COUNTER };

struct writer {
	struct str *out;
	bool open;		/* OpenMetrics: a counter's family has no _total */
};

static void
family(struct writer *w, const char *name, enum kind kind, const char *help)
{
	const char *suffix = kind == COUNTER && !w->open ? "_total" : "";

	str_addf(w->out, "# HELP ringfence_%s%s %s\n# TYPE ringfence_%s%s %s\n", name, suffix, help,
	    name, suffix, kind == COUNTER ? "counter" : "gauge");
}

static void
sample(struct writer *w, const char *name, enum kind kind, const char *labels, uint64_t value)
{
	str_addf(w->out, "ringfence_%s%s%s %" PRIu64 "\n", name, kind == COUNTER ? "_total" : "",
	    labels, value);
}

static void
one(struct writer *w, const char *name, enum kind kind, const char *help, uint64_t value)
{
	family(w, name, kind, help);
	sample(w, name, kind, "", value);
}

/* table: entries of the flow table; seen: flows without one. */
static void
flows_write(struct writer *w, const struct nic_status *s)
{
	family(w, "flows_opened", COUNTER, "Flows that opened, by kind.");
	sample(w, "flows_opened", COUNTER, "{kind=\"table\"}", s->flows_opened);
	sample(w, "flows_opened", COUNTER, "{kind=\"seen\"}", s->seen_opened);
	family(w, "flows_ended", COUNTER, "Flows that ended, by kind.");
	sample(w, "flows_ended", COUNTER, "{kind=\"table\"}", s->flows_ended);
	sample(w, "flows_ended", COUNTER, "{kind=\"seen\"}", s->seen_ended);
	one(w, "flows_told", COUNTER, "Flow records the NIC told, updates with them.",
	    s->flow_told);
	one(w, "flows_updates", COUNTER, "Updates of live flows among them.", s->flow_updates);
	one(w, "flows_lost", COUNTER, "Opened and ended flows the NIC could not tell.",
	    s->flow_lost);
	one(w, "flows_unseen_packets", COUNTER, "Packets without a flow that no place was left "
	    "for in the view.", s->seen_full);
}

static void
nic_write(struct writer *w, const struct nic_status *s)
{
	family(w, "packets", COUNTER, "Packets judged, by verdict.");
	sample(w, "packets", COUNTER, "{verdict=\"pass\"}", s->passed);
	sample(w, "packets", COUNTER, "{verdict=\"drop\"}", s->dropped);
	sample(w, "packets", COUNTER, "{verdict=\"would-drop\"}", s->would_dropped);
	one(w, "flows", GAUGE, "Live flows in the NIC.", s->flows_live);
	one(w, "flows_refused", COUNTER, "New flows refused by a full flow table.", s->flows_full);
	one(w, "fragments_refused", COUNTER, "Fragments that could not be followed.",
	    s->frags_refused);
	one(w, "alerts", COUNTER, "Alerts raised by the NIC.", s->alerts);
	family(w, "lost", COUNTER, "What was lost on its way, by kind.");
	sample(w, "lost", COUNTER, "{kind=\"alert\"}", s->alerts_lost);
	sample(w, "lost", COUNTER, "{kind=\"event\"}", s->events_lost);
	sample(w, "lost", COUNTER, "{kind=\"frame\"}", s->tx_lost);
	flows_write(w, s);
	one(w, "nic_boots", COUNTER, "Starts of the firmware.", s->boot_count);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void
label_value(struct str *s, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			str_addf(s, "\\%c", *text);
		else if (*text == '\n')
			str_add(s, "\\n");
		else
			str_add_bytes(s, text, 1);
	}
}

static void
rule_sample(struct writer *w, const char *name, const struct image_symbol *y, uint64_t value)
{
	struct str labels = { 0 };

	str_add(&labels, "{rule=\"");
	label_value(&labels, y->file);
	str_addf(&labels, ":%" PRIu32 "\",counter=\"%u\",segment=\"", y->line, y->counter);
	label_value(&labels, y->segment);
	str_add(&labels, "\"}");
	sample(w, name, COUNTER, str_text(&labels), value);
	str_fini(&labels);
}

static void
rules_write(struct agent *a, struct writer *w)
{
	struct nic_counter values[WIRE_COUNTERS_MAX];
	const struct image_symbol *of[WIRE_COUNTERS_MAX] = { NULL };
	const struct gen *g = agent_active(a);
	uint32_t count = g == NULL ? 0 : MIN(g->info.counters, (uint32_t)WIRE_COUNTERS_MAX);
	struct diag d = { 0 };

	if (count == 0 || a->nic == NULL || nic_counters_get(a->nic, 0, count, values, &d) != RC_OK)
		return;
	for (uint32_t i = 0; i < g->symbols.count; i++)
		if (g->symbols.items[i].counter < count)
			of[g->symbols.items[i].counter] = &g->symbols.items[i];
	family(w, "rule_packets", COUNTER, "Packets decided by a rule with count = true.");
	for (uint32_t i = 0; i < count; i++)
		if (of[i] != NULL)
			rule_sample(w, "rule_packets", of[i], values[i].packets);
	family(w, "rule_bytes", COUNTER, "Bytes of those packets.");
	for (uint32_t i = 0; i < count; i++)
		if (of[i] != NULL)
			rule_sample(w, "rule_bytes", of[i], values[i].bytes);
}

void
metrics_write(struct agent *a, bool openmetrics, struct str *out)
{
	struct writer w = { .out = out, .open = openmetrics };

	one(&w, "up", GAUGE, "Whether the NIC is attached.", a->nic != NULL);
	one(&w, "generation", GAUGE, "Generation that is enforced; 0 = not known.",
	    a->nic_known ? a->active.generation : 0);
	one(&w, "uptime_seconds", GAUGE, "Age of the daemon.",
	    (clock_mono_ns() - a->started_ns) / NS_PER_S);
	one(&w, "reloads", COUNTER, "Compiles of the policy directory.", a->round);
	one(&w, "child_restarts", COUNTER, "Restarts of the control process and the signer.",
	    a->ctl.restarts + a->signer.restarts);
	one(&w, "watch_events_lost", COUNTER, "Alerts that no watcher could be sent.",
	    a->events_lost);
	one(&w, "flows_kept", GAUGE, "Flows the daemon can list.", flow_table_count(a->flows));
	one(&w, "flows_forgotten", COUNTER, "Flows that gave way to newer ones in the list.",
	    flow_table_forgotten(a->flows));
	one(&w, "flows_unwatched", COUNTER, "Flow events that no watcher could be sent.",
	    a->flow_events_lost);
	if (a->nic_known) {
		if (a->nic != NULL)
			(void)!nic_status_get(a->nic, &a->nic_status);
		nic_write(&w, &a->nic_status);
		rules_write(a, &w);
	}
	if (openmetrics)
		str_add(out, "# EOF\n");
}
