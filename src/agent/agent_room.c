/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_room - what main gives up before it starts its children.
 *
 * What stays: reading the policy, the keys and the configuration, writing the state, removing the
 * local socket at the end, and executing the own binary.
 * A connection to the NIC's socket takes no right to a file beyond the socket's own permissions.
 *
 * Landlock knows directories by inode. A policy directory that is put in place by renaming is
 * another inode under the same name, so the directory above it is what may be read; where the
 * policy directory is a link, also the one above its target. The root directory is never opened
 * that way: a policy directory right below it can be edited, but not replaced.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_impl.h"
#include "job.h"
#include "rights.h"

enum { ROOM_PATHS = 12 };

struct room_paths {
	struct rights_path list[ROOM_PATHS];
	char text[ROOM_PATHS][PATH_MAX];
	size_t count;
};

/* What is not there, or cannot be reached now, is not opened. */
static void
path_add(struct room_paths *p, const char *path, unsigned access_bits)
{
	CHECK(p->count < ROOM_PATHS);
	if (strlen(path) >= PATH_MAX || access(path, F_OK) != 0)
		return;
	(void)strcpy(p->text[p->count], path);
	p->list[p->count] = (struct rights_path){ p->text[p->count], access_bits };
	p->count++;
}

/* The directory that has the last part of path; slashes at the end do not count. Not the root,
 * whose rights would be those to everything. */
static void
parent_add(struct room_paths *p, const char *path, unsigned access_bits)
{
	char dir[PATH_MAX], real[PATH_MAX];
	char *slash;

	if (strlen(path) >= sizeof(dir))
		return;
	(void)strcpy(dir, path);
	for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
		dir[n - 1] = '\0';
	slash = strrchr(dir, '/');
	while (slash != NULL && slash > dir && slash[-1] == '/')
		slash--;
	if (slash == NULL)
		(void)strcpy(dir, ".");
	else
		slash[slash == dir] = '\0';
	if (realpath(dir, real) != NULL && strcmp(real, "/") != 0)
		path_add(p, dir, access_bits);
}

static void
policy_add(struct room_paths *p, const char *policy)
{
	const unsigned look = RIGHTS_READ | RIGHTS_LIST;
	char real[PATH_MAX];

	parent_add(p, policy, look);
	if (realpath(policy, real) != NULL)
		parent_add(p, real, look);
	path_add(p, policy, look);
}

/* A file that may be replaced by renaming, also behind a link. */
static void
file_add(struct room_paths *p, const char *file)
{
	char real[PATH_MAX];

	parent_add(p, file, RIGHTS_READ);
	if (realpath(file, real) != NULL)
		parent_add(p, real, RIGHTS_READ);
	path_add(p, file, RIGHTS_READ);
}

enum rc
agent_room_enter(struct agent *a, struct diag *diag)
{
	struct rights_spec spec = rights_spec_default(ROOM_MAIN);
	const struct agent_cfg *cfg = a->cfg;
	struct room_paths *p = calloc(1, sizeof(*p));
	enum rc rc;

	if (p == NULL)
		return RC_NOMEM;
	if (cfg->no_sandbox)
		job_sandbox_off();
	path_add(p, "/dev/null", RIGHTS_READ | RIGHTS_WRITE);	/* its children's */
	policy_add(p, cfg->policy);
	if (cfg->listen != NULL)
		path_add(p, cfg->keys, RIGHTS_READ | RIGHTS_LIST);
	if (cfg->config[0] != '\0')
		file_add(p, cfg->config);
	path_add(p, cfg->state, RIGHTS_READ | RIGHTS_LIST | RIGHTS_WRITE | RIGHTS_MAKE);
	parent_add(p, cfg->socket, RIGHTS_MAKE);
	spec.off = cfg->no_sandbox;
#ifdef RF_SANITIZE	/* its loader is another file to execute; leaks are found by ptrace */
	spec.off = true;
#endif
	spec.exec_fd = job_self_fd();
	spec.paths = p->list;
	spec.path_count = p->count;
	rc = rights_drop(&spec, diag);
	free(p);
	return rc;
}
