/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent - the daemon beside a NIC.
 * Does:    compiles the policy directory, keeps the NIC at it, tells alerts with their lines,
 *          answers on the local socket.
 * Shape:   one loop; what takes long is done by children. The NIC is its own process and enforces
 *          whether this one lives or not.
 * Errors:  RC_CONFLICT: another daemon has the state, the socket or the NIC.
 * Context: a process to itself: takes SIGHUP, SIGTERM, SIGINT and SIGUSR1.
 */
#ifndef AGENT_H
#define AGENT_H

#include "base.h"
#include "diag.h"
#include "rc.h"

struct agent_cfg {
	const char *version;
	const char *nic, *policy, *state, *socket;
	const char *group;		/* may use the socket; NULL = none */
	const char *listen;		/* ADDRESS:PORT for TLS; NULL = none */
	const char *keys;		/* its directory */
	bool no_sandbox;		/* unsupported */
	bool takeover;			/* of the daemon that runs, if one does */
	const char *config;		/* the file this came from; "" = none */
	/* Reads that file anew and brings policy, keys and config up to date; NULL = there is
	 * none. On error nothing is changed. */
	enum rc (*reread)(void *arg, struct diag *diag);
	void *reread_arg;
};

/* Beside the socket stands another, with a longer name. */
enum { AGENT_SOCKET_BYTES_MAX = 98 };

/* Whether text is ADDRESS:PORT. */
bool agent_listen_check(const char *text);

/* Until SIGTERM or SIGINT. Borrows cfg. */
MUST_CHECK enum rc agent_run(const struct agent_cfg *cfg, struct diag *diag);

#endif
