/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_pick - which flows somebody wants to see.
 * Does:    parts by name and text ("from", "10.0.0.0/8"), as the query of /v1/flows and the options
 *          of `ringfence flows` have them; a test of one flow; the way between two processes.
 * Shape:   all parts that are set must hold.
 * Limits:  FLOW_PICK_TEXT_BYTES of a name, FLOW_PICK_WIRE_BYTES encoded.
 * Units:   since is a wall clock in nanoseconds: RFC 3339 in UTC, or an age as 5m, 1d.
 * Errors:  RC_INVALID; diag names the part, what it takes, and the value.
 * Context: pure.
 */
#ifndef FLOW_PICK_H
#define FLOW_PICK_H

#include "addr.h"
#include "diag.h"

enum { FLOW_PICK_TEXT_BYTES = 128, FLOW_PICK_WIRE_BYTES = 448 };

enum flow_pick_part {
	FLOW_PICK_LOCAL = 0, FLOW_PICK_REMOTE, FLOW_PICK_FROM, FLOW_PICK_TO,	/* addresses */
	FLOW_PICK_VERDICT, FLOW_PICK_PROTO, FLOW_PICK_PORT, FLOW_PICK_SEGMENT, FLOW_PICK_RULE,
	FLOW_PICK_FILE,			/* FILE or FILE:LINE */
	FLOW_PICK_SINCE, FLOW_PICK_STATE,	/* live, ended */
	FLOW_PICK__COUNT
};

struct flow_pick {
	uint32_t has;			/* 1 << enum flow_pick_part */
	struct addr_range ends[4];	/* by part */
	uint8_t verdict, proto;
	bool live;
	uint16_t port;			/* either end's, TCP, UDP or SCTP */
	uint32_t rule, line;		/* line 0 = any of the file */
	uint64_t since_ns;
	char segment[FLOW_PICK_TEXT_BYTES], file[FLOW_PICK_TEXT_BYTES];
};

/* What a flow is, for the test; texts may be "". */
struct flow_facts {
	struct addr ends[4];		/* by part; family 0 = none */
	uint8_t verdict, proto;
	bool live;
	uint16_t ports[2];
	uint32_t rule, line;
	uint64_t last_ns;
	const char *segment, *file;
};

MUST_CHECK enum rc flow_pick_set(struct flow_pick *p, const char *name, const char *value,
    uint64_t now_wall_ns, struct diag *diag);
bool flow_pick_takes(const struct flow_pick *p, const struct flow_facts *f);

/* Into FLOW_PICK_WIRE_BYTES; returns how many. */
size_t flow_pick_encode(const struct flow_pick *p, uint8_t out[FLOW_PICK_WIRE_BYTES]);
MUST_CHECK enum rc flow_pick_decode(const uint8_t *p, size_t len, struct flow_pick *out);

#endif
