/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_test - capture files of every kind, cut, lying and wrong; the writer read back. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "pcap.h"
#include "t.h"

enum { FILE_BYTES = 4096 };

/* A capture being made, in one byte order. */
struct make {
	uint8_t b[FILE_BYTES];
	struct wr w;
	bool big;
};

static void
u16(struct make *m, uint16_t v)
{
	m->big ? wr_be16(&m->w, v) : wr_le16(&m->w, v);
}

static void
u32(struct make *m, uint32_t v)
{
	m->big ? wr_be32(&m->w, v) : wr_le32(&m->w, v);
}

static void
u64(struct make *m, uint64_t v)
{
	u32(m, (uint32_t)(m->big ? v >> 32 : v));
	u32(m, (uint32_t)(m->big ? v : v >> 32));
}

static void
bytes(struct make *m, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		wr_u8(&m->w, (uint8_t)i);
}

static void
classic_header(struct make *m, bool big, bool ns, uint32_t link)
{
	m->big = big;
	wr_init(&m->w, m->b, sizeof(m->b));
	u32(m, ns ? 0xa1b23c4d : 0xa1b2c3d4);
	u16(m, 2);
	u16(m, 4);
	u64(m, 0);
	u32(m, 65535);
	u32(m, link);
}

static void
record(struct make *m, uint32_t s, uint32_t fraction, uint32_t len, uint32_t orig)
{
	u32(m, s);
	u32(m, fraction);
	u32(m, len);
	u32(m, orig);
	bytes(m, len);
}

static size_t
block_begin(struct make *m, uint32_t type)
{
	size_t at = m->w.pos;

	u32(m, type);
	u32(m, 0);
	return at;
}

static void
block_end(struct make *m, size_t at)
{
	uint32_t len;

	while ((m->w.pos - at) % 4 != 0)
		wr_u8(&m->w, 0);
	len = (uint32_t)(m->w.pos - at) + 4;
	m->big ? put_be32(m->b + at + 4, len) : put_le32(m->b + at + 4, len);
	u32(m, len);
}

static void
section(struct make *m, bool big)
{
	size_t at;

	m->big = big;
	at = block_begin(m, 0x0a0d0d0a);
	u32(m, 0x1a2b3c4d);
	u16(m, 1);
	u16(m, 0);
	u64(m, UINT64_MAX);
	block_end(m, at);
}

/* tsresol 6 and offset 0 are the defaults and are not written. */
static void
iface(struct make *m, uint16_t link, uint32_t snap, uint8_t tsresol, int64_t offset_s)
{
	size_t at = block_begin(m, 1);

	u16(m, link);
	u16(m, 0);
	u32(m, snap);
	u16(m, 2);		/* if_name, to be passed over */
	u16(m, 3);
	wr_bytes(&m->w, "em0", 4);
	if (tsresol != 6) {
		u16(m, 9);
		u16(m, 1);
		wr_u8(&m->w, tsresol);
		wr_zero(&m->w, 3);
	}
	if (offset_s != 0) {
		u16(m, 14);
		u16(m, 8);
		u64(m, (uint64_t)offset_s);
	}
	u32(m, 0);
	block_end(m, at);
}

static void
enhanced(struct make *m, uint32_t idx, uint64_t units, uint32_t len, uint32_t orig)
{
	size_t at = block_begin(m, 6);

	u32(m, idx);
	u32(m, (uint32_t)(units >> 32));
	u32(m, (uint32_t)units);
	u32(m, len);
	u32(m, orig);
	bytes(m, len);
	block_end(m, at);
}

static enum rc
open_made(const struct make *m, size_t len, struct pcap_reader **r, struct diag *d)
{
	*d = (struct diag) { 0 };
	return pcap_open_bytes("t.pcap", m->b, len, r, d);
}

/* Frames up to the end or the error, which is returned; out may hold max of them. */
static enum rc
read_all(const struct make *m, size_t len, struct pcap_frame *out, size_t max, size_t *count,
    struct diag *d)
{
	struct pcap_reader *r;
	struct pcap_frame f;
	enum rc rc = open_made(m, len, &r, d);
	bool got = true;

	*count = 0;
	if (rc != RC_OK)
		return rc;
	while ((rc = pcap_next(r, &f, &got, d)) == RC_OK && got) {
		if (*count < max)
			out[*count] = f;
		++*count;
	}
	if (rc != RC_OK)	/* latched */
		T_OK(pcap_next(r, &f, &got, d) == rc && !got);
	pcap_close(&r);
	T_OK(r == NULL);
	return rc;
}

static void
check_frame(const struct pcap_frame *f, uint64_t number, uint64_t ns, uint32_t len, uint32_t orig)
{
	T_IS_UINT(f->number, number);
	T_IS_UINT(f->wall_ns, ns);
	T_IS_UINT(f->len_bytes, len);
	T_IS_UINT(f->orig_bytes, orig);
}

static const struct classic_row {
	const char *name;
	bool big, ns;
} classic_rows[] = {
	{ "us little", false, false }, { "us big", true, false },
	{ "ns little", false, true }, { "ns big", true, true },
};

static void
test_classic(const struct classic_row *row)
{
	struct pcap_frame f[4] = { 0 };
	struct make m;
	struct diag d;
	size_t n;

	classic_header(&m, row->big, row->ns, 1);
	record(&m, 5, 7, 60, 60);
	record(&m, UINT32_MAX, 999999, 14, 9000);
	record(&m, 6, 0, 0, 0);
	record(&m, 6, 0, 20, 10);	/* the original length is never below the captured */
	T_IS_INT(read_all(&m, m.w.pos, f, 4, &n, &d), RC_OK);
	T_IS_UINT(n, 4);
	check_frame(&f[0], 1, 5 * NS_PER_S + (row->ns ? 7 : 7000), 60, 60);
	check_frame(&f[1], 2, UINT32_MAX * NS_PER_S + (row->ns ? 999999 : 999999000), 14, 9000);
	check_frame(&f[2], 3, 6 * NS_PER_S, 0, 0);
	check_frame(&f[3], 4, 6 * NS_PER_S, 20, 20);
	T_IS_UINT(f[0].offset, 24);
	T_OK(f[0].bytes[59] == 59);
}

static const struct time_row {
	const char *name;
	uint8_t tsresol;
	int64_t offset_s;
	uint64_t units, ns;
	enum rc rc;
} time_rows[] = {
	{ "us", 6, 0, 1500000, 1500000000, RC_OK },
	{ "ns", 9, 0, 1500000001, 1500000001, RC_OK },
	{ "s", 0, 0, 3, 3 * NS_PER_S, RC_OK },
	{ "ps", 12, 0, 1999, 1, RC_OK },
	{ "10^-19", 19, 0, UINT64_C(10000000000000000000), NS_PER_S, RC_OK },
	{ "10^-20", 20, 0, 1, 0, RC_INVALID },
	{ "2^-1", 0x81, 0, 3, 1500000000, RC_OK },
	{ "2^-63", 0x80 | 63, 0, UINT64_C(1) << 63, NS_PER_S, RC_OK },
	{ "2^-64", 0x80 | 64, 0, 1, 0, RC_INVALID },
	{ "offset", 9, 10, 5, 10 * NS_PER_S + 5, RC_OK },
	{ "negative offset", 9, -1, NS_PER_S + 5, 5, RC_OK },
	{ "before 1970", 9, -1, NS_PER_S - 1, 0, RC_INVALID },
	{ "last", 9, 0, UINT64_MAX, UINT64_MAX, RC_OK },
	{ "past the last", 9, 1, UINT64_MAX - NS_PER_S + 1, 0, RC_INVALID },
	{ "far past", 0, INT64_MAX, UINT64_MAX, 0, RC_INVALID },
	{ "far before", 0, INT64_MIN, 0, 0, RC_INVALID },
};

static void
test_times(const struct time_row *row)
{
	for (int big = 0; big < 2; big++) {
		struct pcap_frame f = { 0 };
		struct make m;
		struct diag d;
		size_t n;

		wr_init(&m.w, m.b, sizeof(m.b));
		section(&m, big != 0);
		iface(&m, 1, 0, row->tsresol, row->offset_s);
		enhanced(&m, 0, row->units, 14, 14);
		T_IS_INT(read_all(&m, m.w.pos, &f, 1, &n, &d), row->rc);
		T_IS_UINT(n, row->rc == RC_OK);
		T_IS_UINT(row->rc == RC_OK ? f.wall_ns : 0, row->ns);
		T_OK(row->rc == RC_OK || strncmp(d.text, "byte ", 5) == 0);
	}
}

static void
simple(struct make *m, uint32_t len, uint32_t orig)
{
	size_t at = block_begin(m, 3);

	u32(m, orig);
	bytes(m, len);
	block_end(m, at);
}

static void
old_packet(struct make *m, uint16_t idx, uint64_t units, uint32_t len)
{
	size_t at = block_begin(m, 2);

	u16(m, idx);
	u16(m, 0xffff);
	u32(m, (uint32_t)(units >> 32));
	u32(m, (uint32_t)units);
	u32(m, len);
	u32(m, len);
	bytes(m, len);
	block_end(m, at);
}

/* Two sections of different byte order, every packet block, blocks to pass over. */
static void
mixed(struct make *m)
{
	size_t at;

	wr_init(&m->w, m->b, sizeof(m->b));
	section(m, false);
	at = block_begin(m, 4);		/* name resolution */
	u32(m, 0);
	block_end(m, at);
	iface(m, 1, 20, 9, 0);
	iface(m, 113, 0, 6, 0);		/* no frame is of it */
	enhanced(m, 0, 100, 15, 60);
	simple(m, 20, 64);
	at = block_begin(m, 0x40000bad);	/* private */
	bytes(m, 33);
	block_end(m, at);
	section(m, true);
	iface(m, 1, 0, 6, 0);
	iface(m, 1, 0, 9, 0);
	enhanced(m, 1, 7, 14, 14);
	old_packet(m, 0, 2, 17);
	simple(m, 21, 21);
}

static void
test_sections(void)
{
	struct pcap_frame f[5] = { 0 };
	struct make m;
	struct diag d;
	size_t n;

	mixed(&m);
	T_IS_INT(read_all(&m, m.w.pos, f, 5, &n, &d), RC_OK);
	T_IS_UINT(n, 5);
	check_frame(&f[0], 1, 100, 15, 60);
	check_frame(&f[1], 2, 100, 20, 64);
	check_frame(&f[2], 3, 7, 14, 14);
	check_frame(&f[3], 4, 2000, 17, 17);
	check_frame(&f[4], 5, 2000, 21, 21);
	T_OK(f[4].bytes[20] == 20);
}

/* Every cut is either between two frames or RC_TRUNC, and never costs an earlier frame. */
static void
test_cuts(void)
{
	size_t last = 0;

	for (int kind = 0; kind < 2; kind++) {
		struct make m;

		last = 0;
		if (kind == 0) {
			classic_header(&m, false, true, 1);
			record(&m, 1, 2, 14, 14);
			record(&m, 1, 2, 33, 33);
		} else {
			mixed(&m);
		}
		for (size_t len = 1; len <= m.w.pos; len++) {
			struct diag d;
			size_t n;
			enum rc rc = read_all(&m, len, NULL, 0, &n, &d);

			if (rc != RC_OK && rc != RC_TRUNC && !(len < 4 && rc == RC_INVALID))
				T_IS_INT(rc, RC_TRUNC);
			if (rc == RC_TRUNC)
				T_OK(strncmp(d.text, "byte ", 5) == 0 &&
				    strcmp(d.file, "t.pcap") == 0);
			T_OK(n >= last);
			last = n;
		}
		T_IS_UINT(last, kind == 0 ? 2 : 5);
	}
}

/* Every byte of a file made wrong in three ways: an answer, never a crash. */
static void
test_flips(void)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	size_t refused = 0;

	for (size_t k = 0; k < ARRAY_LEN(masks); k++) {
		struct make m;

		mixed(&m);
		for (size_t i = 0; i < m.w.pos; i++) {
			struct diag d;
			size_t n;

			m.b[i] ^= masks[k];
			refused += read_all(&m, m.w.pos, NULL, 0, &n, &d) != RC_OK;
			m.b[i] ^= masks[k];
		}
	}
	T_OK(refused > 100);
}

static void
bad_link(struct make *m)
{
	classic_header(m, false, false, 113);
}

static void
bad_link_ng(struct make *m)
{
	wr_init(&m->w, m->b, sizeof(m->b));
	section(m, false);
	iface(m, 113, 0, 6, 0);
	enhanced(m, 0, 0, 20, 20);
}

static void
bad_version(struct make *m)
{
	classic_header(m, false, false, 1);
	m->b[4] = 3;
}

static void
bad_length(struct make *m)
{
	classic_header(m, false, false, 1);
	record(m, 1, 1, 0, 0);
	put_le32(m->b + 24 + 8, PCAP_FRAME_BYTES_MAX + 1);
}

static void
bad_iface(struct make *m)
{
	wr_init(&m->w, m->b, sizeof(m->b));
	section(m, false);
	enhanced(m, 0, 0, 20, 20);
}

static void
bad_block(struct make *m)
{
	wr_init(&m->w, m->b, sizeof(m->b));
	section(m, false);
	u32(m, 5);
	u32(m, PCAP_BLOCK_BYTES_MAX + 4);
	u32(m, 0);
}

static void
bad_tail(struct make *m)
{
	wr_init(&m->w, m->b, sizeof(m->b));
	section(m, false);
	iface(m, 1, 0, 6, 0);
	m->b[m->w.pos - 4]++;
}

static void
bad_gzip(struct make *m)
{
	wr_init(&m->w, m->b, sizeof(m->b));
	wr_bytes(&m->w, "\x1f\x8b\x08\x00", 4);
}

static void
bad_text(struct make *m)
{
	wr_init(&m->w, m->b, sizeof(m->b));
	wr_bytes(&m->w, "GET / HTTP/1.1\r\n", 16);
}

static void
bad_empty(struct make *m)
{
	wr_init(&m->w, m->b, sizeof(m->b));
}

static const struct bad_row {
	const char *name;
	void (*make)(struct make *m);
	enum rc rc;
	const char *text;
} bad_rows[] = {
	{ "link type", bad_link, RC_INVALID, "byte 20: link type is LINUX_SLL (113)" },
	{ "link type of a frame", bad_link_ng, RC_INVALID, "LINUX_SLL (113)" },
	{ "version", bad_version, RC_INVALID, "byte 4: pcap version 3.4" },
	{ "frame length", bad_length, RC_LIMIT,
	    "byte 32: frame 1 has 262145 bytes; the limit is 262144" },
	{ "no interface", bad_iface, RC_INVALID, "packet of interface 0; the section has 0" },
	{ "block length", bad_block, RC_LIMIT,
	    "byte 32: block of 16777220 bytes; the limit is 16777216" },
	{ "end length", bad_tail, RC_INVALID, "block ends with length" },
	{ "gzip", bad_gzip, RC_INVALID, "gzip-compressed" },
	{ "text", bad_text, RC_INVALID, "neither pcap's nor pcapng's magic number" },
	{ "empty", bad_empty, RC_INVALID, "byte 0: not a capture file: it is empty" },
};

static void
test_bad(const struct bad_row *row)
{
	struct make m;
	struct diag d;
	size_t n;

	row->make(&m);
	T_IS_INT(read_all(&m, m.w.pos, NULL, 0, &n, &d), row->rc);
	if (!T_OK(strstr(d.text, row->text) != NULL))
		printf("# text: %s\n", d.text);
}

/* Through files: the writer's frames come back, also those larger than its buffer. */
static void
test_writer(void)
{
	static const uint32_t lens[] = { 0, 1, 14, 60, 1514, 65000, 65536, PCAP_FRAME_BYTES_MAX };
	char dir[] = "/tmp/pcap_test.XXXXXX", path[64];
	uint8_t *frame = calloc(1, PCAP_FRAME_BYTES_MAX);
	struct pcap_writer *w;
	struct pcap_reader *r;
	struct pcap_frame f;
	struct diag d = { 0 };
	struct stat st;
	bool got;

	T_OK(frame != NULL && mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/a.pcap", dir);
	T_IS_INT(pcap_writer_open(path, &w, &d), RC_OK);
	for (uint32_t i = 0; i < 64; i++) {
		uint32_t len = lens[i % ARRAY_LEN(lens)];

		memset(frame, (int)i, len);
		T_IS_INT(pcap_writer_add(w, i * NS_PER_S + i, frame, len, len + i, &d), RC_OK);
		if (i % 5 == 0)
			T_IS_INT(pcap_writer_flush(w, &d), RC_OK);
	}
	T_IS_INT(pcap_writer_close(&w, &d), RC_OK);
	T_OK(w == NULL && stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	T_IS_INT(pcap_open(path, &r, &d), RC_OK);
	for (uint32_t i = 0; i < 64; i++) {
		uint32_t len = lens[i % ARRAY_LEN(lens)];

		T_IS_INT(pcap_next(r, &f, &got, &d), RC_OK);
		T_OK(got);
		check_frame(&f, i + 1, i * NS_PER_S + i, len, len + i);
		memset(frame, (int)i, len);
		T_OK(memcmp(f.bytes, frame, len) == 0);
	}
	T_OK(pcap_next(r, &f, &got, &d) == RC_OK && !got);
	pcap_close(&r);
	unlink(path);
	rmdir(dir);
	free(frame);
}

static void
test_files(void)
{
	struct pcap_writer *w = NULL;
	struct pcap_reader *r = NULL;
	struct diag d = { 0 };
	uint8_t frame[100] = { 0 };
	enum rc rc = RC_OK;

	T_OK(pcap_open("/nonexistent/x.pcap", &r, &d) != RC_OK && r == NULL);
	T_OK(strstr(d.text, "/nonexistent/x.pcap") != NULL);
	T_IS_INT(pcap_open("/dev/null", &r, &d), RC_INVALID);
	T_OK(pcap_open("/tmp", &r, &d) != RC_OK && r == NULL);
	T_OK(pcap_writer_open("/nonexistent/x.pcap", &w, &d) != RC_OK && w == NULL);
	T_IS_INT(pcap_writer_open("/dev/null", &w, &d), RC_OK);
	T_IS_INT(pcap_writer_add(w, 0, frame, 100, 100, &d), RC_OK);
	T_IS_INT(pcap_writer_close(&w, &d), RC_OK);
	if (access("/dev/full", W_OK) != 0)
		return;
	T_IS_INT(pcap_writer_open("/dev/full", &w, &d), RC_OK);
	for (int i = 0; i < 1000 && rc == RC_OK; i++)
		rc = pcap_writer_add(w, 0, frame, 100, 100, &d);
	T_OK(rc != RC_OK);
	T_OK(strstr(d.text, "/dev/full") != NULL);
	(void)!pcap_writer_close(&w, &d);
}

int
main(void)
{
	T_ROWS(classic_rows, test_classic);
	T_ROWS(time_rows, test_times);
	T_RUN(test_sections);
	T_RUN(test_cuts);
	T_RUN(test_flips);
	T_ROWS(bad_rows, test_bad);
	T_RUN(test_writer);
	T_RUN(test_files);
	return t_done();
}
