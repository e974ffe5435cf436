/* SPDX-License-Identifier: Apache-2.0 */
/* state_test - generations on the disk: kept, found again, and each of their bytes damaged. */
#include "t.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "image.h"
#include "state.h"

static char dir[256];

static void
dir_begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/state-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		abort();
}

static void
dir_end(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[600];

	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(dir);
}

/* One local IP, everything denied; a rule that differs by salt. */
static struct gen *
gen_make(uint32_t number, uint32_t salt)
{
	static struct image_symbol symbol = { .rule_id = 5, .file = "a.pol", .line = 3, .col = 1,
		.segment = "web", .why = "", .is_default = true, .counter = WIRE_COUNTER_NONE };
	struct image_list list = { .deflt = { .verdict = WIRE_DROP, .mode = WIRE_ENFORCE,
		.counter = WIRE_COUNTER_NONE, .rule_id = 5 } };
	struct image_table table = { .local = { .lo = 0x0a000001 + salt, .family = 4 } };
	struct image_input in = { .lists = &list, .list_count = 1, .tables = &table,
		.table_count = 1, .unsegmented = WIRE_PASS, .non_ip = WIRE_PASS };
	struct gen *g = calloc(1, sizeof(*g));
	struct diag d = { 0 };

	if (g == NULL || image_encode(&in, &g->image, &g->image_len, &d) != RC_OK) {
		printf("# %s\n", d.text);
		abort();
	}
	sha256(g->image, g->image_len, g->sha256);
	image_info_get(g->image, g->image_len, &g->info);
	g->number = number;
	g->sources = malloc(4);
	memcpy(g->sources, "text", 4);
	g->sources_len = 4;
	arena_init(&g->arena, 1 << 20);
	g->symbols.items = arena_memdup(&g->arena, &symbol, sizeof(symbol));
	g->symbols.count = 1;
	g->symbols.generation = number;
	memcpy(g->symbols.image_sha256, g->sha256, SHA256_BYTES);
	return g;
}

static struct state *
open_state(void)
{
	struct state *s = NULL;
	struct diag d = { 0 };

	if (state_open(dir, -1, &s, &d) != RC_OK) {
		printf("# %s\n", d.text);
		abort();
	}
	return s;
}

static bool
there(const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void
test_kept(void)
{
	struct state *s;

	dir_begin();
	s = open_state();
	T_OK(state_gen(s, 0) == NULL);
	T_IS_UINT(state_next(s, 0), 1);
	for (uint32_t i = 1; i <= 4; i++) {
		T_OK(state_add(s, gen_make(i, i)));
		T_IS_UINT(state_gen(s, 0)->number, i);
		state_settle(s);
	}
	T_OK(!there("gen-1") && !there("gen-2") && there("gen-3") && there("gen-4"));
	state_close(&s);
	s = open_state();
	T_IS_STR(state_alarm(s), "");
	T_IS_UINT(state_gen(s, 0)->number, 4);
	T_IS_UINT(state_gen(s, 1)->number, 3);
	T_OK(state_gen(s, 2) == NULL);
	T_IS_MEM(state_gen(s, 0)->sources, "text", 4);
	T_IS_STR(image_symbol_find(&state_find(s, 3)->symbols, 5)->file, "a.pol");
	T_OK(state_find(s, 2) == NULL);
	T_IS_UINT(state_next(s, 0), 5);
	T_IS_UINT(state_next(s, 100), 101);
	state_close(&s);
	dir_end();
}

/* What no NIC took leaves nothing, but its number is used up. */
static void
test_dropped(void)
{
	struct state *s;

	dir_begin();
	s = open_state();
	T_OK(state_add(s, gen_make(state_next(s, 0), 1)));
	T_OK(state_add(s, gen_make(state_next(s, 0), 2)));
	state_drop_newest(s);
	T_OK(there("gen-1") && !there("gen-2"));
	T_IS_UINT(state_gen(s, 0)->number, 1);
	T_IS_UINT(state_next(s, 0), 3);
	T_OK(state_add(s, gen_make(3, 2)));
	T_OK(state_add(s, gen_make(4, 3)));
	state_drop_above(s, 4);
	T_OK(there("gen-4"));
	state_drop_above(s, 1);
	T_OK(there("gen-1") && !there("gen-3") && !there("gen-4"));
	T_IS_UINT(state_gen(s, 0)->number, 1);
	T_OK(state_gen(s, 1) == NULL);
	state_close(&s);
	dir_end();
}

static void
test_locked(void)
{
	struct state *s, *other = NULL;
	struct diag d = { 0 };

	dir_begin();
	s = open_state();
	T_IS_INT(state_open(dir, -1, &other, &d), RC_CONFLICT);
	T_OK(other == NULL);
	T_IS_STR(d.code, "in-use");
	state_close(&s);
	s = open_state();
	T_OK(s != NULL);
	state_close(&s);
	dir_end();
}

/* Each byte of a file changed in turn, and each length: never taken for good. */
static void
test_damaged(void)
{
	struct gen *g = gen_make(7, 1), *back;
	struct diag d = { 0 };
	uint8_t *p, *cut;
	size_t len;

	if (!T_IS_INT(gen_encode(g, &p, &len), RC_OK))
		return;
	T_IS_INT(gen_decode(p, len, &back, &d), RC_OK);
	T_IS_UINT(back->number, 7);
	T_OK(gen_same_symbols(g, back));
	gen_destroy(&back);
	for (size_t i = 0; i < len; i++) {
		p[i] ^= (uint8_t)(1u << (i % 8));
		T_OK(gen_decode(p, len, &back, &d) != RC_OK && back == NULL);
		p[i] ^= (uint8_t)(1u << (i % 8));
	}
	for (size_t n = 0; n < len; n += n < 100 ? 1 : 37) {
		cut = malloc(n + 1);
		memcpy(cut, p, n);
		T_OK(gen_decode(cut, n, &back, &d) != RC_OK && back == NULL);
		free(cut);
	}
	free(p);
	gen_destroy(&g);
}

static void
name_make(char path[600], const char *name)
{
	snprintf(path, 600, "%s/%s", dir, name);
}

/* The newest is damaged: the one before serves, the alarm says so, the number is not used again. */
static void
test_previous(void)
{
	char path[600];
	struct state *s;
	int fd;

	dir_begin();
	s = open_state();
	T_OK(state_add(s, gen_make(1, 1)));
	T_OK(state_add(s, gen_make(2, 2)));
	state_close(&s);
	snprintf(path, sizeof(path), "%s/gen-2", dir);
	fd = open(path, O_RDWR);
	T_OK(pwrite(fd, "x", 1, 100) == 1);
	close(fd);
	s = open_state();
	T_OK(strstr(state_alarm(s), "generation 2 on the disk is damaged") != NULL);
	T_IS_UINT(state_gen(s, 0)->number, 1);
	T_OK(there("gen-2.bad") && !there("gen-2"));
	T_IS_UINT(state_next(s, 0), 3);
	state_close(&s);
	dir_end();
}

/* Damage again and again: the newest few that were set aside stay. */
static void
test_set_aside(void)
{
	char path[600], name[32];
	struct state *s;

	dir_begin();
	for (int i = 1; i <= 9; i++) {
		snprintf(name, sizeof(name), "gen-%d%s", i, i < 8 ? ".bad" : "");
		name_make(path, name);
		T_IS_INT(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	}
	s = open_state();
	T_OK(state_gen(s, 0) == NULL);
	for (int i = 1; i <= 9; i++) {
		snprintf(name, sizeof(name), "gen-%d.bad", i);
		T_IS_INT(there(name), i > 9 - STATE_BAD_KEPT);
	}
	T_IS_UINT(state_next(s, 0), 10);
	state_close(&s);
	dir_end();
}

/* A directory where nothing can be written: the alarm, and memory goes on. */
static void
test_unsaved(void)
{
	struct state *s;
	char path[600];

	dir_begin();
	s = open_state();
	snprintf(path, sizeof(path), "%s/gen-1", dir);
	T_IS_INT(mkdir(path, 0700), 0);	/* rename onto a directory fails, for root too */
	T_OK(!state_add(s, gen_make(1, 1)));
	T_OK(strstr(state_alarm(s), "cannot be saved") != NULL);
	T_IS_UINT(state_gen(s, 0)->number, 1);
	T_OK(state_add(s, gen_make(2, 2)));
	T_IS_STR(state_alarm(s), "");
	state_close(&s);
	rmdir(path);
	dir_end();
}

/* Whatever fails to be saved, and however often: the last whole file stays, and it is saved when
 * that works again. */
static void
test_unsaved_often(void)
{
	struct state *s;
	char path[600], name[32];

	dir_begin();
	s = open_state();
	T_OK(state_add(s, gen_make(1, 1)));
	T_OK(state_add(s, gen_make(2, 2)));
	state_settle(s);
	for (uint32_t i = 3; i <= 7; i++) {
		snprintf(name, sizeof(name), "gen-%u.new", i);
		name_make(path, name);
		T_IS_INT(mkdir(path, 0700), 0);	/* cannot be removed as a file */
		T_OK(!state_add(s, gen_make(i, i)));
		state_settle(s);
		T_OK(there("gen-2") && there("gen-1"));
		T_IS_UINT(state_gen(s, 0)->number, i);
	}
	for (uint32_t i = 3; i <= 7; i++) {
		snprintf(name, sizeof(name), "gen-%u.new", i);
		name_make(path, name);
		rmdir(path);
	}
	state_save_again(s);
	T_IS_STR(state_alarm(s), "");
	state_settle(s);
	T_OK(!there("gen-1") && !there("gen-2") && there("gen-6") && there("gen-7"));
	state_close(&s);
	s = open_state();
	T_IS_UINT(state_gen(s, 0)->number, 7);
	T_IS_UINT(state_gen(s, 1)->number, 6);
	state_close(&s);
	dir_end();
}

/* Gives file N a fault; the generation before serves, and the file is set aside. */
static void
odd_file(const char *what, void (*make)(const char *path))
{
	struct state *s;
	char path[600], bad[600];

	dir_begin();
	s = open_state();
	T_OK(state_add(s, gen_make(1, 1)));
	T_OK(state_add(s, gen_make(2, 2)));
	state_close(&s);
	name_make(path, "gen-2");
	name_make(bad, "gen-2.bad");
	make(path);
	s = open_state();
	if (!T_OK(strstr(state_alarm(s), "set aside as gen-2.bad") != NULL))
		printf("# %s\n", what);
	T_IS_UINT(state_gen(s, 0)->number, 1);
	T_OK(state_gen(s, 1) == NULL);
	T_OK(access(path, F_OK) != 0);
	state_close(&s);
	s = open_state();	/* its number stays used, also for the next daemon */
	T_IS_STR(state_alarm(s), "");
	T_IS_UINT(state_next(s, 0), 3);
	state_close(&s);
	if (unlink(bad) != 0)
		rmdir(bad);
	dir_end();
}

static void
make_empty(const char *path)
{
	T_IS_INT(truncate(path, 0), 0);
}

static void
make_huge(const char *path)
{
	T_IS_INT(truncate(path, (off_t)1 << 40), 0);
}

static void
make_link(const char *path)
{
	char to[700];

	snprintf(to, sizeof(to), "%s.elsewhere", path);
	T_IS_INT(rename(path, to), 0);
	T_IS_INT(symlink(to, path), 0);
}

static void
make_fifo(const char *path)
{
	T_IS_INT(unlink(path), 0);
	T_IS_INT(mkfifo(path, 0600), 0);
}

static void
make_dir(const char *path)
{
	T_IS_INT(unlink(path), 0);
	T_IS_INT(mkdir(path, 0700), 0);
}

static void
make_foreign(const char *path)
{
	T_IS_INT(chown(path, geteuid() + 1000, (gid_t)-1), 0);
}

static void
make_writable(const char *path)
{
	T_IS_INT(chmod(path, 0620), 0);
}

static void
test_odd_files(void)
{
	odd_file("empty", make_empty);
	odd_file("huge", make_huge);
	odd_file("symbolic link", make_link);
	odd_file("fifo", make_fifo);
	odd_file("directory", make_dir);
	odd_file("writable by others", make_writable);
	if (geteuid() == 0)
		odd_file("of another user", make_foreign);
	else
		printf("# not root: no file of another user\n");
}

/* What a crash left on its way is removed; a crowd of old files hides none that is new. */
static void
test_left_over(void)
{
	struct state *s;
	char path[600], name[32];

	dir_begin();
	s = open_state();
	T_OK(state_add(s, gen_make(500, 1)));
	state_close(&s);
	name_make(path, "gen-501.new");
	T_IS_INT(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	for (int i = 1; i <= 70; i++) {
		snprintf(name, sizeof(name), "gen-%d", i);
		name_make(path, name);
		T_IS_INT(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	}
	s = open_state();
	T_IS_UINT(state_gen(s, 0)->number, 500);
	T_OK(!there("gen-501.new"));
	state_close(&s);
	dir_end();
}

int
main(void)
{
	T_RUN(test_kept);
	T_RUN(test_dropped);
	T_RUN(test_locked);
	T_RUN(test_damaged);
	T_RUN(test_previous);
	T_RUN(test_set_aside);
	T_RUN(test_unsaved);
	T_RUN(test_unsaved_often);
	T_RUN(test_odd_files);
	T_RUN(test_left_over);
	return t_done();
}
