/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ref_flows - what each flow carried, counted the obvious way, held against the firmware.
 * Does:    adds every judged frame to the flow that the reference (ref_state.h) names, or to what
 *          was seen without one; compares the firmware's tallies after each frame, and every
 *          opened and ended flow that it tells; holds its totals to their sum.
 * Limits:  REF_FLOW_IDS_MAX flows an episode, a failed CHECK beyond.
 */
#ifndef REF_FLOWS_H
#define REF_FLOWS_H

#include "fw_state.h"
#include "ref_state.h"

enum { REF_FLOW_IDS_MAX = 8192, REF_SEEN_CLASSES_MAX = 1024 };

struct ref_flows;

struct ref_flows *ref_flows_create(void);
void ref_flows_destroy(struct ref_flows **r);
/* A new episode of fw, which asks for everything; one telling in deaf_every finds no room. */
void ref_flows_begin(struct ref_flows *r, struct fw *fw, uint32_t deaf_every);
/* One frame as both judged it. NULL, or what differs. */
const char *ref_flows_frame(struct ref_flows *r, const struct ref_verdict *want,
    const struct fw_verdict *got, uint32_t bytes, uint64_t now_ns);
/* Ends all flows by waiting; NULL, or what differs. */
const char *ref_flows_end(struct ref_flows *r, uint64_t now_ns);
/* Flows told over all episodes: opened, updated, ended. */
const uint64_t *ref_flows_heard(const struct ref_flows *r);

#endif
