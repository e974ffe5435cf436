/* SPDX-License-Identifier: Apache-2.0 */
/* query - the asking side: a compile child for each policy, then the query child. */
#define _GNU_SOURCE
#include "query.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "roles.h"

enum { SOURCES = 2, TICK_MS = 100 };

struct query {
	struct query_ask ask;
	struct job *evals[SOURCES], *run;
	uint32_t at;			/* the policy that is being compiled */
	uint8_t *input;			/* of run */
	int epoll_fd;
};

static enum rc
watch(struct query *q, const struct job *j)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(q->epoll_fd, EPOLL_CTL_ADD, job_fd(j), &e) == 0 ? RC_OK :
	    rc_from_errno(errno);
}

/* All rules are there: the question itself. */
static enum rc
run_start(struct query *q, struct diag *diag)
{
	struct query_input in = { .kind = (uint8_t)q->ask.kind, .arg = q->ask.arg };
	size_t len;
	enum rc rc;

	memcpy(in.blobs, q->ask.blobs, sizeof(in.blobs));
	for (uint32_t i = 0; i < SOURCES; i++)
		if (q->evals[i] != NULL)
			in.blobs[i].p = job_result(q->evals[i], &in.blobs[i].len);
	rc = query_input_encode(&in, &q->input, &len);
	if (rc == RC_OK)
		rc = job_start(&role_query, q->input, len, &q->run, diag);
	return rc == RC_OK ? watch(q, q->run) : rc;
}

/* The next policy, or the question where there is none left. */
static enum rc
next_start(struct query *q, struct diag *diag)
{
	const struct query_blob *s = &q->ask.sources[q->at < SOURCES ? q->at : 0];
	enum rc rc;

	if (q->at == SOURCES || s->p == NULL)
		return run_start(q, diag);
	rc = job_start(&role_compile, s->p, s->len, &q->evals[q->at], diag);
	return rc == RC_OK ? watch(q, q->evals[q->at]) : rc;
}

enum rc
query_start(const struct query_ask *ask, struct query **out, struct diag *diag)
{
	struct query *q = calloc(1, sizeof(*q));
	enum rc rc;

	*out = NULL;
	if (q == NULL)
		return RC_NOMEM;
	q->ask = *ask;
	q->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	rc = q->epoll_fd < 0 ? rc_from_errno(errno) : next_start(q, diag);
	if (rc != RC_OK)
		query_destroy(&q);
	*out = q;
	return rc;
}

void
query_destroy(struct query **qp)
{
	struct query *q = *qp;

	if (q == NULL)
		return;
	job_destroy(&q->run);
	for (uint32_t i = 0; i < SOURCES; i++)
		job_destroy(&q->evals[i]);
	if (q->epoll_fd >= 0)
		(void)close(q->epoll_fd);
	free(q->input);
	free(q);
	*qp = NULL;
}

int
query_fd(const struct query *q)
{
	return q->epoll_fd;
}

enum rc
query_step(struct query *q, struct query_answer *out, struct diag *diag)
{
	const uint8_t *p;
	size_t len;
	enum rc rc;

	if (q->run == NULL) {
		CHECK(q->at < SOURCES);
		rc = job_step(q->evals[q->at], diag);
		if (rc != RC_OK)
			return rc;
		q->at++;
		rc = next_start(q, diag);
		return rc == RC_OK ? RC_AGAIN : rc;
	}
	rc = job_step(q->run, diag);
	if (rc != RC_OK)
		return rc;
	p = job_result(q->run, &len);
	rc = query_answer_decode(p, len, out);
	if (rc != RC_OK)
		diag_set(diag, "child", "the query gave %zu bytes that are no answer", len);
	return rc;
}

enum rc
query_wait(struct query *q, void (*tick)(void *arg, const char *what), void *arg,
    struct query_answer *out, struct diag *diag)
{
	struct pollfd p = { .fd = q->epoll_fd, .events = POLLIN };
	enum rc rc;

	while ((rc = query_step(q, out, diag)) == RC_AGAIN) {
		int n = poll(&p, 1, TICK_MS);

		if (n < 0 && errno != EINTR)
			return rc_from_errno(errno);
		if (n == 0 && tick != NULL)
			tick(arg, q->run != NULL ? role_query.what : role_compile.what);
	}
	return rc;
}
