/* SPDX-License-Identifier: Apache-2.0 */
/* image_probe - a table's cost, and packets at the edges of its trees, from the bytes alone. */
#include "bytes.h"
#include "image_build.h"
#include "image_read.h"

/* Bodies lie in the order of the directory. */
static uint32_t
body_number(const uint8_t *p, uint32_t line)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;
	const struct wire_body *dir = (const struct wire_body *)(p +
	    (size_t)le32_get(h->bodies_at) * WIRE_LINE);
	uint32_t lo = 0, hi = le32_get(h->body_count);

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (le32_get(dir[mid].line) <= line)
			lo = mid;
		else
			hi = mid;
	}
	CHECK(hi > 0 && le32_get(dir[lo].line) == line);
	return lo;
}

void
image_table_cost(const uint8_t *p, const struct addr *local, struct image_cost *out)
{
	struct image_view v;

	CHECK(local->family != 0 && image_view_open(&v, p, local, local->family));
	out->rules = image_view_rules(&v);
	out->bytes = le32_get(image_view_half(&v, 0, 0)->body_bytes);
	out->body = body_number(p, v.line);
	image_body_cost(v.body, v.groups, &out->lines, &out->loads);
}

/* Its body's line; 0 = there is no such guard. */
static uint32_t
body_line(const uint8_t *p, uint32_t table)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;
	uint32_t count = le32_get(h->table_count);

	CHECK(table < count + 2);
	return le32_get(table < count ? image_tables(p)[table].body : h->guard_at[table - count]);
}

void
image_cost_at(const uint8_t *p, uint32_t table, struct image_cost *out)
{
	const uint8_t *body = p + (size_t)body_line(p, table) * WIRE_LINE;
	const struct wire_half *h = (const struct wire_half *)body;

	CHECK(body != p);
	out->rules = le16_get(h->rules);
	out->bytes = le32_get(h->body_bytes);
	out->body = body_number(p, body_line(p, table));
	image_body_cost(body, image_groups(p, body[0] == 6 ? 6 : 4), &out->lines, &out->loads);
}

void
image_guard_cost(const uint8_t *p, uint8_t family, struct image_cost *out)
{
	uint32_t table = le32_get(((const struct wire_image_hdr *)p)->table_count) + (family == 6);

	*out = (struct image_cost){ .lines = 1, .loads = 1 };
	if (body_line(p, table) != 0)
		image_cost_at(p, table, out);
}

bool
image_profile_fits(const uint8_t *p, const struct image_profile *profile, uint32_t *table)
{
	uint32_t count = le32_get(((const struct wire_image_hdr *)p)->table_count) + 2;

	for (*table = 0; *table < count; ++*table) {
		struct image_cost cost;

		if (body_line(p, *table) == 0)
			continue;
		image_cost_at(p, *table, &cost);
		if ((profile->lines != 0 && cost.lines > profile->lines) ||
		    (profile->loads != 0 && cost.loads > profile->loads))
			return false;
	}
	return true;
}

/* xorshift64*: the packets of a seed are the same everywhere. */
static uint64_t
next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* A value at an edge of an axis, or any; two in three at an edge. */
static uint64_t
value(const struct image_view *v, const struct wire_half *h, enum wire_root axis, bool edges,
    uint64_t *state)
{
	uint32_t keys = image_view_keys(h, axis);
	uint64_t r = next(state);

	if (!edges || keys == 0 || r % 3 == 0)
		return next(state) >> 7;
	return image_view_key(v, h, axis, (uint32_t)(r >> 33) % keys) + (r >> 8) % 2;
}

/* At a boundary of the big groups, or just past it. */
static struct addr
groups_edge(const struct wire_groups *g, uint64_t *state)
{
	uint64_t r = next(state);
	struct addr a = image_groups_key(g, (uint32_t)(r >> 33) % le32_get(g->keys));

	if (r % 2 == 0)
		(void)addr_next(&a);
	return a;
}

/* v: the table; NULL where there is none, and with it no edge. */
static void
packet_make(const struct image_view *v, uint8_t family, bool edges, uint64_t *state,
    struct pkt_key *out)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_UDP,
		PROTO_ICMP, 47, 89 };
	static const struct wire_half none = { .subs = 1 };
	const struct wire_half *h = &none;
	uint64_t r = next(state), remote;

	edges = edges && v != NULL;
	*out = (struct pkt_key){ .dir = (uint8_t)(r >> 60 & 1), .frag = WIRE_FRAG_NONE };
	if (v != NULL) {
		h = image_view_half(v, out->dir, 0);
		h = image_view_half(v, out->dir, (uint32_t)(r >> 40) % h->subs);
	}
	remote = value(v, h, WIRE_ROOT_REMOTE, edges, state);
	out->remote = family == 4
	    ? (struct addr){ .lo = (uint32_t)remote, .family = 4 }
	    : (struct addr){ .hi = remote, .lo = next(state), .family = 6 };
	if (edges && h->group != 0 && le32_get(v->groups->keys) > 0 && (r >> 50) % 2 == 0)
		out->remote = groups_edge(v->groups, state);
	out->dport = (uint16_t)value(v, h, WIRE_ROOT_DPORT, edges, state);
	out->sport = (uint16_t)value(v, h, WIRE_ROOT_SPORT, edges, state);
	out->vlan = (uint16_t)(value(v, h, WIRE_ROOT_VLAN, edges, state) & 0xfff);
	if (r >> 61 < 5)
		out->vlan = WIRE_VLAN_NONE;
	out->proto = protos[(r >> 16) % ARRAY_LEN(protos)];
}

void
image_table_packet(const uint8_t *p, const struct addr *local, bool edges, uint64_t *state,
    struct pkt_key *out)
{
	struct image_view v;

	CHECK(local->family != 0 && image_view_open(&v, p, local, local->family));
	packet_make(&v, local->family, edges, state, out);
}

void
image_guard_packet(const uint8_t *p, uint8_t family, bool edges, uint64_t *state,
    struct pkt_key *out)
{
	const struct addr none = { 0 };
	struct image_view v;
	bool there = image_view_open(&v, p, &none, family);

	packet_make(there ? &v : NULL, family, edges, state, out);
}
