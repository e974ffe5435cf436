/* SPDX-License-Identifier: Apache-2.0 */
/* state - generations in memory and in their directory. */
#define _GNU_SOURCE
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dir.h"
#include "file.h"
#include "log.h"

/* One more than is kept, while a new one is on its way to the NIC. */
enum { GENS_MAX = STATE_KEPT + 1, FILES_MAX = 64 };

#define FILE_BYTES_MAX ((size_t)256 << 20)

struct state {
	char dir[PATH_MAX - 64];
	int lock_fd;
	uint32_t highest;		/* number ever seen */
	struct gen *gens[GENS_MAX];	/* newest first */
	char damage[STATE_ALARM_BYTES];	/* found at the start; stays */
	char unsaved[STATE_ALARM_BYTES];	/* until a save works */
};

static void
path_of(const struct state *s, uint32_t number, const char *suffix, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/gen-%" PRIu32 "%s", s->dir, number, suffix);
}

static void
alarm_set(char alarm[STATE_ALARM_BYTES], const char *what, const struct diag *d)
{
	(void)snprintf(alarm, STATE_ALARM_BYTES, "%s%s%.300s", what, d->text[0] ? ": " : "",
	    d->text);
	log_err("state-alarm", "text=\"%s\"", alarm);
}

/* "gen-N" and the suffix, N without leading zeros. */
static bool
name_number(const char *name, const char *suffix, uint32_t *number)
{
	char again[64];
	unsigned long n;

	if (strncmp(name, "gen-", 4) != 0)
		return false;
	n = strtoul(name + 4, NULL, 10);
	(void)snprintf(again, sizeof(again), "gen-%lu%s", n, suffix);
	if (n == 0 || n > UINT32_MAX || strcmp(again, name) != 0)
		return false;
	*number = (uint32_t)n;
	return true;
}

static int
newest_first(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The numbers of the files with this suffix, newest first; where there are too many, of the
 * newest. */
static uint32_t
numbers_read(const struct state *s, const char *suffix, uint32_t numbers[FILES_MAX])
{
	DIR *d = opendir(s->dir);
	struct dirent *e;
	uint32_t count = 0, n;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!name_number(e->d_name, suffix, &n))
			continue;
		if (count < FILES_MAX)
			numbers[count++] = n;
		else if (n > numbers[FILES_MAX - 1])
			numbers[FILES_MAX - 1] = n;
		qsort(numbers, count, sizeof(numbers[0]), newest_first);
	}
	if (d != NULL)
		(void)closedir(d);
	return count;
}

static void
file_set_aside(struct state *s, uint32_t number, const struct diag *why)
{
	char path[PATH_MAX], bad[PATH_MAX], what[128];

	path_of(s, number, "", path);
	path_of(s, number, ".bad", bad);
	if (rename(path, bad) == 0)
		(void)snprintf(what, sizeof(what), "generation %" PRIu32
		    " on the disk is damaged, set aside as gen-%" PRIu32 ".bad", number, number);
	else
		(void)snprintf(what, sizeof(what), "generation %" PRIu32
		    " on the disk is damaged, and cannot be set aside", number);
	alarm_set(s->damage, what, why);
}

/* Those set aside are for a person to look at: the newest few of them. */
static void
bad_bound(const struct state *s)
{
	uint32_t numbers[FILES_MAX], count = numbers_read(s, ".bad", numbers);
	char path[PATH_MAX];

	for (uint32_t i = STATE_BAD_KEPT; i < count; i++) {
		path_of(s, numbers[i], ".bad", path);
		if (unlink(path) == 0)
			log_warn("state-bad-removed", "file=gen-%" PRIu32 ".bad kept=%d",
			    numbers[i], STATE_BAD_KEPT);
	}
}

/* RC_NOMEM says nothing about the file: no start is better than one without it. */
static enum rc
gen_read(struct state *s, uint32_t number, struct gen **out, struct diag *diag)
{
	char path[PATH_MAX];
	struct diag d = { 0 };
	uint8_t *p = NULL;
	size_t len;
	enum rc rc;

	path_of(s, number, "", path);
	rc = file_read_own(path, FILE_BYTES_MAX, &p, &len, &d);
	if (rc == RC_OK)
		rc = gen_decode(p, len, out, &d);
	free(p);
	if (rc == RC_OK && (*out)->number != number) {
		gen_destroy(out);
		rc = RC_INVALID;
	}
	if (rc == RC_OK)
		(*out)->saved = true;
	else if (rc == RC_NOMEM)
		diag_set(diag, "memory", "no memory to read %s", path);
	else
		file_set_aside(s, number, &d);
	return rc;
}

static enum rc
gens_read(struct state *s, struct diag *diag)
{
	uint32_t numbers[FILES_MAX], count, have = 0;

	count = numbers_read(s, ".new", numbers);
	for (uint32_t i = 0; i < count; i++) {
		char path[PATH_MAX];

		path_of(s, numbers[i], ".new", path);
		(void)unlink(path);
	}
	if (numbers_read(s, ".bad", numbers) > 0)
		s->highest = numbers[0];
	count = numbers_read(s, "", numbers);
	if (count > 0)
		s->highest = MAX(s->highest, numbers[0]);
	for (uint32_t i = 0; i < count && have < STATE_KEPT; i++) {
		enum rc rc = gen_read(s, numbers[i], &s->gens[have], diag);

		if (rc == RC_NOMEM)
			return rc;
		have += rc == RC_OK;
	}
	bad_bound(s);
	return RC_OK;
}

enum rc
state_open(const char *dir, int lock_fd, struct state **out, struct diag *diag)
{
	struct state *s = calloc(1, sizeof(*s));
	char lock[PATH_MAX];
	enum rc rc;

	*out = NULL;
	if (s == NULL)
		return RC_NOMEM;
	s->lock_fd = lock_fd;
	if (strlen(dir) >= sizeof(s->dir)) {
		diag_set(diag, "path-length", "the state directory's path is too long");
		rc = RC_LIMIT;
		goto fail;
	}
	(void)strcpy(s->dir, dir);
	rc = lock_fd >= 0 ? RC_OK : dir_make(dir, 0700, diag);
	if (rc == RC_OK && lock_fd < 0) {
		(void)snprintf(lock, sizeof(lock), "%s/lock", dir);
		rc = lock_take(lock, "state directory", &s->lock_fd, diag);
	}
	if (rc != RC_OK)
		goto fail;
	rc = gens_read(s, diag);
	if (rc != RC_OK)
		goto fail;
	*out = s;
	return RC_OK;
fail:
	state_close(&s);
	return rc;
}

int
state_lock_fd(const struct state *s)
{
	return s->lock_fd;
}

void
state_close(struct state **sp)
{
	struct state *s = *sp;

	if (s == NULL)
		return;
	for (int i = 0; i < GENS_MAX; i++)
		gen_destroy(&s->gens[i]);
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd);
	free(s);
	*sp = NULL;
}

struct gen *
state_gen(struct state *s, uint32_t i)
{
	return i < GENS_MAX ? s->gens[i] : NULL;
}

struct gen *
state_find(struct state *s, uint32_t number)
{
	for (int i = 0; i < GENS_MAX; i++)
		if (s->gens[i] != NULL && s->gens[i]->number == number)
			return s->gens[i];
	return NULL;
}

uint32_t
state_next(struct state *s, uint32_t floor)
{
	s->highest = MAX(s->highest, floor);
	CHECK(s->highest < UINT32_MAX);
	return ++s->highest;
}

static bool
gen_write(struct state *s, struct gen *g)
{
	struct diag d = { 0 };
	char path[PATH_MAX];
	uint8_t *p = NULL;
	size_t len;
	enum rc rc = gen_encode(g, &p, &len);

	path_of(s, g->number, "", path);
	if (rc == RC_OK)
		rc = file_replace(path, p, len, 0600, &d);
	free(p);
	if (rc != RC_OK)
		alarm_set(s->unsaved, "a generation cannot be saved", &d);
	else
		s->unsaved[0] = '\0';
	g->saved = rc == RC_OK;
	return g->saved;
}

bool
state_add(struct state *s, struct gen *g)
{
	CHECK(g->number > 0);
	gen_destroy(&s->gens[GENS_MAX - 1]);
	memmove(&s->gens[1], &s->gens[0], (GENS_MAX - 1) * sizeof(s->gens[0]));
	s->gens[0] = g;
	s->highest = MAX(s->highest, g->number);
	return gen_write(s, g);
}

void
state_drop_newest(struct state *s)
{
	char path[PATH_MAX];

	CHECK(s->gens[0] != NULL);
	path_of(s, s->gens[0]->number, "", path);
	(void)unlink(path);
	gen_destroy(&s->gens[0]);
	memmove(&s->gens[0], &s->gens[1], (GENS_MAX - 1) * sizeof(s->gens[0]));
	s->gens[GENS_MAX - 1] = NULL;
}

void
state_drop_above(struct state *s, uint32_t number)
{
	while (s->gens[0] != NULL && s->gens[0]->number > number)
		state_drop_newest(s);
}

void
state_save_again(struct state *s)
{
	for (int i = STATE_KEPT - 1; i >= 0; i--)
		if (s->gens[i] != NULL && !s->gens[i]->saved)
			(void)gen_write(s, s->gens[i]);
}

/* Whether the file of this number is worth one of the STATE_KEPT places on the disk. Those older
 * than memory were whole once, and wait for newer ones to be; others no NIC took. */
static bool
file_counts(struct state *s, uint32_t number)
{
	const struct gen *g = state_find(s, number);

	if (g != NULL)
		return g->saved;
	for (int i = 0; i < GENS_MAX; i++)
		if (s->gens[i] != NULL && number > s->gens[i]->number)
			return false;
	return true;
}

void
state_settle(struct state *s)
{
	uint32_t numbers[FILES_MAX], count = numbers_read(s, "", numbers), kept = 0;

	for (int i = STATE_KEPT; i < GENS_MAX; i++)
		gen_destroy(&s->gens[i]);
	for (uint32_t i = 0; i < count; i++) {
		char path[PATH_MAX];

		if (file_counts(s, numbers[i]) && kept < STATE_KEPT) {
			kept++;
			continue;
		}
		path_of(s, numbers[i], "", path);
		if (state_find(s, numbers[i]) == NULL || kept == STATE_KEPT)
			(void)unlink(path);
	}
}

const char *
state_alarm(const struct state *s)
{
	return s->unsaved[0] != '\0' ? s->unsaved : s->damage;
}
