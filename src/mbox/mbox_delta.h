/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox_delta - which bytes of an image the NIC holds already.
 * Does:    finds bodies by content in the image that the NIC enforces; they may lie elsewhere
 *          there. Neighbours become one piece.
 * Shape:   pieces in order, from byte 0 to the image's end, without a hole.
 * Memory:  until mbox_plan_fini; where there is none, the plan is one piece to load.
 * Context: pure; the room's own.
 */
#ifndef MBOX_DELTA_H
#define MBOX_DELTA_H

#include "mbox.h"

struct mbox_piece {
	uint32_t at, len;		/* in the image */
	uint32_t from;			/* in the active image, where copy */
	bool copy;
};

struct mbox_plan {
	struct mbox_piece *items;
	uint32_t count;
	struct mbox_piece whole;	/* what items points to where nothing can be copied */
};

/* active: the SHA-256 of what the NIC enforces. */
void mbox_plan_make(struct mbox_plan *p, const struct mbox_upload *u, const uint8_t active[32]);
void mbox_plan_fini(struct mbox_plan *p);

#endif
