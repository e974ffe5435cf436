/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig - firmware and host in one process, on a clock that only tests move.
 * Does:    the firmware core with small buffers, a store in memory, and an mbox_io whose pauses
 *          move the clock and poll the firmware; reboots, deafness and failing stores on demand.
 * Context: tests.
 */
#ifndef RIG_H
#define RIG_H

#include "fw_mbox.h"
#include "mbox.h"

enum {
	RIG_BANK_BYTES = 512 * 1024,
	RIG_FLOWS = 64,
	RIG_SEEN = 64,
	RIG_COUNTERS = 128,
	RIG_IMAGE_MIN = 192		/* two lines of header, one bucket */
};

struct rig {
	struct fw *fw;
	struct fw_mbox *fm;
	struct mbox *mbox;		/* NULL until rig_host */
	uint8_t *mem;			/* the shared memory */
	struct fw_cfg cfg;
	uint64_t now_ns;
	uint32_t boots;
	uint64_t polls, kicks, doorbells;

	bool deaf;			/* the firmware is not polled */
	bool gone;			/* mbox_io.wait says so */
	bool doorbell_lost;		/* the next ring sets no bit that stays */
	uint64_t reboot_at;		/* before (odd) or after the poll of half that number */
	uint64_t reboots;
	bool dma_bad;			/* one bit of what dma_read brings is wrong */

	struct fw_record stored;	/* generation 0 = nothing */
	uint8_t *stored_image;
	uint32_t store_pending;		/* calls that say PENDING first */
	bool store_fails, store_keeps_none;
	uint32_t stores;
	uint64_t wall_ns;
	/* Called before each poll of the firmware; may write to mem. */
	void (*before_poll)(struct rig *r);
	void (*after_poll)(struct rig *r);
	void *hook_arg;
	uint32_t hook_count;
};

void rig_init(struct rig *r);
/* Banks of that many bytes. */
void rig_init_bytes(struct rig *r, uint32_t bank_bytes);
void rig_fini(struct rig *r);
/* As after rig_init, without new memory; what stands in banks and windows stays. */
void rig_reset(struct rig *r);
/* Opens r->mbox. */
void rig_host(struct rig *r);
struct mbox_io rig_io(struct rig *r);
void rig_poll(struct rig *r);
void rig_reboot(struct rig *r);

/* Fills buf with an image of no tables that passes every check; len is a multiple of 64. */
void rig_image(uint8_t *buf, uint32_t len, uint8_t fill);
/* Uploads such an image as generation; what mbox_upload says. */
enum rc rig_upload(struct rig *r, uint32_t generation, uint32_t len, uint8_t fill);
/* One that must be confirmed. */
enum rc rig_upload_wait(struct rig *r, uint32_t generation, uint32_t confirm_s, uint32_t len,
    uint8_t fill);

/* A raw request in slot, as any host may write it; rings, polls until the doorbell is taken and no
 * job waits; the reply's two words are then in hdr, its payload in reply (1020 bytes). */
void rig_raw(struct rig *r, uint32_t slot, const uint32_t hdr[2], const void *payload,
    uint32_t len, uint32_t reply_hdr[2], uint8_t *reply);

/* What a test sends a request by; 0 = good, else the error. */
typedef uint32_t rig_ask(struct rig *r, uint32_t op, const void *req, uint32_t len);
/* Of the upload that is open. */
uint32_t rig_verify(struct rig *r, rig_ask *ask, uint32_t flags);
uint32_t rig_commit(struct rig *r, rig_ask *ask, uint32_t generation);

#endif
