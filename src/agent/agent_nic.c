/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_nic - the NIC comes, goes, comes back; what it enforces is read, never assumed.
 *
 * A generation's file is written before the NIC gets the image, so that whatever the NIC enforces
 * after any crash, its lines are on the disk.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent_impl.h"
#include "clock.h"
#include "log.h"
#include "profile.h"

static void nic_try(void *arg);
static void nic_check(void *arg);

static void
timer_set(struct agent *a, void (*fn)(void *arg), uint32_t ms)
{
	enum rc rc;

	a->nic_timer.fn = fn;
	a->nic_timer.arg = a;
	rc = loop_timer_set(a->loop, &a->nic_timer, clock_mono_ns() + ms * NS_PER_MS);
	CHECK(rc == RC_OK);	/* there are few timers here */
}

static void
nic_down(struct agent *a, const struct diag *why)
{
	if (a->nic != NULL) {
		loop_io_del(a->loop, &a->nic_io);
		nic_close(&a->nic);
		a->nic_since_wall_ns = clock_wall_ns();
		a->nic_backoff_ms = NIC_BACKOFF_FIRST_MS;
		log_warn("nic-down", "nic=%s text=\"%s\"", a->cfg->nic, why->text);
	}
	a->nic_error = *why;
	timer_set(a, nic_try, a->nic_backoff_ms);
	if (a->nic_backoff_ms == NIC_BACKOFF_FIRST_MS)
		agent_notify_nic(a);
	a->nic_backoff_ms = MIN(a->nic_backoff_ms * 2, (uint32_t)NIC_BACKOFF_MAX_MS);
}

static void
nic_lost(struct agent *a, const char *what)
{
	struct diag d = { 0 };

	diag_set(&d, "nic-gone", "%s: the NIC is gone (%s)", a->cfg->nic, what);
	nic_down(a, &d);
}

const struct gen *
agent_active(struct agent *a)
{
	const struct gen *g = state_find(a->state, a->active.generation);

	if (!a->nic_known || g == NULL ||
	    memcmp(g->sha256, a->active.sha256, SHA256_BYTES) != 0)
		return NULL;
	return g;
}

/* --- bringing a generation to it --- */

static bool
nic_holds(const struct agent *a, const struct gen *g)
{
	return a->active.generation != 0 &&
	    memcmp(a->active.sha256, g->sha256, SHA256_BYTES) == 0;
}

/* The NIC has these bytes already: g becomes what is known of its generation. */
static void
adopt(struct agent *a, struct gen *g)
{
	struct gen *kept;

	g->number = a->active.generation;
	g->unconfirmed = a->wait.generation == g->number;
	a->committed = g->unconfirmed ? a->wait.former : g->number;
	/* Those above were written for a NIC that never took them. */
	while ((kept = state_gen(a->state, 0)) != NULL && kept->number >= g->number) {
		if (kept->number == g->number && nic_holds(a, kept) &&
		    gen_same_symbols(kept, g)) {
			gen_renew(kept, &g);
			state_save_again(a->state);
			state_settle(a->state);
			return;
		}
		state_drop_newest(a->state);
	}
	(void)state_add(a->state, g);
	state_settle(a->state);
}

void
agent_nic_keep(struct agent *a)
{
	struct gen *g = state_find(a->state, a->active.generation);
	bool unconfirmed;

	CHECK(g != NULL);
	unconfirmed = a->wait.generation == g->number;
	a->committed = unconfirmed ? a->wait.former : g->number;
	state_drop_above(a->state, g->number);
	g->saved &= g->unconfirmed == unconfirmed;
	g->unconfirmed = unconfirmed;
	state_save_again(a->state);
	state_settle(a->state);
}

static void
load(struct agent *a, struct gen *g, struct outcome *o)
{
	uint64_t begin_ns = clock_mono_ns();
	const struct image_profile profile = { a->caps.lines_max, a->caps.loads_max };
	struct nic_held held = { 0 };
	const struct gen *now;

	o->rc = profile_fits(g->image, &g->symbols, &profile, &o->why);
	if (o->rc != RC_OK) {
		/* the NIC would say so too, after all of it was loaded */
		o->no_fit = true;
		o->generation = a->active.generation;
		gen_destroy(&g);
		return;
	}
	/* Those of loads that were cut short must not push out what is enforced. */
	if (agent_active(a) != NULL)
		state_drop_above(a->state, a->active.generation);
	g->number = state_next(a->state, MAX(a->active.generation, a->active.highest));
	if (a->active.generation == 0)
		g->confirm_s = 0;	/* there is nothing to go back to */
	g->unconfirmed = g->confirm_s > 0;
	(void)state_add(a->state, g);
	now = agent_active(a);
	if (now != NULL)
		held = (struct nic_held) { now->image, now->image_len };
	o->rc = nic_load_over(a->nic, g->number, g->confirm_s, g->image, g->image_len, &held,
	    &o->moved, &o->why);
	o->load_ns = clock_mono_ns() - begin_ns;
	if (o->rc == RC_OK)
		o->rc = agent_version_read(a, &o->why);
	if (o->rc == RC_OK) {
		CHECK(a->active.generation == g->number);
		o->generation = g->number;
		o->changed = true;
		if (a->wait.generation == 0)
			a->committed = g->number;
		memset(&a->undone, 0, sizeof(a->undone));
		state_settle(a->state);
		return;
	}
	o->no_fit = o->rc == RC_LIMIT;
	if (o->why.level == DIAG_NONE)
		diag_set(&o->why, "nic", "the NIC did not take the policy: %s", rc_name(o->rc));
	/* Where the NIC refused, it goes on with what it has. Where it went away, nobody knows yet
	 * what it took: the file stays until it is back. */
	if (o->rc == RC_PEER || o->rc == RC_TIMEOUT)
		nic_lost(a, "while it was loaded");
	else
		state_drop_newest(a->state);
}

static void
keep_wanted(struct agent *a, struct gen *g, bool adopts)
{
	gen_destroy(&a->wanted);
	a->wanted = g;
	a->wanted_adopts = adopts;
}

/* What the NIC enforces stays, though g is right. While a reload waits to be confirmed none follows
 * it: the generation to go back to was confirmed once. A start takes no posted text away, and does
 * not enforce again what was undone: the next reload does. */
static bool
stays(struct agent *a, const struct gen *g, bool adopts, struct outcome *o)
{
	const struct gen *now = agent_active(a);

	if (a->wait.generation != 0 && (!adopts || !nic_holds(a, g))) {
		diag_set(&o->why, "unconfirmed", "generation %" PRIu32 " waits to be confirmed; "
		    "the policy is right", a->wait.generation);
		diag_hint(&o->why, "confirm it, or roll it back, first");
	} else if (adopts && agent_was_undone(a, g)) {
		diag_set(&o->why, "undone", "the policy was enforced once, and not confirmed; a "
		    "start does not enforce it again");
		diag_hint(&o->why, "ringfence reload --confirm SECONDS");
	} else if (adopts && now != NULL && now->posted && !nic_holds(a, g)) {
		log_info("posted-kept", "generation=%" PRIu32, now->number);
		o->generation = now->number;
		return true;
	} else {
		return false;
	}
	o->rc = RC_CONFLICT;
	o->generation = a->active.generation;
	return true;
}

void
agent_nic_enforce(struct agent *a, struct gen *g, bool adopts, struct outcome *o)
{
	const struct gen *now;

	if (a->nic != NULL && agent_version_read(a, &o->why) != RC_OK)
		nic_lost(a, "it does not answer");
	if (a->nic == NULL) {
		diag_set(&o->why, "nic-gone", "%s: the NIC is not there; the policy is right and "
		    "will be loaded when it is", a->cfg->nic);
		o->rc = RC_PEER;
		keep_wanted(a, g, adopts);
		return;
	}
	gen_destroy(&a->wanted);
	memset(&o->why, 0, sizeof(o->why));
	now = agent_active(a);
	if (stays(a, g, adopts, o)) {
		gen_destroy(&g);
		return;
	}
	if (nic_holds(a, g) && (adopts || (now != NULL && gen_same_symbols(now, g)))) {
		adopt(a, g);
		o->generation = a->active.generation;
		return;
	}
	load(a, g, o);
}

void
agent_nic_restore(struct agent *a, struct gen *kept, struct outcome *o)
{
	struct gen *copy = NULL;
	uint8_t *bytes = NULL;
	size_t len;

	o->rc = gen_encode(kept, &bytes, &len);
	if (o->rc == RC_OK)
		o->rc = gen_decode(bytes, len, &copy, &o->why);
	free(bytes);
	if (o->rc == RC_OK)
		load(a, copy, o);
}

/* A NIC that just came: what it enforces is compared with what it should. Before the first compile
 * only a NIC without anything is given what was committed last. */
static void
reconcile(struct agent *a)
{
	struct gen *target = state_find(a->state, a->committed), *wanted = a->wanted;
	struct outcome o = { 0 };

	if (a->wait.generation != 0 && wanted == NULL)
		return;		/* it decides itself */
	if (target == NULL && a->active.generation == 0)
		target = state_gen(a->state, 0);
	if (wanted != NULL) {
		a->wanted = NULL;
		agent_nic_enforce(a, wanted, a->wanted_adopts, &o);
		a->last.rc = o.rc;
		a->last.no_fit = o.no_fit;
		a->last.why = o.why;
	} else if (target != NULL && !nic_holds(a, target)) {
		agent_nic_restore(a, target, &o);
	} else {
		return;
	}
	if (o.rc == RC_OK)
		log_info("nic-restored", "generation=%u changed=%s", o.generation,
		    o.changed ? "yes" : "no");
	else
		log_err("nic-restore-failed", "rc=%s text=\"%s\"", rc_name(o.rc), o.why.text);
}

/* --- coming and going --- */

const char *
agent_nic_alarm(const struct agent *a)
{
	const struct nic_status *s = &a->nic_status;

	if (!a->nic_known)
		return "";
	if (s->image_damaged)
		return "the image it enforced was damaged in its memory";
	if (s->store_damaged)
		return "its stored image was damaged when it booted";
	return s->store_failed ? "it could not store the last image: a boot enforces the one "
	    "before" : "";
}

static void
alarm_log(struct agent *a)
{
	const char *alarm = agent_nic_alarm(a);

	if (a->nic_alarm != alarm && alarm[0] != '\0')
		log_err("nic-alarm", "nic=%s text=\"%s\"", a->cfg->nic, alarm);
	a->nic_alarm = alarm;
}

static void
nic_ready(void *arg, uint32_t events)
{
	struct agent *a = arg;
	struct nic_alert alert;
	enum rc rc = RC_OK;

	UNUSED(events);
	for (int i = 0; i < NIC_ALERTS_MAX && rc == RC_OK; i++) {
		rc = nic_alert_next(a->nic, &alert);
		if (rc == RC_OK)
			agent_ctl_alert(a, &alert);
	}
	if (rc == RC_OK || rc == RC_AGAIN)
		rc = agent_flows_take(a);
	if (rc != RC_OK && rc != RC_AGAIN)
		nic_lost(a, rc_name(rc));
}

/* Flows that a turn left, after a pause. */
static void
flows_again(void *arg)
{
	struct agent *a = arg;
	enum rc rc = a->nic != NULL ? agent_flows_take(a) : RC_AGAIN;

	if (rc != RC_OK && rc != RC_AGAIN)
		nic_lost(a, rc_name(rc));
}

/* It booted, or somebody else spoke to it: what it enforces is asked anew. */
static enum rc
changed(struct agent *a)
{
	uint32_t generation = a->active.generation;
	bool waited = a->wait.generation != 0;
	struct diag d = { 0 };
	enum rc rc = nic_caps_get(a->nic, &a->caps, &d);

	if (rc == RC_OK)
		rc = agent_version_read(a, &d);
	if (rc != RC_OK)
		return rc;
	if (a->nic_status.boot_count != a->nic_boot_count ||
	    (a->active.generation != generation && !waited))
		log_warn("nic-changed", "boots=%u generation=%u", a->nic_status.boot_count,
		    a->active.generation);
	a->nic_boot_count = a->nic_status.boot_count;
	a->flows_refused = false;
	reconcile(a);
	return RC_OK;
}

static void
nic_check(void *arg)
{
	struct agent *a = arg;
	enum rc rc = nic_status_get(a->nic, &a->nic_status);

	if (rc == RC_OK && (a->nic_status.boot_count != a->nic_boot_count ||
	    a->nic_status.generation != a->active.generation ||
	    a->nic_status.unconfirmed != (a->wait.generation != 0)))
		rc = changed(a);
	if (a->nic == NULL)
		return;		/* lost meanwhile, and its timer set */
	alarm_log(a);
	if (rc == RC_OK || rc == RC_AGAIN)
		timer_set(a, nic_check, NIC_CHECK_MS);
	else
		nic_lost(a, "its heart stands still");
}

static enum rc
nic_up(struct agent *a, struct diag *diag)
{
	enum rc rc = nic_open(a->cfg->nic, &a->nic, diag);

	if (rc != RC_OK) {
		a->nic = NULL;
		return rc;
	}
	rc = nic_caps_get(a->nic, &a->caps, diag);
	if (rc == RC_OK)
		rc = agent_version_read(a, diag);
	a->nic_io = (struct loop_io) { .fd = nic_fd(a->nic), .events = EPOLLIN, .fn = nic_ready,
		.arg = a };
	if (rc == RC_OK)
		rc = loop_io_add(a->loop, &a->nic_io);
	if (rc != RC_OK) {
		nic_close(&a->nic);
		return rc;
	}
	(void)!nic_status_get(a->nic, &a->nic_status);
	a->nic_boot_count = a->nic_status.boot_count;
	a->nic_ups++;
	a->nic_since_wall_ns = clock_wall_ns();
	a->nic_backoff_ms = NIC_BACKOFF_FIRST_MS;
	memset(&a->nic_error, 0, sizeof(a->nic_error));
	log_info("nic-up", "nic=%s generation=%u boots=%u", a->cfg->nic, a->active.generation,
	    a->nic_status.boot_count);
	alarm_log(a);
	agent_flows_begin(a);
	reconcile(a);
	agent_notify_nic(a);
	if (a->nic != NULL)
		timer_set(a, nic_check, NIC_CHECK_MS);
	return RC_OK;
}

static void
nic_try(void *arg)
{
	struct agent *a = arg;
	struct diag d = { 0 };
	enum rc rc = nic_up(a, &d);

	if (rc == RC_OK)
		return;
	if (d.level == DIAG_NONE)
		diag_set(&d, "nic", "%s: %s", a->cfg->nic, rc_name(rc));
	nic_down(a, &d);
}

enum rc
agent_nic_first(struct agent *a, struct diag *diag)
{
	uint64_t until_ns = clock_mono_ns() + NIC_CONFLICT_MS * NS_PER_MS;
	enum rc rc;

	a->nic_backoff_ms = NIC_BACKOFF_FIRST_MS;
	a->nic_since_wall_ns = clock_wall_ns();
	a->flow_timer = (struct loop_timer){ .fn = flows_again, .arg = a };
	while ((rc = nic_up(a, diag)) == RC_CONFLICT && clock_mono_ns() < until_ns)
		(void)usleep(20000);	/* the session of a daemon that was killed just now */
	if (rc == RC_OK || rc == RC_CONFLICT)
		return rc;
	log_warn("nic-down", "nic=%s text=\"%s\"", a->cfg->nic, diag->text);
	nic_down(a, diag);
	memset(diag, 0, sizeof(*diag));
	return RC_OK;
}

void
agent_nic_stop(struct agent *a)
{
	if (a->loop == NULL)
		return;
	loop_timer_clear(a->loop, &a->nic_timer);
	if (a->nic != NULL) {
		loop_io_del(a->loop, &a->nic_io);
		nic_close(&a->nic);
	}
}
