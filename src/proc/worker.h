/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker - a child that stays: the own binary in a role, with the descriptors it is given.
 * Does:    starts it; its end is told by a descriptor. Standard input and output are /dev/null,
 *          standard error is the log's; the given descriptors are 3, 4, ... in their order.
 * Limits:  WORKER_FDS_MAX descriptors.
 * Memory:  borrows everything; the caller keeps its own descriptors.
 * Context: the parent's death ends it.
 */
#ifndef WORKER_H
#define WORKER_H

#include <sys/types.h>

#include "base.h"
#include "diag.h"
#include "rc.h"

enum { WORKER_FDS_MAX = 8, WORKER_FD_FIRST = 3 };

struct worker {
	pid_t pid;		/* 0 = none */
	int fd;			/* pidfd: readable once it has ended; -1 = none */
};

/* name is the role's word. A descriptor of -1 becomes one of /dev/null. */
MUST_CHECK enum rc worker_start(const char *name, const int *fds, uint32_t count,
    struct worker *out, struct diag *diag);
/* Whether somebody has stopped it (SIGSTOP); said once a stop. */
bool worker_stopped(const struct worker *w);
/* After its end: how it ended, in words; the worker is none then. */
void worker_reap(struct worker *w, char *why, size_t cap);
/* Ends it and waits for it. */
void worker_stop(struct worker *w);

#endif
