/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_reuse - bodies of an earlier image, by the digest of what they were packed from.
 * Shape:   "list 4", family, what is left apart, default, then each rule that has peers of the
 *          family: direction, action, digest of the peers, services, VLANs. Of a counter only that
 *          there is one: its number is not in the body. Digests of sets are kept by address: many
 *          tables name the same few sets. Where a peer is big, the group table too.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "image_groups.h"
#include "image_reuse.h"

static void
hash_u32(struct sha256_ctx *c, uint32_t v)
{
	uint8_t b[4];

	put_le32(b, v);
	sha256_update(c, b, sizeof(b));
}

static void
hash_action(struct sha256_ctx *c, const struct image_action *a)
{
	const uint8_t b[8] = { a->verdict, a->mode, a->state, a->log,
		a->counter != WIRE_COUNTER_NONE };

	sha256_update(c, b, sizeof(b));
	hash_u32(c, a->rule_id);
}

/* Of one family's ranges; the sets do not change while the cache lives. */
static const uint8_t *
set_digest(struct image_set_cache *cache, const struct addr_range *r, uint32_t count)
{
	uint64_t h = (uint64_t)(uintptr_t)r * UINT64_C(0x9e3779b97f4a7c15);
	struct image_set_slot *s = &cache->slots[h >> 54 & (IMAGE_SET_SLOTS - 1)];

	/* a few ranges are quickly read again: they do not put a long set out of its slot */
	if (count < IMAGE_SET_CACHED_MIN)
		s = &cache->small;
	if (s->ranges != r || s->count != count)
		image_ranges_digest(r, count, s->digest);
	s->ranges = r;
	s->count = count;
	return s->digest;
}

void
image_list_digest(const struct image_list *l, const struct image_groups *groups,
    struct image_set_cache *cache, uint8_t out[SHA256_BYTES])
{
	const uint8_t family = groups->family;
	struct sha256_ctx c;
	bool big = false;

	sha256_init(&c);
	sha256_update(&c, "list 4", 6);
	hash_u32(&c, family | (uint32_t)groups->apart << 8);
	hash_action(&c, &l->deflt);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct image_rule *r = l->rules[i];
		uint32_t first, count, group;

		addr_set_family(&r->peer, family, &first, &count);
		if (count == 0)
			continue;
		group = image_groups_of(groups, r->peer.ranges + first, count);
		big = big || group != IMAGE_GROUP_NONE;
		hash_u32(&c, r->dir);
		hash_action(&c, &r->action);
		sha256_update(&c, group != IMAGE_GROUP_NONE ? groups->items[group].digest :
		    set_digest(cache, r->peer.ranges + first, count), SHA256_BYTES);
		hash_u32(&c, r->service_count);
		for (uint32_t k = 0; k < r->service_count; k++) {
			const struct service *s = &r->services[k];

			hash_u32(&c, s->proto_any | (uint32_t)s->proto << 8 |
			    (uint32_t)s->family << 16);
			hash_u32(&c, s->sport_lo | (uint32_t)s->sport_hi << 16);
			hash_u32(&c, s->dport_lo | (uint32_t)s->dport_hi << 16);
		}
		hash_u32(&c, r->vlan_count);
		for (uint32_t k = 0; k < r->vlan_count; k++)
			hash_u32(&c, r->vlans[k].lo | (uint32_t)r->vlans[k].hi << 16);
	}
	/* whose sets of groups a body with big peers names */
	if (big)
		sha256_update(&c, groups->digest, sizeof(groups->digest));
	sha256_final(&c, out);
}

static int
key_cmp(const void *a, const void *b)
{
	return memcmp(((const struct image_key *)a)->digest, ((const struct image_key *)b)->digest,
	    SHA256_BYTES);
}

void
image_keys_sort(struct image_key *keys, uint32_t count)
{
	qsort(keys, count, sizeof(*keys), key_cmp);
}

void
image_keys_fini(struct image_keys *keys)
{
	free(keys->items);
	free(keys->pack_ns);
	keys->items = NULL;
	keys->pack_ns = NULL;
	keys->count = keys->body_count = 0;
}

const uint8_t *
image_reuse_find(const struct image_reuse *r, const uint8_t digest[SHA256_BYTES], size_t *len,
    uint64_t *steps)
{
	const struct wire_image_hdr *h = (const struct wire_image_hdr *)r->image;
	const struct wire_body *dir = (const struct wire_body *)(r->image +
	    (size_t)le32_get(h->bodies_at) * WIRE_LINE);
	const struct image_key *key = bsearch(digest, r->keys, r->count, sizeof(*r->keys),
	    key_cmp);
	uint32_t n = key != NULL ? le32_get(key->body) : UINT32_MAX;
	const uint8_t *p;

	if (n >= le32_get(h->body_count))
		return NULL;
	p = r->image + (size_t)le32_get(dir[n].line) * WIRE_LINE;
	*len = le32_get(((const struct wire_half *)p)->body_bytes);
	*steps = (uint64_t)le32_get(key->steps) * IMAGE_STEPS_UNIT;
	return fnv1a64(FNV1A64_INIT, p, *len) == le64_get(key->hash) ? p : NULL;
}
