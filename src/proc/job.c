/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job - fork, limits, execve of the own binary; pipes and the end by one epoll descriptor.
 *
 * The binary is opened once at the start, so that a role runs the bytes that main runs, whatever
 * became of the file's name. Limits are set before the role's first instruction.
 */
#define _GNU_SOURCE
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "rights.h"

enum { WORDS_BYTES = 2048, CHUNK_BYTES = 65536, NOFILE_MAX = 16 };

enum { JOB_IN, JOB_OUT, JOB_ERR, JOB_PID, JOB_TIMER, JOB__FDS };

struct job {
	const struct job_role *role;
	pid_t pid;
	int epoll_fd;
	int fd[JOB__FDS];	/* -1 = closed */
	const uint8_t *input;
	size_t input_len, input_at;
	uint8_t *result;
	size_t result_len, result_cap;
	char words[WORDS_BYTES];	/* what it said on standard error */
	size_t words_len;
	bool ended, late, flooded;
	bool stopped, stood;	/* by a signal; for a whole second */
	uint32_t seconds;	/* since the start */
	int status;
	uint64_t cpu_us;
};

static int self_fd = -1;
static bool sandbox = true;
static bool rights_log;

enum rc
job_init(struct diag *diag)
{
	int fd;

	if (self_fd >= 0)
		return RC_OK;
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		self_fd = fcntl(fd, F_DUPFD_CLOEXEC, JOB_SELF_FD_MIN);
		(void)close(fd);
	}
	if (self_fd < 0) {
		diag_set(diag, "own-binary", "/proc/self/exe: %s", strerror(errno));
		return rc_from_errno(errno);
	}
	return RC_OK;
}

void
job_sandbox_off(void)
{
	sandbox = false;
}

void
job_rights_log(void)
{
	rights_log = true;
}

bool
job_has_sandbox(void)
{
	return sandbox;
}

const char *
job_sandbox_word(void)
{
	return sandbox ? NULL : JOB_NO_SANDBOX;
}

int
job_self_fd(void)
{
	CHECK(self_fd >= 0);
	return self_fd;
}

/* --- in the child ----------------------------------------------------------------------------- */

static bool
limit(int what, uint64_t soft, uint64_t hard)
{
	struct rlimit r = { .rlim_cur = soft, .rlim_max = hard };

	return setrlimit(what, &r) == 0;
}

/* Between fork and execve: only calls, no memory. */
static NORETURN void
child_exec(const struct job_role *role, const int fds[3], pid_t parent)
{
	static char *const env[] = { NULL };
	char word[32] = "@";
	char title[] = "ringfence";
	char *const argv[] = { title, word, (char *)(uintptr_t)job_sandbox_word(), NULL };
	sigset_t none;

	strncat(word, role->name, sizeof(word) - 2);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(JOB_LIMITS);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(JOB_LIMITS);
	if (syscall(SYS_close_range, 3U, ~0U, 1U << 2) != 0)	/* CLOSE_RANGE_CLOEXEC */
		_exit(JOB_LIMITS);
#ifndef RF_SANITIZE	/* sanitizers reserve terabytes */
	if (!limit(RLIMIT_AS, role->as_bytes, role->as_bytes))
		_exit(JOB_LIMITS);
#endif
	if (!limit(RLIMIT_CPU, role->cpu_s, role->cpu_s + 1) || !limit(RLIMIT_FSIZE, 0, 0) ||
	    !limit(RLIMIT_CORE, 0, 0) || !limit(RLIMIT_NPROC, 0, 0) ||
	    !limit(RLIMIT_NOFILE, NOFILE_MAX, NOFILE_MAX))
		_exit(JOB_LIMITS);
	fexecve(self_fd, argv, env);
	_exit(JOB_LIMITS);
}

enum rc
job_confine(const struct job_role *role, struct diag *diag)
{
	struct rights_spec spec = rights_spec_default(role->room);

	spec.as_bytes = role->as_bytes;
	spec.off = !sandbox;
	return rights_drop(&spec, diag);
}

enum rc
job_input_read(size_t max, uint8_t **out, size_t *len)
{
	uint8_t *p = NULL, *more;
	size_t have = 0, cap = 0;
	ssize_t n;

	*out = NULL;
	for (;;) {
		if (have == cap) {
			if (cap > max)
				goto limit;
			cap = cap == 0 ? CHUNK_BYTES : cap * 2;
			more = realloc(p, cap);
			if (more == NULL)
				goto nomem;
			p = more;
		}
		n = read(STDIN_FILENO, p + have, cap - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	if (n < 0) {
		free(p);
		return rc_from_errno(errno);
	}
	if (have > max)
		goto limit;
	*out = p;
	*len = have;
	return RC_OK;
limit:
	free(p);
	return RC_LIMIT;
nomem:
	free(p);
	return RC_NOMEM;
}

/* --- in the parent ---------------------------------------------------------------------------- */

static void
fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static bool
watch(struct job *j, int i, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u32 = (uint32_t)i };

	return epoll_ctl(j->epoll_fd, EPOLL_CTL_ADD, j->fd[i], &e) == 0;
}

/* Everything the parent waits for. False with errno set. */
static bool
fds_open(struct job *j, int theirs[3])
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) != 0)
		return false;
	theirs[0] = in[0];
	j->fd[JOB_IN] = in[1];
	if (pipe2(out, O_CLOEXEC) != 0)
		return false;
	theirs[1] = out[1];
	j->fd[JOB_OUT] = out[0];
	if (pipe2(err, O_CLOEXEC) != 0)
		return false;
	theirs[2] = err[1];
	j->fd[JOB_ERR] = err[0];
	for (int i = JOB_IN; i <= JOB_ERR; i++)
		if (fcntl(j->fd[i], F_SETFL, O_NONBLOCK) != 0)
			return false;
	j->fd[JOB_TIMER] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	j->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return j->fd[JOB_TIMER] >= 0 && j->epoll_fd >= 0 &&
	    watch(j, JOB_IN, EPOLLOUT) && watch(j, JOB_OUT, EPOLLIN) &&
	    watch(j, JOB_ERR, EPOLLIN) && watch(j, JOB_TIMER, EPOLLIN);
}

static bool
child_start(struct job *j, const int theirs[3])
{
	struct itimerspec tick = { .it_value.tv_sec = 1, .it_interval.tv_sec = 1 };
	pid_t parent = getpid();

	/* Descriptors above 2, so that dup2 in the child steps on none of them. */
	CHECK(theirs[0] > 2 && theirs[1] > 2 && theirs[2] > 2);
	j->pid = fork();
	if (j->pid == 0)
		child_exec(j->role, theirs, parent);
	if (j->pid < 0)
		return false;
	j->fd[JOB_PID] = (int)syscall(SYS_pidfd_open, j->pid, 0);
	return j->fd[JOB_PID] >= 0 && fcntl(j->fd[JOB_PID], F_SETFD, FD_CLOEXEC) == 0 &&
	    watch(j, JOB_PID, EPOLLIN) && timerfd_settime(j->fd[JOB_TIMER], 0, &tick, NULL) == 0;
}

enum rc
job_start(const struct job_role *role, const uint8_t *input, size_t len, struct job **out,
    struct diag *diag)
{
	int theirs[3] = { -1, -1, -1 };
	struct job *j = calloc(1, sizeof(*j));
	enum rc rc = RC_OK;

	*out = NULL;
	CHECK(self_fd >= 0);
	if (j == NULL)
		return RC_NOMEM;
	j->role = role;
	j->input = input;
	j->input_len = len;
	j->epoll_fd = -1;
	j->pid = -1;
	for (int i = 0; i < JOB__FDS; i++)
		j->fd[i] = -1;
	if (!fds_open(j, theirs) || !child_start(j, theirs)) {
		diag_set(diag, "child", "%s cannot be started: %s", role->what, strerror(errno));
		/* EAGAIN of fork is no reason to ask again and again */
		rc = errno == EAGAIN ? RC_LIMIT : rc_from_errno(errno);
	}
	for (int i = 0; i < 3; i++)
		fd_close(&theirs[i]);
	if (rc != RC_OK) {
		job_destroy(&j);
		return rc;
	}
	*out = j;
	return RC_OK;
}

void
job_destroy(struct job **jp)
{
	struct job *j = *jp;

	if (j == NULL)
		return;
	if (j->pid > 0 && !j->ended) {
		(void)kill(j->pid, SIGKILL);
		while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	for (int i = 0; i < JOB__FDS; i++)
		fd_close(&j->fd[i]);
	fd_close(&j->epoll_fd);
	free(j->result);
	free(j);
	*jp = NULL;
}

int
job_fd(const struct job *j)
{
	return j->epoll_fd;
}

const uint8_t *
job_result(const struct job *j, size_t *len)
{
	*len = j->result_len;
	return j->result;
}

static void
input_give(struct job *j)
{
	while (j->input_at < j->input_len) {
		ssize_t n = write(j->fd[JOB_IN], j->input + j->input_at,
		    j->input_len - j->input_at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;		/* it ended early; its end says why */
		j->input_at += (size_t)n;
	}
	fd_close(&j->fd[JOB_IN]);
}

/* Room for one more chunk; past the role's maximum the child is ended. */
static bool
result_room(struct job *j)
{
	uint8_t *more;

	if (j->result_cap - j->result_len >= CHUNK_BYTES)
		return true;
	if (j->result_cap > j->role->result_bytes_max)
		return false;
	j->result_cap = j->result_cap == 0 ? 2 * CHUNK_BYTES : j->result_cap * 2;
	more = realloc(j->result, j->result_cap);
	if (more == NULL)
		return false;
	j->result = more;
	return true;
}

static void
result_take(struct job *j)
{
	for (;;) {
		ssize_t n;

		if (!result_room(j) || j->result_len > j->role->result_bytes_max) {
			j->flooded = true;
			(void)kill(j->pid, SIGKILL);
			break;
		}
		n = read(j->fd[JOB_OUT], j->result + j->result_len, CHUNK_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			break;
		j->result_len += (size_t)n;
	}
	fd_close(&j->fd[JOB_OUT]);
}

static void
words_take(struct job *j)
{
	char more[512];
	ssize_t n = read(j->fd[JOB_ERR], more, sizeof(more));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fd_close(&j->fd[JOB_ERR]);
		return;
	}
	n = (ssize_t)MIN((size_t)n, sizeof(j->words) - 1 - j->words_len);
	memcpy(j->words + j->words_len, more, (size_t)n);
	j->words_len += (size_t)n;
}

static void
end_take(struct job *j)
{
	struct rusage used;

	if (wait4(j->pid, &j->status, WNOHANG, &used) != j->pid)
		return;
	j->ended = true;
	j->cpu_us = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
	    (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	fd_close(&j->fd[JOB_PID]);
}

/* One that was stopped, and goes on when all of us do, is not to be taken for one that stands
 * still: it must be found so twice. */
static void
second_take(struct job *j)
{
	siginfo_t si = { 0 };
	uint64_t ticks = 0;

	if (read(j->fd[JOB_TIMER], &ticks, sizeof(ticks)) != (ssize_t)sizeof(ticks) || j->ended)
		return;
	j->seconds += (uint32_t)MIN(ticks, (uint64_t)UINT32_MAX / 2);
	j->stood = j->stopped;
	while (waitid(P_PID, (id_t)j->pid, &si, WSTOPPED | WCONTINUED | WNOHANG) == 0 &&
	    si.si_pid == j->pid) {
		j->stopped = si.si_code != CLD_CONTINUED;
		j->stood = false;
		si.si_pid = 0;
	}
	j->late = j->seconds >= j->role->wall_s;
	if (!j->late && !j->stood)
		return;
	(void)kill(j->pid, SIGKILL);
	fd_close(&j->fd[JOB_TIMER]);
}

static void
event_take(struct job *j, uint32_t i)
{
	if (j->fd[i] < 0)
		return;
	switch (i) {
	case JOB_IN:
		input_give(j);
		break;
	case JOB_OUT:
		result_take(j);
		break;
	case JOB_ERR:
		words_take(j);
		break;
	case JOB_TIMER:
		second_take(j);
		break;
	default:
		end_take(j);
	}
}

/* What it said of its rights, before it read a byte: the only lines of it that are believed, and no
 * further than their words. */
static void
rights_tell(const struct job *j)
{
	static const char *const events[] = { "rights-missing", "rights-off" };
	static bool told[ROOM__COUNT];
	const char *room = rights_room_name(j->role->room);

	for (size_t i = 0; i < ARRAY_LEN(events) && rights_log; i++) {
		char begin[64];
		const char *at, *layers;

		(void)snprintf(begin, sizeof(begin), "warn %s room=%s ", events[i], room);
		at = j->words + strspn(j->words, "\n");
		if (told[j->role->room] || strncmp(at, begin, strlen(begin)) != 0)
			continue;
		told[j->role->room] = true;
		layers = strstr(at, "layers=");
		layers = layers == NULL ? "" : layers + strlen("layers=");
		log_warn(events[i], "room=%s layers=%.*s", room,
		    (int)strspn(layers, "abcdefghijklmnopqrstuvwxyz-,"), layers);
	}
}

/* How it failed, in words; a budget by its name. */
static enum rc
failure(const struct job *j, struct diag *diag)
{
	const struct job_role *r = j->role;
	int sig = WIFSIGNALED(j->status) ? WTERMSIG(j->status) : 0;
	int code = WIFEXITED(j->status) ? WEXITSTATUS(j->status) : 0;
	const char *words = j->words + strspn(j->words, "\n");

	if (j->stood) {
		diag_set(diag, "child", "%s was stopped by a signal, and ended", r->what);
		return RC_PEER;
	}
	if (j->flooded)
		diag_set(diag, "budget", "%s gave more than %zu bytes", r->what,
		    r->result_bytes_max);
	else if (j->late)
		diag_set(diag, "budget", "%s took longer than %u s", r->what, r->wall_s);
	else if (sig == SIGXCPU || (sig == SIGKILL && j->cpu_us >= r->cpu_s * 1000000ull))
		diag_set(diag, "budget", "%s exceeded %u s of CPU", r->what, r->cpu_s);
	else if (code == JOB_NOMEM)
		diag_set(diag, "budget", "%s needs more than %u MiB of memory", r->what,
		    r->memory_mib);
	else {
		if (sig != 0)
			diag_set(diag, "child", "%s ended by signal %d", r->what, sig);
		else
			diag_set(diag, "child", "%s ended with exit code %d", r->what, code);
		if (words[0] != '\0')
			diag_hint(diag, "it said: %.*s", (int)strcspn(words, "\n"), words);
		return RC_PEER;
	}
	return RC_LIMIT;
}

enum rc
job_step(struct job *j, struct diag *diag)
{
	struct epoll_event events[JOB__FDS];
	int n = epoll_wait(j->epoll_fd, events, JOB__FDS, 0);

	for (int i = 0; i < n; i++)
		event_take(j, events[i].data.u32);
	if (!j->ended)
		return RC_AGAIN;
	/* Its pipes hold all that it wrote; nobody else writes any more. */
	if (j->fd[JOB_OUT] >= 0)
		result_take(j);
	if (j->fd[JOB_ERR] >= 0)
		words_take(j);
	/* What stays ready, as the timer, would wake whoever waits for a next job, for ever. */
	for (int i = 0; i < JOB__FDS; i++)
		fd_close(&j->fd[i]);
	rights_tell(j);
	if (j->flooded || j->late || j->stood || !WIFEXITED(j->status) ||
	    WEXITSTATUS(j->status) != JOB_OK)
		return failure(j, diag);
	return RC_OK;
}
