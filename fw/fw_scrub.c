/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_scrub - the active image is read again and again, a slice a heartbeat, against the digest it
 * was committed by. Memory that lost a bit judges no more: what waits to be confirmed is undone,
 * anything else ends with nothing committed, and the host, or a boot, brings the image anew.
 */
#include "fw_mem.h"
#include "fw_ruleset.h"
#include "wire_image.h"

/* So that an image is gone through about once a second, as far as the step reaches. */
static uint32_t
slice(const struct fw *fw)
{
	uint32_t n = fw->image_bytes / (1000 / WIRE_MBOX_HEARTBEAT_MS) + WIRE_LINE;

	return n < FW_MBOX_STEP_BYTES ? n : FW_MBOX_STEP_BYTES;
}

static void
damaged(struct fw *fw, struct fw_mbox *m)
{
	m->status_flags |= WIRE_STATUS_IMAGE_DAMAGED;
	fw_mbox_event(m, WIRE_EVENT_DAMAGED, 0, WIRE_EVENT_ERR, fw->generation);
	fw_ruleset_damaged(fw, m);
	m->status_old = true;
	m->port.kick(m->port.arg);
}

void
fw_scrub_step(struct fw *fw, struct fw_mbox *m)
{
	struct fw_scrub *s = &m->scrub;
	uint8_t digest[FW_SHA256_BYTES];
	uint32_t n;

	/* A store reads the banks at leisure: it is not to find another state than it was given. */
	if (fw->active == FW_BANK_NONE || m->job == FW_JOB_STORE)
		return;
	if (s->activation != fw->activation || s->done == 0) {
		s->activation = fw->activation;
		s->done = 0;
		fw_sha256_init(&s->sha);
	}
	n = fw->image_bytes - s->done;
	n = n < slice(fw) ? n : slice(fw);
	fw_sha256_update(&s->sha, fw_image(fw) + s->done, n);
	s->done += n;
	if (s->done < fw->image_bytes)
		return;
	s->done = 0;
	fw_sha256_final(&s->sha, digest);
	if (memcmp(digest, m->active.sha256, sizeof(digest)) != 0)
		damaged(fw, m);
}
