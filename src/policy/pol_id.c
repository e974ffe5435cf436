/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_id - rule ids: the first 4 bytes, little-endian, of the SHA-256 of a rule's meaning.
 * Shape:   "rule 1", segment, stage, direction, verdict, mode of a deny, log, count, digest of the
 *          peers, services with the states of an allow, VLANs. Not the place, not why, not the
 *          local IP: so an id outlives edits elsewhere. A default: "default 1", segment, mode.
 *          Rules that are merged have one meaning and one id.
 * Limits:  never 0; a value that is taken moves to the next free one, in the order of the digests
 *          and then of the source, so that equal rules differ. Counters are numbered by id.
 */
#include "pol_job.h"
#include "pol_pass.h"
#include "pol_prove.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "hash.h"

struct id_want {
	uint32_t want, tie, owner;	/* owner: rule, then segment, then the guard's default */
};

static void
hash_u32(struct sha256_ctx *c, uint32_t v)
{
	uint8_t b[4];

	put_le32(b, v);
	sha256_update(c, b, sizeof(b));
}

static void
hash_text(struct sha256_ctx *c, const char *s)
{
	sha256_update(c, s, strlen(s) + 1);
}

static struct id_want
want_end(struct sha256_ctx *c, uint32_t owner)
{
	uint8_t digest[SHA256_BYTES];

	sha256_final(c, digest);
	return (struct id_want){ get_le32(digest), get_le32(digest + 4), owner };
}

static struct id_want
rule_want(const struct pol_job *j, uint32_t i, const uint8_t peer[SHA256_BYTES])
{
	const struct pol_rule *r = &j->r->rules[i];
	const struct pol_segment *s = &j->r->segments[r->segment];
	struct sha256_ctx c;

	sha256_init(&c);
	hash_text(&c, "rule 1");
	hash_text(&c, s->name);
	hash_u32(&c, s->stage);
	hash_u32(&c, r->dir);
	hash_u32(&c, r->deny);
	hash_u32(&c, r->deny ? r->mode : 0);
	hash_u32(&c, r->log);
	hash_u32(&c, r->count);
	sha256_update(&c, peer, SHA256_BYTES);
	for (uint32_t k = 0; k < r->service_count; k++) {
		const struct service *a = &r->services[k].atom;

		if (r->deny && k > 0 && service_cmp(&r->services[k - 1].atom, a) == 0)
			continue;
		hash_u32(&c, a->proto_any);
		hash_u32(&c, a->proto | (uint32_t)a->family << 8);
		hash_u32(&c, a->sport_lo | (uint32_t)a->sport_hi << 16);
		hash_u32(&c, a->dport_lo | (uint32_t)a->dport_hi << 16);
		hash_u32(&c, r->deny ? 0 : r->services[k].state);
	}
	hash_text(&c, "vlan");
	for (uint32_t k = 0; k < r->vlan_count; k++)
		hash_u32(&c, r->vlans[k].lo | (uint32_t)r->vlans[k].hi << 16);
	return want_end(&c, i);
}

static struct id_want
default_want(const struct pol_segment *s, uint32_t owner)
{
	struct sha256_ctx c;

	sha256_init(&c);
	hash_text(&c, "default 1");
	hash_text(&c, s == NULL ? "" : s->name);
	hash_u32(&c, s == NULL ? 0 : s->mode);
	return want_end(&c, owner);
}

static int
want_cmp(const void *a, const void *b)
{
	const struct id_want *x = a, *y = b;

	if (x->want != y->want)
		return x->want < y->want ? -1 : 1;
	if (x->tie != y->tie)
		return x->tie < y->tie ? -1 : 1;
	return x->owner < y->owner ? -1 : x->owner > y->owner;
}

/* Turns wants, sorted, into values: each the next free one at or above; past the end from 1. */
static void
wants_settle(struct id_want *w, uint32_t n)
{
	uint64_t next = 1;
	uint32_t fit = 0, at = 0;

	for (; fit < n && MAX(next, w[fit].want) <= UINT32_MAX; fit++) {
		w[fit].want = (uint32_t)MAX(next, w[fit].want);
		next = (uint64_t)w[fit].want + 1;
	}
	next = 1;
	for (uint32_t i = fit; i < n; i++) {
		while (at < fit && w[at].want == next) {
			at++;
			next++;
		}
		w[i].want = (uint32_t)next++;
	}
}

static enum rc
counters_give(struct pol_job *j, const struct id_want *w, uint32_t n)
{
	uint32_t *weights = arena_array(&j->scratch, j->r->rule_count, sizeof(*weights));
	uint32_t total = 0;
	char lines[POL_LINES_TEXT_BYTES];
	struct diag d;

	if (weights == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t rule = w[i].owner;

		if (rule >= j->r->rule_count || !j->r->rules[rule].count)
			continue;
		weights[rule] = 1;
		if (total < WIRE_COUNTERS_MAX)
			j->counters[rule] = (uint16_t)total;
		total++;
	}
	j->counter_count = MIN(total, WIRE_COUNTERS_MAX);
	if (total <= WIRE_COUNTERS_MAX)
		return RC_OK;
	pol_lines_heaviest(j, weights, lines);
	diag_set(&d, "too-many-counters", "%u rules ask for a counter; the NIC has %d", total,
	    WIRE_COUNTERS_MAX);
	diag_hint(&d, "most are asked for at %s", lines);
	pol_say(j, &d, DIAG_ERROR, NULL);
	return RC_LIMIT;
}

/* Of the family, then both ends as 16 bytes each, of every range. */
static void
set_digest(const struct addr_set *s, uint8_t out[SHA256_BYTES])
{
	uint8_t bytes[33 * 64];
	struct sha256_ctx c;
	struct wr w;

	sha256_init(&c);
	wr_init(&w, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < s->count; i++) {
		const struct addr_range *r = &s->ranges[i];

		wr_u8(&w, r->lo.family);
		wr_le64(&w, r->lo.hi);
		wr_le64(&w, r->lo.lo);
		wr_le64(&w, r->hi.hi);
		wr_le64(&w, r->hi.lo);
		if (w.pos < sizeof(bytes) && i + 1 < s->count)
			continue;
		sha256_update(&c, bytes, w.pos);
		wr_init(&w, bytes, sizeof(bytes));
	}
	sha256_final(&c, out);
}

/* The digest of a set is taken once for all rules that have it. */
static enum rc
rule_wants(struct pol_job *j, struct id_want *w)
{
	uint32_t n = j->r->rule_count;
	uint8_t (*digests)[SHA256_BYTES] = arena_array(&j->scratch, n, sizeof(*digests));
	bool *known = arena_array(&j->scratch, n, sizeof(*known));
	struct pol_sets sets;
	enum rc rc;

	if (digests == NULL || known == NULL)
		return RC_NOMEM;
	rc = pol_sets_init(&sets, &j->scratch, n);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
		uint32_t id = pol_sets_add(&sets, &j->r->rules[i].peer);

		CHECK(id < n);
		if (!known[id])
			set_digest(&sets.items[id], digests[id]);
		known[id] = true;
		w[i] = rule_want(j, i, digests[id]);
	}
	return rc;
}

enum rc
pol_ids_give(struct pol_job *j)
{
	uint32_t rules = j->r->rule_count, segments = j->r->segment_count;
	uint32_t n = rules + segments + 1;
	struct id_want *w = arena_array(&j->scratch, n, sizeof(*w));
	enum rc rc;

	j->rule_ids = arena_array(j->arena, rules, sizeof(*j->rule_ids));
	j->default_ids = arena_array(j->arena, segments, sizeof(*j->default_ids));
	j->counters = arena_array(j->arena, rules, sizeof(*j->counters));
	if (w == NULL || j->rule_ids == NULL || j->default_ids == NULL || j->counters == NULL)
		return RC_NOMEM;
	rc = rule_wants(j, w);
	if (rc != RC_OK)
		return rc;
	for (uint32_t i = 0; i < segments; i++)
		w[rules + i] = default_want(&j->r->segments[i], rules + i);
	w[n - 1] = default_want(NULL, n - 1);
	qsort(w, n, sizeof(*w), want_cmp);
	wants_settle(w, n);
	for (uint32_t i = 0; i < rules; i++)
		j->counters[i] = WIRE_COUNTER_NONE;
	for (uint32_t i = 0; i < n; i++) {
		CHECK(w[i].want != 0);
		if (w[i].owner < rules)
			j->rule_ids[w[i].owner] = w[i].want;
		else if (w[i].owner < n - 1)
			j->default_ids[w[i].owner - rules] = w[i].want;
		else
			j->guard_default_id = w[i].want;
	}
	return counters_give(j, w, n);
}

enum rc
pol_names_get(const struct pol_rules *r, unsigned passes, struct arena *a, struct pol_names *out)
{
	uint32_t *ids = arena_array(a, r->rule_count, sizeof(*ids));
	uint16_t *counters = arena_array(a, r->rule_count, sizeof(*counters));
	struct pol_job j = { .arena = a, .passes = passes };
	struct pol_merged merged;
	struct diags diags;
	enum rc rc;

	memset(out, 0, sizeof(*out));
	if (ids == NULL || counters == NULL || !diags_init(&diags))
		return RC_NOMEM;
	j.diags = &diags;
	arena_init(&j.scratch, a->cap_bytes);
	rc = pol_pass_merge(r, (passes & POL_PASS_MERGE) != 0, &j.scratch, &merged);
	j.r = &merged.rules;
	if (rc == RC_OK)
		rc = pol_ids_give(&j);
	for (uint32_t i = 0; rc == RC_OK && i < r->rule_count; i++) {
		ids[i] = j.rule_ids[merged.into[i]];
		counters[i] = j.counters[merged.into[i]];
	}
	if (rc == RC_OK)
		*out = (struct pol_names){ .rule_ids = ids, .rule_counters = counters,
			.default_ids = j.default_ids };
	arena_fini(&j.scratch);
	diags_fini(&diags);
	return rc;
}
