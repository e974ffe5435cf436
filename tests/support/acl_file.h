/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl_file - rules and packets as one program writes and others read them, on one machine.
 * Shape:   acl_head | entries, the first in order wins | packets of each trace. An entry is one
 *          box: a rule with several ranges is several. Entries ascend by local IP.
 * Context: shared by musl and glibc programs: plain integers only.
 */
#ifndef ACL_FILE_H
#define ACL_FILE_H

#include <stdint.h>

enum acl_trace {
	ACL_AROUND,		/* at edges of all fields, or any values: few meet a rule */
	ACL_INSIDE,		/* each inside an entry */
	ACL_TRACE__COUNT
};

struct acl_head {
	uint32_t entries, packets;		/* packets of a trace */
	uint32_t single_ps[ACL_TRACE__COUNT];	/* our own time a packet */
};

struct acl_entry {
	uint32_t local, remote_lo, remote_hi;
	uint16_t sport_lo, sport_hi, dport_lo, dport_hi, vlan_lo, vlan_hi;
	uint8_t dir, proto, proto_any, spare;	/* enum wire_dir */
	uint32_t rule_id;
};

struct acl_packet {
	uint8_t proto, spare[3];
	uint8_t local[4], remote[4];		/* network order, as the rest */
	uint8_t sport[2], dport[2], vlan[2], dir[2];
	uint32_t rule_id;			/* the answer; 0 = no rule */
};

#endif
