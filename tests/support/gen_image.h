/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen_image - random input of the encoder, and packets at its edges.
 * Does:    gen_image: few addresses, ports and VLANs, so that ranges meet and overlap; shared and
 *          empty lists, both families, a guard's table or none. gen_image_plain: a data centre's
 *          table of exact ports and prefixes, for sizes and speed. gen_image_big: feeds, of a size.
 * Shape:   the same seed gives the same input, on any machine.
 * Memory:  all in the arena; one that is out is a failed CHECK.
 */
#ifndef GEN_IMAGE_H
#define GEN_IMAGE_H

#include "arena.h"
#include "image.h"

struct gen_image {
	uint64_t state;
	struct arena *arena;
};

uint32_t gen_image_below(struct gen_image *g, uint32_t below);
struct image_input *gen_image(struct gen_image *g, uint32_t tables_max, uint32_t rules_max);
/* counts[i] rules in the table of the i-th local IP; every fourth is v6. */
struct image_input *gen_image_plain(struct gen_image *g, const uint32_t *counts, uint32_t tables);
/* Four tables, two v4 and two v6, of two lists whose rules name the groups and some prefixes. Each
 * group has prefixes[0] of v4 and prefixes[1] of v6, some of those hosts where hosts is set. */
struct image_input *gen_image_big(struct gen_image *g, uint32_t groups, const uint32_t prefixes[2],
    bool hosts);
/* A packet at, one below or one above an edge of a rule of the list; of the family. */
struct pkt_key gen_image_key(struct gen_image *g, const struct image_list *l, uint8_t family);
/* The rule that a packet meets first, by hand; list->count where none. */
uint32_t gen_image_first(const struct image_list *l, const struct pkt_key *k);

#endif
