/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softnic_store - one file, its former self, and a thread that waits for the disk.
 *
 * A write makes the good newest file path.prev (by a link, so that path never misses), then
 * replaces path. A newest file that was found damaged is not kept that way: path.prev is then
 * the better one. The thread reads the bank while the firmware leaves it alone.
 */
#include "softnic_store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "file.h"
#include "hash.h"
#include "wire_verdict.h"

enum { PATH_BYTES = 4096, STORE_VERSION = 1 };

#define STORE_MAGIC 0x4d494652u		/* "RFIM" */

/*
 *     0       4         8            12       16        24       56       60
 *    +-------+---------+------------+--------+---------+--------+--------+----------+
 *    | magic | version | generation | length | wall_ns | SHA256 | CRC32C | reserved |
 *    +-------+---------+------------+--------+---------+--------+--------+----------+
 */
struct store_hdr {
	le32 magic, version, generation, len;
	le64 wall_ns;
	uint8_t sha256[32];
	le32 crc32c;			/* of the 56 bytes before */
	le32 reserved;			/* 0 */
};
_Static_assert(sizeof(struct store_hdr) == 64, "store header");

enum { HDR_SUMMED = offsetof(struct store_hdr, crc32c) };

struct softnic_store {
	char path[PATH_BYTES], prev[PATH_BYTES + 8], link[PATH_BYTES + 8];
	bool newest_good;		/* path was read or written well */
	bool running;			/* thread is to be joined */
	atomic_bool ended;
	int fd;				/* eventfd */
	pthread_t thread;
	struct fw_record record;
	const uint8_t *image;
	enum rc rc;
	struct diag diag;
};

enum rc
softnic_store_open(const char *path, struct softnic_store **out, struct diag *diag)
{
	struct softnic_store *s;

	*out = NULL;
	if (strlen(path) == 0 || strlen(path) >= PATH_BYTES) {
		diag_set(diag, "nic-store", "image path of %zu bytes; it takes 1 to %d",
		    strlen(path), PATH_BYTES - 1);
		return RC_LIMIT;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return RC_NOMEM;
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->fd < 0) {
		enum rc rc = rc_from_errno(errno);

		free(s);
		return rc;
	}
	(void)snprintf(s->path, sizeof(s->path), "%s", path);
	(void)snprintf(s->prev, sizeof(s->prev), "%s.prev", path);
	(void)snprintf(s->link, sizeof(s->link), "%s.link", path);
	*out = s;
	return RC_OK;
}

static void
thread_end(struct softnic_store *s)
{
	uint64_t count;

	CHECK(s->running);
	CHECK(pthread_join(s->thread, NULL) == 0);
	s->running = false;
	s->newest_good = s->newest_good || s->rc == RC_OK;
	(void)!read(s->fd, &count, sizeof(count));
}

void
softnic_store_close(struct softnic_store **s)
{
	struct softnic_store *t = *s;

	*s = NULL;
	if (t == NULL)
		return;
	if (t->running)
		thread_end(t);
	(void)close(t->fd);
	free(t);
}

int
softnic_store_fd(const struct softnic_store *s)
{
	return s->fd;
}

const struct diag *
softnic_store_diag(const struct softnic_store *s)
{
	return &s->diag;
}

/* Checks everything but the image's structure, which is the firmware's to judge. */
static enum rc
file_judge(const char *path, const uint8_t *p, size_t len, size_t bank_bytes,
    struct fw_record *record, struct diag *diag)
{
	struct store_hdr h;
	uint8_t digest[SHA256_BYTES];
	const char *what = NULL;

	if (len < sizeof(h)) {
		diag_set(diag, "store-damaged", "%s: %zu bytes, shorter than its header", path,
		    len);
		return RC_TRUNC;
	}
	memcpy(&h, p, sizeof(h));
	if (le32_get(h.magic) != STORE_MAGIC)
		what = "not a stored image";
	else if (le32_get(h.version) != STORE_VERSION)
		what = "unknown version";
	else if (crc32c(0, p, HDR_SUMMED) != le32_get(h.crc32c) || le32_get(h.reserved) != 0)
		what = "header damaged";
	else if (le32_get(h.len) != len - sizeof(h) || le32_get(h.len) == 0)
		what = "length differs from its header";
	else if (le32_get(h.len) > bank_bytes)
		what = "larger than this NIC's memory";
	else if (le32_get(h.generation) == 0)
		what = "generation 0";
	if (what == NULL) {
		sha256(p + sizeof(h), len - sizeof(h), digest);
		if (memcmp(digest, h.sha256, sizeof(digest)) != 0)
			what = "SHA-256 differs";
	}
	if (what != NULL) {
		diag_set(diag, "store-damaged", "%s: %s", path, what);
		return RC_INVALID;
	}
	record->generation = le32_get(h.generation);
	record->len = le32_get(h.len);
	record->wall_ns = le64_get(h.wall_ns);
	memcpy(record->sha256, h.sha256, sizeof(record->sha256));
	return RC_OK;
}

static enum rc
file_take(const char *path, uint8_t *bank, size_t bank_bytes, struct fw_record *record,
    struct diag *diag)
{
	uint8_t *p = NULL;
	size_t len = 0;
	enum rc rc;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return RC_AGAIN;
	rc = file_read_own(path, WIRE_IMAGE_BYTES_MAX + sizeof(struct store_hdr), &p, &len, diag);
	if (rc != RC_OK)
		return rc == RC_AGAIN ? RC_IO : rc;
	rc = file_judge(path, p, len, bank_bytes, record, diag);
	if (rc == RC_OK)
		memcpy(bank, p + sizeof(struct store_hdr), record->len);
	free(p);
	return rc;
}

enum rc
softnic_store_read(struct softnic_store *s, uint8_t *bank, size_t bank_bytes,
    struct fw_record *record, bool *used_prev, struct diag *diag)
{
	struct diag ignored;
	enum rc rc, prev;

	CHECK(!s->running);
	*used_prev = false;
	memset(record, 0, sizeof(*record));
	rc = file_take(s->path, bank, bank_bytes, record, diag);
	s->newest_good = rc == RC_OK;
	if (rc == RC_OK)
		return rc;
	prev = file_take(s->prev, bank, bank_bytes, record, &ignored);
	if (prev != RC_OK)
		return rc == RC_AGAIN && prev != RC_AGAIN ? prev : rc;
	if (rc == RC_AGAIN)
		diag_set(diag, "store-damaged", "%s: is missing", s->path);
	*used_prev = true;
	return RC_OK;
}

static enum rc
newest_keep(struct softnic_store *s)
{
	(void)unlink(s->link);
	if (link(s->path, s->link) < 0 || rename(s->link, s->prev) < 0) {
		enum rc rc = rc_from_errno(errno);

		diag_set(&s->diag, "nic-store", "%s: cannot keep the former image: %s", s->path,
		    strerror(errno));
		return rc;
	}
	return RC_OK;
}

static enum rc
file_put(struct softnic_store *s)
{
	size_t len = sizeof(struct store_hdr) + s->record.len;
	struct store_hdr h = { .magic = le32_put(STORE_MAGIC), .version = le32_put(STORE_VERSION),
		.generation = le32_put(s->record.generation), .len = le32_put(s->record.len),
		.wall_ns = le64_put(s->record.wall_ns) };
	uint8_t *p = malloc(len);
	enum rc rc = RC_OK;

	if (p == NULL) {
		diag_set(&s->diag, "nic-store", "no memory to store %u bytes", s->record.len);
		return RC_NOMEM;
	}
	memcpy(h.sha256, s->record.sha256, sizeof(h.sha256));
	h.crc32c = le32_put(crc32c(0, &h, HDR_SUMMED));
	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), s->image, s->record.len);
	if (s->newest_good)
		rc = newest_keep(s);
	if (rc == RC_OK)
		rc = file_replace(s->path, p, len, 0600, &s->diag);
	free(p);
	return rc;
}

static void *
thread_main(void *arg)
{
	struct softnic_store *s = arg;
	uint64_t one = 1;

	s->rc = file_put(s);
	atomic_store(&s->ended, true);
	(void)!write(s->fd, &one, sizeof(one));
	return NULL;
}

static enum fw_store
thread_begin(struct softnic_store *s, const struct fw_record *record, const uint8_t *image)
{
	sigset_t all, before;
	int err;

	s->record = *record;
	s->image = image;
	s->diag = (struct diag) { 0 };
	atomic_store(&s->ended, false);
	/* Signals are the main thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&s->thread, NULL, thread_main, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err != 0) {
		diag_set(&s->diag, "nic-store", "no thread to store with: %s", strerror(err));
		return FW_STORE_FAILED;
	}
	s->running = true;
	return FW_STORE_PENDING;
}

enum fw_store
softnic_store_write(void *arg, const struct fw_record *record, const uint8_t *image)
{
	struct softnic_store *s = arg;

	if (!s->running)
		return thread_begin(s, record, image);
	CHECK(s->image == image && s->record.generation == record->generation);
	if (!atomic_load(&s->ended))
		return FW_STORE_PENDING;
	thread_end(s);
	return s->rc == RC_OK ? FW_STORE_DONE : FW_STORE_FAILED;
}
