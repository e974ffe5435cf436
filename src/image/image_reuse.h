/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_reuse - the room's own part of struct image_reuse.
 * Context: pure.
 */
#ifndef IMAGE_REUSE_H
#define IMAGE_REUSE_H

#include "hash.h"
#include "image.h"
#include "wire_image.h"

enum { IMAGE_SET_SLOTS = 1024, IMAGE_SET_CACHED_MIN = 16 };

struct image_set_cache {
	struct image_set_slot {
		const struct addr_range *ranges;
		uint32_t count;
		uint8_t digest[SHA256_BYTES];
	} slots[IMAGE_SET_SLOTS], small;	/* small: the last of few ranges */
};

struct image_groups;

/* Of all that the body of a list for the groups' family depends on. */
void image_list_digest(const struct image_list *l, const struct image_groups *groups,
    struct image_set_cache *cache, uint8_t out[SHA256_BYTES]);
void image_keys_sort(struct image_key *keys, uint32_t count);
/* The body, of *len bytes, in the checked image, and what it took to pack; NULL where there is
 * none, or it is damaged. */
const uint8_t *image_reuse_find(const struct image_reuse *r, const uint8_t digest[SHA256_BYTES],
    size_t *len, uint64_t *steps);

#endif
