/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_policy - reloads: one compile at a time, the last request wins.
 *
 * Who asks while a compile runs may have changed a file after it was read, so he gets the outcome
 * of the next one; all who ask meanwhile share it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "agent_impl.h"
#include "clock.h"
#include "log.h"
#include "roles.h"

static void begin(struct agent *a, const uint8_t *body, size_t len);

static void
outcome_log(const struct outcome *o)
{
	const struct diag *first = o->why.level != DIAG_NONE ? &o->why :
	    o->diags.count > 0 ? &o->diags.items[0] : NULL;

	for (uint32_t i = 0; i < o->diags.count && o->why.level == DIAG_NONE; i++)
		if (o->diags.items[i].level == DIAG_ERROR) {
			first = &o->diags.items[i];
			break;
		}
	if (o->rc == RC_OK)
		log_info("reload-done", "generation=%u changed=%s compiled=%s warnings=%u "
		    "eval_us=%ju build_us=%ju load_us=%ju reused=%u loaded_bytes=%ju "
		    "copied_bytes=%ju",
		    o->generation, o->changed ? "yes" : "no",
		    o->spared ? "no" : "yes", o->diags.warnings, (uintmax_t)(o->eval_ns / 1000),
		    (uintmax_t)(o->build_ns / 1000), (uintmax_t)(o->load_ns / 1000),
		    o->reused, (uintmax_t)o->moved.loaded, (uintmax_t)o->moved.copied);
	else
		log_warn("reload-refused", "rc=%s errors=%u at=%s:%u text=\"%s\"", rc_name(o->rc),
		    o->diags.errors, first != NULL && first->file[0] != '\0' ? first->file : "-",
		    first != NULL ? first->line : 0, first != NULL ? first->text : "");
}

/* The compile of this round is over, one way or the other. */
static void
finish(struct agent *a, struct compile_result *r)
{
	bool first = a->round == 1;
	struct gen *g;

	diags_fini(&a->last.diags);
	a->last = (struct outcome) { .rc = r->rc, .no_fit = r->no_fit, .known = true,
		.diags = r->diags, .eval_ns = r->eval_ns, .build_ns = r->build_ns,
		.reused = r->reused,
		.wall_ns = clock_wall_ns(), .generation = a->active.generation };
	memset(&r->diags, 0, sizeof(r->diags));
	memcpy(a->last.example, r->example, r->example_len);
	a->last.example_len = r->example_len;
	if (r->rc == RC_OK) {
		g = gen_from_result(r, &a->last.diags);
		if (g == NULL) {
			a->last.rc = RC_NOMEM;
		} else {
			g->confirm_s = agent_jobs_confirm_s(a, a->round);
			agent_nic_enforce(a, g, first, &a->last);
		}
	}
	if (a->last.rc != RC_OK && a->last.diags.errors == 0 && a->last.why.level == DIAG_NONE)
		diag_set(&a->last.why, "no-compile", "no compile can be had here: %s",
		    rc_name(a->last.rc));
	outcome_log(&a->last);
	agent_notify_round(a);
	agent_jobs_round(a, a->round);
}

static void
compile_end(struct agent *a)
{
	loop_io_del(a->loop, &a->compile_io);
	compile_destroy(&a->compile);
}

static void
compile_ready(void *arg, uint32_t events)
{
	struct agent *a = arg;
	struct compile_result r;
	enum rc rc;

	UNUSED(events);
	memset(&r, 0, sizeof(r));
	rc = compile_step(a->compile, &r);
	if (rc == RC_AGAIN)
		return;
	CHECK(rc == RC_OK);
	compile_end(a);
	finish(a, &r);
	compile_result_fini(&r);
	if (a->again)
		begin(a, NULL, 0);
}

/* What a compile may take tables from. */
static struct image_reuse
before(struct agent *a)
{
	const struct gen *g = agent_active(a);

	if (g == NULL || g->keys == NULL)
		g = a->wanted;
	if (g == NULL || g->keys == NULL)
		return (struct image_reuse) { 0 };
	return (struct image_reuse) { g->image, g->image_len, g->keys, g->key_count };
}

/* Before it began; the settings could not be read. why may say nothing: memory is out. */
static void
refuse(struct agent *a, enum rc rc, struct diag *why)
{
	struct compile_result r = { .rc = rc };

	if (why->level == DIAG_NONE)
		diag_set(why, rc == RC_NOMEM ? "memory" : "config",
		    "the settings cannot be read: %s", rc_name(rc));
	if (diags_init(&r.diags))
		diags_add(&r.diags, why);
	finish(a, &r);
	compile_result_fini(&r);
}

/* At the start: the NIC enforces what this binary made of the text that the directory has now. To
 * compile it again would tell nothing new. Its state is whole, or there would be no such file. */
static bool
known_already(struct agent *a)
{
	const struct gen *g = agent_active(a);
	struct diags read = { 0 }, kept = { 0 };
	uint8_t *text = NULL;
	size_t len = 0;
	bool same = a->nic != NULL && g != NULL && !g->posted && !agent_was_undone(a, g) &&
	    diags_init(&read) && diags_init(&kept) &&
	    compile_sources_read(a->cfg->policy, &read, &text, &len) == RC_OK &&
	    gen_is_of(g, text, len) && messages_take(g->messages, g->messages_len, &kept) &&
	    kept.errors == 0;

	free(text);
	diags_fini(&read);
	if (!same) {
		diags_fini(&kept);
		return false;
	}
	agent_nic_keep(a);
	a->last = (struct outcome) { .rc = RC_OK, .known = true, .spared = true, .diags = kept,
		.wall_ns = clock_wall_ns(), .generation = a->active.generation };
	return true;
}

/* body NULL: the directory. */
static void
begin(struct agent *a, const uint8_t *body, size_t len)
{
	struct image_reuse kept = before(a);
	struct compile_result failed;
	enum rc rc = RC_OK;

	CHECK(a->compile == NULL);
	a->round_signal = a->again_signal;
	a->again = a->again_signal = false;
	a->round++;
	agent_notify_reloading(a);
	if (a->round > 1 && a->cfg->reread != NULL) {
		struct diag d = { 0 };

		rc = a->cfg->reread(a->cfg->reread_arg, &d);
		if (rc != RC_OK) {
			refuse(a, rc, &d);
			return;
		}
	}
	if (a->round == 1 && known_already(a)) {
		outcome_log(&a->last);
		agent_notify_round(a);
		agent_jobs_round(a, a->round);
		return;
	}
	if (a->round > 1)
		agent_keys_reload(a);
	rc = body == NULL ? compile_start(a->cfg->policy, &a->compile) :
	    compile_start_body(body, len, &a->compile);
	if (rc == RC_OK) {
		compile_reuse(a->compile, &kept);
		a->compile_io = (struct loop_io) { .fd = compile_fd(a->compile),
			.events = EPOLLIN, .fn = compile_ready, .arg = a };
		rc = loop_io_add(a->loop, &a->compile_io);
	}
	if (rc == RC_OK)
		return;
	compile_destroy(&a->compile);
	memset(&failed, 0, sizeof(failed));
	failed.rc = rc;
	finish(a, &failed);
}

uint32_t
agent_reload(struct agent *a, bool by_signal)
{
	a->again_signal |= by_signal;
	if (a->compile != NULL) {
		a->again = true;
		return a->round + 1;
	}
	begin(a, NULL, 0);
	return a->round;
}

void
agent_reload_posted(struct agent *a, const uint8_t *body, size_t len)
{
	CHECK(a->compile == NULL);
	begin(a, body, len);
}

void
agent_reload_cancel(struct agent *a, uint32_t round)
{
	if (round == a->round + 1 && a->again && !a->again_signal)
		a->again = false;
	if (round != a->round || a->compile == NULL || a->round_signal)
		return;
	log_info("reload-cancelled", "generation=%" PRIu32, a->active.generation);
	compile_end(a);
	agent_notify_round(a);
	if (a->again)
		begin(a, NULL, 0);
}

void
agent_policy_stop(struct agent *a)
{
	if (a->compile != NULL)
		compile_end(a);
	gen_destroy(&a->wanted);
}
