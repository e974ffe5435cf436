/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_packet - one packet as people write it: SRC > DST PROTO[/DPORT] [sport=N] [FLAGS] [vlan=N]
 *              [frag=first|rest] [type=N code=N].
 * Does:    text to a packet and back, and what rules see of it at either end.
 * Shape:   FLAGS are syn ack fin rst psh urg, with blanks, "|" or "," between. What is left out:
 *          flags of TCP are syn, sport is POL_PACKET_SPORT, an ICMP packet is an echo request, the
 *          VLAN is none. "any" in the place of one address is one that is nobody's.
 * Limits:  POL_PACKET_BYTES_MAX of text.
 * Context: pure. Foreign text: a message, never a CHECK.
 */
#ifndef POL_PACKET_H
#define POL_PACKET_H

#include "diag.h"
#include "pol_prove.h"

enum { POL_PACKET_BYTES_MAX = 512, POL_PACKET_SPORT = 49152 };

enum pol_tcp_flag {
	POL_FIN = 1, POL_SYN = 2, POL_RST = 4, POL_PSH = 8, POL_ACK = 16, POL_URG = 32
};

struct pol_packet {
	struct addr src, dst;		/* family 0: "any"; never both */
	uint8_t proto, frag;		/* frag: enum wire_frag */
	uint8_t tcp_flags;		/* enum pol_tcp_flag; 0 unless TCP with a header */
	uint16_t sport, dport;		/* as in struct pkt_key */
	uint16_t vlan;
};

/* False with a message that names the word. */
MUST_CHECK bool pol_packet_parse(const char *text, size_t len, struct pol_packet *out,
    struct diag *d);
void pol_packet_text(const struct pol_packet *p, char out[POL_PACKET_TEXT_BYTES]);

/* 4 or 6. */
uint8_t pol_packet_family(const struct pol_packet *p);
/* What rules see of it at its source (WIRE_OUT) or its destination (WIRE_IN). */
struct pkt_key pol_packet_key(const struct pol_packet *p, uint8_t dir);
/* TCP with SYN set and ACK clear. */
bool pol_packet_bare_syn(const struct pol_packet *p);

#endif
