/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr - IPv4 and IPv6 addresses, ranges, and sets of them.
 * Shape:   an address is 128 bits in host order (v4 in the low 32) and its family, 4 or 6; a set
 *          is sorted (v4 before v6), ranges disjoint and never adjacent, so equal sets are equal
 *          arrays.
 * Limits:  ADDR_SET_RANGES_MAX ranges; beyond is RC_LIMIT and the set is unchanged.
 * Memory:  sets from an arena; they live as long as it does and are never freed singly.
 * Source:  text forms: RFC 4291, RFC 5952 (printing), RFC 4632.
 */
#ifndef ADDR_H
#define ADDR_H

#include "arena.h"
#include "base.h"
#include "rc.h"

enum { ADDR_TEXT_BYTES = 48, ADDR_SET_RANGES_MAX = 1 << 20 };

struct addr {
	uint64_t hi, lo;
	uint8_t family;		/* 4 or 6; 0 = none */
};

struct addr_range {
	struct addr lo, hi;	/* inclusive, one family */
};

struct addr_set {
	struct addr_range *ranges;
	uint32_t count;
};

/* Bytes in network order, 4 or 16 of them by family. */
struct addr addr_from_bytes(uint8_t family, const uint8_t *b);
void addr_to_bytes(const struct addr *a, uint8_t *b);
/* 128-bit form the image and firmware use: v4 in the first 4 bytes, zeros after. */
void addr_to_wire(const struct addr *a, uint8_t b[16]);

int addr_cmp(const struct addr *a, const struct addr *b);
/* False at the family's last (first) address; *a is then unchanged. */
bool addr_next(struct addr *a);
bool addr_prev(struct addr *a);
bool addr_is_multicast(const struct addr *a);	/* 224/4, 255.255.255.255, ff00::/8 */

/* Whole text, no prefix, no zone: "10.0.0.1", "fd00::1". */
MUST_CHECK bool addr_parse(const char *text, size_t len, struct addr *out);
void addr_print(const struct addr *a, char out[ADDR_TEXT_BYTES]);
/* "A", "A/LEN" where it is a prefix, else "A-B". */
void addr_range_print(const struct addr_range *r, char out[2 * ADDR_TEXT_BYTES]);
/* First and last address of a prefix; host bits of a are cleared. len <= 32 or 128. */
struct addr_range addr_prefix(const struct addr *a, unsigned len);

bool addr_set_has(const struct addr_set *s, const struct addr *a);
bool addr_set_empty(const struct addr_set *s);
bool addr_set_equal(const struct addr_set *a, const struct addr_set *b);
/* Ranges of one family: *first..*first+*count in s->ranges. */
void addr_set_family(const struct addr_set *s, uint8_t family, uint32_t *first, uint32_t *count);
/* Number of addresses, saturating at UINT64_MAX. */
uint64_t addr_set_size(const struct addr_set *s);

/* From n ranges in any order, overlapping or not (borrowed). */
MUST_CHECK enum rc addr_set_from(struct arena *a, const struct addr_range *ranges, size_t n,
    struct addr_set *out);
MUST_CHECK enum rc addr_set_union(struct arena *a, const struct addr_set *x,
    const struct addr_set *y, struct addr_set *out);
MUST_CHECK enum rc addr_set_minus(struct arena *a, const struct addr_set *x,
    const struct addr_set *y, struct addr_set *out);
MUST_CHECK enum rc addr_set_intersect(struct arena *a, const struct addr_set *x,
    const struct addr_set *y, struct addr_set *out);
/* Every address of family 4, 6, or both (0). */
MUST_CHECK enum rc addr_set_any(struct arena *a, uint8_t family, struct addr_set *out);

#endif
