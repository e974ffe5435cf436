/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen_sets - whole NICs of the kinds that classifiers are measured on, seeded.
 * Shape:   plain: gen_rules_large. acl: exact ports, long prefixes. firewall: wide prefixes, port
 *          ranges, some source ports and VLANs. chain: nested prefixes of one tree, few ports.
 *          groups: peers are one of 64 shared sets. feed: one set of 40,000 prefixes that every
 *          table shares. Tables are heavy-tailed: the k-th has about 1/k of the rules.
 * Memory:  rules live in the arena; an arena that is out is a failed CHECK.
 */
#ifndef GEN_SETS_H
#define GEN_SETS_H

#include "gen_rules.h"

enum gen_set { GEN_PLAIN, GEN_ACL, GEN_FIREWALL, GEN_CHAIN, GEN_GROUPS, GEN_FEED, GEN_SET__COUNT };

void gen_set_make(struct gen *g, struct arena *a, enum gen_set kind, uint32_t tables,
    uint32_t rules, struct pol_rules *out);

#endif
