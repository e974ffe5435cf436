/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_sources - the policy directory as bytes: read, checked, carried over a pipe.
 * Does:    every regular file at or below the directory, in byte order of its path; opens each with
 *          O_NOFOLLOW below its parent's descriptor, so that a link cannot lead out.
 * Shape:   encoded: "RFS1", count, then per file path length, text length, path, text; integers
 *          little-endian u32.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "file.h"
#include "pol_ctx.h"
#include "str.h"

enum {
	DEPTH_MAX = 16,			/* of sub-directories */
	ENTRIES_MAX = 4096	/* of one directory, whatever they are */
};

static const uint8_t magic[4] = { 'R', 'F', 'S', '1' };

struct reading {
	struct arena *a;
	struct diags *diags;
	POL_VEC(struct pol_source) items;
	size_t bytes;
	const char *root;
};

/* --- text ------------------------------------------------------------------------------------ */

static void
place_at(const struct pol_source *s, size_t at, struct diag *d)
{
	uint32_t line = 1;
	size_t begin = 0;

	CHECK(at <= s->len);
	for (size_t i = 0; i < at; i++) {
		if (s->text[i] == '\n') {
			line++;
			begin = i + 1;
		}
	}
	diag_place(d, s->path, line, (uint32_t)(at - begin + 1));
}

bool
pol_text_check(const struct pol_source *s, struct diag *d)
{
	static const uint8_t bom[3] = { 0xef, 0xbb, 0xbf };
	const uint8_t *nul;
	size_t good;

	CHECK(s->text != NULL || s->len == 0);
	if (s->len > POL_FILE_BYTES_MAX) {
		diag_set(d, "limit", "a file of %zu bytes; at most %d", s->len, POL_FILE_BYTES_MAX);
		diag_place(d, s->path, 0, 0);
		return false;
	}
	if (s->len > 0 && s->text[0] == 0x1b) {
		diag_set(d, "bytecode", "compiled Lua is refused: a policy is text");
	} else if (s->len >= 2 && ((s->text[0] == 0xff && s->text[1] == 0xfe) ||
	    (s->text[0] == 0xfe && s->text[1] == 0xff))) {
		diag_set(d, "encoding", "the file is UTF-16: a policy is UTF-8");
	} else if (s->len >= 3 && memcmp(s->text, bom, 3) == 0) {
		diag_set(d, "encoding", "the file begins with a byte order mark");
		diag_hint(d, "save it as UTF-8 without a mark");
	} else if (s->len > 0 && s->text[0] == '#') {
		diag_set(d, "encoding", "the file begins with #: a policy is not a script");
		diag_hint(d, "comments begin with --");
	} else {
		nul = s->len == 0 ? NULL : memchr(s->text, 0, s->len);
		good = utf8_check(s->text, s->len);
		if (nul != NULL && (size_t)(nul - s->text) < good) {
			diag_set(d, "encoding", "a NUL byte in the text");
			good = (size_t)(nul - s->text);
		} else if (good < s->len) {
			diag_set(d, "encoding", "byte 0x%02x is not valid UTF-8", s->text[good]);
		} else {
			return true;
		}
		place_at(s, good, d);
		return false;
	}
	diag_place(d, s->path, 1, 1);
	return false;
}

static bool
path_is_plain(const char *path, size_t len)
{
	if (len == 0 || len > POL_PATH_BYTES_MAX || utf8_check(path, len) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
			return false;
	return true;
}

/* What path_is_plain has against it. */
static const char *
path_fault(const char *path)
{
	size_t len = strlen(path);

	return len > POL_PATH_BYTES_MAX ? "a path of more than 4096 bytes" :
	    utf8_check(path, len) != len ? "a name that is not UTF-8" :
	    "a name with control characters";
}

static bool
is_policy(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".pol") == 0;
}

/* Other files may be lists of addresses, which are longer than what people write. */
static size_t
bytes_max(const char *path)
{
	return is_policy(path) ? POL_FILE_BYTES_MAX : POL_LIST_BYTES_MAX;
}

/* --- reading --------------------------------------------------------------------------------- */

static void
refuse(struct reading *r, const char *path, const char *code, const char *what)
{
	struct diag d;
	bool utf8;

	diag_set(&d, code, "%s", what);
	diag_place(&d, path[0] == '\0' ? r->root : path, 0, 0);
	utf8 = utf8_check(d.file, strlen(d.file)) == strlen(d.file);
	for (char *p = d.file; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || (!utf8 && (unsigned char)*p > 0x7f))
			*p = '?';
	diags_add(r->diags, &d);
}

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
	if (rc == RC_OK && is_policy(path) && !pol_text_check(s, &d)) {
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
	if (!path_is_plain(path, strlen(path))) {
		refuse(r, path, "bad-path", path_fault(path));
		return RC_INVALID;
	}
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		refuse(r, path, "unreadable", strerror(errno));
		return RC_INVALID;
	}
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

static int
source_cmp(const void *a, const void *b)
{
	const struct pol_source *x = a, *y = b;

	return strcmp(x->path, y->path);
}

enum rc
pol_sources_read(const char *dir, struct arena *a, struct pol_sources *out, struct diags *diags)
{
	struct reading r = { .a = a, .diags = diags, .root = dir };
	bool any = false;
	struct diag d;
	enum rc rc;
	int fd;

	CHECK(dir != NULL && out != NULL);
	memset(out, 0, sizeof(*out));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		rc = rc_from_errno(errno);
		diag_set(&d, "unreadable", "cannot open the policy directory: %s", strerror(errno));
		diag_place(&d, dir, 0, 0);
		diags_add(diags, &d);
		return rc;
	}
	rc = read_dir(&r, fd, "", 0);
	if (rc == RC_NOMEM) {
		diag_set(&d, "memory", "no memory to read the policy directory");
		diags_add(diags, &d);
	}
	if (rc != RC_OK)
		return rc;
	if (r.items.count > 0)
		qsort(r.items.items, r.items.count, sizeof(*r.items.items), source_cmp);
	for (uint32_t i = 0; i < r.items.count; i++)
		any = any || (is_policy(r.items.items[i].path) &&
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

/* Neither absolute, nor out of the directory, nor a name that reading one passes over. */
static bool
path_is_below(const char *path)
{
	const char *part = path;

	for (;;) {
		size_t n = strcspn(part, "/");

		if (n == 0 || part[0] == '.')
			return false;
		if (part[n] == '\0')
			return true;
		part += n + 1;
	}
}

/* What is no policy is read by who names it: only its size is looked at here. */
static bool
list_check(const struct pol_source *s, struct diag *d)
{
	if (s->len <= POL_LIST_BYTES_MAX)
		return true;
	diag_set(d, "limit", "a file of %zu bytes; at most %d", s->len, POL_LIST_BYTES_MAX);
	diag_place(d, s->path, 0, 0);
	return false;
}

bool
pol_sources_check(struct pol_sources *s, struct diag *d)
{
	bool any = false;

	if (s->count > 0)
		qsort(s->items, s->count, sizeof(*s->items), source_cmp);
	for (uint32_t i = 0; i < s->count; i++) {
		const struct pol_source *f = &s->items[i];

		if (!path_is_plain(f->path, strlen(f->path)) || !path_is_below(f->path) ||
		    (i > 0 && strcmp(s->items[i - 1].path, f->path) == 0)) {
			diag_set(d, "bad-path", "file %u has a path that is too long, not plain, "
			    "or another file's", i + 1);
			return false;
		}
		if (is_policy(f->path) ? !pol_text_check(f, d) : !list_check(f, d))
			return false;
		any = any || (is_policy(f->path) && strchr(f->path, '/') == NULL);
	}
	if (!any)
		diag_set(d, "no-policy", "no .pol file at the top");
	return any;
}

/* --- over the pipe --------------------------------------------------------------------------- */

enum rc
pol_sources_encode(const struct pol_sources *s, struct arena *a, uint8_t **out, size_t *len)
{
	size_t total = sizeof(magic) + 4;
	struct wr w;

	*out = NULL;
	*len = 0;
	if (s->count > POL_FILES_MAX)
		return RC_LIMIT;
	for (uint32_t i = 0; i < s->count; i++) {
		CHECK(s->items[i].len <= POL_LIST_BYTES_MAX);
		if (!size_add(total, 8 + strlen(s->items[i].path) + s->items[i].len, &total))
			return RC_LIMIT;
	}
	*out = arena_alloc(a, total);
	if (*out == NULL)
		return RC_NOMEM;
	wr_init(&w, *out, total);
	wr_bytes(&w, magic, sizeof(magic));
	wr_le32(&w, s->count);
	for (uint32_t i = 0; i < s->count; i++) {
		size_t n = strlen(s->items[i].path);

		wr_le32(&w, (uint32_t)n);
		wr_le32(&w, (uint32_t)s->items[i].len);
		wr_bytes(&w, s->items[i].path, n);
		wr_bytes(&w, s->items[i].text, s->items[i].len);
	}
	CHECK(!w.failed && w.pos == total);
	*len = total;
	return RC_OK;
}

static enum rc
decode_file(struct rd *r, struct arena *a, struct pol_source *out)
{
	uint32_t path_len = rd_le32(r), text_len = rd_le32(r);
	const uint8_t *path, *text;
	char *copy;
	uint8_t *body;

	if (r->failed)
		return RC_TRUNC;
	if (text_len > POL_LIST_BYTES_MAX)
		return RC_LIMIT;
	path = rd_bytes(r, path_len);
	text = rd_bytes(r, text_len);
	if (r->failed)
		return RC_TRUNC;
	if (!path_is_plain((const char *)path, path_len))
		return RC_INVALID;
	copy = arena_alloc(a, (size_t)path_len + 1);
	body = arena_alloc(a, (size_t)text_len + 1);
	if (copy == NULL || body == NULL)
		return RC_NOMEM;
	memcpy(copy, path, path_len);
	if (text_len > 0)
		memcpy(body, text, text_len);
	out->path = copy;
	out->text = body;
	out->len = text_len;
	return RC_OK;
}

enum rc
pol_sources_decode(const uint8_t *p, size_t len, struct arena *a, struct pol_sources *out)
{
	const uint8_t *head;
	size_t bytes = 0;
	uint32_t count;
	struct rd r;

	CHECK(p != NULL || len == 0);
	memset(out, 0, sizeof(*out));
	rd_init(&r, p, len);
	head = rd_bytes(&r, sizeof(magic));
	count = rd_le32(&r);
	if (r.failed)
		return RC_TRUNC;
	if (memcmp(head, magic, sizeof(magic)) != 0)
		return RC_INVALID;
	if (count > POL_FILES_MAX)
		return RC_LIMIT;
	out->items = arena_array(a, count, sizeof(*out->items));
	if (out->items == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct pol_source *s = &out->items[i];
		enum rc rc = decode_file(&r, a, s);

		if (rc == RC_OK && i > 0 && strcmp(out->items[i - 1].path, s->path) >= 0)
			rc = RC_INVALID;
		bytes += rc == RC_OK ? s->len : 0;
		if (rc == RC_OK && bytes > POL_SOURCES_BYTES_MAX)
			rc = RC_LIMIT;
		if (rc != RC_OK)
			return rc;
	}
	if (!rd_done(&r))
		return RC_INVALID;
	out->count = count;
	return RC_OK;
}
