/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_wire - rules and messages as bytes, for the pipe from the compile child.
 * Shape:   little-endian, no alignment.
 *
 *          magic u32 | version u32 | total length u32 | CRC32C of what follows u32
 *          messages:  errors u32, warnings u32, count u32, count x message
 *          rules:     present u8; the rest only where it is 1 (there is no error)
 *          files:     count u32, count x text
 *          sets:      count u32, count x (ranges u32, ranges x range); set 0 is empty
 *          segments:  count u32, count x (text, pos, stage u8, mode u8, all u8, set u32)
 *          rules:     count u32, count x (pos, segment u32, dir u8, flags u8, mode u8, set u32,
 *                     services u32, services x 12 B, vlans u32, vlans x 4 B, why text)
 *          workloads: count u32, count x (text, pos, set u32)
 *          defaults:  unsegmented u8, non_ip u8, flags u8
 *
 *          text: length u32, bytes. pos: file, line, col, seq, each u32. range: family u8, lo, hi
 *          of 4 or 16 bytes in network order. message: level u8, line u32, col u32, then code,
 *          file, text, hint, source as texts. Equal sets are sent once.
 * Limits:  POL_*_MAX, DIAGS_MAX, the ones below; counts are held against the bytes that are left
 *          before memory is taken, so memory is at most about 16 times the input.
 * Errors:  RC_INVALID for all that no encoder writes; control bytes in texts for people become
 *          '?'.
 */
#ifndef POL_WIRE_H
#define POL_WIRE_H

enum {
	POL_WIRE_MAGIC = 0x72506652,	/* "RfPr" */
	POL_WIRE_VERSION = 1,
	POL_WIRE_HEAD_BYTES = 16,
	POL_WIRE_SETS_MAX = 1 << 18,
	POL_WIRE_WORKLOADS_MAX = 1 << 16,
	POL_WIRE_SERVICES_MAX = 1 << 16,	/* of one rule */
	POL_WIRE_VLANS_MAX = 4096,		/* of one rule */
	POL_WIRE_WHY_BYTES_MAX = 4096,
	POL_WIRE_SERVICE_BYTES = 12,
	POL_WIRE_VLAN_BYTES = 4
};

#define POL_WIRE_BYTES_MAX ((size_t)512 << 20)

/* Bits of a rule's flags, and of the defaults'. */
enum { POL_WIRE_DENY = 1, POL_WIRE_COUNT = 2, POL_WIRE_LOG = 4, POL_WIRE_WHY = 8 };
enum { POL_WIRE_FRAGMENTS_DROP = 1, POL_WIRE_MIDSTREAM_DROP = 2, POL_WIRE_LIVE_DRAIN = 4 };

#endif
