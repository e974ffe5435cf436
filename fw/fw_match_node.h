/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_match_node - how fw_match.c reads the image: loads, and the keys of one node.
 * Does:    counts the keys below a value with the target's vectors, of 128 or 512 bits, where it
 *          has them, else, and with FW_MATCH_SCALAR, in a loop that gives the same.
 * Shape:   for fw_match.c alone, which tests include once more under FW_MATCH_SCALAR.
 * Context: pure; host, firmware, BPF.
 */
#ifndef FW_MATCH_NODE_H
#define FW_MATCH_NODE_H

#include "fw_match.h"

#if defined(FW_BPF)
#define FW_MATCH_SCALAR 1
#define FW_OFF(off) ((uint64_t)(off) & FW_IMAGE_MASK)
#define FW_LOOP _Pragma("clang loop unroll(disable)")
#else
#define FW_OFF(off) (off)
#define FW_LOOP
#endif
#if defined(FW_BPF)
#define FW_UNROLL FW_LOOP
#elif defined(__clang__)
#define FW_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FW_UNROLL _Pragma("GCC unroll 8")
#endif
#if !defined(__SSE2__) && !defined(__aarch64__)
#define FW_MATCH_SCALAR 1
#endif

#if defined(FW_MATCH_SCALAR)
#define FW_LESS_BORROW(a, b, borrow) \
	fw_sign((~(a) & (b)) | (~((a) ^ (b)) & ((a) - (b) - (borrow))))
#define FW_LESS(a, b) FW_LESS_BORROW(a, b, 0)
#else
#define FW_LESS(a, b) ((a) < (b))
#endif

#define FW_INLINE static inline __attribute__((always_inline))

#if defined(FW_BPF)
/* The image is aligned there, and all in it is aligned to its size. */
#define FW_LOAD(bits) \
FW_INLINE uint##bits##_t \
fw_load##bits(const void *p) \
{ \
	return *(const uint##bits##_t *)p; \
}
#elif __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FW_LOAD(bits) \
FW_INLINE uint##bits##_t \
fw_load##bits(const void *p) \
{ \
	uint##bits##_t v; \
\
	__builtin_memcpy(&v, p, sizeof(v)); \
	return v; \
}
#else
#define FW_LOAD(bits) \
FW_INLINE uint##bits##_t \
fw_load##bits(const void *p) \
{ \
	return le##bits##_get(*(const le##bits *)p); \
}
#endif
FW_LOAD(16)
FW_LOAD(32)
FW_LOAD(64)

FW_INLINE uint32_t
fw_load8(const void *p)
{
	return *(const uint8_t *)p;
}

/* Of the caller's memory, which may be anywhere. */
FW_INLINE uint64_t
fw_bytes64(const uint8_t *p)
{
#if defined(FW_BPF)
	return le64_get(*(const le64 *)p);
#else
	return fw_load64(p);
#endif
}

FW_INLINE const uint8_t *
fw_at(const uint8_t *image, uint64_t off)
{
	return image + FW_OFF(off);
}

FW_INLINE uint32_t
fw_cell(const uint8_t *image, uint64_t array, uint32_t index)
{
	return fw_load16(fw_at(image, array + (uint64_t)index * 2));
}

/* Cells before a row of so many cells each. */
FW_INLINE uint32_t
fw_rows(uint32_t row, uint32_t cells)
{
	return row * cells;
}

/* --- nodes: keys below the value, before the first that is not; 0..keys --------------------- */

/* A value of 16 bits is as the probe has it. */

#if defined(FW_MATCH_SCALAR)

/* 1 where bit 63 is set. By arithmetic, not by a branch: the verifier follows both ways of one, and
 * the compiler must not find the compare behind it. */
FW_INLINE uint32_t
fw_sign(uint64_t v)
{
#if defined(FW_BPF)
	__asm__ volatile("" : "+r"(v));
#endif
	return (uint32_t)(v >> 63);
}

/* The first keys of a line. */
FW_INLINE uint32_t
fw_keys_v4(const uint8_t *node, int keys, uint32_t x)
{
	uint32_t n = 0;

	FW_LOOP
	for (int i = 0; i < keys; i++)
		n += fw_sign((uint64_t)(fw_load32(node + 4 * i) ^ 0x80000000u) - x);
	return n;
}

FW_INLINE uint32_t
fw_node_v4(const uint8_t *node, uint32_t x)
{
	return fw_keys_v4(node, WIRE_KEYS_V4, x);
}

FW_INLINE uint32_t
fw_leaf_v4(const uint8_t *leaf, uint32_t x)
{
	return fw_keys_v4(leaf, WIRE_GROUP_LEAF_V4, x);
}

FW_INLINE uint32_t
fw_node_u16(const uint8_t *node, uint32_t x)
{
	uint32_t n = 0;

	FW_LOOP
	for (int i = 0; i < WIRE_KEYS_U16; i++)
		n += fw_sign((uint64_t)(fw_load16(node + 2 * i) ^ 0x8000u) - x);
	return n;
}

#elif defined(__AVX512BW__)

typedef int32_t fw_v16i32 __attribute__((vector_size(64), may_alias, aligned(16)));
typedef int16_t fw_v32i16 __attribute__((vector_size(64), may_alias, aligned(16)));
typedef long long fw_v8i64 __attribute__((vector_size(64), may_alias, aligned(16)));
typedef int16_t fw_v8i16 __attribute__((vector_size(16), may_alias));
typedef char fw_v16i8 __attribute__((vector_size(16)));

enum { FW_CMP_EQUAL = 0, FW_CMP_MORE = 6 };

/* A node is one vector, and the second operand: that one may lie in memory. */
FW_INLINE uint32_t
fw_keys_v4(const uint8_t *node, unsigned keys, uint32_t x)
{
	fw_v16i32 v = (fw_v16i32){ 0 } + (int32_t)(x ^ 0x80000000u);

	return (uint32_t)__builtin_popcount((uint16_t)__builtin_ia32_cmpd512_mask(
	    v, *(const fw_v16i32 *)node, FW_CMP_MORE, (uint16_t)((1u << keys) - 1)));
}

FW_INLINE uint32_t
fw_node_v4(const uint8_t *node, uint32_t x)
{
	return fw_keys_v4(node, WIRE_KEYS_V4, x);
}

FW_INLINE uint32_t
fw_leaf_v4(const uint8_t *leaf, uint32_t x)
{
	return fw_keys_v4(leaf, WIRE_GROUP_LEAF_V4, x);
}

FW_INLINE uint32_t
fw_node_u16(const uint8_t *node, uint32_t x)
{
	fw_v32i16 v = (fw_v32i16){ 0 } + (int16_t)x;

	return (uint32_t)__builtin_popcount((uint32_t)__builtin_ia32_cmpw512_mask(
	    v, *(const fw_v32i16 *)node, FW_CMP_MORE, UINT32_MAX));
}

FW_INLINE uint32_t
fw_keys_v6(const uint8_t *node, int keys, uint64_t x)
{
	fw_v8i64 v = (fw_v8i64){ 0 } + (long long)x;

	return (uint32_t)__builtin_popcount((uint8_t)__builtin_ia32_ucmpq512_mask(
	    v, *(const fw_v8i64 *)node, FW_CMP_MORE, (uint8_t)((1u << keys) - 1)));
}

#elif defined(__SSE2__)

typedef int32_t fw_v4i32 __attribute__((vector_size(16), may_alias));
typedef int16_t fw_v8i16 __attribute__((vector_size(16), may_alias));
typedef char fw_v16i8 __attribute__((vector_size(16)));

/* Keys ascend, so lanes that are below are the first ones. */
FW_INLINE uint32_t
fw_node_v4(const uint8_t *node, uint32_t x)
{
	const fw_v4i32 *k = (const fw_v4i32 *)node;
	fw_v4i32 v = (fw_v4i32){ 0 } + (int32_t)(x ^ 0x80000000u);
	fw_v8i16 lo = __builtin_ia32_packssdw128(v > k[0], v > k[1]);
	fw_v8i16 hi = __builtin_ia32_packssdw128(v > k[2], v > k[3]);
	fw_v16i8 all = __builtin_ia32_packsswb128(lo, hi);

	return (uint32_t)__builtin_ctz(~(uint32_t)__builtin_ia32_pmovmskb128(all));
}

FW_INLINE uint32_t
fw_leaf_v4(const uint8_t *leaf, uint32_t x)
{
	const fw_v4i32 *k = (const fw_v4i32 *)leaf;
	fw_v4i32 v = (fw_v4i32){ 0 } + (int32_t)(x ^ 0x80000000u);
	fw_v8i16 lo = __builtin_ia32_packssdw128(v > k[0], v > k[1]);
	fw_v8i16 hi = __builtin_ia32_packssdw128(v > k[2], (fw_v4i32){ 0 });
	fw_v16i8 all = __builtin_ia32_packsswb128(lo, hi);
	uint32_t sets = ~0u << WIRE_GROUP_LEAF_V4;	/* no keys */

	return (uint32_t)__builtin_ctz(~(uint32_t)__builtin_ia32_pmovmskb128(all) | sets);
}

FW_INLINE uint32_t
fw_node_u16(const uint8_t *node, uint32_t x)
{
	const fw_v8i16 *k = (const fw_v8i16 *)node;
	fw_v8i16 v = (fw_v8i16){ 0 } + (int16_t)x;
	fw_v16i8 lo = __builtin_ia32_packsswb128(v > k[0], v > k[1]);
	fw_v16i8 hi = __builtin_ia32_packsswb128(v > k[2], v > k[3]);
	uint64_t below = (uint32_t)__builtin_ia32_pmovmskb128(lo) |
	    (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128(hi) << 16;

	return (uint32_t)__builtin_ctzll(~below);
}

#else

typedef int32_t fw_v4i32 __attribute__((vector_size(16), may_alias));
typedef int16_t fw_v8i16 __attribute__((vector_size(16), may_alias));
typedef uint64_t fw_v2u64 __attribute__((vector_size(16)));

/* Sum of all lanes; each is below 256 and at least 16 bits wide. */
FW_INLINE uint32_t
fw_lanes(fw_v2u64 v)
{
	uint64_t sum = v[0] + v[1];

	sum += sum >> 32;
	sum += sum >> 16;
	return (uint32_t)sum & 0xff;
}

FW_INLINE uint32_t
fw_node_v4(const uint8_t *node, uint32_t x)
{
	const fw_v4i32 *k = (const fw_v4i32 *)node;
	fw_v4i32 v = (fw_v4i32){ 0 } + (int32_t)(x ^ 0x80000000u);

	/* A true lane is all ones, which is -1. */
	fw_v4i32 sum = ((v > k[0]) + (v > k[1])) + ((v > k[2]) + (v > k[3]));
	return fw_lanes((fw_v2u64)-sum);
}

FW_INLINE uint32_t
fw_leaf_v4(const uint8_t *leaf, uint32_t x)
{
	const fw_v4i32 *k = (const fw_v4i32 *)leaf;
	fw_v4i32 v = (fw_v4i32){ 0 } + (int32_t)(x ^ 0x80000000u);
	fw_v4i32 last = (v > k[2]) & (fw_v4i32){ -1, -1, 0, 0 };	/* then sets */

	return fw_lanes((fw_v2u64)-((v > k[0]) + (v > k[1]) + last));
}

FW_INLINE uint32_t
fw_node_u16(const uint8_t *node, uint32_t x)
{
	const fw_v8i16 *k = (const fw_v8i16 *)node;
	fw_v8i16 v = (fw_v8i16){ 0 } + (int16_t)x;
	fw_v8i16 sum = ((v > k[0]) + (v > k[1])) + ((v > k[2]) + (v > k[3]));

	return fw_lanes((fw_v2u64)-sum);
}

#endif

#if defined(FW_MATCH_SCALAR) || !defined(__AVX512BW__)
/* SSE2 has no 64-bit compare, and eight compares are soon done. keys is even. */
FW_INLINE uint32_t
fw_keys_v6(const uint8_t *node, int keys, uint64_t x)
{
	uint32_t even = 0, odd = 0;

	FW_UNROLL
	for (int i = 0; i < keys; i += 2) {
		even += FW_LESS(fw_load64(node + 8 * i), x);
		odd += FW_LESS(fw_load64(node + 8 * i + 8), x);
	}
	return even + odd;
}
#endif

FW_INLINE uint32_t
fw_node_v6(const uint8_t *node, uint64_t x)
{
	return fw_keys_v6(node, WIRE_KEYS_V6, x);
}

/* Whole addresses: upper halves from node, lower halves from low. */
FW_INLINE uint32_t
fw_keys_full(const uint8_t *node, const uint8_t *low, int keys, uint64_t hi, uint64_t lo)
{
	uint32_t n = 0;

	FW_UNROLL
	for (int i = 0; i < keys; i++) {
#if defined(FW_MATCH_SCALAR)
		uint64_t a = fw_load64(node + 8 * i), b = fw_load64(low + 8 * i);

		n += FW_LESS_BORROW(a, hi, FW_LESS(b, lo));
#elif defined(__SIZEOF_INT128__)
		n += ((unsigned __int128)fw_load64(node + 8 * i) << 64 | fw_load64(low + 8 * i)) <
		    ((unsigned __int128)hi << 64 | lo);
#else
		uint64_t a = fw_load64(node + 8 * i);

		n += a < hi || (a == hi && fw_load64(low + 8 * i) < lo);
#endif
	}
	return n;
}

#endif
