/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify - tells the service manager how the service stands.
 * Does:    datagrams to $NOTIFY_SOCKET, a path or, with a leading @, an abstract name; without
 *          it, nothing. Heartbeats are due twice in each $WATCHDOG_USEC.
 * Limits:  a datagram of NOTIFY_BYTES_MAX, its status cut to fit; a send waits NOTIFY_SEND_MS for
 *          a manager that does not read.
 * Errors:  RC_INVALID for a socket name that is none; RC_TIMEOUT and RC_IO from a send. None is a
 *          reason to stop serving.
 * Source:  sd_notify(3), sd_watchdog_enabled(3): the text of the datagrams.
 * Context: the process that the manager started; takes the variables out of the environment, so
 *          that no child speaks for it.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include "base.h"
#include "diag.h"
#include "rc.h"

enum { NOTIFY_BYTES_MAX = 512, NOTIFY_SEND_MS = 200 };

enum notify_state {
	NOTIFY_STATUS,		/* only the text */
	NOTIFY_READY,		/* also: the reload is over */
	NOTIFY_RELOADING,
	NOTIFY_STOPPING,
	NOTIFY_WATCHDOG,
	NOTIFY__COUNT
};

struct notify {
	int fd;			/* -1 = nobody listens */
	uint64_t beat_ns;	/* between two heartbeats; 0 = none are wanted */
};

/* n is usable in any case. */
MUST_CHECK enum rc notify_open(struct notify *n, struct diag *diag);
void notify_close(struct notify *n);

/* Has the manager keep a descriptor for the next start, under a name; -1: let that name's go. */
MUST_CHECK enum rc notify_store(const struct notify *n, const char *name, int fd);

/* status: one line for people, NULL = as it was. RC_OK where nobody listens. */
MUST_CHECK enum rc notify_tell(const struct notify *n, enum notify_state state,
    const char *status);

#endif
