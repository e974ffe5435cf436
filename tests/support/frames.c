/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fw_parse.h"

static uint8_t *
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static bool
is_icmp(const struct frame_spec *s)
{
	return s->proto == (s->src.family == 4 ? FW_PROTO_ICMP : FW_PROTO_ICMP6);
}

static uint8_t *
put_l4(const struct frame_spec *s, uint8_t *p)
{
	uint8_t *start = p;

	if (s->fragment && s->frag_off != 0)
		return p;
	memset(p, 0, 20);
	if (is_icmp(s)) {
		put16(p, s->dport);
		put16(p + 4, s->sport);
		return start + 8;
	}
	switch (s->proto) {
	case FW_PROTO_TCP:
		p[12] = 5 << 4;
		p[13] = s->tcp_flags;
		start += 20;
		break;
	case FW_PROTO_UDP:
		put16(p + 4, 8 + s->payload);
		start += 8;
		break;
	case FW_PROTO_SCTP:
		start += 12;
		break;
	default:
		return start;
	}
	put16(p, s->sport);
	put16(p + 2, s->dport);
	return start;
}

static uint8_t *
put_payload(const struct frame_spec *s, uint8_t *p)
{
	memset(p, 0x5a, s->payload);
	if (s->quote != NULL)
		memcpy(p, s->quote, s->quote_bytes);
	return p + s->payload;
}

static uint8_t *
put_ip4(const struct frame_spec *s, uint8_t *ip)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 4, s->frag_id);
	if (s->fragment)
		put16(ip + 6, (s->more ? 0x2000u : 0) | s->frag_off);
	ip[8] = 64;
	ip[9] = s->proto;
	addr_to_bytes(&s->src, ip + 12);
	addr_to_bytes(&s->dst, ip + 16);
	uint8_t *end = put_payload(s, put_l4(s, ip + 20));

	put16(ip + 2, (uint32_t)(end - ip));
	return end;
}

static uint8_t *
put_ip6(const struct frame_spec *s, uint8_t *ip)
{
	uint8_t *p = ip + 40;

	memset(ip, 0, 48);
	ip[0] = 0x60;
	ip[6] = s->proto;
	ip[7] = 64;
	addr_to_bytes(&s->src, ip + 8);
	addr_to_bytes(&s->dst, ip + 24);
	if (s->fragment) {
		ip[6] = 44;
		p[0] = s->proto;
		put16(p + 2, (uint32_t)s->frag_off << 3 | s->more);
		put16(p + 4, s->frag_id >> 16);
		put16(p + 6, s->frag_id & 0xffff);
		p += 8;
	}
	p = put_payload(s, put_l4(s, p));
	put16(ip + 4, (uint32_t)(p - ip - 40));
	return p;
}

uint32_t
frame_ip_at(const struct frame_spec *s)
{
	return 14 + 4 * s->tag_count;
}

uint32_t
frame_build(const struct frame_spec *s, uint8_t *buf)
{
	uint8_t *p = buf + 12;

	memset(buf, 2, 12);
	for (uint32_t i = 0; i < s->tag_count; i++) {
		p = put16(p, i == 0 && s->provider ? 0x88a8 : 0x8100);
		p = put16(p, s->tags[i]);
	}
	p = put16(p, s->src.family == 4 ? 0x0800 : 0x86dd);
	p = s->src.family == 4 ? put_ip4(s, p) : put_ip6(s, p);
	memset(p, 0, s->padding);
	return (uint32_t)(p - buf) + s->padding;
}

struct addr
frame_addr(const char *text)
{
	struct addr a = { .family = 0 };

	CHECK(addr_parse(text, strlen(text), &a));
	return a;
}

void
frame_print(const struct frame_spec *s, char *out, size_t cap)
{
	char src[ADDR_TEXT_BYTES], dst[ADDR_TEXT_BYTES];
	size_t n;

	addr_print(&s->src, src);
	addr_print(&s->dst, dst);
	n = (size_t)snprintf(out, cap, "%s > %s proto %u %u>%u", src, dst, s->proto, s->sport,
	    s->dport);
	if (s->proto == FW_PROTO_TCP && n < cap)
		n += (size_t)snprintf(out + n, cap - n, " flags%s%s%s%s",
		    s->tcp_flags & FW_TCP_SYN ? " syn" : "",
		    s->tcp_flags & FW_TCP_ACK ? " ack" : "",
		    s->tcp_flags & FW_TCP_FIN ? " fin" : "",
		    s->tcp_flags & FW_TCP_RST ? " rst" : "");
	if (s->tag_count > 0 && n < cap)
		n += (size_t)snprintf(out + n, cap - n, " vlan=%u", s->tags[0]);
	if (s->fragment && n < cap)
		n += (size_t)snprintf(out + n, cap - n, " frag id %u at %u%s", s->frag_id,
		    s->frag_off, s->more ? " more" : "");
	if (s->quote != NULL && n < cap)
		(void)snprintf(out + n, cap - n, " quoting %u bytes", s->quote_bytes);
}

/* "ADDRESS" or "ADDRESS/PORT". */
static void
end_from_text(char *text, struct addr *a, uint16_t *port)
{
	char *slash = strchr(text, '/');

	*port = slash != NULL ? (uint16_t)atoi(slash + 1) : 0;
	if (slash != NULL)
		*slash = '\0';
	*a = frame_addr(text);
}

static void
word_from_text(const char *w, struct frame_spec *s)
{
	static const struct { const char *name; uint8_t flag; } flags[] = {
		{ "syn", FW_TCP_SYN }, { "ack", FW_TCP_ACK }, { "fin", FW_TCP_FIN },
		{ "rst", FW_TCP_RST } };
	unsigned a, b;

	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (strcmp(w, flags[i].name) == 0) {
			s->tcp_flags |= flags[i].flag;
			return;
		}
	}
	if (strcmp(w, "first") == 0 || strcmp(w, "rest") == 0 || strcmp(w, "last") == 0) {
		s->fragment = true;
		s->more = w[0] != 'l';
		s->payload = w[0] == 'f' ? 64 - (s->proto == FW_PROTO_TCP ? 20 : 8) : 64;
		s->frag_off = w[0] == 'f' ? 0 : 8;
	} else if (sscanf(w, "off=%u", &a) == 1) {
		s->frag_off = (uint16_t)a;
	} else if (sscanf(w, "vlan=%u", &a) == 1) {
		s->tags[s->tag_count++] = (uint16_t)a;
	} else if (sscanf(w, "type=%u.%u", &a, &b) == 2) {
		s->dport = (uint16_t)(a << 8 | b);
	} else if (sscanf(w, "id=%u", &a) == 1) {
		s->frag_id = a;
		if (s->proto == FW_PROTO_ICMP || s->proto == FW_PROTO_ICMP6)
			s->sport = (uint16_t)a;
	} else {
		CHECK(!"a word of a packet");
	}
}

void
frame_from_text(const char *text, struct frame_spec *s)
{
	static const struct { const char *name; uint8_t proto; } protos[] = { { "tcp", 6 },
		{ "udp", 17 }, { "sctp", 132 }, { "icmp", 1 }, { "icmp6", 58 } };
	char copy[256], src[64], dst[64], proto[16], *rest;
	int used = 0;

	*s = (struct frame_spec){ .frag_id = 1 };
	CHECK(sscanf(text, "%63s > %63s %15s%n", src, dst, proto, &used) == 3);
	end_from_text(src, &s->src, &s->sport);
	end_from_text(dst, &s->dst, &s->dport);
	if (proto[0] == 'p')
		s->proto = (uint8_t)atoi(proto + 1);
	for (size_t i = 0; i < ARRAY_LEN(protos); i++)
		if (strcmp(proto, protos[i].name) == 0)
			s->proto = protos[i].proto;
	snprintf(copy, sizeof(copy), "%s", text + used);
	for (char *w = strtok_r(copy, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest))
		word_from_text(w, s);
}
