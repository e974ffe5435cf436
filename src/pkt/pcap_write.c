/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_write - frames into a pcap file with nanosecond times, little-endian. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "file.h"
#include "pcap.h"

enum {
	BUFFER_BYTES = 64 << 10,
	FILE_HDR_BYTES = 24,
	RECORD_HDR_BYTES = 16
};

struct pcap_writer {
	int fd;
	size_t used;
	char path[96];
	uint8_t buf[BUFFER_BYTES];
};

static void
header_put(struct pcap_writer *w)
{
	struct wr out;

	wr_init(&out, w->buf, sizeof(w->buf));
	wr_le32(&out, 0xa1b23c4d);
	wr_le16(&out, 2);
	wr_le16(&out, 4);
	wr_zero(&out, 8);
	wr_le32(&out, PCAP_FRAME_BYTES_MAX);
	wr_le32(&out, PCAP_LINK_ETHERNET);
	CHECK(!out.failed && out.pos == FILE_HDR_BYTES);
	w->used = out.pos;
}

enum rc
pcap_writer_open(const char *path, struct pcap_writer **out, struct diag *diag)
{
	struct pcap_writer *w = calloc(1, sizeof(*w));
	enum rc rc;

	*out = NULL;
	if (w == NULL) {
		diag_set(diag, "nomem", "no memory to write %s", path);
		return RC_NOMEM;
	}
	snprintf(w->path, sizeof(w->path), "%s", path);
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	if (w->fd < 0) {
		rc = rc_from_errno(errno);
		diag_set(diag, "io", "cannot create %s: %s", path, strerror(errno));
		free(w);
		return rc;
	}
	header_put(w);
	*out = w;
	return RC_OK;
}

static enum rc
write_out(struct pcap_writer *w, const void *p, size_t len, struct diag *diag)
{
	enum rc rc = fd_write_all(w->fd, p, len);

	if (rc != RC_OK) {
		diag_set(diag, "io", "cannot write %s: %s", w->path, strerror(errno));
		return rc;
	}
	return RC_OK;
}

enum rc
pcap_writer_flush(struct pcap_writer *w, struct diag *diag)
{
	size_t used = w->used;

	CHECK(used <= sizeof(w->buf));
	w->used = 0;
	return used == 0 ? RC_OK : write_out(w, w->buf, used, diag);
}

enum rc
pcap_writer_add(struct pcap_writer *w, uint64_t wall_ns, const void *p, uint32_t len_bytes,
    uint32_t orig_bytes, struct diag *diag)
{
	struct wr out;
	enum rc rc;

	CHECK(len_bytes <= PCAP_FRAME_BYTES_MAX);
	CHECK(orig_bytes >= len_bytes);
	if (sizeof(w->buf) - w->used < RECORD_HDR_BYTES + (size_t)len_bytes) {
		rc = pcap_writer_flush(w, diag);
		if (rc != RC_OK)
			return rc;
	}
	wr_init(&out, w->buf + w->used, sizeof(w->buf) - w->used);
	wr_le32(&out, (uint32_t)(wall_ns / NS_PER_S));	/* pcap's seconds end in 2106 */
	wr_le32(&out, (uint32_t)(wall_ns % NS_PER_S));
	wr_le32(&out, len_bytes);
	wr_le32(&out, orig_bytes);
	CHECK(!out.failed);
	w->used += RECORD_HDR_BYTES;
	if (sizeof(w->buf) - w->used >= len_bytes) {
		if (len_bytes > 0)
			memcpy(w->buf + w->used, p, len_bytes);
		w->used += len_bytes;
		return RC_OK;
	}
	rc = pcap_writer_flush(w, diag);	/* larger than the buffer: past it */
	return rc != RC_OK ? rc : write_out(w, p, len_bytes, diag);
}

enum rc
pcap_writer_close(struct pcap_writer **w, struct diag *diag)
{
	enum rc rc;

	if (*w == NULL)
		return RC_OK;
	rc = pcap_writer_flush(*w, diag);
	if (close((*w)->fd) != 0 && rc == RC_OK) {
		rc = rc_from_errno(errno);
		diag_set(diag, "io", "cannot close %s: %s", (*w)->path, strerror(errno));
	}
	free(*w);
	*w = NULL;
	return rc;
}
