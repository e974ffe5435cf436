/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softnic_mbox - listening socket, one session, the memory of it.
 *
 * The memory of the next session exists before anybody connects, so the firmware always has rings
 * to write to. When a session ends its memory is unmapped and never used again: its former owner
 * may write what it likes. Doorbell and event are socket pairs: each end is a file description of
 * its own and MSG_DONTWAIT is a call's, so the daemon cannot make us block.
 */
#include "softnic_mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire_hello.h"
#include "wire_shared.h"

enum { BACKLOG = 8, ACCEPTS_MAX = 16, FDS = WIRE_HELLO_FDS };

enum { FD_MEM = 0, FD_DOORBELL = 1, FD_EVENT = 2 };

struct softnic_mbox {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int lock_fd, listen_fd, epoll_fd;
	int session_fd;			/* -1 = no daemon */
	int fds[FDS];			/* what the daemon gets; -1 = none */
	int doorbell_fd, event_fd;	/* our ends of the pairs */
	uint8_t *mem;			/* NULL where memory was out */
};

static void
fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static bool
watch(struct softnic_mbox *m, int fd)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.fd = fd };

	return epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

static void
mem_fini(struct softnic_mbox *m)
{
	if (m->mem != NULL)
		(void)munmap(m->mem, WIRE_MBOX_BYTES);
	m->mem = NULL;
	for (int i = 0; i < FDS; i++)
		fd_close(&m->fds[i]);
	fd_close(&m->doorbell_fd);
	fd_close(&m->event_fd);
}

static bool
pair_open(int *ours, int *theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return false;
	*ours = fds[0];
	*theirs = fds[1];
	return true;
}

/* Fresh memory and pairs; all or nothing. */
static enum rc
mem_init(struct softnic_mbox *m)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	void *p;
	enum rc rc;

	CHECK(m->mem == NULL);
	m->fds[FD_MEM] = memfd_create("ringfence-mailbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (m->fds[FD_MEM] < 0 || ftruncate(m->fds[FD_MEM], WIRE_MBOX_BYTES) < 0 ||
	    fcntl(m->fds[FD_MEM], F_ADD_SEALS, seals) < 0 ||
	    !pair_open(&m->doorbell_fd, &m->fds[FD_DOORBELL]) ||
	    !pair_open(&m->event_fd, &m->fds[FD_EVENT]) || !watch(m, m->doorbell_fd))
		goto fail;
	p = mmap(NULL, WIRE_MBOX_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
	    m->fds[FD_MEM], 0);
	if (p == MAP_FAILED)
		goto fail;
	m->mem = p;
	return RC_OK;
fail:
	rc = rc_from_errno(errno);
	mem_fini(m);
	return rc;
}

static enum rc
lock_take(struct softnic_mbox *m, struct diag *diag)
{
	char lock[sizeof(m->path) + 8];
	enum rc rc;

	(void)strcpy(lock, m->path);
	(void)strcat(lock, ".lock");
	m->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->lock_fd < 0) {
		rc = rc_from_errno(errno);
		diag_set(diag, "nic-socket", "%s: %s", lock, strerror(errno));
		return rc;
	}
	if (flock(m->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK ? RC_CONFLICT : rc_from_errno(errno);
		diag_set(diag, "nic-socket", "%s: another software NIC listens there", m->path);
		return rc;
	}
	return RC_OK;
}

/* The lock is ours, so a socket at path has no owner. */
static enum rc
listen_start(struct softnic_mbox *m, struct diag *diag)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int bound;

	(void)strcpy(addr.sun_path, m->path);
	if (lstat(m->path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode)) {
			diag_set(diag, "nic-socket", "%s: exists and is not a socket", m->path);
			return RC_CONFLICT;
		}
		(void)unlink(m->path);
	}
	m->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->listen_fd < 0)
		goto fail;
	mask = umask(0177);
	bound = bind(m->listen_fd, (const struct sockaddr *)&addr, sizeof(addr));
	(void)umask(mask);
	if (bound < 0 || listen(m->listen_fd, BACKLOG) < 0 || !watch(m, m->listen_fd))
		goto fail;
	return RC_OK;
fail:
	diag_set(diag, "nic-socket", "%s: %s", m->path, strerror(errno));
	return rc_from_errno(errno);
}

enum rc
softnic_mbox_open(const char *path, struct softnic_mbox **out, struct diag *diag)
{
	struct softnic_mbox *m = calloc(1, sizeof(*m));
	enum rc rc = RC_LIMIT;

	*out = NULL;
	if (m == NULL)
		return RC_NOMEM;
	m->lock_fd = m->listen_fd = m->epoll_fd = m->session_fd = -1;
	m->doorbell_fd = m->event_fd = -1;
	for (int i = 0; i < FDS; i++)
		m->fds[i] = -1;
	if (strlen(path) == 0 || strlen(path) >= sizeof(m->path)) {
		diag_set(diag, "nic-socket", "socket path of %zu bytes; it takes 1 to %zu",
		    strlen(path), sizeof(m->path) - 1);
		goto fail;
	}
	(void)strcpy(m->path, path);
	rc = lock_take(m, diag);
	if (rc != RC_OK)
		goto fail;
	m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	rc = m->epoll_fd < 0 ? rc_from_errno(errno) : mem_init(m);
	if (rc != RC_OK) {
		diag_set(diag, "nic-socket", "no memory for the mailbox: %s", rc_name(rc));
		goto fail;
	}
	rc = listen_start(m, diag);
	if (rc != RC_OK)
		goto fail;
	*out = m;
	return RC_OK;
fail:
	softnic_mbox_close(&m);
	return rc;
}

/* The lock file stays: unlinking it would let two owners in. */
void
softnic_mbox_close(struct softnic_mbox **m)
{
	struct softnic_mbox *s = *m;

	*m = NULL;
	if (s == NULL)
		return;
	if (s->listen_fd >= 0)
		(void)unlink(s->path);
	mem_fini(s);
	fd_close(&s->session_fd);
	fd_close(&s->listen_fd);
	fd_close(&s->epoll_fd);
	fd_close(&s->lock_fd);
	free(s);
}

uint8_t *
softnic_mbox_mem(struct softnic_mbox *m)
{
	return m->mem;
}

int
softnic_mbox_fd(const struct softnic_mbox *m)
{
	return m->epoll_fd;
}

bool
softnic_mbox_has_host(const struct softnic_mbox *m)
{
	return m->session_fd >= 0;
}

/* The hello; with the session's descriptors where the status is OK. Never blocks. */
static bool
hello_send(const struct softnic_mbox *m, int fd, enum wire_hello_status status)
{
	struct wire_hello hello = { .magic = le32_put(WIRE_HELLO_MAGIC),
		.version = le16_put(WIRE_HELLO_VERSION), .status = le16_put((uint16_t)status),
		.mem_bytes = le32_put(status == WIRE_HELLO_OK ? WIRE_MBOX_BYTES : 0) };
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(sizeof(m->fds))];
	} control;
	struct iovec iov = { .iov_base = &hello, .iov_len = sizeof(hello) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (status == WIRE_HELLO_OK) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(m->fds));
		memcpy(CMSG_DATA(c), m->fds, sizeof(m->fds));
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(hello);
}

/* What was the daemon's is nobody's now; the firmware goes on in fresh memory. */
static void
session_end(struct softnic_mbox *m, struct fw *fw, uint64_t now_ns)
{
	fd_close(&m->session_fd);
	fw_mbox_attach(fw, NULL, now_ns);
	mem_fini(m);
	if (mem_init(m) == RC_OK)
		fw_mbox_attach(fw, m->mem, now_ns);
}

static void
session_offer(struct softnic_mbox *m, struct fw *fw, int fd, uint64_t now_ns)
{
	if (m->session_fd >= 0) {
		(void)hello_send(m, fd, WIRE_HELLO_BUSY);
		(void)close(fd);
		return;
	}
	if (m->mem == NULL && mem_init(m) == RC_OK)
		fw_mbox_attach(fw, m->mem, now_ns);
	if (m->mem == NULL || !watch(m, fd)) {
		(void)hello_send(m, fd, WIRE_HELLO_FAILED);
		(void)close(fd);
		return;
	}
	m->session_fd = fd;
	if (!hello_send(m, fd, WIRE_HELLO_OK))
		session_end(m, fw, now_ns);
}

/* A daemon says nothing on its session: whatever comes is its end. */
static void
session_look(struct softnic_mbox *m, struct fw *fw, uint64_t now_ns)
{
	char byte;
	ssize_t n = recv(m->session_fd, &byte, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	session_end(m, fw, now_ns);
}

void
softnic_mbox_work(struct softnic_mbox *m, struct fw *fw, uint64_t now_ns)
{
	struct epoll_event events[4];
	uint8_t rings[4096];
	int n = epoll_wait(m->epoll_fd, events, 4, 0);
	bool listener = false;

	/* The old session's end comes before new ones: a daemon that restarts finds its place. */
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == m->listen_fd)
			listener = true;
		else if (events[i].data.fd == m->session_fd)
			session_look(m, fw, now_ns);
		else if (events[i].data.fd == m->doorbell_fd)
			(void)!recv(m->doorbell_fd, rings, sizeof(rings), MSG_DONTWAIT);
	}
	for (int i = 0; listener && i < ACCEPTS_MAX; i++) {
		int fd = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			break;
		if (m->session_fd >= 0)
			session_look(m, fw, now_ns);
		session_offer(m, fw, fd, now_ns);
	}
}

bool
softnic_mbox_dma_read(void *arg, uint8_t *to, uint32_t dma_offset, uint32_t len)
{
	struct softnic_mbox *m = arg;
	const uint32_t all = WIRE_MBOX_WINDOWS * WIRE_MBOX_WINDOW_BYTES;

	if (m->mem == NULL || len > all || dma_offset > all - len)
		return false;
	wire_copy_out(to, m->mem + WIRE_MBOX_WINDOWS_AT + dma_offset, len);
	return true;
}

/* A full buffer means the host has not looked yet: nothing is lost by not adding to it. */
void
softnic_mbox_kick(void *arg)
{
	struct softnic_mbox *m = arg;

	if (m->event_fd >= 0)
		(void)!send(m->event_fd, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}
