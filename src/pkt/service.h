/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service - what a packet is for: protocol, ports, ICMP type and code; and VLANs.
 * Shape:   an atom is one box: protocol (or any), source port range, destination port range. ICMP
 *          (1 of v4) and ICMPv6 (58 of v6) carry type << 8 | code in the place of the destination
 *          port and 0 in that of the source port; either number in the other family has no ports.
 *          An atom "names ports" unless both ranges are whole; such an atom does not match a later
 *          fragment, nor does a protocol without ports have any (both are 0).
 * Context: pure.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "addr.h"
#include "wire_verdict.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58, PROTO_SCTP = 132 };

struct service {
	bool proto_any;		/* every protocol; proto is then 0, ranges whole */
	uint8_t proto;
	uint8_t family;		/* 0 either, 4, 6 */
	uint16_t sport_lo, sport_hi;	/* inclusive */
	uint16_t dport_lo, dport_hi;
};

struct vlan_range {
	uint16_t lo, hi;	/* outermost VID, 0..4095 */
};

/* One packet as rules see it, seen from one local IP. Ports and ICMP as in struct service. */
struct pkt_key {
	struct addr remote;	/* its family is the packet's */
	uint8_t dir;		/* enum wire_dir */
	uint8_t proto;
	uint8_t frag;		/* enum wire_frag; of WIRE_FRAG_REST ports are unknown, 0 */
	uint16_t sport, dport;
	uint16_t vlan;		/* VID, or WIRE_VLAN_NONE */
};

bool service_names_ports(const struct service *s);
bool service_matches(const struct service *s, const struct pkt_key *k);
int service_cmp(const struct service *a, const struct service *b);
/* n = 0 is any VLAN or none. */
bool vlan_matches(const struct vlan_range *v, uint32_t n, uint16_t vlan);

/* The key of the packet that answers k: direction and ports exchanged. */
struct pkt_key pkt_key_reversed(const struct pkt_key *k);

enum { SERVICE_TEXT_BYTES = 80, PROTO_TEXT_BYTES = 16 };
/* "tcp", "udp", "sctp", "icmp", "icmp6"; else "proto/N", written into room. */
const char *proto_name(uint8_t proto, char room[PROTO_TEXT_BYTES]);
/* "tcp/443", "tcp/1024-65535>443", "icmp/8", "proto/89", "any". */
void service_print(const struct service *s, char out[SERVICE_TEXT_BYTES]);

#endif
