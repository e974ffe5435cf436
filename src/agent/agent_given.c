/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_given - listening sockets that the service manager keeps over a restart.
 *
 * Each is given to it once it listens, and comes back with the next start, so that between the two
 * whoever connects waits and is not refused. A socket that the manager made itself is as good.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_impl.h"
#include "log.h"

enum { GIVEN_FIRST = 3, GIVEN_MAX = 8 };

/* A number of 1..max in a variable; 0 where it is none. */
static long
number_of(const char *name, long max)
{
	const char *text = getenv(name);
	char *end = NULL;
	long n = text == NULL ? 0 : strtol(text, &end, 10);

	return text == NULL || *end != '\0' || n < 1 || n > max ? 0 : n;
}

static bool
listens(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on != 0;
}

static enum rc
given_take(struct agent *a, int fd, struct diag *diag)
{
	struct sockaddr_storage ss = { 0 };
	const struct sockaddr_un *un = (const struct sockaddr_un *)&ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0 || !listens(fd) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		diag_set(diag, "given-socket", "descriptor %d of LISTEN_FDS does not listen", fd);
		return RC_INVALID;
	}
	if (ss.ss_family != AF_UNIX && a->tls_fd < 0) {
		a->tls_fd = fd;
		return RC_OK;
	}
	if (ss.ss_family == AF_UNIX && a->local_fd < 0 &&
	    strcmp(un->sun_path, a->cfg->socket) == 0) {
		a->local_fd = fd;
		return RC_OK;
	}
	if (ss.ss_family == AF_UNIX && un->sun_path[0] != '\0')
		diag_set(diag, "given-socket", "LISTEN_FDS has the socket %.107s; the daemon's is "
		    "%.107s", un->sun_path, a->cfg->socket);
	else
		diag_set(diag, "given-socket", "LISTEN_FDS has more than a socket and a TCP port");
	return RC_INVALID;
}

enum rc
agent_given_take(struct agent *a, struct diag *diag)
{
	long count = number_of("LISTEN_PID", INT32_MAX) == (long)getpid() ?
	    number_of("LISTEN_FDS", GIVEN_MAX) : 0;
	enum rc rc = RC_OK;

	for (int i = 0; i < count && rc == RC_OK; i++)
		rc = given_take(a, GIVEN_FIRST + i, diag);
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return rc;
}

void
agent_given_keep(struct agent *a)
{
	bool local = notify_store(&a->notify, "local", a->local_fd) == RC_OK;
	/* one of another address, from the start before, is let go */
	bool tls = notify_store(&a->notify, "tls", -1) == RC_OK &&
	    (a->tls_fd < 0 || notify_store(&a->notify, "tls", a->tls_fd) == RC_OK);

	a->kept = a->notify.fd >= 0 && local;
	if (!local || !tls)
		log_warn("notify-failed", "text=\"the sockets are not kept over a restart\"");
}
