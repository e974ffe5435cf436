/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bill_prop - the bill adds up: over its lines, rules, counters, bytes and cache lines are the
 * image's own; twice the same; and the line of a rule that decides pays.
 */
#include "t.h"

#include "gen_sets.h"
#include "pol_bill.h"
#include "pol_image.h"
#include "wire_image.h"

enum { POLICIES = 400 };

static struct gen gen;
static struct diags diags;
static struct arena arena;

static bool
sums_hold(const struct pol_image *image, const struct pol_bill *b)
{
	struct pol_bill_item sum = { .file = "" };
	struct image_info info;

	image_info_get(image->bytes, image->len, &info);
	for (uint32_t i = 0; i < b->count; i++) {
		sum.rules += b->items[i].rules;
		sum.counters += b->items[i].counters;
		sum.bytes += b->items[i].bytes;
		sum.lines += b->items[i].lines;
	}
	return sum.rules == info.rules && sum.counters == info.counters &&
	    sum.bytes == image->len && sum.lines == image->len / 64 &&
	    sum.rules == b->total.rules && sum.counters == b->total.counters &&
	    sum.bytes == b->total.bytes && sum.lines == b->total.lines;
}

static const struct pol_bill_item *
item_of(const struct pol_bill *b, const char *file, uint32_t line)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (b->items[i].line == line && strcmp(b->items[i].file, file) == 0)
			return &b->items[i];
	return NULL;
}

/* Items in order, none twice; a rule that decides is packed and pays. */
static bool
lines_hold(const struct pol_rules *r, const struct pol_image *image, const struct pol_bill *b)
{
	for (uint32_t i = 1; i < b->count; i++) {
		int c = strcmp(b->items[i - 1].file, b->items[i].file);

		if (c > 0 || (c == 0 && b->items[i - 1].line >= b->items[i].line))
			return false;
	}
	if (b->count == 0 || b->items[0].file[0] != '\0' || b->items[0].bytes == 0)
		return false;
	for (uint32_t i = 0; i < r->rule_count; i++) {
		const struct pol_pos *p = &r->rules[i].pos;
		const struct pol_bill_item *it = item_of(b, r->files[p->file], p->line);

		if (image->proof.decides[i] && (it == NULL || it->rules == 0 || it->bytes < 16))
			return false;
	}
	return true;
}

static bool
bill_holds(const struct pol_rules *r, unsigned passes)
{
	struct pol_bill b, again;
	struct pol_image image;
	bool good;

	if (pol_image_make(r, passes, &arena, &image, &diags) != RC_OK)
		return false;
	good = pol_bill_make(image.bytes, image.len, &image.symbols, &arena, &b) == RC_OK &&
	    pol_bill_make(image.bytes, image.len, &image.symbols, &arena, &again) == RC_OK &&
	    sums_hold(&image, &b) && lines_hold(r, &image, &b) && b.count == again.count;
	for (uint32_t i = 0; good && i < b.count; i++)
		good = b.items[i].bytes == again.items[i].bytes &&
		    b.items[i].lines == again.items[i].lines;
	pol_image_fini(&image);
	return good;
}

static void
random_policies(void)
{
	struct pol_rules r;

	for (unsigned long i = 0; i < t_tries(POLICIES); i++) {
		arena_reset(&arena);
		gen_rules(&gen, &arena, 1 + gen_below(&gen, 6), 40, &r);
		if (!T_OK(bill_holds(&r, (unsigned)i % (POL_PASS_ALL + 1))))
			break;
	}
}

/* A table of groups is most of such an image, and lines pay for it: no byte of it is left over. */
static bool
groups_pay(const struct pol_rules *r)
{
	const struct wire_image_hdr *h;
	struct pol_image image;
	struct pol_bill b;
	uint32_t at, table;
	bool good;

	if (pol_image_make(r, POL_PASS_ALL, &arena, &image, &diags) != RC_OK)
		return false;
	h = (const struct wire_image_hdr *)image.bytes;
	at = le32_get(h->groups_at[0]);
	table = at == 0 ? 0 : le32_get(((const struct wire_groups *)(image.bytes +
	    (size_t)at * WIRE_LINE))->bytes);
	good = table > 0 && pol_bill_make(image.bytes, image.len, &image.symbols, &arena,
	    &b) == RC_OK && b.items[0].file[0] == '\0' && b.items[0].bytes < table / 8;
	pol_image_fini(&image);
	return good;
}

static void
whole_nics(void)
{
	struct pol_rules r;

	for (enum gen_set kind = GEN_PLAIN; kind < GEN_SET__COUNT; kind++) {
		arena_reset(&arena);
		gen_set_make(&gen, &arena, kind, 24, 1000, &r);
		T_OK(bill_holds(&r, POL_PASS_ALL));
		if (kind == GEN_FEED)
			T_OK(groups_pay(&r));
	}
}

/* What is printed: the dearest first, then the rest, then the total, each line as many bytes as
 * the total says. */
static void
printed(void)
{
	unsigned long rules, counters, bytes, lines, sum = 0, last = 0;
	char text[256], *buf = NULL;
	struct pol_image image;
	struct pol_rules r;
	struct pol_bill b;
	size_t len = 0, n = 0;
	FILE *f;

	arena_reset(&arena);
	gen_set_make(&gen, &arena, GEN_ACL, 4, 50, &r);
	if (!T_OK(pol_image_pack(&r, POL_PASS_ALL, &arena, &image, &diags) == RC_OK))
		return;
	T_OK(pol_bill_make(image.bytes, image.len, &image.symbols, &arena, &b) == RC_OK);
	f = open_memstream(&buf, &len);
	T_OK(f != NULL && pol_bill_print(&b, 10, false, f) == RC_OK);
	fclose(f);
	f = fmemopen(buf, len, "r");
	T_OK(f != NULL && fgets(text, sizeof(text), f) != NULL);
	while (fscanf(f, "%lu %lu %lu %lu %255s", &rules, &counters, &bytes, &lines, text) == 5) {
		if (++n == 12)
			break;
		T_OK(n == 1 || n == 11 || bytes <= last);
		last = bytes;
		sum += bytes;
	}
	T_IS_UINT(n, 12);
	T_IS_STR(text, "total");
	T_IS_UINT(sum, image.len);
	T_IS_UINT(bytes, image.len);
	fclose(f);
	free(buf);
	pol_image_fini(&image);
}

int
main(void)
{
	gen.state = t_seed();
	arena_init(&arena, (size_t)256 << 20);
	if (!diags_init(&diags))
		return 1;
	T_RUN(random_policies);
	T_RUN(whole_nics);
	T_RUN(printed);
	diags_fini(&diags);
	arena_fini(&arena);
	return t_done();
}
