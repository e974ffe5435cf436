/* SPDX-License-Identifier: Apache-2.0 */
/* agent_api - what main answers to the control process. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent_impl.h"
#include "agent_api.h"
#include "clock.h"
#include "keys.h"
#include "log.h"
#include "metrics.h"

void
agent_answer(struct agent *a, uint32_t id, int status, const struct ctl_answer *ans)
{
	size_t cap = ctl_msg_room(ans->body_len), len;
	uint8_t *buf = malloc(cap);

	if (buf != NULL && ctl_answer_encode(ans, buf, cap, &len) == RC_OK)
		agent_ctl_send(a, &(struct msg){ .type = CTL_ANSWER, .id = id,
		    .status = (uint16_t)status, .body = buf, .len = (uint32_t)len });
	free(buf);
}

void
agent_answer_doc(struct agent *a, uint32_t id, int status, const char *etag, const char *location,
    yyjson_mut_doc *doc)
{
	struct ctl_answer ans = { 0 };
	size_t len = 0;
	char *text = doc == NULL ? NULL : yyjson_mut_write(doc,
	    YYJSON_WRITE_ALLOW_INVALID_UNICODE | YYJSON_WRITE_NEWLINE_AT_END, &len);

	yyjson_mut_doc_free(doc);
	if (text == NULL)
		status = 503;
	(void)snprintf(ans.etag, sizeof(ans.etag), "%s", etag);
	(void)snprintf(ans.location, sizeof(ans.location), "%s", location);
	(void)snprintf(ans.type, sizeof(ans.type), "%s", status >= 400 ?
	    "application/problem+json" : "application/json");
	ans.body = (const uint8_t *)text;
	ans.body_len = (uint32_t)len;
	agent_answer(a, id, status, &ans);
	free(text);
}

void
agent_answer_problem(struct agent *a, uint32_t id, int status, const struct diag *d)
{
	agent_answer_doc(a, id, status, "", "", problem_doc(status, d));
}

/* "GENERATION-FIRST 16 DIGITS OF THE SHA-256": what is enforced now. */
static void
tag_now(const struct agent *a, char out[CTL_TAG_BYTES])
{
	char hex[SHA256_HEX];

	hex_encode(a->active.sha256, SHA256_BYTES, hex);
	(void)snprintf(out, CTL_TAG_BYTES, "%" PRIu32 "-%.16s", a->active.generation, hex);
}

static bool
precondition(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	char tag[CTL_TAG_BYTES];
	struct diag d = { 0 };

	tag_now(a, tag);
	if (strcmp(r->tag, "*") == 0 || strcmp(r->tag, tag) == 0)
		return true;
	diag_set(&d, "stale", "the policy is not the one you saw: it is \"%s\" now", tag);
	agent_answer_problem(a, id, 412, &d);
	return false;
}

/* --- generations --- */

static void
generations(struct agent *a, uint32_t id)
{
	char tag[CTL_TAG_BYTES];

	tag_now(a, tag);
	agent_answer_doc(a, id, 200, tag, "", agent_generations_doc(a));
}

static void
history_hint(struct diag *d)
{
	diag_hint(d, "`ringfence history` lists those that are kept");
}

static const struct gen *
generation_find(struct agent *a, uint32_t id, uint32_t number)
{
	const struct gen *g = number == 0 ? agent_active(a) : state_find(a->state, number);
	struct diag d = { 0 };

	if (g != NULL)
		return g;
	if (number == 0)
		diag_set(&d, "not-found", "the text of what the NIC enforces is not known");
	else
		diag_set(&d, "not-found", "generation %" PRIu32 " is not kept", number);
	history_hint(&d);
	agent_answer_problem(a, id, 404, &d);
	return NULL;
}

static void
generation(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	const struct gen *g = generation_find(a, id, r->number);

	if (g != NULL)
		agent_answer_doc(a, id, 200, "", "", agent_generation_doc(a, g));
}

static void
policy(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	const struct gen *g = generation_find(a, id, r->number);
	char tag[CTL_TAG_BYTES] = "";

	if (g == NULL)
		return;
	if (g == agent_active(a))
		tag_now(a, tag);
	agent_answer_doc(a, id, 200, tag, "", agent_sources_doc(g));
}

/* --- changes --- */

/* The newest other one, or that of the number. */
static struct gen *
rollback_to(struct agent *a, uint32_t number)
{
	const struct gen *active = agent_active(a);
	struct gen *to = NULL;

	for (uint32_t i = 0; state_gen(a->state, i) != NULL; i++) {
		struct gen *g = state_gen(a->state, i);

		if (number != 0 ? g->number == number : g != active && to == NULL)
			to = g;
	}
	return to == active ? NULL : to;
}

static void
rollback_refused(const struct agent *a, uint32_t to, struct diag *d)
{
	if (to == 0)
		diag_set(d, "not-found", "no generation is kept beside the one that is enforced");
	else if (to == a->active.generation)
		diag_set(d, "not-found", "generation %" PRIu32 " is the one that is enforced", to);
	else
		diag_set(d, "not-found", "generation %" PRIu32 " is not kept", to);
	history_hint(d);
}

/* What waits to be confirmed goes first: its way back needs no load. */
static void
rollback(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	bool waits = a->wait.generation != 0;
	uint32_t to = waits && r->number == 0 ? a->wait.former : r->number;
	struct gen *g = rollback_to(a, to);
	struct outcome o = { 0 };
	struct diag d = { 0 };

	if (g == NULL && (!waits || to != a->wait.former)) {
		rollback_refused(a, to, &d);
		agent_answer_problem(a, id, 404, &d);
		return;
	}
	to = g != NULL ? g->number : to;
	log_info("rollback", "to=%" PRIu32, to);
	if (waits)
		agent_undo(a, &o);
	if (o.rc == RC_OK && a->active.generation != to)
		agent_nic_restore(a, g, &o);
	if (o.rc != RC_OK)
		agent_answer_problem(a, id, 503, &o.why);
	else
		agent_once_done(a, id, r, "", agent_rollback_doc(&o));
}

static void
confirm(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	char tag[CTL_TAG_BYTES];
	struct diag d = { 0 };
	enum rc rc = agent_confirm(a, &d);

	tag_now(a, tag);
	if (rc == RC_OK)
		agent_once_done(a, id, r, tag, agent_generations_doc(a));
	else
		agent_answer_problem(a, id, rc == RC_INVALID ? 409 : 503, &d);
}

/* Asked before, by its key: the answer of then, though its If-Match holds no more. */
static bool
asked_before(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	bool takes_key = r->verb == CTL_CHECK || r->verb == CTL_RELOAD ||
	    r->verb == CTL_CONFIRM || r->verb == CTL_ROLLBACK;

	return takes_key && r->key[0] != '\0' &&
	    (agent_job_again(a, id, r) || agent_once_again(a, id, r));
}

static void
status(struct agent *a, uint32_t id)
{
	if (a->nic != NULL)
		(void)!nic_status_get(a->nic, &a->nic_status);
	agent_answer_doc(a, id, 200, "", "", agent_status_doc(a));
}

static void
counters(struct agent *a, uint32_t id)
{
	struct diag d = { 0 };
	yyjson_mut_doc *doc = agent_counters_doc(a, &d);

	if (doc == NULL && d.level != DIAG_NONE)
		agent_answer_problem(a, id, 503, &d);
	else
		agent_answer_doc(a, id, 200, "", "", doc);
}

static void
metrics(struct agent *a, uint32_t id, bool prometheus)
{
	struct ctl_answer ans = { 0 };
	struct str s = { 0 };

	metrics_write(a, !prometheus, &s);
	(void)snprintf(ans.type, sizeof(ans.type), "%s", prometheus ?
	    "text/plain; version=0.0.4; charset=utf-8" :
	    "application/openmetrics-text; version=1.0.0; charset=utf-8");
	ans.body = (const uint8_t *)str_text(&s);
	ans.body_len = (uint32_t)s.len;
	agent_answer(a, id, 200, &ans);
	str_fini(&s);
}

static void
question(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	const struct gen *g = generation_find(a, id, 0);

	if (g != NULL && r->verb == CTL_EXPLAIN)
		agent_query_explain(a, id, r, g);
	else if (g != NULL && r->verb == CTL_PLAN)
		agent_query_plan(a, id, r, g);
	else if (g != NULL)
		agent_query_judge(a, id, r, g);
}

/* A flat switch: one line a verb. */
void
agent_api_request(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	bool changes = r->verb == CTL_RELOAD || r->verb == CTL_CONFIRM || r->verb == CTL_ROLLBACK;
	struct diag d = { 0 };

	/* ctl has looked already; main does not take its word */
	if ((changes || r->verb == CTL_JOB_CANCEL) && r->role != KEYS_OPERATE) {
		diag_set(&d, "role", "this needs the role operate");
		agent_answer_problem(a, id, 403, &d);
		return;
	}
	if (asked_before(a, id, r) || (changes && !precondition(a, id, r)))
		return;
	switch (r->verb) {
	case CTL_STATUS:
		status(a, id);
		break;
	case CTL_COUNTERS:
		counters(a, id);
		break;
	case CTL_GENERATIONS:
		generations(a, id);
		break;
	case CTL_GENERATION:
		generation(a, id, r);
		break;
	case CTL_POLICY:
		policy(a, id, r);
		break;
	case CTL_EXPLAIN:
	case CTL_JUDGE:
	case CTL_PLAN:
		question(a, id, r);
		break;
	case CTL_CHECK:
	case CTL_RELOAD:
		agent_job_begin(a, id, r);
		break;
	case CTL_JOB:
		agent_job_ask(a, id, r);
		break;
	case CTL_JOB_CANCEL:
		agent_job_cancel(a, id, r);
		break;
	case CTL_CONFIRM:
		confirm(a, id, r);
		break;
	case CTL_ROLLBACK:
		rollback(a, id, r);
		break;
	case CTL_FLOWS:
		agent_flows_answer(a, id, r);
		break;
	case CTL_METRICS:
		metrics(a, id, r->number != 0);
		break;
	default:
		diag_set(&d, "not-found", "this daemon does not answer that");
		agent_answer_problem(a, id, 404, &d);
	}
}
