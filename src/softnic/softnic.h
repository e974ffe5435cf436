/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softnic - the software NIC: the firmware between a wire port and a host port.
 * Does:    judges every frame of either port, forwards to the other what passes; serves the
 *          mailbox on a socket; starts with the image of its store.
 * Shape:   one loop: bursts of PORT_BURST_MAX frames from each port, the firmware's poll between
 *          them and at least every 10 ms, then sleep until something comes. Direction comes from
 *          the addresses, never from the port.
 * Units:   the flow clock is monotonic; a replay's is that of the capture, so that the same
 *          capture gives the same verdicts. A replay begins once a generation is active.
 * Errors:  RC_CONFLICT: another software NIC has the socket, the store, or an interface.
 * Context: a process of its own, to itself: takes SIGTERM and SIGINT, ignores SIGPIPE; gives up
 *          its rights once its ports are open.
 */
#ifndef SOFTNIC_H
#define SOFTNIC_H

#include "base.h"
#include "diag.h"
#include "rc.h"

struct softnic_cfg {
	const char *wire, *host;	/* ports, as port.h has them */
	const char *socket;		/* path of the mailbox socket */
	const char *store;		/* file of the committed image; NULL = none */
	uint32_t flow_count;		/* entries; 0 = BOARD_FLOWS_DEFAULT */
	uint16_t lines_max, loads_max;	/* the profile: what a packet may cost; 0 = no bound */
	uint32_t alert_rate;		/* per rule and second; 0 = BOARD_ALERT_RATE */
	uint32_t alert_burst;		/* 0 = BOARD_ALERT_BURST */
	bool no_sandbox;		/* unsupported */
};

/* Runs until SIGTERM or SIGINT (RC_OK), or until a port is gone. Borrows cfg. */
MUST_CHECK enum rc softnic_run(const struct softnic_cfg *cfg, struct diag *diag);

#endif
