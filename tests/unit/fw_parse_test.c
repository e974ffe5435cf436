/* SPDX-License-Identifier: Apache-2.0 */
/* fw_parse_test - frames of every kind, each of their truncations, lengths that lie. Every frame is
 * parsed at the end of a page, so that one byte read past it ends the test. */
#include "t.h"

#include <sys/mman.h>
#include <unistd.h>

#include "frames.h"
#include "fw_parse.h"

static uint8_t *fence;		/* the first byte that must not be read */

static void
parse(const uint8_t *frame, uint32_t len, struct fw_pkt *p)
{
	memcpy(fence - len, frame, len);
	memset(p, 0xa5, sizeof(*p));
	fw_parse(fence - len, len, p);
}

struct row {
	const char *name;
	struct frame_spec s;
	const char *src, *dst;
	uint16_t vlan;
	uint8_t frag, echo;
	uint16_t lo, hi;
};

#define V4 .src = "10.0.0.1", .dst = "10.0.0.2"
#define V6 .src = "fd00::1", .dst = "fd00::2"
#define NOVLAN .vlan = WIRE_VLAN_NONE

static struct row rows[] = {
	{ "v4 tcp", { .proto = 6, .sport = 1024, .dport = 443, .tcp_flags = 2, .payload = 5 }, V4,
	    NOVLAN },
	{ "v4 udp padded", { .proto = 17, .sport = 53, .dport = 53, .payload = 4, .padding = 14 },
	    V4, NOVLAN },
	{ "v4 sctp", { .proto = 132, .sport = 9, .dport = 10, .payload = 16 }, V4, NOVLAN },
	{ "v4 icmp echo", { .proto = 1, .sport = 77, .dport = 8 << 8, .payload = 8 }, V4, NOVLAN,
	    .echo = 1 },
	{ "v4 icmp echo reply", { .proto = 1, .sport = 77 }, V4, NOVLAN, .echo = 1 },
	{ "v4 icmp timestamp", { .proto = 1, .dport = 13 << 8 }, V4, NOVLAN },
	{ "v4 icmp6 is only a number", { .proto = 58, .payload = 1 }, V4, NOVLAN },
	{ "v4 ospf", { .proto = 89, .payload = 24 }, V4, NOVLAN },
	{ "v4 no payload at all", { .proto = 89 }, V4, NOVLAN },
	{ "v4 vlan", { .proto = 6, .dport = 1, .tag_count = 1, .tags = { 0x6007 } }, V4,
	    .vlan = 7 },
	{ "v4 priority tag", { .proto = 6, .tag_count = 1, .tags = { 0x6000 } }, V4, .vlan = 0 },
	{ "v4 qinq", { .proto = 17, .tag_count = 2, .tags = { 4095, 9 }, .provider = true }, V4,
	    .vlan = 4095 },
	{ "v4 three tags", { .proto = 17, .tag_count = 3, .tags = { 1, 2, 3 } }, V4, .vlan = 1 },
	{ "v4 first fragment", { .proto = 17, .sport = 5, .dport = 6, .payload = 8,
	    .fragment = true, .more = true, .frag_id = 4321 }, V4, NOVLAN, .frag = WIRE_FRAG_FIRST,
	    .lo = 0, .hi = 2 },
	{ "v4 first fragment of tcp, 16 bytes cannot be less", { .proto = 6, .sport = 5,
	    .dport = 6, .tcp_flags = 2, .payload = 4, .fragment = true, .more = true }, V4,
	    NOVLAN, .frag = WIRE_FRAG_FIRST, .lo = 0, .hi = 3 },
	{ "v4 later fragment", { .proto = 6, .payload = 8, .fragment = true, .more = true,
	    .frag_off = 2 }, V4, NOVLAN, .frag = WIRE_FRAG_REST, .lo = 2, .hi = 3 },
	{ "v4 last fragment, odd", { .proto = 17, .payload = 3, .fragment = true,
	    .frag_off = 8180 }, V4, NOVLAN, .frag = WIRE_FRAG_REST, .lo = 8180, .hi = 8181 },
	{ "v6 tcp", { .proto = 6, .sport = 1, .dport = 65535, .tcp_flags = 0x12 }, V6, NOVLAN },
	{ "v6 udp", { .proto = 17, .sport = 1, .dport = 2, .payload = 30 }, V6, NOVLAN },
	{ "v6 echo", { .proto = 58, .sport = 9, .dport = 128 << 8 }, V6, NOVLAN, .echo = 1 },
	{ "v6 neighbour", { .proto = 58, .dport = 135 << 8, .payload = 20 }, V6, NOVLAN },
	{ "v6 nothing follows", { .proto = 59 }, V6, NOVLAN },
	{ "v6 esp", { .proto = 50, .payload = 32 }, V6, NOVLAN },
	{ "v6 atomic fragment", { .proto = 17, .sport = 3, .dport = 4, .fragment = true }, V6,
	    NOVLAN },
	{ "v6 first fragment", { .proto = 6, .sport = 3, .dport = 4, .payload = 4, .fragment = true,
	    .more = true, .frag_id = 0x12345678 }, V6, NOVLAN, .frag = WIRE_FRAG_FIRST, .lo = 0,
	    .hi = 3 },
	{ "v6 later fragment", { .proto = 6, .payload = 16, .fragment = true, .frag_off = 3 }, V6,
	    NOVLAN, .frag = WIRE_FRAG_REST, .lo = 3, .hi = 5 },
};

static void
check_valid(const struct row *r)
{
	uint8_t buf[FRAME_BYTES_MAX], addr[16] = { 0 };
	uint32_t len = frame_build(&r->s, buf);
	bool ports = r->frag != WIRE_FRAG_REST && (r->s.proto == 6 || r->s.proto == 17 ||
	    r->s.proto == 132);
	bool icmp = r->s.proto == (r->s.src.family == 4 ? 1 : 58);
	struct fw_pkt p;

	parse(buf, len, &p);
	T_IS_UINT(p.kind, FW_KIND_IP);
	T_IS_UINT(p.fault, 0);
	T_IS_UINT(p.why, FW_WHY_NONE);
	T_IS_UINT(p.tuple.family, r->s.src.family);
	T_IS_UINT(p.tuple.proto, r->s.proto);
	T_IS_UINT(p.tuple.vlan, r->vlan);
	T_IS_UINT(p.tuple.frag, r->frag);
	T_IS_UINT(p.tuple.sport, ports ? r->s.sport : 0);
	T_IS_UINT(p.tuple.dport, ports || icmp ? r->s.dport : 0);
	T_IS_UINT(p.tuple.tcp_flags, ports && r->s.proto == 6 ? r->s.tcp_flags : 0);
	T_IS_UINT(p.echo, r->echo);
	T_IS_UINT(p.echo_id, r->echo ? r->s.sport : 0);
	T_IS_UINT(p.frag_lo, r->lo);
	T_IS_UINT(p.frag_hi, r->hi);
	if (r->frag != WIRE_FRAG_NONE)
		T_IS_UINT(p.frag_id, r->s.frag_id);
	addr_to_wire(&r->s.src, addr);
	T_IS_MEM(p.tuple.src, addr, 16);
	addr_to_wire(&r->s.dst, addr);
	T_IS_MEM(p.tuple.dst, addr, 16);

	/* Less of it never passes for a whole packet, and never for another one. */
	for (uint32_t cut = 0; cut < len - r->s.padding; cut++) {
		parse(buf, cut, &p);
		if (!T_OK(p.fault == WIRE_REASON_MALFORMED))
			printf("#   cut at %u of %u\n", cut, len);
		bool addresses = cut >= frame_ip_at(&r->s) + (r->s.src.family == 4 ? 20 : 40);

		T_IS_UINT(p.kind, addresses ? FW_KIND_IP : FW_KIND_BROKEN);
		if (addresses)
			T_IS_MEM(p.tuple.dst, addr, 16);
	}
}

/* One or two bytes of a good frame changed; what is then wrong with it. */
struct lie {
	const char *name;
	uint8_t family, proto;
	bool first;			/* of a first fragment */
	uint32_t at;			/* from the IP header; transport at 20 or 40 */
	uint16_t value;			/* 16 bits; 0x1xx: 8 bits */
	bool is_byte;
	uint8_t kind, why;
};

static const struct lie lies[] = {
	{ "version 6 under 0800", 4, 6, false, 0, 0x65, true, FW_KIND_BROKEN, FW_WHY_IP_HEADER },
	{ "header of 16", 4, 6, false, 0, 0x44, true, FW_KIND_BROKEN, FW_WHY_IP_HEADER },
	{ "header longer than total", 4, 17, false, 0, 0x4f, true, FW_KIND_IP, FW_WHY_IP_LENGTH },
	{ "total of 19", 4, 6, false, 2, 19, false, FW_KIND_IP, FW_WHY_IP_LENGTH },
	{ "total of 0", 4, 6, false, 2, 0, false, FW_KIND_IP, FW_WHY_IP_LENGTH },
	{ "total of 20: no tcp", 4, 6, false, 2, 20, false, FW_KIND_IP, FW_WHY_L4 },
	{ "total one too many", 4, 6, false, 2, 49, false, FW_KIND_IP, FW_WHY_IP_LENGTH },
	{ "total as it is", 4, 6, false, 2, 48, false, FW_KIND_IP, FW_WHY_NONE },
	{ "tcp header of 16", 4, 6, false, 32, 0x40, true, FW_KIND_IP, FW_WHY_L4 },
	{ "tcp header of 28, all there is", 4, 6, false, 32, 0x70, true, FW_KIND_IP, FW_WHY_NONE },
	{ "tcp header of 32", 4, 6, false, 32, 0x80, true, FW_KIND_IP, FW_WHY_L4 },
	{ "udp of 7", 4, 17, false, 24, 7, false, FW_KIND_IP, FW_WHY_L4 },
	{ "udp of 8", 4, 17, false, 24, 8, false, FW_KIND_IP, FW_WHY_NONE },
	{ "udp one too many", 4, 17, false, 24, 17, false, FW_KIND_IP, FW_WHY_L4 },
	{ "udp of more, to come in later fragments", 4, 17, true, 24, 1000, false, FW_KIND_IP,
	    FW_WHY_NONE },
	{ "v6 version", 6, 6, false, 0, 0x45, true, FW_KIND_BROKEN, FW_WHY_IP_HEADER },
	{ "v6 one too many", 6, 6, false, 4, 29, false, FW_KIND_IP, FW_WHY_IP_LENGTH },
	{ "v6 payload 0: no tcp", 6, 6, false, 4, 0, false, FW_KIND_IP, FW_WHY_L4 },
	{ "v6 udp one too many", 6, 17, false, 44, 17, false, FW_KIND_IP, FW_WHY_L4 },
	{ "v6 hop options after the header they precede", 6, 0, false, 40, 0, true, FW_KIND_IP,
	    FW_WHY_EXT },
};

static void
check_lie(const struct lie *l)
{
	struct frame_spec s = { .proto = l->proto, .payload = 8, .tcp_flags = FW_TCP_SYN,
		.src = frame_addr(l->family == 4 ? "10.0.0.1" : "fd00::1"),
		.dst = frame_addr(l->family == 4 ? "10.0.0.2" : "fd00::2"),
		.fragment = l->first, .more = l->first };
	uint8_t buf[FRAME_BYTES_MAX];
	uint32_t len = frame_build(&s, buf);
	struct fw_pkt p;

	if (!l->is_byte)
		buf[14 + l->at] = (uint8_t)(l->value >> 8);
	buf[14 + l->at + !l->is_byte] = (uint8_t)l->value;
	parse(buf, len, &p);
	T_IS_UINT(p.kind, l->kind);
	T_IS_UINT(p.why, l->why);
	T_IS_UINT(p.fault, l->why == FW_WHY_NONE ? 0 : WIRE_REASON_MALFORMED);
}

static void
check_fragment_rules(void)
{
	static const struct { uint8_t proto; uint32_t min; } tiny[] = {
		{ 6, 16 }, { 17, 8 }, { 132, 12 }, { 1, 8 }
	};
	uint8_t buf[FRAME_BYTES_MAX];
	struct fw_pkt p;

	for (size_t i = 0; i < ARRAY_LEN(tiny); i++) {
		struct frame_spec s = { .proto = tiny[i].proto, .src = frame_addr("10.0.0.1"),
			.dst = frame_addr("10.0.0.2"), .payload = 64 };
		uint32_t len = frame_build(&s, buf);

		buf[14 + 6] = 0x20;
		for (uint32_t n = 8; n <= 24; n += 8) {
			buf[14 + 3] = (uint8_t)(20 + n);
			parse(buf, len, &p);
			T_IS_UINT(p.why, n < tiny[i].min ? FW_WHY_FRAG_TINY : FW_WHY_NONE);
			T_IS_UINT(p.fault, n < tiny[i].min ? WIRE_REASON_FRAGMENT : 0);
		}
	}
	struct frame_spec s = { .proto = 6, .src = frame_addr("fd00::1"),
		.dst = frame_addr("fd00::2"), .fragment = true, .more = true, .payload = 8,
		.frag_off = 1 };

	parse(buf, frame_build(&s, buf), &p);
	T_IS_UINT(p.why, FW_WHY_FRAG_TINY);
	s.proto = 17;
	parse(buf, frame_build(&s, buf), &p);
	T_IS_UINT(p.why, FW_WHY_NONE);
	s.payload = 9;
	parse(buf, frame_build(&s, buf), &p);
	T_IS_UINT(p.why, FW_WHY_FRAG_SHAPE);
	s.payload = 0;
	parse(buf, frame_build(&s, buf), &p);
	T_IS_UINT(p.why, FW_WHY_FRAG_SHAPE);
	s.payload = 8;
	s.frag_off = 8191;	/* 65,528 + 8 is past the largest datagram */
	parse(buf, frame_build(&s, buf), &p);
	T_IS_UINT(p.why, FW_WHY_FRAG_SHAPE);
	s.payload = 7;
	s.more = false;
	parse(buf, frame_build(&s, buf), &p);
	T_IS_UINT(p.why, FW_WHY_NONE);
}

/* count headers of 8 bytes in front of UDP. */
static uint32_t
chain_build(uint8_t *buf, const uint8_t *headers, uint32_t count)
{
	struct frame_spec s = { .proto = 17, .src = frame_addr("fd00::1"),
		.dst = frame_addr("fd00::2"), .dport = 53 };
	uint8_t plain[FRAME_BYTES_MAX];
	uint32_t len = frame_build(&s, plain);

	memcpy(buf, plain, 54);
	memset(buf + 54, 0, count * 8);
	memcpy(buf + 54 + count * 8, plain + 54, len - 54);
	for (uint32_t i = 0; i < count; i++) {
		buf[i == 0 ? 20 : 54 + (i - 1) * 8] = headers[i];
		if (headers[i] == 51)
			buf[54 + i * 8 + 1] = 1;	/* 12 bytes: eats into the next */
	}
	if (count > 0)
		buf[54 + (count - 1) * 8] = 17;
	buf[14 + 5] = (uint8_t)(count * 8 + 8);
	return len + count * 8;
}

static void
check_chains(void)
{
	static const struct {
		uint8_t headers[10];
		uint32_t count;
		uint8_t why;
	} chains[] = {
		{ { 0 }, 1, FW_WHY_NONE },
		{ { 0, 60, 43, 60 }, 4, FW_WHY_NONE },
		{ { 60, 60, 60, 60, 60, 60, 60, 60 }, 8, FW_WHY_NONE },
		{ { 60, 60, 60, 60, 60, 60, 60, 60, 60 }, 9, FW_WHY_EXT_DEPTH },
		{ { 60, 0 }, 2, FW_WHY_EXT },
		{ { 0, 0 }, 2, FW_WHY_EXT },
		{ { 44, 44 }, 2, FW_WHY_EXT },
		{ { 44 }, 1, FW_WHY_NONE },
		{ { 51 }, 1, FW_WHY_L4 },
		{ { 135 }, 1, FW_WHY_NONE },		/* no header that is walked */
	};
	uint8_t buf[FRAME_BYTES_MAX];
	struct fw_pkt p;

	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		uint32_t len = chain_build(buf, chains[i].headers, chains[i].count);

		parse(buf, len, &p);
		if (!T_IS_UINT(p.why, chains[i].why))
			printf("#   chain %zu\n", i);
		if (chains[i].why == FW_WHY_NONE && chains[i].headers[0] != 135)
			T_IS_UINT(p.tuple.dport, 53);
		for (uint32_t cut = 54; cut < len; cut++) {
			parse(buf, cut, &p);
			T_IS_UINT(p.fault, WIRE_REASON_MALFORMED);
		}
	}
	uint8_t routing = 43;
	uint32_t len = chain_build(buf, &routing, 1);

	buf[54 + 3] = 1;		/* type 0, one segment left: RFC 5095 */
	parse(buf, len, &p);
	T_IS_UINT(p.why, FW_WHY_EXT);
	buf[54 + 2] = 2;
	parse(buf, len, &p);
	T_IS_UINT(p.why, FW_WHY_NONE);
	buf[54 + 1] = 255;		/* longer than the packet */
	parse(buf, len, &p);
	T_IS_UINT(p.why, FW_WHY_EXT);
}

static void
check_headers_far(void)
{
	static uint8_t buf[FRAME_BYTES_MAX];
	uint8_t dest = 60;
	struct fw_pkt p;

	(void)chain_build(buf, &dest, 1);
	buf[54 + 1] = 247;		/* 1,984 bytes: UDP at 2,038 ends at 2,046 */
	memmove(buf + 54 + 1984, buf + 62, 8);
	buf[14 + 4] = (uint8_t)((1984 + 8) >> 8);
	buf[14 + 5] = (uint8_t)(1984 + 8);
	parse(buf, 54 + 1984 + 8, &p);
	T_IS_UINT(p.why, FW_WHY_NONE);
	T_IS_UINT(p.tuple.dport, 53);
	buf[54 + 1] = 248;
	memmove(buf + 54 + 1992, buf + 54 + 1984, 8);
	buf[14 + 4] = (uint8_t)((1992 + 8) >> 8);
	buf[14 + 5] = (uint8_t)(1992 + 8);
	parse(buf, 54 + 1992 + 8, &p);
	T_IS_UINT(p.why, FW_WHY_HEADERS);
}

static void
check_options(void)
{
	struct frame_spec s = { .proto = 6, .src = frame_addr("10.0.0.1"), .sport = 7, .dport = 8,
		.dst = frame_addr("10.0.0.2"), .tcp_flags = FW_TCP_SYN };
	uint8_t plain[FRAME_BYTES_MAX], buf[FRAME_BYTES_MAX];
	struct fw_pkt p;

	(void)frame_build(&s, plain);
	for (uint32_t words = 5; words <= 15; words++) {
		memcpy(buf, plain, 34);
		memset(buf + 34, 1, (words - 5) * 4);
		memcpy(buf + 14 + words * 4, plain + 34, 20);
		buf[14] = (uint8_t)(0x40 | words);
		buf[14 + 3] = (uint8_t)(words * 4 + 20);
		parse(buf, 14 + words * 4 + 20, &p);
		T_IS_UINT(p.why, FW_WHY_NONE);
		T_IS_UINT(p.tuple.dport, 8);
	}
}

static void
check_other_ethernet(void)
{
	static const struct { uint16_t type; uint8_t kind; } types[] = {
		{ 0x0806, FW_KIND_ARP }, { 0x0026, FW_KIND_NON_IP }, { 0x05dc, FW_KIND_NON_IP },
		{ 0x8847, FW_KIND_NON_IP }, { 0x8864, FW_KIND_NON_IP }, { 0x88cc, FW_KIND_NON_IP },
		{ 0x8035, FW_KIND_NON_IP },
	};
	uint8_t buf[64] = { 0 };
	struct fw_pkt p;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		buf[12] = (uint8_t)(types[i].type >> 8);
		buf[13] = (uint8_t)types[i].type;
		parse(buf, sizeof(buf), &p);
		T_IS_UINT(p.kind, types[i].kind);
		T_IS_UINT(p.fault, 0);
	}
	struct frame_spec s = { .proto = 17, .src = frame_addr("10.0.0.1"),
		.dst = frame_addr("10.0.0.2"), .tag_count = 4 };
	uint8_t four[FRAME_BYTES_MAX];

	parse(four, frame_build(&s, four), &p);
	T_IS_UINT(p.kind, FW_KIND_BROKEN);
	T_IS_UINT(p.why, FW_WHY_TAGS);
}

/* What a tunnel carries is not looked at: its outer header is the packet, whatever is inside. */
static void
check_tunnels(void)
{
	static const struct { uint8_t proto; uint16_t dport; } outer[] = {
		{ 17, 4789 }, { 17, 6081 }, { 47, 0 }, { 4, 0 }, { 41, 0 }, { 94, 0 },
	};
	struct frame_spec in = { .proto = 6, .src = frame_addr("192.0.2.1"), .dport = 23,
		.dst = frame_addr("192.0.2.2"), .tcp_flags = FW_TCP_SYN };
	uint8_t inner[FRAME_BYTES_MAX], buf[FRAME_BYTES_MAX];
	uint32_t bytes = frame_build(&in, inner);

	for (size_t i = 0; i < ARRAY_LEN(outer); i++) {
		for (uint32_t cut = 0; cut <= bytes; cut++) {
			struct frame_spec s = { .proto = outer[i].proto, .dport = outer[i].dport,
				.src = frame_addr("10.0.0.1"), .dst = frame_addr("10.0.0.2"),
				.payload = cut };
			uint32_t len = frame_build(&s, buf);
			struct fw_pkt p;

			memcpy(buf + len - cut, inner, cut);
			parse(buf, len, &p);
			T_IS_UINT(p.why, FW_WHY_NONE);
			T_IS_UINT(p.tuple.proto, outer[i].proto);
			T_IS_UINT(p.tuple.dport, outer[i].dport);
			T_IS_UINT(p.tuple.dst[3], 2);
		}
	}
}

/* Values that a stack would refuse change nothing of what a packet is: checksum, TTL, identifier,
 * any flags, port 0, a source that is the destination, or is no host's. */
static void
check_odd_values(void)
{
	static const char *const sources[] = { "10.0.0.1", "10.0.0.2", "255.255.255.255", "0.0.0.0",
		"224.0.0.1", "127.0.0.1" };

	for (uint32_t i = 0; i < 256 * ARRAY_LEN(sources); i++) {
		struct frame_spec s = { .proto = 6, .src = frame_addr(sources[i / 256]),
			.dst = frame_addr("10.0.0.2"), .sport = i & 1 ? 0 : 1024,
			.dport = i & 2 ? 0 : 80, .tcp_flags = (uint8_t)i, .payload = i % 3 * 20 };
		uint8_t buf[FRAME_BYTES_MAX];
		uint32_t len = frame_build(&s, buf), ip = frame_ip_at(&s);
		struct fw_pkt p;

		buf[ip + 4] = (uint8_t)i;
		buf[ip + 8] = (uint8_t)(i & 4 ? 0 : 255);
		buf[ip + 10] = buf[ip + 20 + 16] = 0xa5;
		parse(buf, len, &p);
		T_IS_UINT(p.kind, FW_KIND_IP);
		T_IS_UINT(p.why, FW_WHY_NONE);
		T_IS_UINT(p.tuple.tcp_flags, i & 0xff);
		T_IS_UINT(p.tuple.sport, s.sport);
		T_IS_UINT(p.tuple.dport, s.dport);
		T_IS_MEM(p.tuple.src, buf + ip + 12, 4);
	}
}

static void
check_quotes(void)
{
	uint8_t inner[FRAME_BYTES_MAX], buf[FRAME_BYTES_MAX];

	for (unsigned family = 4; family <= 6; family += 2) {
		struct frame_spec in = { .proto = 6, .sport = 1111, .dport = 22,
			.src = frame_addr(family == 4 ? "10.0.0.1" : "fd00::1"),
			.dst = frame_addr(family == 4 ? "10.0.0.2" : "fd00::2"), .payload = 40 };
		uint32_t n = frame_build(&in, inner) - 14, header = family == 4 ? 20 : 40;
		struct frame_spec s = { .src = in.dst, .dst = in.src, .quote = inner + 14,
			.proto = family == 4 ? 1 : 58, .dport = family == 4 ? 3 << 8 | 1 : 1 << 8 };
		struct fw_pkt p;

		for (uint32_t quote = 0; quote <= n; quote++) {
			s.payload = s.quote_bytes = quote;
			parse(buf, frame_build(&s, buf), &p);
			T_IS_UINT(p.why, FW_WHY_NONE);
			T_IS_UINT(p.has_inner, quote >= header + 8);
			if (!p.has_inner)
				continue;
			T_IS_UINT(p.inner.proto, 6);
			T_IS_UINT(p.inner.sport, 1111);
			T_IS_UINT(p.inner.dport, 22);
			T_IS_MEM(p.inner.src, p.tuple.dst, 16);
		}
		s.dport = family == 4 ? 5 << 8 : 137 << 8;	/* redirects are no errors */
		parse(buf, frame_build(&s, buf), &p);
		T_IS_UINT(p.has_inner, 0);
	}
}

int
main(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *m = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);

	if (m == MAP_FAILED || mprotect(m + 2 * page, page, PROT_NONE) != 0)
		return 1;
	fence = m + 2 * page;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		rows[i].s.src = frame_addr(rows[i].src);
		rows[i].s.dst = frame_addr(rows[i].dst);
	}
	T_ROWS(rows, check_valid);
	T_ROWS(lies, check_lie);
	T_RUN(check_fragment_rules);
	T_RUN(check_chains);
	T_RUN(check_headers_far);
	T_RUN(check_options);
	T_RUN(check_other_ethernet);
	T_RUN(check_tunnels);
	T_RUN(check_odd_values);
	T_RUN(check_quotes);
	return t_done();
}
