/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames - whole Ethernet frames from a few words, for tests.
 * Does:    Ethernet, tags, IPv4 or IPv6 (with a fragment header where it is one), a transport
 *          header, payload. Checksums are left 0: nothing in fw/ looks at them.
 * Limits:  FRAME_BYTES_MAX.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include "addr.h"

enum { FRAME_BYTES_MAX = 4096, FRAME_TAGS_MAX = 4 };

struct frame_spec {
	struct addr src, dst;		/* one family */
	uint8_t proto;
	uint16_t sport, dport;		/* ICMP: dport is type << 8 | code, sport the identifier */
	uint8_t tcp_flags;
	uint16_t tags[FRAME_TAGS_MAX];	/* VIDs, outermost first */
	uint32_t tag_count;
	bool provider;			/* outermost tag is 88a8 */
	bool fragment;			/* the payload is cut out of a datagram: */
	bool more;
	uint16_t frag_off;		/* units of 8 bytes; not 0: no transport header */
	uint32_t frag_id;
	uint32_t payload;		/* bytes after the transport header */
	uint32_t padding;		/* bytes after the packet */
	const uint8_t *quote;		/* ICMP errors: payload begins with it */
	uint32_t quote_bytes;
};

/* Length of the frame in buf, which has FRAME_BYTES_MAX bytes. */
uint32_t frame_build(const struct frame_spec *s, uint8_t *buf);
/* Bytes before the IP header. */
uint32_t frame_ip_at(const struct frame_spec *s);
struct addr frame_addr(const char *text);
/* "10.0.0.1/80 > 10.0.0.2/1024 tcp syn vlan=7": tcp udp sctp icmp icmp6 pN; syn ack fin rst;
 * type=T.C id=N (ICMP); first rest last off=N (fragments of 64 bytes, id=N). Anything else is a
 * failed CHECK. */
void frame_from_text(const char *text, struct frame_spec *s);
/* "10.0.0.1:80 > 10.0.0.2:1024 tcp syn vlan 7", for failures. */
void frame_print(const struct frame_spec *s, char *out, size_t cap);

#endif
