/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_jobs - what takes longer than an answer may: begun with 202, asked for until it is done.
 *
 * A job is kept until LIMIT_JOBS newer ones were begun. A request with its Idempotency-Key is the
 * same job, whatever is enforced by then.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "agent_api.h"
#include "bounds.h"
#include "clock.h"
#include "log.h"

enum { WAIT_S_MAX = LIMIT_WAIT_S, CONFIRM_S_MAX = LIMIT_CONFIRM_S };

static void
job_answer(struct agent *a, struct agent_job *j, uint32_t id)
{
	yyjson_doc *outcome = j->outcome == NULL ? NULL :
	    yyjson_read(j->outcome, strlen(j->outcome), 0);

	agent_answer_doc(a, id, 200, "", "", agent_job_doc(j, yyjson_doc_get_root(outcome)));
	yyjson_doc_free(outcome);
}

static void
waiter_end(struct agent *a, struct agent_job *j)
{
	uint32_t id = j->waiter;

	j->waiter = 0;
	loop_timer_clear(a->loop, &j->timer);
	if (id != 0)
		job_answer(a, j, id);
}

static void
wait_over(void *arg)
{
	struct agent_job *j = arg;

	waiter_end(j->agent, j);
}

static struct agent_job *
job_find(struct agent *a, uint32_t id)
{
	for (size_t i = 0; i < ARRAY_LEN(a->jobs); i++)
		if (a->jobs[i].id == id && id != 0)
			return &a->jobs[i];
	return NULL;
}

static struct agent_job *
job_by_key(struct agent *a, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(a->jobs); i++)
		if (a->jobs[i].id != 0 && key[0] != '\0' && strcmp(a->jobs[i].key, key) == 0)
			return &a->jobs[i];
	return NULL;
}

static void
job_clear(struct agent *a, struct agent_job *j)
{
	waiter_end(a, j);
	if (j->check != NULL) {
		loop_io_del(a->loop, &j->check_io);
		compile_destroy(&j->check);
	}
	free(j->outcome);
	memset(j, 0, sizeof(*j));
}

/* The place of the oldest job that is done. */
static struct agent_job *
job_make(struct agent *a, const struct ctl_request *r)
{
	struct agent_job *best = NULL;

	for (size_t i = 0; i < ARRAY_LEN(a->jobs); i++) {
		struct agent_job *j = &a->jobs[i];

		if ((j->id == 0 || j->done) && (best == NULL || j->id < best->id))
			best = j;
	}
	if (best == NULL)
		return NULL;
	job_clear(a, best);
	*best = (struct agent_job){ .agent = a, .id = ++a->job_number, .verb = r->verb,
		.confirm_s = r->seconds };
	best->timer = (struct loop_timer){ .fn = wait_over, .arg = best };
	(void)snprintf(best->key, sizeof(best->key), "%s", r->key);
	return best;
}

static void
job_finish(struct agent *a, struct agent_job *j, yyjson_mut_doc *outcome)
{
	j->done = true;
	j->outcome = outcome == NULL ? NULL :
	    yyjson_mut_write(outcome, YYJSON_WRITE_ALLOW_INVALID_UNICODE, NULL);
	yyjson_mut_doc_free(outcome);
	waiter_end(a, j);
}

/* --- check: a compile beside the reloads --- */

static void
check_ready(void *arg, uint32_t events)
{
	struct agent_job *j = arg;
	struct compile_result r;

	UNUSED(events);
	memset(&r, 0, sizeof(r));
	if (compile_step(j->check, &r) == RC_AGAIN)
		return;
	loop_io_del(j->agent->loop, &j->check_io);
	compile_destroy(&j->check);
	job_finish(j->agent, j, agent_check_doc(&r));
	compile_result_fini(&r);
}

static enum rc
check_begin(struct agent *a, struct agent_job *j, const struct ctl_request *r)
{
	enum rc rc = r->has_body ? compile_start_body(r->body, r->body_len, &j->check) :
	    compile_start(a->cfg->policy, &j->check);

	if (rc != RC_OK)
		return rc;
	j->check_io = (struct loop_io){ .fd = compile_fd(j->check), .events = EPOLLIN,
		.fn = check_ready, .arg = j };
	return loop_io_add(a->loop, &j->check_io);
}

/* --- reload --- */

uint32_t
agent_jobs_confirm_s(const struct agent *a, uint32_t round)
{
	uint32_t least = 0;

	for (size_t i = 0; i < ARRAY_LEN(a->jobs); i++) {
		const struct agent_job *j = &a->jobs[i];

		if (j->id != 0 && !j->done && j->verb == CTL_RELOAD && j->round <= round &&
		    j->confirm_s > 0 && (least == 0 || j->confirm_s < least))
			least = j->confirm_s;
	}
	return least;
}

/* The round is over: who asked for it gets the outcome. */
void
agent_jobs_round(struct agent *a, uint32_t round)
{
	for (size_t i = 0; i < ARRAY_LEN(a->jobs); i++) {
		struct agent_job *j = &a->jobs[i];

		if (j->id == 0 || j->done || j->verb != CTL_RELOAD || j->round > round)
			continue;
		job_finish(a, j, agent_outcome_doc(a));
	}
	agent_drain_check(a);
}

/* --- asked --- */

static void
begun(struct agent *a, uint32_t id, struct agent_job *j)
{
	char location[CTL_TAG_BYTES];

	(void)snprintf(location, sizeof(location), "/v1/jobs/%" PRIu32, j->id);
	agent_answer_doc(a, id, 202, "", location, agent_job_doc(j, NULL));
}

/* Who posts text says what is to be enforced: it does not share a round that others asked for. */
static bool
begin_refused(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	struct diag d = { 0 };

	if (r->verb == CTL_RELOAD && r->has_body && a->compile != NULL) {
		diag_set(&d, "busy", "another reload runs");
		agent_answer_problem(a, id, 503, &d);
	} else if (r->seconds > CONFIRM_S_MAX) {
		diag_set(&d, "bad-query", "confirm has at most %d seconds", CONFIRM_S_MAX);
		agent_answer_problem(a, id, 400, &d);
	}
	return d.level != DIAG_NONE;
}

bool
agent_job_again(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	struct agent_job *j = job_by_key(a, r->key);
	uint8_t digest[SHA256_BYTES];
	struct diag d = { 0 };

	if (j == NULL)
		return false;
	sha256(r->body, r->body_len, digest);
	if (j->verb == r->verb && j->confirm_s == r->seconds &&
	    memcmp(j->digest, digest, sizeof(digest)) == 0) {
		begun(a, id, j);
		return true;
	}
	diag_set(&d, "key-reused", "job %" PRIu32 " had this Idempotency-Key, and asked for "
	    "something else", j->id);
	agent_answer_problem(a, id, 422, &d);
	return true;
}

void
agent_job_begin(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	struct agent_job *j;
	struct diag d = { 0 };

	if (begin_refused(a, id, r))
		return;
	j = job_make(a, r);
	if (j == NULL || (r->verb == CTL_CHECK && check_begin(a, j, r) != RC_OK)) {
		if (j != NULL)
			job_clear(a, j);
		diag_set(&d, "busy", "%d jobs run already", LIMIT_JOBS);
		agent_answer_problem(a, id, 503, &d);
		return;
	}
	sha256(r->body, r->body_len, j->digest);
	if (r->verb == CTL_RELOAD) {
		/* The next compile to begin; set before it does, since it may end at once. */
		j->round = a->round + 1;
		log_info("reload-asked", "by=%s posted=%s", r->local ? "socket" : "tls",
		    r->has_body ? "yes" : "no");
		begun(a, id, j);
		if (r->has_body)
			agent_reload_posted(a, r->body, r->body_len);
		else
			(void)agent_reload(a, false);
		return;
	}
	begun(a, id, j);
}

void
agent_job_ask(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	struct agent_job *j = job_find(a, r->number);
	struct diag d = { 0 };

	if (j == NULL) {
		diag_set(&d, "not-found", "there is no such job (any more)");
		agent_answer_problem(a, id, 404, &d);
		return;
	}
	if (j->done || r->seconds == 0 || j->waiter != 0) {
		job_answer(a, j, id);
		return;
	}
	j->waiter = id;
	if (loop_timer_set(a->loop, &j->timer, clock_mono_ns() +
	    MIN(r->seconds, (uint32_t)WAIT_S_MAX) * NS_PER_S) != RC_OK)
		waiter_end(a, j);
}

void
agent_job_cancel(struct agent *a, uint32_t id, const struct ctl_request *r)
{
	struct agent_job *j = job_find(a, r->number);
	struct diag d = { 0 };
	bool shared = false;

	if (j == NULL || (j->done && !j->cancelled)) {
		diag_set(&d, j == NULL ? "not-found" : "done", j == NULL ?
		    "there is no such job (any more)" : "the job is done: what it did stays");
		agent_answer_problem(a, id, j == NULL ? 404 : 409, &d);
		return;
	}
	if (!j->done) {
		log_info("job-cancelled", "id=%" PRIu32, j->id);
		j->cancelled = true;
		if (j->check != NULL) {
			loop_io_del(a->loop, &j->check_io);
			compile_destroy(&j->check);
		}
		job_finish(a, j, NULL);
		for (size_t i = 0; i < ARRAY_LEN(a->jobs); i++)
			shared |= a->jobs[i].id != 0 && !a->jobs[i].done &&
			    a->jobs[i].verb == CTL_RELOAD && a->jobs[i].round == j->round;
		if (j->verb == CTL_RELOAD && !shared)
			agent_reload_cancel(a, j->round);
	}
	job_answer(a, j, id);
}

void
agent_jobs_forget(struct agent *a)
{
	for (size_t i = 0; i < ARRAY_LEN(a->jobs); i++) {
		a->jobs[i].waiter = 0;
		if (a->loop != NULL)
			loop_timer_clear(a->loop, &a->jobs[i].timer);
	}
}

void
agent_jobs_stop(struct agent *a)
{
	agent_jobs_forget(a);
	for (size_t i = 0; i < ARRAY_LEN(a->jobs); i++)
		job_clear(a, &a->jobs[i]);
}
