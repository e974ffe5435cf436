/* SPDX-License-Identifier: Apache-2.0 */
/* child - fork, notes in a shared page, how it ended. */
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct child_note *note;
char child_dir[] = "/tmp/rf-child.XXXXXX";

bool
child_init(void)
{
	note = mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return note != MAP_FAILED && mkdtemp(child_dir) != NULL;
}

void
child_fini(void)
{
	if (rmdir(child_dir) < 0)
		printf("# %s: %s\n", child_dir, strerror(errno));
}

int
child_of(child_fn *fn, const void *arg)
{
	int status = 0;
	pid_t pid;

	memset(note, 0, sizeof(*note));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(CHILD_TIMEOUT_S);
		fn(arg);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

void
child_enter(const struct rights_spec *spec)
{
	struct diag d = { 0 };

	note->rc = rights_drop(spec, &d);
	note->report = rights_report();
	memcpy(note->text, d.text, sizeof(note->text));
	if (note->rc != RC_OK)
		_exit(3);
}
