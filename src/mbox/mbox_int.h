/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox_int - what the files of src/mbox share.
 * Context: src/mbox only.
 */
#ifndef MBOX_INT_H
#define MBOX_INT_H

#include "mbox.h"

struct mbox {
	uint8_t *mem;
	struct mbox_io io;
	uint32_t boot;			/* boot word of our epoch */
	bool fresh;			/* cancel and begin an epoch before the next request */
	bool epoch;			/* the next request is the first of it */
	uint32_t seq;
	uint32_t late_seq[WIRE_MBOX_SLOTS];	/* 16 = no request was given up in this slot */
	uint32_t ring_boot;		/* boot word the read counts belong to */
	uint32_t alerts_read, events_read, flows_read;
	uint32_t flow_stream;		/* number of the stream that runs; 0 = none */
	uint32_t flows_owed;		/* read, and no credit granted for them yet */
	struct mbox_counts counts;
};

/* Looks at the boot word: true where rings can be read; a new boot begins them anew. */
bool mbox_rings_ready(struct mbox *m);

/* Nanoseconds to pause when a wait has lasted age_ns. */
uint64_t mbox_pause_ns(uint64_t age_ns);

#endif
