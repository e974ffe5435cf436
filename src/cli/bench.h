/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - what a lookup costs on this machine: the timing of `ringfence bench`.
 * Does:    dependent lookups (a bit of the answer goes into the next packet), local-IP hash and
 *          action included; batches; a chase of as many dependent loads through as many bytes; a
 *          live flow's lookup. The clock's own cost is measured and taken off.
 * Shape:   packets are measured BENCH_RUNS times, each time behind once that is not counted; of
 *          each stretch of 1,024 counts the time in which it took least, whole. p50, p99 and mean
 *          are of the same lookups, ticks of the clock interpolated. A stretch in which another
 *          program had the processor is measured again, within bounds.
 * Units:   nanoseconds a packet.
 * Memory:  borrows image and asks.
 */
#ifndef BENCH_H
#define BENCH_H

#include "board.h"
#include "fw_match.h"

enum { BENCH_RUNS = 5, BENCH_ASKS_MAX = 1 << 14 };

/* One packet, from one local IP. */
struct bench_ask {
	_Alignas(WIRE_LINE) uint8_t local[16];
	struct fw_key key;
};

struct bench_times {
	double p50, p99, mean;
};

void bench_walk(const uint8_t *image, const struct bench_ask *asks, uint32_t count,
    struct bench_times *out);
/* A mean of fw_match_batch. */
double bench_batch(const uint8_t *image, const struct bench_ask *asks, uint32_t count);
/* loads dependent loads, a mean over the packets, in a random cycle over bytes; 0 where there is no
 * memory. */
double bench_chase(size_t bytes, double loads);
/* p50 of finding a live flow: those of asks are opened in the board's table first. */
double bench_flow(struct board *b, const struct bench_ask *asks, uint32_t count);

#endif
