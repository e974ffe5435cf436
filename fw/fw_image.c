/* SPDX-License-Identifier: Apache-2.0 */
/* Header, local-IP hash, table records, list of bodies. A body itself: fw_image_body.c. */
#include "fw_image.h"

#include "fw_match.h"
#include "fw_mem.h"
#include "fw_port.h"
#include "fw_state.h"

static bool
bad(struct fw_view *v, uint32_t at)
{
	v->bad_at = at;
	return false;
}

/* count items of size bytes from line at lie inside the image. */
static bool
inside(const struct fw_view *v, uint32_t at_line, uint32_t count, uint32_t size)
{
	return (uint64_t)at_line * WIRE_LINE + (uint64_t)count * size <= v->len;
}

static bool
all_zero(const uint8_t *p, uint32_t n)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum |= p[i];
	return sum == 0;
}

static bool
check_header(struct fw_view *v)
{
	const struct wire_image_hdr *h = fw_image_hdr(v->image);
	uint32_t buckets = le32_get(h->buckets), tables = le32_get(h->table_count);
	uint32_t bodies = le32_get(h->body_count);

	if (le32_get(h->version) != WIRE_IMAGE_VERSION || le32_get(h->magic) != WIRE_IMAGE_MAGIC)
		return bad(v, 0);
	if (le32_get(h->bytes) != v->len || v->len % WIRE_LINE != 0 ||
	    v->len > WIRE_IMAGE_BYTES_MAX)
		return bad(v, offsetof(struct wire_image_hdr, bytes));
	if (buckets == 0 || buckets > WIRE_BUCKETS_MAX || (buckets & (buckets - 1)) != 0)
		return bad(v, offsetof(struct wire_image_hdr, buckets));
	if (!inside(v, le32_get(h->hash_at), buckets, WIRE_LINE))
		return bad(v, offsetof(struct wire_image_hdr, hash_at));
	if (tables > WIRE_LOCALS_MAX ||
	    !inside(v, le32_get(h->tables_at), tables, sizeof(struct wire_table)))
		return bad(v, offsetof(struct wire_image_hdr, table_count));
	if (bodies > WIRE_BODIES_MAX ||
	    !inside(v, le32_get(h->bodies_at), bodies, sizeof(struct wire_body)))
		return bad(v, offsetof(struct wire_image_hdr, body_count));
	if (le32_get(h->counter_count) > WIRE_COUNTERS_MAX)
		return bad(v, offsetof(struct wire_image_hdr, counter_count));
	if ((h->unsegmented != WIRE_PASS && h->unsegmented != WIRE_DROP) ||
	    (h->non_ip != WIRE_PASS && h->non_ip != WIRE_DROP))
		return bad(v, offsetof(struct wire_image_hdr, unsegmented));
	if ((h->flags & ~WIRE_IMAGE_FLAGS) != 0)
		return bad(v, offsetof(struct wire_image_hdr, flags));
	if (!inside(v, le32_get(h->slots_at), le32_get(h->slot_count), sizeof(le16)))
		return bad(v, offsetof(struct wire_image_hdr, slot_count));
	if (h->reserved != 0)
		return bad(v, offsetof(struct wire_image_hdr, reserved));
	if (!all_zero(h->reserved2, sizeof(h->reserved2)))
		return bad(v, offsetof(struct wire_image_hdr, reserved2));
	return true;
}

static const struct wire_body *
directory(const struct fw_view *v)
{
	return (const struct wire_body *)(v->image +
	    (size_t)le32_get(fw_image_hdr(v->image)->bodies_at) * WIRE_LINE);
}

/* Each is a counter there is. */
static bool
check_slots(struct fw_view *v)
{
	const struct wire_image_hdr *h = fw_image_hdr(v->image);
	uint32_t at = le32_get(h->slots_at) * WIRE_LINE;

	for (uint32_t i = 0; i < le32_get(h->slot_count); i++, at += sizeof(le16))
		if (le16_get(*(const le16 *)(v->image + at)) >= le32_get(h->counter_count))
			return bad(v, at);
	return true;
}

/* Each body once, ascending, none over the next; the end of the image bounds the last. */
static bool
check_bodies(struct fw_view *v)
{
	const struct wire_image_hdr *h = fw_image_hdr(v->image);
	uint32_t count = le32_get(h->body_count), list = le32_get(h->bodies_at) * WIRE_LINE;
	const struct wire_body *dir = directory(v);
	uint64_t end = sizeof(*h);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = (uint64_t)le32_get(dir[i].line) * WIRE_LINE;

		if (at < end || at + 2 * sizeof(struct wire_half) > v->len ||
		    le32_get(dir[i].slots) != v->slots)
			return bad(v, list + i * (uint32_t)sizeof(*dir));
		const struct wire_half *half = (const struct wire_half *)(v->image + at);

		if (half->family != 4 && half->family != 6)
			return bad(v, (uint32_t)at);
		if (!fw_image_body_check(v, (uint32_t)at, half->family))
			return false;
		end = at + le32_get(half->body_bytes);
	}
	return v->slots == le32_get(h->slot_count) ||
	    bad(v, offsetof(struct wire_image_hdr, slot_count));
}

/* True where line is a body of the list, of that family and with its counters at slots. */
static bool
is_body(const struct fw_view *v, uint32_t line, le32 slots, uint8_t family)
{
	const struct wire_body *dir = directory(v);
	uint32_t lo = 0, hi = le32_get(fw_image_hdr(v->image)->body_count);

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (le32_get(dir[mid].line) < line)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == le32_get(fw_image_hdr(v->image)->body_count) ||
	    le32_get(dir[lo].line) != line || le32_get(dir[lo].slots) != le32_get(slots))
		return false;
	return v->image[(size_t)line * WIRE_LINE + offsetof(struct wire_half, family)] == family;
}

/* A slot names a record and that record's body, or nothing at all; no tag stands twice. */
static bool
check_bucket(const struct fw_view *v, const struct wire_bucket *b)
{
	const struct wire_image_hdr *h = fw_image_hdr(v->image);
	uint64_t first = (uint64_t)le32_get(h->tables_at) * WIRE_LINE / sizeof(struct wire_table);

	if (!all_zero(b->reserved, sizeof(b->reserved)))
		return false;
	for (uint32_t i = 0; i < WIRE_BUCKET_SLOTS; i++) {
		uint32_t body = le32_get(b->body[i]), at = le32_get(b->table[i]);

		if (body == 0) {
			if (at != 0 || le16_get(b->tag[i]) != 0)
				return false;
			continue;
		}
		if (at < first || at - first >= le32_get(h->table_count))
			return false;
		const struct wire_table *t = (const struct wire_table *)(v->image +
		    (size_t)at * sizeof(*t));

		if (le32_get(t->body) != body)
			return false;
		for (uint32_t j = 0; j < i; j++) {
			if (le32_get(b->body[j]) != 0 && le16_get(b->tag[j]) == le16_get(b->tag[i]))
				return false;
		}
	}
	return true;
}

static bool
check_hash(struct fw_view *v)
{
	const struct wire_image_hdr *h = fw_image_hdr(v->image);
	uint32_t at = le32_get(h->hash_at) * WIRE_LINE;

	for (uint32_t i = 0; i < le32_get(h->buckets); i++, at += WIRE_LINE) {
		if (!check_bucket(v, (const struct wire_bucket *)(v->image + at)))
			return bad(v, at);
	}
	return true;
}

/* Records in order, none twice, each found by the hash, its body there and of its family. */
static bool
check_tables(struct fw_view *v)
{
	const struct wire_image_hdr *h = fw_image_hdr(v->image);
	uint32_t at = le32_get(h->tables_at) * WIRE_LINE;
	const struct wire_table *before = NULL;

	for (uint32_t i = 0; i < le32_get(h->table_count); i++, at += sizeof(*before)) {
		const struct wire_table *t = (const struct wire_table *)(v->image + at);

		if ((t->family != 4 && t->family != 6) || !all_zero(t->reserved, 3) ||
		    !all_zero(t->reserved2, sizeof(t->reserved2)) ||
		    (t->family == 4 && !all_zero(t->local + 4, 12)))
			return bad(v, at);
		if (before != NULL && (before->family > t->family ||
		    (before->family == t->family && memcmp(before->local, t->local, 16) >= 0)))
			return bad(v, at);
		if (!is_body(v, le32_get(t->body), t->slots, t->family) ||
		    fw_table_find(v->image, t->family, t->local).body != le32_get(t->body))
			return bad(v, at);
		before = t;
	}
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t guard = le32_get(h->guard_at[i]);

		if (guard == 0 ? le32_get(h->guard_slots[i]) != 0
		    : !is_body(v, guard, h->guard_slots[i], i == 0 ? 4 : 6))
			return bad(v, offsetof(struct wire_image_hdr, guard_at));
	}
	return true;
}

/* Lines touched and longest chain of loads of one packet in one sub-table, as the format says. */
static void
half_cost(const struct wire_half *h, const struct wire_groups *g, uint32_t *lines,
    uint32_t *loads)
{
	uint32_t low = h->low_depth > 0 ? 1u + h->low_depth : 0;
	uint32_t remote = h->remote_depth + low;
	uint32_t vlan = h->vlan_depth - (le32_get(h->vlan_at) == 0 ? 1u : 0u);
	uint32_t sport = h->sport_depth - (le32_get(h->sport_at) == 0 ? 1u : 0u);
	uint32_t dport = h->dport_depth - (le32_get(h->dport_at) == 0 ? 1u : 0u);
	uint32_t b = 1 + (h->b_shift != 0), m = 1 + (h->m_shift != 0), chain = 1;

	*lines += remote + dport + sport + vlan + b + m + 8;
	if (h->group != 0) {
		/* gmap, after the set of groups, which is looked for beside bucket and half; X */
		*lines += 2;
		remote = (remote > g->depth + 1u ? remote : g->depth + 1u) + 1;
	}
	chain = chain > vlan ? chain : vlan;
	chain = (chain > sport ? chain : sport) + 1;
	chain = (chain > dport ? chain : dport) + b;
	chain = (remote > chain ? remote : chain) + m;
	*loads = chain > *loads ? chain : *loads;
}

static bool
body_fits(const struct fw_cfg *cfg, const uint8_t *image, uint32_t line)
{
	const uint8_t *body = image + (size_t)line * WIRE_LINE;
	const struct wire_groups *g = (const struct wire_groups *)(image +
	    (size_t)le32_get(fw_image_hdr(image)->groups_at[body[0] == 6]) * WIRE_LINE);

	for (uint32_t dir = 0; dir < 2; dir++) {
		const struct wire_half *first = (const struct wire_half *)body + dir;
		const struct wire_half *more = (const struct wire_half *)(body +
		    (size_t)le32_get(first->next) * WIRE_LINE);
		uint32_t lines = 0, loads = 0;

		FW_CHECK(first->subs >= 1 && first->subs <= WIRE_SUBS_MAX);
		if (first->group != 0)
			lines = 1 + (g->depth + 1u) * (g->key_bytes == 16 ? 2 : 1);
		half_cost(first, g, &lines, &loads);
		for (uint32_t i = 1; i < first->subs; i++)
			half_cost(&more[i - 1], g, &lines, &loads);
		/* bucket or half, record, action */
		if ((cfg->lines_max != 0 && lines + 3 > cfg->lines_max) ||
		    (cfg->loads_max != 0 && loads + 3 > cfg->loads_max))
			return false;
	}
	return true;
}

bool
fw_image_fits(const struct fw_cfg *cfg, const uint8_t *image, uint32_t *table)
{
	const struct wire_image_hdr *h = fw_image_hdr(image);
	const struct wire_table *t = (const struct wire_table *)(image +
	    (size_t)le32_get(h->tables_at) * WIRE_LINE);
	uint32_t count = le32_get(h->table_count);

	for (*table = 0; *table < count; ++*table)
		if (!body_fits(cfg, image, le32_get(t[*table].body)))
			return false;
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		uint32_t line = le32_get(h->guard_at[v6]);

		if (line != 0 && !body_fits(cfg, image, line))
			return false;
	}
	return true;
}

bool
fw_image_check(const uint8_t *image, uint32_t len, uint32_t *bad_at)
{
	struct fw_view v = { .image = image, .len = len };

	FW_CHECK(image != NULL);
	/* In this order: each step reads only what the ones before it bounded. */
	bool good = len >= sizeof(struct wire_image_hdr) && check_header(&v) && check_slots(&v) &&
	    fw_image_groups_check(&v) && check_bodies(&v) && check_hash(&v) && check_tables(&v);

	*bad_at = v.bad_at;
	return good;
}
