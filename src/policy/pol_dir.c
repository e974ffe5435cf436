/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_dir - the policy directory, read as it stood at one moment.
 * Does:    every regular file at or below the directory, in byte order of its path; opens each with
 *          O_NOFOLLOW below its parent's descriptor, so that a link cannot lead out.
 *          A file half copied is no policy: each file and directory is looked at before and after
 *          all of them were read, and where one has changed all is read anew, TRIES times at most.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "pol_ctx.h"
#include "str.h"

enum {
	TRIES = 4, PAUSE_MS = 5,	/* between two of them */
	DEPTH_MAX = 16,			/* of sub-directories */
	ENTRIES_MAX = 4096		/* of one directory, whatever they are */
};

/* A file or directory as it was before it was read. */
struct seen {
	const char *path;		/* "" = the policy directory */
	struct stat st;
};

struct reading {
	struct arena *a;
	struct diags *diags;
	POL_VEC(struct pol_source) items;
	POL_VEC(struct seen) seen;
	size_t bytes;
	const char *root;
};

/* Other files may be lists of addresses, which are longer than what people write. */
static size_t
bytes_max(const char *path)
{
	return pol_path_is_policy(path) ? POL_FILE_BYTES_MAX : POL_LIST_BYTES_MAX;
}

static void
refuse(struct reading *r, const char *path, const char *code, const char *what)
{
	struct diag d;
	size_t len, at;
	bool utf8;

	diag_set(&d, code, "%s", what);
	diag_place(&d, path[0] == '\0' ? r->root : path, 0, 0);
	len = strlen(d.file);
	utf8 = utf8_check(d.file, len) == len;
	for (size_t i = 0; i < len && !utf8; i++)
		if ((unsigned char)d.file[i] > 0x7f)
			d.file[i] = '?';
	while ((at = control_find(d.file, len)) < len)
		memset(d.file + at, '?', (unsigned char)d.file[at] == 0xc2 ? 2 : 1);
	diags_add(r->diags, &d);
}

/* What pol_path_is_plain has against it. */
static const char *
path_fault(const char *path)
{
	size_t len = strlen(path);

	return len > POL_PATH_BYTES_MAX ? "a path of more than 4096 bytes" :
	    utf8_check(path, len) != len ? "a name that is not UTF-8" :
	    "a name with control characters";
}

/* --- what has changed --- */

static bool
see(struct reading *r, const char *path, const struct stat *st)
{
	if (!pol_vec_room(r->a, &r->seen.items, r->seen.count, &r->seen.cap,
	    sizeof(*r->seen.items)))
		return false;
	r->seen.items[r->seen.count++] = (struct seen){ .path = path, .st = *st };
	return true;
}

static bool
times_equal(const struct timespec *x, const struct timespec *y)
{
	return x->tv_sec == y->tv_sec && x->tv_nsec == y->tv_nsec;
}

/* The same file, and nothing was written to it since; of a directory, nothing came or went. */
static bool
is_unchanged(int root, const struct seen *s)
{
	struct stat st;

	if (fstatat(root, s->path[0] == '\0' ? "." : s->path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	return st.st_dev == s->st.st_dev && st.st_ino == s->st.st_ino &&
	    st.st_mode == s->st.st_mode && st.st_size == s->st.st_size &&
	    times_equal(&st.st_mtim, &s->st.st_mtim) && times_equal(&st.st_ctim, &s->st.st_ctim);
}

/* The first that is not what it was; NULL = all are. */
static const char *
changed_find(const struct reading *r, int root)
{
	for (uint32_t i = 0; i < r->seen.count; i++)
		if (!is_unchanged(root, &r->seen.items[i]))
			return r->seen.items[i].path;
	return NULL;
}

/* --- reading --- */

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The entries of an open directory, sorted; hidden ones too. Takes fd. */
static enum rc
list_dir(struct reading *r, int fd, const char *path, char ***out, size_t *count)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	char **names;
	size_t n = 0;
	enum rc rc = RC_OK;

	if (dir == NULL) {
		close(fd);
		return RC_NOMEM;
	}
	names = arena_array(r->a, ENTRIES_MAX, sizeof(*names));
	if (names == NULL)
		rc = RC_NOMEM;
	while (rc == RC_OK && (e = readdir(dir)) != NULL) {
		/* as in the shell's *.pol: .git, and what editors lock and save beside a file */
		if (e->d_name[0] == '.')
			continue;
		if (n == ENTRIES_MAX) {
			refuse(r, path, "limit", "more than 4096 entries in this directory");
			rc = RC_LIMIT;
			break;
		}
		names[n] = arena_strdup(r->a, e->d_name);
		if (names[n++] == NULL)
			rc = RC_NOMEM;
	}
	closedir(dir);
	if (rc != RC_OK)
		return rc;
	qsort(names, n, sizeof(*names), name_cmp);
	*out = names;
	*count = n;
	return RC_OK;
}

static enum rc
add_file(struct reading *r, int dirfd, const char *name, const char *path)
{
	struct pol_source *s;
	uint8_t *text = NULL;
	struct diag d;
	size_t len = 0;
	enum rc rc;

	rc = file_read(dirfd, name, bytes_max(path), &text, &len, &d);
	if (rc == RC_NOMEM)
		return rc;	/* told once, for all */
	if (rc != RC_OK) {
		diag_place(&d, path, 0, 0);
		diags_add(r->diags, &d);
		return rc;
	}
	if (r->items.count == POL_FILES_MAX || len > POL_SOURCES_BYTES_MAX - r->bytes) {
		if (r->items.count == POL_FILES_MAX)
			diag_set(&d, "limit", "%d files or more in the policy directory; at most "
			    "%d", POL_FILES_MAX + 1, POL_FILES_MAX);
		else
			diag_set(&d, "limit", "%zu bytes or more in the policy directory; at most "
			    "%d", r->bytes + len, POL_SOURCES_BYTES_MAX);
		diags_add(r->diags, &d);
		free(text);
		return RC_LIMIT;
	}
	rc = RC_NOMEM;
	if (pol_vec_room(r->a, &r->items.items, r->items.count, &r->items.cap,
	    sizeof(*r->items.items))) {
		s = &r->items.items[r->items.count];
		s->path = path;
		s->text = arena_memdup(r->a, text, len + 1);
		s->len = len;
		if (s->text != NULL) {
			r->items.count++;
			r->bytes += len;
			rc = RC_OK;
		}
	}
	free(text);
	if (rc == RC_OK && pol_path_is_policy(path) && !pol_text_check(s, &d)) {
		diags_add(r->diags, &d);
		rc = RC_INVALID;
	}
	return rc;
}

/* Told errors are RC_INVALID and do not stop the reading; others do. */
static enum rc read_dir(struct reading *r, int fd, const char *path, unsigned depth);

static enum rc
read_entry(struct reading *r, int dirfd, const char *name, const char *path, unsigned depth)
{
	struct stat st;
	int fd;

	CHECK(name != NULL && path != NULL);
	if (!pol_path_is_plain(path, strlen(path))) {
		refuse(r, path, "bad-path", path_fault(path));
		return RC_INVALID;
	}
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		refuse(r, path, "unreadable", strerror(errno));
		return RC_INVALID;
	}
	if (!see(r, path, &st))
		return RC_NOMEM;
	if (S_ISREG(st.st_mode))
		return add_file(r, dirfd, name, path);
	if (!S_ISDIR(st.st_mode)) {
		refuse(r, path, "not-a-file", S_ISLNK(st.st_mode) ?
		    "a symbolic link; the policy directory holds plain files only" :
		    "a special file; the policy directory holds plain files only");
		return RC_INVALID;
	}
	if (depth >= DEPTH_MAX) {
		refuse(r, path, "limit", "directories nest deeper than 16");
		return RC_LIMIT;
	}
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		refuse(r, path, "unreadable", strerror(errno));
		return RC_INVALID;
	}
	return read_dir(r, fd, path, depth + 1);
}

/* Takes fd. */
static enum rc
read_dir(struct reading *r, int fd, const char *path, unsigned depth)
{
	char **names = NULL;
	size_t count = 0;
	enum rc rc, worst = RC_OK;
	int keep = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	CHECK(fd >= 0);
	if (keep < 0) {
		rc = rc_from_errno(errno);
		close(fd);
		return rc;
	}
	rc = list_dir(r, fd, path, &names, &count);
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		const char *sub = path[0] == '\0' ? names[i] :
		    arena_printf(r->a, "%s/%s", path, names[i]);

		rc = sub == NULL ? RC_NOMEM : read_entry(r, keep, names[i], sub, depth);
		if (rc == RC_INVALID || rc == RC_IO || rc == RC_DENIED) {
			worst = RC_INVALID;
			rc = RC_OK;
		}
	}
	close(keep);
	return rc != RC_OK ? rc : worst;
}

/* Once. What is read or told of a tree that changed meanwhile is worth nothing, and gone: a tree as
 * large as there may be is read in the memory of one. */
static enum rc
read_root(struct reading *r, int fd)
{
	struct stat st;
	struct diag d;
	enum rc rc;
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (again < 0)
		return rc_from_errno(errno);
	arena_reset(r->a);
	memset(&r->items, 0, sizeof(r->items));
	memset(&r->seen, 0, sizeof(r->seen));
	r->bytes = 0;
	rc = fstat(fd, &st) != 0 ? rc_from_errno(errno) : see(r, "", &st) ? RC_OK : RC_NOMEM;
	if (rc != RC_OK) {
		close(again);
		return rc;
	}
	rc = read_dir(r, again, "", 0);
	if (rc == RC_NOMEM) {
		diag_set(&d, "memory", "no memory to read the policy directory");
		diags_add(r->diags, &d);
	}
	return rc;
}

/* Until nothing has changed from before the first file was read to after the last. */
static enum rc
read_still(struct reading *r, int fd)
{
	const uint32_t count = r->diags->count, errors = r->diags->errors,
	    warnings = r->diags->warnings;
	const char *changed;
	struct diag d;

	for (int tries = 1;; tries++) {
		enum rc rc = read_root(r, fd);

		changed = rc == RC_NOMEM ? NULL : changed_find(r, fd);
		if (changed == NULL)
			return rc;
		r->diags->count = count;
		r->diags->errors = errors;
		r->diags->warnings = warnings;
		if (tries == TRIES)
			break;
		(void)poll(NULL, 0, PAUSE_MS);
	}
	diag_set(&d, "file-changed", "%s was written each of %d times that the policy directory "
	    "was read", changed[0] != '\0' ? "the file" : "the directory", TRIES);
	diag_hint(&d, "write a file beside it, hidden by a leading dot, and rename it");
	diag_place(&d, changed[0] != '\0' ? changed : r->root, 0, 0);
	diags_add(r->diags, &d);
	return RC_INVALID;
}

enum rc
pol_sources_read(const char *dir, struct arena *a, struct pol_sources *out, struct diags *diags)
{
	struct reading r = { .a = a, .diags = diags, .root = dir };
	bool any = false;
	struct diag d;
	enum rc rc;
	int fd;

	CHECK(dir != NULL && out != NULL && a->used_bytes == 0);
	memset(out, 0, sizeof(*out));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		rc = rc_from_errno(errno);
		diag_set(&d, "unreadable", "cannot open the policy directory: %s", strerror(errno));
		diag_place(&d, dir, 0, 0);
		diags_add(diags, &d);
		return rc;
	}
	rc = read_still(&r, fd);
	close(fd);
	if (rc != RC_OK)
		return rc;
	if (r.items.count > 0)
		qsort(r.items.items, r.items.count, sizeof(*r.items.items), pol_source_cmp);
	for (uint32_t i = 0; i < r.items.count; i++)
		any = any || (pol_path_is_policy(r.items.items[i].path) &&
		    strchr(r.items.items[i].path, '/') == NULL);
	if (!any) {
		diag_set(&d, "no-policy", "no .pol file in the policy directory");
		diag_place(&d, dir, 0, 0);
		diags_add(diags, &d);
		return RC_INVALID;
	}
	out->items = r.items.items;
	out->count = r.items.count;
	return RC_OK;
}

