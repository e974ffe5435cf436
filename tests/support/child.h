/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child - what a test does in a process of its own, since it cannot be undone.
 * Shape:   child_of(fn, arg) runs fn in a child, waits, gives how it ended; the child leaves notes
 *          in shared memory. child_dir is a directory that any user may reach.
 */
#ifndef CHILD_H
#define CHILD_H

#include "rights.h"

enum { CHILD_NOBODY = 65534, CHILD_TIMEOUT_S = 40 };

struct child_note {
	enum rc rc;		/* of rights_drop */
	int got;		/* the case's own */
	struct rights_report report;
	char text[256];		/* of the diag */
};

extern struct child_note *note;
extern char child_dir[];

typedef void child_fn(const void *arg);

/* False where there is no memory or directory. */
MUST_CHECK bool child_init(void);
void child_fini(void);

/* Exit code, 256 + the signal that ended it, -1 where there was no process. */
int child_of(child_fn *fn, const void *arg);

/* In the child: enters a room, or leaves with 3 and a note. */
void child_enter(const struct rights_spec *spec);

#endif
