/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_dump - an image for people, and as one JSON object a line for programs.
 *
 * Every table is printed with its size and worst case; its rules once, under the first table that
 * has them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "image_build.h"
#include "image_read.h"
#include "verdict.h"

struct dump {
	const uint8_t *p;
	const struct image_symbols *symbols;
	FILE *out;
	bool json;
	uint32_t *first;	/* per body of the directory: table that printed it + 1 */
};

static const struct wire_image_hdr *
hdr(const struct dump *d)
{
	return (const struct wire_image_hdr *)d->p;
}

static const struct image_symbol *
symbol(const struct dump *d, uint32_t rule_id)
{
	return d->symbols != NULL ? image_symbol_find(d->symbols, rule_id) : NULL;
}

static void
json_text(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static uint32_t
body_index(const struct dump *d, uint32_t line)
{
	const struct wire_body *dir = (const struct wire_body *)(d->p +
	    (size_t)le32_get(hdr(d)->bodies_at) * WIRE_LINE);
	uint32_t i = 0;

	while (i < le32_get(hdr(d)->body_count) && le32_get(dir[i].line) != line)
		i++;
	CHECK(i < le32_get(hdr(d)->body_count));
	return i;
}

/* --- one table -------------------------------------------------------------------------------- */

static void
half_text(const struct dump *d, const struct image_view *v, unsigned dir, unsigned sub)
{
	const struct wire_half *h = image_view_half(v, dir, sub);
	uint32_t lines, loads;

	image_half_cost(h, v->groups, &lines, &loads);
	fprintf(d->out, "  %s %u: remote %u classes depth %u", dir_name((uint8_t)dir), sub + 1,
	    le16_get(h->remote_classes), h->remote_depth);
	if (h->low_depth > 0)
		fprintf(d->out, "+%u", h->low_depth);
	if (h->group != 0)
		fprintf(d->out, " and %u of groups", le16_get(h->group_classes));
	fprintf(d->out, " | dport %u depth %u | sport %u depth %u | vlan %u depth %u | services %u "
	    "| %u lines, %u loads\n", le16_get(h->dport_classes), h->dport_depth,
	    le16_get(h->sport_classes), h->sport_depth, le16_get(h->vlan_classes), h->vlan_depth,
	    le16_get(h->s_classes), lines, loads);
}

static void
table_text(const struct dump *d, const struct image_view *v, const char *name, uint32_t before)
{
	const struct wire_half *h = image_view_half(v, 0, 0);
	uint32_t lines, loads, bytes = le32_get(h->body_bytes);

	image_body_cost(v->body, v->groups, &lines, &loads);
	fprintf(d->out, "table %s (v%u)  %u rules  %u+%u sub-tables  %u.%u KiB  %u lines\n", name,
	    h->family, image_view_rules(v), h->subs, image_view_half(v, 1, 0)->subs, bytes / 1024,
	    bytes % 1024 * 10 / 1024, lines);
	if (before != 0) {
		fprintf(d->out, "  same rules as table %u\n", before);
		return;
	}
	for (unsigned dir = 0; dir < 2; dir++)
		for (unsigned i = 0; i < image_view_half(v, dir, 0)->subs; i++)
			half_text(d, v, dir, i);
	fprintf(d->out, "  every packet: %u dependent loads; at L2 3.5 ns <= %u ns, at L3 12 ns <= "
	    "%u ns, compares not counted\n", loads, loads * 35 / 10, loads * 12);
}

static void
table_json(const struct dump *d, const struct image_view *v, const char *name, uint32_t number,
    uint32_t before)
{
	const struct wire_half *h = image_view_half(v, 0, 0);
	uint32_t lines, loads;

	image_body_cost(v->body, v->groups, &lines, &loads);
	fprintf(d->out, "{\"scope\":\"table\",\"table\":%u,\"local\":\"%s\",\"family\":%u,"
	    "\"rules\":%u,\"sub_tables\":[%u,%u],\"bytes\":%u,\"lines_max\":%u,\"loads_max\":%u,"
	    "\"same_as\":%u}\n", number, name, h->family, image_view_rules(v), h->subs,
	    image_view_half(v, 1, 0)->subs, le32_get(h->body_bytes), lines, loads, before);
}

static void
action_text(const struct dump *d, const struct image_action *a, uint32_t index, bool is_default)
{
	const struct image_symbol *s = symbol(d, a->rule_id);

	if (is_default)
		fprintf(d->out, "  default");
	else
		fprintf(d->out, "  %7u", index);
	fprintf(d->out, "  %s", verdict_name(a->verdict));
	if (a->verdict == WIRE_PASS)
		fprintf(d->out, " state %s", state_name(a->state));
	else
		fprintf(d->out, " mode %s", mode_name(a->mode));
	if (a->counter != WIRE_COUNTER_NONE)
		fprintf(d->out, " counter %u", a->counter);
	fprintf(d->out, "%s  rule %u", a->log ? " log" : "", a->rule_id);
	if (s != NULL)
		fprintf(d->out, "  %s:%u:%u  segment %s", s->file, s->line, s->col, s->segment);
	fputc('\n', d->out);
}

static void
action_json(const struct dump *d, const struct image_action *a, uint32_t table, uint32_t index,
    bool is_default)
{
	const struct image_symbol *s = symbol(d, a->rule_id);

	fprintf(d->out, "{\"scope\":\"rule\",\"table\":%u,\"index\":%u,\"default\":%s,"
	    "\"verdict\":\"%s\",\"mode\":\"%s\",\"state\":\"%s\",\"log\":%s,\"rule_id\":%u", table,
	    index, is_default ? "true" : "false", verdict_name(a->verdict), mode_name(a->mode),
	    state_name(a->state), a->log ? "true" : "false", a->rule_id);
	if (a->counter != WIRE_COUNTER_NONE)
		fprintf(d->out, ",\"counter\":%u", a->counter);
	if (s != NULL) {
		fprintf(d->out, ",\"file\":");
		json_text(d->out, s->file);
		fprintf(d->out, ",\"line\":%u,\"col\":%u,\"segment\":", s->line, s->col);
		json_text(d->out, s->segment);
	}
	fprintf(d->out, "}\n");
}

/* Tables are numbered from 1 in the order they are printed. */
static void
table_dump(const struct dump *d, const struct addr *local, uint8_t family, uint32_t number)
{
	char name[ADDR_TEXT_BYTES] = "none";
	struct image_view v;
	uint32_t body, before, rules;

	if (!image_view_open(&v, d->p, local, family))
		return;
	if (local->family != 0)
		addr_print(local, name);
	body = body_index(d, v.line);
	before = d->first[body];
	rules = image_view_rules(&v);
	if (d->json)
		table_json(d, &v, name, number, before);
	else
		table_text(d, &v, name, before);
	if (before != 0)
		return;
	d->first[body] = number;
	for (uint32_t i = 0; i <= rules; i++) {
		struct image_action a;

		image_view_action(&v, i, &a);
		if (d->json)
			action_json(d, &a, number, i, i == rules);
		else
			action_text(d, &a, i, i == rules);
	}
}

/* --- all -------------------------------------------------------------------------------------- */

static void
groups_dump(const struct dump *d, uint8_t family)
{
	const struct wire_groups *g = image_groups(d->p, family);
	uint32_t keys, sets, bytes;

	if (g == NULL)
		return;
	keys = le32_get(g->keys);
	sets = le32_get(g->sets);
	bytes = le32_get(g->bytes);
	if (d->json)
		fprintf(d->out, "{\"scope\":\"groups\",\"family\":%u,\"boundaries\":%u,"
		    "\"sets\":%u,\"bytes\":%u,\"lines\":%u,\"loads\":%u}\n", family, keys, sets,
		    bytes, image_groups_lines(g), g->depth + 2u);
	else
		fprintf(d->out, "groups (v%u): %u boundaries, %u sets, %u.%u KiB, %u lines\n",
		    family, keys, sets, bytes / 1024, bytes % 1024 * 10 / 1024,
		    image_groups_lines(g));
}

static void
total_dump(const struct dump *d)
{
	const struct wire_image_hdr *h = hdr(d);

	if (d->json) {
		fprintf(d->out, "{\"scope\":\"nic\",\"version\":%u,\"tables\":%u,\"lists\":%u,"
		    "\"rules\":%u,\"counters\":%u,\"bytes\":%u,\"lines_max\":%u,\"loads_max\":%u,"
		    "\"unsegmented\":\"%s\",\"non_ip\":\"%s\",\"fragments_drop\":%s,"
		    "\"midstream_drop\":%s,\"live_flows_drain\":%s}\n", le32_get(h->version),
		    le32_get(h->table_count), le32_get(h->list_count), le32_get(h->rule_count),
		    le32_get(h->counter_count), le32_get(h->bytes), le16_get(h->lines_max),
		    le16_get(h->loads_max), verdict_name(h->unsegmented), verdict_name(h->non_ip),
		    h->flags & WIRE_IMAGE_FRAGMENTS_DROP ? "true" : "false",
		    h->flags & WIRE_IMAGE_MIDSTREAM_DROP ? "true" : "false",
		    h->flags & WIRE_IMAGE_FLOWS_DRAIN ? "true" : "false");
		return;
	}
	fprintf(d->out, "nic: %u tables of %u lists, %u rules, %u counters, %u KiB; worst table %u "
	    "lines, %u dependent loads\n", le32_get(h->table_count), le32_get(h->list_count),
	    le32_get(h->rule_count), le32_get(h->counter_count), le32_get(h->bytes) / 1024,
	    le16_get(h->lines_max), le16_get(h->loads_max));
	fprintf(d->out, "defaults: unsegmented %s, non-ip %s, fragments %s, midstream %s, "
	    "live flows %s\n", verdict_name(h->unsegmented), verdict_name(h->non_ip),
	    h->flags & WIRE_IMAGE_FRAGMENTS_DROP ? "drop" : "follow-first",
	    h->flags & WIRE_IMAGE_MIDSTREAM_DROP ? "drop" : "pick-up",
	    h->flags & WIRE_IMAGE_FLOWS_DRAIN ? "drain" : "cut");
}

enum rc
image_dump(const uint8_t *p, size_t len, const struct image_symbols *symbols, bool json, FILE *out,
    struct diag *diag)
{
	struct dump d = { .p = p, .symbols = symbols, .out = out, .json = json };
	struct addr none = { 0 };
	uint32_t number = 0;

	CHECK(len >= sizeof(struct wire_image_hdr));
	d.first = calloc((size_t)le32_get(hdr(&d)->body_count) + 1, sizeof(*d.first));
	if (d.first == NULL) {
		diag_set(diag, "out-of-memory", "no memory to print %zu bytes of image", len);
		return RC_NOMEM;
	}
	table_dump(&d, &none, 4, ++number);
	table_dump(&d, &none, 6, ++number);
	for (uint32_t i = 0; i < le32_get(hdr(&d)->table_count); i++) {
		struct addr local = image_table_local(&image_tables(p)[i]);

		table_dump(&d, &local, local.family, ++number);
	}
	groups_dump(&d, 4);
	groups_dump(&d, 6);
	total_dump(&d);
	free(d.first);
	return RC_OK;
}
