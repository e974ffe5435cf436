/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_list - what a policy directory becomes, as text: messages on standard error, rules on
 * standard output. Exit 0 where it compiles, 1 where not.
 * usage: pol_list [-g] DIR   (-g: with the rules of the built-in guard)
 */
#include <stdio.h>
#include <string.h>

#include "pol.h"
#include "str.h"
#include "verdict.h"

enum { ARENA_BYTES_MAX = 512 << 20 };

static const char *const stage_names[POL_STAGE__COUNT] = { "guard", "infra", "app", "default" };

static void
print_set(const char *what, const struct addr_set *s)
{
	printf(" %s", what);
	for (uint32_t i = 0; i < s->count; i++) {
		char text[2 * ADDR_TEXT_BYTES];

		addr_range_print(&s->ranges[i], text);
		printf("%s%s", i == 0 ? " " : ",", text);
	}
	if (s->count == 0)
		printf(" (none)");
}

static void
print_rule(const struct pol_rules *r, const struct pol_rule *rule)
{
	printf("%s:%u:%u %s %s", r->files[rule->pos.file], rule->pos.line, rule->pos.col,
	    rule->dir == WIRE_IN ? "in" : "out", rule->deny ? "deny" : "allow");
	for (uint32_t i = 0; i < rule->service_count; i++) {
		char text[SERVICE_TEXT_BYTES];

		service_print(&rule->services[i].atom, text);
		printf("%s%s(%s)", i == 0 ? " " : ",", text, state_name(rule->services[i].state));
	}
	print_set(rule->dir == WIRE_IN ? "from" : "to", &rule->peer);
	for (uint32_t i = 0; i < rule->vlan_count; i++)
		printf("%s%u-%u", i == 0 ? " vlan " : ",", rule->vlans[i].lo, rule->vlans[i].hi);
	printf(" segment \"%s\" %s%s%s", r->segments[rule->segment].name, mode_name(rule->mode),
	    rule->count ? " count" : "", rule->log ? " log" : "");
	if (rule->why != NULL)
		printf(" why \"%s\"", rule->why);
	printf("\n");
}

static void
print_rules(const struct pol_rules *r, bool guard)
{
	const struct pol_defaults *d = &r->defaults;

	printf("files");
	for (uint32_t i = 0; i < r->file_count; i++)
		printf(" %s", r->files[i]);
	printf("\ndefaults unsegmented=%s non_ip=%s%s%s%s\n",
	    d->unsegmented == WIRE_PASS ? "pass" : "drop",
	    d->non_ip == WIRE_PASS ? "pass" : "drop",
	    d->fragments_drop ? " fragments=drop" : "", d->midstream_drop ? " midstream=drop" : "",
	    d->live_flows_drain ? " live_flows=drain" : "");
	for (uint32_t i = 0; i < r->workload_count; i++) {
		const struct pol_workload *w = &r->workloads[i];

		printf("%s:%u:%u workload \"%s\"", r->files[w->pos.file], w->pos.line, w->pos.col,
		    w->name);
		print_set("ip", &w->ips);
		printf("\n");
	}
	for (uint32_t i = 0; i < r->segment_count; i++) {
		const struct pol_segment *s = &r->segments[i];

		if (!guard && strcmp(r->files[s->pos.file], "<guard>") == 0)
			continue;
		printf("%s:%u:%u segment \"%s\" %s %s", r->files[s->pos.file], s->pos.line,
		    s->pos.col,
		    s->name, stage_names[s->stage], mode_name(s->mode));
		if (s->members_all)
			printf(" members all\n");
		else
			print_set("members", &s->members);
		if (!s->members_all)
			printf("\n");
	}
	for (uint32_t i = 0; i < r->rule_count; i++)
		if (guard || strcmp(r->files[r->rules[i].pos.file], "<guard>") != 0)
			print_rule(r, &r->rules[i]);
}

int
main(int argc, char **argv)
{
	bool guard = argc == 3 && strcmp(argv[1], "-g") == 0;
	struct pol_sources sources;
	struct pol_rules rules;
	struct diags diags;
	struct arena arena;
	enum rc rc;

	if (argc != (guard ? 3 : 2) || !diags_init(&diags)) {
		fprintf(stderr, "usage: pol_list [-g] DIR\n");
		return 2;
	}
	arena_init(&arena, ARENA_BYTES_MAX);
	rc = pol_sources_read(argv[argc - 1], &arena, &sources, &diags);
	if (rc == RC_OK)
		rc = pol_eval(&sources, &arena, &rules, &diags);
	diags_print(&diags, stderr);
	if (rc == RC_OK)
		print_rules(&rules, guard);
	diags_fini(&diags);
	arena_fini(&arena);
	return rc == RC_OK ? 0 : 1;
}
