/* SPDX-License-Identifier: Apache-2.0 */
/* file - whole files in, whole files out. */
#define _GNU_SOURCE
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc
fail(struct diag *diag, const char *what, const char *path)
{
	int err = errno;

	diag_set(diag, "io", "cannot %s %s: %s", what, path, strerror(err));
	return rc_from_errno(err);
}

static enum rc
fd_read_to(int fd, uint8_t *buf, size_t want, size_t *got)
{
	*got = 0;
	while (*got < want) {
		ssize_t n = read(fd, buf + *got, want - *got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rc_from_errno(errno);
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return RC_OK;
}

/* Whether fd is as it was before it was read. */
static bool
is_unchanged(int fd, const struct stat *was)
{
	struct stat is;

	return fstat(fd, &is) == 0 && is.st_size == was->st_size &&
	    is.st_mtim.tv_sec == was->st_mtim.tv_sec &&
	    is.st_mtim.tv_nsec == was->st_mtim.tv_nsec;
}

static enum rc
read_from(int dirfd, const char *path, bool own, size_t max_bytes, uint8_t **out, size_t *len,
    struct diag *diag)
{
	enum rc rc = RC_OK;
	uint8_t *buf = NULL;
	struct stat st;
	size_t got = 0;
	int fd;

	*out = NULL;
	*len = 0;
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return fail(diag, "open", path);
	if (fstat(fd, &st) != 0) {
		rc = fail(diag, "stat", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		diag_set(diag, "not-regular", "%s is not a regular file", path);
		rc = RC_INVALID;
		goto out;
	}
	if (own && (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)) {
		diag_set(diag, "file-owner", "%s: others could have written it (uid %u, mode %04o)",
		    path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777u);
		rc = RC_DENIED;
		goto out;
	}
	if (st.st_size < 0 || (uintmax_t)st.st_size > max_bytes) {
		diag_set(diag, "file-size", "%s has %jd bytes; the limit is %zu", path,
		    (intmax_t)st.st_size, max_bytes);
		rc = RC_LIMIT;
		goto out;
	}
	/* one byte more than allowed, so that a file that grows is seen */
	buf = malloc(max_bytes < (size_t)st.st_size + 1 ? max_bytes + 2 : (size_t)st.st_size + 2);
	if (buf == NULL) {
		diag_set(diag, "memory", "no memory to read %s", path);
		rc = RC_NOMEM;
		goto out;
	}
	rc = fd_read_to(fd, buf, (size_t)st.st_size + 1, &got);
	if (rc != RC_OK) {
		diag_set(diag, "io", "cannot read %s", path);
		goto out;
	}
	if (got != (size_t)st.st_size || !is_unchanged(fd, &st)) {
		diag_set(diag, "file-changed", "%s was written while it was read", path);
		rc = RC_AGAIN;
		goto out;
	}
	buf[got] = 0;
	*out = buf;
	*len = got;
	buf = NULL;
out:
	free(buf);
	close(fd);
	return rc;
}

enum rc
file_read(int dirfd, const char *path, size_t max_bytes, uint8_t **out, size_t *len,
    struct diag *diag)
{
	return read_from(dirfd, path, false, max_bytes, out, len, diag);
}

enum rc
file_read_own(const char *path, size_t max_bytes, uint8_t **out, size_t *len, struct diag *diag)
{
	return read_from(AT_FDCWD, path, true, max_bytes, out, len, diag);
}

enum rc
fd_write_all(int fd, const void *p, size_t len)
{
	const uint8_t *b = p;

	while (len > 0) {
		ssize_t n = write(fd, b, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;	/* a disk that takes nothing and says nothing */
		if (n <= 0)
			return rc_from_errno(errno);
		b += n;
		len -= (size_t)n;
	}
	return RC_OK;
}

enum rc
file_dir_sync(const char *path, struct diag *diag)
{
	char dir[PATH_MAX];
	char *slash;
	int fd;
	enum rc rc = RC_OK;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		snprintf(dir, sizeof(dir), ".");
	else
		slash[slash == dir ? 1 : 0] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(diag, "open", dir);
	if (fsync(fd) != 0)
		rc = fail(diag, "sync", dir);
	close(fd);
	return rc;
}

enum rc
file_replace(const char *path, const void *p, size_t len, unsigned mode, struct diag *diag)
{
	char tmp[PATH_MAX];
	struct stat st;
	enum rc rc;
	int fd;

	/* a rename would put a file in the place of a device, or of a link to one */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		diag_set(diag, "not-a-file", "%s is there, and is no plain file", path);
		return RC_INVALID;
	}
	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp)) {
		diag_set(diag, "path-length", "path too long: %s", path);
		return RC_LIMIT;
	}
	if (unlink(tmp) != 0 && errno != ENOENT)
		return fail(diag, "remove", tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return fail(diag, "create", tmp);
	rc = fd_write_all(fd, p, len);
	if (rc != RC_OK)
		rc = fail(diag, "write", tmp);
	else if (fsync(fd) != 0)
		rc = fail(diag, "sync", tmp);
	if (close(fd) != 0 && rc == RC_OK)
		rc = fail(diag, "close", tmp);
	if (rc == RC_OK && rename(tmp, path) != 0)
		rc = fail(diag, "rename", tmp);
	if (rc != RC_OK) {
		unlink(tmp);
		return rc;
	}
	return file_dir_sync(path, diag);
}
