/* SPDX-License-Identifier: Apache-2.0 */
/* pol_packet - a scanner for the words of a packet, and their order. Input has no sentinel. */
#include "pol_packet.h"

#include <string.h>

enum word {
	W_END = 0, W_TO, W_ANY, W_ADDR, W_PROTO, W_SPORT, W_FLAG, W_VLAN, W_FRAG, W_TYPE, W_CODE,
	W_JOIN, W_OTHER
};

struct scan {
	const unsigned char *cur, *mar, *lim, *start;
	uint32_t value;		/* of the word: number, flag, enum wire_frag, protocol */
	bool has_port;
	uint32_t port;
};

static unsigned char
peek(const struct scan *s)
{
	return s->cur < s->lim ? *s->cur : 0;
}

/* The decimal digits at the end of the word; more than any bound where they are too many. */
static uint32_t
digits(const struct scan *s)
{
	const unsigned char *p = s->cur;
	uint32_t n = 0;

	while (p > s->start && p[-1] >= '0' && p[-1] <= '9')
		p--;
	if (s->cur - p > 9)
		return UINT32_MAX;
	for (; p < s->cur; p++)
		n = n * 10 + (uint32_t)(*p - '0');
	return n;
}

static enum word
numbered(struct scan *s, enum word w)
{
	s->value = digits(s);
	return w;
}

static enum word
valued(struct scan *s, enum word w, uint32_t value)
{
	s->value = value;
	return w;
}

static enum word
protocol(struct scan *s, uint32_t proto)
{
	s->value = proto;
	s->has_port = memchr(s->start, '/', (size_t)(s->cur - s->start)) != NULL;
	s->port = s->has_port ? digits(s) : 0;
	return W_PROTO;
}

/* A flat scanner: one line a word. */
static enum word
next_word(struct scan *s)
{
	for (;;) {
		s->start = s->mar = s->cur;
		if (s->cur >= s->lim)
			return W_END;
		/*!re2c
		re2c:api = custom;
		re2c:api:style = free-form;
		re2c:yyfill:enable = 0;
		re2c:define:YYCTYPE = "unsigned char";
		re2c:define:YYPEEK = "peek(s)";
		re2c:define:YYSKIP = "s->cur++;";
		re2c:define:YYBACKUP = "s->mar = s->cur;";
		re2c:define:YYRESTORE = "s->cur = s->mar;";

		num = [0-9]+;
		[ \t]+		{ continue; }
		">"		{ return W_TO; }
		[|,]		{ return W_JOIN; }
		"any"		{ return W_ANY; }
		"tcp" ("/" num)?	{ return protocol(s, PROTO_TCP); }
		"udp" ("/" num)?	{ return protocol(s, PROTO_UDP); }
		"sctp" ("/" num)?	{ return protocol(s, PROTO_SCTP); }
		"icmp"		{ return protocol(s, PROTO_ICMP); }
		"icmp6"		{ s->has_port = false; return valued(s, W_PROTO, PROTO_ICMP6); }
		"proto/" num	{ s->has_port = false; return numbered(s, W_PROTO); }
		"sport=" num	{ return numbered(s, W_SPORT); }
		"vlan=" num	{ return numbered(s, W_VLAN); }
		"type=" num	{ return numbered(s, W_TYPE); }
		"code=" num	{ return numbered(s, W_CODE); }
		"frag=first"	{ return valued(s, W_FRAG, WIRE_FRAG_FIRST); }
		"frag=rest"	{ return valued(s, W_FRAG, WIRE_FRAG_REST); }
		"fin"		{ return valued(s, W_FLAG, POL_FIN); }
		"syn"		{ return valued(s, W_FLAG, POL_SYN); }
		"rst"		{ return valued(s, W_FLAG, POL_RST); }
		"psh"		{ return valued(s, W_FLAG, POL_PSH); }
		"ack"		{ return valued(s, W_FLAG, POL_ACK); }
		"urg"		{ return valued(s, W_FLAG, POL_URG); }
		[0-9a-fA-F.:]+	{ return W_ADDR; }
		[A-Za-z0-9_.:=/-]+	{ return W_OTHER; }
		*		{ return W_OTHER; }
		*/
	}
}

/* --- the order of the words, and what each may be --- */

static bool
refuse(const struct scan *s, struct diag *d, const char *what)
{
	char word[48];
	size_t n = MIN((size_t)(s->cur - s->start), sizeof(word) - 1);

	for (size_t i = 0; i < n; i++)
		word[i] = s->start[i] < 0x20 || s->start[i] > 0x7e ? '?' : (char)s->start[i];
	word[n] = '\0';
	diag_set(d, "packet", n == 0 ? "the packet ends where %s%s" : "%s, not \"%s\"", what,
	    n == 0 ? " should be" : word);
	diag_hint(d, "SRC > DST PROTO[/DPORT] [sport=N] [syn|ack|...] [vlan=N] [frag=first|rest] "
	    "[type=N code=N]");
	return false;
}

static bool
end_parse(struct scan *s, struct addr *out, struct diag *d)
{
	enum word w = next_word(s);

	memset(out, 0, sizeof(*out));
	if (w == W_ANY)
		return true;
	/* a word of hex digits alone may be another word's name, never an address */
	if (w != W_ADDR || !addr_parse((const char *)s->start, (size_t)(s->cur - s->start), out))
		return refuse(s, d, "an address");
	return true;
}

static bool
ports_of(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

static bool
proto_parse(struct scan *s, struct pol_packet *p, bool *has_port, struct diag *d)
{
	if (next_word(s) != W_PROTO)
		return refuse(s, d, "a protocol (tcp/443, udp/53, icmp, proto/47)");
	if (s->value > 255)
		return refuse(s, d, "a protocol of at most 255");
	if (s->has_port && s->port > UINT16_MAX)
		return refuse(s, d, "a port of at most 65535");
	if ((s->value == PROTO_ICMP && memcmp(s->start, "icmp", 4) == 0 &&
	    pol_packet_family(p) != 4) || (s->value == PROTO_ICMP6 &&
	    memcmp(s->start, "icmp", 4) == 0 && pol_packet_family(p) != 6))
		return refuse(s, d, "icmp with IPv4 addresses, icmp6 with IPv6 addresses");
	p->proto = (uint8_t)s->value;
	p->dport = (uint16_t)s->port;
	*has_port = s->has_port;
	return true;
}

/* Which options are given. */
struct given {
	bool sport, flags, vlan, frag, type, code;
};

static bool
option_once(const struct scan *s, bool *seen, uint32_t max, struct diag *d)
{
	char what[64];

	if (*seen)
		return refuse(s, d, "each option once");
	*seen = true;
	(void)snprintf(what, sizeof(what), "a number of at most %u", max);
	return s->value <= max || refuse(s, d, what);
}

/* One word behind the protocol; a flat switch. */
static bool
option_take(const struct scan *s, enum word w, struct pol_packet *p, struct given *g,
    struct diag *d)
{
	bool ok = true;

	switch (w) {
	case W_SPORT:
		ok = option_once(s, &g->sport, UINT16_MAX, d);
		p->sport = (uint16_t)s->value;
		break;
	case W_VLAN:
		ok = option_once(s, &g->vlan, WIRE_VLAN_NONE - 1, d);
		p->vlan = (uint16_t)s->value;
		break;
	case W_FRAG:
		ok = option_once(s, &g->frag, WIRE_FRAG_REST, d);
		p->frag = (uint8_t)s->value;
		break;
	case W_TYPE:
		ok = option_once(s, &g->type, 255, d);
		p->dport = (uint16_t)((p->dport & 0xff) | (s->value & 0xff) << 8);
		break;
	case W_CODE:
		ok = option_once(s, &g->code, 255, d);
		p->dport = (uint16_t)((p->dport & 0xff00) | (s->value & 0xff));
		break;
	case W_FLAG:
		g->flags = true;
		p->tcp_flags |= (uint8_t)s->value;
		break;
	default:
		return refuse(s, d, "an option of the packet");
	}
	return ok;
}

static bool
options_parse(struct scan *s, struct pol_packet *p, struct given *g, struct diag *d)
{
	bool after_flag = false;

	for (;;) {
		enum word w = next_word(s);

		if (w == W_JOIN) {
			if (!after_flag)
				return refuse(s, d, "an option of the packet");
			w = next_word(s);
			if (w != W_FLAG)
				return refuse(s, d, "a TCP flag");
		}
		if (w == W_END)
			return true;
		after_flag = w == W_FLAG;
		if (!option_take(s, w, p, g, d))
			return false;
	}
}

/* What goes together, and what is meant where nothing is said. */
static bool
finish(const struct scan *s, struct pol_packet *p, const struct given *g, bool has_port,
    struct diag *d)
{
	bool rest = p->frag == WIRE_FRAG_REST, ports = ports_of(p->proto);
	bool icmp = p->proto == (pol_packet_family(p) == 4 ? PROTO_ICMP : PROTO_ICMP6);

	if (rest && (has_port || g->sport || g->flags || g->type || g->code))
		return refuse(s, d, "no ports, flags or type with frag=rest: they are not known");
	if (ports && !rest && !has_port)
		return refuse(s, d, "a destination port behind the protocol, as in tcp/443");
	if (g->sport && !ports)
		return refuse(s, d, "sport= with tcp, udp or sctp");
	if (g->flags && p->proto != PROTO_TCP)
		return refuse(s, d, "flags with tcp");
	if ((g->type || g->code) && !icmp)
		return refuse(s, d, "type= and code= with icmp or icmp6");
	if (rest)
		return true;
	if (ports && !g->sport)
		p->sport = POL_PACKET_SPORT;
	if (p->proto == PROTO_TCP && !g->flags)
		p->tcp_flags = POL_SYN;
	if (icmp && !g->type)
		p->dport |= p->proto == PROTO_ICMP ? 8 << 8 : 128 << 8;
	return true;
}

bool
pol_packet_parse(const char *text, size_t len, struct pol_packet *out, struct diag *d)
{
	struct scan s = { .cur = (const unsigned char *)text };
	struct given g = { 0 };
	bool has_port = false;

	CHECK(text != NULL && out != NULL);
	s.lim = s.cur + len;
	memset(out, 0, sizeof(*out));
	out->vlan = WIRE_VLAN_NONE;
	if (len > POL_PACKET_BYTES_MAX) {
		diag_set(d, "packet", "a packet has at most %d bytes of text",
		    POL_PACKET_BYTES_MAX);
		return false;
	}
	if (!end_parse(&s, &out->src, d))
		return false;
	if (next_word(&s) != W_TO)
		return refuse(&s, d, "\">\"");
	if (!end_parse(&s, &out->dst, d))
		return false;
	if (out->src.family == 0 && out->dst.family == 0)
		return refuse(&s, d, "one address at least");
	if (out->src.family != 0 && out->dst.family != 0 && out->src.family != out->dst.family)
		return refuse(&s, d, "two addresses of one family");
	return proto_parse(&s, out, &has_port, d) && options_parse(&s, out, &g, d) &&
	    finish(&s, out, &g, has_port, d);
}

/* --- what it is --- */

uint8_t
pol_packet_family(const struct pol_packet *p)
{
	return p->src.family != 0 ? p->src.family : p->dst.family;
}

struct pkt_key
pol_packet_key(const struct pol_packet *p, uint8_t dir)
{
	return (struct pkt_key){ .remote = dir == WIRE_OUT ? p->dst : p->src, .dir = dir,
		.proto = p->proto, .frag = p->frag, .sport = p->sport, .dport = p->dport,
		.vlan = p->vlan };
}

bool
pol_packet_bare_syn(const struct pol_packet *p)
{
	return p->proto == PROTO_TCP && (p->tcp_flags & (POL_SYN | POL_ACK)) == POL_SYN;
}

void
pol_packet_text(const struct pol_packet *p, char out[POL_PACKET_TEXT_BYTES])
{
	static const char *const names[] = { "fin", "syn", "rst", "psh", "ack", "urg" };
	uint8_t dir = p->dst.family != 0 ? WIRE_OUT : WIRE_IN;
	struct pkt_key k = pol_packet_key(p, dir);
	size_t n;

	pol_packet_print(dir == WIRE_OUT ? &p->src : &p->dst, &k, out);
	n = strlen(out);
	for (size_t i = 0, first = 1; i < ARRAY_LEN(names) && p->tcp_flags != POL_SYN; i++) {
		if (!(p->tcp_flags & 1u << i))
			continue;
		n += (size_t)snprintf(out + n, POL_PACKET_TEXT_BYTES - n, "%s%s",
		    first ? " " : "|", names[i]);
		CHECK(n < POL_PACKET_TEXT_BYTES);
		first = 0;
	}
}
