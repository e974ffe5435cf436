/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_remote - joint classes of the remote address: what a table's own tree, the shared group
 * table and the rules' peers tell apart, and all that does occur.
 * The table's tree and its small sets of peers are swept; in each stretch between two cuts those
 * classes of prove_joint are looked up that have an address there. So the work for large sets is
 * done once, not in each table that uses them.
 */
#include "prove_joint.h"

#include <stdlib.h>
#include <string.h>

#include "prove_sweep.h"

struct remote {
	const struct prove_half *h;
	const struct prove_side *s;
	const struct prove_joint *j;
	struct prove_classes *out;
	struct prove_sweep w;
	struct prove_classes kinds;	/* of the joint classes, what matters here: (gmap's classes,
					 * large sets of this side) */
	uint32_t *kind_of;		/* by joint class */
	uint32_t *seen, stamp;		/* by kind: the stretch it was last seen in */
	uint64_t *bits;			/* room */
};

/* Addresses between cuts: upper halves hi.. last_hi, of each the lower halves lo..last_lo. */
struct stretch {
	uint64_t hi, last_hi, lo, last_lo;
	prove_tuple local;		/* classes of the table's own trees */
};

/* --- what the joint classes are here ---------------------------------------------------------- */

static enum rc
kinds_make(struct remote *r)
{
	const struct prove_joint *j = r->j;
	uint32_t n = 0, *at, *from;
	enum rc rc = RC_OK;

	/* this side's large sets: bit `from` there is bit `at` here */
	at = calloc((size_t)r->s->set_count + 1, sizeof(*at));
	from = calloc((size_t)r->s->set_count + 1, sizeof(*from));
	r->kind_of = calloc((size_t)j->classes.count + 1, sizeof(*r->kind_of));
	if (at == NULL || from == NULL || r->kind_of == NULL)
		rc = RC_NOMEM;
	for (uint32_t i = 0; i < r->s->set_count && rc == RC_OK; i++)
		if (j->big[r->s->sets[i].id] != 0) {
			from[n] = j->big[r->s->sets[i].id] - 1;
			at[n++] = i;
		}
	for (uint32_t c = 0; c < j->classes.count && rc == RC_OK; c++) {
		const uint64_t *have = prove_bits(&j->classes, c);
		const struct pkt_key none = { .dir = 0 };
		prove_tuple t = 0;

		memset(r->bits, 0, MAX(r->s->set_words, 1u) * sizeof(*r->bits));
		for (uint32_t i = 0; i < n; i++)
			r->bits[at[i] / 64] |= (have[from[i] / 64] >> from[i] % 64 & 1) <<
			    at[i] % 64;
		for (uint32_t i = 0; i < r->h->count; i++)
			t |= (prove_tuple)prove_group(r->h, i, (uint32_t)j->classes.tuples[c]) <<
			    16 * i;
		rc = prove_classes_put(&r->kinds, t, 0, r->bits, &none, &r->kind_of[c]);
	}
	if (rc == RC_OK)
		r->seen = calloc(r->kinds.count, sizeof(*r->seen));
	free(at);
	free(from);
	return rc == RC_OK && r->seen == NULL ? RC_NOMEM : rc;
}

/* --- one stretch ------------------------------------------------------------------------------ */

static enum rc
remote_add(struct remote *r, const struct stretch *s, uint32_t kind, struct prove_addr at)
{
	struct pkt_key key = { .remote = { .family = r->s->family, .hi = at.hi, .lo = at.lo } };
	const uint64_t *big = prove_bits(&r->kinds, kind);
	prove_tuple t = 0;

	for (uint32_t i = 0; i < r->h->count; i++)
		t |= (prove_tuple)prove_row_of(r->h, i, prove_tuple_get(s->local, i),
		    prove_tuple_get(r->kinds.tuples[kind], i)) << 16 * i;
	for (uint32_t i = 0; i < r->s->set_words; i++)
		r->bits[i] = r->w.bits[i] | big[i];
	return prove_classes_add(r->out, t, 0, r->bits, &key);
}

/* An address of interval i that is in the stretch; false where there is none. */
static bool
meets(const struct prove_joint *j, uint32_t i, const struct stretch *s, struct prove_addr *out)
{
	struct prove_addr at = j->from[i];

	if (at.hi < s->hi)
		at = (struct prove_addr){ s->hi, 0 };
	if (at.lo < s->lo) {
		at.lo = s->lo;
	} else if (at.lo > s->last_lo) {
		if (at.hi == UINT64_MAX)
			return false;
		at = (struct prove_addr){ at.hi + 1, s->lo };
	}
	*out = at;
	return at.hi <= s->last_hi && (i + 1 == j->count || prove_addr_before(at, j->from[i + 1]));
}

/* Each kind that has an address in the stretch, once. */
static enum rc
stretch_add(struct remote *r, const struct stretch *s)
{
	const struct prove_joint *j = r->j;
	uint32_t a = prove_joint_at(j, (struct prove_addr){ s->hi, s->lo });
	uint32_t b = prove_joint_at(j, (struct prove_addr){ s->last_hi, s->last_lo });
	/* without gaps each interval from a to b has an address here, and so had those before it */
	bool whole = s->hi == s->last_hi || (s->lo == 0 && s->last_lo == UINT64_MAX);
	uint32_t found = 0;

	r->stamp++;
	for (uint32_t i = a; i <= b && found < r->kinds.count; i++) {
		uint32_t kind = r->kind_of[j->class_of[i]];
		struct prove_addr at;
		enum rc rc;

		if (whole && i % PROVE_BLOCK == 0 && j->block_min[i / PROVE_BLOCK] > a) {
			i += PROVE_BLOCK - 1;
			continue;
		}
		if ((whole && j->before[i] > a) || r->seen[kind] == r->stamp ||
		    !meets(j, i, s, &at))
			continue;
		r->seen[kind] = r->stamp;
		found++;
		rc = remote_add(r, s, kind, at);
		if (rc != RC_OK)
			return rc;
	}
	CHECK(found > 0);
	return RC_OK;
}

/* --- the table's own cuts --------------------------------------------------------------------- */

/* Edges of the small sets of peers, and cuts so that no run of upper halves holds part of one: an
 * upper half in which a range begins or ends is a run of its own. */
static enum rc
spans_v6(struct prove_sweep *w, const struct addr_range *g, uint32_t bit)
{
	struct addr end = g->hi;
	enum rc rc = prove_edge_add(w, g->lo.hi, g->lo.lo, bit);

	if (rc == RC_OK)
		rc = prove_cut_add(w, g->lo.hi);
	if (rc == RC_OK && g->lo.hi != UINT64_MAX)
		rc = prove_cut_add(w, g->lo.hi + 1);
	if (rc != RC_OK || !addr_next(&end))
		return rc;
	rc = prove_edge_add(w, end.hi, end.lo, bit);
	if (rc == RC_OK)
		rc = prove_cut_add(w, end.hi);
	if (rc == RC_OK && end.hi != UINT64_MAX)
		rc = prove_cut_add(w, end.hi + 1);
	return rc;
}

static enum rc
peer_spans(struct remote *r)
{
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < r->s->set_count && rc == RC_OK; i++) {
		const struct addr_set *peer = r->s->sets[i].peer;
		uint32_t first, n;

		if (r->j->big[r->s->sets[i].id] != 0)
			continue;
		addr_set_family(peer, r->s->family, &first, &n);
		for (uint32_t k = first; k < first + n && rc == RC_OK; k++)
			rc = r->s->family == 6 ? spans_v6(&r->w, &peer->ranges[k], i) :
			    prove_span_add(&r->w, (uint32_t)peer->ranges[k].lo.lo,
			    (uint32_t)peer->ranges[k].hi.lo, i);
	}
	return rc;
}

static enum rc
remote_v4(struct remote *r)
{
	struct prove_sweep *w = &r->w;
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < w->cut_count && rc == RC_OK && w->cuts[i] <= UINT32_MAX; i++) {
		bool last = i + 1 == w->cut_count || w->cuts[i + 1] > UINT32_MAX;
		struct stretch s = { .lo = w->cuts[i],
			.last_lo = last ? UINT32_MAX : w->cuts[i + 1] - 1,
			.local = prove_maps_tuple(r->h->remote, r->h->count, w->cuts[i]) };

		prove_sweep_to(w, 0, w->cuts[i]);
		rc = stretch_add(r, &s);
	}
	return rc;
}

/* The lower halves of one run of upper halves, hi to last_hi. */
static enum rc
remote_low(struct remote *r, uint64_t hi, uint64_t last_hi)
{
	const struct prove_half *h = r->h;
	const struct prove_map *low[WIRE_SUBS_MAX];
	struct prove_sweep cuts = { .count = 0 };
	enum rc rc = prove_cut_add(&cuts, 0);

	for (uint32_t i = 0; i < h->count && rc == RC_OK; i++) {
		uint32_t rank = prove_map_at(&h->remote[i], hi);

		low[i] = h->low[i] == NULL ? NULL : &h->low[i][rank];
		for (uint32_t k = 0; low[i] != NULL && k < low[i]->count && rc == RC_OK; k++)
			rc = prove_cut_add(&cuts, low[i]->steps[k].lo);
	}
	for (uint32_t k = r->w.next; k < r->w.count && r->w.edges[k].hi <= hi && rc == RC_OK; k++)
		if (r->w.edges[k].hi == hi)
			rc = prove_cut_add(&cuts, r->w.edges[k].lo);
	if (rc == RC_OK)
		rc = prove_cuts_sort(&cuts);
	for (uint32_t i = 0; i < cuts.cut_count && rc == RC_OK; i++) {
		struct stretch s = { .hi = hi, .last_hi = last_hi, .lo = cuts.cuts[i],
			.last_lo = i + 1 < cuts.cut_count ? cuts.cuts[i + 1] - 1 : UINT64_MAX };

		for (uint32_t k = 0; k < h->count; k++)
			s.local |= (prove_tuple)(low[k] == NULL ? prove_map_at(&h->remote[k], hi) :
			    prove_map_at(low[k], cuts.cuts[i])) << 16 * k;
		prove_sweep_to(&r->w, hi, cuts.cuts[i]);
		rc = stretch_add(r, &s);
	}
	prove_sweep_fini(&cuts);
	return rc;
}

enum rc
prove_axis_remote(const struct prove_half *h, const struct prove_side *s,
    const struct prove_joint *joint, struct prove_classes *out)
{
	struct remote r = { .h = h, .s = s, .j = joint, .out = out };
	struct prove_sweep *w = &r.w;
	enum rc rc = prove_sweep_init(w, s->set_words);

	CHECK(joint->family == s->family);
	prove_classes_init(&r.kinds, s->set_words);
	r.bits = calloc(MAX(s->set_words, 1u), sizeof(*r.bits));
	if (r.bits == NULL)
		rc = RC_NOMEM;
	if (rc == RC_OK)
		rc = kinds_make(&r);
	if (rc == RC_OK)
		rc = prove_maps_cut(w, h->remote, h->count);
	if (rc == RC_OK)
		rc = peer_spans(&r);
	if (rc == RC_OK)
		rc = prove_sweep_sort(w);
	if (rc == RC_OK && s->family == 4)
		rc = remote_v4(&r);
	for (uint32_t i = 0; s->family == 6 && i < w->cut_count && rc == RC_OK; i++)
		rc = remote_low(&r, w->cuts[i], i + 1 < w->cut_count ? w->cuts[i + 1] - 1 :
		    UINT64_MAX);
	prove_classes_fini(&r.kinds);
	free(r.kind_of);
	free(r.seen);
	free(r.bits);
	prove_sweep_fini(w);
	return rc;
}
