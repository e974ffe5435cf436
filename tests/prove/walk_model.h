/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk_model - fw_match_node.h without memory: each load is held to lie inside and be aligned, and
 * gives what the harness says may stand there.
 * Shape:   model_* are the harness's; off counts from model_image, which has a size and no content.
 *          What lies elsewhere, a half of the harness, is loaded as it is.
 */
#ifndef WALK_MODEL_H
#define WALK_MODEL_H
#define FW_MATCH_NODE_H		/* in its place */
#define FW_MATCH_SCALAR 1

#include "fw_match.h"

#define FW_LOOP
#define FW_UNROLL
#define FW_OFF(off) (off)
#define FW_INLINE static inline

static const uint8_t *model_image;

/* With MODEL_AT: what the harness keeps apart from the image, NULL where it does not. */
const uint8_t *model_at(uint64_t off);
uint8_t model_load8(uint64_t off);
uint16_t model_load16(uint64_t off);
uint32_t model_load32(uint64_t off);
/* Keys below some value in the node at off: at most keys. */
uint32_t model_keys(const uint8_t *node, uint64_t off, uint32_t keys);
uint32_t model_rows(uint32_t row, uint32_t cells);

static inline uint64_t
model_off(const void *p, uint32_t bytes, uint32_t align)
{
	uint64_t off = __CPROVER_POINTER_OFFSET(p);

	__CPROVER_assert(__CPROVER_r_ok(p, bytes), "a load lies inside");
	__CPROVER_assert(off % align == 0, "a load is aligned");
	return off;
}

static inline uint32_t
fw_load8(const void *p)
{
	return model_load8(model_off(p, 1, 1));
}

static inline uint32_t
fw_load16(const void *p)
{
	uint64_t off = model_off(p, 2, 2);

	return __CPROVER_same_object(p, model_image) ? model_load16(off) :
	    le16_get(*(const le16 *)p);
}

static inline uint32_t
fw_load32(const void *p)
{
	uint64_t off = model_off(p, 4, 4);

	return __CPROVER_same_object(p, model_image) ? model_load32(off) :
	    le32_get(*(const le32 *)p);
}

static inline uint64_t
fw_load64(const void *p)
{
	(void)model_off(p, 8, 8);
	return (uint64_t)nondet_u32() << 32 | nondet_u32();
}

static inline uint64_t
fw_bytes64(const uint8_t *p)
{
	(void)p;
	return (uint64_t)nondet_u32() << 32 | nondet_u32();
}

static inline const uint8_t *
fw_at(const uint8_t *image, uint64_t off)
{
#if defined(MODEL_AT)
	const uint8_t *apart = model_at(off);

	if (apart != NULL)
		return apart;
#endif
	return image + off;
}

static inline uint32_t
fw_cell(const uint8_t *image, uint64_t array, uint32_t index)
{
	return fw_load16(fw_at(image, array + (uint64_t)index * 2));
}

static inline uint32_t
fw_rows(uint32_t row, uint32_t cells)
{
	return model_rows(row, cells);
}

static inline uint32_t
model_node(const uint8_t *node, uint32_t keys)
{
	return model_keys(node, model_off(node, WIRE_LINE, WIRE_LINE), keys);
}

#define fw_node_v4(node, x) ((void)(x), model_node(node, WIRE_KEYS_V4))
#define fw_node_u16(node, x) ((void)(x), model_node(node, WIRE_KEYS_U16))
#define fw_node_v6(node, x) ((void)(x), model_node(node, WIRE_KEYS_V6))
#define fw_leaf_v4(leaf, x) ((void)(x), model_node(leaf, WIRE_GROUP_LEAF_V4))
#define fw_keys_v6(leaf, keys, x) ((void)(x), model_node(leaf, keys))

/* Two lines; as a node's or as a leaf's. */
static inline uint32_t
fw_keys_full(const uint8_t *node, const uint8_t *low, int keys, uint64_t hi, uint64_t lo)
{
	(void)hi, (void)lo;
	__CPROVER_assert(low == node + 8 * keys, "lower halves follow");
	return model_keys(node, model_off(node, 2 * WIRE_LINE, WIRE_LINE), (uint32_t)keys);
}

#endif
