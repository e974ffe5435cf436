/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes - bounded cursors over foreign bytes, reading and writing.
 * Does:    struct rd reads, struct wr writes, both latch failure: test once at the end.
 * Shape:   integers little-endian, or big-endian where the name says be.
 * Memory:  borrows the buffer for its own life. A failed read yields zero or NULL.
 */
#ifndef BYTES_H
#define BYTES_H

#include "base.h"

struct rd {
	const uint8_t *p;
	size_t len, pos;
	bool failed;
};

struct wr {
	uint8_t *p;
	size_t cap, pos;	/* pos <= cap always */
	bool failed;
};

void rd_init(struct rd *r, const void *p, size_t len);
uint8_t rd_u8(struct rd *r);
uint16_t rd_le16(struct rd *r);
uint32_t rd_le32(struct rd *r);
uint64_t rd_le64(struct rd *r);
uint16_t rd_be16(struct rd *r);
uint32_t rd_be32(struct rd *r);
/* Pointer to the next n bytes, which it passes; NULL and failed where fewer are left. */
const uint8_t *rd_bytes(struct rd *r, size_t n);
size_t rd_left(const struct rd *r);
/* All read and nothing failed. */
bool rd_done(const struct rd *r);

void wr_init(struct wr *w, void *p, size_t cap);
void wr_u8(struct wr *w, uint8_t v);
void wr_le16(struct wr *w, uint16_t v);
void wr_le32(struct wr *w, uint32_t v);
void wr_le64(struct wr *w, uint64_t v);
void wr_be16(struct wr *w, uint16_t v);
void wr_be32(struct wr *w, uint32_t v);
void wr_bytes(struct wr *w, const void *p, size_t n);
/* le32 length, then the bytes without the zero. */
void wr_text(struct wr *w, const char *s);
void wr_zero(struct wr *w, size_t n);

uint16_t get_le16(const void *p);
uint32_t get_le32(const void *p);
uint64_t get_le64(const void *p);
uint16_t get_be16(const void *p);
uint32_t get_be32(const void *p);
void put_le16(void *p, uint16_t v);
void put_le32(void *p, uint32_t v);
void put_le64(void *p, uint64_t v);
void put_be16(void *p, uint16_t v);
void put_be32(void *p, uint32_t v);

/* As memcmp() == 0, by words: of long runs that are mostly equal, where musl goes by bytes. Not for
 * secrets: the time tells. */
bool bytes_equal(const void *a, const void *b, size_t n);

/* Overwrites secrets; not removed by the optimiser. */
void mem_wipe(void *p, size_t n);

#endif
