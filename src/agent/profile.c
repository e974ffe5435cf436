/* SPDX-License-Identifier: Apache-2.0 */
/* profile - see the header. */
#include "profile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pol_bill.h"
#include "wire_image.h"

enum { PROFILE_LINES_MAX = 5, PROFILE_ARENA_BYTES = 64 << 20 };

static int
dear_cmp(const void *pa, const void *pb)
{
	const struct pol_bill_item *a = pa, *b = pb;
	int c = strcmp(a->file, b->file);

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return c != 0 ? c : (a->line > b->line) - (a->line < b->line);
}

/* The dearest lines of a table, as far as a hint has room for them. */
static void
dear_tell(struct pol_bill *b, struct diag *d)
{
	char text[sizeof(d->hint) - 24];
	uint32_t named = 0;
	size_t at = 0;

	text[0] = '\0';
	qsort(b->items, b->count, sizeof(*b->items), dear_cmp);
	for (uint32_t i = 0; i < b->count && named < PROFILE_LINES_MAX; i++) {
		const struct pol_bill_item *it = &b->items[i];
		int n;

		if (it->file[0] == '\0' || it->bytes == 0)
			continue;
		n = snprintf(text + at, sizeof(text) - at, "%s%s:%" PRIu32 " (%" PRIu32
		    " rules, %" PRIu64 " bytes)", named > 0 ? ", " : "", it->file, it->line,
		    it->rules, it->bytes);
		if (n < 0 || (size_t)n >= sizeof(text) - at) {
			text[at] = '\0';
			break;
		}
		at += (size_t)n;
		if (named++ == 0)
			diag_place(d, it->file, it->line, 1);
	}
	if (named > 0)
		diag_hint(d, "its heaviest lines: %s", text);
}

enum rc
profile_fits(const uint8_t *image, const struct image_symbols *symbols,
    const struct image_profile *profile, struct diag *diag)
{
	char name[ADDR_TEXT_BYTES] = "packets without a local IP";
	struct image_cost cost;
	struct pol_bill bill;
	struct arena a;
	uint32_t table;

	if (image_profile_fits(image, profile, &table))
		return RC_OK;
	image_cost_at(image, table, &cost);
	if (table < le32_get(((const struct wire_image_hdr *)image)->table_count)) {
		struct addr local = image_local(image, table);

		addr_print(&local, name);
	}
	diag_set(diag, "nic-profile", "the table of %s costs a packet %" PRIu32 " lines and %"
	    PRIu32 " loads; the profile grants %" PRIu32 " lines and %" PRIu32 " loads%s", name,
	    cost.lines, cost.loads, profile->lines, profile->loads,
	    profile->lines == 0 || profile->loads == 0 ? " (0: any)" : "");
	arena_init(&a, PROFILE_ARENA_BYTES);
	/* without memory for the bill the refusal stands without it */
	if (pol_bill_table(image, table, symbols, &a, &bill) == RC_OK)
		dear_tell(&bill, diag);
	arena_fini(&a);
	return RC_LIMIT;
}
