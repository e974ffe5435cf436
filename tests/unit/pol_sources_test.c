/* SPDX-License-Identifier: Apache-2.0 */
/* pol_sources - reading a directory, what is refused there, and the bytes for the pipe. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pol.h"
#include "t.h"

enum { ARENA_BYTES_MAX = 256 << 20 };

static char root[256];

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
read_root(struct reading *r)
{
	T_OK(diags_init(&r->diags));
	arena_init(&r->arena, ARENA_BYTES_MAX);
	r->rc = pol_sources_read(root, &r->arena, &r->s, &r->diags);
	T_OK((r->rc == RC_OK) == (r->diags.errors == 0));
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
	return t_done();
}
