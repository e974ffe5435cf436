/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_list - the flows the daemon knows as bytes, for the query child that judges them anew.
 * Shape:   little-endian: "RFF1" | told u8 | 0 u8[3] | count u32 | 0 u32 | lost u64 | count records
 *          of FLOW_LIST_RECORD_BYTES, the newest telling first.
 * Limits:  FLOW_ROWS records; the daemon knows no more.
 * Memory:  encode gives malloc'ed bytes; a list that is read points into what it was opened over.
 * Errors:  reading distrusts: what a NIC cannot have told is RC_INVALID.
 */
#ifndef FLOW_LIST_H
#define FLOW_LIST_H

#include "bytes.h"
#include "flow_table.h"

enum { FLOW_LIST_HEAD_BYTES = 24, FLOW_LIST_RECORD_BYTES = 96 };

struct flow_known {
	uint64_t number;		/* of the event that told it last */
	bool live;
	struct nic_flow f;		/* id, kind and end are 0 */
};

struct flow_list {
	struct rd rd;
	bool told;			/* the NIC tells flows, and is there */
	uint32_t count;
	uint64_t lost;			/* that the daemon never heard of, or had to forget */
};

MUST_CHECK enum rc flow_list_encode(const struct flow_table *t, bool told, uint64_t lost,
    uint64_t now_ns, uint8_t **out, size_t *len);
MUST_CHECK enum rc flow_list_open(struct flow_list *l, const uint8_t *p, size_t len);
/* RC_AGAIN: that was the last. */
MUST_CHECK enum rc flow_list_next(struct flow_list *l, struct flow_known *out);

#endif
