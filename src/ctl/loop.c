/* SPDX-License-Identifier: Apache-2.0 */
/* loop - epoll and a binary heap of timers. */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"

struct loop {
	int epoll_fd;
	bool stopped;
	uint64_t turns;
	struct epoll_event batch[LOOP_BATCH];
	int batch_count;		/* events of this turn; NULL once delivered */
	struct loop_timer **heap;	/* heap[1..count], least first */
	uint32_t count, cap;
};

enum rc
loop_create(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));
	enum rc rc;

	*out = NULL;
	if (l == NULL)
		return RC_NOMEM;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		rc = rc_from_errno(errno);
		free(l);
		return rc;
	}
	*out = l;
	return RC_OK;
}

void
loop_destroy(struct loop **loop)
{
	struct loop *l = *loop;

	if (l == NULL)
		return;
	close(l->epoll_fd);
	free(l->heap);
	free(l);
	*loop = NULL;
}

enum rc
loop_io_add(struct loop *l, struct loop_io *io)
{
	struct epoll_event e = { .events = io->events, .data.ptr = io };

	CHECK(!io->added && io->fn != NULL && io->fd >= 0);
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, io->fd, &e) != 0)
		return rc_from_errno(errno);
	io->added = true;
	return RC_OK;
}

void
loop_io_want(struct loop *l, struct loop_io *io, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = io };

	CHECK(io->added);
	if (io->events == events)
		return;
	io->events = events;
	CHECK(epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, io->fd, &e) == 0);
}

void
loop_io_del(struct loop *l, struct loop_io *io)
{
	if (!io->added)
		return;
	CHECK(epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL) == 0);
	io->added = false;
	for (int i = 0; i < l->batch_count; i++)
		if (l->batch[i].data.ptr == io)
			l->batch[i].data.ptr = NULL;
}

static void
heap_put(struct loop *l, uint32_t place, struct loop_timer *t)
{
	l->heap[place] = t;
	t->place = place;
}

static void
heap_up(struct loop *l, uint32_t place)
{
	struct loop_timer *t = l->heap[place];

	for (; place > 1 && l->heap[place / 2]->at_ns > t->at_ns; place /= 2)
		heap_put(l, place, l->heap[place / 2]);
	heap_put(l, place, t);
}

static void
heap_down(struct loop *l, uint32_t place)
{
	struct loop_timer *t = l->heap[place];

	while (place * 2 <= l->count) {
		uint32_t child = place * 2;

		if (child < l->count && l->heap[child + 1]->at_ns < l->heap[child]->at_ns)
			child++;
		if (l->heap[child]->at_ns >= t->at_ns)
			break;
		heap_put(l, place, l->heap[child]);
		place = child;
	}
	heap_put(l, place, t);
}

static enum rc
heap_grow(struct loop *l)
{
	uint32_t cap = l->cap == 0 ? 64 : l->cap * 2;
	struct loop_timer **more;

	if (l->count >= LOOP_TIMERS_MAX)
		return RC_LIMIT;
	more = realloc(l->heap, (size_t)(cap + 1) * sizeof(struct loop_timer *));
	if (more == NULL)
		return RC_NOMEM;
	l->heap = more;
	l->cap = cap;
	return RC_OK;
}

enum rc
loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ns)
{
	CHECK(t->fn != NULL);
	loop_timer_clear(l, t);
	if (l->count == l->cap) {
		enum rc rc = heap_grow(l);

		if (rc != RC_OK)
			return rc;
	}
	t->at_ns = at_ns;
	heap_put(l, ++l->count, t);
	heap_up(l, l->count);
	return RC_OK;
}

void
loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	uint32_t place = t->place;
	struct loop_timer *last;

	if (place == 0)
		return;
	CHECK(place <= l->count && l->heap[place] == t);
	t->place = 0;
	last = l->heap[l->count--];
	if (last == t)
		return;
	heap_put(l, place, last);
	heap_up(l, place);
	heap_down(l, last->place);
}

static int
wait_ms(const struct loop *l, int max_ms)
{
	uint64_t now, ms;

	if (l->count == 0)
		return max_ms;
	now = clock_mono_ns();
	if (l->heap[1]->at_ns <= now)
		return 0;
	ms = (l->heap[1]->at_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	if (max_ms >= 0 && ms > (uint64_t)max_ms)
		return max_ms;
	return ms > 3600000 ? 3600000 : (int)ms;
}

static void
timers_fire(struct loop *l)
{
	uint64_t now = clock_mono_ns();

	/* what a timer sets anew at once waits for the next turn */
	for (uint32_t n = l->count; n > 0 && l->count > 0 && l->heap[1]->at_ns <= now; n--) {
		struct loop_timer *t = l->heap[1];

		loop_timer_clear(l, t);
		t->fn(t->arg);
	}
}

enum rc
loop_turn(struct loop *l, int max_ms)
{
	l->turns++;
	l->batch_count = epoll_wait(l->epoll_fd, l->batch, LOOP_BATCH, wait_ms(l, max_ms));
	if (l->batch_count < 0) {
		l->batch_count = 0;
		return errno == EINTR ? RC_OK : rc_from_errno(errno);
	}
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < l->batch_count; i++) {
			struct loop_io *io = l->batch[i].data.ptr;

			if (io == NULL || (pass == 0 && io->late))
				continue;
			l->batch[i].data.ptr = NULL;
			io->fn(io->arg, l->batch[i].events);
		}
	l->batch_count = 0;
	timers_fire(l);
	return RC_OK;
}

uint64_t
loop_turns(const struct loop *l)
{
	return l->turns;
}

enum rc
loop_run(struct loop *l)
{
	enum rc rc = RC_OK;

	l->stopped = false;
	while (!l->stopped && rc == RC_OK)
		rc = loop_turn(l, -1);
	return rc;
}

void
loop_stop(struct loop *l)
{
	l->stopped = true;
}
