/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_notify - what the service manager is told.
 *
 * Ready is who serves the local socket and knows what became of its policy: enforced, refused, or
 * waiting for a NIC. A refused policy is no failed start, since the NIC goes on enforcing.
 */
#include <stdio.h>

#include "agent_impl.h"
#include "clock.h"
#include "log.h"
#include "notify.h"

static void
tell(struct agent *a, enum notify_state state, const char *status)
{
	enum rc rc = notify_tell(&a->notify, state, status);

	if (rc != RC_OK)
		log_debug("notify-failed", "state=%d rc=%s", state, rc_name(rc));
}

static void
beat(void *arg)
{
	struct agent *a = arg;

	tell(a, NOTIFY_WATCHDOG, NULL);
	(void)!loop_timer_set(a->loop, &a->notify_timer, clock_mono_ns() + a->notify.beat_ns);
}

static void
status_text(const struct agent *a, char *out, size_t cap)
{
	const char *last = a->last.rc == RC_OK ? "" : "; the last reload failed";

	if (a->nic == NULL)
		(void)snprintf(out, cap, "no NIC at %.100s", a->cfg->nic);
	else if (a->active.generation == 0)
		(void)snprintf(out, cap, "nothing is enforced%s", last);
	else
		(void)snprintf(out, cap, "generation %u is enforced%s", a->active.generation,
		    last);
}

void
agent_notify_open(struct agent *a)
{
	struct diag d = { 0 };

	if (notify_open(&a->notify, &d) != RC_OK)
		log_warn("notify-failed", "text=\"%s\"", d.text);
	a->notify_timer = (struct loop_timer) { .fn = beat, .arg = a };
	if (a->notify.beat_ns > 0)
		beat(a);
}

void
agent_notify_reloading(struct agent *a)
{
	if (a->notify_ready)
		tell(a, NOTIFY_RELOADING, "compiling");
}

void
agent_notify_round(struct agent *a)
{
	char text[200];

	a->notify_ready = true;
	status_text(a, text, sizeof(text));
	tell(a, NOTIFY_READY, text);
}

void
agent_notify_nic(struct agent *a)
{
	char text[200];

	if (!a->notify_ready || a->compile != NULL)
		return;		/* the end of the compile tells it */
	status_text(a, text, sizeof(text));
	tell(a, NOTIFY_STATUS, text);
}

void
agent_notify_close(struct agent *a)
{
	if (a->loop != NULL)
		loop_timer_clear(a->loop, &a->notify_timer);
	tell(a, NOTIFY_STOPPING, "ending; the NIC goes on enforcing");
	notify_close(&a->notify);
}
