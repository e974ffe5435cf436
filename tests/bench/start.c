/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start PROGRAM NOTIFY-SOCKET SOCKET ARGUMENT... - starts a daemon and ends it again.
 *
 * Prints "answered N" and "ready N": microseconds from its start to the end of the first answer
 * to a status asked on SOCKET, and to the READY=1 it sends to NOTIFY-SOCKET.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

enum { TRY_NS = 100000, GIVE_UP_S = 20 };

extern char **environ;

static struct sockaddr_un
name(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	CHECK(strlen(path) < sizeof(a.sun_path));
	(void)strcpy(a.sun_path, path);
	return a;
}

/* A connection with the question sent, -1 where nobody listens yet. */
static int
ask(const char *path)
{
	static const char text[] = "{\"verb\":\"status\"}\n";
	struct sockaddr_un a = name(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 &&
	    send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(text) - 1)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* Whether a whole answer, or READY=1, has come. */
static bool
answered(int fd)
{
	char buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	return n > 0 && buf[n - 1] == '\n';
}

static bool
ready(int fd)
{
	char buf[1024];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	return n > 0 && memcmp(buf, "READY=1", 7) == 0;
}

/* Until both have come, or GIVE_UP_S. */
static void
watch(const char *path, int heard, uint64_t start, uint64_t *answered_ns, uint64_t *ready_ns)
{
	int asked = -1;

	while ((*answered_ns == 0 || *ready_ns == 0) &&
	    clock_mono_ns() - start < GIVE_UP_S * NS_PER_S) {
		struct pollfd p[2] = { { .fd = heard, .events = POLLIN },
			{ .fd = *answered_ns == 0 ? asked : -1, .events = POLLIN } };
		const struct timespec wait = { .tv_nsec = TRY_NS };

		if (asked < 0)
			asked = ask(path);
		(void)ppoll(p, 2, &wait, NULL);
		if (*answered_ns == 0 && asked >= 0 && answered(asked))
			*answered_ns = clock_mono_ns() - start;
		if (*ready_ns == 0 && ready(heard))
			*ready_ns = clock_mono_ns() - start;
	}
	if (asked >= 0)
		(void)close(asked);
}

int
main(int argc, char **argv)
{
	uint64_t start, answered_ns = 0, ready_ns = 0;
	int heard = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), status = 0;
	const char *path = argc > 4 ? argv[3] : NULL;
	struct sockaddr_un a;
	pid_t pid;

	if (path == NULL)
		return 2;
	a = name(argv[2]);
	(void)unlink(argv[2]);
	if (bind(heard, (const struct sockaddr *)&a, sizeof(a)) != 0 ||
	    setenv("NOTIFY_SOCKET", argv[2], 1) != 0)
		return 1;
	argv[3] = argv[1];
	start = clock_mono_ns();
	if (posix_spawn(&pid, argv[1], NULL, NULL, argv + 3, environ) != 0)
		return 1;
	watch(path, heard, start, &answered_ns, &ready_ns);
	(void)kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	printf("answered %" PRIu64 "\nready %" PRIu64 "\n", answered_ns / 1000, ready_ns / 1000);
	return answered_ns == 0 || ready_ns == 0 || status != 0;
}
