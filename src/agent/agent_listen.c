/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_listen - the two sockets that main binds and ctl accepts from.
 * They are main's for its whole life: a ctl that is started anew goes on with the same ones, so
 * that nobody who connects meanwhile is refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_impl.h"
#include "dir.h"
#include "hostport.h"

enum { BACKLOG = 1024 };

/* The group's gid; UINT32_MAX where none is named. */
static enum rc
group_find(const char *name, uint32_t *gid, struct diag *diag)
{
	const struct group *g = name == NULL ? NULL : getgrnam(name);

	*gid = UINT32_MAX;
	if (name != NULL && g == NULL) {
		diag_set(diag, "group", "there is no group \"%s\"", name);
		return RC_INVALID;
	}
	if (g != NULL)
		*gid = g->gr_gid;
	return RC_OK;
}

static enum rc
local_bind(struct agent *a, struct diag *diag)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = a->cfg->socket;
	mode_t mask;
	int bound;

	(void)strcpy(addr.sun_path, path);
	(void)unlink(path);	/* of a daemon that was killed: the lock was free */
	a->local_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(a->group == UINT32_MAX ? 0177 : 0117);
	bound = a->local_fd < 0 ? -1 :
	    bind(a->local_fd, (const struct sockaddr *)&addr, sizeof(addr));
	(void)umask(mask);
	if (bound == 0 && a->group != UINT32_MAX && chown(path, (uid_t)-1, a->group) != 0)
		bound = -1;
	if (bound != 0 || listen(a->local_fd, BACKLOG) != 0) {
		diag_set(diag, "socket", "%s: %s", path, strerror(errno));
		return rc_from_errno(errno);
	}
	return RC_OK;
}

/* NULL where text is not ADDRESS:PORT. */
static struct addrinfo *
listen_addr(const char *listen)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct addrinfo *ai = NULL;
	struct hostport hp;

	if (!hostport_parse(listen, strlen(listen), &hp) || hp.port[0] == '\0' ||
	    getaddrinfo(hp.host, hp.port, &want, &ai) != 0)
		return NULL;
	return ai;
}

bool
agent_listen_check(const char *text)
{
	struct addrinfo *ai = listen_addr(text);

	if (ai != NULL)
		freeaddrinfo(ai);
	return ai != NULL;
}

static enum rc
tls_bind(struct agent *a, struct diag *diag)
{
	struct addrinfo *ai = listen_addr(a->cfg->listen);
	int one = 1;

	if (ai == NULL) {
		diag_set(diag, "listen", "\"%s\" is not ADDRESS:PORT", a->cfg->listen);
		return RC_INVALID;
	}
	a->tls_fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->tls_fd < 0 ||
	    setsockopt(a->tls_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(a->tls_fd, ai->ai_addr, ai->ai_addrlen) != 0 ||
	    listen(a->tls_fd, BACKLOG) != 0) {
		enum rc rc = rc_from_errno(errno);

		diag_set(diag, "listen", "%s: %s", a->cfg->listen, strerror(errno));
		freeaddrinfo(ai);
		return rc;
	}
	freeaddrinfo(ai);
	return RC_OK;
}

/* Whether fd listens at that address. */
static bool
listens_at(int fd, const struct addrinfo *ai)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	return getsockname(fd, (struct sockaddr *)&ss, &len) == 0 && len == ai->ai_addrlen &&
	    memcmp(&ss, ai->ai_addr, len) == 0;
}

/* One that was given, where it is at the address of the options; else one of its own, or none. */
static enum rc
tls_adopt(struct agent *a, struct diag *diag)
{
	struct addrinfo *ai = a->cfg->listen == NULL ? NULL : listen_addr(a->cfg->listen);

	if (a->tls_fd >= 0 && (ai == NULL || !listens_at(a->tls_fd, ai))) {
		(void)close(a->tls_fd);
		a->tls_fd = -1;
	}
	if (ai != NULL)
		freeaddrinfo(ai);
	return a->cfg->listen != NULL && a->tls_fd < 0 ? tls_bind(a, diag) : RC_OK;
}

enum rc
agent_listen_open(struct agent *a, struct diag *diag)
{
	struct sockaddr_un addr;
	char lock[PATH_MAX];
	enum rc rc;

	if (strlen(a->cfg->socket) >= sizeof(addr.sun_path)) {
		diag_set(diag, "path-length", "a socket path of %zu bytes; at most %zu",
		    strlen(a->cfg->socket), sizeof(addr.sun_path) - 1);
		return RC_LIMIT;
	}
	(void)snprintf(lock, sizeof(lock), "%s.lock", a->cfg->socket);
	rc = group_find(a->cfg->group, &a->group, diag);
	if (rc == RC_OK)
		rc = dir_make_for(a->cfg->socket, diag);
	if (rc == RC_OK)
		rc = lock_take(lock, "socket", &a->socket_lock_fd, diag);
	if (rc == RC_OK)
		rc = a->local_fd >= 0 ? RC_OK : local_bind(a, diag);	/* or it was given */
	if (rc == RC_OK)
		rc = tls_adopt(a, diag);
	return rc;
}

enum rc
agent_listen_adopt(struct agent *a, struct diag *diag)
{
	enum rc rc = group_find(a->cfg->group, &a->group, diag);

	if (rc == RC_OK && (chown(a->cfg->socket, (uid_t)-1, a->group == UINT32_MAX ? getegid() :
	    a->group) != 0 || chmod(a->cfg->socket, a->group == UINT32_MAX ? 0600 : 0660) != 0)) {
		diag_set(diag, "socket", "%s: %s", a->cfg->socket, strerror(errno));
		rc = rc_from_errno(errno);
	}
	return rc == RC_OK ? tls_adopt(a, diag) : rc;
}

void
agent_listen_close(struct agent *a)
{
	if (a->local_fd >= 0) {
		(void)close(a->local_fd);
		if (!a->handed_over && !a->kept)
			(void)unlink(a->cfg->socket);
	}
	if (a->tls_fd >= 0)
		(void)close(a->tls_fd);
	if (a->socket_lock_fd >= 0)
		(void)close(a->socket_lock_fd);
}
