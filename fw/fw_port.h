/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_port - the board under the firmware: the only calls that leave fw/.
 * Does:    FW_CHECK() for bugs, on in every build. What a frame, a mailbox or an image says is
 *          never checked this way: that is a verdict or an error reply.
 * Context: the board implements fw_port_fault; port/sim does it for hosts and tests.
 */
#ifndef FW_PORT_H
#define FW_PORT_H

#include "wire_types.h"

/* A bug was found: latch the place, stop judging in the board's safe mode (no frame passes). */
__attribute__((noreturn)) void fw_port_fault(const char *file, uint32_t line);

#ifdef __bpf__
#define FW_CHECK(cond) ((void)0)	/* the verifier stands in for it */
#else
#define FW_CHECK(cond) \
	do { \
		if (!(cond)) \
			fw_port_fault(__FILE__, __LINE__); \
	} while (0)
#endif

#endif
