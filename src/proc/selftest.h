/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest - forbidden actions, tried from within each room after its rights are given up.
 * Does:    each action in a process of its own, so that its end by the kernel is seen; judges: the
 *          kernel must end the process, or answer EPERM or EACCES. Main has a second list, of what
 *          it must be able to do.
 * Shape:   actions are numbered; 0 .. selftest_count() - 1. Each is harmless where it succeeds:
 *          arguments are chosen so that the kernel refuses them after it has checked the right.
 * Units:   an action has SELFTEST_TIMEOUT_S; then SIGALRM ends it, which counts as reached.
 * Context: forks; not after rights_drop() in the calling process itself.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "base.h"
#include "rc.h"
#include "rights.h"

enum { SELFTEST_TIMEOUT_S = 5 };

enum selftest_verdict {
	SELFTEST_REFUSED,
	SELFTEST_REACHED,	/* the kernel did it, or looked at its arguments */
	SELFTEST_NOT_HERE,	/* the kernel does not know the call at all */
	SELFTEST_NO_LAYER,	/* reached; the layer that refuses it is not in this kernel */
	SELFTEST_BROKEN		/* the room could not be entered, or there was no process */
};

struct selftest_result {
	enum selftest_verdict verdict;
	int signal;		/* that ended the process; 0 = none */
	int err;		/* errno of the action; 0 = it succeeded */
	struct rights_report report;
	char why[128];		/* of SELFTEST_BROKEN */
};

size_t selftest_count(void);
const char *selftest_name(size_t idx);
/* Whether main must be able to do it; all other rooms must not. */
bool selftest_main_may(size_t idx);
/* Whether a process without rights can do it, so that a test without a room must reach it. */
bool selftest_is_common(size_t idx);
/* Whether the action is one of main's duties, that no other room is asked for. */
bool selftest_is_duty(size_t idx);

/* Tries one action in room; off = without giving up anything, as a control. dir: a directory of
 * main's own that may be written, NULL = none. */
void selftest_try(enum proc_room room, bool off, size_t idx, const char *dir,
    struct selftest_result *out);

/* All actions of a room as TAP on standard output; 0 where all are as they must be. */
int selftest_run(enum proc_room room);

#endif
