/* SPDX-License-Identifier: Apache-2.0 */
/* softnic_store_test - what was stored comes back, or its former self, or nothing; never damage. */
#include "softnic_store.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "hash.h"

#include "t.h"

enum { IMAGE = 4096, HDR = 64, BANK = 8192 };

static char dir[64], path[96], prev[104];
static uint8_t image[IMAGE], bank[BANK];

static enum fw_store
put(struct softnic_store *s, uint32_t generation)
{
	struct fw_record r = { .generation = generation, .len = IMAGE, .wall_ns = 99 };
	struct pollfd p = { .fd = softnic_store_fd(s), .events = POLLIN };
	enum fw_store done;

	memset(image, (int)generation, sizeof(image));
	sha256(image, sizeof(image), r.sha256);
	done = softnic_store_write(s, &r, image);
	if (done == FW_STORE_PENDING) {
		T_OK(poll(&p, 1, 10000) == 1);
		done = softnic_store_write(s, &r, image);
	}
	return done;
}

static enum rc
get(struct softnic_store *s, uint32_t *generation, bool *used_prev)
{
	struct fw_record r;
	struct diag d = { 0 };
	enum rc rc;

	memset(bank, 0xee, sizeof(bank));
	rc = softnic_store_read(s, bank, sizeof(bank), &r, used_prev, &d);
	*generation = r.generation;
	if (rc == RC_OK) {
		T_OK(r.len == IMAGE && r.wall_ns == 99);
		T_OK(bank[0] == (uint8_t)r.generation && bank[IMAGE - 1] == bank[0]);
	}
	T_OK((rc == RC_OK && !*used_prev) || rc == RC_AGAIN || d.text[0] != '\0');
	return rc;
}

static struct softnic_store *
opened(void)
{
	struct softnic_store *s = NULL;
	struct diag d = { 0 };

	T_IS_INT(softnic_store_open(path, &s, &d), RC_OK);
	return s;
}

static void
comes_back(void)
{
	struct softnic_store *s = opened();
	uint32_t g;
	bool p;

	T_IS_INT(get(s, &g, &p), RC_AGAIN);
	T_IS_INT(put(s, 3), FW_STORE_DONE);
	T_OK(access(prev, F_OK) < 0);
	T_IS_INT(put(s, 4), FW_STORE_DONE);
	softnic_store_close(&s);
	s = opened();
	T_IS_INT(get(s, &g, &p), RC_OK);
	T_OK(g == 4 && !p);
	T_IS_INT(rename(prev, path), 0);
	T_IS_INT(get(s, &g, &p), RC_OK);
	T_OK(g == 3 && !p);
	T_IS_INT(put(s, 4), FW_STORE_DONE);
	softnic_store_close(&s);
}

static void
flip(const char *file, off_t at, uint8_t mask)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	uint8_t b;

	CHECK(fd >= 0 && pread(fd, &b, 1, at) == 1);
	b ^= mask;
	CHECK(pwrite(fd, &b, 1, at) == 1);
	(void)close(fd);
}

/* M5: each bit of the header, one of each byte of the image: the former file is used. */
static void
damaged(void)
{
	struct softnic_store *s = opened();
	uint32_t g, wrong = 0;
	bool p;

	for (off_t at = 0; at < HDR + IMAGE; at++) {
		for (int bit = at < HDR ? 0 : at & 7; bit < (at < HDR ? 8 : (at & 7) + 1); bit++) {
			flip(path, at, (uint8_t)(1 << bit));
			wrong += get(s, &g, &p) != RC_OK || g != 3 || !p;
			flip(path, at, (uint8_t)(1 << bit));
		}
	}
	T_IS_UINT(wrong, 0);
	T_IS_INT(get(s, &g, &p), RC_OK);
	T_OK(g == 4 && !p);
	/* Damage of the newest is not made the former one. */
	flip(path, 100, 1);
	T_IS_INT(get(s, &g, &p), RC_OK);
	T_OK(g == 3 && p);
	T_IS_INT(put(s, 5), FW_STORE_DONE);
	flip(path, 100, 1);
	T_IS_INT(get(s, &g, &p), RC_OK);
	T_OK(g == 3 && p);
	flip(prev, 100, 1);
	T_IS_INT(get(s, &g, &p), RC_INVALID);
	T_IS_INT(unlink(prev), 0);
	T_IS_INT(get(s, &g, &p), RC_INVALID);
	flip(path, 100, 1);
	T_IS_INT(get(s, &g, &p), RC_OK);
	T_IS_UINT(g, 5);
	softnic_store_close(&s);
}

static void
cut_and_odd(void)
{
	struct softnic_store *s = opened();
	uint32_t g, wrong = 0;
	bool p;

	T_IS_INT(get(s, &g, &p), RC_OK);
	T_IS_INT(put(s, 6), FW_STORE_DONE);
	for (off_t len = HDR + IMAGE - 1; len >= 0; len -= len > HDR + 1 ? 61 : 1) {
		T_OK(truncate(path, len) == 0);
		wrong += get(s, &g, &p) != RC_OK || g != 5 || !p;
	}
	T_IS_UINT(wrong, 0);
	T_IS_INT(unlink(path), 0);
	T_IS_INT(get(s, &g, &p), RC_OK);
	T_OK(g == 5 && p);
	T_IS_INT(symlink(prev, path), 0);
	T_IS_INT(get(s, &g, &p), RC_OK);
	T_OK(g == 5 && p);
	T_IS_INT(unlink(path), 0);
	T_IS_INT(rename(prev, path), 0);
	softnic_store_close(&s);
}

static void
cannot_write(void)
{
	struct softnic_store *s = NULL;
	struct diag d = { 0 };
	char name[5000];

	T_IS_INT(softnic_store_open("/nonexistent/dir/image", &s, &d), RC_OK);
	T_IS_INT(put(s, 3), FW_STORE_FAILED);
	T_OK(softnic_store_diag(s)->text[0] != '\0');
	T_IS_INT(put(s, 3), FW_STORE_FAILED);
	softnic_store_close(&s);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	T_IS_INT(softnic_store_open(name, &s, &d), RC_LIMIT);
	T_IS_INT(softnic_store_open("", &s, &d), RC_LIMIT);
	T_OK(s == NULL);
}

/* Too small a bank: told, not cut. */
static void
small_bank(void)
{
	struct softnic_store *s = opened();
	struct fw_record r;
	struct diag d = { 0 };
	bool p;

	T_IS_INT(softnic_store_read(s, bank, IMAGE - 1, &r, &p, &d), RC_INVALID);
	T_OK(strstr(d.text, "larger") != NULL);
	softnic_store_close(&s);
}

int
main(void)
{
	char command[160];

	(void)snprintf(dir, sizeof(dir), "/tmp/rf-store.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/image", dir);
	(void)snprintf(prev, sizeof(prev), "%s.prev", path);
	T_RUN(comes_back);
	T_RUN(damaged);
	T_RUN(cut_and_odd);
	T_RUN(cannot_write);
	T_RUN(small_bank);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
	return t_done();
}
