/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit - who may begin: a budget for each source address, asked before any cryptography.
 * Does:    a token bucket a source; a count of its connections that have shown no certificate yet;
 *          whether it ever has shown one; the share of time that handshakes of strangers may take.
 * Units:   nanoseconds of clock_mono_ns().
 * Limits:  LIMIT_SOURCE_*; a source beyond LIMIT_SOURCES takes the place of the stalest stranger in
 *          its set, so memory is fixed and an attacker with many addresses forgets only strangers.
 * Context: pure; one thread. The hash is seeded: sources cannot be chosen to collide.
 */
#ifndef ADMIT_H
#define ADMIT_H

#include "addr.h"
#include "base.h"

struct admit;

MUST_CHECK struct admit *admit_create(const uint8_t seed[16]);
void admit_destroy(struct admit **a);

/* Whether a connection of this source may be held; takes a token and counts it as pending. */
MUST_CHECK bool admit_begin(struct admit *a, const struct addr *source, uint64_t now_ns);
/* It showed a certificate (known), or ended without: it is not pending any more. */
void admit_end(struct admit *a, const struct addr *source, bool known);
bool admit_is_known(const struct admit *a, const struct addr *source);

/* Handshakes of strangers get one part in LIMIT_HANDSHAKE_SHARE of the time. */
bool admit_stranger_may(const struct admit *a, uint64_t now_ns);
void admit_stranger_spent(struct admit *a, uint64_t now_ns, uint64_t spent_ns);

#endif
