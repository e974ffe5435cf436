/* SPDX-License-Identifier: Apache-2.0 */
/* loop_test - descriptors, timers in order, and what is deleted while it is called. */
#include "t.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "loop.h"

static struct loop *l;

struct tick {
	struct loop_timer timer;
	uint64_t at;
};

static uint64_t fired[2000];
static size_t fired_count;

static void
on_tick(void *arg)
{
	struct tick *k = arg;

	fired[fired_count++] = k->at;
}

static void
test_timers(void)
{
	static struct tick ticks[1000];
	uint64_t now = clock_mono_ns();
	size_t wrong = 0;

	t_seed();
	fired_count = 0;
	for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
		ticks[i] = (struct tick){ .at = now - t_rand_below(1000000000) };
		ticks[i].timer = (struct loop_timer){ .fn = on_tick, .arg = &ticks[i] };
		wrong += loop_timer_set(l, &ticks[i].timer, ticks[i].at) != RC_OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(ticks); i += 3)
		loop_timer_clear(l, &ticks[i].timer);
	for (size_t i = 1; i < ARRAY_LEN(ticks); i += 3) {
		ticks[i].at = now - t_rand_below(1000000000);
		wrong += loop_timer_set(l, &ticks[i].timer, ticks[i].at) != RC_OK;
	}
	T_IS_INT(loop_turn(l, 0), RC_OK);
	T_IS_UINT(fired_count, 666);
	for (size_t i = 1; i < fired_count; i++)
		wrong += fired[i - 1] > fired[i];
	T_IS_UINT(wrong, 0);
	T_IS_UINT(ticks[0].timer.place, 0);
}

static void
on_again(void *arg)
{
	struct tick *k = arg;

	fired_count++;
	T_IS_INT(loop_timer_set(l, &k->timer, 0), RC_OK);
}

static void
test_timer_again(void)
{
	struct tick k = { .timer = { .fn = on_again, .arg = &k } };

	fired_count = 0;
	T_IS_INT(loop_timer_set(l, &k.timer, 0), RC_OK);
	T_IS_INT(loop_turn(l, 0), RC_OK);
	T_IS_UINT(fired_count, 1);
	T_IS_INT(loop_turn(l, 0), RC_OK);
	T_IS_UINT(fired_count, 2);
	loop_timer_clear(l, &k.timer);
	loop_timer_clear(l, &k.timer);
}

struct ends {
	struct loop_io io[2];
	int called;
};

/* Whoever is called first deletes the other. */
static void
on_ready(void *arg, uint32_t events)
{
	struct ends *e = arg;

	T_OK(events & EPOLLIN);
	e->called++;
	loop_io_del(l, &e->io[0]);
	loop_io_del(l, &e->io[1]);
}

static void
test_delete(void)
{
	struct ends e = { 0 };
	int a[2], b[2];

	T_IS_INT(pipe(a), 0);
	T_IS_INT(pipe(b), 0);
	e.io[0] = (struct loop_io){ .fd = a[0], .events = EPOLLIN, .fn = on_ready, .arg = &e };
	e.io[1] = (struct loop_io){ .fd = b[0], .events = EPOLLIN, .fn = on_ready, .arg = &e };
	T_IS_INT(loop_io_add(l, &e.io[0]), RC_OK);
	T_IS_INT(loop_io_add(l, &e.io[1]), RC_OK);
	T_IS_INT(loop_turn(l, 0), RC_OK);
	T_IS_INT(e.called, 0);
	T_OK(write(a[1], "x", 1) == 1 && write(b[1], "x", 1) == 1);
	T_IS_INT(loop_turn(l, 0), RC_OK);
	T_IS_INT(e.called, 1);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	e.io[0].fd = a[0];
	T_OK(loop_io_add(l, &e.io[0]) != RC_OK);
}

int
main(void)
{
	if (loop_create(&l) != RC_OK)
		return 1;
	T_RUN(test_timers);
	T_RUN(test_timer_again);
	T_RUN(test_delete);
	loop_destroy(&l);
	loop_destroy(&l);
	return t_done();
}
