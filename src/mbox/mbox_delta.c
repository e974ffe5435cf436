/* SPDX-License-Identifier: Apache-2.0 */
/* mbox_delta - bodies and group tables of one image, looked up in another. */
#include "mbox_delta.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "wire_image.h"

struct span {
	uint64_t hash;
	uint32_t at, len;
};

/* The parts of an image, of which only the header and directory are believed, and those within its
 * length: bodies, then the tables of groups, to the end. */
struct spans {
	struct span *items;
	uint32_t count;
};

/* Where part i begins, len after the last. */
static uint64_t
part_at(const uint8_t *p, uint32_t len, uint32_t i)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;
	const struct wire_body *dir = (const struct wire_body *)(p +
	    (size_t)le32_get(h->bodies_at) * WIRE_LINE);
	uint32_t bodies = le32_get(h->body_count), line;

	if (i < bodies)
		return (uint64_t)le32_get(dir[i].line) * WIRE_LINE;
	for (uint32_t v6 = 0, at = bodies; v6 < 2; v6++) {
		line = le32_get(h->groups_at[v6]);
		if (line != 0 && at++ == i)
			return (uint64_t)line * WIRE_LINE;
	}
	return len;
}

static bool
spans_of(struct spans *s, const uint8_t *p, uint32_t len)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)p;
	uint32_t bodies;
	uint64_t end;

	memset(s, 0, sizeof(*s));
	if (len < sizeof(*h) || len % WIRE_LINE != 0 ||
	    le32_get(h->version) != WIRE_IMAGE_VERSION)
		return false;
	bodies = le32_get(h->body_count);
	end = (uint64_t)le32_get(h->bodies_at) * WIRE_LINE +
	    (uint64_t)bodies * sizeof(struct wire_body);
	if (bodies == 0 || bodies > WIRE_BODIES_MAX || end > len)
		return false;
	s->count = bodies + (le32_get(h->groups_at[0]) != 0) + (le32_get(h->groups_at[1]) != 0);
	s->items = calloc(s->count, sizeof(*s->items));
	if (s->items == NULL)
		return false;
	for (uint32_t i = 0, at = sizeof(*h); i < s->count; i++) {
		uint64_t begin = part_at(p, len, i), stop = part_at(p, len, i + 1);

		if (begin < at || stop <= begin || stop > len)
			return false;
		at = (uint32_t)stop;
		s->items[i] = (struct span) { fnv1a64(FNV1A64_INIT, p + begin, stop - begin),
			(uint32_t)begin, (uint32_t)(stop - begin) };
	}
	return true;
}

static int
span_cmp(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* held is sorted. */
static bool
find(const struct spans *held, const struct mbox_upload *u, const struct span *want,
    uint32_t *from)
{
	uint32_t lo = 0, hi = held->count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (held->items[mid].hash < want->hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < held->count && held->items[lo].hash == want->hash; lo++) {
		*from = held->items[lo].at;
		if (held->items[lo].len == want->len &&
		    memcmp(u->held + *from, u->image + want->at, want->len) == 0)
			return true;
	}
	return false;
}

static void
piece_add(struct mbox_plan *p, struct mbox_piece x)
{
	struct mbox_piece *last = p->count > 0 ? &p->items[p->count - 1] : NULL;

	if (x.len == 0)
		return;
	if (last != NULL && last->copy == x.copy &&
	    (!x.copy || last->from + last->len == x.from))
		last->len += x.len;
	else
		p->items[p->count++] = x;
}

static void
pieces_put(struct mbox_plan *p, const struct mbox_upload *u, const struct spans *new,
    struct spans *held)
{
	uint32_t at = 0, from;

	qsort(held->items, held->count, sizeof(*held->items), span_cmp);
	for (uint32_t i = 0; i < new->count; i++) {
		const struct span *s = &new->items[i];

		if (!find(held, u, s, &from))
			continue;
		piece_add(p, (struct mbox_piece) { .at = at, .len = s->at - at });
		piece_add(p, (struct mbox_piece) { s->at, s->len, from, true });
		at = s->at + s->len;
	}
	piece_add(p, (struct mbox_piece) { .at = at, .len = u->len - at });
}

void
mbox_plan_make(struct mbox_plan *p, const struct mbox_upload *u, const uint8_t active[32])
{
	struct spans new = { 0 }, held = { 0 };
	uint8_t digest[SHA256_BYTES];

	*p = (struct mbox_plan) { .whole = { .len = u->len } };
	if (u->held != NULL && u->held_len > 0) {
		sha256(u->held, u->held_len, digest);
		if (memcmp(digest, active, sizeof(digest)) == 0 &&
		    spans_of(&new, u->image, u->len) && spans_of(&held, u->held, u->held_len))
			p->items = calloc(2 * (size_t)new.count + 1, sizeof(*p->items));
	}
	if (p->items != NULL) {
		pieces_put(p, u, &new, &held);
	} else {
		p->items = &p->whole;
		p->count = 1;
	}
	free(new.items);
	free(held.items);
}

void
mbox_plan_fini(struct mbox_plan *p)
{
	if (p->items != &p->whole)
		free(p->items);
	p->items = NULL;
}
