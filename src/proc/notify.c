/* SPDX-License-Identifier: Apache-2.0 */
/* notify - one connected datagram socket: later sends need no path, so a closed room may send. */
#define _GNU_SOURCE
#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"

enum { NS_PER_USEC = 1000, BEATS = 2 };

static const char *const lines[NOTIFY__COUNT] = {
	[NOTIFY_STATUS] = "", [NOTIFY_READY] = "READY=1\n", [NOTIFY_RELOADING] = "RELOADING=1\n",
	[NOTIFY_STOPPING] = "STOPPING=1\n", [NOTIFY_WATCHDOG] = "WATCHDOG=1\n"
};

/* A decimal number above 0; 0 where text is none, or does not fit. */
static uint64_t
number(const char *text)
{
	uint64_t n = 0;

	if (text == NULL || text[0] == '\0')
		return 0;
	for (const char *c = text; *c != '\0'; c++) {
		if (*c < '0' || *c > '9' || __builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*c - '0'), &n))
			return 0;
	}
	return n;
}

static uint64_t
beat_ns(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t usec = number(getenv("WATCHDOG_USEC"));

	if (pid != NULL && number(pid) != (uint64_t)getpid())
		return 0;	/* another process is meant */
	if (usec == 0 || usec > UINT64_MAX / NS_PER_USEC)
		return 0;
	return MAX(usec * NS_PER_USEC / BEATS, NS_PER_MS);	/* not all the time */
}

static enum rc
connect_to(const char *name, struct notify *n, struct diag *diag)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const struct timeval wait = { .tv_usec = NOTIFY_SEND_MS * 1000 };
	size_t len = strlen(name);
	socklen_t addr_len;

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(addr.sun_path)) {
		diag_set(diag, "notify-socket", "NOTIFY_SOCKET is %.120s: neither a path nor an "
		    "abstract name of 2 to %zu bytes", name, sizeof(addr.sun_path) - 1);
		return RC_INVALID;
	}
	memcpy(addr.sun_path, name, len);
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	/* an abstract name ends where the length says, a path with its NUL */
	addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd >= 0 &&
	    setsockopt(n->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    connect(n->fd, (const struct sockaddr *)&addr, addr_len) == 0)
		return RC_OK;
	diag_set(diag, "notify-socket", "NOTIFY_SOCKET %.120s: %s", name, strerror(errno));
	return rc_from_errno(errno);
}

enum rc
notify_open(struct notify *n, struct diag *diag)
{
	const char *name = getenv("NOTIFY_SOCKET");
	enum rc rc = RC_OK;

	CHECK(n != NULL);
	*n = (struct notify) { .fd = -1 };
	if (name != NULL)
		rc = connect_to(name, n, diag);
	if (rc == RC_OK && n->fd >= 0)
		n->beat_ns = beat_ns();
	if (rc != RC_OK)
		notify_close(n);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	return rc;
}

void
notify_close(struct notify *n)
{
	if (n->fd >= 0)
		(void)close(n->fd);
	*n = (struct notify) { .fd = -1 };
}

/* A status of one line: what is no text becomes a space. */
static size_t
status_put(char *out, size_t cap, const char *status)
{
	size_t len = (size_t)snprintf(out, cap, "STATUS=%s", status);

	CHECK(cap > 1);
	if (len >= cap)
		len = cap - 1;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
			out[i] = ' ';
	return len;
}

enum rc
notify_tell(const struct notify *n, enum notify_state state, const char *status)
{
	char text[NOTIFY_BYTES_MAX];
	size_t len;
	ssize_t sent;

	CHECK((int)state >= 0 && state < NOTIFY__COUNT);
	if (n->fd < 0)
		return RC_OK;
	len = (size_t)snprintf(text, sizeof(text), "%s", lines[state]);
	if (state == NOTIFY_RELOADING)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "MONOTONIC_USEC=%" PRIu64 "\n", clock_mono_ns() / NS_PER_USEC);
	CHECK(len < sizeof(text) / 2);
	if (status != NULL)
		len += status_put(text + len, sizeof(text) - len, status);
	if (len == 0)
		return RC_OK;
	do
		sent = send(n->fd, text, len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN ? RC_TIMEOUT : rc_from_errno(errno);
	CHECK((size_t)sent == len);
	return RC_OK;
}

enum rc
notify_store(const struct notify *n, const char *name, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} c = { .space = { 0 } };
	char text[NOTIFY_BYTES_MAX];
	struct iovec iov = { .iov_base = text };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *h;
	ssize_t sent;

	if (n->fd < 0)
		return RC_OK;
	iov.iov_len = (size_t)snprintf(text, sizeof(text), "%s=1\nFDNAME=%s\n",
	    fd < 0 ? "FDSTOREREMOVE" : "FDSTORE", name);
	CHECK(iov.iov_len < sizeof(text));
	if (fd >= 0) {
		m.msg_control = &c;
		m.msg_controllen = sizeof(c);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	}
	do
		sent = sendmsg(n->fd, &m, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN ? RC_TIMEOUT : rc_from_errno(errno);
	return RC_OK;
}
