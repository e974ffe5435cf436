/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one line an event: `event key=value key="text"`, on standard error.
 * Does:    four levels; debug only after log_verbose(true). Control bytes are escaped, so one
 *          event is one line. Event names are listed in ringfence(8).
 * Limits:  a line is cut at 1 KiB. Callers limit the rate where a peer can trigger a line.
 * Context: any process from src/proc up; layers below return errors.
 */
#ifndef LOG_H
#define LOG_H

#include "base.h"

void log_verbose(bool on);
void log_err(const char *event, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_warn(const char *event, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_info(const char *event, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_debug(const char *event, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
