/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_image - the firmware's own check of a staged image, before it may become active.
 * Does:    what fw_match.c trusts: every offset inside, every loop bounded, every class and cell
 *          smaller than the array it selects from, every local IP found by its hash.
 * Shape:   fw_image_check is declared in fw_state.h; struct fw_view is how its parts see the image.
 * Context: pure. O(bytes of the image).
 */
#ifndef FW_IMAGE_H
#define FW_IMAGE_H

#include "wire_image.h"

/* The image, and where the first thing that is wrong lies. */
struct fw_view {
	const uint8_t *image;
	uint32_t len;
	uint32_t sets[2];	/* of the group tables, v4, v6; 0 = there is none */
	uint32_t bad_at;
	uint32_t slots;		/* counters of the bodies so far */
};

/* Checks the body that begins at byte at: its halves, trees, classes, products and actions. */
bool fw_image_body_check(struct fw_view *v, uint32_t at, uint8_t family);

/* Checks the group tables: levels, leaves, sets. */
bool fw_image_groups_check(struct fw_view *v);

#endif
