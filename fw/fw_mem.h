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

#endif
