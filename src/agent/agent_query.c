/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_query - questions that a child answers while the request waits: explain, judge, plan.
 *
 * A question copies what it is about, so that a reload meanwhile changes nothing of its answer,
 * and its text goes to the control process as it came.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "agent_api.h"
#include "log.h"

enum { SYMBOLS_ARENA_BYTES = 64 << 20 };

static void unpacked(struct agent_query *q, const struct query_answer *out);

static void
query_clear(struct agent_query *q)
{
	if (q->query != NULL)
		loop_io_del(q->agent->loop, &q->io);
	query_destroy(&q->query);
	for (size_t i = 0; i < ARRAY_LEN(q->held); i++)
		free(q->held[i]);
	memset(q, 0, sizeof(*q));
}

static void
query_fail(struct agent_query *q, enum rc rc, struct diag *d)
{
	if (d->level == DIAG_NONE)
		diag_set(d, "query", "the question cannot be answered: %s", rc_name(rc));
	log_warn("query-failed", "rc=%s text=\"%s\"", rc_name(rc), d->text);
	if (q->id != 0)
		agent_answer_problem(q->agent, q->id, rc == RC_LIMIT ? 422 : 503, d);
	query_clear(q);
}

static void
query_ready(void *arg, uint32_t events)
{
	struct agent_query *q = arg;
	struct query_answer out;
	struct ctl_answer ans = { 0 };
	struct diag d = { 0 };
	enum rc rc = query_step(q->query, &out, &d);

	UNUSED(events);
	if (rc == RC_AGAIN)
		return;
	if (rc != RC_OK) {
		query_fail(q, rc, &d);
		return;
	}
	if (q->unpacks) {
		unpacked(q, &out);
		return;
	}
	(void)snprintf(ans.type, sizeof(ans.type), "%s", out.status != 200 ?
	    "application/problem+json" : q->type);
	ans.body = out.text;
	ans.body_len = (uint32_t)out.len;
	if (q->id != 0)
		agent_answer(q->agent, q->id, out.status, &ans);
	query_clear(q);
}

/* A copy that lives as long as the question. */
static bool
hold(struct agent_query *q, const uint8_t *p, size_t len, struct query_blob *out)
{
	for (size_t i = 0; i < ARRAY_LEN(q->held); i++) {
		if (q->held[i] != NULL)
			continue;
		q->held[i] = malloc(len + 1);
		if (q->held[i] == NULL)
			return false;
		if (len > 0)
			memcpy(q->held[i], p, len);
		*out = (struct query_blob){ .p = q->held[i], .len = len };
		return true;
	}
	return false;
}

static struct agent_query *
query_make(struct agent *a, uint32_t id)
{
	struct diag d = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(a->queries); i++)
		if (a->queries[i].query == NULL) {
			a->queries[i] = (struct agent_query){ .agent = a, .id = id,
				.type = "application/json" };
			return &a->queries[i];
		}
	diag_set(&d, "busy", "%d questions are being answered already", LIMIT_QUERIES);
	agent_answer_problem(a, id, 503, &d);
	return NULL;
}

static void
query_begin(struct agent_query *q, const struct query_ask *ask, bool held)
{
	struct diag d = { 0 };
	enum rc rc = held ? query_start(ask, &q->query, &d) : RC_NOMEM;

	if (rc == RC_OK) {
		q->io = (struct loop_io){ .fd = query_fd(q->query), .events = EPOLLIN,
			.fn = query_ready, .arg = q };
		rc = loop_io_add(q->agent->loop, &q->io);
		if (rc != RC_OK)
			query_destroy(&q->query);
	}
	if (rc != RC_OK)
		query_fail(q, rc, &d);
}

void
agent_query_explain(struct agent *a, uint32_t id, const struct ctl_request *r, const struct gen *g)
{
	struct query_ask ask = { .kind = QUERY_EXPLAIN };
	struct agent_query *q = query_make(a, id);

	if (q != NULL)
		query_begin(q, &ask, hold(q, r->body, r->body_len, &ask.arg) &&
		    hold(q, g->sources, g->sources_len, &ask.sources[0]));
}

void
agent_query_judge(struct agent *a, uint32_t id, const struct ctl_request *r, const struct gen *g)
{
	struct query_ask ask = { .kind = QUERY_JUDGE };
	struct agent_query *q = query_make(a, id);
	uint8_t *symbols;
	struct arena arena;
	size_t len;
	bool held;

	if (q == NULL)
		return;
	q->type = "application/x-ndjson";
	arena_init(&arena, SYMBOLS_ARENA_BYTES);
	held = image_symbols_encode(&g->symbols, &arena, &symbols, &len) == RC_OK &&
	    hold(q, symbols, len, &ask.blobs[1]) && hold(q, r->body, r->body_len, &ask.arg) &&
	    hold(q, g->image, g->image_len, &ask.blobs[0]);
	arena_fini(&arena);
	query_begin(q, &ask, held);
}

/* What is compared with, and the flows: the same of a body and of the directory. */
static bool
plan_hold(struct agent_query *q, const struct gen *g, struct query_ask *ask)
{
	uint8_t *symbols, *flows = NULL;
	struct arena arena;
	size_t len;
	bool held;

	arena_init(&arena, SYMBOLS_ARENA_BYTES);
	held = image_symbols_encode(&g->symbols, &arena, &symbols, &len) == RC_OK &&
	    hold(q, symbols, len, &ask->arg) && hold(q, g->image, g->image_len, &ask->blobs[1]) &&
	    agent_flows_list(q->agent, &flows, &len) == RC_OK &&
	    hold(q, flows, len, &ask->blobs[2]);
	free(flows);
	arena_fini(&arena);
	return held;
}

/* The body's text is out: now the plan. Its words of refusal are plain. */
static void
unpacked(struct agent_query *q, const struct query_answer *out)
{
	char words[512];
	struct diag d = { 0 };
	bool held;

	q->unpacks = false;
	if (out->status != 200) {
		(void)snprintf(words, sizeof(words), "%.*s", (int)MIN(out->len, sizeof(words) - 1),
		    (const char *)out->text);
		diag_set(&d, "body", "%s", words);
		if (q->id != 0)
			agent_answer_problem(q->agent, q->id, 400, &d);
		query_clear(q);
		return;
	}
	held = hold(q, out->text, out->len, &q->next.sources[0]);
	loop_io_del(q->agent->loop, &q->io);
	query_destroy(&q->query);
	query_begin(q, &q->next, held);
}

void
agent_query_plan(struct agent *a, uint32_t id, const struct ctl_request *r, const struct gen *g)
{
	struct query_ask unpack = { .kind = QUERY_UNPACK };
	struct agent_query *q = query_make(a, id);
	uint8_t *sources = NULL;
	struct diags diags = { 0 };
	size_t len;
	bool held;

	if (q == NULL)
		return;
	q->next = (struct query_ask){ .kind = QUERY_PLAN };
	held = plan_hold(q, g, &q->next);
	if (r->has_body) {
		q->unpacks = true;
		query_begin(q, &unpack, held && hold(q, r->body, r->body_len, &unpack.arg));
		return;
	}
	held = held && diags_init(&diags);
	if (held && compile_sources_read(a->cfg->policy, &diags, &sources, &len) != RC_OK &&
	    diags.count > 0) {
		agent_answer_problem(a, id, 422, &diags.items[0]);
		query_clear(q);
	} else {
		held = held && sources != NULL && hold(q, sources, len, &q->next.sources[0]);
		query_begin(q, &q->next, held);
	}
	free(sources);
	diags_fini(&diags);
}

void
agent_queries_forget(struct agent *a)
{
	for (size_t i = 0; i < ARRAY_LEN(a->queries); i++)
		a->queries[i].id = 0;
}

void
agent_queries_stop(struct agent *a)
{
	for (size_t i = 0; i < ARRAY_LEN(a->queries); i++)
		query_clear(&a->queries[i]);
}
