/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one line an event: `event key=value key="text"`, on standard error.
 * Does:    four levels; debug only after log_verbose(true). One event is one line, and parses back:
 *          in what stands for %s, a quote and a backslash get a backslash, and each byte of a
 *          control, of a character that hides or turns text, and of what is no UTF-8 is \xHH;
 *          without quotes so is a space. Event names are listed in ringfence(8).
 * Shape:   formats have %s, %.*s, and %d, %u, %x with l, ll, j or z; no width, no flags.
 * Limits:  a line is cut at 2 KiB, and then ends in "...", a quote closed. Callers limit the rate
 *          where a peer can trigger a line. A reader who stands still is not waited for: lines that
 *          find no room are counted, and log-lost says how many before the next one.
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
