/* SPDX-License-Identifier: Apache-2.0 */
/* ref_acl - the plain ways to classify: in order, and by a bit vector a field. */
#include "ref_acl.h"

#include <stdlib.h>
#include <string.h>

#include "wire_verdict.h"

enum { REMOTE, SPORT, DPORT, PROTO, VLAN, FIELDS, WORD_BITS = 64 };

struct key {
	uint32_t local, field[FIELDS];
	uint8_t dir;
};

/* Where each piece begins, and a row of words for each. */
struct field {
	uint32_t count;
	uint32_t *from;
	uint64_t *bits;
};

struct half {
	uint32_t words;
	struct field fields[FIELDS];
	uint32_t *ids;			/* rule id of a bit */
};

struct ref_acl_map {
	uint32_t count;
	uint32_t *locals;		/* ascending */
	struct half (*halves)[2];	/* of a local, by enum wire_dir */
	size_t bytes;
};

static uint32_t
be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

static struct key
key_of(const struct acl_packet *p)
{
	return (struct key){ .local = be32(p->local), .dir = p->dir[1],
		.field = { be32(p->remote), be16(p->sport), be16(p->dport), p->proto,
		    be16(p->vlan) } };
}

static void
range_of(const struct acl_entry *e, int field, uint32_t *lo, uint32_t *hi)
{
	const uint32_t lows[FIELDS] = { e->remote_lo, e->sport_lo, e->dport_lo,
		e->proto_any ? 0 : e->proto, e->vlan_lo };
	const uint32_t highs[FIELDS] = { e->remote_hi, e->sport_hi, e->dport_hi,
		e->proto_any ? UINT8_MAX : e->proto, e->vlan_hi };

	CHECK(lows[field] <= highs[field]);
	*lo = lows[field];
	*hi = highs[field];
}

uint32_t
ref_acl_first(const struct acl_entry *entries, uint32_t count, const struct acl_packet *p)
{
	struct key k = key_of(p);

	for (uint32_t i = 0; i < count; i++) {
		const struct acl_entry *e = &entries[i];

		if (e->local == k.local && e->dir == k.dir &&
		    k.field[REMOTE] >= e->remote_lo && k.field[REMOTE] <= e->remote_hi &&
		    (e->proto_any || e->proto == k.field[PROTO]) &&
		    k.field[DPORT] >= e->dport_lo && k.field[DPORT] <= e->dport_hi &&
		    k.field[SPORT] >= e->sport_lo && k.field[SPORT] <= e->sport_hi &&
		    k.field[VLAN] >= e->vlan_lo && k.field[VLAN] <= e->vlan_hi)
			return e->rule_id;
	}
	return 0;
}

/* --- the interval map ------------------------------------------------------------------------- */

static int
u32_cmp(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

/* The last of the ascending values that is not above v; the first is not. */
static uint32_t
at_or_below(const uint32_t *values, uint32_t count, uint32_t v)
{
	uint32_t lo = 0, hi = count;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (values[mid] <= v)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static void *
map_alloc(struct ref_acl_map *m, size_t count, size_t size)
{
	void *p = calloc(count == 0 ? 1 : count, size);

	CHECK(p != NULL);
	m->bytes += count * size;
	return p;
}

/* Of the entries that ask for dir. False where it takes too much. */
static bool
field_make(struct ref_acl_map *m, struct half *h, int field, const struct acl_entry *const *entries,
    uint32_t count, size_t bytes_max)
{
	struct field *f = &h->fields[field];
	uint32_t n = 1, lo, hi;

	f->from = map_alloc(m, 2 * (size_t)count + 1, sizeof(*f->from));
	for (uint32_t i = 0; i < count; i++) {
		range_of(entries[i], field, &lo, &hi);
		f->from[n++] = lo;
		if (hi != UINT32_MAX)
			f->from[n++] = hi + 1;
	}
	qsort(f->from, n, sizeof(*f->from), u32_cmp);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || f->from[i] != f->from[f->count - 1])
			f->from[f->count++] = f->from[i];
	if (m->bytes + (size_t)f->count * h->words * sizeof(*f->bits) > bytes_max)
		return false;
	f->bits = map_alloc(m, (size_t)f->count * h->words, sizeof(*f->bits));
	for (uint32_t i = 0; i < count; i++) {
		range_of(entries[i], field, &lo, &hi);
		for (uint32_t at = at_or_below(f->from, f->count, lo);
		    at < f->count && f->from[at] <= hi; at++)
			f->bits[(size_t)at * h->words + i / WORD_BITS] |= UINT64_C(1) <<
			    i % WORD_BITS;
	}
	return true;
}

static bool
half_make(struct ref_acl_map *m, struct half *h, uint8_t dir, const struct acl_entry *entries,
    uint32_t count, size_t bytes_max)
{
	const struct acl_entry **mine = calloc(count, sizeof(*mine));
	uint32_t n = 0;
	bool ok = true;

	CHECK(mine != NULL);
	h->ids = map_alloc(m, count, sizeof(*h->ids));
	for (uint32_t i = 0; i < count; i++)
		if (entries[i].dir == dir) {
			h->ids[n] = entries[i].rule_id;
			mine[n++] = &entries[i];
		}
	h->words = (n + WORD_BITS - 1) / WORD_BITS;
	for (int field = 0; field < FIELDS && ok; field++)
		ok = field_make(m, h, field, mine, n, bytes_max);
	free(mine);
	return ok;
}

struct ref_acl_map *
ref_acl_map_create(const struct acl_entry *entries, uint32_t count, size_t bytes_max)
{
	struct ref_acl_map *m = calloc(1, sizeof(*m));
	uint32_t locals = 0, end;

	CHECK(m != NULL && count > 0);
	for (uint32_t i = 0; i < count; i++) {
		CHECK(i == 0 || entries[i].local >= entries[i - 1].local);
		locals += i == 0 || entries[i].local != entries[i - 1].local;
	}
	m->locals = map_alloc(m, locals, sizeof(*m->locals));
	m->halves = map_alloc(m, locals, sizeof(*m->halves));
	for (uint32_t i = 0; i < count; i = end) {
		struct half *h = m->halves[m->count];

		for (end = i; end < count && entries[end].local == entries[i].local; end++)
			continue;
		m->locals[m->count++] = entries[i].local;
		for (uint8_t dir = 0; dir < 2; dir++)
			if (!half_make(m, &h[dir], dir, entries + i, end - i, bytes_max)) {
				ref_acl_map_destroy(&m);
				return NULL;
			}
	}
	return m;
}

void
ref_acl_map_destroy(struct ref_acl_map **m)
{
	if (*m == NULL)
		return;
	for (uint32_t i = 0; i < 2 * (*m)->count; i++) {
		struct half *h = &(*m)->halves[i / 2][i % 2];

		for (int field = 0; field < FIELDS; field++) {
			free(h->fields[field].from);
			free(h->fields[field].bits);
		}
		free(h->ids);
	}
	free((*m)->locals);
	free((*m)->halves);
	free(*m);
	*m = NULL;
}

size_t
ref_acl_map_bytes(const struct ref_acl_map *m)
{
	return m->bytes;
}

uint32_t
ref_acl_map_find(const struct ref_acl_map *m, const struct acl_packet *p)
{
	struct key k = key_of(p);
	uint32_t at = at_or_below(m->locals, m->count, k.local);
	const uint64_t *rows[FIELDS];
	const struct half *h = &m->halves[at][k.dir];

	if (m->locals[at] != k.local)
		return 0;
	for (int i = 0; i < FIELDS; i++)
		rows[i] = h->fields[i].bits + (size_t)at_or_below(h->fields[i].from,
		    h->fields[i].count, k.field[i]) * h->words;
	for (uint32_t w = 0; w < h->words; w++) {
		uint64_t all = rows[REMOTE][w] & rows[SPORT][w] & rows[DPORT][w] &
		    rows[PROTO][w] & rows[VLAN][w];

		if (all != 0)
			return h->ids[w * WORD_BITS + (uint32_t)__builtin_ctzll(all)];
	}
	return 0;
}
