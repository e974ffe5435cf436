/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_port - the board under the firmware: the only calls that leave fw/.
 * Does:    FW_CHECK() for bugs, on in every build. What a frame, a mailbox or an image says is
 *          never checked this way: that is a verdict or an error reply. struct fw_port is what the
 *          mailbox needs of a board.
 * Context: the board implements fw_port_fault; port/sim does it for hosts and tests. Calls of
 *          struct fw_port come from fw_poll and fw_mbox_alert, between two frames or in one.
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

/* A committed image, beside its bytes: what the store keeps and gives back at boot. */
struct fw_record {
	uint32_t generation, len;
	uint64_t wall_ns;		/* of the commit */
	uint8_t sha256[32];
};

enum fw_store { FW_STORE_DONE, FW_STORE_PENDING, FW_STORE_FAILED };

/* arg is handed to every call. None may block; each is O(its bytes). */
struct fw_port {
	void *arg;
	/* Wall clock, ns since 1970 UTC; 0 where the board has none. */
	uint64_t (*wall_ns)(void *arg);
	/* Copies len bytes of the host's windows, from dma_offset on, each read once. False: no. */
	bool (*dma_read)(void *arg, uint8_t *to, uint32_t dma_offset, uint32_t len);
	/* Keeps image and record so that a boot finds either the former or this pair, never a
	 * mixture. Called again with the same arguments while it says PENDING; image stands still
	 * meanwhile. NULL: the board has no store. */
	enum fw_store (*store)(void *arg, const struct fw_record *record, const uint8_t *image);
	/* Tells the host that a ring was empty and is not any more, or that an answer is there. */
	void (*kick)(void *arg);
	/* Frames that passed, but could not be sent. NULL: the board cannot tell. */
	uint64_t (*tx_lost)(void *arg);
	/* Frames that came, but could not be taken: never judged. NULL: cannot tell. */
	uint64_t (*rx_lost)(void *arg);
};

#endif
