/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - whole files: read with a bound, replaced so that a crash leaves old or new.
 * Errors:  rc from errno at the call; diag (optional) names the path, the bound and the value.
 */
#ifndef FILE_H
#define FILE_H

#include "base.h"
#include "diag.h"
#include "rc.h"

/* Reads a regular file (no link, at the last component) of at most max_bytes.
 * *out is malloc'ed, one NUL past *len; the caller frees. On error *out is NULL. */
MUST_CHECK enum rc file_read(int dirfd, const char *path, size_t max_bytes, uint8_t **out,
    size_t *len, struct diag *diag);

/* The same, of a file that only this process's user could have written; else RC_DENIED. */
MUST_CHECK enum rc file_read_own(const char *path, size_t max_bytes, uint8_t **out, size_t *len,
    struct diag *diag);

/* Writes path anew: temporary file beside it, fsync, rename, fsync of the directory. RC_INVALID if
 * path is a link, a device or another thing that is no plain file. */
MUST_CHECK enum rc file_replace(const char *path, const void *p, size_t len, unsigned mode,
    struct diag *diag);

/* The directory that path stands in goes to the disk: what was made, renamed or removed in it. */
MUST_CHECK enum rc file_dir_sync(const char *path, struct diag *diag);

/* All of p, over short writes and EINTR. */
MUST_CHECK enum rc fd_write_all(int fd, const void *p, size_t len);

#endif
