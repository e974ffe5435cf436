/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights_landlock - files, TCP and signals closed by the kernel's Landlock, as much of it as the
 * running kernel has.
 *
 *     ABI 1  files: execute, read, write, list, make, remove      Linux 5.13
 *         2  rename and link across directories                         5.19
 *         3  truncate                                                   6.2
 *         4  TCP bind and connect                                       6.7
 *         5  ioctl on devices                                           6.10
 *         6  signals and abstract sockets to the outside                6.12
 *
 * Source: Documentation/userspace-api/landlock.rst. The structure grows at its end and its size
 * says which part the caller knows, so that the build's headers may be older than the kernel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rights_impl.h"

enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };

enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_MAKE_SOCK = 1 << 9,
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	FS_OF_FILE = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE
};

/* Every right that ABI n knows of, index n. */
static const uint32_t fs_all[] = { 0, (1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1, (1 << 15) - 1,
	(1 << 16) - 1 };

enum { NET_ALL = 3, SCOPE_ALL = 3 };	/* bind, connect; abstract sockets, signals */

struct ruleset {
	uint64_t fs, net, scope;
};

struct __attribute__((packed)) path_rule {
	uint64_t access;
	int32_t fd;
};
_Static_assert(sizeof(struct path_rule) == 12, "as the kernel reads it");

static uint64_t
fs_rights(unsigned access)
{
	uint64_t r = 0;

	if (access & RIGHTS_READ)
		r |= FS_READ_FILE;
	if (access & RIGHTS_LIST)
		r |= FS_READ_DIR;
	if (access & RIGHTS_WRITE)
		r |= FS_WRITE_FILE | FS_TRUNCATE;
	if (access & RIGHTS_MAKE)
		r |= FS_MAKE_REG | FS_MAKE_DIR | FS_MAKE_SOCK | FS_REMOVE_FILE | FS_REMOVE_DIR |
		    FS_REFER;
	return r;
}

static enum rc
rule_add(int ruleset, int fd, uint64_t access, const char *name, struct diag *diag)
{
	struct path_rule rule = { .access = access, .fd = fd };
	int err;

	if (access == 0 ||
	    syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0)
		return RC_OK;
	err = errno;
	diag_set(diag, "rights", "cannot keep access to %s: %s", name, strerror(err));
	return rc_from_errno(err);
}

static enum rc
path_add(int ruleset, uint64_t handled, const struct rights_path *path, struct diag *diag)
{
	uint64_t access = fs_rights(path->access) & handled;
	struct stat st;
	enum rc rc;
	int fd;

	fd = open(path->path, O_PATH | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && (path->access & RIGHTS_OPTIONAL))
		return RC_OK;
	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = rc_from_errno(errno);
		diag_set(diag, "rights", "cannot open %s: %s", path->path, strerror(errno));
	} else
		rc = rule_add(ruleset, fd, S_ISDIR(st.st_mode) ? access : access & FS_OF_FILE,
		    path->path, diag);
	if (fd >= 0)
		close(fd);
	return rc;
}

static enum rc
rules_add(int ruleset, uint64_t handled, const struct rights_spec *spec, struct diag *diag)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < spec->path_count && rc == RC_OK; i++)
		rc = path_add(ruleset, handled, &spec->paths[i], diag);
	if (rc == RC_OK && spec->exec_fd >= 0)
		rc = rule_add(ruleset, spec->exec_fd, FS_EXECUTE | FS_READ_FILE, "the own binary",
		    diag);
	return rc;
}

enum rc
rights_landlock(const struct rights_spec *spec, int abi_max, uint32_t *active, int *abi,
    struct diag *diag)
{
	struct ruleset rs = { 0 };
	size_t size = sizeof(rs.fs);
	uint32_t layers = RIGHTS_LANDLOCK;
	enum rc rc;
	long v, fd;

	CHECK(abi_max >= 1);
	*active = 0;
	*abi = 0;
	v = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	if (v < 1)
		return RC_OK;
	*abi = (int)v;
	v = MIN(v, abi_max);
	rs.fs = fs_all[MIN((size_t)v, ARRAY_LEN(fs_all) - 1)];
	if (v >= 4) {
		rs.net = NET_ALL;
		size = offsetof(struct ruleset, scope);
		layers |= RIGHTS_LANDLOCK_NET;
	}
	if (v >= 6) {
		rs.scope = SCOPE_ALL;
		size = sizeof(rs);
		layers |= RIGHTS_LANDLOCK_SCOPE;
	}
	fd = syscall(SYS_landlock_create_ruleset, &rs, size, 0);
	if (fd < 0) {
		diag_set(diag, "rights", "cannot make a Landlock ruleset: %s", strerror(errno));
		return rc_from_errno(errno);
	}
	rc = rules_add((int)fd, rs.fs, spec, diag);
	if (rc == RC_OK && syscall(SYS_landlock_restrict_self, fd, 0) != 0) {
		rc = rc_from_errno(errno);
		diag_set(diag, "rights", "cannot enter the Landlock ruleset: %s", strerror(errno));
	}
	close((int)fd);
	if (rc == RC_OK)
		*active = layers;
	return rc;
}
