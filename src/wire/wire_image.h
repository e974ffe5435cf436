/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_image - the packed tables as bytes.
 * Does:    names every byte of an image; nothing here reads or writes.
 * Shape:   header | directory of bodies | local-IP hash | table records | counter slots | bodies |
 *          group tables, each from a multiple of 64 B. A body is position independent: its offsets
 *          count from its own start, and its actions number their counters from 0: slots[the body's
 *          first + n] is the image's number. So what other tables count changes no byte of a body.
 *          A group table is position independent too.
 *
 *          hash bucket (one line) --> body: half out | half in | further halves | arrays
 *                                          per half: rank trees -> classes -> products -> cell
 *          q  = H[((proto_map[proto] * 2 + rest) * nv + class(vlan)) * ns + class(sport)]
 *          S  = Bp[B[q * nb + (class(dport) >> k)] << k | class(dport) & (2^k - 1)]
 *          c  = Mp[M[R * nm + (S >> m)] << m | S & (2^m - 1)]
 *          R  = class(remote), or, of a half with groups,
 *               X[class(remote) << x | gmap[group set of the remote]]
 *
 *          where k is 0, B holds S itself and there is no Bp; so with m, M and c. Where a class
 *          array of a port or VLAN is at 0, the rank is the class.
 *
 *          c is the index of the first rule that matches, or WIRE_CELL_NONE; over a direction's
 *          sub-tables the least counts; actions[min(c, rules)] is what is done, actions[rules]
 *          being the default.
 * Units:   little-endian; offsets in lines of 64 B; cells and classes 16 bits.
 * Limits:  WIRE_*_MAX below and in wire_verdict.h. A packet costs its table's depths, always: no
 *          step depends on what the packet holds.
 * Source:  the family of Recursive Flow Classification, Gupta and McKeown, SIGCOMM 1999.
 */
#ifndef WIRE_IMAGE_H
#define WIRE_IMAGE_H

#include "wire_types.h"
#include "wire_verdict.h"

enum {
	WIRE_LINE = 64,
	WIRE_IMAGE_VERSION = 3,
	WIRE_IMAGE_MAGIC = 0x42544652,		/* "RFTB" */
	WIRE_CELL_NONE = 0xffff,
	WIRE_BUCKET_SLOTS = 6,
	WIRE_BUCKETS_MAX = 1 << 16,
	WIRE_SUBS_MAX = 4,			/* sub-tables of one direction */
	WIRE_BODIES_MAX = 2 * WIRE_LOCALS_MAX + 2,

	/* Keys a node: it is one line. A tree of depth d ranks (keys + 1)^d - 1 boundaries. */
	WIRE_KEYS_V4 = 16,
	WIRE_KEYS_V6 = 8,
	WIRE_KEYS_U16 = 32,
	WIRE_DEPTH_V4_MAX = 5,
	WIRE_DEPTH_V6_MAX = 5,
	WIRE_DEPTH_LOW_MAX = 4,
	WIRE_DEPTH_U16_MAX = 3,
	WIRE_DEPTH_MAX = 5,

	/* A group table: levels of nodes above its leaves, addresses' ranges, sets. */
	WIRE_GROUP_DEPTH_MAX = 7,
	WIRE_GROUP_RANGES_MAX = 1000000,	/* of both families; each big group once */
	WIRE_GROUP_SETS_MAX = 65535,
	WIRE_GROUP_SHIFT_MAX = 15,
	WIRE_GROUP_USED = 0x80,

	WIRE_HEAD_ROWS_MAX = 65535,		/* protocol classes x 2 x VLAN classes */
	WIRE_SHIFT_MIN = 3,			/* or 0 */
	WIRE_SHIFT_MAX = 10
};

/*
 *  0       4       8       12      16              24      28      32      36      40
 *  |version|magic  |bytes  |buckets|seed           |hash   |tables |count  |bodies |
 *  40      44      48      52      56      60    62    64      68 69 70 71        128
 *  |count  |rules  |lists  |guard4 |guard6 |lines|loads|counters|u |n |f |  rest    |
 */
struct wire_image_hdr {
	le32 version, magic;
	le32 bytes;			/* of all the image, a multiple of 64 */
	le32 buckets;			/* a power of two */
	le64 seed;			/* of wire_local_hash */
	le32 hash_at;			/* buckets lines */
	le32 tables_at, table_count;	/* struct wire_table each, sorted by family and local IP */
	le32 bodies_at, body_count;	/* struct wire_body each, in the order of the bodies */
	le32 rule_count, list_count;	/* facts about the source; bound to nothing here */
	le32 guard_at[2];		/* bodies without a local IP, v4, v6; 0 = none */
	le16 lines_max, loads_max;	/* of the costliest body: lines touched, longest chain */
	le32 counter_count;
	uint8_t unsegmented, non_ip;	/* WIRE_PASS or WIRE_DROP */
	uint8_t flags;			/* WIRE_IMAGE_* */
	uint8_t reserved;
	le32 slots_at, slot_count;	/* le16 each: a counter; the slots of a body follow those of
					 * the body before */
	le32 guard_slots[2];		/* of the guard's bodies, as in struct wire_table */
	le32 groups_at[2];		/* struct wire_groups, v4, v6; 0 = none */
	uint8_t reserved2[32];
};
_Static_assert(sizeof(struct wire_image_hdr) == 128, "an image header is two lines");

/* One body: where it begins, and the first of its counter slots. */
struct wire_body {
	le32 line, slots;
};
_Static_assert(sizeof(struct wire_body) == 8, "eight bodies a line");

enum {
	WIRE_IMAGE_FRAGMENTS_DROP = 1,
	WIRE_IMAGE_MIDSTREAM_DROP = 2,
	WIRE_IMAGE_FLOWS_DRAIN = 4,
	WIRE_IMAGE_FLAGS = 7
};

/* Slot i holds a table where body[i] is not 0; the record tells whether it is the right one. */
struct wire_bucket {
	le16 tag[WIRE_BUCKET_SLOTS];
	uint8_t reserved[4];
	le32 body[WIRE_BUCKET_SLOTS];
	le32 table[WIRE_BUCKET_SLOTS];	/* its record, in units of 32 B */
};
_Static_assert(sizeof(struct wire_bucket) == WIRE_LINE, "a bucket is a line");

/* One local IP. */
struct wire_table {
	uint8_t local[16];		/* network order, v4 in the first 4 */
	uint8_t family;			/* 4, 6 */
	uint8_t reserved[3];
	le32 body, slots;		/* as its struct wire_body says */
	uint8_t reserved2[4];
};
_Static_assert(sizeof(struct wire_table) == 32, "two table records a line");

/* A static B-tree without child pointers. Level 0 is one node, in the half's roots, so that it is
 * read beside the half; level i > 0 begins start[i - 1] lines after `at`. Child = node * (keys + 1)
 * + keys of the node below the value; what comes out of the last level is the rank. A key is the
 * last value before a boundary; keys past the boundaries are all ones. Keys of 2 and 4 bytes are
 * stored with their top bit flipped: vectors compare signed lanes. */
struct wire_tree {
	le32 at;
	le16 start[4];
};

/* One v6 upper half that has prefixes longer than /64: a tree over the lower half. Entry i is
 * rank i of the upper half; one without such prefixes has count 0 and the tree of no keys. */
struct wire_low {
	le32 at;
	le16 start[2];			/* of levels 2 and 3; level 1 begins at 1 */
	le32 classes;			/* index of rank 0's class in the remote class array */
	le32 count;			/* keys */
};
_Static_assert(sizeof(struct wire_low) == 16, "four records a line");

/* The table that all bodies of one family share: which of the big groups an address is in. A group
 * set is one combination of big groups that some address is in; sets are numbered in the order of
 * their first addresses, so 0 is that of the lowest address. A static B-tree as above, but for:
 * - the last level is of leaves, which hold set numbers beside the keys: the answer is the one at
 *   the place of the count, no rank and no class array;
 * - level i, the root being 0, begins start[i] lines after the table's start; start[depth] is that
 *   of the leaves. Child = node * (keys a node + 1) + count, and is node_lines (leaf_lines) long;
 * - v6 keys are 16 bytes, split in halves, where a boundary lies inside an upper half, else 8.
 *
 *	key_bytes	node: keys, lines	leaf: keys, lines, where
 *	4		16, 1			10, 1  keys at 0, sets at 40	(v4)
 *	8		 8, 1			 6, 1  keys at 0, sets at 48	(v6, upper halves)
 *	16		 8, 2			 7, 2  keys at 0, sets at 112	(v6)
 *
 * Of 16-byte keys all upper halves come first, then all lower halves: at 64 in a node, at 56 in a
 * leaf. Keys past the boundaries are all ones, sets past the ranks 0. */
struct wire_groups {
	uint8_t family, key_bytes, depth;	/* depth: levels of nodes, 0 = one leaf */
	uint8_t reserved;
	le32 keys;			/* boundaries; ranks are one more */
	le32 sets;
	le32 bytes;			/* of all the table, this line included */
	le32 start[WIRE_GROUP_DEPTH_MAX + 1];	/* 0 past depth */
	uint8_t reserved2[16];
};
_Static_assert(sizeof(struct wire_groups) == WIRE_LINE, "a group table's header is a line");

enum {
	WIRE_GROUP_LEAF_V4 = 10, WIRE_GROUP_SETS_V4 = 40,
	WIRE_GROUP_LEAF_V6 = 6, WIRE_GROUP_SETS_V6 = 48,
	WIRE_GROUP_LEAF_V6_FULL = 7, WIRE_GROUP_SETS_V6_FULL = 112,
	WIRE_GROUP_LOW_NODE = 64, WIRE_GROUP_LOW_LEAF = 56
};

enum wire_root {
	WIRE_ROOT_REMOTE, WIRE_ROOT_DPORT, WIRE_ROOT_SPORT, WIRE_ROOT_VLAN,
	WIRE_ROOT__COUNT
};

/* One sub-table of one direction, of one family. The first two lines are walked, the third only
 * bounds what the first two name. A tree has one level at least.
 * With groups a class array's remote classes are rows of X, cells of X rows of M; without, remote
 * classes are rows of M. x may differ from half to half, WIRE_GROUP_USED may not. */
struct wire_half {
	uint8_t family;			/* 4, 6 */
	uint8_t subs;			/* sub-tables of this direction, this one included */
	uint8_t remote_depth, low_depth, dport_depth, sport_depth, vlan_depth;
	uint8_t b_shift, m_shift;
	uint8_t group;			/* 0, or WIRE_GROUP_USED | log2 of X's row */
	le16 rules;			/* of the body; actions hold one more */
	le32 next;			/* lines to this direction's second sub-table; 0 = none */
	le32 actions_at;
	le16 vlan_classes, sport_classes;
	le16 b_row, m_row;		/* segments a row */
	struct wire_tree remote, dport, sport, vlan;
	le32 remote_at, dport_at, sport_at, vlan_at;	/* class arrays; 0, not remote_at: none */
	le32 proto_at;			/* 256 B: class of each protocol */
	le32 head_at, b_at, bp_at, m_at, mp_at;		/* bp_at, mp_at: 0 where the shift is */
	le32 low_at;			/* struct wire_low, where low_depth > 0; else 0 */
	le32 gmap_at, x_at;		/* class of each group set; X; 0 = none */
	/* third line */
	le32 remote_keys, dport_keys, sport_keys, vlan_keys;
	le32 low_ranks;			/* entries of the remote class array */
	le16 remote_classes;		/* rows of M */
	le16 dport_classes, proto_classes, q_classes, s_classes;
	le16 counters;			/* actions of the body that have one */
	le32 b_segments, m_segments;
	le32 body_bytes;		/* of all the body, a multiple of 64 */
	le16 local_classes;		/* of the remote class array; without groups as above */
	le16 group_classes;		/* of gmap; 0 without groups */
	uint8_t reserved2[16];
	uint8_t roots[WIRE_ROOT__COUNT][WIRE_LINE];
};
_Static_assert(offsetof(struct wire_half, remote_keys) == 128, "the walk reads two lines");
_Static_assert(offsetof(struct wire_half, roots) == 192, "roots are lines");
_Static_assert(sizeof(struct wire_half) == 448, "a half is seven lines");

enum { WIRE_HALF_LINES = 7 };

struct wire_action {
	uint8_t verdict, mode, state;
	uint8_t log;			/* 0, 1 */
	le16 counter;			/* those that have one: 0, 1, ... in their order */
	uint8_t reserved[2];
	le32 rule_id;
	uint8_t reserved2[4];
};
_Static_assert(sizeof(struct wire_action) == 16, "four actions a line");

/* The key as it is stored, and back. */
static inline uint64_t
wire_key_flip(uint64_t key, unsigned key_bytes)
{
	return key_bytes == 8 ? key : key ^ UINT64_C(1) << (8 * key_bytes - 1);
}

#define WIRE_HASH_HIGH UINT64_C(0xc4ceb9fe1a85ec53)

/* lo, hi: the local IP's first and last 8 bytes as little-endian integers. Bucket: the low bits;
 * tag: the top 16. No attacker chooses local IPs: one multiplication that the seed varies does. */
static inline uint64_t
wire_local_hash(uint64_t seed, uint8_t family, uint64_t lo, uint64_t hi)
{
	/* an address differs in its last bytes most, which are the top bits here */
	uint64_t h = (lo ^ lo >> 32) * (seed | 1) +
	    (hi ^ hi >> 32 ^ family) * WIRE_HASH_HIGH;

	return h << 16 | h >> 48;
}

#endif
