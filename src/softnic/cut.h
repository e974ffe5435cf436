/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut - frames that a capture cut short.
 * Does:    gives such a frame its original length again where what is missing cannot matter: it is
 *          filled up with zeros, and with ones, and where the firmware's parser finds the same
 *          facts in both, the headers are all there. Else it is judged on what is there, which
 *          mostly means malformed.
 * Limits:  original lengths up to CUT_BYTES_MAX.
 * Memory:  one buffer; a frame given back lives until the next call.
 */
#ifndef CUT_H
#define CUT_H

#include "base.h"

enum { CUT_BYTES_MAX = 262144 };

struct cut {
	uint8_t *buf;		/* CUT_BYTES_MAX, at the first need */
};

/* *judged_bytes is orig_bytes where it was filled up, else len_bytes. Without memory it is not. */
const uint8_t *cut_fill(struct cut *c, const uint8_t *frame, uint32_t len_bytes,
    uint32_t orig_bytes, uint32_t *judged_bytes);
void cut_fini(struct cut *c);

#endif
