/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_groups - which peers are big, and in which combinations of them addresses are.
 *
 * The ranges of a group are sorted already, so their ends are taken in order from a heap of one
 * cursor a group: no list of all ends is made or sorted.
 */
#include "image_groups.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"

#define GROUPS_ARENA_BYTES ((size_t)512 << 20)

struct image_group_slot {
	const struct addr_range *ranges;
	uint32_t count, group;
};

/* The next end of one group: where it begins or ceases to hold. */
struct cursor {
	u128 at;
	uint32_t group, end;	/* ends 2n and 2n + 1 are those of range n */
};

struct sweep {
	struct image_groups *g;
	struct cursor *heap;
	uint32_t heap_count;
	uint64_t *active, hash;
	u128 *keys;
	uint16_t *sets;
	uint32_t count;		/* ranks so far */
};

static uint64_t
mix(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* --- which are big ---------------------------------------------------------------------------- */

static bool
is_big(const struct image_input *in, uint32_t ranges)
{
	return ranges > (in->big_ranges != 0 ? in->big_ranges : IMAGE_BIG_RANGES);
}

static struct image_group_slot *
slot_of(const struct image_groups *g, const struct addr_range *ranges, uint32_t count)
{
	uint32_t i = (uint32_t)mix((uintptr_t)ranges) & (g->slot_count - 1);

	while (g->slots[i].ranges != NULL &&
	    (g->slots[i].ranges != ranges || g->slots[i].count != count))
		i = (i + 1) & (g->slot_count - 1);
	return &g->slots[i];
}

void
image_ranges_digest(const struct addr_range *r, uint32_t count, uint8_t out[SHA256_BYTES])
{
	struct sha256_ctx c;
	uint8_t b[32];

	sha256_init(&c);
	for (uint32_t i = 0; i < count; i++) {
		addr_to_wire(&r[i].lo, b);
		addr_to_wire(&r[i].hi, b + 16);
		sha256_update(&c, b, sizeof(b));
	}
	sha256_final(&c, out);
}

/* Another copy of a group that is known. Many may begin alike: digests differ early. */
static uint32_t
group_find(const struct image_groups *g, const struct image_group *new)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->items[i].count == new->count &&
		    memcmp(g->items[i].digest, new->digest, sizeof(new->digest)) == 0)
			return i;
	return g->count;
}

/* The peers of the family in the wanted lists, in turn; count of ranges 0 at the end. */
struct peers {
	const struct image_input *in;
	const bool *wanted;
	uint8_t family;
	uint32_t list, rule;
};

static bool
peers_next_big(struct peers *p, const struct image_rule **rule, const struct addr_range **ranges,
    uint32_t *count)
{
	for (; p->list < p->in->list_count; p->list++, p->rule = 0) {
		const struct image_list *l = &p->in->lists[p->list];

		while (p->wanted[p->list] && p->rule < l->count) {
			uint32_t first;

			*rule = l->rules[p->rule++];
			addr_set_family(&(*rule)->peer, p->family, &first, count);
			*ranges = (*rule)->peer.ranges + first;
			if (is_big(p->in, *count))
				return true;
		}
	}
	return false;
}

static enum rc
groups_collect(struct image_groups *g, const struct peers *all)
{
	const struct addr_range *ranges;
	const struct image_rule *rule;
	struct peers p = *all;
	uint32_t n = 0, count;

	while (peers_next_big(&p, &rule, &ranges, &count))
		n++;
	if (n == 0)
		return RC_OK;
	g->slot_count = 64;
	while (g->slot_count < 2 * n)
		g->slot_count *= 2;
	g->slots = arena_array(&g->arena, g->slot_count, sizeof(*g->slots));
	g->items = arena_array(&g->arena, n, sizeof(*g->items));
	if (g->slots == NULL || g->items == NULL)
		return RC_NOMEM;
	p = *all;
	while (peers_next_big(&p, &rule, &ranges, &count)) {
		struct image_group_slot *s = slot_of(g, ranges, count);
		struct image_group new = { .ranges = ranges, .count = count,
			.rule_id = rule->action.rule_id };

		if (s->ranges != NULL)
			continue;
		image_ranges_digest(ranges, count, new.digest);
		*s = (struct image_group_slot){ ranges, count, group_find(g, &new) };
		if (s->group == g->count)
			g->items[g->count++] = new;
	}
	return RC_OK;
}

uint32_t
image_groups_of(const struct image_groups *g, const struct addr_range *ranges, uint32_t count)
{
	const struct image_group_slot *s;

	if (g->slot_count == 0)
		return IMAGE_GROUP_NONE;
	s = slot_of(g, ranges, count);
	return s->ranges != NULL ? s->group : IMAGE_GROUP_NONE;
}

/* --- refusal ---------------------------------------------------------------------------------- */

static int
group_cmp(const void *x, const void *y)
{
	const struct image_group *a = x, *b = y;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return (a->rule_id > b->rule_id) - (a->rule_id < b->rule_id);
}

/* The rules of the largest groups. Leaves them in another order: nothing comes after. */
static enum rc
refuse(struct image_groups *g, const char *what, uint32_t bound, struct image_heavy *heavy,
    struct diag *diag)
{
	char text[160] = "";
	size_t len = 0;

	qsort(g->items, g->count, sizeof(*g->items), group_cmp);
	heavy->count = 0;
	for (uint32_t i = 0; i < g->count && heavy->count < IMAGE_HEAVY_MAX; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u",
		    i > 0 ? ", " : "", g->items[i].rule_id);
		heavy->rule_ids[heavy->count++] = g->items[i].rule_id;
	}
	diag_set(diag, "image-too-big", "%u big groups of IPv%u have more than %u %s; the ids of "
	    "the rules with the largest are %s", g->count, g->family, bound, what, text);
	diag_hint(diag, "name fewer or smaller groups and lists, or join those that are always "
	    "named together");
	return RC_LIMIT;
}

/* --- sweep ------------------------------------------------------------------------------------ */

static u128
addr_value(const struct addr *a)
{
	return a->family == 4 ? (u128)(uint32_t)a->lo : (u128)a->hi << 64 | a->lo;
}

/* False where the group holds up to the last address. */
static bool
cursor_set(const struct image_groups *g, struct cursor *c)
{
	const struct addr_range *r = &g->items[c->group].ranges[c->end / 2];
	u128 last = g->family == 4 ? (u128)UINT32_MAX : ~(u128)0;

	if (c->end / 2 == g->items[c->group].count)
		return false;
	c->at = addr_value(c->end % 2 == 0 ? &r->lo : &r->hi);
	if (c->end % 2 == 0)
		return true;
	return c->at++ != last;
}

static void
heap_sink(struct sweep *s, uint32_t i)
{
	struct cursor c = s->heap[i];

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= s->heap_count)
			break;
		if (child + 1 < s->heap_count && s->heap[child + 1].at < s->heap[child].at)
			child++;
		if (c.at <= s->heap[child].at)
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = c;
}

/* Takes up what happens at the first address of the heap. */
static u128
ends_take(struct sweep *s)
{
	u128 at = s->heap[0].at;

	while (s->heap_count > 0 && s->heap[0].at == at) {
		struct cursor *c = &s->heap[0];

		s->active[c->group / 64] ^= UINT64_C(1) << c->group % 64;
		s->hash ^= mix(c->group);
		c->end++;
		if (!cursor_set(s->g, c))
			*c = s->heap[--s->heap_count];
		heap_sink(s, 0);
	}
	return at;
}

static enum rc
rank_add(struct sweep *s, u128 at)
{
	uint32_t id;
	enum rc rc = image_sets_put(&s->g->sets, s->active, s->hash, &id);

	if (rc != RC_OK || (s->count > 0 && s->sets[s->count - 1] == id))
		return rc;
	if (s->count > 0)
		s->keys[s->count - 1] = at - 1;
	s->sets[s->count++] = (uint16_t)id;
	return RC_OK;
}

static enum rc
sweep_all(struct sweep *s, uint32_t ranges)
{
	struct image_groups *g = s->g;
	size_t n = 2 * (size_t)ranges + 1;
	enum rc rc = image_sets_init(&g->sets, &g->arena, &g->work, g->count);

	if (rc != RC_OK)
		return rc;
	s->heap = arena_array(&g->arena, g->count, sizeof(*s->heap));
	s->active = arena_array(&g->arena, g->sets.words, sizeof(*s->active));
	s->keys = arena_array(&g->arena, n, sizeof(*s->keys));
	s->sets = arena_array(&g->arena, n, sizeof(*s->sets));
	if (s->heap == NULL || s->active == NULL || s->keys == NULL || s->sets == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < g->count; i++) {
		s->heap[i] = (struct cursor){ .group = i };
		CHECK(cursor_set(g, &s->heap[i]));
	}
	s->heap_count = g->count;
	for (uint32_t i = s->heap_count / 2; i-- > 0;)
		heap_sink(s, i);
	if (s->heap[0].at != 0)
		rc = rank_add(s, 0);
	while (rc == RC_OK && s->heap_count > 0)
		rc = rank_add(s, ends_take(s));
	CHECK(s->count <= n);
	return rc;
}

enum rc
image_groups_build(struct image_groups *g, const struct image_input *in, uint8_t family,
    const bool *wanted, uint32_t *ranges, struct image_heavy *heavy, struct diag *diag)
{
	struct peers all = { .in = in, .wanted = wanted, .family = family };
	struct sweep s = { .g = g };
	uint64_t mine = 0;
	enum rc rc;

	memset(g, 0, sizeof(*g));
	g->family = family;
	g->apart = in->apart;
	g->steps_max = in->steps_max != 0 ? in->steps_max : IMAGE_STEPS_MAX;
	g->work.max = IMAGE_STEPS_MAX;	/* never reached: two million sets of 4 KiB at most */
	arena_init(&g->arena, GROUPS_ARENA_BYTES);
	rc = groups_collect(g, &all);
	if (rc != RC_OK || g->count == 0)
		return rc;
	for (uint32_t i = 0; i < g->count; i++)
		mine += g->items[i].count;
	if (mine > WIRE_GROUP_RANGES_MAX - *ranges)
		return refuse(g, "ranges left in an image", WIRE_GROUP_RANGES_MAX - *ranges, heavy,
		    diag);
	if (g->count > IMAGE_UNITS_MAX)
		return refuse(g, "members of one list", IMAGE_UNITS_MAX, heavy, diag);
	*ranges += (uint32_t)mine;
	rc = sweep_all(&s, (uint32_t)mine);
	if (rc == RC_LIMIT)
		return refuse(g, "overlaps", WIRE_GROUP_SETS_MAX, heavy, diag);
	if (rc == RC_OK)
		rc = image_groups_write(g, s.keys, s.sets, s.count - 1);
	if (rc == RC_OK)
		sha256(g->table, g->len, g->digest);
	return rc;
}

void
image_groups_fini(struct image_groups *g)
{
	arena_fini(&g->arena);
	free(g->table);
	memset(g, 0, sizeof(*g));
}
