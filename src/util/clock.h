/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - time, in one place.
 * Units:   nanoseconds. Monotonic for ages and time-outs; wall (since 1970, UTC) for output only.
 * Context: wall time goes by the raw system call, so that a tracer can set it in tests.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include "base.h"

enum { CLOCK_RFC3339_BYTES = 36 };

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

uint64_t clock_mono_ns(void);
uint64_t clock_wall_ns(void);

/* "2026-11-24T10:00:00.000000000Z". */
void clock_rfc3339(uint64_t wall_ns, char out[CLOCK_RFC3339_BYTES]);

#endif
