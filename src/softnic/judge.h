/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge - the firmware as a function: an image, frames with times, verdicts.
 * Does:    runs the same objects as the software NIC, without ports and mailbox; for `judge`, for
 *          property tests and measurements.
 * Units:   times in nanoseconds since 1970 or any other start; a time before the last one counts
 *          as the last one, since the firmware's clock never goes back.
 * Context: one thread; same image, same frames, same verdicts.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "base.h"
#include "diag.h"
#include "fw_state.h"
#include "rc.h"

struct judge;

/* image NULL: nothing is committed yet. flow_count 0 = the default. */
MUST_CHECK enum rc judge_open(const uint8_t *image, size_t len, uint32_t generation,
    uint32_t flow_count, struct judge **out, struct diag *diag);
void judge_close(struct judge **j);

/* Another image from the next frame on, by board_commit; flows live on as the policy says. */
MUST_CHECK enum rc judge_commit(struct judge *j, const uint8_t *image, size_t len,
    uint32_t generation, struct diag *diag);

/* Judges one frame. orig_bytes above len_bytes: a capture cut it, see cut.h. *judged_bytes (may
 * be NULL) is the length the verdict is about. */
void judge_frame(struct judge *j, const uint8_t *frame, uint32_t len_bytes, uint32_t orig_bytes,
    uint64_t time_ns, struct fw_verdict *out, uint32_t *judged_bytes);

/* For statistics and counters. */
const struct fw *judge_fw(const struct judge *j);

#endif
