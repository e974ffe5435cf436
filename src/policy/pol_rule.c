/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_rule - the invariants of struct pol_rules, each with its name.
 * Does:    one walk over everything; O(size), names by sorting. Runs on what came over the pipe
 *          and between passes, so it must not trust a single field.
 * Limits:  the POL_*_MAX of pol.h.
 */
#include "pol.h"

#include <stdlib.h>
#include <string.h>

#include "str.h"

#define REQUIRE(cond, what) \
	do { \
		if (!(cond)) { \
			*broken = (what); \
			return false; \
		} \
	} while (0)

static bool
name_ok(const char *name, size_t max_bytes)
{
	size_t len;

	if (name == NULL)
		return false;
	len = strnlen(name, max_bytes + 1);
	if (len == 0 || len > max_bytes || utf8_check(name, len) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return true;
}

static bool
addr_ok(const struct addr *a)
{
	return a->family == 6 || (a->family == 4 && a->hi == 0 && a->lo <= UINT32_MAX);
}

/* Long sets found right, by where they lie: thousands of rules may have one. */
enum { KNOWN_SLOTS = 1024, KNOWN_RANGES_MIN = 16 };

struct known {
	struct addr_set sets[KNOWN_SLOTS];
};

static bool
set_ok(const struct addr_set *s)
{
	if (s->count > ADDR_SET_RANGES_MAX || (s->count > 0 && s->ranges == NULL))
		return false;
	for (uint32_t i = 0; i < s->count; i++) {
		const struct addr_range *r = &s->ranges[i];
		struct addr next;

		if (!addr_ok(&r->lo) || !addr_ok(&r->hi) || r->lo.family != r->hi.family ||
		    addr_cmp(&r->lo, &r->hi) > 0)
			return false;
		if (i == 0)
			continue;
		next = r[-1].hi;
		if (next.family > r->lo.family)
			return false;
		if (next.family == r->lo.family &&
		    (!addr_next(&next) || addr_cmp(&next, &r->lo) >= 0))
			return false;
	}
	return true;
}

static bool
peer_ok(struct known *k, const struct addr_set *s)
{
	uint64_t h = (uint64_t)(uintptr_t)s->ranges * UINT64_C(0x9e3779b97f4a7c15);
	struct addr_set *slot = &k->sets[(h >> 40) % KNOWN_SLOTS];

	if (s->count >= KNOWN_RANGES_MIN && slot->ranges == s->ranges && slot->count == s->count)
		return true;
	if (!set_ok(s))
		return false;
	if (s->count >= KNOWN_RANGES_MIN)
		*slot = *s;
	return true;
}

static bool
has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

/*
 * One form for one meaning: ICMP names its family and no source port, and without a family it is
 * the protocol's number, in either; ports only where they are.
 */
static bool
service_ok(const struct service *s)
{
	bool sport_whole = s->sport_lo == 0 && s->sport_hi == UINT16_MAX;

	if (s->family != 0 && s->family != 4 && s->family != 6)
		return false;
	if (s->sport_lo > s->sport_hi || s->dport_lo > s->dport_hi)
		return false;
	if (s->proto_any)
		return s->proto == 0 && !service_names_ports(s);
	if (s->proto == PROTO_ICMP && s->family == 4)
		return sport_whole;
	if (s->proto == PROTO_ICMP6 && s->family == 6)
		return sport_whole;
	return has_ports(s->proto) || !service_names_ports(s);
}

static bool
services_ok(const struct pol_rule *r, const char **broken)
{
	REQUIRE(r->service_count == 0 || r->services != NULL, "a rule's services are missing");
	for (uint32_t i = 0; i < r->service_count; i++) {
		const struct pol_service *s = &r->services[i];
		int c;

		REQUIRE(service_ok(&s->atom), "a service is not in its normal form");
		REQUIRE(s->state < WIRE_STATE__COUNT, "a service's state is unknown");
		REQUIRE(s->state != WIRE_STATE_FLAGS || (!s->atom.proto_any &&
		    s->atom.proto == PROTO_TCP), "state flags on what is not TCP");
		if (i == 0)
			continue;
		c = service_cmp(&s[-1].atom, &s->atom);
		REQUIRE(c < 0 || (c == 0 && s[-1].state < s->state),
		    "a rule's services are not sorted, or one is there twice");
	}
	return true;
}

static bool
vlans_ok(const struct pol_rule *r, const char **broken)
{
	REQUIRE(r->vlan_count == 0 || r->vlans != NULL, "a rule's VLANs are missing");
	for (uint32_t i = 0; i < r->vlan_count; i++) {
		const struct vlan_range *v = &r->vlans[i];

		REQUIRE(v->lo <= v->hi && v->hi < WIRE_VLAN_NONE, "a VLAN range is not one");
		REQUIRE(i == 0 || v[-1].hi < v->lo, "a rule's VLANs are not sorted and disjoint");
	}
	return true;
}

static int
pos_cmp(const struct pol_pos *a, const struct pol_pos *b)
{
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static bool
rules_ok(const struct pol_rules *r, const char **broken)
{
	struct known known = { .sets = { { .count = 0 } } };

	for (uint32_t i = 0; i < r->rule_count; i++) {
		const struct pol_rule *rule = &r->rules[i];

		REQUIRE(rule->pos.file < r->file_count, "a rule's file does not exist");
		REQUIRE(i == 0 || pos_cmp(&rule[-1].pos, &rule->pos) <= 0,
		    "rules are not in the order of citation");
		REQUIRE(rule->segment < r->segment_count, "a rule's segment does not exist");
		REQUIRE(rule->dir == WIRE_OUT || rule->dir == WIRE_IN,
		    "a rule's direction is unknown");
		REQUIRE(rule->mode < WIRE_MODE__COUNT, "a rule's mode is unknown");
		REQUIRE(peer_ok(&known, &rule->peer),
		    "a rule's peers are not a set in normal form");
		if (!services_ok(rule, broken) || !vlans_ok(rule, broken))
			return false;
	}
	return true;
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* True where no two of n names are equal. */
static bool
names_differ(const struct pol_segment *s, uint32_t n)
{
	const char **names = malloc((n + 1) * sizeof(*names));
	bool differ = names != NULL;

	if (names == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++)
		names[i] = s[i].name;
	qsort(names, n, sizeof(*names), name_cmp);
	for (uint32_t i = 1; i < n && differ; i++)
		differ = strcmp(names[i - 1], names[i]) != 0;
	free(names);
	return differ;
}

static bool
segments_ok(const struct pol_rules *r, const char **broken)
{
	for (uint32_t i = 0; i < r->segment_count; i++) {
		const struct pol_segment *s = &r->segments[i];

		REQUIRE(name_ok(s->name, POL_NAME_BYTES_MAX), "a segment's name is not one");
		REQUIRE(s->pos.file < r->file_count, "a segment's file does not exist");
		REQUIRE(s->stage < POL_STAGE__COUNT, "a segment's stage is unknown");
		REQUIRE(s->mode < WIRE_MODE__COUNT, "a segment's mode is unknown");
		REQUIRE(set_ok(&s->members), "a segment's members are not a set in normal form");
		REQUIRE(!s->members_all || (s->stage == POL_GUARD && s->members.count == 0),
		    "members are all, but not in stage guard or not alone");
	}
	REQUIRE(names_differ(r->segments, r->segment_count), "two segments have one name");
	return true;
}

static bool
workloads_ok(const struct pol_rules *r, const char **broken)
{
	for (uint32_t i = 0; i < r->workload_count; i++) {
		const struct pol_workload *w = &r->workloads[i];

		REQUIRE(name_ok(w->name, POL_NAME_BYTES_MAX), "a workload's name is not one");
		REQUIRE(w->pos.file < r->file_count, "a workload's file does not exist");
		REQUIRE(set_ok(&w->ips), "a workload's addresses are not a set in normal form");
	}
	return true;
}

bool
pol_rules_check(const struct pol_rules *r, const char **broken)
{
	const struct pol_defaults *d = &r->defaults;

	CHECK(broken != NULL);
	*broken = NULL;
	REQUIRE(r->file_count <= POL_FILES_MAX + 1, "more files than there may be");
	REQUIRE(r->file_count == 0 || r->files != NULL, "files are missing");
	REQUIRE(r->segment_count <= POL_SEGMENTS_MAX + POL_BUILTIN_MAX,
	    "more segments than there may be");
	REQUIRE(r->segment_count == 0 || r->segments != NULL, "segments are missing");
	REQUIRE(r->rule_count <= POL_RULES_MAX + POL_BUILTIN_MAX, "more rules than there may be");
	REQUIRE(r->rule_count == 0 || r->rules != NULL, "rules are missing");
	REQUIRE(r->workload_count == 0 || r->workloads != NULL, "workloads are missing");
	for (uint32_t i = 0; i < r->file_count; i++) {
		REQUIRE(name_ok(r->files[i], POL_PATH_BYTES_MAX), "a file's name is not one");
		REQUIRE(i == 0 || strcmp(r->files[i - 1], r->files[i]) < 0,
		    "files are not in byte order, or one is there twice");
	}
	REQUIRE(d->unsegmented == WIRE_PASS || d->unsegmented == WIRE_DROP,
	    "the default for unsegmented packets is neither pass nor drop");
	REQUIRE(d->non_ip == WIRE_PASS || d->non_ip == WIRE_DROP,
	    "the default for other frames is neither pass nor drop");
	return segments_ok(r, broken) && rules_ok(r, broken) && workloads_ok(r, broken);
}
