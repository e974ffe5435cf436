/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image - the packed tables: what goes in, the bytes that come out, and reading them back.
 * Does:    image_encode turns ordered rules into one contiguous, position-independent block;
 *          image_check bounds every offset, count and loop of a foreign block; the block's name
 *          is its SHA-256. The layout is wire_image.h; the walker is fw_match.c.
 * Shape:   per local IP and direction an ordered list of rules, first match wins, then the
 *          table's default. Equal tables and equal parts are stored once.
 * Limits:  WIRE_*_MAX of wire_verdict.h, and a count of steps; beyond is RC_LIMIT with a diag,
 *          never truncation.
 * Memory:  input is borrowed; the image is malloc'ed and given to the caller.
 * Source:  ringfence-image(5).
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "addr.h"
#include "arena.h"
#include "diag.h"
#include "rc.h"
#include "service.h"
#include "wire_types.h"
#include "wire_verdict.h"

/* What a match means to the firmware. */
struct image_action {
	uint8_t verdict;	/* WIRE_PASS or WIRE_DROP; a drop is softened by mode */
	uint8_t mode;		/* of a drop, enum wire_mode */
	uint8_t state;		/* of a pass, enum wire_state */
	bool log;		/* an alert also for a pass */
	uint16_t counter;	/* WIRE_COUNTER_NONE = none */
	uint32_t rule_id;	/* never 0 */
};

struct image_rule {
	uint8_t dir;				/* enum wire_dir */
	struct addr_set peer;
	const struct service *services;		/* one of them matches */
	uint32_t service_count;
	const struct vlan_range *vlans;		/* 0 = any VLAN or no tag */
	uint32_t vlan_count;
	struct image_action action;
};

/* A table's rules in match order. Tables may share one list: it is packed once. */
struct image_list {
	const struct image_rule **rules;
	uint32_t count;
	struct image_action deflt;	/* verdict WIRE_DROP; counter may be set */
};

struct image_table {
	struct addr local;		/* family 0: packets with no local IP (guard) */
	uint32_t list;			/* index of its list */
};

/* What the encoder joins. */
enum image_join {
	IMAGE_JOIN_PORTS = 1,		/* services of a rule that differ in the destination port */
	IMAGE_JOIN_RANGES = 2		/* neighbouring values that no rule tells apart */
};

struct image_input {
	struct image_list *lists;
	uint32_t list_count;
	struct image_table *tables;	/* sorted by addr_cmp, none twice; family 0 first */
	uint32_t table_count;
	uint32_t counter_count;
	uint8_t unsegmented, non_ip;	/* WIRE_PASS or WIRE_DROP */
	bool fragments_drop, midstream_drop, live_flows_drain;
	uint32_t big_ranges;		/* a peer of more ranges of a family is packed once for
					 * all tables; 0 = IMAGE_BIG_RANGES */
	uint8_t apart;			/* enum image_join: left apart, for tests */
	uint64_t steps_max, steps_all_max;	/* of the packing; 0 = IMAGE_STEPS_*MAX */
};
enum { IMAGE_BIG_RANGES = 128 };

/* rule id -> place in the text. Sorted by id. Default denies have ids too. */
struct image_symbol {
	uint32_t rule_id;
	const char *file;
	uint32_t line, col;
	const char *segment;
	const char *why;		/* "" = none */
	bool is_default;		/* the segment's default deny */
	uint16_t counter;
	uint32_t ranges[2];		/* of its peers, v4 and v6: who the group tables are for */
};

struct image_symbols {
	uint32_t generation;
	uint8_t image_sha256[32];
	struct image_symbol *items;
	uint32_t count;
};

MUST_CHECK enum rc image_encode(const struct image_input *in, uint8_t **out, size_t *len,
    struct diag *diag);

/* The rules to blame where a table does not fit, the heaviest first. */
enum { IMAGE_HEAVY_MAX = 8 };
struct image_heavy {
	uint32_t rule_ids[IMAGE_HEAVY_MAX];
	uint32_t count;
};
/* The same; on RC_LIMIT *heavy is filled as far as it is known. */
MUST_CHECK enum rc image_encode_heavy(const struct image_input *in, uint8_t **out, size_t *len,
    struct image_heavy *heavy, struct diag *diag);

/* What a body of an image was packed from. Bytes as they stand: nothing in it is aligned. */
struct image_key {
	uint8_t digest[32];		/* of list and family */
	le64 hash;			/* of the body's bytes */
	le32 body;			/* its number */
	le32 steps;			/* what it took to pack, in units of 1024 */
};
_Static_assert(sizeof(struct image_key) == 48, "keys are stored as they are");

/* An earlier image and its keys, sorted by digest. Borrowed; neither is believed: an image that
 * fails image_check is not used, and what a body says the prover tells. */
struct image_reuse {
	const uint8_t *image;
	size_t len;
	const struct image_key *keys;
	uint32_t count;
};

struct image_keys {
	struct image_key *items;	/* malloc'ed, sorted by digest */
	uint32_t count;
	uint32_t reused;		/* bodies taken from the earlier image */
	uint64_t *pack_ns;		/* malloc'ed, by body: what it took to pack, or to copy */
	uint32_t body_count;
};
/* All but reused. */
void image_keys_fini(struct image_keys *keys);

/* As image_encode_heavy, to the same bytes; lists that are in before (may be NULL) are copied from
 * there. *keys is filled with RC_OK only. */
MUST_CHECK enum rc image_encode_over(const struct image_input *in, const struct image_reuse *before,
    uint8_t **out, size_t *len, struct image_keys *keys, struct image_heavy *heavy,
    struct diag *diag);

/* Full check of foreign bytes; after RC_OK every walk stays inside and bounded. O(len). */
MUST_CHECK enum rc image_check(const uint8_t *p, size_t len, struct diag *diag);

/* Facts of a checked image. */
struct image_info {
	uint32_t version, tables, lists, rules, counters, bytes;
};
void image_info_get(const uint8_t *p, size_t len, struct image_info *out);

/* Prints tables, defaults and rules of a checked image, decoded without the encoder. symbols may
 * be NULL. json: one object a line. Whether out took it all is for the caller to ask. */
MUST_CHECK enum rc image_dump(const uint8_t *p, size_t len, const struct image_symbols *symbols,
    bool json, FILE *out, struct diag *diag);

/* Decoded match, sharing nothing with the encoder nor with the firmware's walk: the action a key
 * meets in the table of local; false where there is no such table. */
MUST_CHECK bool image_lookup(const uint8_t *p, size_t len, const struct addr *local,
    const struct pkt_key *k, struct image_action *out, bool *is_default);

/* What every packet of a table costs: lines touched, longest chain of loads; bytes of its body. */
struct image_cost {
	uint32_t rules, lines, loads, bytes;
	uint32_t body;			/* its number; equal tables share one */
};
/* What a NIC grants a packet in one table; 0 = any. */
struct image_profile {
	uint32_t lines, loads;
};
/* Of a checked image; false where a packet costs more, and *table: the index of its record; their
 * count, and one above, for the guard of IPv4 and of IPv6. O(tables). */
MUST_CHECK bool image_profile_fits(const uint8_t *p, const struct image_profile *profile,
    uint32_t *table);
/* Of that index. */
void image_cost_at(const uint8_t *p, uint32_t table, struct image_cost *out);
/* local has a table in the checked image. */
void image_table_cost(const uint8_t *p, const struct addr *local, struct image_cost *out);
/* Of the table of packets without a local IP; without one, of finding that out. */
void image_guard_cost(const uint8_t *p, uint8_t family, struct image_cost *out);
/* A packet of that table: fields at edges of its trees, or any values. *state is not 0. */
void image_table_packet(const uint8_t *p, const struct addr *local, bool edges, uint64_t *state,
    struct pkt_key *out);
/* The same of the guard's table; any values where there is none. */
void image_guard_packet(const uint8_t *p, uint8_t family, bool edges, uint64_t *state,
    struct pkt_key *out);
/* Number of tables of local IPs, and their addresses in ascending order. */
uint32_t image_local_count(const uint8_t *p);
struct addr image_local(const uint8_t *p, uint32_t i);

/* Symbols as a file: text lines, versioned, CRC32C at the end; decode distrusts. */
MUST_CHECK enum rc image_symbols_encode(const struct image_symbols *s, struct arena *a,
    uint8_t **out, size_t *len);
MUST_CHECK enum rc image_symbols_decode(const uint8_t *p, size_t len, struct arena *a,
    struct image_symbols *out, struct diag *diag);
const struct image_symbol *image_symbol_find(const struct image_symbols *s, uint32_t rule_id);

#endif
