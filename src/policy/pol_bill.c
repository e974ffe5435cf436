/* SPDX-License-Identifier: Apache-2.0 */
/* pol_bill - see the header. Decodes the image by itself: the layout is wire_image.h. */
#include "pol_bill.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "wire_image.h"

/* One for each symbol, and a last one for what has no line. */
struct charge {
	uint64_t bytes;
	uint32_t rules, counters;
};

struct work {
	const uint8_t *image;
	const struct wire_image_hdr *hdr;
	const struct image_symbols *symbols;
	struct charge *charges;
	struct arena *a;
};

static uint32_t
symbol_of(const struct work *w, uint32_t rule_id)
{
	const struct image_symbol *s = image_symbol_find(w->symbols, rule_id);

	return s == NULL ? w->symbols->count : (uint32_t)(s - w->symbols->items);
}

/* Where x of a whole of sum lies on bytes: neighbouring shares are differences of these. */
static uint64_t
share_end(uint64_t bytes, uint64_t x, uint64_t sum)
{
	CHECK(sum > 0 && x <= sum);
	return (uint64_t)((unsigned __int128)bytes * x / sum);
}

static const struct wire_half *
half_of(const uint8_t *body, unsigned dir, uint32_t sub)
{
	const struct wire_half *first = (const struct wire_half *)body + dir;

	return sub == 0 ? first : (const struct wire_half *)(body +
	    (size_t)le32_get(first->next) * WIRE_LINE) + (sub - 1);
}

/* Counts the cells of the last product by action; sub-tables may share a pool: it counts once. */
static void
cells_count(const uint8_t *body, uint32_t rules, uint64_t *cells)
{
	uint32_t seen[2 * WIRE_SUBS_MAX], seen_count = 0;

	for (unsigned dir = 0; dir < 2; dir++)
		for (uint32_t sub = 0; sub < half_of(body, dir, 0)->subs; sub++) {
			const struct wire_half *h = half_of(body, dir, sub);
			bool cut = h->m_shift > 0;
			uint32_t at = le32_get(cut ? h->mp_at : h->m_at);
			const uint8_t *p = body + (size_t)at * WIRE_LINE;
			size_t n = cut ? (size_t)le32_get(h->m_segments) << h->m_shift :
			    (size_t)le16_get(h->remote_classes) * le16_get(h->m_row);
			bool again = false;

			for (uint32_t i = 0; i < seen_count; i++)
				again = again || seen[i] == at;
			if (again)
				continue;
			seen[seen_count++] = at;
			for (size_t i = 0; i < n; i++)
				cells[MIN((uint32_t)(p[2 * i] | p[2 * i + 1] << 8), rules)]++;
		}
}

/* Bytes of one body, over its actions; the last is the default. */
static enum rc
body_charge(struct work *w, uint32_t line)
{
	const uint8_t *body = w->image + (size_t)line * WIRE_LINE;
	const struct wire_half *first = half_of(body, 0, 0);
	const struct wire_action *actions = (const struct wire_action *)(body +
	    (size_t)le32_get(first->actions_at) * WIRE_LINE);
	uint32_t rules = le16_get(first->rules);
	uint64_t bytes = le32_get(first->body_bytes), sum = 0, own = 0, at = 0;
	uint64_t *cells = arena_array(w->a, (size_t)rules + 1, sizeof(*cells));

	if (cells == NULL)
		return RC_NOMEM;
	cells_count(body, rules, cells);
	for (uint32_t i = 0; i <= rules; i++) {
		sum += cells[i] + 1;
		own += cells[i] * 2 + sizeof(*actions);
	}
	/* equal arrays of different kinds may be stored once: less is there than is owned */
	own = MIN(own, bytes);
	for (uint32_t i = 0; i <= rules; i++) {
		struct charge *c = &w->charges[symbol_of(w, le32_get(actions[i].rule_id))];
		uint64_t end = at + cells[i] + 1;

		c->bytes += share_end(bytes - own, end, sum) - share_end(bytes - own, at, sum);
		at = end;
	}
	at = 0;
	sum = 0;
	for (uint32_t i = 0; i <= rules; i++)
		sum += cells[i] * 2 + sizeof(*actions);
	for (uint32_t i = 0; i <= rules; i++) {
		struct charge *c = &w->charges[symbol_of(w, le32_get(actions[i].rule_id))];
		uint64_t end = at + cells[i] * 2 + sizeof(*actions);

		c->bytes += share_end(own, end, sum) - share_end(own, at, sum);
		at = end;
	}
	return RC_OK;
}

struct body_rules {
	const struct wire_action *actions;
	uint32_t count;
};

static struct body_rules
body_rules_of(const struct work *w, uint32_t line)
{
	const uint8_t *body = w->image + (size_t)line * WIRE_LINE;
	const struct wire_half *first = half_of(body, 0, 0);

	return (struct body_rules){ (const struct wire_action *)(body +
	    (size_t)le32_get(first->actions_at) * WIRE_LINE), le16_get(first->rules) };
}

/* An item of a list is known by its rule and state: counters are numbered by body. */
static bool
body_has(const struct body_rules *b, const struct wire_action *a)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (le32_get(b->actions[i].rule_id) == le32_get(a->rule_id) &&
		    b->actions[i].state == a->state)
			return true;
	return false;
}

/* The rules of a body, save those that the other one (NULL = none) of its list has. */
static void
rules_charge(struct work *w, uint32_t line, const struct body_rules *other, uint32_t *charged)
{
	struct body_rules b = body_rules_of(w, line);

	for (uint32_t i = 0; i < b.count; i++) {
		if (other != NULL && body_has(other, &b.actions[i]))
			continue;
		w->charges[symbol_of(w, le32_get(b.actions[i].rule_id))].rules++;
		++*charged;
	}
}

static uint32_t
body_at(const struct work *w, uint32_t i)
{
	const struct wire_body *dir = (const struct wire_body *)(w->image +
	    (size_t)le32_get(w->hdr->bodies_at) * WIRE_LINE);

	return le32_get(dir[i].line);
}

/* Every list is in one body, save the guard's: it has one in each family. */
static enum rc
bodies_charge(struct work *w)
{
	uint32_t guard4 = le32_get(w->hdr->guard_at[0]), guard6 = le32_get(w->hdr->guard_at[1]);
	uint32_t rules = le32_get(w->hdr->rule_count), charged = 0;
	struct body_rules v4 = { NULL, 0 };
	enum rc rc = RC_OK;

	if (guard4 != 0)
		v4 = body_rules_of(w, guard4);
	for (uint32_t i = 0; i < le32_get(w->hdr->body_count) && rc == RC_OK; i++) {
		rc = body_charge(w, body_at(w, i));
		if (rc == RC_OK)
			rules_charge(w, body_at(w, i), body_at(w, i) == guard6 ? &v4 : NULL,
			    &charged);
	}
	if (rc != RC_OK)
		return rc;
	/* what the list has and no packet can meet, as an IPv6 service from an IPv4 peer */
	if (charged > rules)
		return RC_INVALID;
	w->charges[w->symbols->count].rules += rules - charged;
	return RC_OK;
}

/* Records and hash, over the local IPs; the rest of the bytes before the bodies to no line. */
static void
locals_charge(struct work *w, size_t len)
{
	const struct wire_table *t = (const struct wire_table *)(w->image +
	    (size_t)le32_get(w->hdr->tables_at) * WIRE_LINE);
	uint32_t n = le32_get(w->hdr->table_count);
	uint64_t hash = (uint64_t)le32_get(w->hdr->buckets) * WIRE_LINE, charged = 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *body = w->image + (size_t)le32_get(t[i].body) * WIRE_LINE;
		const struct wire_half *h = half_of(body, 0, 0);
		const struct wire_action *actions = (const struct wire_action *)(body +
		    (size_t)le32_get(h->actions_at) * WIRE_LINE);
		uint32_t s = symbol_of(w, le32_get(actions[le16_get(h->rules)].rule_id));

		w->charges[s].bytes += sizeof(*t) + share_end(hash, i + 1, n) -
		    share_end(hash, i, n);
	}
	for (uint32_t s = 0; s <= w->symbols->count; s++)
		charged += w->charges[s].bytes;
	CHECK(charged <= len);
	w->charges[w->symbols->count].bytes += len - charged;
}

/* What a symbol pays of a group table: the ranges it has there. */
static uint64_t
group_weight(const struct image_symbol *s, uint32_t v6, uint32_t above)
{
	return s->ranges[v6] > above ? s->ranges[v6] : 0;
}

static uint64_t
group_sum(const struct work *w, uint32_t v6, uint32_t above)
{
	uint64_t sum = 0;

	for (uint32_t s = 0; s < w->symbols->count; s++)
		sum += group_weight(&w->symbols->items[s], v6, above);
	return sum;
}

/* The group tables, over the rules whose peers are too many ranges for a table of their own. */
static void
groups_charge(struct work *w)
{
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		const struct wire_groups *g = (const struct wire_groups *)(w->image +
		    (size_t)le32_get(w->hdr->groups_at[v6]) * WIRE_LINE);
		uint32_t n = w->symbols->count, above = IMAGE_BIG_RANGES;
		uint64_t sum, at = 0;

		if (le32_get(w->hdr->groups_at[v6]) == 0)
			continue;
		sum = group_sum(w, v6, above);
		if (sum == 0) {		/* it was made with another bound */
			above = 0;
			sum = group_sum(w, v6, above);
		}
		for (uint32_t s = 0; s < n && sum > 0; s++) {
			uint64_t end = at + group_weight(&w->symbols->items[s], v6, above);

			w->charges[s].bytes += share_end(le32_get(g->bytes), end, sum) -
			    share_end(le32_get(g->bytes), at, sum);
			at = end;
		}
	}
}

static void
counters_charge(struct work *w)
{
	uint32_t n = le32_get(w->hdr->counter_count), charged = 0;

	for (uint32_t s = 0; s < w->symbols->count && charged < n; s++)
		if (w->symbols->items[s].counter != WIRE_COUNTER_NONE) {
			w->charges[s].counters++;
			charged++;
		}
	w->charges[w->symbols->count].counters += n - charged;
}

static int
place_cmp(const void *pa, const void *pb)
{
	const struct pol_bill_item *a = pa, *b = pb;
	int c = strcmp(a->file, b->file);

	return c != 0 ? c : (a->line > b->line) - (a->line < b->line);
}

/* Charges of one line become one item; cache lines follow from the running sum of bytes. */
static enum rc
items_make(struct work *w, struct pol_bill *out)
{
	uint32_t n = w->symbols->count, k = 0;
	uint64_t bytes = 0;

	out->items = arena_array(w->a, (size_t)n + 1, sizeof(*out->items));
	if (out->items == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i <= n; i++)
		out->items[i] = (struct pol_bill_item){
			.file = i < n ? w->symbols->items[i].file : "",
			.line = i < n ? w->symbols->items[i].line : 0,
			.rules = w->charges[i].rules, .counters = w->charges[i].counters,
			.bytes = w->charges[i].bytes };
	qsort(out->items, (size_t)n + 1, sizeof(*out->items), place_cmp);
	for (uint32_t i = 1; i <= n; i++)
		if (place_cmp(&out->items[k], &out->items[i]) == 0) {
			out->items[k].rules += out->items[i].rules;
			out->items[k].counters += out->items[i].counters;
			out->items[k].bytes += out->items[i].bytes;
		} else {
			out->items[++k] = out->items[i];
		}
	out->count = k + 1;
	out->total = (struct pol_bill_item){ .file = "" };
	for (uint32_t i = 0; i < out->count; i++) {
		struct pol_bill_item *it = &out->items[i];

		it->lines = (uint32_t)((bytes + it->bytes) / WIRE_LINE - bytes / WIRE_LINE);
		bytes += it->bytes;
		out->total.rules += it->rules;
		out->total.counters += it->counters;
		out->total.lines += it->lines;
	}
	out->total.bytes = bytes;
	return RC_OK;
}

enum rc
pol_bill_make(const uint8_t *image, size_t len, const struct image_symbols *symbols,
    struct arena *a, struct pol_bill *out)
{
	struct work w = { .image = image, .hdr = (const struct wire_image_hdr *)image,
		.symbols = symbols, .a = a };
	enum rc rc;

	CHECK(len >= sizeof(*w.hdr));
	memset(out, 0, sizeof(*out));
	w.charges = arena_array(a, (size_t)symbols->count + 1, sizeof(*w.charges));
	if (w.charges == NULL)
		return RC_NOMEM;
	rc = bodies_charge(&w);
	if (rc != RC_OK)
		return rc;
	groups_charge(&w);
	locals_charge(&w, len);
	counters_charge(&w);
	return items_make(&w, out);
}

enum rc
pol_bill_table(const uint8_t *image, uint32_t table, const struct image_symbols *symbols,
    struct arena *a, struct pol_bill *out)
{
	struct work w = { .image = image, .hdr = (const struct wire_image_hdr *)image,
		.symbols = symbols, .a = a };
	const struct wire_table *t = (const struct wire_table *)(image +
	    (size_t)le32_get(w.hdr->tables_at) * WIRE_LINE);
	uint32_t count = le32_get(w.hdr->table_count), charged = 0;
	uint32_t line = le32_get(table < count ? t[table].body : w.hdr->guard_at[table - count]);
	enum rc rc;

	CHECK(line != 0);
	memset(out, 0, sizeof(*out));
	w.charges = arena_array(a, (size_t)symbols->count + 1, sizeof(*w.charges));
	if (w.charges == NULL)
		return RC_NOMEM;
	rc = body_charge(&w, line);
	if (rc != RC_OK)
		return rc;
	rules_charge(&w, line, NULL, &charged);
	return items_make(&w, out);
}

/* --- printed ---------------------------------------------------------------------------------- */

static int
dear_cmp(const void *pa, const void *pb)
{
	const struct pol_bill_item *a = pa, *b = pb;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return place_cmp(a, b);
}

static void
item_print(const struct pol_bill_item *i, const char *name, bool json, FILE *out)
{
	char place[128];

	if (json) {
		fprintf(out, "{\"file\":\"");
		for (const char *c = i->file; *c != '\0'; c++)
			if (*c == '"' || *c == '\\')
				fprintf(out, "\\%c", *c);
			else if ((unsigned char)*c < 0x20)
				fprintf(out, "\\u%04x", (unsigned)*c);
			else
				fputc(*c, out);
		fprintf(out, "\",\"line\":%" PRIu32 ",\"what\":\"%s\",\"rules\":%" PRIu32
		    ",\"counters\":%" PRIu32 ",\"bytes\":%" PRIu64 ",\"lines\":%" PRIu32 "}\n",
		    i->line, name, i->rules, i->counters, i->bytes, i->lines);
		return;
	}
	snprintf(place, sizeof(place), "%s:%" PRIu32, i->file, i->line);
	fprintf(out, "%8" PRIu32 " %8" PRIu32 " %10" PRIu64 " %8" PRIu32 "  %s\n", i->rules,
	    i->counters, i->bytes, i->lines, i->file[0] != '\0' ? place : name);
}

enum rc
pol_bill_print(const struct pol_bill *b, uint32_t max, bool json, FILE *out)
{
	struct pol_bill_item *dear = malloc(b->count * sizeof(*dear));
	struct pol_bill_item rest = { .file = "" };

	if (dear == NULL)
		return RC_NOMEM;
	memcpy(dear, b->items, b->count * sizeof(*dear));
	qsort(dear, b->count, sizeof(*dear), dear_cmp);
	if (!json)
		fprintf(out, "%8s %8s %10s %8s  %s\n", "rules", "counters", "bytes", "lines",
		    "charged to");
	for (uint32_t i = 0; i < b->count; i++) {
		if (i < max) {
			item_print(&dear[i], dear[i].file[0] == '\0' ? "image" : "line", json, out);
			continue;
		}
		rest.rules += dear[i].rules;
		rest.counters += dear[i].counters;
		rest.bytes += dear[i].bytes;
		rest.lines += dear[i].lines;
	}
	if (b->count > max)
		item_print(&rest, "rest", json, out);
	item_print(&b->total, "total", json, out);
	free(dear);
	return RC_OK;
}
