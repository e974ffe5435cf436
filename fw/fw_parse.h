/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_parse - a frame to the facts that rules and flows ask for.
 * Does:    Ethernet, 802.1Q/802.1ad tags, IPv4 with options, IPv6 with extension headers, TCP,
 *          UDP, SCTP, ICMP, ICMPv6, and the packet an ICMP error is about.
 * Limits:  FW_TAGS_MAX tags, FW_EXT_MAX extension headers, headers within the first
 *          FW_HEADERS_BYTES_MAX of the frame; beyond is malformed.
 * Errors:  never fails: what cannot be proven is in kind, fault and why.
 * Context: pure; host, firmware, BPF. Checksums are not verified: the receiver does that.
 * Source:  IEEE 802.1Q; RFC 791, 8200, 4302, 9293, 768, 9260, 792, 4443, 1858, 3128, 5095, 7112.
 */
#ifndef FW_PARSE_H
#define FW_PARSE_H

#include "fw.h"

enum {
	FW_TAGS_MAX = 3,
	FW_EXT_MAX = 8,
	FW_HEADERS_BYTES_MAX = 2048,	/* a power of two: BPF masks offsets with it */
	FW_HEADERS_PAD = 64		/* readable bytes after that, for BPF only */
};

enum fw_kind {
	FW_KIND_BROKEN = 0,		/* no addresses to be had */
	FW_KIND_ARP,
	FW_KIND_NON_IP,
	FW_KIND_IP			/* tuple.src, dst set; proto, ports unless a fault */
};

/* Why a frame is malformed, or a fragment refused. */
enum fw_why {
	FW_WHY_NONE = 0,
	FW_WHY_ETHERNET,		/* shorter than its header or tag */
	FW_WHY_TAGS,			/* more than FW_TAGS_MAX */
	FW_WHY_IP_HEADER,		/* version, header length, shorter than itself */
	FW_WHY_IP_LENGTH,		/* more bytes than there are, or fewer than its header */
	FW_WHY_EXT,			/* extension header cut, misplaced, twice, or a live RH0 */
	FW_WHY_EXT_DEPTH,
	FW_WHY_HEADERS,			/* beyond FW_HEADERS_BYTES_MAX */
	FW_WHY_L4,			/* transport header cut or lying */
	FW_WHY_FRAG_TINY,		/* from here on reason fragment */
	FW_WHY_FRAG_SHAPE,		/* empty, not a multiple of 8, past 65,535 */
	FW_WHY__COUNT
};

enum { FW_TCP_FIN = 1, FW_TCP_SYN = 2, FW_TCP_RST = 4, FW_TCP_ACK = 16 };
enum { FW_PROTO_ICMP = 1, FW_PROTO_TCP = 6, FW_PROTO_UDP = 17, FW_PROTO_ICMP6 = 58,
	FW_PROTO_SCTP = 132 };

/* The packet inside an ICMP error; its family is the outer one. */
struct fw_inner {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;		/* ICMP echo: the identifier in both */
	uint8_t proto;
	uint8_t echo;
};

/* Where the parser stands. In memory and not in registers, so that BPF's verifier forgets what it
 * knew of it and sees one state where paths meet again. Means nothing afterwards. */
struct fw_walk {
	uint32_t len, lim;		/* of the frame; how much of it may be read */
	uint32_t off, end;		/* the next header; the end of the packet */
	uint32_t frag_start;		/* after the fragment header */
	uint32_t frag_id;
	uint16_t frag_off;		/* units of 8 bytes */
	uint8_t next, frag, frag_more, frag_seen;
};

struct fw_pkt {
	struct fw_tuple tuple;
	uint8_t kind;			/* enum fw_kind */
	uint8_t fault;			/* 0, WIRE_REASON_MALFORMED, WIRE_REASON_FRAGMENT */
	uint8_t why;			/* enum fw_why */
	uint8_t echo;			/* ICMP echo request or reply; echo_id is set */
	uint8_t has_inner;		/* an ICMP error that quotes enough to tell the flow */
	uint8_t frag_more;
	uint16_t echo_id;
	uint16_t frag_lo, frag_hi;	/* of a fragment: payload bytes [lo, hi), units of 8 */
	uint32_t frag_id;
	struct fw_inner inner;
	struct fw_walk walk;
};

#ifndef FW_PARSE_API
#define FW_PARSE_API		/* BPF: static */
#endif

/* O(1). frame may be of any length, 0 included. */
FW_PARSE_API void fw_parse(const uint8_t *frame, uint32_t len, struct fw_pkt *out);

/* TCP only: SYN set and ACK clear. */
static inline bool
fw_tuple_is_bare_syn(const struct fw_tuple *tuple)
{
	return (tuple->tcp_flags & (FW_TCP_SYN | FW_TCP_ACK)) == FW_TCP_SYN;
}

#endif
