/* SPDX-License-Identifier: Apache-2.0 */
/* selftest - one process an action, and the judgement of how it ended. */
#define _GNU_SOURCE
#include "selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diag.h"
#include "selftest_impl.h"

/* What the child leaves in a shared page, since its end may come at any call. */
struct note {
	bool dropped, returned;
	int err;
	struct rights_report report;
	char why[128];
};

size_t
selftest_count(void)
{
	return selftest_action_count;
}

const char *
selftest_name(size_t idx)
{
	CHECK(idx < selftest_action_count);
	return selftest_actions[idx].name;
}

bool
selftest_main_may(size_t idx)
{
	CHECK(idx < selftest_action_count);
	return selftest_actions[idx].in_main != MAIN_MUST_NOT;
}

bool
selftest_is_common(size_t idx)
{
	CHECK(idx < selftest_action_count);
	return selftest_actions[idx].common;
}

bool
selftest_is_duty(size_t idx)
{
	CHECK(idx < selftest_action_count);
	return selftest_actions[idx].in_main == MAIN_DUTY;
}

static void
scene_make(struct selftest_scene *s, pid_t parent, const char *dir)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* what runs in place of the own binary says nothing */
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	*s = (struct selftest_scene){
		.parent = parent,
		.tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.memfd = memfd_create("selftest", MFD_CLOEXEC),
		.pidfd = (int)syscall(SYS_pidfd_open, parent, 0),
		.handle_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.own_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
		.other_fd = open("/bin/true", O_RDONLY | O_CLOEXEC),
		.dir = dir
	};
}

NORETURN static void
child_run(enum proc_room room, bool off, const struct selftest_action *a, pid_t parent,
    const char *dir, struct note *note)
{
	struct rights_path path = { dir, RIGHTS_READ | RIGHTS_WRITE | RIGHTS_LIST | RIGHTS_MAKE };
	struct rights_spec spec = rights_spec_default(room);
	struct selftest_scene scene;
	struct diag diag = { 0 };

	alarm(SELFTEST_TIMEOUT_S);
	scene_make(&scene, parent, dir);
	spec.off = off;
	if (room == ROOM_MAIN) {
		spec.exec_fd = scene.own_fd;
		spec.paths = &path;
		spec.path_count = dir != NULL ? 1 : 0;
	}
	if (rights_drop(&spec, &diag) != RC_OK) {
		snprintf(note->why, sizeof(note->why), "%.120s", diag.text);
		_exit(1);
	}
	note->report = rights_report();
	note->dropped = true;
	note->err = a->run(&scene);
	note->returned = true;
	_exit(0);
}

/* An action that replaced the process by another program did not return, and was not ended. */
static enum selftest_verdict
judge(const struct selftest_action *a, const struct note *note, struct selftest_result *r)
{
	if (!note->dropped)
		return SELFTEST_BROKEN;
	if (r->signal == SIGSYS)
		return SELFTEST_REFUSED;
	if (!note->returned || r->signal != 0)
		return SELFTEST_REACHED;
	if (note->err == ENOSYS)
		return SELFTEST_NOT_HERE;
	if (note->err == EPERM || note->err == EACCES)
		return SELFTEST_REFUSED;
	if (a->layer != 0 && !note->report.off && (note->report.active & a->layer) == 0)
		return SELFTEST_NO_LAYER;
	return SELFTEST_REACHED;
}

void
selftest_try(enum proc_room room, bool off, size_t idx, const char *dir,
    struct selftest_result *out)
{
	const struct selftest_action *a = &selftest_actions[idx];
	pid_t parent = getpid(), pid;
	struct note *note;
	int status = 0;

	CHECK(idx < selftest_action_count);
	*out = (struct selftest_result){ .verdict = SELFTEST_BROKEN };
	note = mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (note == MAP_FAILED) {
		snprintf(out->why, sizeof(out->why), "no memory to share");
		return;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child_run(room, off, a, parent, dir, note);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		snprintf(out->why, sizeof(out->why), "no process: %s", strerror(errno));
	else {
		out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGSYS)
			out->signal = SIGSYS;	/* with RINGFENCE_SECCOMP_LOG=1 */
		out->err = note->err;
		out->report = note->report;
		memcpy(out->why, note->why, sizeof(out->why));
		out->verdict = judge(a, note, out);
	}
	munmap(note, sizeof(*note));
}

static void
detail_print(const struct selftest_result *r)
{
	if (r->verdict == SELFTEST_BROKEN)
		printf(" (%s)", r->why);
	else if (r->signal != 0)
		printf(" (ended by signal %d)", r->signal);
	else if (r->err != 0)
		printf(" (%s)", strerror(r->err));
}

/* One line; true where it is as it must be. */
static bool
line_print(enum proc_room room, size_t idx, const char *dir, unsigned number, uint32_t *active)
{
	bool may = room == ROOM_MAIN && selftest_main_may(idx);
	const char *skip = NULL;
	struct selftest_result r;
	bool good;

	selftest_try(room, false, idx, dir, &r);
	good = may ? r.verdict == SELFTEST_REACHED && r.signal == 0 && (r.err == 0) :
	    r.verdict == SELFTEST_REFUSED;
	if (r.verdict == SELFTEST_NO_LAYER)
		skip = "the kernel lacks the layer";
	if (r.verdict == SELFTEST_NOT_HERE)
		skip = "the kernel lacks the call";
	printf("%sok %u - %s %s: %s", good || skip != NULL ? "" : "not ", number,
	    rights_room_name(room), may ? "may" : "may not", selftest_name(idx));
	detail_print(&r);
	printf(skip != NULL ? " # SKIP %s\n" : "\n", skip);
	*active |= r.report.active;
	return good || skip != NULL;
}

int
selftest_run(enum proc_room room)
{
	const char *tmp = getenv("TMPDIR");
	uint32_t active = 0;
	unsigned number = 0;
	bool good = true;
	char dir[256], names[160];

	CHECK(room < ROOM__COUNT);
#ifdef RF_SANITIZE
	printf("1..0 # SKIP sanitizer builds limit no system calls\n");
	return 0;
#endif
	snprintf(dir, sizeof(dir), "%s/ringfence.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (room == ROOM_MAIN && mkdtemp(dir) == NULL) {
		printf("# no directory for main's state: %s\n", strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < selftest_action_count; i++)
		if (room == ROOM_MAIN || !selftest_is_duty(i))
			good = line_print(room, i, room == ROOM_MAIN ? dir : NULL, ++number,
			    &active) && good;
	if (room == ROOM_MAIN)
		rmdir(dir);
	rights_layer_names(active, names, sizeof(names));
	printf("1..%u\n# %s: layers in force: %s\n", number, rights_room_name(room), names);
	return good ? 0 : 1;
}
