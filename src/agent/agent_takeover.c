/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_takeover - a new daemon takes the place of the one that runs, and nobody is refused.
 *
 * The old one never executes the new: who starts it is the operator, so a binary that does not
 * work is told to him, and changes nothing. The two meet on a socket beside the local one, where
 * only root and the daemon's own user are heard:
 *
 *     new: HELLO                    the old one has started, and knows that somebody comes
 *     old: GIVE, with descriptors   locks, listening sockets and the memory of tickets, which both
 *                                   hold now
 *     new: GO                       confined, keys read: it can do the work
 *     old: drains, ends             the end of the connection says that the NIC is free
 *
 * Until GO the old one serves as ever. Then it accepts no more, answers what it has, and ends; who
 * connects meanwhile waits in the sockets' queues for the new one. A message is "RFT1" and a word.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_impl.h"
#include "log.h"

enum { WORD_BYTES = 200, ASK_MS = 5000, END_MS = 15000 };

/* The descriptors of GIVE, in their order; those of TLS may be missing. */
enum { GIVE_STATE_LOCK, GIVE_SOCKET_LOCK, GIVE_TAKEOVER, GIVE_LOCAL, GIVE_TLS, GIVE_VAULT,
	GIVE__COUNT };

#define PREFIX "RFT1 "

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(GIVE__COUNT * sizeof(int))];
};

static bool
word_send(int fd, const char *word, const int *fds, size_t count)
{
	char text[WORD_BYTES];
	union control c;
	struct iovec iov = { .iov_base = text };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	iov.iov_len = (size_t)snprintf(text, sizeof(text), PREFIX "%s", word);
	iov.iov_len = MIN(iov.iov_len, sizeof(text) - 1);
	if (count > 0) {
		memset(&c, 0, sizeof(c));
		m.msg_control = &c;
		m.msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int));
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, count * sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)iov.iov_len;
}

/* RC_PEER: it is gone; RC_INVALID: no word of ours. What came of descriptors is in fds, whatever is
 * said; the others are -1. */
static enum rc
word_recv(int fd, char word[WORD_BYTES], int fds[GIVE__COUNT])
{
	char text[WORD_BYTES];
	union control c;
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c,
		.msg_controllen = sizeof(c) };
	struct cmsghdr *h;
	ssize_t n;

	for (int i = 0; i < GIVE__COUNT; i++)
		fds[i] = -1;
	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return rc_from_errno(errno);
	h = CMSG_FIRSTHDR(&m);
	if (h != NULL && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(h), MIN(h->cmsg_len - CMSG_LEN(0),
		    GIVE__COUNT * sizeof(int)));
	if (n == 0)
		return RC_PEER;
	text[n] = '\0';
	if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return RC_INVALID;
	(void)snprintf(word, WORD_BYTES, "%s", text + strlen(PREFIX));
	return RC_OK;
}

static bool
path_of(const struct agent *a, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return (size_t)snprintf(addr->sun_path, sizeof(addr->sun_path), "%s" TAKEOVER_SUFFIX,
	    a->cfg->socket) < sizeof(addr->sun_path);
}

/* --- the one that runs --- */

static void
peer_close(struct agent *a)
{
	if (a->takeover_io.fd < 0)
		return;
	loop_io_del(a->loop, &a->takeover_io);
	(void)close(a->takeover_io.fd);
	a->takeover_io.fd = -1;
}

static void
give(struct agent *a)
{
	const int fds[GIVE__COUNT] = { [GIVE_STATE_LOCK] = state_lock_fd(a->state),
		[GIVE_SOCKET_LOCK] = a->socket_lock_fd, [GIVE_TAKEOVER] = a->takeover_fd,
		[GIVE_LOCAL] = a->local_fd, [GIVE_TLS] = a->tls_fd,
		[GIVE_VAULT] = a->vault_fd };
	size_t count = a->tls_fd < 0 ? GIVE_TLS : a->vault_fd < 0 ? GIVE_VAULT : GIVE__COUNT;

	if (!word_send(a->takeover_io.fd, "GIVE", fds, count))
		peer_close(a);
}

static void
peer_ready(void *arg, uint32_t events)
{
	struct agent *a = arg;
	int fds[GIVE__COUNT];
	char word[WORD_BYTES];
	enum rc rc = word_recv(a->takeover_io.fd, word, fds);

	UNUSED(events);
	for (int i = 0; i < GIVE__COUNT; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);	/* none is asked for */
	if (rc == RC_AGAIN)
		return;
	if (rc == RC_OK && strcmp(word, "HELLO") == 0) {
		give(a);
	} else if (rc == RC_OK && strcmp(word, "GO") == 0 && !a->draining) {
		log_info("takeover", "text=\"another daemon takes over; this one ends\"");
		loop_io_del(a->loop, &a->takeover_io);	/* it stays open: its end is the sign */
		a->handed_over = true;
		agent_drain(a);
	} else {
		log_warn("takeover-ended", "text=\"%s\"", rc == RC_PEER ?
		    "the other daemon went away before it could serve; this one goes on" :
		    "not the words of a daemon");
		peer_close(a);
	}
}

static void
takeover_accept(void *arg, uint32_t events)
{
	struct agent *a = arg;
	int fd = accept4(a->takeover_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ucred u;
	socklen_t len = sizeof(u);

	UNUSED(events);
	if (fd < 0)
		return;
	if (a->takeover_io.fd >= 0 || a->draining ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) != 0 ||
	    (u.uid != 0 && u.uid != getuid())) {
		(void)word_send(fd, "REFUSE another daemon takes over already, or you may not",
		    NULL, 0);
		(void)close(fd);
		return;
	}
	a->takeover_io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = peer_ready,
		.arg = a };
	if (loop_io_add(a->loop, &a->takeover_io) != RC_OK) {
		(void)close(fd);
		a->takeover_io.fd = -1;
	}
}

enum rc
agent_takeover_open(struct agent *a, struct diag *diag)
{
	struct sockaddr_un addr;
	mode_t mask;
	bool bound;

	_Static_assert(AGENT_SOCKET_BYTES_MAX + sizeof(TAKEOVER_SUFFIX) ==
	    sizeof(addr.sun_path), "the bound is the longer name's");
	if (!path_of(a, &addr)) {
		diag_set(diag, "path-length", "a socket path of %zu bytes; at most %d",
		    strlen(a->cfg->socket), AGENT_SOCKET_BYTES_MAX);
		return RC_LIMIT;
	}
	if (a->takeover_fd < 0) {
		(void)unlink(addr.sun_path);
		a->takeover_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		mask = umask(0177);
		bound = a->takeover_fd >= 0 && bind(a->takeover_fd, (struct sockaddr *)&addr,
		    sizeof(addr)) == 0 && listen(a->takeover_fd, 1) == 0;
		(void)umask(mask);
		if (!bound) {
			diag_set(diag, "socket", "%s: %s", addr.sun_path, strerror(errno));
			return rc_from_errno(errno);
		}
	}
	a->takeover_listen_io = (struct loop_io){ .fd = a->takeover_fd, .events = EPOLLIN,
		.fn = takeover_accept, .arg = a };
	return loop_io_add(a->loop, &a->takeover_listen_io);
}

void
agent_takeover_close(struct agent *a)
{
	struct sockaddr_un addr;

	if (a->takeover_fd >= 0) {
		if (a->loop != NULL)
			loop_io_del(a->loop, &a->takeover_listen_io);
		(void)close(a->takeover_fd);
		if (!a->handed_over && path_of(a, &addr))
			(void)unlink(addr.sun_path);
	}
	if (a->takeover_io.fd >= 0)
		(void)close(a->takeover_io.fd);	/* after all else: who waits for it goes on now */
}

/* --- the one that comes --- */

static void
wait_set(int fd, uint32_t ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000 };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

/* The lock is that of the state directory which the options name. */
static bool
lock_is_of(const struct agent *a, int fd)
{
	struct stat held, named;
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/lock", a->cfg->state);
	return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
	    held.st_ino == named.st_ino;
}

static enum rc
given_take(struct agent *a, const int fds[GIVE__COUNT], struct diag *diag)
{
	a->handed_over = true;	/* the paths are the other's until it has ended */
	a->state_lock_fd = fds[GIVE_STATE_LOCK];
	a->socket_lock_fd = fds[GIVE_SOCKET_LOCK];
	a->takeover_fd = fds[GIVE_TAKEOVER];
	a->local_fd = fds[GIVE_LOCAL];
	a->tls_fd = fds[GIVE_TLS];
	a->vault_fd = fds[GIVE_VAULT];
	if (a->local_fd < 0) {
		diag_set(diag, "takeover", "the running daemon gave %s", "no sockets");
		return RC_PEER;
	}
	if (!lock_is_of(a, a->state_lock_fd)) {
		diag_set(diag, "takeover", "the running daemon has another state directory than "
		    "%.200s", a->cfg->state);
		diag_hint(diag, "stop it first, to begin with another state");
		return RC_CONFLICT;
	}
	return RC_OK;
}

enum rc
agent_takeover_ask(struct agent *a, struct diag *diag)
{
	int fds[GIVE__COUNT], fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	char word[WORD_BYTES] = "";
	enum rc rc;

	if (!path_of(a, &addr) || fd < 0 ||
	    connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
		if (fd >= 0)
			(void)close(fd);
		log_info("takeover-none", "text=\"no daemon to take over from\"");
		return RC_OK;
	}
	a->taking_fd = fd;
	wait_set(fd, ASK_MS);
	rc = word_send(fd, "HELLO", NULL, 0) ? word_recv(fd, word, fds) : RC_PEER;
	if (rc == RC_OK && strcmp(word, "GIVE") == 0)
		return given_take(a, fds, diag);
	if (strncmp(word, "REFUSE ", 7) == 0)
		diag_set(diag, "takeover", "the running daemon refuses: %s", word + 7);
	else
		diag_set(diag, "takeover", "the running daemon does not answer: %s", rc_name(rc));
	return rc == RC_OK ? RC_CONFLICT : rc;
}

enum rc
agent_takeover_go(struct agent *a, struct diag *diag)
{
	int fds[GIVE__COUNT];
	char word[WORD_BYTES];
	enum rc rc;

	wait_set(a->taking_fd, END_MS);
	rc = word_send(a->taking_fd, "GO", NULL, 0) ? word_recv(a->taking_fd, word, fds) : RC_PEER;
	(void)close(a->taking_fd);
	a->taking_fd = -1;
	a->handed_over = false;
	if (rc == RC_PEER)	/* it has ended */
		return RC_OK;
	diag_set(diag, "takeover", "the daemon before this one does not end");
	return rc == RC_OK || rc == RC_AGAIN ? RC_TIMEOUT : rc;
}
