/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passes - what each pass saves: bytes of the image, rules in its tables, and time to build and
 * encode it, all on, each off, and none. 5,000 rules in 48 tables of several kinds; "loops" is 50
 * lines that each write 100 rules, which differ in the peer or in the port.
 */
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "gen_sets.h"
#include "pol_image.h"

enum { TABLES = 48, RULES = 5000, A_LINE = 100, LOOPS = GEN_SET__COUNT };

static const char *const names[] = { "plain", "acl", "firewall", "chain", "groups", "feed",
	"loops" };

/* Every A_LINE rules of one segment get one place, and differ in one field. */
static void
loops_make(struct gen *g, struct arena *a, struct pol_rules *r)
{
	gen_rules_large(g, a, TABLES, RULES, r);
	for (uint32_t i = 0; i < r->rule_count; i++) {
		struct pol_rule *p = &r->rules[i];
		uint32_t line = i / A_LINE;
		const struct pol_rule *first = &r->rules[line * A_LINE];

		p->pos = (struct pol_pos){ 1, 10 + line, 3, i };
		p->segment = line % TABLES;
		p->dir = first->dir;
		p->deny = first->deny;
		if (line % 2 == 0)
			p->services = first->services;
		else
			p->peer = first->peer;
	}
}

static void
run(const struct pol_rules *r, const char *name, unsigned variant)
{
	unsigned off = variant == 0 ? 0 : 1u << (variant - 1);
	unsigned passes = variant > POL_PASS_COUNT ? 0 : POL_PASS_ALL & ~off;
	struct pol_image image;
	struct diags diags;
	struct arena a;
	uint64_t start;

	arena_init(&a, (size_t)1 << 30);
	CHECK(diags_init(&diags));
	start = clock_mono_ns();
	if (pol_image_pack(r, passes, &a, &image, &diags) == RC_OK) {
		struct image_info info;

		image_info_get(image.bytes, image.len, &info);
		printf("passes:  %-8s %s%-9s %8zu bytes %5" PRIu32 " rules %5" PRIu64 " ms\n",
		    name, off != 0 && passes != 0 ? "without " : "", passes == 0 ? "none" :
		    off == 0 ? "all" : pol_pass_names[variant - 1], image.len, info.rules,
		    (clock_mono_ns() - start) / 1000000);
		pol_image_fini(&image);
	} else {
		printf("passes:  %-8s variant %u: %s\n", name, variant, diags.items[0].text);
	}
	diags_fini(&diags);
	arena_fini(&a);
}

int
main(void)
{
	for (unsigned kind = 0; kind <= LOOPS; kind++) {
		struct gen gen = { 7 };
		struct pol_rules r;
		struct arena a;

		arena_init(&a, (size_t)1 << 30);
		if (kind == LOOPS)
			loops_make(&gen, &a, &r);
		else
			gen_set_make(&gen, &a, (enum gen_set)kind, TABLES, RULES, &r);
		for (unsigned variant = 0; variant <= POL_PASS_COUNT + 1; variant++)
			run(&r, names[kind], variant);
		arena_fini(&a);
	}
	return 0;
}
