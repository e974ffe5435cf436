/* SPDX-License-Identifier: Apache-2.0 */
/* notify_test - what arrives at a real socket, by path and by abstract name. */
#include "t.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "notify.h"

static char path[100], abstract[100];
static char got[1024];

/* A manager's socket; name as in NOTIFY_SOCKET. */
static int
manager_open(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(addr.sun_path, name, len);
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	T_OK(fd >= 0);
	T_IS_INT(bind(fd, (const struct sockaddr *)&addr,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
	return fd;
}

/* The next datagram, "" where there is none. */
static const char *
next(int fd)
{
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static enum rc
open_as(struct notify *n, const char *name, const char *usec, const char *pid)
{
	struct diag d = { 0 };
	enum rc rc;

	(void)(name != NULL ? setenv("NOTIFY_SOCKET", name, 1) : unsetenv("NOTIFY_SOCKET"));
	(void)(usec != NULL ? setenv("WATCHDOG_USEC", usec, 1) : unsetenv("WATCHDOG_USEC"));
	(void)(pid != NULL ? setenv("WATCHDOG_PID", pid, 1) : unsetenv("WATCHDOG_PID"));
	rc = notify_open(n, &d);
	T_IS_INT(d.level != DIAG_NONE, rc != RC_OK);
	T_OK(getenv("NOTIFY_SOCKET") == NULL && getenv("WATCHDOG_USEC") == NULL &&
	    getenv("WATCHDOG_PID") == NULL);
	return rc;
}

static void
tell_all(const char *name)
{
	struct notify n;
	uint64_t usec, before = clock_mono_ns() / 1000;
	int fd = manager_open(name), at = 0;

	T_IS_INT(open_as(&n, name, NULL, NULL), RC_OK);
	T_IS_UINT(n.beat_ns, 0);
	T_IS_INT(notify_tell(&n, NOTIFY_READY, "generation 7 is enforced"), RC_OK);
	T_IS_STR(next(fd), "READY=1\nSTATUS=generation 7 is enforced");
	T_IS_INT(notify_tell(&n, NOTIFY_RELOADING, NULL), RC_OK);
	T_IS_INT(sscanf(next(fd), "RELOADING=1\nMONOTONIC_USEC=%" SCNu64 "\n%n", &usec, &at), 1);
	T_IS_UINT(at, strlen(got));
	T_OK(usec >= before && usec <= clock_mono_ns() / 1000);
	T_IS_INT(notify_tell(&n, NOTIFY_WATCHDOG, NULL), RC_OK);
	T_IS_STR(next(fd), "WATCHDOG=1\n");
	T_IS_INT(notify_tell(&n, NOTIFY_STATUS, "two\nlines\x7f"), RC_OK);
	T_IS_STR(next(fd), "STATUS=two lines ");
	T_IS_INT(notify_tell(&n, NOTIFY_STOPPING, NULL), RC_OK);
	T_IS_STR(next(fd), "STOPPING=1\n");
	T_IS_INT(notify_tell(&n, NOTIFY_STATUS, NULL), RC_OK);
	T_IS_STR(next(fd), "");
	notify_close(&n);
	T_IS_INT(n.fd, -1);
	T_IS_INT(notify_tell(&n, NOTIFY_READY, NULL), RC_OK);
	T_IS_STR(next(fd), "");
	(void)close(fd);
}

static void
test_path(void)
{
	tell_all(path);
	(void)unlink(path);
}

static void
test_abstract(void)
{
	tell_all(abstract);
}

static void
test_long_status(void)
{
	struct notify n;
	char text[2 * NOTIFY_BYTES_MAX];
	int fd = manager_open(abstract);

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	T_IS_INT(open_as(&n, abstract, NULL, NULL), RC_OK);
	T_IS_INT(notify_tell(&n, NOTIFY_READY, text), RC_OK);
	T_IS_UINT(strlen(next(fd)), NOTIFY_BYTES_MAX - 1);
	T_OK(strncmp(got, "READY=1\nSTATUS=xxx", 18) == 0);
	notify_close(&n);
	(void)close(fd);
}

static const struct beat {
	const char *name, *usec, *pid;
	uint64_t beat_ns;
} beats[] = {
	{ "half of it", "3000000", NULL, 1500000000 },
	{ "shortest", "2000", NULL, 1000000 },
	{ "too short", "1998", NULL, 1000000 },
	{ "none", "0", NULL, 0 },
	{ "empty", "", NULL, 0 },
	{ "not a number", "3s", NULL, 0 },
	{ "negative", "-1", NULL, 0 },
	{ "largest", "18446744073709551", NULL, UINT64_C(18446744073709551000) / 2 },
	{ "past the clock", "18446744073709552", NULL, 0 },
	{ "past 64 bits", "18446744073709551616", NULL, 0 },
	{ "another process", "3000000", "1", 0 },
	{ "no process", "3000000", "x", 0 },
};

static void
test_beat(const struct beat *r)
{
	struct notify n;
	int fd = manager_open(abstract);

	T_IS_INT(open_as(&n, abstract, r->usec, r->pid), RC_OK);
	T_IS_UINT(n.beat_ns, r->beat_ns);
	notify_close(&n);
	(void)close(fd);
}

static void
test_beat_of_this_process(void)
{
	struct notify n;
	char pid[24];
	int fd = manager_open(abstract);

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	T_IS_INT(open_as(&n, abstract, "3000000", pid), RC_OK);
	T_IS_UINT(n.beat_ns, 1500000000);
	notify_close(&n);
	(void)close(fd);
	T_IS_INT(open_as(&n, NULL, "3000000", NULL), RC_OK);
	T_IS_UINT(n.beat_ns, 0);
	T_IS_INT(n.fd, -1);
}

static void
test_refused(void)
{
	struct notify n;
	char name[120];

	T_IS_INT(open_as(&n, "", NULL, NULL), RC_INVALID);
	T_IS_INT(open_as(&n, "/", NULL, NULL), RC_INVALID);
	T_IS_INT(open_as(&n, "@", NULL, NULL), RC_INVALID);
	T_IS_INT(open_as(&n, "run/notify", NULL, NULL), RC_INVALID);
	T_IS_INT(open_as(&n, "vsock:2:1", NULL, NULL), RC_INVALID);
	memset(name, 'x', sizeof(name));
	name[0] = '@';
	name[108] = '\0';
	T_IS_INT(open_as(&n, name, NULL, NULL), RC_INVALID);
	name[107] = '\0';	/* fits; nobody is there */
	T_OK(open_as(&n, name, NULL, NULL) == rc_from_errno(ECONNREFUSED));
	T_IS_INT(n.fd, -1);
	T_OK(open_as(&n, path, NULL, NULL) == rc_from_errno(ENOENT));
	T_IS_INT(notify_tell(&n, NOTIFY_READY, NULL), RC_OK);
}

/* A manager that does not read: a send ends, and says so. One that went: likewise. */
static void
test_deaf(void)
{
	struct notify n;
	int fd = manager_open(abstract), sent = 0;
	uint64_t start;
	enum rc rc = RC_OK;

	T_IS_INT(open_as(&n, abstract, NULL, NULL), RC_OK);
	start = clock_mono_ns();
	while (rc == RC_OK && sent < 100000) {
		rc = notify_tell(&n, NOTIFY_WATCHDOG, NULL);
		sent += rc == RC_OK;
	}
	T_IS_INT(rc, RC_TIMEOUT);
	T_OK(sent > 0 && clock_mono_ns() - start >= NOTIFY_SEND_MS * NS_PER_MS / 2);
	(void)close(fd);
	T_OK(notify_tell(&n, NOTIFY_WATCHDOG, NULL) != RC_OK);
	notify_close(&n);
}

int
main(void)
{
	const char *dir = getenv("TMPDIR");

	(void)snprintf(path, sizeof(path), "%.60s/notify.%d", dir != NULL ? dir : "/tmp",
	    (int)getpid());
	(void)snprintf(abstract, sizeof(abstract), "@rf-notify-test.%d", (int)getpid());
	T_RUN(test_path);
	T_RUN(test_abstract);
	T_RUN(test_long_status);
	T_ROWS(beats, test_beat);
	T_RUN(test_beat_of_this_process);
	T_RUN(test_refused);
	T_RUN(test_deaf);
	return t_done();
}
