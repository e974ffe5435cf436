/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_shared - words and bytes in memory that the other side may change at any time.
 * Does:    one load or store each, ordered; copies out that read each byte exactly once, so that
 *          what was checked is what is used.
 * Limits:  32-bit words stand on addresses that divide by 4.
 * Context: host, firmware; the memory is little-endian.
 */
#ifndef WIRE_SHARED_H
#define WIRE_SHARED_H

#include "wire_types.h"

typedef uint32_t __attribute__((may_alias)) wire_word32;
typedef uint64_t __attribute__((may_alias)) wire_word64;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WIRE_HOST32(v) (v)
#else
#define WIRE_HOST32(v) __builtin_bswap32(v)
#endif

/* What the other side stored before this word is seen after it. */
static inline uint32_t
wire_load32(const void *p)
{
	return WIRE_HOST32(__atomic_load_n((const wire_word32 *)p, __ATOMIC_ACQUIRE));
}

/* What was stored before is seen by who loads this word. */
static inline void
wire_store32(void *p, uint32_t v)
{
	__atomic_store_n((wire_word32 *)p, WIRE_HOST32(v), __ATOMIC_RELEASE);
}

static inline void
wire_or32(void *p, uint32_t bits)
{
	__atomic_fetch_or((wire_word32 *)p, WIRE_HOST32(bits), __ATOMIC_SEQ_CST);
}

/* Takes the word and leaves 0. */
static inline uint32_t
wire_take32(void *p)
{
	return WIRE_HOST32(__atomic_exchange_n((wire_word32 *)p, 0, __ATOMIC_SEQ_CST));
}

static inline void
wire_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* from is shared: every byte is read once, never again. */
static inline void
wire_copy_out(void *to, const void *from, size_t len)
{
	const volatile uint8_t *f = from;
	uint8_t *t = to;

	if ((((uintptr_t)from | (uintptr_t)to) & 7) == 0) {
		for (; len >= 8; len -= 8, f += 8, t += 8)
			*(wire_word64 *)(void *)t =
			    *(const volatile wire_word64 *)(const volatile void *)f;
	}
	for (; len > 0; len--)
		*t++ = *f++;
}

/* to is shared: no byte of it is ever read back. */
static inline void
wire_copy_in(void *to, const void *from, size_t len)
{
	volatile uint8_t *t = to;
	const uint8_t *f = from;

	if ((((uintptr_t)from | (uintptr_t)to) & 7) == 0) {
		for (; len >= 8; len -= 8, f += 8, t += 8)
			*(volatile wire_word64 *)(volatile void *)t =
			    *(const wire_word64 *)(const void *)f;
	}
	for (; len > 0; len--)
		*t++ = *f++;
}

#endif
