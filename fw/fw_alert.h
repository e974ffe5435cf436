/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_alert - who is told of a drop, and how often.
 * Does:    one alert for each hop that drops or would drop, or whose rule asks for a log; at most
 *          fw_cfg.alert_rate a second for each rule.
 * Shape:   token buckets in sets of FW_ALERT_WAYS. Rules that find no bucket of their own share
 *          one, so the bound holds whatever comes.
 * Errors:  what is held back is counted in its bucket and told with the next alert of it, or by
 *          fw_alert_sweep: told + suppressed + lost is every alert there was.
 * Context: part of struct fw. O(FW_ALERT_WAYS) per hop.
 */
#ifndef FW_ALERT_H
#define FW_ALERT_H

#include "fw_state.h"

void fw_alert_frame(struct fw *fw, const struct fw_verdict *v, const uint8_t *frame, uint32_t len,
    uint64_t now_ns);
/* Tells pending suppressed counts of a few buckets. */
void fw_alert_sweep(struct fw *fw, uint64_t now_ns);

#endif
