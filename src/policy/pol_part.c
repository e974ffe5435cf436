/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_part - rules into parts, parts into the image's rules.
 * Does:    the order of one list, in one number: stage, then denies before allows, then the
 *          strictest mode or the strongest state, then the place in the source (the rule's
 *          index). So the first match is the verdict of ringfence-policy(5), and its citation.
 *          An item holds only peers and services of its table's family; without any it is none.
 */
#include "pol_job.h"

#include <string.h>

#include "bytes.h"

enum { SERVICE_BYTES = 11 };

static uint8_t
rank_of(unsigned stage, bool deny, uint8_t strength)
{
	CHECK(stage < POL_STAGE__COUNT);
	CHECK(strength < 3);
	return (uint8_t)(stage * 6 + (deny ? 0u : 3u) + (2u - strength));
}

static bool
rule_has_state(const struct pol_rule *r, uint8_t state)
{
	for (uint32_t i = 0; i < r->service_count; i++)
		if (r->services[i].state == state)
			return true;
	return false;
}

static void
parts_of(struct pol_job *j, uint32_t src)
{
	const struct pol_rule *r = &j->r->rules[src];
	unsigned stage = j->r->segments[r->segment].stage;

	if (r->deny) {
		j->parts[j->part_count++] = (struct pol_part){ .src = src,
			.rank = rank_of(stage, true, r->mode) };
		return;
	}
	for (uint8_t state = 0; state < WIRE_STATE__COUNT; state++)
		if (rule_has_state(r, state))
			j->parts[j->part_count++] = (struct pol_part){ .src = src, .state = state,
				.rank = rank_of(stage, false, state) };
}

/* segment_first and segment_parts: counting sort, parts stay in order. */
static void
parts_by_segment(struct pol_job *j)
{
	uint32_t n = j->r->segment_count;

	for (uint32_t i = 0; i < j->part_count; i++)
		j->segment_first[j->r->rules[j->parts[i].src].segment + 1]++;
	for (uint32_t s = 0; s < n; s++)
		j->segment_first[s + 1] += j->segment_first[s];
	for (uint32_t i = 0; i < j->part_count; i++)
		j->segment_parts[j->segment_first[j->r->rules[j->parts[i].src].segment]++] = i;
	for (uint32_t s = n; s > 0; s--)
		j->segment_first[s] = j->segment_first[s - 1];
	j->segment_first[0] = 0;
	CHECK(j->segment_first[n] == j->part_count);
}

enum rc
pol_parts_make(struct pol_job *j)
{
	uint32_t n = j->r->rule_count, parts_max = n * WIRE_STATE__COUNT;
	enum rc rc;

	j->parts = arena_array(&j->scratch, parts_max, sizeof(*j->parts));
	j->segment_first = arena_array(&j->scratch, (size_t)j->r->segment_count + 1,
	    sizeof(*j->segment_first));
	j->segment_parts = arena_array(&j->scratch, parts_max, sizeof(*j->segment_parts));
	j->service_arrays = arena_array(&j->scratch, (size_t)parts_max * POL_FAMILIES,
	    sizeof(*j->service_arrays));
	if (j->parts == NULL || j->segment_first == NULL || j->segment_parts == NULL ||
	    j->service_arrays == NULL)
		return RC_NOMEM;
	rc = pol_sets_init(&j->peers, &j->scratch, n * POL_FAMILIES);
	if (rc == RC_OK)
		rc = pol_intern_init(&j->services, &j->scratch, parts_max * POL_FAMILIES);
	if (rc == RC_OK)
		rc = pol_intern_init(&j->vlans, &j->scratch, n);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		parts_of(j, i);
	CHECK(j->part_count <= parts_max);
	if (rc == RC_OK)
		parts_by_segment(j);
	return rc;
}

/* Canonical bytes of the part's services in a family, and the services themselves. */
static enum rc
services_get(struct pol_job *j, const struct pol_part *p, uint8_t family, struct pol_item *it)
{
	const struct pol_rule *r = &j->r->rules[p->src];
	struct service *s = arena_array(&j->scratch, r->service_count, sizeof(*s));
	uint8_t *bytes = arena_array(&j->scratch, r->service_count, SERVICE_BYTES);
	uint32_t n = 0;
	struct wr w;
	enum rc rc;

	if (s == NULL || bytes == NULL)
		return RC_NOMEM;
	wr_init(&w, bytes, (size_t)r->service_count * SERVICE_BYTES);
	for (uint32_t i = 0; i < r->service_count; i++) {
		const struct service *a = &r->services[i].atom;

		if ((!r->deny && r->services[i].state != p->state) ||
		    (family != 0 && a->family != 0 && a->family != family) ||
		    (n > 0 && service_cmp(&s[n - 1], a) == 0))
			continue;
		s[n++] = *a;
		wr_u8(&w, a->proto_any);
		wr_u8(&w, a->proto);
		wr_u8(&w, a->family);
		wr_le16(&w, a->sport_lo);
		wr_le16(&w, a->sport_hi);
		wr_le16(&w, a->dport_lo);
		wr_le16(&w, a->dport_hi);
	}
	CHECK(!w.failed);
	it->rule.service_count = n;
	rc = pol_intern_add(&j->services, bytes, w.pos, &it->service_id);
	if (rc != RC_OK)
		return rc;
	if (j->service_arrays[it->service_id] == NULL)
		j->service_arrays[it->service_id] = arena_memdup(j->arena, s, n * sizeof(*s));
	it->rule.services = j->service_arrays[it->service_id];
	return it->rule.services == NULL ? RC_NOMEM : RC_OK;
}

static struct image_action
action_of(const struct pol_job *j, const struct pol_part *p)
{
	const struct pol_rule *r = &j->r->rules[p->src];

	return (struct image_action){
		.verdict = r->deny ? WIRE_DROP : WIRE_PASS,
		.mode = r->deny ? r->mode : WIRE_LEARN,
		.state = r->deny ? WIRE_STATE_NONE : p->state,
		.log = r->log,
		.counter = j->counters[p->src],
		.rule_id = j->rule_ids[p->src],
	};
}

static enum rc
item_make(struct pol_job *j, const struct pol_part *p, uint8_t family, struct pol_item **out)
{
	const struct pol_rule *r = &j->r->rules[p->src];
	struct pol_item it = { .src = p->src, .rule = { .dir = r->dir, .peer = r->peer,
		.vlans = r->vlans, .vlan_count = r->vlan_count, .action = action_of(j, p) } };
	uint32_t first;
	enum rc rc;

	*out = NULL;
	if (r->peer.count == 0)
		return RC_OK;
	if (family != 0) {
		addr_set_family(&r->peer, family, &first, &it.rule.peer.count);
		it.rule.peer.ranges += first;
	}
	if (it.rule.peer.count == 0)
		return RC_OK;
	rc = services_get(j, p, family, &it);
	if (rc == RC_OK && it.rule.service_count == 0)
		return RC_OK;
	it.peer_id = pol_sets_add(&j->peers, &it.rule.peer);
	if (rc == RC_OK)
		rc = pol_intern_add(&j->vlans, r->vlan_count == 0 ? (const void *)"" : r->vlans,
		    r->vlan_count * sizeof(*r->vlans), &it.vlan_id);
	if (rc != RC_OK)
		return rc;
	it.serial = j->item_count++;
	*out = arena_memdup(j->arena, &it, sizeof(it));
	return *out == NULL ? RC_NOMEM : RC_OK;
}

enum rc
pol_item_get(struct pol_job *j, struct pol_part *p, uint8_t family, struct pol_item **out)
{
	enum rc rc = RC_OK;

	CHECK(family < POL_FAMILIES);
	if (!p->made[family]) {
		rc = item_make(j, p, pol_family(family), &p->items[family]);
		p->made[family] = rc == RC_OK;
	}
	*out = p->items[family];
	return rc;
}
