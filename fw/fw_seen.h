/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_seen - flows that have no entry of the flow table, so that drops are seen too.
 * Does:    gathers packets of one key, verdict, rule and generation in one entry; tells it when it
 *          is new, each minute, and when it is quiet for FW_SEEN_IDLE_S.
 * Shape:   sets of FW_SEEN_WAYS entries, by one keyed hash.
 * Limits:  fw_cfg.seen_count. Where a set is full the longest quiet one goes, if it is quiet for
 *          FW_SEEN_QUIET_S; else the packet is counted as one no place was left for (seen_full).
 * Context: part of struct fw. O(FW_SEEN_WAYS) a hop.
 */
#ifndef FW_SEEN_H
#define FW_SEEN_H

#include "fw_state.h"

enum { FW_SEEN_IDLE_S = 30, FW_SEEN_QUIET_S = 1 };

/* The packet of fw->pkt as hop judged it; hop NULL: no local IP is at its ends. */
void fw_seen_add(struct fw *fw, const struct fw_verdict *v, const struct fw_hop *hop,
    uint32_t bytes, uint64_t now_ns);
/* Looks at FW_SEEN_SWEEP entries. */
void fw_seen_sweep(struct fw *fw, uint64_t now_ns);

#endif
