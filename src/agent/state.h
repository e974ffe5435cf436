/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state - the daemon's directory: the generations it keeps, newest first.
 * Does:    reads them at the start, writes a new one before the NIC gets it, removes the old ones.
 * Shape:   gen-N, one whole file a generation; there is no other file that could disagree. A file
 *          that does not hold is set aside as gen-N.bad: the alarm names it, the one before serves.
 *          The newest STATE_BAD_KEPT of those are kept.
 *          gen-N.new is a file on its way; what a crash left of one goes at the start.
 * Limits:  STATE_KEPT generations. Numbers only rise, also over files that were lost.
 * Errors:  a directory that cannot be had is RC_DENIED, RC_CONFLICT or RC_IO. What fails later is
 *          an alarm: the daemon goes on.
 */
#ifndef STATE_H
#define STATE_H

#include "gen.h"

enum { STATE_KEPT = 2, STATE_BAD_KEPT = 4, STATE_ALARM_BYTES = 512 };

struct state;

/* Makes the directory, locks it, reads what is there. lock_fd: its lock, which somebody held, and
 * which is taken in any case; -1 = none. */
MUST_CHECK enum rc state_open(const char *dir, int lock_fd, struct state **out,
    struct diag *diag);
/* Of the lock; the state's. */
int state_lock_fd(const struct state *s);
void state_close(struct state **s);

/* Kept generations, newest first; NULL past the end. Owned by the state. */
struct gen *state_gen(struct state *s, uint32_t i);
/* NULL where it is not kept (any more). */
struct gen *state_find(struct state *s, uint32_t number);

/* A number above every one that was ever used here, and above floor. */
uint32_t state_next(struct state *s, uint32_t floor);

/* Takes g as the newest generation, and writes its file; false: it is not on the disk, which the
 * alarm says. */
bool state_add(struct state *s, struct gen *g);
/* Forgets the newest, which no NIC took. */
void state_drop_newest(struct state *s);
/* Forgets those above number, which no NIC took. */
void state_drop_above(struct state *s, uint32_t number);
/* Writes again what could not be saved. */
void state_save_again(struct state *s);
/* Forgets those past STATE_KEPT. On the disk the newest STATE_KEPT that are whole stay: while
 * nothing can be saved, older ones than memory has. */
void state_settle(struct state *s);

/* "" = all is well. */
const char *state_alarm(const struct state *s);

#endif
