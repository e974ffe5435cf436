/* SPDX-License-Identifier: Apache-2.0 */
#include "ref_flows.h"

#include <stdlib.h>
#include <string.h>

#include "fw_seen.h"
#include "wire_flow.h"

struct tally {
	uint64_t id;			/* the firmware's; 0 = not known yet */
	uint64_t packets[2], bytes[2], first_ns, last_ns;
};

/* What was seen with one verdict, reason, rule and generation. */
struct class {
	uint8_t verdict, reason;
	uint32_t rule_id, generation;
	uint64_t packets, bytes;	/* by the reference, */
	uint64_t told_packets, told_bytes;	/* and as the firmware says */
};

struct ref_flows {
	struct fw *fw;
	uint32_t deaf_every, heard;
	struct tally flows[REF_FLOW_IDS_MAX];	/* by the reference's number */
	uint32_t number_of[REF_FLOW_IDS_MAX];	/* by the firmware's id */
	uint8_t told[REF_FLOW_IDS_MAX];		/* by id: 1 opened, 2 ended */
	struct class classes[REF_SEEN_CLASSES_MAX];
	uint32_t class_count;
	uint64_t seen_packets;
	uint64_t kinds[WIRE_FLOW_KIND__COUNT];
	const char *wrong;
};

struct ref_flows *
ref_flows_create(void)
{
	struct ref_flows *r = calloc(1, sizeof(*r));

	CHECK(r != NULL);
	return r;
}

void
ref_flows_destroy(struct ref_flows **r)
{
	free(*r);
	*r = NULL;
}

static void
wrong(struct ref_flows *r, bool is, const char *what)
{
	if (is && r->wrong == NULL)
		r->wrong = what;
}

static struct class *
class_of(struct ref_flows *r, uint8_t verdict, uint8_t reason, uint32_t rule_id,
    uint32_t generation)
{
	struct class want = { verdict, reason, rule_id, generation, 0, 0, 0, 0 };

	for (uint32_t i = 0; i < r->class_count; i++) {
		struct class *c = &r->classes[i];

		if (c->verdict == verdict && c->reason == reason && c->rule_id == rule_id &&
		    c->generation == generation)
			return c;
	}
	CHECK(r->class_count < REF_SEEN_CLASSES_MAX);
	r->classes[r->class_count] = want;
	return &r->classes[r->class_count++];
}

static bool
tally_is(const struct tally *want, const struct fw_tally *got)
{
	return memcmp(want->packets, got->packets, sizeof(got->packets)) == 0 &&
	    memcmp(want->bytes, got->bytes, sizeof(got->bytes)) == 0 &&
	    want->first_ns == got->first_ns && want->last_ns == got->last_ns;
}

static void
class_told(struct ref_flows *r, uint8_t verdict, uint8_t reason, uint32_t rule_id,
    uint32_t generation, const struct fw_tally *t)
{
	struct class *c = class_of(r, verdict, reason, rule_id, generation);

	c->told_packets += t->packets[0] + t->packets[1];
	c->told_bytes += t->bytes[0] + t->bytes[1];
}

/* The firmware's hook: hears all, says now and then that it did not. */
static bool
hear(void *arg, const struct fw_flow_event *e)
{
	struct ref_flows *r = arg;
	uint64_t id = e->tally->id;

	CHECK(id != 0 && id < REF_FLOW_IDS_MAX && e->kind < WIRE_FLOW_KIND__COUNT);
	r->kinds[e->kind]++;
	wrong(r, e->kind == WIRE_FLOW_OPENED && r->told[id] != 0, "a flow opens twice");
	wrong(r, e->kind != WIRE_FLOW_OPENED && r->told[id] != 1,
	    "a flow is told that is not open");
	wrong(r, (e->kind == WIRE_FLOW_ENDED) != (e->end != WIRE_FLOW_LIVE),
	    "it ended, and how, go together");
	if (e->kind == WIRE_FLOW_OPENED)
		r->told[id] = 1;
	if (e->kind == WIRE_FLOW_ENDED) {
		r->told[id] = 2;
		if ((e->flags & WIRE_FLOW_STATE) == 0)
			class_told(r, e->verdict, e->reason, e->rule_id, e->generation, e->tally);
		else
			wrong(r, !tally_is(&r->flows[r->number_of[id]], e->tally),
			    "an ended flow's tally is not the reference's");
	}
	return r->deaf_every == 0 || ++r->heard % r->deaf_every != 0;
}

void
ref_flows_begin(struct ref_flows *r, struct fw *fw, uint32_t deaf_every)
{
	memset(r->flows, 0, sizeof(r->flows));
	memset(r->told, 0, sizeof(r->told));
	memset(r->number_of, 0, sizeof(r->number_of));
	r->class_count = 0;
	r->seen_packets = 0;
	r->wrong = NULL;
	r->fw = fw;
	r->deaf_every = deaf_every;
	fw->cfg.flow = hear;
	fw->cfg.flow_arg = r;
	fw->flow_mask = WIRE_FLOW_MASK_ALL;
}

static void
stateful(struct ref_flows *r, const struct ref_hop *want, const struct fw_hop *got,
    uint32_t bytes, uint64_t now_ns)
{
	const struct fw_tally *g = &r->fw->cfg.tallies[got->flow - 1];
	struct tally *t = &r->flows[want->flow];

	CHECK(want->flow < REF_FLOW_IDS_MAX && g->id < REF_FLOW_IDS_MAX);
	if (t->id == 0) {
		t->id = g->id;
		t->first_ns = now_ns;
		wrong(r, r->number_of[g->id] != 0, "two flows have one id");
		r->number_of[g->id] = (uint32_t)want->flow;
	}
	t->packets[want->dir]++;
	t->bytes[want->dir] += bytes;
	t->last_ns = now_ns;
	wrong(r, t->id != g->id, "the frame is counted for another flow");
}

static void
stateless(struct ref_flows *r, uint8_t verdict, uint8_t reason, uint32_t generation,
    uint32_t rule_id, uint32_t bytes)
{
	struct class *c = class_of(r, verdict, reason, rule_id, generation);

	c->packets++;
	c->bytes += bytes;
	r->seen_packets++;
}

static void
totals(struct ref_flows *r)
{
	const struct fw_stats *s = &r->fw->stats;
	uint32_t live = 0;

	for (uint32_t i = 0; i < r->fw->cfg.seen_count; i++)
		live += r->fw->cfg.seen_sets[i / FW_SEEN_WAYS].tags[i % FW_SEEN_WAYS] != 0;
	wrong(r, s->flows_opened != s->flows_ended + r->fw->flow_live,
	    "opened is not ended and live");
	wrong(r, s->seen_opened != s->seen_ended + live, "seen opened is not ended and live");
	wrong(r, s->flows_opened + s->flows_ended + s->seen_opened + s->seen_ended !=
	    s->flow_told - s->flow_updates + s->flow_lost + s->flow_untold,
	    "opened and ended are not told and lost");
}

const char *
ref_flows_frame(struct ref_flows *r, const struct ref_verdict *want,
    const struct fw_verdict *got, uint32_t bytes, uint64_t now_ns)
{
	for (uint32_t i = 0; i < want->hop_count; i++) {
		const struct ref_hop *w = &want->hops[i];

		if ((w->flow != 0) != (got->hops[i].flow != 0))
			return w->flow != 0 ? "the frame has a flow" : "the frame has no flow";
		if (w->flow != 0)
			stateful(r, w, &got->hops[i], bytes, now_ns);
		else
			stateless(r, w->verdict, w->reason, w->generation, got->hops[i].rule_id,
			    bytes);
	}
	for (uint32_t i = 0; i < want->hop_count; i++)
		wrong(r, want->hops[i].flow != 0 && !tally_is(&r->flows[want->hops[i].flow],
		    &r->fw->cfg.tallies[got->hops[i].flow - 1]),
		    "a live flow's tally is not the reference's");
	if (want->hop_count == 0)
		stateless(r, want->verdict, want->reason, got->generation, got->rule_id, bytes);
	return r->wrong;
}

const char *
ref_flows_end(struct ref_flows *r, uint64_t now_ns)
{
	struct fw *fw = r->fw;
	uint64_t told = 0;

	totals(r);
	now_ns += 2 * 3600 * FW_NS_PER_S;
	for (uint32_t n = 0; n < fw->cfg.flow_count || n < fw->cfg.seen_count; n += FW_FLOW_SWEEP)
		fw_sweep(fw, now_ns);
	totals(r);
	wrong(r, fw->flow_live != 0, "a flow lives on");
	for (uint32_t i = 0; i < r->class_count; i++) {
		const struct class *c = &r->classes[i];

		told += c->told_packets;
		wrong(r, c->told_packets > c->packets || c->told_bytes > c->bytes,
		    "more was told of a rule than was seen");
		wrong(r, fw->stats.seen_full == 0 && (c->told_packets != c->packets ||
		    c->told_bytes != c->bytes), "less was told of a rule than was seen");
	}
	wrong(r, told + fw->stats.seen_full != r->seen_packets, "seen packets are told and full");
	return r->wrong;
}

const uint64_t *
ref_flows_heard(const struct ref_flows *r)
{
	return r->kinds;
}
