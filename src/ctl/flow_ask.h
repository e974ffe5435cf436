/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_ask - the query of GET /v1/flows, and the message it becomes.
 * Does:    reads name=value parts; encodes for main; decode distrusts.
 * Limits:  FLOW_ASK_LIMIT_MAX flows a page; a value has at most 127 bytes.
 */
#ifndef FLOW_ASK_H
#define FLOW_ASK_H

#include "flow_pick.h"
#include "http.h"

enum { FLOW_ASK_LIMIT = 100, FLOW_ASK_LIMIT_MAX = 1000,
	FLOW_ASK_BYTES = FLOW_PICK_WIRE_BYTES + 12 };

struct flow_ask {
	uint64_t before;		/* the page has rows of lower numbers; 0 = the newest */
	uint32_t limit;			/* 1..FLOW_ASK_LIMIT_MAX */
	struct flow_pick pick;
};

MUST_CHECK enum rc flow_ask_read(const struct http_slice *query, uint64_t now_wall_ns,
    struct flow_ask *out, struct diag *diag);
size_t flow_ask_encode(const struct flow_ask *a, uint8_t out[FLOW_ASK_BYTES]);
MUST_CHECK enum rc flow_ask_decode(const uint8_t *p, size_t len, struct flow_ask *out);

#endif
