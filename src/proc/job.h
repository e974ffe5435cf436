/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job - a child of one task: bytes in by pipe, bytes out by pipe, then its end.
 * Does:    runs a role of the same binary in a process with limits of its own; feeds it, gathers
 *          its result, ends it when its time is over, and says in words how it failed.
 * Shape:   job_start, then job_step whenever job_fd is readable, until it is not RC_AGAIN.
 * Limits:  all in struct job_role: memory, CPU, wall time, result bytes.
 * Memory:  borrows the input until the job is destroyed.
 * Errors:  RC_LIMIT: a budget was exceeded, diag names it. RC_PEER: it died otherwise.
 * Context: one thread; a job that is destroyed is killed and waited for.
 */
#ifndef JOB_H
#define JOB_H

#include "base.h"
#include "diag.h"
#include "rc.h"
#include "rights.h"

#define JOB_NO_SANDBOX "--no-sandbox"

enum { JOB_SELF_FD_MIN = 64 };

struct job;

/* What a child may use, and what it does. The table of roles is its owner's. */
struct job_role {
	const char *name;		/* in ps, and its word on the command line */
	const char *what;		/* for people: "policy evaluation" */
	enum proc_room room;
	uint32_t memory_mib;		/* the budget as people know it */
	uint64_t as_bytes;		/* address space: that, the binary, bytes in and out */
	uint32_t cpu_s, wall_s;
	size_t result_bytes_max;
	int (*run)(void);		/* in the child: 0, or an enum job_exit */
};

enum job_exit { JOB_OK = 0, JOB_NOMEM = 10, JOB_INPUT = 11, JOB_LIMITS = 12 };

/* Opens the running binary, for job_start; first thing in main(). */
MUST_CHECK enum rc job_init(struct diag *diag);
/* The binary that job_init opened; JOB_SELF_FD_MIN or above, so that a child which gets its
 * descriptors does not step on it: main's list of calls permits this number only. */
int job_self_fd(void);

/* --no-sandbox: this process and its children give nothing up. */
void job_sandbox_off(void);
MUST_CHECK bool job_has_sandbox(void);
/* From now on a child's rights-missing and rights-off are said in this process's log too, once a
 * room. */
void job_rights_log(void);
/* What a child finds as its second argument: JOB_NO_SANDBOX, or NULL for nothing. */
const char *job_sandbox_word(void);

MUST_CHECK enum rc job_start(const struct job_role *role, const uint8_t *input, size_t len,
    struct job **out, struct diag *diag);
void job_destroy(struct job **j);

/* Readable when job_step has something to do. */
int job_fd(const struct job *j);

/* RC_AGAIN while it runs; else its end. */
MUST_CHECK enum rc job_step(struct job *j, struct diag *diag);

/* After RC_OK; lives as long as the job. */
const uint8_t *job_result(const struct job *j, size_t *len);

/* In the child: gives up what the role needs not. */
MUST_CHECK enum rc job_confine(const struct job_role *role, struct diag *diag);

/* In the child: all of standard input, at most max bytes; malloc'ed. */
MUST_CHECK enum rc job_input_read(size_t max, uint8_t **out, size_t *len);

#endif
