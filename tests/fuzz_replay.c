/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_replay - the main of a fuzz target in a normal test run.
 * Does:    gives the target the empty input, then every file of tests/data/corpus/NAME, whole and
 *          cut at a few lengths; NAME is the program's name without _fuzz. TAP on stdout.
 * Errors:  a target that finds something aborts; the last "# input" line says on what.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_BYTES_MAX = 16 * 1024 * 1024, CUTS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Each input in a block of its own exact size, so that a sanitizer sees one byte beyond. */
static void
give(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static int
replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(INPUT_BYTES_MAX);
	size_t len;

	if (f == NULL || data == NULL) {
		free(data);
		if (f != NULL)
			fclose(f);
		return -1;
	}
	len = fread(data, 1, INPUT_BYTES_MAX, f);
	fclose(f);
	give(data, len);
	for (size_t i = 1; i < CUTS && len >= CUTS; i++)
		give(data, len / CUTS * i);
	free(data);
	return 0;
}

static int
visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int
main(int argc, char **argv)
{
	const char *base = strrchr(argv[0], '/');
	struct dirent **names = NULL;
	char dir[PATH_MAX / 2];
	char path[PATH_MAX];
	int len;
	int count;
	int bad = 0;

	(void)argc;
	base = base != NULL ? base + 1 : argv[0];
	len = (int)strlen(base);
	if (len > 5 && strcmp(base + len - 5, "_fuzz") == 0)
		len -= 5;
	snprintf(dir, sizeof(dir), "tests/data/corpus/%.*s", len, base);
	printf("# input: empty\n");
	fflush(stdout);
	give(NULL, 0);
	printf("ok 1 - empty input\n");
	count = scandir(dir, &names, visible, alphasort);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		printf("# input: %s\n", path);
		fflush(stdout);
		if (replay(path) != 0)
			bad++;
		printf("%sok %d - %s\n", bad != 0 ? "not " : "", i + 2, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	if (count <= 0) {
		printf("not ok 2 - no corpus in %s\n1..2\n", dir);
		return 1;
	}
	printf("1..%d\n", count + 1);
	return bad != 0;
}
