/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_warn - warnings about rules that stand: they change neither exit code nor output.
 * Does:    never-matches, shadowed, two-segments, mode-clash, multicast-member, unsegmented,
 *          repeated-address here; one-sided in pol_warn_side.c. In the order of the source within
 *          each kind. Nothing is said of the built-in guard.
 * Limits:  each kind is near linear in what it looks at; the list of messages holds DIAGS_MAX and
 *          counts the rest.
 */
#include "pol_job.h"

#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_NAMED = 4 };

static bool
built_in(const struct pol_job *j, const struct pol_pos *p)
{
	return j->r->files[p->file][0] == '<';
}

static bool
segment_is_in_class(const struct pol_job *j, uint32_t s)
{
	for (uint32_t i = 0; i < j->class_count; i++)
		if (pol_class_has(&j->classes[i], s))
			return true;
	return false;
}

/* Why no table has a rule; empty where the reason is not simple. */
static const char *
never_why(const struct pol_job *j, const struct pol_rule *r)
{
	const struct pol_segment *s = &j->r->segments[r->segment];
	uint32_t first, v4, v6;
	bool service4 = false, service6 = false;

	if (r->service_count == 0)
		return "it names no service";
	if (r->peer.count == 0)
		return "its set of peers is empty";
	if (!s->members_all && !segment_is_in_class(j, r->segment))
		return "its segment has no member";
	for (uint32_t i = 0; i < r->service_count; i++) {
		service4 |= r->services[i].atom.family != 6;
		service6 |= r->services[i].atom.family != 4;
	}
	addr_set_family(&r->peer, 4, &first, &v4);
	addr_set_family(&r->peer, 6, &first, &v6);
	if (!service4 && v6 == 0)
		return "its services are IPv6 only and its peers IPv4 only";
	if (!service6 && v4 == 0)
		return "its services are IPv4 only and its peers IPv6 only";
	if (v6 == 0 || !service6)
		return "it is for IPv4 only and its segment has no IPv4 member";
	return "it is for IPv6 only and its segment has no IPv6 member";
}

static void
warn_rules(struct pol_job *j)
{
	struct diag d;

	for (uint32_t i = 0; i < j->r->rule_count; i++) {
		const struct pol_rule *r = &j->r->rules[i];
		const struct pol_fate *f = &j->fates[i];

		if (built_in(j, &r->pos))
			continue;
		if (f->listed == 0) {
			diag_set(&d, "never-matches", "no packet can match this rule: %s",
			    never_why(j, r));
			pol_say(j, &d, DIAG_WARNING, &r->pos);
		} else if (f->covered == f->listed) {
			const struct pol_pos *by = &j->r->rules[f->by].pos;

			diag_set(&d, "shadowed", "this rule never decides: others take all of its "
			    "packets first, among them %s:%u", j->r->files[by->file], by->line);
			pol_say(j, &d, DIAG_WARNING, &r->pos);
		}
	}
}

/* "a" (enforce), "b" (comply) and 2 more; *clash where their modes differ. */
static void
class_segments(const struct pol_job *j, const struct pol_class *c, char *out, size_t cap,
    uint32_t *count, bool *clash, uint32_t *last)
{
	uint8_t mode = j->r->segments[c->strictest].mode;
	static const char *const modes[] = { "learn", "comply", "enforce" };
	size_t at = 0;

	*count = 0;
	*clash = false;
	for (uint32_t i = 0; i < j->r->segment_count; i++) {
		const struct pol_segment *s = &j->r->segments[i];

		if (!pol_class_has(c, i))
			continue;
		*clash |= s->mode != mode;
		if (*count == 0 || pol_pos_before(&j->r->segments[*last].pos, &s->pos))
			*last = i;
		if ((*count)++ < SEGMENTS_NAMED && at < cap)
			at += (size_t)snprintf(out + at, cap - at, "%s\"%s\" (%s)",
			    *count > 1 ? ", " : "", s->name, modes[s->mode]);
	}
	if (*count > SEGMENTS_NAMED && at < cap)
		snprintf(out + at, cap - at, " and %u more", *count - SEGMENTS_NAMED);
}

static void
warn_classes(struct pol_job *j)
{
	for (uint32_t i = 0; i < j->class_count; i++) {
		const struct pol_class *c = &j->classes[i];
		char names[400], local[ADDR_TEXT_BYTES], more[32] = "";
		uint32_t n, last = 0;
		struct diag d;
		bool clash;

		class_segments(j, c, names, sizeof(names), &n, &clash, &last);
		if (n < 2)
			continue;
		addr_print(&j->locals[c->first_local], local);
		if (c->local_count[POL_ANY_FAMILY] > 1)
			snprintf(more, sizeof(more), " (and %u more)",
			    c->local_count[POL_ANY_FAMILY] - 1);
		diag_set(&d, clash ? "mode-clash" : "two-segments", "%s%s is in %u segments: %s",
		    local, more, n, names);
		if (clash)
			diag_hint(&d, "its default deny takes the mode of \"%s\", the strictest",
			    j->r->segments[c->strictest].name);
		pol_say(j, &d, DIAG_WARNING, &j->r->segments[last].pos);
	}
}

static void
warn_multicast(struct pol_job *j)
{
	const struct addr m4 = { 0, UINT64_C(0xe0000000), 4 }, b4 = { 0, UINT32_MAX, 4 };
	const struct addr m6 = { UINT64_C(0xff) << 56, 0, 6 };
	const struct addr_range cut[] = { addr_prefix(&m4, 4), addr_prefix(&b4, 32),
		addr_prefix(&m6, 8) };

	for (uint32_t i = 0; i < j->r->segment_count; i++) {
		const struct pol_segment *s = &j->r->segments[i];
		bool found = false;

		for (uint32_t k = 0; k < s->members.count && !found; k++) {
			const struct addr_range *m = &s->members.ranges[k];
			char text[ADDR_TEXT_BYTES];
			struct diag d;

			for (size_t n = 0; n < ARRAY_LEN(cut) && !found; n++)
				found = addr_cmp(&m->lo, &cut[n].hi) <= 0 &&
				    addr_cmp(&cut[n].lo, &m->hi) <= 0;
			if (!found)
				continue;
			addr_print(addr_is_multicast(&m->lo) ? &m->lo : &m->hi, text);
			diag_set(&d, "multicast-member", "%s is a multicast or broadcast address: "
			    "nobody's local IP, so it has no table", text);
			pol_say(j, &d, DIAG_WARNING, &s->pos);
		}
	}
}

struct owned {
	struct addr_range range;
	uint32_t workload;
};

static int
owned_cmp(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	int c = addr_cmp(&x->range.lo, &y->range.lo);

	return c != 0 ? c : (x->workload > y->workload) - (x->workload < y->workload);
}

/* One sweep over all ranges in order: each is held against the one that reaches furthest. */
static void
warn_repeated(struct pol_job *j)
{
	struct owned *all;
	size_t n = 0, at = 0, far = 0;

	for (uint32_t i = 0; i < j->r->workload_count; i++)
		n += j->r->workloads[i].ips.count;
	all = arena_array(&j->scratch, n, sizeof(*all));
	if (all == NULL)
		return;
	for (uint32_t i = 0; i < j->r->workload_count; i++)
		for (uint32_t k = 0; k < j->r->workloads[i].ips.count; k++)
			all[at++] = (struct owned){ j->r->workloads[i].ips.ranges[k], i };
	qsort(all, n, sizeof(*all), owned_cmp);
	for (size_t i = 1; i < n; i++) {
		if (addr_cmp(&all[i].range.lo, &all[far].range.hi) <= 0 &&
		    all[i].workload != all[far].workload) {
			const struct pol_workload *x = &j->r->workloads[all[far].workload];
			const struct pol_workload *y = &j->r->workloads[all[i].workload];
			char text[ADDR_TEXT_BYTES];
			struct diag d;

			addr_print(&all[i].range.lo, text);
			diag_set(&d, "repeated-address", "%s is an address of workloads \"%s\" and "
			    "\"%s\"", text, x->name, y->name);
			pol_say(j, &d, DIAG_WARNING,
			    pol_pos_before(&x->pos, &y->pos) ? &y->pos : &x->pos);
		}
		if (addr_cmp(&all[i].range.hi, &all[far].range.hi) > 0)
			far = i;
	}
}

static void
warn_unsegmented(struct pol_job *j)
{
	for (uint32_t i = 0; i < j->r->workload_count; i++) {
		const struct pol_workload *w = &j->r->workloads[i];

		for (uint32_t k = 0; k < w->ips.count; k++) {
			uint32_t l = pol_local_at(j, &w->ips.ranges[k].lo);
			char text[ADDR_TEXT_BYTES];
			struct diag d;

			if (l < j->local_count &&
			    addr_cmp(&j->locals[l], &w->ips.ranges[k].lo) == 0)
				continue;
			addr_print(&w->ips.ranges[k].lo, text);
			diag_set(&d, "unsegmented", "workload \"%s\": %s is in no segment, so it "
			    "has no table", w->name, text);
			pol_say(j, &d, DIAG_WARNING, &w->pos);
			break;
		}
	}
}

void
pol_warnings(struct pol_job *j)
{
	warn_rules(j);
	warn_classes(j);
	warn_multicast(j);
	warn_unsegmented(j);
	warn_repeated(j);
	pol_warn_one_sided(j);
}
