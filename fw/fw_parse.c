/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads frames by offset. Each read follows a check against the length that covers it, and on BPF
 * each offset is masked as well, so the verifier needs no proof of ours.
 */
#include "fw_parse.h"

#include "fw_mem.h"
#include "fw_port.h"

enum {
	TYPE_LENGTH_END = 0x600, TYPE_IP4 = 0x0800, TYPE_ARP = 0x0806, TYPE_IP6 = 0x86dd,
	TYPE_TAG = 0x8100, TYPE_TAG_QINQ_OLD = 0x9100, TYPE_TAG_PROVIDER = 0x88a8,
	ETHERNET_BYTES = 14, TAG_BYTES = 4, IP4_BYTES = 20, IP6_BYTES = 40, EXT_BYTES_MIN = 8,
	EXT_HOP = 0, EXT_ROUTING = 43, EXT_FRAGMENT = 44, EXT_AH = 51, EXT_DEST = 60,
	DATAGRAM_BYTES_MAX = 65535
};

#ifdef __bpf__
/* A mask that the compiler cannot prove to be needless, for the verifier needs it. */
static inline __attribute__((always_inline)) uint32_t
masked(uint32_t off)
{
	__asm__ volatile("" : "+r"(off));
	return off & (FW_HEADERS_BYTES_MAX - 1);
}
#define AT(f, off) ((f)[masked(off)])
#define LOOP _Pragma("clang loop unroll(disable)")
#define FORGET() __asm__ volatile("" ::: "memory")
#define INLINE static inline __attribute__((always_inline))
#else
#define AT(f, off) ((f)[off])
#define LOOP
#define FORGET() ((void)0)
#define INLINE static
#endif

INLINE uint16_t
rd16(const uint8_t *f, uint32_t off)
{
#ifdef __bpf__
	return (uint16_t)(AT(f, off) << 8 | AT(f, off + 1));
#else
	f += off;	/* off + 1 might wrap, for all a compiler knows: two loads */
	return (uint16_t)(f[0] << 8 | f[1]);
#endif
}

INLINE uint32_t
rd32(const uint8_t *f, uint32_t off)
{
	return (uint32_t)rd16(f, off) << 16 | rd16(f, off + 2);
}

/* n is 4 or 16; what follows 4 bytes is zero already. */
INLINE void
rd_addr(const uint8_t *f, uint32_t off, uint32_t n, uint8_t out[16])
{
#ifdef __bpf__
	for (uint32_t i = 0; i < n; i++)
		out[i] = AT(f, off + i);
#else
	/* in one piece, as it will be read: else who reads it waits until the pieces are in the
	 * cache */
	typedef uint32_t v4u32 __attribute__((vector_size(16)));
	v4u32 v = { 0 };

	memcpy(&v, f + off, n);
	memcpy(out, &v, 16);
#endif
}

INLINE void
fault(struct fw_pkt *p, enum fw_why why)
{
	p->why = (uint8_t)why;
	p->fault = why >= FW_WHY_FRAG_TINY ? WIRE_REASON_FRAGMENT : WIRE_REASON_MALFORMED;
}

INLINE bool
is_icmp(uint8_t family, uint8_t proto)
{
	return proto == (family == 4 ? FW_PROTO_ICMP : FW_PROTO_ICMP6);
}

INLINE bool
is_echo(uint8_t family, uint8_t type)
{
	return family == 4 ? type == 8 || type == 0 : type == 128 || type == 129;
}

/* Redirects tell a host to change its ways; they are no error about a packet of a flow. */
INLINE bool
is_icmp_error(uint8_t family, uint8_t type)
{
	return family == 4 ? type == 3 || type == 4 || type == 11 || type == 12 :
	    type >= 1 && type <= 4;
}

INLINE bool
is_ext(uint8_t next)
{
	return next == EXT_HOP || next == EXT_ROUTING || next == EXT_FRAGMENT || next == EXT_AH ||
	    next == EXT_DEST;
}

/* One extension header. FW_WHY_NONE and c moved on, or what is wrong with it. */
INLINE enum fw_why
ext_step(const uint8_t *f, struct fw_walk *c, uint32_t depth)
{
	if (c->end - c->off < EXT_BYTES_MIN)
		return FW_WHY_EXT;
	if (c->off + EXT_BYTES_MIN > c->lim)
		return FW_WHY_HEADERS;
	uint8_t units = AT(f, c->off + 1);
	uint32_t bytes = ((uint32_t)units + 1) * 8;

	if (c->next == EXT_HOP && depth != 0)
		return FW_WHY_EXT;
	if (c->next == EXT_AH) {
		bytes = ((uint32_t)units + 2) * 4;
		if (units == 0)
			return FW_WHY_EXT;
	}
	if (c->next == EXT_ROUTING && AT(f, c->off + 2) == 0 && AT(f, c->off + 3) != 0)
		return FW_WHY_EXT;
	if (c->next == EXT_FRAGMENT) {
		uint16_t word = rd16(f, c->off + 2);

		if (c->frag_seen)
			return FW_WHY_EXT;
		c->frag_seen = 1;
		bytes = EXT_BYTES_MIN;
		c->frag_off = word >> 3;
		c->frag_more = word & 1;
		c->frag_id = rd32(f, c->off + 4);
		c->frag_start = c->off + EXT_BYTES_MIN;
		c->frag = c->frag_off != 0 ? WIRE_FRAG_REST :
		    c->frag_more ? WIRE_FRAG_FIRST : WIRE_FRAG_NONE;
	}
	if (bytes > c->end - c->off)
		return FW_WHY_EXT;
	c->next = AT(f, c->off);
	c->off += bytes;
	return FW_WHY_NONE;
}

/* Walks to the transport header, or to the fragment header of a later fragment. */
INLINE enum fw_why
ext_walk(const uint8_t *f, struct fw_walk *c)
{
	LOOP
	for (uint32_t depth = 0; depth < FW_EXT_MAX; depth++) {
		FORGET();
		if (!is_ext(c->next) || c->frag == WIRE_FRAG_REST)
			return FW_WHY_NONE;
		enum fw_why why = ext_step(f, c, depth);

		if (why != FW_WHY_NONE)
			return why;
	}
	FORGET();
	return is_ext(c->next) && c->frag != WIRE_FRAG_REST ? FW_WHY_EXT_DEPTH : FW_WHY_NONE;
}

/* Ports, or the echo identifier, of the packet an ICMP error quotes. */
INLINE bool
inner_l4(const uint8_t *f, uint8_t family, const struct fw_walk *w, struct fw_inner *in)
{
	uint32_t off = w->off;

	if (off > w->end || w->end - off < 8 || off + 8 > w->lim)
		return false;
	if (in->proto == FW_PROTO_TCP || in->proto == FW_PROTO_UDP || in->proto == FW_PROTO_SCTP) {
		in->sport = rd16(f, off);
		in->dport = rd16(f, off + 2);
	} else if (is_icmp(family, in->proto)) {
		in->echo = is_echo(family, AT(f, off));
		in->dport = in->echo ? rd16(f, off + 4) : rd16(f, off);
		in->sport = in->echo ? in->dport : 0;
	}
	return true;
}

INLINE bool
inner_ip4(const uint8_t *f, struct fw_walk *w, struct fw_inner *in)
{
	uint32_t off = w->off;

	if (w->end - off < IP4_BYTES || off + IP4_BYTES > w->lim)
		return false;
	uint32_t ihl = (AT(f, off) & 15u) * 4;

	if (AT(f, off) >> 4 != 4 || ihl < IP4_BYTES || (rd16(f, off + 6) & 0x1fff) != 0)
		return false;
	in->proto = AT(f, off + 9);
	rd_addr(f, off + 12, 4, in->src);
	rd_addr(f, off + 16, 4, in->dst);
	w->off = off + ihl;
	FORGET();
	return inner_l4(f, 4, w, in);
}

INLINE bool
inner_ip6(const uint8_t *f, struct fw_walk *w, struct fw_inner *in)
{
	uint32_t off = w->off;

	if (w->end - off < IP6_BYTES || off + IP6_BYTES > w->lim || AT(f, off) >> 4 != 6)
		return false;
	w->off = off + IP6_BYTES;
	w->next = AT(f, off + 6);
	w->frag = w->frag_seen = 0;
	rd_addr(f, off + 8, 16, in->src);
	rd_addr(f, off + 24, 16, in->dst);
	if (ext_walk(f, w) != FW_WHY_NONE || w->frag == WIRE_FRAG_REST)
		return false;
	in->proto = w->next;
	return inner_l4(f, 6, w, in);
}

INLINE void
parse_icmp(const uint8_t *f, struct fw_pkt *p)
{
	uint32_t off = p->walk.off;
	uint8_t family = p->tuple.family;
	uint8_t type = AT(f, off);

	p->tuple.dport = rd16(f, off);
	if (is_echo(family, type)) {
		p->echo = 1;
		p->echo_id = rd16(f, off + 4);
	}
	if (!is_icmp_error(family, type))
		return;
	p->walk.off = off + 8;
	FORGET();
	p->has_inner = family == 4 ? inner_ip4(f, &p->walk, &p->inner) :
	    inner_ip6(f, &p->walk, &p->inner);
}

/* Bytes of a transport header that must be there; a first fragment may cut TCP's last four. */
INLINE uint32_t
l4_bytes_min(const struct fw_tuple *t)
{
	switch (t->proto) {
	case FW_PROTO_TCP:
		return t->frag == WIRE_FRAG_FIRST ? 16 : 20;
	case FW_PROTO_UDP:
		return 8;
	case FW_PROTO_SCTP:
		return 12;
	default:
		return is_icmp(t->family, t->proto) ? 8 : 0;
	}
}

INLINE void
parse_l4(const uint8_t *f, struct fw_pkt *p)
{
	struct fw_tuple *t = &p->tuple;
	bool whole = t->frag == WIRE_FRAG_NONE;
	uint32_t off = p->walk.off, n = p->walk.end - off;
	uint32_t min = l4_bytes_min(t);

	if (min == 0)
		return;
	if (n < min) {
		fault(p, whole ? FW_WHY_L4 : FW_WHY_FRAG_TINY);
		return;
	}
	if (off + min > p->walk.lim) {
		fault(p, FW_WHY_HEADERS);
		return;
	}
	if (is_icmp(t->family, t->proto)) {
		parse_icmp(f, p);
		return;
	}
	t->sport = rd16(f, off);
	t->dport = rd16(f, off + 2);
	if (t->proto == FW_PROTO_TCP) {
		uint32_t header = (uint32_t)(AT(f, off + 12) >> 4) * 4;

		t->tcp_flags = AT(f, off + 13);
		if (header < 20 || (whole && header > n))
			fault(p, FW_WHY_L4);
	} else if (t->proto == FW_PROTO_UDP) {
		uint32_t bytes = rd16(f, off + 4);

		if (bytes < 8 || (whole && bytes > n))
			fault(p, FW_WHY_L4);
	}
}

/* The place of a fragment; bytes = payload after the header that says so. False on a fault. */
INLINE bool
parse_frag(struct fw_pkt *p, uint32_t frag_off, uint32_t bytes, uint32_t header_bytes)
{
	if (bytes == 0 || (p->frag_more && bytes % 8 != 0) ||
	    frag_off * 8 + bytes + header_bytes > DATAGRAM_BYTES_MAX) {
		fault(p, FW_WHY_FRAG_SHAPE);
		return false;
	}
	p->frag_lo = (uint16_t)frag_off;
	p->frag_hi = (uint16_t)(frag_off + (bytes + 7) / 8);
	if (frag_off == 1 && p->tuple.proto == FW_PROTO_TCP) {
		fault(p, FW_WHY_FRAG_TINY);
		return false;
	}
	return true;
}

INLINE void
parse_ip4(const uint8_t *f, struct fw_pkt *p)
{
	struct fw_tuple *t = &p->tuple;
	uint32_t off = p->walk.off, have = p->walk.len - off;
	uint32_t first = have >= IP4_BYTES ? AT(f, off) : 0;
	uint32_t ihl = (first & 15) * 4;

	if (first >> 4 != 4 || ihl < IP4_BYTES) {
		fault(p, FW_WHY_IP_HEADER);
		return;
	}
	uint32_t total = rd16(f, off + 2);
	uint32_t word = rd16(f, off + 6);
	uint32_t frag_off = word & 0x1fff;

	p->kind = FW_KIND_IP;
	t->family = 4;
	t->proto = AT(f, off + 9);
	rd_addr(f, off + 12, 4, t->src);
	rd_addr(f, off + 16, 4, t->dst);
	if (total < ihl || total > have) {
		fault(p, FW_WHY_IP_LENGTH);
		return;
	}
	p->frag_more = word >> 13 & 1;
	p->frag_id = rd16(f, off + 4);
	t->frag = frag_off != 0 ? WIRE_FRAG_REST : p->frag_more ? WIRE_FRAG_FIRST : WIRE_FRAG_NONE;
	if (t->frag != WIRE_FRAG_NONE && !parse_frag(p, frag_off, total - ihl, ihl))
		return;
	p->walk.off = off + ihl;
	p->walk.end = off + total;
	FORGET();
	if (t->frag != WIRE_FRAG_REST)
		parse_l4(f, p);
}

INLINE void
parse_ip6(const uint8_t *f, struct fw_pkt *p)
{
	struct fw_tuple *t = &p->tuple;
	struct fw_walk *c = &p->walk;
	uint32_t off = c->off, have = c->len - off;

	if (have < IP6_BYTES || AT(f, off) >> 4 != 6) {
		fault(p, FW_WHY_IP_HEADER);
		return;
	}
	uint32_t payload = rd16(f, off + 4);

	c->off = off + IP6_BYTES;
	c->end = off + IP6_BYTES + payload;
	c->next = AT(f, off + 6);
	p->kind = FW_KIND_IP;
	t->family = 6;
	t->proto = c->next;
	rd_addr(f, off + 8, 16, t->src);
	rd_addr(f, off + 24, 16, t->dst);
	if (payload > have - IP6_BYTES) {
		fault(p, FW_WHY_IP_LENGTH);
		return;
	}
	enum fw_why why = ext_walk(f, c);

	t->proto = c->next;
	t->frag = c->frag;
	p->frag_more = c->frag_more;
	p->frag_id = c->frag_id;
	if (why != FW_WHY_NONE) {
		fault(p, why);
		return;
	}
	if (t->frag != WIRE_FRAG_NONE && !parse_frag(p, c->frag_off, c->end - c->frag_start, 0))
		return;
	if (t->frag != WIRE_FRAG_REST)
		parse_l4(f, p);
}

FW_PARSE_API void
fw_parse(const uint8_t *frame, uint32_t len, struct fw_pkt *out)
{
	FW_CHECK(frame != NULL || len == 0);
	/* in parts: the whole is long enough for compilers to take a slow string instruction */
	out->tuple = (struct fw_tuple){ .vlan = WIRE_VLAN_NONE };
	out->kind = out->fault = out->why = out->echo = out->has_inner = out->frag_more = 0;
	out->echo_id = out->frag_lo = out->frag_hi = 0;
	out->frag_id = 0;
	out->inner = (struct fw_inner){ 0 };
	out->walk = (struct fw_walk){ .len = len, .lim = len < FW_HEADERS_BYTES_MAX ? len :
		FW_HEADERS_BYTES_MAX, .off = ETHERNET_BYTES };
	if (len < ETHERNET_BYTES) {
		fault(out, FW_WHY_ETHERNET);
		return;
	}
	uint16_t type = rd16(frame, 12);

	LOOP
	for (uint32_t tag = 0; tag <= FW_TAGS_MAX; tag++) {
		FORGET();
		uint32_t off = out->walk.off;

		if (type != TYPE_TAG && type != TYPE_TAG_PROVIDER && type != TYPE_TAG_QINQ_OLD)
			break;
		if (tag == FW_TAGS_MAX || len - off < TAG_BYTES) {
			fault(out, tag == FW_TAGS_MAX ? FW_WHY_TAGS : FW_WHY_ETHERNET);
			return;
		}
		if (tag == 0)
			out->tuple.vlan = rd16(frame, off) & 0x0fff;
		type = rd16(frame, off + 2);
		out->walk.off = off + TAG_BYTES;
	}
	FORGET();
	if (type == TYPE_IP4)
		parse_ip4(frame, out);
	else if (type == TYPE_IP6)
		parse_ip6(frame, out);
	else
		out->kind = type == TYPE_ARP ? FW_KIND_ARP : FW_KIND_NON_IP;
}
