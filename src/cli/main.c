/* SPDX-License-Identifier: Apache-2.0 */
/* main - picks the role or the verb. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "job.h"
#include "roles.h"

/* Descriptors 0 to 2 are open, so that none of ours is taken for them. */
static bool
std_fds_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static int
verb_run(struct cli *cli)
{
	struct diag d = { 0 };
	enum rc rc = cli_begin(cli, &d);

	if (rc == RC_OK && opt_has(&cli->opts, OPT_VERSION)) {
		printf("ringfence %s\n", RINGFENCE_VERSION);
		return EXIT_GOOD;
	}
	if (rc != RC_OK) {
		(void)cli_fail(cli, rc, &d);
		return EXIT_USAGE;
	}
	if (opt_has(&cli->opts, OPT_HELP)) {
		if (cli->opts.verb != NULL)
			opt_help_verb(cli->opts.verb, stdout);
		else
			opt_help(cli_verbs, cli_verb_count, stdout);
		return EXIT_GOOD;
	}
	rc = job_init(&d);
	return rc != RC_OK ? cli_fail(cli, rc, &d) : cli->opts.verb->run(cli);
}

int
main(int argc, char **argv)
{
	struct cli cli = { 0 };
	struct diag d = { 0 };
	enum rc rc;

	if ((argc == 2 || argc == 3) && argv[1][0] == '@') {
		int code;

		if (argc == 3 && strcmp(argv[2], JOB_NO_SANDBOX) == 0)
			job_sandbox_off();
		code = roles_run(argv[1] + 1);

		if (code >= 0)
			_exit(code);	/* nothing of it is worth an orderly end */
	}
	if (!std_fds_open())
		return EXIT_FAILED;
	(void)signal(SIGPIPE, SIG_IGN);
	rc = opt_parse(cli_verbs, cli_verb_count, argc, argv, &cli.opts, &d);
	if (rc != RC_OK) {
		(void)cli_fail(&cli, rc, &d);
		return EXIT_USAGE;
	}
	return cli_end(&cli, verb_run(&cli));
}
