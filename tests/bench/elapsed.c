/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elapsed COMMAND... - microseconds from starting a command to its end, on a line of its own after
 * what it prints; its exit code. `elapsed -u COMMAND...` runs it again and again until it exits 0,
 * at most 10 s: from the first start to the end of the good one.
 */
#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"

extern char **environ;

/* Exit code, 127 where it cannot be started. */
static int
run(char **argv)
{
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
		return 127;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

int
main(int argc, char **argv)
{
	bool until = argc > 2 && strcmp(argv[1], "-u") == 0;
	uint64_t start = clock_mono_ns();
	int code;

	if (argc < 2)
		return 2;
	do
		code = run(argv + (until ? 2 : 1));
	while (until && code != 0 && clock_mono_ns() - start < 10 * NS_PER_S);
	printf("%" PRIu64 "\n", (clock_mono_ns() - start) / 1000);
	return code;
}
