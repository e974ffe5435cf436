/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_read - one table of a checked image, opened for reading.
 * Memory:  borrows the image.
 * Context: pure; the room's own, image.h is what others see.
 */
#ifndef IMAGE_READ_H
#define IMAGE_READ_H

#include "image.h"
#include "wire_image.h"

struct image_view {
	const uint8_t *body;
	uint32_t line;		/* of body; equal bodies are one */
	const le16 *slots;	/* counters of its actions */
	const struct wire_groups *groups;	/* of the body's family; NULL = none */
};

/* The table of local, or of packets without one (local's family 0). */
MUST_CHECK bool image_view_open(struct image_view *v, const uint8_t *p, const struct addr *local,
    uint8_t family);
const struct wire_half *image_view_half(const struct image_view *v, unsigned dir, unsigned sub);
uint32_t image_view_rules(const struct image_view *v);
/* index <= rules; rules is the default. */
void image_view_action(const struct image_view *v, uint32_t index, struct image_action *out);
/* Index of the first rule that matches, rules where none does. */
uint32_t image_view_match(const struct image_view *v, const struct pkt_key *k);

/* Keys of an axis in ascending order; of v6 remotes the upper halves'. */
uint32_t image_view_keys(const struct wire_half *h, enum wire_root axis);
uint64_t image_view_key(const struct image_view *v, const struct wire_half *h,
    enum wire_root axis, uint32_t i);

/* Group table of a family, NULL where the image has none. Key i < keys, ascending: the last address
 * before a boundary. Set of rank i <= keys; of an address. */
const struct wire_groups *image_groups(const uint8_t *p, uint8_t family);
struct addr image_groups_key(const struct wire_groups *g, uint32_t i);
uint32_t image_groups_set(const struct wire_groups *g, uint32_t rank);
uint32_t image_groups_find(const struct wire_groups *g, const struct addr *a);
/* Row of M of a remote. */
uint32_t image_view_remote(const struct image_view *v, const struct wire_half *h,
    const struct addr *a);

/* Records, sorted; as many as the header says. */
const struct wire_table *image_tables(const uint8_t *p);
struct addr image_table_local(const struct wire_table *t);

#endif
