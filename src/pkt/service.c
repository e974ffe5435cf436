/* SPDX-License-Identifier: Apache-2.0 */
/* service - does an atom match, order, print. */
#include "service.h"

#include <stdio.h>

static bool
whole(uint16_t lo, uint16_t hi)
{
	return lo == 0 && hi == UINT16_MAX;
}

bool
service_names_ports(const struct service *s)
{
	return !whole(s->sport_lo, s->sport_hi) || !whole(s->dport_lo, s->dport_hi);
}

bool
service_matches(const struct service *s, const struct pkt_key *k)
{
	if (s->family != 0 && s->family != k->remote.family)
		return false;
	if (!s->proto_any && s->proto != k->proto)
		return false;
	if (!service_names_ports(s))
		return true;
	return k->frag != WIRE_FRAG_REST &&
	    k->sport >= s->sport_lo && k->sport <= s->sport_hi &&
	    k->dport >= s->dport_lo && k->dport <= s->dport_hi;
}

static int
cmp_uint(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

int
service_cmp(const struct service *a, const struct service *b)
{
	int c = cmp_uint(!a->proto_any, !b->proto_any);

	if (c == 0)
		c = cmp_uint(a->proto, b->proto);
	if (c == 0)
		c = cmp_uint(a->family, b->family);
	if (c == 0)
		c = cmp_uint(a->dport_lo, b->dport_lo);
	if (c == 0)
		c = cmp_uint(a->dport_hi, b->dport_hi);
	if (c == 0)
		c = cmp_uint(a->sport_lo, b->sport_lo);
	if (c == 0)
		c = cmp_uint(a->sport_hi, b->sport_hi);
	return c;
}

bool
vlan_matches(const struct vlan_range *v, uint32_t n, uint16_t vlan)
{
	for (uint32_t i = 0; i < n; i++)
		if (vlan >= v[i].lo && vlan <= v[i].hi)
			return true;
	return n == 0;
}

struct pkt_key
pkt_key_reversed(const struct pkt_key *k)
{
	struct pkt_key r = *k;

	r.dir = k->dir == WIRE_IN ? WIRE_OUT : WIRE_IN;
	if (k->proto != PROTO_ICMP && k->proto != PROTO_ICMP6) {	/* a type is no port */
		r.sport = k->dport;
		r.dport = k->sport;
	}
	return r;
}

/* "443", "80-90", "any". */
static void
ports_print(uint16_t lo, uint16_t hi, char *out, size_t cap)
{
	if (whole(lo, hi))
		snprintf(out, cap, "any");
	else if (lo == hi)
		snprintf(out, cap, "%u", lo);
	else
		snprintf(out, cap, "%u-%u", lo, hi);
}

/* "8" and "3-5" are types with every code, "3/4" and "3/1-3/4" types with codes. */
static void
icmp_print(uint16_t lo, uint16_t hi, char *out, size_t cap)
{
	unsigned lt = lo >> 8, lc = lo & 255, ht = hi >> 8, hc = hi & 255;

	if (lc == 0 && hc == 255 && lt == ht)
		snprintf(out, cap, "%u", lt);
	else if (lc == 0 && hc == 255)
		snprintf(out, cap, "%u-%u", lt, ht);
	else if (lo == hi)
		snprintf(out, cap, "%u/%u", lt, lc);
	else
		snprintf(out, cap, "%u/%u-%u/%u", lt, lc, ht, hc);
}

const char *
proto_name(uint8_t proto, char room[PROTO_TEXT_BYTES])
{
	switch (proto) {
	case PROTO_TCP:
		return "tcp";
	case PROTO_UDP:
		return "udp";
	case PROTO_SCTP:
		return "sctp";
	case PROTO_ICMP:
		return "icmp";
	case PROTO_ICMP6:
		return "icmp6";
	default:
		snprintf(room, PROTO_TEXT_BYTES, "proto/%u", proto);
		return room;
	}
}

void
service_print(const struct service *s, char out[SERVICE_TEXT_BYTES])
{
	const char *name, *family = s->family == 4 ? " v4" : s->family == 6 ? " v6" : "";
	char proto[PROTO_TEXT_BYTES], sport[16], dport[24];
	bool icmp = (s->proto == PROTO_ICMP && s->family == 4) ||
	    (s->proto == PROTO_ICMP6 && s->family == 6);

	name = s->proto_any ? "any" : proto_name(s->proto, proto);
	if (icmp) {
		family = "";
	} else if (!s->proto_any && (s->proto == PROTO_ICMP || s->proto == PROTO_ICMP6)) {
		snprintf(proto, sizeof(proto), "proto/%u", s->proto);
		name = proto;
	}
	ports_print(s->sport_lo, s->sport_hi, sport, sizeof(sport));
	ports_print(s->dport_lo, s->dport_hi, dport, sizeof(dport));
	if (icmp && !whole(s->dport_lo, s->dport_hi))
		icmp_print(s->dport_lo, s->dport_hi, dport, sizeof(dport));
	if (!service_names_ports(s))
		snprintf(out, SERVICE_TEXT_BYTES, "%s%s", name, family);
	else if (whole(s->sport_lo, s->sport_hi))
		snprintf(out, SERVICE_TEXT_BYTES, "%s/%s%s", name, dport, family);
	else
		snprintf(out, SERVICE_TEXT_BYTES, "%s/%s>%s%s", name, sport, dport, family);
}
