/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_mem - the memory calls of the C library that compilers emit by themselves.
 * Does:    declares them for fw/, which has no libc headers; bare targets link fw_mem.c, hosts
 *          their own library.
 * Context: pure.
 */
#ifndef FW_MEM_H
#define FW_MEM_H

#include "wire_types.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Freestanding, the plain name is a call whatever the size is: of a library that copies 16 bytes
 * with a string instruction. The builtin is two moves there. The prover knows only the plain
 * ones. */
#ifndef FW_MEM_PLAIN
#define memcpy(to, from, n) __builtin_memcpy(to, from, n)
#define memmove(to, from, n) __builtin_memmove(to, from, n)
#define memset(to, value, n) __builtin_memset(to, value, n)
#define memcmp(a, b, n) __builtin_memcmp(a, b, n)
#endif

#endif
