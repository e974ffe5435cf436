/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen_rules - random policies, and packets at their edges.
 * Does:    gen_rules: small rules full of collisions: few addresses, ports and VLANs, so that
 *          ranges meet, overlap and touch; overlapping members, every stage, mode, state, both
 *          families. gen_rules_large: many plain rules, as a data centre has them.
 *          gen_key: a packet at, one below or one above an edge of some rule.
 * Shape:   the same seed gives the same rules and keys, on any machine. What it makes passes
 *          pol_rules_check.
 * Memory:  rules live in the arena; an arena that is out is a failed CHECK.
 */
#ifndef GEN_RULES_H
#define GEN_RULES_H

#include "arena.h"
#include "pol.h"

struct gen {
	uint64_t state;
};

uint64_t gen_rand(struct gen *g);
/* 0 .. below - 1; below > 0. */
uint32_t gen_below(struct gen *g, uint32_t below);

/* At most that many segments and rules; a few of each are possible too. */
void gen_rules(struct gen *g, struct arena *a, uint32_t segments_max, uint32_t rules_max,
    struct pol_rules *out);

/* Exactly rules, spread over segments of one v4 and one v6 member each. */
void gen_rules_large(struct gen *g, struct arena *a, uint32_t segments, uint32_t rules,
    struct pol_rules *out);

/*
 * A local IP of the rules and a packet as it sees it. *local has family 0 in a few cases, where
 * the guard's table is meant (and always, where no segment has members). The key is one that a
 * frame can have: ports 0 where there are none, ICMP in its own family, remote of local's.
 */
void gen_key(struct gen *g, const struct pol_rules *r, struct addr *local, struct pkt_key *k);

#endif
