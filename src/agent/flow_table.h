/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_table - the flows the daemon knows: those that live, and the last that ended.
 * Does:    keeps each flow as the NIC told it last, newest first; the oldest goes where there is
 *          no room, and is counted.
 * Shape:   a row for each boot and id of the NIC. Names of files and segments are kept apart, so
 *          that a flow is told by the text of its generation after that is no longer kept.
 * Limits:  FLOW_ROWS rows, FLOW_NAMES names (a row without room for its name has none).
 */
#ifndef FLOW_TABLE_H
#define FLOW_TABLE_H

#include "flow_pick.h"
#include "nic.h"

enum { FLOW_ROWS = 65536, FLOW_NAMES = 8192,
	FLOW_SILENT_S = 150 };	/* a live flow is told each minute; after two it is not believed */

struct flow_row {
	struct nic_flow f;
	uint64_t number;		/* of the event that told it last; rises */
	uint64_t told_ns;		/* monotonic */
	uint32_t boot, line;
	const char *file, *segment;	/* "" = not known */
	bool gone;			/* lived when its NIC was reset */
	uint32_t chain, newer, older;	/* index + 1; 0 = none */
};

struct flow_table;

MUST_CHECK struct flow_table *flow_table_create(void);
void flow_table_destroy(struct flow_table **t);

/* Takes what was told; the row is then the newest. Its place is what it was, or unknown. */
struct flow_row *flow_table_put(struct flow_table *t, uint32_t boot, const struct nic_flow *f,
    uint64_t number, uint64_t now_ns);
/* A name that lives as long as the table. */
const char *flow_table_name(struct flow_table *t, const char *name);
/* Flows of another boot than this live no more. */
void flow_table_boot(struct flow_table *t, uint32_t boot);

const struct flow_row *flow_table_newest(const struct flow_table *t);
const struct flow_row *flow_table_older(const struct flow_table *t, const struct flow_row *row);
uint64_t flow_table_forgotten(const struct flow_table *t);
uint32_t flow_table_count(const struct flow_table *t);

/* How a flow ended: "" = it lives. */
const char *flow_row_end(const struct flow_row *row, uint64_t now_ns);
/* Who sent the first packet (0), who was to get it (1). */
struct addr flow_end_addr(const struct nic_flow *f, int which);
uint16_t flow_end_port(const struct nic_flow *f, int which);
bool flow_row_picked(const struct flow_row *row, const struct flow_pick *p, uint64_t now_ns);

#endif
