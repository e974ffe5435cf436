/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_match - from a local IP to its table, from a packet's facts to the action of the first rule.
 * Does:    one hash line and a compare; then a fixed number of steps that the table names.
 * Shape:   layout and formulas in wire_image.h. Vector nodes where the target has 128-bit vectors,
 *          else, and with FW_MATCH_SCALAR, a counting loop that gives the same.
 * Limits:  lines and dependent loads per packet are at most the header's lines_max and loads_max.
 * Memory:  reads the image only; it must have passed fw_image_check and be aligned to 16.
 * Context: pure; host, firmware, BPF (FW_BPF masks each offset with FW_IMAGE_MASK).
 */
#ifndef FW_MATCH_H
#define FW_MATCH_H

#include "wire_image.h"

enum {
	FW_IMAGE_MASK = WIRE_IMAGE_BYTES_MAX - 1,
	FW_BATCH_MAX = 32,		/* packets that walk in lockstep */
	FW_IMAGE_PAD = 512		/* readable bytes past WIRE_IMAGE_BYTES_MAX, for BPF only */
};

/* One packet as rules see it, from one local IP. */
struct fw_key {
	uint8_t remote[16];		/* network order, v4 in the first 4, zeros after */
	uint8_t family;			/* 4, 6: that of the table */
	uint8_t dir, proto, frag;	/* enum wire_dir, enum wire_frag */
	uint16_t sport, dport;		/* ICMP: 0 and type << 8 | code; 0 where not known */
	uint16_t vlan;			/* VID or WIRE_VLAN_NONE */
};

/* The same as vectors compare it: the remote in host order, v4 in the top 32 bits, and what has 16
 * bits with the top one flipped, as in nodes. */
struct fw_probe {
	uint64_t hi, lo;
	uint8_t family, dir, proto, frag;
	uint16_t sport, dport, vlan;
	uint8_t reserved[6];
};
_Static_assert(sizeof(struct fw_probe) == 32, "half a vector");

/* Where a table is; body 0 = there is none. Each field is returned in a register of its own: the
 * body is known a load earlier than its counters, and the walk needs it alone. */
struct fw_table {
	_Alignas(8) uint32_t body;	/* in lines */
	_Alignas(8) uint32_t slots;	/* the first of its counters */
};

struct fw_action {
	uint8_t verdict, mode, state;
	uint8_t log;
	uint16_t counter;
	uint32_t rule_id;
};

static inline const struct wire_image_hdr *
fw_image_hdr(const uint8_t *image)
{
	return (const struct wire_image_hdr *)image;
}

#ifndef FW_MATCH_API
#define FW_MATCH_API		/* BPF, and tests that include fw_match.c: static */
#endif

/* The table of a local IP; body 0 where it is nobody's. local is 16 bytes as in struct fw_key. */
FW_MATCH_API struct fw_table fw_table_find(const uint8_t *image, uint8_t family,
    const uint8_t *local);

/* The table of packets without a local IP at either end. */
FW_MATCH_API struct fw_table fw_table_guard(const uint8_t *image, uint8_t family);

/* Index of the action: that of the first rule that matches, or the table's default. table.body is
 * not 0 and came from the same image, for the family of k. */
FW_MATCH_API uint32_t fw_match(const uint8_t *image, struct fw_table table,
    const struct fw_key *k, bool *is_default);

/* A small board walks one packet at a time. */
#if !defined(FW_BPF) && UINTPTR_MAX > UINT32_MAX
#define FW_MATCH_BATCH 1

/* One packet of a batch, as far as it has come. */
struct fw_lane {
	uint64_t at;			/* byte of the body, or of the groups, read next */
	const struct wire_half *half;
	const uint8_t *body;
	uint32_t set, groups;		/* S; the remote's set of groups */
	uint64_t head;			/* byte of H's cell */
	uint32_t dport;			/* a rank */
	union {
		struct fw_probe probe;
		struct fw_key key;	/* where there are no vectors */
	};
};

/* fw_table_find and fw_match of count <= FW_BATCH_MAX packets, side by side: while one waits for
 * memory, others walk. locals is 16 bytes each; lanes is scratch for count of them;
 * index[i] is set where tables[i].body is not 0. */
FW_MATCH_API void fw_match_batch(const uint8_t *image, const uint8_t *locals,
    const struct fw_key *keys, uint32_t count, struct fw_lane *lanes, struct fw_table *tables,
    uint32_t *index);

#endif

#if defined(__x86_64__) && defined(__linux__) && !defined(__clang__)
#define FW_MATCH_PICKS 1

/* fw_match and fw_match_batch with 512-bit vectors, a node an instruction. They go there by
 * themselves where the processor has them; tests ask for the narrow ones all the same. */
uint32_t fw_match_wide(const uint8_t *image, struct fw_table table, const struct fw_key *k,
    bool *is_default);
void fw_match_batch_wide(const uint8_t *image, const uint8_t *locals, const struct fw_key *keys,
    uint32_t count, struct fw_lane *lanes, struct fw_table *tables, uint32_t *index);
extern bool fw_match_narrow;

#endif

/* The action of an index that fw_match gave. */
FW_MATCH_API void fw_match_action(const uint8_t *image, struct fw_table table, uint32_t index,
    struct fw_action *out);

#endif
