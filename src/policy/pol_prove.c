/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_prove - every table of an image against the rules, box by box.
 * Tables that share a body and have the rules of the same segments are proved once. The number of
 * boxes is the product of the classes of the remote address and those of everything else; of each
 * the rules' answer is the first entry in both bit strings.
 */
#include "pol_prove.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "prove_impl.h"
#include "prove_joint.h"

/* Which segments a local IP is in, as a list in one pool. */
struct member {
	struct addr local;
	uint32_t *segments;
	uint32_t count, cap;
};

/* A body proved for a list of segments. */
struct proved {
	uint32_t body;
	const uint32_t *segments;
	uint32_t count;
};

struct prover {
	const struct pol_rules *rules;
	const struct pol_names *names;
	const uint8_t *image;
	struct arena *a;
	struct pol_proof *out;
	struct prove_index index;
	struct prove_joint joint[2];	/* of v4, v6 */
	struct member *members;		/* by addr_cmp */
	uint32_t member_count;
	uint32_t *guards;		/* segments with members_all */
	uint32_t guard_count;
	struct proved *proved;
	uint32_t proved_count;
	uint64_t steps;			/* of all directions so far */
};

static int
member_cmp(const void *pa, const void *pb)
{
	return addr_cmp(&((const struct member *)pa)->local, &((const struct member *)pb)->local);
}

/* Every address of every segment's members that can be a local IP, once. */
static enum rc
members_gather(struct prover *p)
{
	uint32_t n = 0, cap = WIRE_LOCALS_MAX * 2;
	struct member *m = arena_array(p->a, cap, sizeof(*m));

	if (m == NULL)
		return RC_NOMEM;
	for (uint32_t s = 0; s < p->rules->segment_count; s++) {
		const struct addr_set *set = &p->rules->segments[s].members;

		for (uint32_t i = 0; !p->rules->segments[s].members_all && i < set->count; i++) {
			struct addr at = set->ranges[i].lo;

			do {
				if (n == cap) {
					qsort(m, n, sizeof(*m), member_cmp);
					uint32_t k = 0;
					for (uint32_t j = 0; j < n; j++)
						if (k == 0 || member_cmp(&m[k - 1], &m[j]) != 0)
							m[k++] = m[j];
					n = k;
					if (n > WIRE_LOCALS_MAX)
						return RC_LIMIT;
				}
				if (!addr_is_multicast(&at))
					m[n++].local = at;
			} while (addr_cmp(&at, &set->ranges[i].hi) < 0 && addr_next(&at));
		}
	}
	qsort(m, n, sizeof(*m), member_cmp);
	p->members = m;
	for (uint32_t j = 0; j < n; j++)
		if (p->member_count == 0 ||
		    member_cmp(&m[p->member_count - 1], &m[j]) != 0)
			m[p->member_count++] = m[j];
	return RC_OK;
}

static enum rc
segment_add(struct prover *p, struct member *m, uint32_t segment)
{
	if (m->count > 0 && m->segments[m->count - 1] == segment)
		return RC_OK;
	if (m->count == m->cap) {
		uint32_t cap = m->cap == 0 ? 4 : m->cap * 2;
		uint32_t *more = arena_array(p->a, cap, sizeof(*more));

		if (more == NULL)
			return RC_NOMEM;
		if (m->count > 0)
			memcpy(more, m->segments, m->count * sizeof(*more));
		m->segments = more;
		m->cap = cap;
	}
	m->segments[m->count++] = segment;
	return RC_OK;
}

/* First member at or above an address. */
static uint32_t
member_from(const struct prover *p, const struct addr *at)
{
	uint32_t lo = 0, hi = p->member_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(&p->members[mid].local, at) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static enum rc
segments_list(struct prover *p)
{
	enum rc rc = RC_OK;

	p->guards = arena_array(p->a, p->rules->segment_count + 1, sizeof(*p->guards));
	if (p->guards == NULL)
		return RC_NOMEM;
	for (uint32_t s = 0; s < p->rules->segment_count; s++) {
		const struct pol_segment *g = &p->rules->segments[s];

		if (g->members_all) {
			p->guards[p->guard_count++] = s;
			for (uint32_t i = 0; i < p->member_count && rc == RC_OK; i++)
				rc = segment_add(p, &p->members[i], s);
		}
		for (uint32_t k = 0; !g->members_all && k < g->members.count; k++) {
			const struct addr_range *range = &g->members.ranges[k];

			for (uint32_t i = member_from(p, &range->lo); i < p->member_count &&
			    addr_cmp(&p->members[i].local, &range->hi) <= 0 && rc == RC_OK; i++)
				rc = segment_add(p, &p->members[i], s);
		}
	}
	return rc;
}

/* --- refusal --- */

enum { REFUSE_LINES = 6, REFUSE_EACH = 2 };

static bool
axis_named(const struct pol_rule *rule, uint32_t axis)
{
	bool named = axis == 0 && rule->vlan_count > 0;

	for (uint32_t i = 0; i < rule->service_count && !named; i++) {
		const struct service *v = &rule->services[i].atom;

		named = axis == 1 ? v->sport_lo > 0 || v->sport_hi < UINT16_MAX :
		    axis == 2 && (v->dport_lo > 0 || v->dport_hi < UINT16_MAX);
	}
	return named;
}

/* Of each field that multiplies, the first lines that name it. */
static uint32_t
lines_find(const struct prover *p, const struct prove_side *s,
    const struct pol_pos *lines[REFUSE_LINES])
{
	uint32_t n = 0;

	for (uint32_t axis = 0; axis < REFUSE_LINES / REFUSE_EACH; axis++)
		for (uint32_t i = 0, k = 0; i < s->entry_count && k < REFUSE_EACH; i++) {
			const struct pol_pos *pos = &s->entries[i].rule->pos;
			bool again = p->rules->files[pos->file][0] == '<' ||
			    !axis_named(s->entries[i].rule, axis);

			for (uint32_t j = 0; j < n && !again; j++)
				again = lines[j]->file == pos->file && lines[j]->line == pos->line;
			if (again)
				continue;
			lines[n++] = pos;
			k++;
		}
	return n;
}

static void
multiply_say(const struct prover *p, const struct prove_side *s, const struct prove_work *w,
    uint32_t remotes, struct diag *diag)
{
	const struct pol_pos *lines[REFUSE_LINES];
	uint32_t n = lines_find(p, s, lines);
	char text[ADDR_TEXT_BYTES] = "any address", at[sizeof(diag->hint)] = "";
	const size_t room = sizeof(at) - sizeof("these lines multiply: ");
	size_t len = 0;

	if (p->out->local.family != 0)
		addr_print(&p->out->local, text);
	diag_set(diag, "table-too-big", "%s rules of the table of %s multiply beyond what is "
	    "proved: %u classes of VLANs, %u of source ports, %u of destination ports, %u of "
	    "remote addresses", s->dir == WIRE_IN ? "inbound" : "outbound", text, w->vlans,
	    w->sports, w->dports, remotes);
	for (uint32_t i = 0; i < n; i++) {
		int more = snprintf(at + len, sizeof(at) - len, "%s%s:%u", i > 0 ? ", " : "",
		    p->rules->files[lines[i]->file], lines[i]->line);

		if (more < 0 || (size_t)more >= room - len) {
			at[len] = '\0';
			break;
		}
		len += (size_t)more;
	}
	if (n == 0)
		return;
	diag_place(diag, p->rules->files[lines[0]->file], lines[0]->line, MAX(lines[0]->col, 1u));
	diag_hint(diag, "these lines multiply: %s", at);
}

/* --- one direction of one body --- */

static enum rc
side_prove(struct prover *p, uint32_t body, const uint32_t *segments, uint32_t count,
    uint8_t family, uint8_t dir, struct diag *diag)
{
	struct prove_work work = { .steps = 0 };
	struct prove_classes remotes, services;
	struct arena scratch;
	struct prove_half h;
	struct prove_side s;
	enum rc rc;

	arena_init(&scratch, p->a->cap_bytes);
	prove_classes_init(&remotes, 0);
	prove_classes_init(&services, 0);
	rc = prove_side_make(p->rules, p->names, &p->index, segments, count, family, dir, &scratch,
	    &s);
	if (rc == RC_OK)
		rc = prove_half_decode(p->image, body, dir, &scratch, &h);
	if (rc == RC_OK) {
		prove_classes_init(&remotes, s.set_words);
		prove_classes_init(&services, s.entry_words);
		rc = prove_axis_remote(&h, &s, &p->joint[family == 6], &remotes);
	}
	if (rc == RC_OK)
		rc = prove_axis_services(&h, &s, &work, &services);
	if (rc == RC_OK)
		rc = prove_boxes(&h, &s, &remotes, &services, &work, &scratch, p->out);
	p->steps += work.steps;
	if (rc == RC_OK && p->steps > PROVE_STEPS_ALL_MAX)
		rc = RC_LIMIT;
	if (rc == RC_LIMIT)
		multiply_say(p, &s, &work, remotes.count, diag);
	prove_classes_fini(&remotes);
	prove_classes_fini(&services);
	arena_fini(&scratch);
	return rc;
}

static bool
proved_before(const struct prover *p, uint32_t body, const uint32_t *segments, uint32_t count)
{
	/* neighbours tend to be equal: the newest first, and no more than a few */
	for (uint32_t i = p->proved_count, n = 0; i-- > 0 && n < 4096; n++)
		if (p->proved[i].body == body && p->proved[i].count == count &&
		    memcmp(p->proved[i].segments, segments, count * sizeof(*segments)) == 0)
			return true;
	return false;
}

/* Of a body's line: its place in the directory, whose lines ascend. */
static uint32_t
body_number(const uint8_t *image, uint32_t line)
{
	const struct wire_image_hdr *hdr = (const struct wire_image_hdr *)image;
	const struct wire_body *dir = (const struct wire_body *)(image +
	    (size_t)le32_get(hdr->bodies_at) * WIRE_LINE);
	uint32_t lo = 0, hi = le32_get(hdr->body_count);

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (le32_get(dir[mid].line) < line)
			lo = mid + 1;
		else
			hi = mid;
	}
	CHECK(lo < le32_get(hdr->body_count) && le32_get(dir[lo].line) == line);
	return lo;
}

static enum rc
body_prove(struct prover *p, const struct addr *local, uint8_t family, uint32_t body,
    const uint32_t *segments, uint32_t count, struct diag *diag)
{
	uint64_t since_ns;
	enum rc rc = RC_OK;

	p->out->local = *local;
	if (proved_before(p, body, segments, count))
		return RC_OK;
	since_ns = clock_mono_ns();
	for (uint8_t dir = WIRE_OUT; dir <= WIRE_IN && rc == RC_OK; dir++)
		rc = side_prove(p, body, segments, count, family, dir, diag);
	p->proved[p->proved_count++] = (struct proved){ .body = body, .segments = segments,
		.count = count };
	p->out->bodies += rc == RC_OK;
	p->out->prove_ns[body_number(p->image, body)] += clock_mono_ns() - since_ns;
	return rc;
}

/* --- the whole image --- */

static enum rc
differ(struct diag *diag, const char *what)
{
	diag_set(diag, "proof-failed", "the image differs from the policy: %s", what);
	return RC_CONFLICT;
}

static enum rc
defaults_compare(const struct pol_defaults *d, const struct wire_image_hdr *hdr, struct diag *diag)
{
	uint8_t flags = (uint8_t)((d->fragments_drop ? WIRE_IMAGE_FRAGMENTS_DROP : 0) |
	    (d->midstream_drop ? WIRE_IMAGE_MIDSTREAM_DROP : 0) |
	    (d->live_flows_drain ? WIRE_IMAGE_FLOWS_DRAIN : 0));

	if (hdr->unsegmented != d->unsegmented)
		return differ(diag, "defaults.unsegmented");
	if (hdr->non_ip != d->non_ip)
		return differ(diag, "defaults.non_ip");
	return hdr->flags == flags ? RC_OK : differ(diag, "defaults");
}

/* Every record that a packet can find is a local IP of the policy. */
static enum rc
records_compare(const struct prover *p, struct diag *diag)
{
	const struct wire_image_hdr *hdr = (const struct wire_image_hdr *)p->image;
	const struct wire_table *t = (const struct wire_table *)(p->image +
	    (size_t)le32_get(hdr->tables_at) * WIRE_LINE);

	for (uint32_t i = 0; i < le32_get(hdr->table_count); i++) {
		struct addr local = addr_from_bytes(t[i].family, t[i].local);
		uint32_t at = member_from(p, &local);

		if (prove_body_of(p->image, &local) != 0 && (at == p->member_count ||
		    addr_cmp(&p->members[at].local, &local) != 0))
			return differ(diag, "it has a table for an address of no segment");
	}
	return RC_OK;
}

/* Without any, nothing matches: that is as good as no table. */
static bool
guard_has_rules(const struct prover *p)
{
	for (uint32_t i = 0; i < p->guard_count; i++)
		if (p->index.segment_first[p->guards[i]] !=
		    p->index.segment_first[p->guards[i] + 1])
			return true;
	return false;
}

static enum rc
tables_prove(struct prover *p, struct diag *diag)
{
	const struct wire_image_hdr *hdr = (const struct wire_image_hdr *)p->image;
	const struct addr none = { 0 };
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < p->member_count && rc == RC_OK; i++) {
		struct member *m = &p->members[i];
		uint32_t body = prove_body_of(p->image, &m->local);
		char text[ADDR_TEXT_BYTES];

		addr_print(&m->local, text);
		if (body == 0) {
			diag_set(diag, "proof-failed", "the image has no table for %s", text);
			return RC_CONFLICT;
		}
		p->out->tables++;
		rc = body_prove(p, &m->local, m->local.family, body, m->segments, m->count,
			    diag);
	}
	for (uint8_t k = 0; k < 2 && rc == RC_OK; k++) {
		uint32_t body = le32_get(hdr->guard_at[k]);

		if (body != 0)
			rc = body_prove(p, &none, k == 0 ? 4 : 6, body, p->guards,
			    p->guard_count, diag);
		else if (guard_has_rules(p))
			return differ(diag, "the guard's table is missing");
	}
	return rc;
}

static void
difference_say(const struct prover *p, struct diag *diag)
{
	const struct pol_proof *o = p->out;
	char text[POL_PACKET_TEXT_BYTES];
	const struct pol_pos *pos = NULL;

	pol_packet_print(&o->local, &o->key, text);
	diag_set(diag, "proof-failed", "the image differs from the policy for %s: rule %08" PRIx32
	    " decides, the policy says %08" PRIx32, text, o->got.rule_id, o->want.rule_id);
	if (o->rule != UINT32_MAX)
		pos = &p->rules->rules[o->rule].pos;
	if (pos != NULL)
		diag_place(diag, p->rules->files[pos->file], pos->line, pos->col);
	diag_hint(diag, "this is a fault of the compiler; nothing was loaded");
}

enum rc
pol_prove(const struct pol_rules *r, const struct pol_names *names, const uint8_t *image,
    size_t len, struct arena *a, struct pol_proof *out, struct diag *diag)
{
	struct prover p = { .rules = r, .names = names, .image = image, .a = a, .out = out };
	enum rc rc;

	CHECK(len >= sizeof(struct wire_image_hdr));
	memset(out, 0, sizeof(*out));
	memset(diag, 0, sizeof(*diag));
	out->decides = arena_array(a, r->rule_count, sizeof(*out->decides));
	out->instead = arena_array(a, r->rule_count, sizeof(*out->instead));
	out->body_count = le32_get(((const struct wire_image_hdr *)image)->body_count);
	out->prove_ns = arena_array(a, out->body_count, sizeof(*out->prove_ns));
	rc = out->decides == NULL || out->instead == NULL || out->prove_ns == NULL ? RC_NOMEM :
	    RC_OK;
	for (uint32_t i = 0; i < r->rule_count && rc == RC_OK; i++)
		out->instead[i] = UINT32_MAX;
	if (rc == RC_OK)
		rc = prove_index_make(r, a, &p.index);
	if (rc == RC_OK)
		rc = members_gather(&p);
	if (rc == RC_OK)
		rc = segments_list(&p);
	p.proved = arena_array(a, p.member_count + 2, sizeof(*p.proved));
	if (p.proved == NULL)
		rc = RC_NOMEM;
	if (rc == RC_OK)
		rc = defaults_compare(&r->defaults, (const struct wire_image_hdr *)image, diag);
	if (rc == RC_OK)
		rc = records_compare(&p, diag);
	if (rc == RC_OK)
		rc = prove_joints_make(r, &p.index, image, p.joint);
	if (rc == RC_OK)
		rc = tables_prove(&p, diag);
	prove_joints_fini(p.joint);
	if (rc == RC_CONFLICT && diag->level == DIAG_NONE)
		difference_say(&p, diag);
	if (rc == RC_NOMEM)
		diag_set(diag, "proof-memory", "the proof needs more memory than %zu bytes",
		    a->cap_bytes);
	return rc;
}

void
pol_packet_print(const struct addr *local, const struct pkt_key *k, char out[POL_PACKET_TEXT_BYTES])
{
	char here[ADDR_TEXT_BYTES] = "any", there[ADDR_TEXT_BYTES], vlan[16] = "";
	const char *frag = k->frag == WIRE_FRAG_REST ? " frag=rest" :
	    k->frag == WIRE_FRAG_FIRST ? " frag=first" : "";
	bool out_dir = k->dir == WIRE_OUT;
	int n;

	if (local->family != 0)
		addr_print(local, here);
	addr_print(&k->remote, there);
	if (k->vlan != WIRE_VLAN_NONE)
		snprintf(vlan, sizeof(vlan), " vlan=%u", k->vlan);
	n = snprintf(out, POL_PACKET_TEXT_BYTES, "%s > %s ", out_dir ? here : there,
	    out_dir ? there : here);
	CHECK(n > 0 && n < POL_PACKET_TEXT_BYTES);
	out += n;
	n = POL_PACKET_TEXT_BYTES - n;
	if (k->frag != WIRE_FRAG_REST && (k->proto == PROTO_TCP || k->proto == PROTO_UDP ||
	    k->proto == PROTO_SCTP))
		snprintf(out, (size_t)n, "%s/%u sport=%u%s%s", k->proto == PROTO_TCP ? "tcp" :
		    k->proto == PROTO_UDP ? "udp" : "sctp", k->dport, k->sport, vlan, frag);
	else if (k->frag != WIRE_FRAG_REST && ((k->proto == PROTO_ICMP && k->remote.family == 4) ||
	    (k->proto == PROTO_ICMP6 && k->remote.family == 6)))
		snprintf(out, (size_t)n, "%s type=%u code=%u%s%s", k->proto == PROTO_ICMP ? "icmp" :
		    "icmp6", k->dport >> 8, k->dport & 0xff, vlan, frag);
	else
		snprintf(out, (size_t)n, "proto/%u%s%s", k->proto, vlan, frag);
}
