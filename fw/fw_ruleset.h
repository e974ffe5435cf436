/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_ruleset - uploads: BEGIN, LOAD, VERIFY, COMMIT, CONFIRM, ABORT, and the job of one of them.
 * Shape:   requests change state only after all of them was checked. A job answers its request
 *          through fw_mbox_answer_job when it ends.
 * Context: inside fw_poll.
 */
#ifndef FW_RULESET_H
#define FW_RULESET_H

#include "fw_mbox.h"

/* Answers m->request in m->reply. False: a job took the request and answers later. */
bool fw_ruleset_serve(struct fw *fw, struct fw_mbox *m);

/* One step of the job, and the way back of a commit that was not confirmed in time. O(
 * FW_MBOX_STEP_BYTES), the end of a VERIFY O(image). */
void fw_ruleset_step(struct fw *fw, struct fw_mbox *m);

/* The host is gone: ends the upload. A store under way goes on, and its commit with it; a commit
 * that waits to be confirmed waits on. */
void fw_ruleset_drop(struct fw_mbox *m);

/* The active image is not what was committed: the former one, where that waits to be gone back to,
 * else none. An open upload ends. */
void fw_ruleset_damaged(struct fw *fw, struct fw_mbox *m);

/* fw_scrub.c: reads a slice of the active image, at each heartbeat. O(FW_MBOX_STEP_BYTES). */
void fw_scrub_step(struct fw *fw, struct fw_mbox *m);

/* In fw_stream.c: the length of its requests, UINT32_MAX where op is none of them; their answers;
 * the end of the stream; what is due each heartbeat. */
uint32_t fw_stream_request_len(uint32_t op);
bool fw_stream_serve(struct fw *fw, struct fw_mbox *m);
void fw_stream_end(struct fw *fw, struct fw_mbox *m);
void fw_stream_beat(struct fw_mbox *m, uint64_t now_ns);

/* In fw_mbox.c: an error reply, a good one, and what a job says at its end. */
bool fw_mbox_fail(struct fw_mbox *m, uint32_t code, uint32_t arg, uint32_t syndrome);
bool fw_mbox_good(struct fw_mbox *m, const void *payload, uint32_t len);
void fw_mbox_answer_job(struct fw_mbox *m);
void fw_mbox_event(struct fw_mbox *m, uint32_t code, uint32_t src, uint32_t level, uint32_t data);

#endif
