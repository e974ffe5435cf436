/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_ng - sections, interfaces and packet blocks of pcapng. Other blocks are passed over. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "pcap_src.h"

/*
 *   0      4        8                          len-4    len
 *   | type | length | body, padded to 4 bytes  | length |
 */
enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_IFACE = 1,
	BLOCK_PACKET = 2,		/* the old one */
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
	BLOCK_EDGE_BYTES = 12,		/* type, length, length again */
	ORDER_MAGIC = 0x1a2b3c4d,
	SECTION_BYTES_MIN = 28,
	IFACE_BYTES_MIN = 20,
	OPT_END = 0,
	OPT_TSRESOL = 9,
	OPT_TSOFFSET = 14,
	TSRESOL_DEFAULT = 6,
	TSRESOL_BINARY = 0x80,
	TSRESOL_DECIMAL_MAX = 19,	/* 10^19 is the last power of ten below 2^64 */
	TSRESOL_BINARY_MAX = 63
};

/* One whole block; body excludes both edges. */
struct block {
	uint64_t at;
	uint32_t type, len;
	const uint8_t *body;
	uint32_t body_len;
};

/* The section header sets the byte order that its own length is in. */
static enum rc
section_order(struct pcap_reader *r, const uint8_t *p, size_t left)
{
	if (left < BLOCK_EDGE_BYTES)
		return pcap_cut(r, "a section header", SECTION_BYTES_MIN, left);
	r->big = get_le32(p + 8) != ORDER_MAGIC;
	if (r->big && get_be32(p + 8) != ORDER_MAGIC)
		return pcap_fail(r, RC_INVALID, pcap_at(r) + 8, "section header without byte-order "
		    "magic");
	return RC_OK;
}

/* Reads and passes one block; *got is false at the end of the file. */
static enum rc
block_next(struct pcap_reader *r, struct block *b, bool *got)
{
	const uint8_t *p, *whole;
	size_t left, n;
	enum rc rc = pcap_need(r, BLOCK_EDGE_BYTES, &p, &left);

	*got = false;
	if (rc != RC_OK)
		return rc;
	if (p == NULL && left == 0)
		return RC_OK;
	if (p == NULL)
		return pcap_cut(r, "a block", BLOCK_EDGE_BYTES, left);
	b->at = pcap_at(r);
	b->type = pcap_u32(r, p);
	if (b->type == BLOCK_SECTION) {		/* the same in both orders */
		rc = section_order(r, p, left);
		if (rc != RC_OK)
			return rc;
	}
	b->len = pcap_u32(r, p + 4);
	if (b->len < BLOCK_EDGE_BYTES || b->len % 4 != 0)
		return pcap_fail(r, RC_INVALID, b->at + 4, "block length %u is not a "
		    "multiple of 4 from %d", b->len, BLOCK_EDGE_BYTES);
	if (b->len > PCAP_BLOCK_BYTES_MAX)
		return pcap_fail(r, RC_LIMIT, b->at + 4, "block of %u bytes; the limit is %d",
		    b->len, PCAP_BLOCK_BYTES_MAX);
	n = b->len;
	rc = pcap_need(r, n, &whole, &left);
	if (rc != RC_OK)
		return rc;
	if (whole == NULL)
		return pcap_cut(r, "a block", n, left);
	if (pcap_u32(r, whole + n - 4) != b->len)
		return pcap_fail(r, RC_INVALID, b->at + n - 4, "block ends with length %u, it "
		    "began with %u", pcap_u32(r, whole + n - 4), b->len);
	b->body = whole + 8;
	b->body_len = b->len - BLOCK_EDGE_BYTES;
	pcap_skip(r, n);
	*got = true;
	return RC_OK;
}

static enum rc
section_take(struct pcap_reader *r, const struct block *b)
{
	uint16_t major;

	if (b->len < SECTION_BYTES_MIN)
		return pcap_fail(r, RC_INVALID, b->at + 4, "section header of %u bytes; it has "
		    "at least %d", b->len, SECTION_BYTES_MIN);
	major = pcap_u16(r, b->body + 4);
	if (major != 1)
		return pcap_fail(r, RC_INVALID, b->at + 12, "pcapng version %u; only 1 is read",
		    major);
	r->iface_count = 0;
	return RC_OK;
}

static enum rc
option_take(struct pcap_reader *r, uint64_t at, struct pcap_iface *iface, uint16_t code,
    const uint8_t *p, uint16_t len)
{
	uint64_t first, second;

	if (code == OPT_TSRESOL) {
		if (len != 1)
			return pcap_fail(r, RC_INVALID, at, "if_tsresol has %u bytes, not 1", len);
		iface->tsresol = p[0];
		if (p[0] & TSRESOL_BINARY ? (p[0] & ~TSRESOL_BINARY) > TSRESOL_BINARY_MAX
					  : p[0] > TSRESOL_DECIMAL_MAX)
			return pcap_fail(r, RC_INVALID, at, "if_tsresol 0x%02x is finer than "
			    "can be read", p[0]);
	}
	if (code == OPT_TSOFFSET) {
		if (len != 8)
			return pcap_fail(r, RC_INVALID, at, "if_tsoffset has %u bytes, not 8", len);
		first = pcap_u32(r, p);
		second = pcap_u32(r, p + 4);
		iface->offset_s = (int64_t)(r->big ? first << 32 | second : second << 32 | first);
	}
	return RC_OK;
}

static enum rc
options_take(struct pcap_reader *r, const struct block *b, uint32_t pos, struct pcap_iface *iface)
{
	while (b->body_len - pos >= 4) {
		uint16_t code = pcap_u16(r, b->body + pos);
		uint16_t len = pcap_u16(r, b->body + pos + 2);
		uint32_t padded = ((uint32_t)len + 3) & ~3u;
		uint64_t at = b->at + 8 + pos;
		enum rc rc;

		if (code == OPT_END)
			break;
		pos += 4;
		if (padded > b->body_len - pos)
			return pcap_fail(r, RC_INVALID, at, "option %u of %u bytes does not fit "
			    "its block", code, len);
		rc = option_take(r, at, iface, code, b->body + pos, len);
		if (rc != RC_OK)
			return rc;
		pos += padded;
	}
	CHECK(pos <= b->body_len);
	return RC_OK;
}

static enum rc
iface_take(struct pcap_reader *r, const struct block *b)
{
	struct pcap_iface iface = { .tsresol = TSRESOL_DEFAULT };
	enum rc rc;

	if (b->len < IFACE_BYTES_MIN)
		return pcap_fail(r, RC_INVALID, b->at + 4, "interface block of %u bytes; it has "
		    "at least %d", b->len, IFACE_BYTES_MIN);
	if (r->iface_count == PCAP_IFACES_MAX)
		return pcap_fail(r, RC_LIMIT, b->at, "more than %d interfaces in a section",
		    PCAP_IFACES_MAX);
	iface.link = pcap_u16(r, b->body);
	iface.snap_bytes = pcap_u32(r, b->body + 4);
	rc = options_take(r, b, 8, &iface);
	if (rc != RC_OK)
		return rc;
	if (r->iface_count == r->iface_cap) {
		uint32_t cap = r->iface_cap == 0 ? 8 : r->iface_cap * 2;
		struct pcap_iface *more = realloc(r->ifaces, cap * sizeof(*more));

		if (more == NULL)
			return pcap_fail(r, RC_NOMEM, b->at, "no memory for interfaces");
		r->ifaces = more;
		r->iface_cap = cap;
	}
	r->ifaces[r->iface_count++] = iface;
	return RC_OK;
}

/* Units of the interface since its offset to nanoseconds since 1970; false where they do not fit
 * 64 bits. 2^64 * 10^9 fits 128. */
static bool
time_ns(const struct pcap_iface *iface, uint64_t units, uint64_t *out)
{
	unsigned n = iface->tsresol & (TSRESOL_BINARY - 1);
	__int128 ns = (__int128)units * (__int128)NS_PER_S;
	uint64_t per_s = 1;

	if (iface->tsresol & TSRESOL_BINARY) {
		ns >>= n;
	} else {
		for (unsigned i = 0; i < n; i++)
			per_s *= 10;
		ns /= per_s;
	}
	ns += (__int128)iface->offset_s * (__int128)NS_PER_S;
	if (ns < 0 || ns > (__int128)UINT64_MAX)
		return false;
	*out = (uint64_t)ns;
	return true;
}

/* The frame in a packet block: fixed bytes, then len of the frame. */
static enum rc
frame_take(struct pcap_reader *r, const struct block *b, uint32_t fixed, uint32_t len,
    uint32_t orig, struct pcap_frame *out)
{
	CHECK(fixed <= b->body_len);
	if (len > PCAP_FRAME_BYTES_MAX)
		return pcap_fail(r, RC_LIMIT, b->at, "frame %ju has %u bytes; the limit is %d",
		    (uintmax_t)r->frames + 1, len, PCAP_FRAME_BYTES_MAX);
	if (len > b->body_len - fixed)
		return pcap_fail(r, RC_INVALID, b->at, "frame %ju of %u bytes does not fit its "
		    "block of %u", (uintmax_t)r->frames + 1, len, b->len);
	*out = (struct pcap_frame) {
		.number = ++r->frames,
		.wall_ns = r->last_ns,
		.offset = b->at,
		.bytes = b->body + fixed,
		.len_bytes = len,
		.orig_bytes = MAX(len, orig),
	};
	return RC_OK;
}

static enum rc
iface_find(struct pcap_reader *r, const struct block *b, uint32_t idx, struct pcap_iface **out)
{
	if (idx >= r->iface_count)
		return pcap_fail(r, RC_INVALID, b->at, "packet of interface %u; the section has %u",
		    idx, r->iface_count);
	*out = &r->ifaces[idx];
	return pcap_link_check(r, b->at, r->ifaces[idx].link);
}

/* Enhanced and old packet blocks: they differ in how the interface is written. */
static enum rc
packet_take(struct pcap_reader *r, const struct block *b, struct pcap_frame *out)
{
	const uint32_t fixed = 20;
	struct pcap_iface *iface;
	uint64_t units;
	uint32_t idx;
	enum rc rc;

	if (b->body_len < fixed)
		return pcap_fail(r, RC_INVALID, b->at + 4, "packet block of %u bytes; it has "
		    "at least %u", b->len, fixed + BLOCK_EDGE_BYTES);
	idx = b->type == BLOCK_ENHANCED ? pcap_u32(r, b->body) : pcap_u16(r, b->body);
	rc = iface_find(r, b, idx, &iface);
	if (rc != RC_OK)
		return rc;
	rc = frame_take(r, b, fixed, pcap_u32(r, b->body + 12), pcap_u32(r, b->body + 16), out);
	if (rc != RC_OK)
		return rc;
	units = (uint64_t)pcap_u32(r, b->body + 4) << 32 | pcap_u32(r, b->body + 8);
	if (!time_ns(iface, units, &out->wall_ns))
		return pcap_fail(r, RC_INVALID, b->at + 12, "frame %ju: its time does not fit 64 "
		    "bits of nanoseconds", (uintmax_t)out->number);
	return RC_OK;
}

/* Has no captured length: the least of what was on the wire, the snap length, and the block. */
static enum rc
simple_take(struct pcap_reader *r, const struct block *b, struct pcap_frame *out)
{
	struct pcap_iface *iface;
	uint32_t len, orig;
	enum rc rc;

	if (b->body_len < 4)
		return pcap_fail(r, RC_INVALID, b->at + 4, "simple packet block of %u bytes; it "
		    "has at least 16", b->len);
	rc = iface_find(r, b, 0, &iface);
	if (rc != RC_OK)
		return rc;
	orig = pcap_u32(r, b->body);
	len = MIN(orig, b->body_len - 4);
	if (iface->snap_bytes != 0)
		len = MIN(len, iface->snap_bytes);
	return frame_take(r, b, 4, len, orig, out);
}

enum rc
pcap_ng_start(struct pcap_reader *r)
{
	struct block b;
	bool got;
	enum rc rc = block_next(r, &b, &got);

	if (rc != RC_OK)
		return rc;
	CHECK(got && b.type == BLOCK_SECTION);
	return section_take(r, &b);
}

enum rc
pcap_ng_next(struct pcap_reader *r, struct pcap_frame *out, bool *got)
{
	struct block b;
	enum rc rc;

	for (;;) {	/* ends: every block is at least BLOCK_EDGE_BYTES of the file */
		bool more;

		rc = block_next(r, &b, &more);
		if (rc != RC_OK || !more)
			return rc;
		switch (b.type) {
		case BLOCK_SECTION:
			rc = section_take(r, &b);
			break;
		case BLOCK_IFACE:
			rc = iface_take(r, &b);
			break;
		case BLOCK_PACKET:
		case BLOCK_ENHANCED:
			rc = packet_take(r, &b, out);
			*got = rc == RC_OK;
			return rc;
		case BLOCK_SIMPLE:
			rc = simple_take(r, &b, out);
			*got = rc == RC_OK;
			return rc;
		default:
			break;
		}
		if (rc != RC_OK)
			return rc;
	}
}
