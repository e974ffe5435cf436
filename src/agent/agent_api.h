/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_api - answers to the control process, for agent_api.c and agent_jobs.c.
 */
#ifndef AGENT_API_H
#define AGENT_API_H

#include "agent_impl.h"

void agent_answer(struct agent *a, uint32_t id, int status, const struct ctl_answer *ans);
/* Frees doc; NULL is answered with 503. */
void agent_answer_doc(struct agent *a, uint32_t id, int status, const char *etag,
    const char *location, yyjson_mut_doc *doc);
void agent_answer_problem(struct agent *a, uint32_t id, int status, const struct diag *d);

/* agent_jobs.c: reloads and checks, that may take a while. */
void agent_job_begin(struct agent *a, uint32_t id, const struct ctl_request *r);
/* True: a job has this key, and it, or that it is another's, was answered. */
MUST_CHECK bool agent_job_again(struct agent *a, uint32_t id, const struct ctl_request *r);
void agent_job_ask(struct agent *a, uint32_t id, const struct ctl_request *r);
void agent_job_cancel(struct agent *a, uint32_t id, const struct ctl_request *r);

/* agent_once.c: the same of changes that are no jobs; and what answers one that was made. */
MUST_CHECK bool agent_once_again(struct agent *a, uint32_t id, const struct ctl_request *r);
void agent_once_done(struct agent *a, uint32_t id, const struct ctl_request *r, const char *etag,
    yyjson_mut_doc *doc);

/* agent_flow.c */
void agent_flows_answer(struct agent *a, uint32_t id, const struct ctl_request *r);
/* All that are known, as flow_list encodes them; what the NIC has not told yet is asked for. */
MUST_CHECK enum rc agent_flows_list(struct agent *a, uint8_t **out, size_t *len);

/* agent_query.c: questions, each answered by a child of its own. */
void agent_query_explain(struct agent *a, uint32_t id, const struct ctl_request *r,
    const struct gen *g);
void agent_query_judge(struct agent *a, uint32_t id, const struct ctl_request *r,
    const struct gen *g);
/* Of the body, or of the directory, against what is enforced. */
void agent_query_plan(struct agent *a, uint32_t id, const struct ctl_request *r,
    const struct gen *g);

#endif
