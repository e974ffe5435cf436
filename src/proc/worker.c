/* SPDX-License-Identifier: Apache-2.0 */
/* worker - fork, descriptors in their places, execve of the own binary. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job.h"

enum { EXIT_NO_START = 127 };

/* Between fork and execve: only calls, no memory. Descriptors go up first, out of the way of their
 * places. */
static NORETURN void
child_exec(const char *name, const int *fds, uint32_t count, int null_fd, pid_t parent)
{
	static char *const env[] = { NULL };
	char word[32] = "@", title[] = "ringfence";
	char *const argv[] = { title, word, (char *)(uintptr_t)job_sandbox_word(), NULL };
	int high[WORKER_FDS_MAX];
	sigset_t none;

	strncat(word, name, sizeof(word) - 2);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(EXIT_NO_START);
	for (uint32_t i = 0; i < count; i++)
		high[i] = fcntl(fds[i] < 0 ? null_fd : fds[i], F_DUPFD_CLOEXEC,
		    JOB_SELF_FD_MIN);
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
		_exit(EXIT_NO_START);
	for (uint32_t i = 0; i < count; i++)
		if (high[i] < 0 || dup2(high[i], WORKER_FD_FIRST + (int)i) < 0)
			_exit(EXIT_NO_START);
	/* 1U << 2: CLOSE_RANGE_CLOEXEC */
	if (syscall(SYS_close_range, (unsigned)WORKER_FD_FIRST + count, ~0U, 1U << 2) != 0)
		_exit(EXIT_NO_START);
	fexecve(job_self_fd(), argv, env);
	_exit(EXIT_NO_START);
}

enum rc
worker_start(const char *name, const int *fds, uint32_t count, struct worker *out,
    struct diag *diag)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t parent = getpid();

	CHECK(count <= WORKER_FDS_MAX);
	CHECK(job_self_fd() >= WORKER_FD_FIRST + WORKER_FDS_MAX);
	*out = (struct worker){ .fd = -1 };
	out->pid = null_fd < 0 ? -1 : fork();
	if (out->pid == 0)
		child_exec(name, fds, count, null_fd, parent);
	if (out->pid > 0)
		out->fd = (int)syscall(SYS_pidfd_open, out->pid, 0);
	if (out->pid < 0 || out->fd < 0) {
		enum rc rc = errno == EAGAIN ? RC_LIMIT : rc_from_errno(errno);

		diag_set(diag, "worker", "cannot start %s: %s", name, strerror(errno));
		worker_stop(out);
		if (null_fd >= 0)
			(void)close(null_fd);
		return rc == RC_OK ? RC_IO : rc;
	}
	(void)close(null_fd);
	return RC_OK;
}

bool
worker_stopped(const struct worker *w)
{
	siginfo_t si = { 0 };

	return w->pid > 0 && waitid(P_PID, (id_t)w->pid, &si, WSTOPPED | WNOHANG) == 0 &&
	    si.si_pid == w->pid;
}

void
worker_reap(struct worker *w, char *why, size_t cap)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(w->pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got == w->pid && WIFSIGNALED(status))
		(void)snprintf(why, cap, "signal %d", WTERMSIG(status));
	else
		(void)snprintf(why, cap, "exit %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	if (w->fd >= 0)
		(void)close(w->fd);
	*w = (struct worker){ .fd = -1 };
}

void
worker_stop(struct worker *w)
{
	char why[32];

	if (w->pid <= 0) {
		*w = (struct worker){ .fd = -1 };
		return;
	}
	(void)kill(w->pid, SIGKILL);
	worker_reap(w, why, sizeof(why));
}
