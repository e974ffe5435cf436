/* SPDX-License-Identifier: Apache-2.0 */
/* pcap - the window over a capture file, and frames of the classic format. */
#define _GNU_SOURCE
#include "pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "pcap_src.h"

enum {
	MAGIC_US = 0xa1b2c3d4,
	MAGIC_NS = 0xa1b23c4d,
	MAGIC_MODIFIED = 0xa1b2cd34,
	MAGIC_NG = 0x0a0d0d0a,
	FILE_HDR_BYTES = 24,
	RECORD_HDR_BYTES = 16,
	WINDOW_BYTES = 256 << 10,	/* at first; grows to the largest block */
	VERSION_MAJOR = 2,
	VERSION_MINOR = 4
};

/* --- window --- */

uint64_t
pcap_at(const struct pcap_reader *r)
{
	return r->base + r->pos;
}

uint16_t
pcap_u16(const struct pcap_reader *r, const uint8_t *p)
{
	return r->big ? get_be16(p) : get_le16(p);
}

uint32_t
pcap_u32(const struct pcap_reader *r, const uint8_t *p)
{
	return r->big ? get_be32(p) : get_le32(p);
}

enum rc
pcap_fail(struct pcap_reader *r, enum rc rc, uint64_t offset, const char *fmt, ...)
{
	char text[384];
	va_list ap;

	CHECK(rc != RC_OK);
	CHECK(r->failed == RC_OK);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->failed = rc;
	diag_set(&r->why, rc == RC_TRUNC ? "capture-truncated" : rc == RC_IO ? "io" :
	    "capture-invalid", "byte %ju: %s", (uintmax_t)offset, text);
	diag_place(&r->why, r->name, 0, 0);
	return rc;
}

enum rc
pcap_cut(struct pcap_reader *r, const char *what, size_t want, size_t left)
{
	CHECK(left < want);
	return pcap_fail(r, RC_TRUNC, pcap_at(r), "the file ends inside %s: %zu bytes wanted, %zu "
	    "there (after %ju whole frames)", what, want, left, (uintmax_t)r->frames);
}

/* Moves what is unread to the front of a buffer of at least n bytes. */
static enum rc
window_room(struct pcap_reader *r, size_t n)
{
	size_t cap = r->cap;

	CHECK(n <= PCAP_BLOCK_BYTES_MAX);
	while (cap < n)
		cap *= 2;
	if (cap > r->cap) {
		uint8_t *buf = realloc(r->buf, cap);

		if (buf == NULL)
			return pcap_fail(r, RC_NOMEM, pcap_at(r), "no memory for %zu bytes", cap);
		r->buf = buf;
		r->mem = buf;
		r->cap = cap;
	}
	if (r->pos > 0) {
		memmove(r->buf, r->buf + r->pos, r->end - r->pos);
		r->base += r->pos;
		r->end -= r->pos;
		r->pos = 0;
	}
	return RC_OK;
}

enum rc
pcap_need(struct pcap_reader *r, size_t n, const uint8_t **p, size_t *left)
{
	*p = NULL;
	*left = 0;
	if (r->failed != RC_OK)
		return r->failed;
	if (r->end - r->pos < n && r->fd >= 0 && !r->eof) {
		enum rc rc = window_room(r, n);

		if (rc != RC_OK)
			return rc;
	}
	while (r->end - r->pos < n && r->fd >= 0 && !r->eof) {
		ssize_t got = read(r->fd, r->buf + r->end, r->cap - r->end);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return pcap_fail(r, RC_IO, r->base + r->end, "cannot read: %s",
			    strerror(errno));
		if (got == 0)
			r->eof = true;
		r->end += (size_t)got;
		CHECK(r->end <= r->cap);
	}
	*left = r->end - r->pos;
	if (*left >= n)
		*p = r->mem + r->pos;
	return RC_OK;
}

void
pcap_skip(struct pcap_reader *r, size_t n)
{
	CHECK(n <= r->end - r->pos);
	r->pos += n;
}

/* --- file header --- */

const char *
pcap_link_name(uint32_t link)
{
	static const struct {
		uint32_t link;
		const char *name;
	} names[] = {
		{ 0, "NULL" }, { 1, "ETHERNET" }, { 6, "IEEE802_5" }, { 9, "PPP" },
		{ 12, "RAW (BSD)" }, { 51, "PPP_ETHER" }, { 101, "RAW" }, { 104, "C_HDLC" },
		{ 105, "IEEE802_11" }, { 107, "FRELAY" }, { 108, "LOOP" }, { 113, "LINUX_SLL" },
		{ 127, "IEEE802_11_RADIOTAP" }, { 147, "USER0" }, { 189, "USB_LINUX" },
		{ 192, "PPI" }, { 195, "IEEE802_15_4" }, { 228, "IPV4" }, { 229, "IPV6" },
		{ 239, "NFLOG" }, { 249, "USBPCAP" }, { 253, "NETLINK" }, { 276, "LINUX_SLL2" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i].link == link)
			return names[i].name;
	}
	return "unknown";
}

enum rc
pcap_link_check(struct pcap_reader *r, uint64_t offset, uint32_t link)
{
	if (link == PCAP_LINK_ETHERNET)
		return RC_OK;
	return pcap_fail(r, RC_INVALID, offset, "link type is %s (%u); only ETHERNET (1) can be "
	    "judged", pcap_link_name(link), link);
}

/* What a file that is no capture looks like; the text continues "not a capture file: it". */
static const char *
looks_like(const uint8_t *p, size_t len)
{
	if (len == 0)
		return "is empty";
	if (len >= 2 && p[0] == 0x1f && p[1] == 0x8b)
		return "is gzip-compressed, unpack it first";
	if (len >= 4 && get_le32(p) == 0xfd2fb528)
		return "is zstd-compressed, unpack it first";
	if (len >= 4 && (get_le32(p) == MAGIC_MODIFIED || get_be32(p) == MAGIC_MODIFIED))
		return "has the modified pcap format of Kuznetzov's patch";
	if (len < 4)
		return "is too short";
	return "starts with neither pcap's nor pcapng's magic number";
}

static enum rc
classic_start(struct pcap_reader *r)
{
	const uint8_t *p;
	uint16_t major, minor;
	size_t left;
	enum rc rc = pcap_need(r, FILE_HDR_BYTES, &p, &left);

	if (rc != RC_OK)
		return rc;
	if (p == NULL)
		return pcap_cut(r, "the file header", FILE_HDR_BYTES, left);
	major = pcap_u16(r, p + 4);
	minor = pcap_u16(r, p + 6);
	if (major != VERSION_MAJOR || minor != VERSION_MINOR)
		return pcap_fail(r, RC_INVALID, 4, "pcap version %u.%u; only %d.%d is read", major,
		    minor, VERSION_MAJOR, VERSION_MINOR);
	/* the upper bits say how long a trailing checksum is; it is judged as padding */
	rc = pcap_link_check(r, 20, pcap_u32(r, p + 20) & 0x03ffffff);
	if (rc == RC_OK)
		pcap_skip(r, FILE_HDR_BYTES);
	return rc;
}

static enum rc
reader_start(struct pcap_reader *r)
{
	const uint8_t *p;
	uint32_t magic;
	size_t left;
	enum rc rc = pcap_need(r, 4, &p, &left);

	if (rc != RC_OK)
		return rc;
	if (p == NULL)
		return pcap_fail(r, RC_INVALID, 0, "not a capture file: it %s",
		    looks_like(r->mem + r->pos, left));
	magic = get_le32(p);
	if (magic == MAGIC_NG) {
		r->ng = true;
		return pcap_ng_start(r);
	}
	r->big = magic != MAGIC_US && magic != MAGIC_NS;
	magic = r->big ? get_be32(p) : magic;
	if (magic != MAGIC_US && magic != MAGIC_NS)
		return pcap_fail(r, RC_INVALID, 0, "not a capture file: it %s", looks_like(p, 4));
	r->ns = magic == MAGIC_NS;
	return classic_start(r);
}

static enum rc
classic_next(struct pcap_reader *r, struct pcap_frame *out, bool *got)
{
	uint64_t at = pcap_at(r);
	uint64_t fraction;
	uint32_t len, orig;
	const uint8_t *p;
	size_t left;
	enum rc rc = pcap_need(r, RECORD_HDR_BYTES, &p, &left);

	if (rc != RC_OK)
		return rc;
	if (p == NULL && left == 0)
		return RC_OK;
	if (p == NULL)
		return pcap_cut(r, "a record header", RECORD_HDR_BYTES, left);
	len = pcap_u32(r, p + 8);
	orig = pcap_u32(r, p + 12);
	if (len > PCAP_FRAME_BYTES_MAX)
		return pcap_fail(r, RC_LIMIT, at + 8, "frame %ju has %u bytes; the limit is %d",
		    (uintmax_t)r->frames + 1, len, PCAP_FRAME_BYTES_MAX);
	rc = pcap_need(r, RECORD_HDR_BYTES + (size_t)len, &p, &left);
	if (rc != RC_OK)
		return rc;
	if (p == NULL)
		return pcap_cut(r, "a frame", RECORD_HDR_BYTES + (size_t)len, left);
	fraction = pcap_u32(r, p + 4);
	*out = (struct pcap_frame) {
		.number = ++r->frames,
		.wall_ns = pcap_u32(r, p) * NS_PER_S + (r->ns ? fraction : fraction * 1000),
		.offset = at,
		.bytes = p + RECORD_HDR_BYTES,
		.len_bytes = len,
		.orig_bytes = MAX(len, orig),
	};
	pcap_skip(r, RECORD_HDR_BYTES + (size_t)len);
	*got = true;
	return RC_OK;
}

/* --- doors --- */

/* Takes r: reads the header and gives r out, or frees it. */
static enum rc
reader_ready(struct pcap_reader *r, struct pcap_reader **out, struct diag *diag)
{
	enum rc rc = reader_start(r);

	if (rc != RC_OK) {
		CHECK(r->failed == rc);
		if (diag != NULL)
			*diag = r->why;
		pcap_close(&r);
		return rc;
	}
	*out = r;
	return RC_OK;
}

enum rc
pcap_open(const char *path, struct pcap_reader **out, struct diag *diag)
{
	struct pcap_reader *r = calloc(1, sizeof(*r));
	bool is_stdin = strcmp(path, "-") == 0;
	uint8_t *buf = malloc(WINDOW_BYTES);
	int err;

	*out = NULL;
	if (r == NULL || buf == NULL) {
		free(r);
		free(buf);
		diag_set(diag, "nomem", "no memory to read %s", path);
		return RC_NOMEM;
	}
	snprintf(r->path, sizeof(r->path), "%s", is_stdin ? "stdin" : path);
	r->name = r->path;
	r->buf = buf;
	r->mem = buf;
	r->cap = WINDOW_BYTES;
	r->fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
			 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (r->fd < 0) {
		err = errno;
		diag_set(diag, "io", "cannot open %s: %s", path, strerror(err));
		pcap_close(&r);
		return rc_from_errno(err);
	}
	return reader_ready(r, out, diag);
}

enum rc
pcap_open_bytes(const char *name, const void *p, size_t len, struct pcap_reader **out,
    struct diag *diag)
{
	struct pcap_reader *r = calloc(1, sizeof(*r));

	CHECK(p != NULL || len == 0);
	*out = NULL;
	if (r == NULL) {
		diag_set(diag, "nomem", "no memory to read %s", name);
		return RC_NOMEM;
	}
	r->name = name;
	r->mem = p != NULL ? p : (const uint8_t *)"";
	r->cap = len;
	r->end = len;
	r->fd = -1;
	r->eof = true;
	return reader_ready(r, out, diag);
}

void
pcap_close(struct pcap_reader **r)
{
	if (*r == NULL)
		return;
	if ((*r)->fd >= 0)
		close((*r)->fd);
	free((*r)->buf);
	free((*r)->ifaces);
	free(*r);
	*r = NULL;
}

enum rc
pcap_next(struct pcap_reader *r, struct pcap_frame *out, bool *got, struct diag *diag)
{
	enum rc rc = r->failed;

	*got = false;
	if (rc == RC_OK)
		rc = r->ng ? pcap_ng_next(r, out, got) : classic_next(r, out, got);
	if (rc != RC_OK) {
		CHECK(r->failed == rc && !*got);
		if (diag != NULL)
			*diag = r->why;
		return rc;
	}
	if (*got) {
		CHECK(out->len_bytes <= PCAP_FRAME_BYTES_MAX);
		CHECK(out->orig_bytes >= out->len_bytes);
		r->last_ns = out->wall_ns;
	}
	return RC_OK;
}
