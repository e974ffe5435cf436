/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes - keys below a value, as the walk counts them in one node of any content, are no more than
 * the keys that are not padding, as the check counts them. The loop's nodes; those of vectors are
 * held to give the same by tests/prop/image_prop.c.
 * bounds: scalar nodes, any content, any value
 * seconds: 2
 * unwind: 34
 * options: -DNODE=1
 * options: -DNODE=2
 * options: -DNODE=3
 * options: -DNODE=4
 * options: -DNODE=5
 * plant: fw_image_body.c s/all != 0xff ||/all != 0xff \&\&/
 * plant -DNODE=2: fw_image_body.c s/all != 0xff ||/all != 0xff \&\&/
 * plant -DNODE=3: fw_image_body.c s/0xff : 0x7f/0xff : 0xff/
 * plant -DNODE=4: fw_image_groups.c s/!= 0x7fffffffu/== 0/
 * plant -DNODE=5: fw_image_groups.c s/!= UINT64_MAX ||/== 0 ||/
 */
#include "prove.h"

/* cbmc has no body for the built-in; it is used for loads of one integer only. */
#define __builtin_memcpy(to, from, n) (*(to) = *(const __typeof__(*(to)) *)(from))
#define FW_MATCH_SCALAR
#include "fw_match_node.h"

#include "fw_image_body.c"
#define bad groups_bad
#include "fw_image_groups.c"

int
main(void)
{
	static _Alignas(WIRE_LINE) uint8_t node[2 * WIRE_LINE];
	struct wire_groups hdr = { .key_bytes = NODE == 4 ? 4 : 16 };
	struct groups g = { .hdr = &hdr };
	uint32_t x = nondet_u32(), used, n;
	uint64_t hi = (uint64_t)nondet_u32() << 32 | x, lo = (uint64_t)nondet_u32() << 32 | x;

	__CPROVER_havoc_object(node);
	switch (NODE) {
	case 1:
		n = fw_node_v4(node, x);
		used = node_keys(node, 4);
		break;
	case 2:
		n = fw_node_v6(node, hi);
		used = node_keys(node, 8);
		break;
	case 3:
		n = fw_node_u16(node, x & 0xffff);
		used = node_keys(node, 2);
		break;
	case 4:
		n = fw_node_v4(node, x);
		used = keys_used(&g, node, WIRE_KEYS_V4, WIRE_GROUP_LOW_NODE);
		break;
	default:
		n = fw_keys_full(node, node + WIRE_GROUP_LOW_NODE, WIRE_KEYS_V6, hi, lo);
		used = keys_used(&g, node, WIRE_KEYS_V6, WIRE_GROUP_LOW_NODE);
		break;
	}
	__CPROVER_assert(n <= used, "no more than are there");
	return 0;
}
