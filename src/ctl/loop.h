/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - one thread that waits: descriptors by epoll, timers by a heap.
 * Does:    calls a function when a descriptor is ready or a time has come; nothing else runs.
 * Units:   times are clock_mono_ns().
 * Limits:  LOOP_TIMERS_MAX; LOOP_BATCH events a turn.
 * Memory:  struct loop_io and loop_timer are the owner's; it may free them once deleted, also from
 *          inside a call of the loop.
 * Context: one thread.
 */
#ifndef LOOP_H
#define LOOP_H

#include "base.h"
#include "rc.h"

enum { LOOP_TIMERS_MAX = 1 << 17, LOOP_BATCH = 256 };

struct loop;

struct loop_io {
	int fd;
	uint32_t events;	/* EPOLLIN, EPOLLOUT; errors and hang-ups always come */
	void (*fn)(void *arg, uint32_t events);
	void *arg;
	bool late;		/* its turn comes after the others' */
	bool added;
};

struct loop_timer {
	void (*fn)(void *arg);
	void *arg;
	uint64_t at_ns;
	uint32_t place;		/* in the heap, from 1; 0 = not set */
};

MUST_CHECK enum rc loop_create(struct loop **out);
void loop_destroy(struct loop **loop);

/* io's fields are set; the descriptor stays the owner's. */
MUST_CHECK enum rc loop_io_add(struct loop *l, struct loop_io *io);
void loop_io_want(struct loop *l, struct loop_io *io, uint32_t events);
void loop_io_del(struct loop *l, struct loop_io *io);

/* Sets or moves; fn and arg are set. RC_LIMIT past LOOP_TIMERS_MAX. */
MUST_CHECK enum rc loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ns);
void loop_timer_clear(struct loop *l, struct loop_timer *t);

/* One turn: waits until something is due, at most max_ms (-1: no end), and calls. */
MUST_CHECK enum rc loop_turn(struct loop *l, int max_ms);
/* How many there were. */
uint64_t loop_turns(const struct loop *l);
/* Turns until loop_stop. */
MUST_CHECK enum rc loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
