/* SPDX-License-Identifier: Apache-2.0 */
/* dir - mkdir along a path; flock. */
#define _GNU_SOURCE
#include "dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* A child that a killed daemon had just forked holds the daemon's locks until it sees that it is
 * alone, or becomes another program. */
enum { LOCK_WAIT_MS = 500, LOCK_STEP_MS = 10 };

enum rc
dir_make(const char *path, unsigned mode, struct diag *diag)
{
	char part[PATH_MAX];
	struct stat st;
	size_t len = strlen(path);
	int err;

	if (len == 0 || len >= sizeof(part)) {
		diag_set(diag, "path-length", "a path of %zu bytes; it takes 1 to %zu", len,
		    sizeof(part) - 1);
		return RC_LIMIT;
	}
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, i == len ? mode : 0755) == 0) {
			enum rc rc = file_dir_sync(part, diag);

			if (rc != RC_OK)
				return rc;
			continue;
		}
		err = errno;
		if (err == EEXIST)
			continue;
		if (stat(part, &st) == 0 && S_ISDIR(st.st_mode))
			continue;	/* a file system that may not be written, but has it */
		diag_set(diag, "directory", "cannot make %s: %s", part, strerror(err));
		return rc_from_errno(err);
	}
	return RC_OK;
}

enum rc
dir_make_for(const char *path, struct diag *diag)
{
	char dir[PATH_MAX];
	char *slash;

	if (strlen(path) >= sizeof(dir)) {
		diag_set(diag, "path-length", "a path of %zu bytes; at most %zu", strlen(path),
		    sizeof(dir) - 1);
		return RC_LIMIT;
	}
	(void)strcpy(dir, path);
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return RC_OK;
	*slash = '\0';
	return dir_make(dir, 0755, diag);
}

enum rc
lock_take(const char *path, const char *what, int *fd, struct diag *diag)
{
	/* For reading: a lock that is there can be had on a file system that may not be written. */
	*fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0) {
		diag_set(diag, "lock", "cannot open %s: %s", path, strerror(errno));
		return rc_from_errno(errno);
	}
	for (int waited = 0; waited < LOCK_WAIT_MS; waited += LOCK_STEP_MS) {
		if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
			return RC_OK;
		(void)usleep(LOCK_STEP_MS * 1000);
	}
	diag_set(diag, "in-use", "another daemon has the %s (%s is locked)", what, path);
	(void)close(*fd);
	*fd = -1;
	return RC_CONFLICT;
}
