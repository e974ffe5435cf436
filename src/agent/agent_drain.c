/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_drain - the orderly end: who was accepted is answered.
 *
 * Ctl stops accepting and goes once its last request is answered; a reload that was asked for is
 * brought to its end, for its text may be in no file. Neither may take longer than DRAIN_MS.
 */
#include "agent_impl.h"
#include "clock.h"
#include "log.h"

static void
drain_over(void *arg)
{
	struct agent *a = arg;

	log_warn("drain-cut", "ms=%d", DRAIN_MS);
	loop_stop(a->loop);
}

void
agent_drain_check(struct agent *a)
{
	if (!a->draining || a->ctl.worker.pid > 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(a->jobs); i++)
		if (a->jobs[i].id != 0 && !a->jobs[i].done && a->jobs[i].verb == CTL_RELOAD)
			return;
	loop_stop(a->loop);
}

void
agent_drain(struct agent *a)
{
	if (a->draining) {
		loop_stop(a->loop);
		return;
	}
	a->draining = true;
	a->drain_timer = (struct loop_timer){ .fn = drain_over, .arg = a };
	if (loop_timer_set(a->loop, &a->drain_timer, clock_mono_ns() + DRAIN_MS * NS_PER_MS) !=
	    RC_OK)
		loop_stop(a->loop);
	agent_ctl_send(a, &(struct msg){ .type = CTL_DRAIN });
	agent_drain_check(a);
}
