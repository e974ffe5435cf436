/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_build - what the encoder's files share; nobody else includes it.
 * Does:    units -> classes per axis -> products -> reduced and compressed matrices -> bytes.
 * Shape:   a unit is one box of one rule: protocol, and one set of values per axis. Units are
 *          numbered in match order, so the first bit of an intersection is the first match.
 * Limits:  IMAGE_*_MAX; beyond is RC_LIMIT before memory is taken for it.
 * Memory:  all of one half in an arena that its caller resets.
 */
#ifndef IMAGE_BUILD_H
#define IMAGE_BUILD_H

#include "image.h"
#include "wire_image.h"

typedef unsigned __int128 u128;

struct image_groups;

enum {
	IMAGE_UNITS_MAX = 32768,
	IMAGE_CLASSES_MAX = 65535,
	IMAGE_HEADER_CELLS_MAX = 6000000,	/* protocols x VLANs, x ports */
	IMAGE_CELLS_MAX = 24000000,		/* remotes x services */
	IMAGE_EVENTS_MAX = 8000000		/* range ends of one axis */
};

enum image_axis_id { AXIS_REMOTE, AXIS_DPORT, AXIS_SPORT, AXIS_VLAN, AXIS__COUNT };

/* --- work: counted, not timed, so that what is packed does not depend on the machine. A step is
 * a word of a set that is read, four that are compared, or a unit that comes or goes at an end of
 * a range --- */

#define IMAGE_STEPS_MAX UINT64_C(4000000000)		/* of one split of one direction */
#define IMAGE_STEPS_ALL_MAX UINT64_C(12000000000)	/* of an image, all bodies together */

enum {
	IMAGE_STEPS_UNIT = 1024,	/* a body's are rounded up to: a key holds them */
	IMAGE_STEPS_CELL = 16,		/* of a product's cell: filled, joined, cut */
	IMAGE_STEPS_SPAN = 64		/* of a range or service of a rule: sorted, hashed */
};

struct image_work {
	uint64_t steps, max;
};

MUST_CHECK static inline enum rc
image_work_add(struct image_work *w, uint64_t steps)
{
	w->steps += steps;
	return w->steps > w->max ? RC_LIMIT : RC_OK;
}

static inline uint64_t
image_steps_up(uint64_t steps)
{
	return (steps + IMAGE_STEPS_UNIT - 1) / IMAGE_STEPS_UNIT * IMAGE_STEPS_UNIT;
}

struct image_span {
	u128 lo, hi;		/* inclusive */
};

/* A set of values of one axis: sorted, disjoint; count 0 = the whole axis. */
struct image_values {
	const struct image_span *spans;
	uint32_t count;
};

struct image_unit {
	uint32_t rule;		/* index of its action */
	uint32_t group;		/* the remote is in it, and any else; IMAGE_GROUP_NONE */
	bool proto_any, names_ports;
	uint8_t proto;
	struct image_values axis[AXIS__COUNT];
};

/* Distinct sets of units, numbered by first appearance. */
struct image_sets {
	struct arena *arena;
	struct image_work *work;
	uint32_t words, sum_words;	/* of one set: sum_words of summary, then words */
	uint64_t **chunks;
	uint64_t *hashes;
	uint32_t *slots, slot_count;
	uint32_t count;
};

/* Keeps work. What is done to sets is added to it; whether it is too much, put tells: RC_LIMIT. */
MUST_CHECK enum rc image_sets_init(struct image_sets *s, struct arena *a, struct image_work *work,
    uint32_t units);
uint64_t *image_sets_get(const struct image_sets *s, uint32_t id);
/* Number of the set whose words are given; its summary is made here. */
MUST_CHECK enum rc image_sets_put(struct image_sets *s, const uint64_t *words, uint64_t hash,
    uint32_t *id);
/* Number of x & y, cut after its first member of stop (NULL = never). scratch: words, all zero
 * before and after. */
MUST_CHECK enum rc image_sets_and(struct image_sets *s, const uint64_t *x, const uint64_t *y,
    const uint64_t *stop, uint64_t *scratch, uint32_t *id);
/* First unit in x & y, UINT32_MAX where there is none. */
uint32_t image_sets_first(const struct image_sets *s, const uint64_t *x, const uint64_t *y);

/* Intervals of one axis: from start[i] to before start[i + 1] lies class cls[i]; start[0] is 0. */
struct image_axis {
	struct image_sets sets;
	u128 *start;
	uint16_t *cls;
	uint32_t count;
	uint32_t classes;
	bool apart;		/* IMAGE_JOIN_RANGES is off */
};

MUST_CHECK enum rc image_axis_build(struct image_axis *x, struct arena *a,
    struct image_work *work, const struct image_unit *units, uint32_t unit_count,
    enum image_axis_id id, u128 last);
/* Renumbers classes and, unless they stay apart, joins intervals that became equal. */
void image_axis_remap(struct image_axis *x, const uint16_t *map, uint32_t classes);

struct image_matrix {
	uint16_t *cells;
	uint32_t rows, cols;
};

/* Drops equal rows (columns); map[old] = new, of the old number of rows (columns). */
MUST_CHECK enum rc image_matrix_rows(struct image_matrix *m, struct arena *a, uint16_t **map);
MUST_CHECK enum rc image_matrix_cols(struct image_matrix *m, struct arena *a, uint16_t **map);

/* Fills m, rows x by columns s: the rule of the first unit in both, WIRE_CELL_NONE where there is
 * none. RC_LIMIT: too much work. */
MUST_CHECK enum rc image_cells_fill(struct image_matrix *m, struct arena *a,
    struct image_work *work, const struct image_sets *x, const struct image_sets *s,
    const struct image_unit *units);

/* Rows cut in segments of 1 << shift cells, equal ones kept once. */
struct image_segments {
	uint16_t *index;	/* rows x row; with shift 0 the cells themselves */
	uint16_t *pool;		/* count << shift cells; none with shift 0 */
	uint32_t rows, row, count;
	unsigned shift;
	size_t bytes;
};

/* RC_LIMIT where no shift gives few enough segments. */
MUST_CHECK enum rc image_segments_build(struct image_segments *g, struct arena *a,
    const struct image_matrix *m);

/* The matrix as it is, in one step instead of two, where it is at most slack bytes larger. */
bool image_segments_plain(struct image_segments *g, const struct image_matrix *m, size_t slack);

/* One sub-table, ready to be written. */
struct image_half {
	uint8_t family;
	struct image_axis axis[AXIS__COUNT];
	uint8_t proto[256];
	uint32_t protos;
	struct image_matrix pv, a, b, m;
	struct image_matrix x;		/* remotes x sets of groups; no cells: unused */
	uint16_t *gmap;			/* class of each set of groups */
	uint32_t gmap_count;
	struct image_matrix head;	/* pv and a in one step: what is written */
	uint32_t q_classes, s_classes;
	struct image_segments b_seg, m_seg;
	size_t bytes;		/* estimate, all arrays */
};

/* RC_LIMIT: the product does not fit, half->axis tells how far it came. groups: NULL where no unit
 * of the direction has one; apart: enum image_join. */
MUST_CHECK enum rc image_half_build(struct image_half *h, struct arena *a,
    struct image_work *work, uint8_t family, uint8_t apart, const struct image_groups *groups,
    const struct image_unit *units, uint32_t unit_count);

/* Trades bytes for loads within a bound: arrays whose steps are left out. h->bytes stays that of
 * the smallest form, so that nothing is split for it. */
MUST_CHECK enum rc image_half_shorten(struct image_half *h, struct arena *a, uint32_t unit_count);

struct image_tree {
	uint8_t *nodes;		/* lines */
	uint32_t lines, keys;
	unsigned depth;
	uint32_t start[4];
};

/* keys ascending, each below all ones of key_bytes (2, 4, 8). RC_LIMIT past depth_max. depth_min
 * pads with levels. */
MUST_CHECK enum rc image_tree_build(struct image_tree *t, struct arena *a, const uint64_t *keys,
    uint32_t count, unsigned key_bytes, unsigned depth_min, unsigned depth_max);
/* The depth that count keys take. */
unsigned image_tree_depth(uint32_t count, unsigned keys_per_node);

/* A body's bytes as they grow. Equal arrays are stored once. */
struct image_blob {
	uint8_t *p;
	size_t len, cap;
	struct image_piece *pieces;
	uint32_t piece_count;
	bool failed;
};

/* Line where the bytes lie; they are copied, aligned to a line. */
uint32_t image_blob_add(struct image_blob *b, const void *p, size_t len);
uint32_t image_blob_add_cells(struct image_blob *b, const uint16_t *cells, size_t count);
/* Takes len zero bytes, a multiple of 64, never shared. */
uint32_t image_blob_room(struct image_blob *b, size_t len);
void image_blob_fini(struct image_blob *b);

/* Appends one half's arrays and fills *w, save rules, subs, next, actions_at and body_bytes. */
MUST_CHECK enum rc image_half_write(const struct image_half *h, struct image_blob *b,
    struct arena *a, struct wire_half *w);

/* The body of one list for the family of the groups, which may be none. *out is malloc'ed. all: of
 * the image; its steps grow by whole units. */
MUST_CHECK enum rc image_body_build(const struct image_list *list,
    const struct image_groups *groups, struct image_work *all, uint8_t **out, size_t *len,
    struct image_heavy *heavy, struct diag *diag);

/* Lines touched by one packet that asks for its set of groups. */
uint32_t image_groups_lines(const struct wire_groups *g);
/* Lines touched and longest chain of loads of one packet in one sub-table; lines but for those of
 * the group table g, NULL where no half of the body uses one. */
void image_half_cost(const struct wire_half *h, const struct wire_groups *g, uint32_t *lines,
    uint32_t *loads);
/* Of a body whose halves lie inside: the costlier direction; bucket, record, groups and action
 * included. */
void image_body_cost(const uint8_t *body, const struct wire_groups *g, uint32_t *lines,
    uint32_t *loads);

#endif
