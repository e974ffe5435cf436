/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap_src - what the readers of pcap and of pcapng share: a window over the file.
 * Does:    pcap_need makes n bytes at the read position contiguous; pcap_skip passes them.
 * Context: private to src/pkt/pcap*.c.
 */
#ifndef PCAP_SRC_H
#define PCAP_SRC_H

#include "pcap.h"

/* One interface of a pcapng section. */
struct pcap_iface {
	uint16_t link;
	uint8_t tsresol;	/* as in the option: 10^-n, or 2^-n with the top bit */
	uint32_t snap_bytes;	/* 0 = no limit */
	int64_t offset_s;
};

struct pcap_reader {
	const char *name;
	const uint8_t *mem;	/* the window: a file's buffer, or the borrowed bytes */
	uint8_t *buf;		/* NULL for borrowed bytes */
	size_t cap, pos, end;	/* of the window: pos <= end <= cap */
	uint64_t base;		/* offset in the file of window byte 0 */
	int fd;			/* -1 = borrowed bytes */
	bool eof;
	enum rc failed;		/* latched */
	struct diag why;	/* of failed */
	bool ng, big, ns;	/* file format; byte order of the file or section */
	uint64_t frames, last_ns;
	struct pcap_iface *ifaces;
	uint32_t iface_count, iface_cap;
	char path[96];
};

/* Offset in the file of the read position. */
uint64_t pcap_at(const struct pcap_reader *r);
/* Makes n bytes readable; *p is NULL where the file ends before (and *left says how many are
 * there). An error is one of reading or of memory. n <= PCAP_BLOCK_BYTES_MAX. */
MUST_CHECK enum rc pcap_need(struct pcap_reader *r, size_t n, const uint8_t **p, size_t *left);
void pcap_skip(struct pcap_reader *r, size_t n);
uint16_t pcap_u16(const struct pcap_reader *r, const uint8_t *p);
uint32_t pcap_u32(const struct pcap_reader *r, const uint8_t *p);

/* Latches rc with a message "byte OFFSET: TEXT" and returns it. */
MUST_CHECK enum rc pcap_fail(struct pcap_reader *r, enum rc rc, uint64_t offset, const char *fmt,
    ...) PRINTF_LIKE(4, 5);
/* The file ends inside what, of which want bytes were expected. */
MUST_CHECK enum rc pcap_cut(struct pcap_reader *r, const char *what, size_t want, size_t left);
MUST_CHECK enum rc pcap_link_check(struct pcap_reader *r, uint64_t offset, uint32_t link);

/* Passes the section header at the read position. */
MUST_CHECK enum rc pcap_ng_start(struct pcap_reader *r);
MUST_CHECK enum rc pcap_ng_next(struct pcap_reader *r, struct pcap_frame *out, bool *got);

#endif
