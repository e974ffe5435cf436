/* SPDX-License-Identifier: Apache-2.0 */
/* nic_soft_attach - connects to a software NIC's socket and takes what its hello brings. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "nic_int.h"
#include "wire_hello.h"
#include "wire_mbox.h"

/* A NIC that works greets within a heartbeat; who waits for one answers nobody meanwhile. */
enum { HELLO_MS = 500, FDS = WIRE_HELLO_FDS };

static void
fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static enum rc
socket_connect(const char *path, int *fd, struct diag *diag)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_usec = HELLO_MS * 1000 };
	int err;

	if (strlen(path) == 0 || strlen(path) >= sizeof(addr.sun_path)) {
		diag_set(diag, "nic-path", "NIC path of %zu bytes; it takes 1 to %zu",
		    strlen(path), sizeof(addr.sun_path) - 1);
		return RC_LIMIT;
	}
	(void)strcpy(addr.sun_path, path);
	*fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (*fd >= 0) {
		(void)setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (connect(*fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
			return RC_OK;
	}
	err = errno;
	if (err == ENOENT || err == ECONNREFUSED || err == EAGAIN) {
		diag_set(diag, "nic-gone", "%s: no NIC answers there", path);
		diag_hint(diag, "is `ringfence nic` running with this socket?");
		return RC_PEER;
	}
	diag_set(diag, "nic-path", "%s: %s", path, strerror(err));
	return rc_from_errno(err);
}

/* Takes the descriptors out of msg; closes them all unless they are what OK promises. The kernel
 * puts all descriptors of a message into one header. */
static bool
fds_take(struct msghdr *msg, int fds[FDS])
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	size_t have = 0;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return false;
	have = MIN((c->cmsg_len - CMSG_LEN(0)) / sizeof(int), (size_t)FDS);
	memcpy(fds, CMSG_DATA(c), have * sizeof(int));
	if (have == FDS && (msg->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0)
		return true;
	for (size_t i = 0; i < have; i++)
		fd_close(&fds[i]);
	return false;
}

/* One message of at most HELLO_MS; descriptors only where the status is OK. */
static enum rc
hello_take(const char *path, int fd, int fds[FDS], struct diag *diag)
{
	struct wire_hello hello;
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = &hello, .iov_len = sizeof(hello) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = -1;
	bool got;

	if (poll(&p, 1, HELLO_MS) == 1)
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0) {
		diag_set(diag, "nic-gone", "%s: no hello within %d ms", path, HELLO_MS);
		return RC_PEER;
	}
	got = fds_take(&msg, fds);
	if (n != (ssize_t)sizeof(hello) || le32_get(hello.magic) != WIRE_HELLO_MAGIC ||
	    le16_get(hello.version) != WIRE_HELLO_VERSION) {
		diag_set(diag, "nic-protocol", "%s: not a software NIC of version %d", path,
		    WIRE_HELLO_VERSION);
		return RC_PEER;
	}
	if (le16_get(hello.status) == WIRE_HELLO_BUSY) {
		diag_set(diag, "nic-busy", "%s: another daemon holds this NIC", path);
		return RC_CONFLICT;
	}
	if (le16_get(hello.status) != WIRE_HELLO_OK || !got ||
	    le32_get(hello.mem_bytes) != WIRE_MBOX_BYTES) {
		diag_set(diag, "nic-gone", "%s: the NIC cannot take a daemon now", path);
		return RC_PEER;
	}
	return RC_OK;
}

/* Memory that could shrink under us would end this process: it must be sealed. */
static enum rc
mem_map(const char *path, int fd, uint8_t **out, struct diag *diag)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	void *p;

	if (fstat(fd, &st) < 0 || st.st_size != WIRE_MBOX_BYTES || seals < 0 ||
	    (seals & F_SEAL_SHRINK) == 0) {
		diag_set(diag, "nic-protocol", "%s: mailbox is not sealed memory of %d bytes", path,
		    WIRE_MBOX_BYTES);
		return RC_PEER;
	}
	p = mmap(NULL, WIRE_MBOX_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		diag_set(diag, "nic-path", "%s: %s", path, strerror(errno));
		return RC_NOMEM;
	}
	*out = p;
	return RC_OK;
}

enum rc
nic_session_open(const char *path, struct nic_session *s, struct diag *diag)
{
	int fds[FDS] = { -1, -1, -1 };
	enum rc rc;

	*s = NIC_SESSION_EMPTY;
	rc = socket_connect(path, &s->socket_fd, diag);
	if (rc == RC_OK)
		rc = hello_take(path, s->socket_fd, fds, diag);
	if (rc == RC_OK)
		rc = mem_map(path, fds[0], &s->mem, diag);
	fd_close(&fds[0]);
	s->doorbell_fd = fds[1];
	s->event_fd = fds[2];
	if (rc != RC_OK)
		nic_session_close(s);
	return rc;
}

void
nic_session_close(struct nic_session *s)
{
	if (s->mem != NULL)
		(void)munmap(s->mem, WIRE_MBOX_BYTES);
	fd_close(&s->socket_fd);
	fd_close(&s->doorbell_fd);
	fd_close(&s->event_fd);
	*s = NIC_SESSION_EMPTY;
}
