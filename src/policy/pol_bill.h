/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_bill - what each line of the source costs in an image: rules, counters, bytes, cache lines.
 * Does:    charges a checked image to the lines its symbols name. Cells of the last product and
 *          actions belong to one rule and are charged to its line; what rules of a table share
 *          (trees, classes, products) is split over them by the cells they have; a local IP's
 *          record and its share of the hash go to the line of its default; a group table is split
 *          over the rules that are too large for tables of their own, by their ranges. Header, and
 *          what no line can be found for, are an item without a file.
 * Shape:   items by file and line; every sum equals the image's total, remainders included: a
 *          share is the difference of two rounded running sums.
 * Memory:  in the arena; borrows the file names of the symbols.
 * Context: pure; any process that has image and symbols.
 */
#ifndef POL_BILL_H
#define POL_BILL_H

#include "image.h"

struct pol_bill_item {
	const char *file;		/* "" = of no line */
	uint32_t line;
	uint32_t rules, counters;
	uint64_t bytes;
	uint32_t lines;			/* of the cache, 64 B each */
};

struct pol_bill {
	struct pol_bill_item *items;
	uint32_t count;
	struct pol_bill_item total;
};

MUST_CHECK enum rc pol_bill_make(const uint8_t *image, size_t len,
    const struct image_symbols *symbols, struct arena *a, struct pol_bill *out);

/* Of one table, by its index as image_profile_fits tells it: its body only. */
MUST_CHECK enum rc pol_bill_table(const uint8_t *image, uint32_t table,
    const struct image_symbols *symbols, struct arena *a, struct pol_bill *out);

/* The dearest lines first, at most max of them, then the rest as one, then the total. json: one
 * object a line, the total last. */
MUST_CHECK enum rc pol_bill_print(const struct pol_bill *b, uint32_t max, bool json, FILE *out);

#endif
