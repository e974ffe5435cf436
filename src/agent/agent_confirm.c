/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_confirm - a reload that must be confirmed. The NIC waits, and goes back by itself: what is
 * here only follows it, so that this process may end at any time of the wait.
 *
 * A generation on the disk says that it was to be confirmed until the NIC said that it is. So a
 * start knows text that was undone from text that is new, and does not enforce it again.
 */
#include <inttypes.h>
#include <string.h>

#include "agent_impl.h"
#include "clock.h"
#include "log.h"

static void
confirmed(struct agent *a, uint32_t number)
{
	struct gen *g = state_find(a->state, number);

	a->committed = number;
	if (g == NULL || !g->unconfirmed ||
	    memcmp(g->sha256, a->active.sha256, SHA256_BYTES) != 0)
		return;
	log_info("confirmed", "generation=%" PRIu32, number);
	g->unconfirmed = false;
	g->saved = false;
	state_save_again(a->state);
}

static void
undone(struct agent *a, uint32_t number)
{
	diag_set(&a->undone, "undone", "generation %" PRIu32 " was not confirmed: generation %"
	    PRIu32 " is enforced again", number, a->active.generation);
	log_warn("unconfirmed", "generation=%" PRIu32 " is undone, enforced=%" PRIu32, number,
	    a->active.generation);
}

/* The newest that was to be confirmed, above what is enforced. */
static uint32_t
undone_find(struct agent *a)
{
	const struct gen *g = state_gen(a->state, 0);

	return g != NULL && g->unconfirmed && g->number > a->active.generation ? g->number : 0;
}

enum rc
agent_version_read(struct agent *a, struct diag *diag)
{
	uint32_t waited = a->wait.generation;
	bool known = a->nic_known;
	enum rc rc = nic_version_get(a->nic, &a->active, diag);

	if (rc != RC_OK)
		return rc;
	a->nic_known = true;
	if (a->active.former != 0) {
		a->wait = (struct agent_wait) { a->active.generation, a->active.former,
			clock_mono_ns() + a->active.confirm_ms * NS_PER_MS };
		a->committed = a->active.former;
		memset(&a->undone, 0, sizeof(a->undone));
		if (waited != a->active.generation)
			log_info("confirm-waits", "generation=%" PRIu32 " seconds=%" PRIu32
			    " else=%" PRIu32, a->active.generation,
			    (a->active.confirm_ms + 999) / 1000, a->active.former);
		return rc;
	}
	memset(&a->wait, 0, sizeof(a->wait));
	if (!known)
		waited = undone_find(a);
	if (waited != 0 && waited != a->active.generation)
		undone(a, waited);
	else if (waited != 0 || !known)
		confirmed(a, a->active.generation);
	return rc;
}

bool
agent_was_undone(struct agent *a, const struct gen *g)
{
	for (uint32_t i = 0; state_gen(a->state, i) != NULL; i++) {
		const struct gen *kept = state_gen(a->state, i);

		if (kept->unconfirmed && kept->number > a->active.generation &&
		    memcmp(kept->sha256, g->sha256, SHA256_BYTES) == 0)
			return true;
	}
	return false;
}

static enum rc
wait_end(struct agent *a, bool undo, struct diag *diag)
{
	struct diag ignored;
	enum rc rc, read;

	if (a->wait.generation == 0) {
		diag_set(diag, "nothing-to-confirm", "no reload waits to be confirmed");
		return RC_INVALID;
	}
	if (a->nic == NULL) {
		diag_set(diag, "nic-gone", "the NIC is not there: %s", a->nic_error.text);
		return RC_PEER;
	}
	rc = nic_confirm(a->nic, a->wait.generation, undo, diag);
	read = agent_version_read(a, &ignored);
	return rc == RC_OK ? read : rc;
}

enum rc
agent_confirm(struct agent *a, struct diag *diag)
{
	enum rc rc = wait_end(a, false, diag);

	if (rc == RC_OK)
		state_settle(a->state);
	return rc;
}

void
agent_undo(struct agent *a, struct outcome *o)
{
	uint32_t former = a->wait.former;

	o->rc = wait_end(a, true, &o->why);
	if (o->rc == RC_INVALID && former != 0 && a->active.generation == former)
		o->rc = RC_OK;		/* its time was over meanwhile */
	o->changed = o->rc == RC_OK;
	o->generation = a->active.generation;
}
