/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap - capture files: read pcap and pcapng, write pcap.
 * Does:    gives the frames of a file one after the other, whatever wrote it; writes frames with
 *          nanosecond times.
 * Shape:   pcap with us or ns times, pcapng with several sections and interfaces; both byte
 *          orders of each. Ethernet only: another link type is refused by its name.
 * Units:   wall times in nanoseconds since 1970; offsets in bytes of the file.
 * Limits:  PCAP_* below; beyond is RC_LIMIT, and the frames before it were good.
 * Memory:  one buffer that grows to the largest block seen; pcap_open_bytes borrows the bytes
 *          until pcap_close. A frame's bytes live until the next pcap_next.
 * Errors:  RC_TRUNC = the file ends inside something; RC_INVALID = it is no capture, or garbage
 *          begins; RC_LIMIT; RC_IO. diag has the file, the byte offset, the bound and the value.
 * Source:  draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
 */
#ifndef PCAP_H
#define PCAP_H

#include "base.h"
#include "diag.h"
#include "rc.h"

enum {
	PCAP_FRAME_BYTES_MAX = 262144,
	PCAP_BLOCK_BYTES_MAX = 16 << 20,
	PCAP_IFACES_MAX = 4096,		/* per section */
	PCAP_LINK_ETHERNET = 1
};

struct pcap_reader;
struct pcap_writer;

struct pcap_frame {
	uint64_t number;	/* 1-based, over all sections */
	uint64_t wall_ns;	/* a simple packet block has no time: that of the frame before */
	uint64_t offset;	/* of its record or block in the file */
	const uint8_t *bytes;
	uint32_t len_bytes;	/* captured */
	uint32_t orig_bytes;	/* on the wire; never below len_bytes */
};

/* "-" is standard input. The file header is read, so that what is no capture is refused here. */
MUST_CHECK enum rc pcap_open(const char *path, struct pcap_reader **out, struct diag *diag);
/* name is for messages; it and the bytes are borrowed until pcap_close. */
MUST_CHECK enum rc pcap_open_bytes(const char *name, const void *p, size_t len,
    struct pcap_reader **out, struct diag *diag);
void pcap_close(struct pcap_reader **r);

/* Next frame; *got is false at a good end of the file. After an error each call repeats it. */
MUST_CHECK enum rc pcap_next(struct pcap_reader *r, struct pcap_frame *out, bool *got,
    struct diag *diag);

/* Name of a link type, "unknown" where it has none here. */
const char *pcap_link_name(uint32_t link);

/* Creates or empties path (mode 0600); a device as /dev/null is opened as it is. */
MUST_CHECK enum rc pcap_writer_open(const char *path, struct pcap_writer **out,
    struct diag *diag);
/* Adds one frame. It reaches the file at pcap_writer_flush, or when the buffer is full. */
MUST_CHECK enum rc pcap_writer_add(struct pcap_writer *w, uint64_t wall_ns, const void *p,
    uint32_t len_bytes, uint32_t orig_bytes, struct diag *diag);
MUST_CHECK enum rc pcap_writer_flush(struct pcap_writer *w, struct diag *diag);
/* Flushes and closes; *w is NULL afterwards even where the flush failed. */
MUST_CHECK enum rc pcap_writer_close(struct pcap_writer **w, struct diag *diag);

#endif
