/* SPDX-License-Identifier: Apache-2.0 */
/* image_encode - all of an image: one body per list and family, the local-IP hash, the header. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "hash.h"
#include "image_groups.h"
#include "image_reuse.h"

enum { SEEDS_PER_SIZE = 256 };

struct body {
	uint8_t *p;
	size_t len;
	uint64_t hash;
	uint32_t line;		/* where it lies in the image */
	uint32_t first_slot;
	uint16_t *slots;	/* counters of those of its actions that have one */
	uint32_t slot_count;
	uint64_t pack_ns;	/* of all lists that it is of */
};

struct encode {
	const struct image_input *in;
	const struct image_reuse *before;	/* checked; NULL = none */
	struct image_heavy *heavy;
	struct image_set_cache *sets;	/* NULL = no keys are wanted */
	struct image_keys keys;
	struct image_work work;		/* of all bodies */
	size_t bytes;			/* of all bodies */
	struct image_groups groups[2];	/* 0 = v4 */
	uint32_t groups_line[2];
	struct body *bodies;	/* kept ones, in order of first use */
	uint32_t body_count;
	uint32_t *of_list[2];	/* per list and family (0 = v4): number of its body + 1 */
	uint32_t first_local;	/* tables before it have no local IP */
	uint64_t seed;
	uint32_t buckets;
	uint8_t *out;
	size_t len;
};

static enum rc
input_check(const struct image_input *in, struct diag *diag)
{
	uint64_t rules = 0;

	if (in->table_count > WIRE_LOCALS_MAX + 1u) {
		diag_set(diag, "too-many-locals", "%u local IPs exceed %d", in->table_count,
		    WIRE_LOCALS_MAX);
		return RC_LIMIT;
	}
	if (in->counter_count > WIRE_COUNTERS_MAX) {
		diag_set(diag, "too-many-counters", "%u counters exceed %d", in->counter_count,
		    WIRE_COUNTERS_MAX);
		return RC_LIMIT;
	}
	if (in->list_count > WIRE_BODIES_MAX) {
		diag_set(diag, "too-many-lists", "%u lists exceed %d", in->list_count,
		    WIRE_BODIES_MAX);
		return RC_LIMIT;
	}
	for (uint32_t i = 0; i < in->list_count; i++) {
		rules += in->lists[i].count;
		if (in->lists[i].count > WIRE_TABLE_RULES_MAX) {
			diag_set(diag, "too-many-rules", "a table of %u packed rules exceeds %d",
			    in->lists[i].count, WIRE_TABLE_RULES_MAX);
			return RC_LIMIT;
		}
	}
	if (rules > WIRE_RULES_MAX) {
		diag_set(diag, "too-many-rules", "%llu packed rules exceed %d",
		    (unsigned long long)rules, WIRE_RULES_MAX);
		return RC_LIMIT;
	}
	for (uint32_t i = 0; i < in->table_count; i++) {
		CHECK(in->tables[i].list < in->list_count);
		CHECK(i == 0 || addr_cmp(&in->tables[i - 1].local, &in->tables[i].local) < 0);
	}
	return RC_OK;
}

static void
body_free(struct body *b)
{
	free(b->p);
	free(b->slots);
	b->p = NULL;
	b->slots = NULL;
}

/* The counters of a body's actions, from the rules of its list: actions are some of them, in their
 * order. RC_INVALID where they are not. */
static enum rc
body_slots(struct body *b, const struct image_list *l)
{
	const struct wire_half *h = (const struct wire_half *)b->p;
	const struct wire_action *w = (const struct wire_action *)(b->p +
	    (size_t)le32_get(h->actions_at) * WIRE_LINE);
	uint32_t rules = le16_get(h->rules), at = 0, n = 0;

	b->slot_count = le16_get(h->counters);
	b->slots = calloc((size_t)b->slot_count + 1, sizeof(*b->slots));
	if (b->slots == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i <= rules; i++) {
		const struct image_action *a = &l->deflt;

		if (le16_get(w[i].counter) == WIRE_COUNTER_NONE)
			continue;
		while (i < rules && at < l->count && (l->rules[at]->action.rule_id !=
		    le32_get(w[i].rule_id) || l->rules[at]->action.counter == WIRE_COUNTER_NONE))
			at++;
		if (i < rules)
			a = at < l->count ? &l->rules[at++]->action : NULL;
		if (a == NULL || a->counter == WIRE_COUNTER_NONE || n == b->slot_count)
			return RC_INVALID;
		b->slots[n++] = a->counter;
	}
	return n == b->slot_count ? RC_OK : RC_INVALID;
}

/* A copy of the earlier image's; RC_INVALID where it is not of this list, as its key says. */
static enum rc
body_copy(struct body *b, const uint8_t *old, const struct image_list *l,
    const struct image_groups *groups)
{
	const struct wire_half *h = (const struct wire_half *)old;
	enum rc rc;

	if (groups->table == NULL && (h[0].group | h[1].group) != 0)
		return RC_INVALID;
	b->p = malloc(b->len);
	if (b->p == NULL)
		return RC_NOMEM;
	memcpy(b->p, old, b->len);
	rc = body_slots(b, l);
	if (rc != RC_OK)
		body_free(b);
	return rc;
}

/* From the earlier image where it is there, else packed. *key: of it, without the number. */
static enum rc
body_get(struct encode *e, uint32_t list, uint8_t family, struct body *b, struct image_key *key,
    struct diag *diag)
{
	const struct image_list *l = &e->in->lists[list];
	const struct image_groups *groups = &e->groups[family == 6];
	uint64_t before = e->work.steps, steps = 0;
	const uint8_t *old = NULL;
	enum rc rc = RC_INVALID;

	if (e->sets != NULL)
		image_list_digest(l, groups, e->sets, key->digest);
	if (e->before != NULL)
		old = image_reuse_find(e->before, key->digest, &b->len, &steps);
	/* where it would be too much, the rules are needed, to name them */
	if (old != NULL && steps <= e->work.max - before)
		rc = body_copy(b, old, l, groups);
	if (rc == RC_OK) {
		e->keys.reused++;
		e->work.steps += steps;
	} else if (rc == RC_INVALID) {
		rc = image_body_build(l, groups, &e->work, &b->p, &b->len, e->heavy, diag);
		if (rc == RC_OK)
			rc = body_slots(b, l);
		CHECK(rc != RC_INVALID);
	}
	if (rc == RC_OK) {
		b->hash = fnv1a64(FNV1A64_INIT, b->p, b->len);
		key->hash = le64_put(b->hash);
		key->steps = le32_put((uint32_t)((e->work.steps - before) / IMAGE_STEPS_UNIT));
	}
	return rc;
}

static void
key_keep(struct encode *e, struct image_key *key, uint32_t body)
{
	key->body = le32_put(body);
	if (e->keys.items != NULL)
		e->keys.items[e->keys.count++] = *key;
}

static enum rc
too_big(struct diag *diag)
{
	diag_set(diag, "image-too-big", "more than %d bytes of packed tables",
	    WIRE_IMAGE_BYTES_MAX);
	return RC_LIMIT;
}

/* The body of a list for a family; equal ones are stored once. */
static enum rc
body_want(struct encode *e, uint32_t list, unsigned v6, struct diag *diag)
{
	struct image_key key = { .body = le32_put(0) };
	struct body b = { 0 };
	uint64_t since_ns;
	enum rc rc;

	if (e->of_list[v6][list] != 0)
		return RC_OK;
	since_ns = clock_mono_ns();
	rc = body_get(e, list, v6 ? 6 : 4, &b, &key, diag);
	if (rc != RC_OK) {
		body_free(&b);
		return rc;
	}
	b.pack_ns = clock_mono_ns() - since_ns;
	for (uint32_t i = 0; i < e->body_count; i++) {
		struct body *x = &e->bodies[i];

		if (x->hash == b.hash && x->len == b.len && bytes_equal(x->p, b.p, b.len) &&
		    bytes_equal(x->slots, b.slots, b.slot_count * sizeof(*b.slots))) {
			x->pack_ns += b.pack_ns;
			body_free(&b);
			e->of_list[v6][list] = i + 1;
			key_keep(e, &key, i);
			return RC_OK;
		}
	}
	e->bodies[e->body_count++] = b;
	e->of_list[v6][list] = e->body_count;
	key_keep(e, &key, e->body_count - 1);
	e->bytes += b.len;
	return e->bytes <= WIRE_IMAGE_BYTES_MAX ? RC_OK : too_big(diag);
}

/* The groups of both families, of the lists that will have a body of it. */
static enum rc
groups_build(struct encode *e, struct diag *diag)
{
	const struct image_input *in = e->in;
	bool *wanted = calloc((size_t)in->list_count + 1, sizeof(*wanted));
	uint32_t ranges = 0;
	enum rc rc = wanted != NULL ? RC_OK : RC_NOMEM;

	for (unsigned v6 = 0; v6 < 2 && rc == RC_OK; v6++) {
		memset(wanted, 0, in->list_count * sizeof(*wanted));
		for (uint32_t i = 0; i < in->table_count; i++)
			if (in->tables[i].local.family != (v6 ? 4 : 6))
				wanted[in->tables[i].list] = true;
		rc = image_groups_build(&e->groups[v6], in, v6 ? 6 : 4, wanted, &ranges, e->heavy,
		    diag);
	}
	free(wanted);
	return rc;
}

static enum rc
bodies_build(struct encode *e, struct diag *diag)
{
	const struct image_input *in = e->in;
	enum rc rc = RC_OK;

	e->bodies = calloc(2 * (size_t)in->table_count + 1, sizeof(*e->bodies));
	e->of_list[0] = calloc((size_t)in->list_count + 1, sizeof(uint32_t));
	e->of_list[1] = calloc((size_t)in->list_count + 1, sizeof(uint32_t));
	if (e->bodies == NULL || e->of_list[0] == NULL || e->of_list[1] == NULL)
		return RC_NOMEM;
	if (e->sets != NULL) {
		e->keys.items = calloc(2 * (size_t)in->table_count + 1, sizeof(*e->keys.items));
		if (e->keys.items == NULL)
			return RC_NOMEM;
	}
	for (uint32_t i = 0; i < in->table_count && rc == RC_OK; i++) {
		const struct image_table *t = &in->tables[i];

		if (t->local.family != 6)
			rc = body_want(e, t->list, 0, diag);
		if (rc == RC_OK && t->local.family != 4)
			rc = body_want(e, t->list, 1, diag);
		if (t->local.family == 0)
			e->first_local = i + 1;
	}
	return rc;
}

static uint64_t
local_hash(uint64_t seed, const struct addr *a)
{
	uint8_t b[16];

	addr_to_wire(a, b);
	return wire_local_hash(seed, a->family, get_le64(b), get_le64(b + 8));
}

/* No bucket over-full, no tag twice in one. */
static bool
seed_fits(const struct encode *e, uint64_t seed, struct wire_bucket *buckets)
{
	memset(buckets, 0, (size_t)e->buckets * sizeof(*buckets));
	for (uint32_t i = e->first_local; i < e->in->table_count; i++) {
		uint64_t h = local_hash(seed, &e->in->tables[i].local);
		struct wire_bucket *b = &buckets[h & (e->buckets - 1)];
		uint16_t tag = (uint16_t)(h >> 48);
		int at = 0;

		while (at < WIRE_BUCKET_SLOTS && le32_get(b->body[at]) != 0) {
			if (le16_get(b->tag[at]) == tag)
				return false;
			at++;
		}
		if (at == WIRE_BUCKET_SLOTS)
			return false;
		b->tag[at] = le16_put(tag);
		b->body[at] = le32_put(1);
		b->table[at] = le32_put(i);
	}
	return true;
}

/* The first seed, in a fixed order, of the smallest hash that holds all. Leaves in table[] the
 * input's index. */
static enum rc
hash_build(struct encode *e, struct wire_bucket **out)
{
	uint32_t locals = e->in->table_count - e->first_local;

	e->buckets = 1;
	while (e->buckets * 4 < locals)
		e->buckets *= 2;
	for (; e->buckets <= WIRE_BUCKETS_MAX; e->buckets *= 2) {
		struct wire_bucket *b = calloc(e->buckets, sizeof(*b));

		if (b == NULL)
			return RC_NOMEM;
		for (uint64_t i = 1; i <= SEEDS_PER_SIZE; i++) {
			e->seed = i * UINT64_C(0xa0761d6478bd642f);
			if (seed_fits(e, e->seed, b)) {
				*out = b;
				return RC_OK;
			}
		}
		free(b);
	}
	return RC_LIMIT;
}

static size_t
line_up(size_t n)
{
	return (n + WIRE_LINE - 1) / WIRE_LINE * WIRE_LINE;
}

static const struct body *
body_of(const struct encode *e, uint32_t list, unsigned v6)
{
	uint32_t at = e->of_list[v6][list];

	CHECK(at > 0);
	return &e->bodies[at - 1];
}

/* Header fields that say where things are; sizes out->len. */
static enum rc
layout(struct encode *e, struct wire_image_hdr *h, struct diag *diag)
{
	uint32_t locals = e->in->table_count - e->first_local, slots = 0;
	size_t at = sizeof(*h);

	h->bodies_at = le32_put((uint32_t)(at / WIRE_LINE));
	h->body_count = le32_put(e->body_count);
	at += line_up(e->body_count * sizeof(struct wire_body));
	h->hash_at = le32_put((uint32_t)(at / WIRE_LINE));
	h->buckets = le32_put(e->buckets);
	at += (size_t)e->buckets * sizeof(struct wire_bucket);
	h->tables_at = le32_put((uint32_t)(at / WIRE_LINE));
	h->table_count = le32_put(locals);
	at += line_up(locals * sizeof(struct wire_table));
	h->slots_at = le32_put((uint32_t)(at / WIRE_LINE));
	for (uint32_t i = 0; i < e->body_count; i++) {
		e->bodies[i].first_slot = slots;
		slots += e->bodies[i].slot_count;
	}
	h->slot_count = le32_put(slots);
	at += line_up(slots * sizeof(le16));
	for (uint32_t i = 0; i < e->body_count; i++) {
		e->bodies[i].line = (uint32_t)(at / WIRE_LINE);
		at += e->bodies[i].len;
		if (at > WIRE_IMAGE_BYTES_MAX)
			break;
	}
	for (unsigned v6 = 0; v6 < 2; v6++) {
		e->groups_line[v6] = e->groups[v6].len > 0 ? (uint32_t)(at / WIRE_LINE) : 0;
		h->groups_at[v6] = le32_put(e->groups_line[v6]);
		at += e->groups[v6].len;
	}
	if (at > WIRE_IMAGE_BYTES_MAX)
		return too_big(diag);
	h->bytes = le32_put((uint32_t)at);
	e->len = at;
	return RC_OK;
}

static void
facts_put(const struct encode *e, struct wire_image_hdr *h)
{
	const struct image_input *in = e->in;
	uint32_t rules = 0, lines = 0, loads = 0;

	for (uint32_t i = 0; i < in->list_count; i++)
		rules += in->lists[i].count;
	for (uint32_t i = 0; i < e->body_count; i++) {
		uint32_t n, chain;

		image_body_cost(e->bodies[i].p, (const struct wire_groups *)
		    e->groups[*e->bodies[i].p == 6].table, &n, &chain);
		lines = MAX(lines, n);
		loads = MAX(loads, chain);
	}
	CHECK(lines <= UINT16_MAX && loads <= UINT16_MAX);
	h->version = le32_put(WIRE_IMAGE_VERSION);
	h->magic = le32_put(WIRE_IMAGE_MAGIC);
	h->seed = le64_put(e->seed);
	h->rule_count = le32_put(rules);
	h->list_count = le32_put(in->list_count);
	h->lines_max = le16_put((uint16_t)lines);
	h->loads_max = le16_put((uint16_t)loads);
	h->counter_count = le32_put(in->counter_count);
	h->unsegmented = in->unsegmented;
	h->non_ip = in->non_ip;
	h->flags = (uint8_t)((in->fragments_drop ? WIRE_IMAGE_FRAGMENTS_DROP : 0) |
	    (in->midstream_drop ? WIRE_IMAGE_MIDSTREAM_DROP : 0) |
	    (in->live_flows_drain ? WIRE_IMAGE_FLOWS_DRAIN : 0));
	for (uint32_t i = 0; i < e->first_local; i++)
		for (unsigned v6 = 0; v6 < 2; v6++) {
			const struct body *b = body_of(e, in->tables[i].list, v6);

			h->guard_at[v6] = le32_put(b->line);
			h->guard_slots[v6] = le32_put(b->first_slot);
		}
}

static void
bodies_put(const struct encode *e, const struct wire_image_hdr *h)
{
	struct wire_body *dir = (struct wire_body *)(e->out +
	    (size_t)le32_get(h->bodies_at) * WIRE_LINE);
	le16 *slots = (le16 *)(e->out + (size_t)le32_get(h->slots_at) * WIRE_LINE);

	for (uint32_t i = 0; i < e->body_count; i++) {
		const struct body *b = &e->bodies[i];

		dir[i] = (struct wire_body){ le32_put(b->line), le32_put(b->first_slot) };
		for (uint32_t k = 0; k < b->slot_count; k++)
			slots[b->first_slot + k] = le16_put(b->slots[k]);
		memcpy(e->out + (size_t)b->line * WIRE_LINE, b->p, b->len);
	}
}

static void
tables_put(const struct encode *e, const struct wire_image_hdr *h, struct wire_bucket *buckets)
{
	uint8_t *records = e->out + (size_t)le32_get(h->tables_at) * WIRE_LINE;
	uint32_t first = le32_get(h->tables_at) * (WIRE_LINE / (uint32_t)sizeof(struct wire_table));

	for (uint32_t i = 0; i < e->buckets; i++) {
		for (int k = 0; k < WIRE_BUCKET_SLOTS; k++) {
			uint32_t at = le32_get(buckets[i].table[k]);
			uint32_t n = at - e->first_local;
			const struct body *body;
			struct wire_table w = { 0 };
			const struct image_table *t;

			if (le32_get(buckets[i].body[k]) == 0)
				continue;
			t = &e->in->tables[at];
			body = body_of(e, t->list, t->local.family == 6);
			buckets[i].body[k] = le32_put(body->line);
			buckets[i].table[k] = le32_put(first + n);
			addr_to_wire(&t->local, w.local);
			w.family = t->local.family;
			w.body = le32_put(body->line);
			w.slots = le32_put(body->first_slot);
			memcpy(records + n * sizeof(w), &w, sizeof(w));
		}
	}
	memcpy(e->out + (size_t)le32_get(h->hash_at) * WIRE_LINE, buckets,
	    (size_t)e->buckets * sizeof(*buckets));
}

static enum rc
assemble(struct encode *e, struct diag *diag)
{
	struct wire_image_hdr h = { 0 };
	struct wire_bucket *buckets = NULL;
	enum rc rc = hash_build(e, &buckets);

	if (rc == RC_LIMIT)
		diag_set(diag, "too-many-locals", "no hash of %d buckets holds %u local IPs",
		    WIRE_BUCKETS_MAX, e->in->table_count);
	if (rc == RC_OK)
		rc = layout(e, &h, diag);
	if (rc == RC_OK) {
		e->out = calloc(1, e->len);
		if (e->out == NULL)
			rc = RC_NOMEM;
	}
	if (rc == RC_OK) {
		facts_put(e, &h);
		bodies_put(e, &h);
		tables_put(e, &h, buckets);
		for (unsigned v6 = 0; v6 < 2; v6++)
			if (e->groups[v6].len > 0)
				memcpy(e->out + (size_t)e->groups_line[v6] * WIRE_LINE,
				    e->groups[v6].table, e->groups[v6].len);
		memcpy(e->out, &h, sizeof(h));
	}
	free(buckets);
	return rc;
}

static enum rc
times_keep(struct encode *e)
{
	e->keys.pack_ns = calloc((size_t)e->body_count + 1, sizeof(*e->keys.pack_ns));
	if (e->keys.pack_ns == NULL)
		return RC_NOMEM;
	e->keys.body_count = e->body_count;
	for (uint32_t i = 0; i < e->body_count; i++)
		e->keys.pack_ns[i] = e->bodies[i].pack_ns;
	return RC_OK;
}

static enum rc
encode(struct encode *e, uint8_t **out, size_t *len, struct diag *diag)
{
	const struct image_input *in = e->in;
	enum rc rc;

	CHECK(in->unsegmented == WIRE_PASS || in->unsegmented == WIRE_DROP);
	CHECK(in->non_ip == WIRE_PASS || in->non_ip == WIRE_DROP);
	e->heavy->count = 0;
	e->work.max = in->steps_all_max != 0 ? in->steps_all_max : IMAGE_STEPS_ALL_MAX;
	*out = NULL;
	*len = 0;
	rc = input_check(in, diag);
	if (rc == RC_OK)
		rc = groups_build(e, diag);
	if (rc == RC_OK)
		rc = bodies_build(e, diag);
	if (rc == RC_OK)
		rc = assemble(e, diag);
	if (rc == RC_OK && e->sets != NULL)
		rc = times_keep(e);
	if (rc == RC_NOMEM)
		diag_set(diag, "out-of-memory", "no memory to pack %u tables", in->table_count);
	if (rc == RC_OK) {
		*out = e->out;
		*len = e->len;
		e->out = NULL;
	}
	free(e->out);
	for (uint32_t i = 0; i < e->body_count; i++)
		body_free(&e->bodies[i]);
	free(e->bodies);
	image_groups_fini(&e->groups[0]);
	image_groups_fini(&e->groups[1]);
	free(e->of_list[0]);
	free(e->of_list[1]);
	return rc;
}

enum rc
image_encode_over(const struct image_input *in, const struct image_reuse *before, uint8_t **out,
    size_t *len, struct image_keys *keys, struct image_heavy *heavy, struct diag *diag)
{
	struct encode e = { .in = in, .heavy = heavy };
	struct diag ignored = { 0 };
	enum rc rc;

	memset(keys, 0, sizeof(*keys));
	if (before != NULL && before->count > 0 &&
	    image_check(before->image, before->len, &ignored) == RC_OK)
		e.before = before;
	e.sets = calloc(1, sizeof(*e.sets));
	if (e.sets == NULL) {
		*out = NULL;
		*len = 0;
		return RC_NOMEM;
	}
	rc = encode(&e, out, len, diag);
	free(e.sets);
	if (rc != RC_OK) {
		image_keys_fini(&e.keys);
		return rc;
	}
	image_keys_sort(e.keys.items, e.keys.count);
	*keys = e.keys;
	return RC_OK;
}

enum rc
image_encode_heavy(const struct image_input *in, uint8_t **out, size_t *len,
    struct image_heavy *heavy, struct diag *diag)
{
	struct encode e = { .in = in, .heavy = heavy };

	return encode(&e, out, len, diag);
}

enum rc
image_encode(const struct image_input *in, uint8_t **out, size_t *len, struct diag *diag)
{
	struct image_heavy heavy;

	return image_encode_heavy(in, out, len, &heavy, diag);
}
