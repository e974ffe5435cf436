/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_impl - what the files of the prover share; private to them.
 * Words:   an entry is a rule with one state; an atom is one service of an entry. Sets of both are
 *          bit strings of 64-bit words, bit i = entry or atom i; entries stand in match order.
 */
#ifndef PROVE_IMPL_H
#define PROVE_IMPL_H

#include "pol_prove.h"
#include "wire_image.h"

/* --- what is asked of all rules again and again, once (prove_index.c) --- */

struct prove_index {
	uint32_t *segment_first, *segment_rules;	/* of s: [first[s], first[s + 1]) */
	uint32_t *peer_ids;		/* by rule; equal numbers, equal sets */
};

MUST_CHECK enum rc prove_index_make(const struct pol_rules *r, struct arena *a,
    struct prove_index *out);
/* Sorts ascending; fast where long runs are sorted already. room: count of them. */
void prove_u64_sort(uint64_t *v, uint64_t *room, size_t count);

/* --- the rules of one direction of one table (prove_rules.c) --- */

struct prove_outcome {
	uint8_t verdict, mode, state, log;	/* mode 0 for a pass, state 0 for a drop */
	uint16_t counter;
	uint32_t rule_id;
};

struct prove_entry {
	const struct pol_rule *rule;
	uint32_t index;			/* of the rule */
	uint8_t state;
	struct prove_outcome outcome;
};

struct prove_atom {
	struct service service;
	uint32_t entry;
};

/* The entries of one set of peers: set_entries[first .. first + count). */
struct prove_set {
	const struct addr_set *peer;
	uint32_t first, count;
	uint32_t id;			/* of prove_index.peer_ids */
};

struct prove_side {
	struct prove_entry *entries;
	struct prove_set *sets;
	uint32_t *set_entries;
	uint32_t set_count, set_words;
	uint32_t entry_count, entry_words;
	struct prove_atom *atoms;	/* by entry */
	uint32_t atom_count, atom_words;
	struct prove_outcome deflt;
	bool has_default;		/* false: the guard's table, no match is nothing */
	uint8_t family, dir;
};

/* segments: those whose rules apply, ascending. */
MUST_CHECK enum rc prove_side_make(const struct pol_rules *r, const struct pol_names *names,
    const struct prove_index *index, const uint32_t *segments, uint32_t segment_count,
    uint8_t family, uint8_t dir, struct arena *a, struct prove_side *out);

/* --- classes: distinct pairs of what the image and what the rules tell apart (prove_class.c)
 * --- */

/* The image's classes of up to WIRE_SUBS_MAX sub-tables, 16 bits each. */
typedef uint64_t prove_tuple;

struct prove_classes {
	uint32_t words;
	uint32_t count, cap;
	prove_tuple *tuples;
	uint8_t *kinds;
	uint64_t *bits;			/* words each */
	struct pkt_key *keys;		/* one packet of the class, as far as it is known */
	uint32_t *slots;		/* hash: index + 1 */
	uint32_t slot_count;
};

void prove_classes_init(struct prove_classes *c, uint32_t words);
void prove_classes_fini(struct prove_classes *c);
/* Adds what is not there; put gives its index too. */
MUST_CHECK enum rc prove_classes_add(struct prove_classes *c, prove_tuple tuple, uint8_t kind,
    const uint64_t *bits, const struct pkt_key *key);
MUST_CHECK enum rc prove_classes_put(struct prove_classes *c, prove_tuple tuple, uint8_t kind,
    const uint64_t *bits, const struct pkt_key *key, uint32_t *index);

static inline const uint64_t *
prove_bits(const struct prove_classes *c, uint32_t i)
{
	return c->bits + (size_t)i * c->words;
}

static inline uint32_t
prove_tuple_get(prove_tuple tuple, uint32_t sub)
{
	return (uint32_t)(tuple >> 16 * sub) & 0xffff;
}

/* --- the image decoded (prove_image.c) --- */

/* A function of one value that is constant on intervals. */
struct prove_step {
	/* its interval begins here and ends before the next step's */
	uint64_t lo;
	uint32_t value;
};

struct prove_map {
	struct prove_step *steps;	/* ascending; the first begins at 0 */
	uint32_t count;
};

/* The sub-tables of one direction of one body. */
struct prove_half {
	const uint8_t *body;
	const struct wire_half *halves[WIRE_SUBS_MAX];
	uint32_t count;
	uint32_t rules;			/* actions hold one more, the default */
	const struct wire_action *actions;
	const le16 *slots;		/* counters of those that have one */
	struct prove_map remote[WIRE_SUBS_MAX], sport[WIRE_SUBS_MAX], dport[WIRE_SUBS_MAX],
	    vlan[WIRE_SUBS_MAX];	/* to classes; remote of v6 to ranks of the upper half */
	struct prove_map *low[WIRE_SUBS_MAX];	/* v6: by such rank, to classes */
	uint32_t low_count[WIRE_SUBS_MAX];
};

MUST_CHECK enum rc prove_half_decode(const uint8_t *image, uint32_t body_line, uint8_t dir,
    struct arena *a, struct prove_half *out);
uint32_t prove_map_at(const struct prove_map *m, uint64_t x);
/* Class that gmap gives a set of groups; 0 of a sub-table without groups. */
uint32_t prove_group(const struct prove_half *h, uint32_t sub, uint32_t set);
/* Row of M of a class of the sub-table's own tree and one of gmap. */
uint32_t prove_row_of(const struct prove_half *h, uint32_t sub, uint32_t local, uint32_t group);
uint8_t prove_proto(const struct prove_half *h, uint32_t sub, uint8_t proto);
uint32_t prove_pv(const struct prove_half *h, uint32_t sub, uint8_t proto, bool rest,
    uint32_t vlan_class);
uint32_t prove_q(const struct prove_half *h, uint32_t sub, uint32_t pv, uint32_t sport_class);
uint32_t prove_s(const struct prove_half *h, uint32_t sub, uint32_t q, uint32_t dport_class);

/* The cells of one class of remote addresses, by sub-table. */
struct prove_row {
	const uint8_t *segments[WIRE_SUBS_MAX], *pool[WIRE_SUBS_MAX];
	unsigned shift[WIRE_SUBS_MAX];
	uint32_t count;
};

void prove_row_open(const struct prove_half *h, prove_tuple remote, struct prove_row *out);
/* The least cell over the sub-tables; h->rules or more is the default. */
uint32_t prove_row_cell(const struct prove_row *row, prove_tuple s);
/* Whether services of two classes read the same segment of each sub-table, whatever the row. */
bool prove_segments_same(const struct prove_half *h, prove_tuple s, prove_tuple t);
/* Whether the segments that s reads in both rows are the same: so are the answers to all that
 * read them. */
bool prove_row_same(const struct prove_row *x, const struct prove_row *y, prove_tuple s);
/* Line of the body that packets of this local IP meet; 0 = none. */
uint32_t prove_body_of(const uint8_t *image, const struct addr *local);

/* --- work: a count, so that a set of rules that multiplies is refused at the same place on every
 * machine. A step is four words of a product, one of its bits, half a look-up in the image, or one
 * word of a row --- */

#define PROVE_STEPS_MAX UINT64_C(1500000000)	/* of one direction of one table */
#define PROVE_STEPS_ALL_MAX UINT64_C(4000000000)	/* of an image */

struct prove_work {
	uint64_t steps;
	uint32_t vlans, sports, dports;	/* classes of each */
};

MUST_CHECK static inline enum rc
prove_work_add(struct prove_work *w, uint64_t steps)
{
	w->steps += steps;
	return w->steps > PROVE_STEPS_MAX ? RC_LIMIT : RC_OK;
}

/* --- axes: joint classes (prove_remote.c, prove_axis.c) --- */

struct prove_joint;

/* Bits are sets of peers here, entries there. */
MUST_CHECK enum rc prove_axis_remote(const struct prove_half *h, const struct prove_side *s,
    const struct prove_joint *joint, struct prove_classes *out);
/* RC_LIMIT: too much work, or classes without bound. */
MUST_CHECK enum rc prove_axis_services(const struct prove_half *h, const struct prove_side *s,
    struct prove_work *work, struct prove_classes *out);

/* --- boxes (prove_boxes.c) --- */

extern uint32_t prove_run_min;

/* RC_CONFLICT: out holds the packet and both answers. RC_OK: out->decides and instead grew. */
MUST_CHECK enum rc prove_boxes(const struct prove_half *h, const struct prove_side *s,
    const struct prove_classes *remotes, const struct prove_classes *services,
    struct prove_work *work, struct arena *a, struct pol_proof *out);

#endif
