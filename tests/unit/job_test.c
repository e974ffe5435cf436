/* SPDX-License-Identifier: Apache-2.0 */
/* job_test - children that answer, and each way of not answering. This program is its own child. */
#include "t.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "job.h"

enum { INPUT_BYTES = 3 << 20, INPUT_MAX = 4 << 20 };

static int
run_echo(void)
{
	uint8_t *p;
	size_t len;
	enum rc rc;

	if (job_input_read(INPUT_MAX, &p, &len) != RC_OK)
		return JOB_INPUT;
	rc = fd_write_all(STDOUT_FILENO, p, len);
	free(p);
	return rc == RC_OK ? JOB_OK : JOB_INPUT;
}

static int
run_jailed(void)
{
	static const struct job_role role = { .name = "jailed", .room = ROOM_COMPILE,
		.as_bytes = 256 << 20 };
	struct diag d = { 0 };
	enum rc rc = job_confine(&role, &d);

	if (rc != RC_OK)
		return JOB_LIMITS;
	/* no such call in the room: ended by the kernel */
	return fork() == 0 ? JOB_OK : JOB_LIMITS;
}

static int
run_spin(void)
{
	for (volatile unsigned i = 0;; i++)
		;
	return JOB_OK;
}

static int
run_sleep(void)
{
	for (;;)
		pause();
	return JOB_OK;
}

static int
run_stop(void)
{
	(void)raise(SIGSTOP);
	return JOB_OK;
}

static int
run_hog(void)
{
	for (size_t n = 1 << 20; n <= (size_t)1 << 31; n *= 2)
		if (mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		    MAP_FAILED)
			return JOB_NOMEM;
	return JOB_OK;
}

static int
run_flood(void)
{
	static uint8_t zeros[65536];

	while (fd_write_all(STDOUT_FILENO, zeros, sizeof(zeros)) == RC_OK)
		;
	return JOB_OK;
}

static int
run_crash(void)
{
	fprintf(stderr, "something is wrong\nmore\n");
	fflush(stderr);
	abort();
	return JOB_OK;
}

static int
run_deaf(void)
{
	(void)close(STDIN_FILENO);
	return fd_write_all(STDOUT_FILENO, "done", 4) == RC_OK ? JOB_OK : JOB_INPUT;
}

static int
run_code(void)
{
	return 42;
}

#define ROLE(n, c, w, fn) { .name = n, .what = "the " n, .memory_mib = 64, \
	.as_bytes = 256 << 20, .cpu_s = c, .wall_s = w, .result_bytes_max = INPUT_MAX, .run = fn }

static const struct job_role roles[] = {
	ROLE("echo", 5, 20, run_echo), ROLE("jailed", 5, 20, run_jailed),
	ROLE("spin", 1, 20, run_spin), ROLE("sleep", 5, 1, run_sleep),
	ROLE("hog", 5, 20, run_hog), ROLE("flood", 5, 20, run_flood),
	ROLE("crash", 5, 20, run_crash), ROLE("deaf", 5, 20, run_deaf),
	ROLE("code", 5, 20, run_code), ROLE("stop", 5, 20, run_stop),
};

static const struct job_role *
role_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (strcmp(roles[i].name, name) == 0)
			return &roles[i];
	return NULL;
}

static enum rc
wait_job(struct job *j, struct diag *d)
{
	struct pollfd p = { .fd = job_fd(j), .events = POLLIN };
	enum rc rc;

	while ((rc = job_step(j, d)) == RC_AGAIN)
		(void)poll(&p, 1, 30000);
	return rc;
}

struct row {
	const char *name;	/* of the role */
	enum rc rc;
	const char *text;	/* begins with */
	const char *hint;
};

static const struct row rows[] = {
	{ "echo", RC_OK, "", "" },
	{ "deaf", RC_OK, "", "" },
	{ "spin", RC_LIMIT, "the spin exceeded 1 s of CPU", "" },
	{ "sleep", RC_LIMIT, "the sleep took longer than 1 s", "" },
	{ "flood", RC_LIMIT, "the flood gave more than 4194304 bytes", "" },
	{ "crash", RC_PEER, "the crash ended by signal 6", "it said: something is wrong" },
	{ "code", RC_PEER, "the code ended with exit code 42", "" },
	{ "stop", RC_PEER, "the stop was stopped by a signal, and ended", "" },
#ifndef RF_SANITIZE	/* the limits they meet are off there */
	{ "hog", RC_LIMIT, "the hog needs more than 64 MiB of memory", "" },
	{ "jailed", RC_PEER, "the jailed ended", "" },
#endif
};

static void
test_role(const struct row *r)
{
	uint8_t *input = malloc(INPUT_BYTES);
	struct diag d = { 0 };
	struct job *j = NULL;
	const uint8_t *p;
	size_t len;

	for (size_t i = 0; i < INPUT_BYTES; i++)
		input[i] = (uint8_t)(i * 7 + i / 256);
	if (!T_IS_INT(job_start(role_of(r->name), input, INPUT_BYTES, &j, &d), RC_OK))
		return;
	T_IS_INT(wait_job(j, &d), r->rc);
	T_OK(strncmp(d.text, r->text, strlen(r->text)) == 0);
	T_IS_STR(d.hint, r->hint);
	if (r->rc == RC_OK && strcmp(r->name, "echo") == 0) {
		p = job_result(j, &len);
		T_IS_UINT(len, INPUT_BYTES);
		T_IS_MEM(p, input, MIN(len, (size_t)INPUT_BYTES));
	}
	job_destroy(&j);
	T_OK(j == NULL);
	free(input);
}

/* One that is not waited for is ended, and leaves no process behind. */
static void
test_destroyed(void)
{
	uint64_t begin_ns = clock_mono_ns();
	struct diag d = { 0 };
	struct job *j = NULL;

	T_IS_INT(job_start(role_of("sleep"), NULL, 0, &j, &d), RC_OK);
	T_IS_INT(job_step(j, &d), RC_AGAIN);
	job_destroy(&j);
	T_OK(waitpid(-1, NULL, WNOHANG) < 0);
	T_OK(clock_mono_ns() - begin_ns < NS_PER_S);
}

int
main(int argc, char **argv)
{
	struct diag d = { 0 };

	if (argc == 2 && argv[1][0] == '@' && role_of(argv[1] + 1) != NULL)
		return role_of(argv[1] + 1)->run();
	signal(SIGPIPE, SIG_IGN);
	if (job_init(&d) != RC_OK)
		return 1;
	T_ROWS(rows, test_role);
	T_RUN(test_destroyed);
	return t_done();
}
