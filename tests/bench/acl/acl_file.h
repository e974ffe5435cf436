/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl_file - rules and packets as one program writes and the other reads them, on one machine.
 * Shape:   acl_head | entries, the first in order wins | packets.
 * Context: shared by a musl and a glibc program: plain integers only.
 */
#ifndef ACL_FILE_H
#define ACL_FILE_H

#include <stdint.h>

struct acl_head {
	uint32_t entries, packets;
};

struct acl_entry {
	uint32_t local, remote, remote_bits;
	uint16_t sport_lo, sport_hi, dport_lo, dport_hi, vlan_lo, vlan_hi;
	uint8_t dir, proto, proto_any, spare;
	uint32_t rule_id;
};

struct acl_packet {
	uint8_t proto, spare[3];
	uint8_t local[4], remote[4];		/* network order, as the rest */
	uint8_t sport[2], dport[2], vlan[2], dir[2];
	uint32_t rule_id;			/* the answer; 0 = no rule */
};

#endif
