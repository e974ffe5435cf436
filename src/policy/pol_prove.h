/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_prove - the proof that an image says what the rules say, for every packet there can be.
 * Does:    takes the bytes of a checked image and the unoptimised rules; for each table and
 *          direction splits the space of headers into boxes on which both are constant, and
 *          compares the action on every box. Nothing is sampled.
 * Shape:   remote address x (protocol, fragment, VLAN) x source port x destination port. Per axis
 *          the cut points of image and rules are joined; intervals with the same classes in the
 *          image and the same rules are one. What no packet can be (a port of a protocol that has
 *          none) is not compared.
 * Limits:  memory is the arena's cap; past it RC_NOMEM, and nothing is proved. Rules whose VLANs
 *          and ports multiply beyond a count of steps are RC_LIMIT, with the lines that do.
 * Errors:  RC_CONFLICT = they differ; the proof holds one packet on which they do.
 * Context: pure; shares no code with the encoder, nor with the firmware's walk.
 * Source:  equivalence of packet classifiers by joint refinement of their classes, as in "Firewall
 *          Decision Diagrams", Gouda and Liu, 2007, on products instead of trees.
 */
#ifndef POL_PROVE_H
#define POL_PROVE_H

#include "pol.h"

/* What the compiler named the rules; ids and counters are names, not meaning. */
struct pol_names {
	const uint32_t *rule_ids;	/* by index of pol_rules.rules */
	const uint16_t *rule_counters;
	const uint32_t *default_ids;	/* by index of pol_rules.segments */
};

/* The names pol_build gives to these rules with these passes: rules that it merges have one.
 * RC_LIMIT where counters do not suffice. */
MUST_CHECK enum rc pol_names_get(const struct pol_rules *r, unsigned passes, struct arena *a,
    struct pol_names *out);

struct pol_proof {
	uint64_t boxes;			/* compared */
	uint32_t tables, bodies;
	/* What the proof of each body took, of all lists of segments that it has; in the arena, by
	 * its number in the image. */
	uint64_t *prove_ns;
	uint32_t body_count;
	/* On RC_OK, by rule, in the arena: whether some packet of some table is decided by it; of
	 * one that never decides, a rule that takes one of its packets first, UINT32_MAX where no
	 * packet meets it at all. */
	bool *decides;
	uint32_t *instead;
	/* On RC_CONFLICT: the packet, seen from local (family 0: the guard's). */
	struct addr local;
	struct pkt_key key;
	struct image_action want, got;
	bool want_default, got_default;
	uint32_t rule;			/* that should decide; UINT32_MAX = default */
};

MUST_CHECK enum rc pol_prove(const struct pol_rules *r, const struct pol_names *names,
    const uint8_t *image, size_t len, struct arena *a, struct pol_proof *out, struct diag *diag);

/* The key as text in the packet grammar of ringfence-policy(5), seen from local. */
enum { POL_PACKET_TEXT_BYTES = 192 };
void pol_packet_print(const struct addr *local, const struct pkt_key *k,
    char out[POL_PACKET_TEXT_BYTES]);

#endif
