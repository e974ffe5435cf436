/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_list - what a policy directory becomes, as text: messages on standard error, rules on
 * standard output. Exit 0 where it compiles, 1 where not.
 * usage: pol_list [-g] [-b BASE] DIR
 *        -g: with the rules of the built-in guard; -b: builds and packs too, BASE.opt being the
 *        rules of each table in the order of match, BASE.table the image read back.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pol.h"
#include "str.h"
#include "verdict.h"

enum { ARENA_BYTES_MAX = 512 << 20 };

static const char *const stage_names[POL_STAGE__COUNT] = { "guard", "infra", "app", "default" };

static void
print_set(FILE *f, const char *what, const struct addr_set *s)
{
	fprintf(f, " %s", what);
	for (uint32_t i = 0; i < s->count; i++) {
		char text[2 * ADDR_TEXT_BYTES];

		addr_range_print(&s->ranges[i], text);
		fprintf(f, "%s%s", i == 0 ? " " : ",", text);
	}
	if (s->count == 0)
		fprintf(f, " (none)");
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
	print_set(stdout, rule->dir == WIRE_IN ? "from" : "to", &rule->peer);
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
		print_set(stdout, "ip", &w->ips);
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
			print_set(stdout, "members", &s->members);
		if (!s->members_all)
			printf("\n");
	}
	for (uint32_t i = 0; i < r->rule_count; i++)
		if (guard || strcmp(r->files[r->rules[i].pos.file], "<guard>") != 0)
			print_rule(r, &r->rules[i]);
}

/* --- what is built --------------------------------------------------------------------------- */

static void
print_services(FILE *f, const struct service *s, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char text[SERVICE_TEXT_BYTES];

		service_print(&s[i], text);
		fprintf(f, "%s%s", i == 0 ? " " : ",", text);
	}
}

static void
print_action(FILE *f, const struct image_action *a, const struct image_symbols *symbols)
{
	const struct image_symbol *s = image_symbol_find(symbols, a->rule_id);

	if (a->verdict == WIRE_PASS)
		fprintf(f, " pass %s", state_name(a->state));
	else
		fprintf(f, " drop %s", mode_name(a->mode));
	if (a->counter != WIRE_COUNTER_NONE)
		fprintf(f, " counter %u", a->counter);
	fprintf(f, "%s", a->log ? " log" : "");
	if (s != NULL)
		fprintf(f, " %s:%u:%u", s->file, s->line, s->col);
	fprintf(f, "\n");
}

/* Rules of the built-in guard are left out: they stand first in every table. */
static void
print_list(FILE *f, const struct image_list *l, const struct image_symbols *symbols)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const struct image_rule *r = l->rules[i];
		const struct image_symbol *s = image_symbol_find(symbols, r->action.rule_id);

		if (s != NULL && strcmp(s->file, "<guard>") == 0)
			continue;
		fprintf(f, "  %s", r->dir == WIRE_IN ? "in " : "out");
		print_services(f, r->services, r->service_count);
		print_set(f, r->dir == WIRE_IN ? "from" : "to", &r->peer);
		for (uint32_t k = 0; k < r->vlan_count; k++)
			fprintf(f, "%s%u-%u", k == 0 ? " vlan " : ",", r->vlans[k].lo,
			    r->vlans[k].hi);
		print_action(f, &r->action, symbols);
	}
	fprintf(f, "  default");
	print_action(f, &l->deflt, symbols);
}

static void
print_tables(FILE *f, const struct image_input *in, const struct image_symbols *symbols)
{
	for (uint32_t i = 0; i < in->table_count; i++) {
		const struct image_table *t = &in->tables[i];
		char local[ADDR_TEXT_BYTES] = "none";
		uint32_t before = 0;

		while (in->tables[before].list != t->list)
			before++;
		if (t->local.family != 0)
			addr_print(&t->local, local);
		fprintf(f, "table %u %s", i + 1, local);
		if (before < i) {
			fprintf(f, " as table %u\n", before + 1);
			continue;
		}
		fprintf(f, "\n");
		print_list(f, &in->lists[t->list], symbols);
	}
}

static FILE *
open_view(const char *base, const char *suffix)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s.%s", base, suffix);
	f = fopen(path, "w");
	if (f == NULL) {
		perror(path);
		exit(2);
	}
	return f;
}

static enum rc
build(const struct pol_rules *rules, const char *base, struct arena *a, struct diags *diags)
{
	struct image_symbols symbols;
	struct image_input in;
	struct diag diag = { .level = DIAG_NONE };
	uint8_t *image = NULL;
	size_t len = 0;
	FILE *opt, *table;
	enum rc rc;

	rc = pol_build(rules, POL_PASS_ALL, a, &in, &symbols, diags);
	if (rc != RC_OK)
		return rc;
	rc = image_encode(&in, &image, &len, &diag);
	if (rc == RC_OK)
		rc = image_check(image, len, &diag);
	if (rc == RC_OK) {
		opt = open_view(base, "opt");
		table = open_view(base, "table");
		print_tables(opt, &in, &symbols);
		rc = image_dump(image, len, &symbols, false, table, &diag);
		if (fclose(opt) != 0 || fclose(table) != 0)
			exit(2);
	}
	if (rc != RC_OK)
		diags_add(diags, &diag);
	free(image);
	return rc;
}

static void
usage(void)
{
	fprintf(stderr, "usage: pol_list [-g] [-b BASE] DIR\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	struct pol_sources sources;
	struct pol_rules rules;
	const char *base = NULL;
	struct diags diags;
	struct arena arena;
	bool guard = false;
	enum rc rc;
	int c;

	while ((c = getopt(argc, argv, "gb:")) != -1) {
		if (c == 'g')
			guard = true;
		else if (c == 'b')
			base = optarg;
		else
			usage();
	}
	if (argc - optind != 1 || !diags_init(&diags))
		usage();
	arena_init(&arena, ARENA_BYTES_MAX);
	rc = pol_sources_read(argv[optind], &arena, &sources, &diags);
	if (rc == RC_OK)
		rc = pol_eval(&sources, &arena, &rules, &diags);
	if (rc == RC_OK && base != NULL)
		rc = build(&rules, base, &arena, &diags);
	pol_sources_quote(&sources, &diags);
	diags_print(&diags, stderr);
	if (rc == RC_OK)
		print_rules(&rules, guard);
	diags_fini(&diags);
	arena_fini(&arena);
	return rc == RC_OK ? 0 : 1;
}
