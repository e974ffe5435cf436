/* SPDX-License-Identifier: Apache-2.0 */
/* pol_sources - reading a directory, what is refused there, and the bytes for the pipe. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sys/syscall.h>

#include "pol.h"
#include "t.h"

enum { ARENA_BYTES_MAX = 256 << 20 };

static char root[256];

/* Done at the n-th look at a file, and at each of every after it. */
static struct meanwhile {
	void (*fn)(void);
	int at, every, looks;
} meanwhile;

/* In the place of the C library's: what others do while the directory is read. */
int
fstatat(int fd, const char *restrict path, struct stat *restrict st, int flags)
{
	struct meanwhile *m = &meanwhile;

	if (path[0] == '\0')	/* musl's fstat */
		return (int)syscall(SYS_newfstatat, fd, path, st, flags);
	m->looks++;
	if (m->fn != NULL && m->looks >= m->at && (m->looks == m->at || (m->every > 0 &&
	    (m->looks - m->at) % m->every == 0)))
		m->fn();
	return (int)syscall(SYS_newfstatat, fd, path, st, flags);
}

static void
put(const char *name, const void *p, size_t len)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	T_OK(fd >= 0 && write(fd, p, len) == (ssize_t)len);
	close(fd);
}

static void
put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void
subdir(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	T_OK(mkdir(path, 0755) == 0);
}

/* A fresh directory for each case. */
static void
begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(root, sizeof(root), "%s/pol.XXXXXX", tmp != NULL ? tmp : "/tmp");
	T_OK(mkdtemp(root) != NULL);
}

static void
end(void)
{
	char cmd[300];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	T_OK(system(cmd) == 0);
}

struct reading {
	struct pol_sources s;
	struct arena arena;
	struct diags diags;
	enum rc rc;
};

static void
read_root_within(struct reading *r, size_t cap_bytes)
{
	T_OK(diags_init(&r->diags));
	arena_init(&r->arena, cap_bytes);
	r->rc = pol_sources_read(root, &r->arena, &r->s, &r->diags);
	T_OK((r->rc == RC_OK) == (r->diags.errors == 0));
}

static void
read_root(struct reading *r)
{
	read_root_within(r, ARENA_BYTES_MAX);
}

static void
done(struct reading *r)
{
	arena_fini(&r->arena);
	diags_fini(&r->diags);
	end();
}

static void
refused(const char *code, const char *file)
{
	struct reading r;

	read_root(&r);
	T_OK(r.rc != RC_OK);
	if (T_OK(r.diags.count > 0)) {
		T_IS_STR(r.diags.items[0].code, code);
		T_IS_STR(r.diags.items[0].file, file);
	}
	done(&r);
}

static void
in_byte_order(void)
{
	static const char *const want[] = { "B.pol", "a-b.pol", "a.pol", "a/x.netset", "a/z.pol",
		"a0.pol" };
	struct pol_sources again;
	struct reading r;
	uint8_t *bytes;
	size_t len;

	begin();
	subdir("a");
	put_text("a0.pol", "-- 0");
	put_text("a/z.pol", "");
	put("a/x.netset", "\0\377", 2);
	put_text("a.pol", "-- a");
	put_text("B.pol", "-- B");
	put_text("a-b.pol", "-- a-b");
	read_root(&r);
	T_IS_INT(r.rc, RC_OK);
	if (T_IS_UINT(r.s.count, 6))
		for (uint32_t i = 0; i < 6; i++)
			T_IS_STR(r.s.items[i].path, want[i]);
	T_IS_INT(pol_sources_encode(&r.s, &r.arena, &bytes, &len), RC_OK);
	T_IS_INT(pol_sources_decode(bytes, len, &r.arena, &again), RC_OK);
	T_IS_UINT(again.count, 6);
	T_IS_MEM(again.items[3].text, "\0\377", 2);
	/* each shorter piece is refused */
	for (size_t cut = 0; cut < len; cut++)
		T_OK(pol_sources_decode(bytes, cut, &r.arena, &again) != RC_OK);
	done(&r);
}

static void
empty_directory(void)
{
	begin();
	refused("no-policy", root);
}

static void
only_below(void)
{
	begin();
	subdir("sub");
	put_text("sub/a.pol", "");
	put_text("a.txt", "");
	refused("no-policy", root);
}

static void
missing_directory(void)
{
	begin();
	T_OK(rmdir(root) == 0);
	refused("unreadable", root);
}

static void
symbolic_link(void)
{
	char path[512];

	begin();
	put_text("a.pol", "");
	snprintf(path, sizeof(path), "%s/b.pol", root);
	T_OK(symlink("/etc/passwd", path) == 0);
	refused("not-a-file", "b.pol");
}

static void
link_to_itself(void)
{
	char path[512];

	begin();
	put_text("a.pol", "");
	snprintf(path, sizeof(path), "%s/loop", root);
	T_OK(symlink(".", path) == 0);
	refused("not-a-file", "loop");
}

static void
fifo(void)
{
	char path[512];

	begin();
	put_text("a.pol", "");
	snprintf(path, sizeof(path), "%s/b.pol", root);
	T_OK(mkfifo(path, 0600) == 0);
	refused("not-a-file", "b.pol");
}

static void
unreadable(void)
{
	char path[512];

	if (geteuid() == 0)
		T_SKIP("root reads every file");
	begin();
	put_text("a.pol", "");
	snprintf(path, sizeof(path), "%s/a.pol", root);
	T_OK(chmod(path, 0) == 0);
	refused("unreadable", "a.pol");
}

struct bad_text {
	const char *name;
	const char *text;
	size_t len;
	const char *code, *message;
	uint32_t line, col;
};

static const struct bad_text bad_texts[] = {
	{ "NUL", "-- a\n--\0", 8, "encoding", "a NUL byte in the text", 2, 3 },
	{ "not UTF-8", "-- a\n-- \xc3(", 10, "encoding", "byte 0xc3 is not valid UTF-8", 2, 4 },
	{ "cut UTF-8", "-- \xe2\x82", 5, "encoding", "byte 0xe2 is not valid UTF-8", 1, 4 },
	{ "surrogate", "\xed\xa0\x80", 3, "encoding", "byte 0xed is not valid UTF-8", 1, 1 },
	{ "UTF-16", "\xff\xfe-\0", 4, "encoding", "the file is UTF-16: a policy is UTF-8", 1, 1 },
	{ "byte order mark", "\xef\xbb\xbf", 3, "encoding", "the file begins with a byte order "
	    "mark",
	    1, 1 },
	{ "bytecode", "\033LuaT\0", 6, "bytecode", "compiled Lua is refused: a policy is text", 1,
	    1 },
	{ "script line", "#!/bin/lua", 10, "encoding",
	    "the file begins with #: a policy is not a script", 1, 1 },
};

static void
bad_text(const struct bad_text *b)
{
	struct reading r;

	begin();
	put("a.pol", b->text, b->len);
	read_root(&r);
	T_OK(r.rc != RC_OK);
	if (T_OK(r.diags.count > 0)) {
		T_IS_STR(r.diags.items[0].code, b->code);
		T_IS_STR(r.diags.items[0].text, b->message);
		T_IS_UINT(r.diags.items[0].line, b->line);
		T_IS_UINT(r.diags.items[0].col, b->col);
	}
	done(&r);
}

/* One file of the largest size is read; one byte more is not. */
static void
file_size(void)
{
	char *text = malloc(POL_FILE_BYTES_MAX + 1);
	struct reading r;

	if (!T_OK(text != NULL))
		return;
	memset(text, ' ', POL_FILE_BYTES_MAX + 1);
	begin();
	put("a.pol", text, POL_FILE_BYTES_MAX);
	read_root(&r);
	T_IS_INT(r.rc, RC_OK);
	done(&r);
	begin();
	put("a.pol", text, POL_FILE_BYTES_MAX + 1);
	read_root(&r);
	T_IS_INT(r.rc, RC_LIMIT);
	done(&r);
	/* what is no policy may be longer */
	begin();
	put("a.pol", "", 0);
	put("l", text, POL_FILE_BYTES_MAX + 1);
	read_root(&r);
	T_IS_INT(r.rc, RC_OK);
	done(&r);
	free(text);
}

static void
too_many_files(void)
{
	struct reading r;
	char name[32];

	begin();
	for (int i = 0; i < POL_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "%04d.pol", i);
		put_text(name, "");
	}
	read_root(&r);
	T_IS_INT(r.rc, RC_OK);
	T_IS_UINT(r.s.count, POL_FILES_MAX);
	arena_fini(&r.arena);
	diags_fini(&r.diags);
	put_text("one-more", "");
	read_root(&r);
	T_IS_INT(r.rc, RC_LIMIT);
	T_IS_STR(r.diags.items[0].text, "1025 files or more in the policy directory; at most 1024");
	done(&r);
}

static void
deep_directories(void)
{
	char path[256] = "";

	begin();
	put_text("a.pol", "");
	for (int i = 0; i < 18; i++) {
		strcat(path, i == 0 ? "d" : "/d");
		subdir(path);
	}
	refused("limit", "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d");
}

/* --- while others write --- */

static void
append(void)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/b.pol", root);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, "--", 2) == 2);
	close(fd);
}

static void
overwrite(void)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/b.pol", root);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, "-- B", 4) == 4);
	close(fd);
}

static void
appear(void)
{
	put_text("c.pol", "-- c");
}

static void
vanish(void)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/b.pol", root);
	CHECK(unlink(path) == 0 || access(path, F_OK) != 0);
}

static void
replace(void)
{
	char from[512], to[512];

	put_text(".new", "-- r");
	snprintf(from, sizeof(from), "%s/.new", root);
	snprintf(to, sizeof(to), "%s/b.pol", root);
	CHECK(rename(from, to) == 0);
}

static void
tree(void)
{
	struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	begin();
	put_text("a.pol", "-- a");
	put_text("b.pol", "-- b");
	subdir("d");
	put_text("d/x.netset", "10.0.0.1");
	/* of long ago: two writes may fall into one tick of the file's clock */
	CHECK(chdir(root) == 0 && utimensat(AT_FDCWD, "b.pol", old, 0) == 0);
}

/* a.pol, b.pol, d, d/x.netset are looked at in this order, then the root and these once more. */
enum { LOOKS = 4, LOOKS_AGAIN = 5 };

struct change {
	const char *name;
	void (*fn)(void);
	const char *b;			/* what b.pol has at the end; NULL = it is gone */
	uint32_t files;
};

static const struct change changes[] = {
	{ "a file grows", append, "-- b--", 3 }, { "a file of one size", overwrite, "-- B", 3 },
	{ "a file comes", appear, "-- b", 4 }, { "a file goes", vanish, NULL, 2 },
	{ "a file is replaced", replace, "-- r", 3 },
};

/* Once, whenever that is before the last look at what changes: all is read anew. */
static void
changes_once(const struct change *c)
{
	for (int at = 1; at <= LOOKS + 1; at++) {
		const struct pol_source *b = NULL;
		struct reading r;

		tree();
		meanwhile = (struct meanwhile){ .fn = c->fn, .at = at };
		read_root(&r);
		meanwhile.fn = NULL;
		T_IS_INT(r.rc, RC_OK);
		T_IS_UINT(r.s.count, c->files);
		T_IS_UINT(r.diags.count, 0);
		for (uint32_t i = 0; i < r.s.count; i++)
			if (strcmp(r.s.items[i].path, "b.pol") == 0)
				b = &r.s.items[i];
		if (T_OK((b != NULL) == (c->b != NULL)) && b != NULL)
			T_IS_STR((const char *)b->text, c->b);
		T_OK(meanwhile.looks >= LOOKS + LOOKS_AGAIN);
		done(&r);
	}
}

/* Each time: refused, after so many tries, with the name of what changed. */
static void
changes_always(void)
{
	struct reading r;

	tree();
	meanwhile = (struct meanwhile){ .fn = append, .at = 2, .every = 1 };
	read_root(&r);
	meanwhile.fn = NULL;
	T_IS_INT(r.rc, RC_INVALID);
	if (T_IS_UINT(r.diags.count, 1)) {
		T_IS_STR(r.diags.items[0].code, "file-changed");
		T_IS_STR(r.diags.items[0].file, "b.pol");
		T_IS_STR(r.diags.items[0].text, "the file was written each of 4 times that the "
		    "policy directory was read");
	}
	T_OK(r.s.count == 0);
	done(&r);
}

/* What is read in vain takes no memory from what is read anew. */
static void
memory_of_one_reading(void)
{
	enum { CAP_BYTES = 1 << 20, LIST_BYTES = CAP_BYTES / 2 };
	struct reading r;
	char *list = malloc(LIST_BYTES + 1);

	CHECK(list != NULL);
	memset(list, '\n', LIST_BYTES);
	list[LIST_BYTES] = '\0';
	for (int at = 1; at <= LOOKS + 1; at++) {
		tree();
		put_text("d/x.netset", list);
		meanwhile = (struct meanwhile){ .fn = append, .at = at };
		read_root_within(&r, CAP_BYTES);
		meanwhile.fn = NULL;
		T_IS_INT(r.rc, RC_OK);
		T_OK(meanwhile.looks >= LOOKS + LOOKS_AGAIN);
		T_IS_UINT(r.s.count, 3);
		done(&r);
	}
	free(list);
}

/* The directory itself; and what else is wrong is not told of a tree that does not stand still. */
static void
names_change_always(void)
{
	struct reading r;
	char path[512];

	tree();
	snprintf(path, sizeof(path), "%s/link", root);
	T_OK(symlink("a.pol", path) == 0);
	meanwhile = (struct meanwhile){ .fn = replace, .at = 2, .every = 1 };
	read_root(&r);
	meanwhile.fn = NULL;
	T_IS_INT(r.rc, RC_INVALID);
	if (T_IS_UINT(r.diags.count, 1)) {
		T_IS_STR(r.diags.items[0].code, "file-changed");
		T_IS_STR(r.diags.items[0].file, root);
		T_OK(strstr(r.diags.items[0].text, "the directory was written") != NULL);
	}
	done(&r);
}

/* Nothing is looked at more than twice where nothing changes. */
static void
stands_still(void)
{
	struct reading r;

	tree();
	meanwhile.looks = 0;
	read_root(&r);
	T_IS_INT(r.rc, RC_OK);
	T_IS_INT(meanwhile.looks, LOOKS + LOOKS_AGAIN);
	done(&r);
}

int
main(void)
{
	T_RUN(in_byte_order);
	T_RUN(empty_directory);
	T_RUN(only_below);
	T_RUN(missing_directory);
	T_RUN(symbolic_link);
	T_RUN(link_to_itself);
	T_RUN(fifo);
	T_RUN(unreadable);
	T_ROWS(bad_texts, bad_text);
	T_RUN(file_size);
	T_RUN(too_many_files);
	T_RUN(deep_directories);
	T_ROWS(changes, changes_once);
	T_RUN(changes_always);
	T_RUN(memory_of_one_reading);
	T_RUN(names_change_always);
	T_RUN(stands_still);
	return t_done();
}
