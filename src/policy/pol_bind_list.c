/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_bind_list - list "bad" { file = "lists/bad.netset", max = 200000 }: addresses from a file of
 * the policy directory.
 * Does:    reads every entry, tells what is wrong at the entry's own line, and joins the rest to
 *          one set. Nothing of a list goes through Lua.
 * Limits:  max entries of one list, POL_LIST_ENTRIES_MAX at most; FAULTS_TOLD faults of one list
 *          are told with their lines, then their number.
 */
#include <string.h>

#include "pol_bind.h"
#include "pol_list.h"
#include "str.h"

enum {
	MAX_DEFAULT = 65536,		/* entries, where the policy says nothing */
	FAULTS_TOLD = 16,
	BYTES_PER_INSTRUCTION = 8	/* what reading costs, beside what Lua does */
};

struct entry {
	struct addr_range range;
	uint32_t line;
};

/* One list while it is read. */
struct reading {
	struct pol_args *g;
	uint32_t file, max;
	struct entry *items, *room;
	uint32_t count;			/* of items: the entries that are right */
	uint32_t entries, faults, fault_line;	/* a line is told of once */
	struct pol_site over;		/* the first entry past max; line 0 = none */
};

static struct pol_site
site_of(const struct reading *r, const struct pol_list_word *w)
{
	return (struct pol_site){ .file = r->file, .line = w->line, .col = w->col,
		.tok = POL_NO_TOK };
}

static void
fault(struct reading *r, struct diag *d, const struct pol_list_word *w)
{
	struct pol_site at = site_of(r, w);

	r->g->wrong = true;
	if (w->line == r->fault_line)
		return;
	r->fault_line = w->line;
	if (r->faults++ < FAULTS_TOLD)
		pol_report(r->g->c, d, &at);
}

/* What a word that is no address may have been meant for. */
static void
entry_hint(const struct pol_list_word *w, struct diag *d)
{
	if (strcmp(d->code, "bad-address") != 0)
		return;
	if (memchr(w->text, ',', w->len) != NULL)
		diag_hint(d, "one entry a line, without commas");
	else
		diag_hint(d, "an entry is 10.0.0.1, 10.0.0.0/8, 10.0.0.1-10.0.0.9 or the same in "
		    "IPv6; a comment begins with #");
}

static void
entry_take(struct reading *r, const struct pol_list_word *w)
{
	struct diag d;

	CHECK(w->len > 0);
	if (++r->entries > r->max) {
		if (r->over.line == 0)
			r->over = site_of(r, w);
		return;
	}
	if (pol_lex_addr(w->text, w->len, &r->items[r->count].range, &d)) {
		r->items[r->count++].line = w->line;
		return;
	}
	entry_hint(w, &d);
	fault(r, &d, w);
}

static void
word_take(struct reading *r, enum pol_list_kind kind, const struct pol_list_word *w)
{
	struct diag d;

	if (kind == POL_LIST_ENTRY) {
		entry_take(r, w);
		return;
	}
	diag_set(&d, "bad-address", "more than one entry on a line");
	diag_hint(&d, "one entry a line; what follows it begins with # or ;");
	fault(r, &d, w);
}

static void
too_many(struct reading *r)
{
	struct diag d;

	CHECK(r->over.line > 0);
	r->g->wrong = true;
	diag_set(&d, "limit", "%s has %u entries; at most %u", r->g->what, r->entries, r->max);
	if (r->entries <= POL_LIST_ENTRIES_MAX)
		diag_hint(&d, "max = %u in the list would do; %u is the most there is", r->entries,
		    POL_LIST_ENTRIES_MAX);
	else
		diag_hint(&d, "no list holds more than %u", POL_LIST_ENTRIES_MAX);
	pol_report(r->g->c, &d, &r->over);
}

static void
more_faults(struct reading *r)
{
	struct diag d;

	diag_set(&d, "bad-entries", "%s: %u lines of %s are wrong; the first %d are told",
	    r->g->what, r->faults, r->g->c->files[r->file].name, FAULTS_TOLD);
	pol_args_value_fault(r->g, &d, "file");
}

/* By first address, then by line: an order of lines that are in order already is kept. */
static bool
entry_before(const struct entry *a, const struct entry *b)
{
	int c = addr_cmp(&a->range.lo, &b->range.lo);

	return c != 0 ? c < 0 : a->line < b->line;
}

static uint32_t
run_end(const struct entry *e, uint32_t from, uint32_t n)
{
	uint32_t i = from + 1;

	while (i < n && !entry_before(&e[i], &e[i - 1]))
		i++;
	return MIN(i, n);
}

/* Merges neighbouring runs until there is one; most files are sorted, and many nearly. */
static void
entries_sort(struct reading *r)
{
	uint32_t n = r->count;

	while (n > 0 && run_end(r->items, 0, n) < n) {
		struct entry *from = r->items;

		for (uint32_t at = 0; at < n;) {
			uint32_t mid = run_end(from, at, n), i = at, k = mid;
			uint32_t end = mid < n ? run_end(from, mid, n) : n;

			for (; at < end; at++)
				r->room[at] = i < mid && (k == end ||
				    !entry_before(&from[k], &from[i])) ? from[i++] : from[k++];
		}
		r->items = r->room;
		r->room = from;
	}
}

/* Of sorted entries those that have addresses of another: the first is told, all are counted. */
static void
warn_repeats(const struct reading *r)
{
	uint32_t far = 0, repeats = 0, by = 0, at = 0;
	char one[2 * ADDR_TEXT_BYTES], two[2 * ADDR_TEXT_BYTES];
	struct pol_site site = { .file = r->file, .col = 1, .tok = POL_NO_TOK };
	const struct entry *e = r->items;
	struct diag d;

	for (uint32_t i = 1; i < r->count; i++) {
		if (addr_cmp(&e[i].range.lo, &e[far].range.hi) <= 0 && repeats++ == 0) {
			by = far;
			at = i;
		}
		if (addr_cmp(&e[i].range.hi, &e[far].range.hi) > 0)
			far = i;
	}
	if (repeats == 0)
		return;
	addr_range_print(&e[at].range, one);
	addr_range_print(&e[by].range, two);
	site.line = e[at].line;
	diag_set(&d, "repeated-address", "%s repeats addresses of %s on line %u", one, two,
	    e[by].line);
	if (repeats > 1)
		diag_hint(&d, "%u entries of %s repeat others", repeats, r->g->what);
	d.level = DIAG_WARNING;
	pol_report(r->g->c, &d, &site);
}

static enum rc
ranges_take(const struct reading *r, struct arena *tmp, struct addr_set *out)
{
	struct addr_range *all = arena_array(tmp, r->count, sizeof(*all));

	if (all == NULL)
		return RC_NOMEM;
	for (uint32_t i = 0; i < r->count; i++)
		all[i] = r->items[i].range;
	return addr_set_from(r->g->c->a, all, r->count, out);
}

/* The words of the text, each once. RC_OK also where something was wrong, which is told. */
static enum rc
read_entries(struct reading *r, struct arena *tmp, struct addr_set *out)
{
	const struct pol_file *f = &r->g->c->files[r->file];
	/* no entry is shorter than "::" and a line end */
	size_t most = MIN((size_t)r->max, f->len / 3 + 1);
	struct pol_list_scan scan;
	struct pol_list_word w;
	enum pol_list_kind kind;

	r->items = arena_array(tmp, most, sizeof(*r->items));
	r->room = arena_array(tmp, most, sizeof(*r->room));
	if (r->items == NULL || r->room == NULL)
		return RC_NOMEM;
	pol_list_scan_init(&scan, f->text, f->len);
	while ((kind = pol_list_next(&scan, &w)) != POL_LIST_END)
		word_take(r, kind, &w);
	if (r->faults > FAULTS_TOLD)
		more_faults(r);
	if (r->over.line > 0)
		too_many(r);
	if (r->g->wrong)
		return RC_OK;
	entries_sort(r);
	warn_repeats(r);
	return ranges_take(r, tmp, out);
}

/* A byte order mark, UTF-16: what would make every first line look wrong. */
static bool
text_is_plain(struct pol_args *g, uint32_t file)
{
	static const uint8_t marks[][3] = { { 0xef, 0xbb, 0xbf }, { 0xff, 0xfe }, { 0xfe, 0xff } };
	static const uint8_t lens[] = { 3, 2, 2 };
	const struct pol_file *f = &g->c->files[file];
	struct pol_site at = { .file = file, .line = 1, .col = 1, .tok = POL_NO_TOK };
	struct diag d;

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		if (f->len < lens[i] || memcmp(f->text, marks[i], lens[i]) != 0)
			continue;
		diag_set(&d, "encoding", "a list is plain text, without a byte order mark");
		diag_hint(&d, "save it as UTF-8 without a mark");
		g->wrong = true;
		pol_report(g->c, &d, &at);
		return false;
	}
	return true;
}

/* Index of the file that key `file` names; POL_NO_FILE and a message where there is none. */
static uint32_t
take_file(struct pol_args *g)
{
	uint32_t file = POL_NO_FILE;
	struct diag d;

	if (!pol_args_get(g, "file")) {
		pol_args_missing(g, "file", "write file = \"lists/bad.netset\", a path in the "
		    "policy directory");
		return POL_NO_FILE;
	}
	if (lua_type(g->L, -1) != LUA_TSTRING) {
		pol_args_type_fault(g, "file", "a path in quotes");
	} else if (!pol_file_find(g, lua_gettop(g->L), &file, &d)) {
		pol_args_value_fault(g, &d, "file");
	}
	lua_pop(g->L, 1);
	return file;
}

static uint32_t
take_max(struct pol_args *g)
{
	lua_Integer n = MAX_DEFAULT;

	if (!pol_args_get(g, "max"))
		return MAX_DEFAULT;
	if (lua_isinteger(g->L, -1))
		n = lua_tointeger(g->L, -1);
	if (!lua_isinteger(g->L, -1) || n < 1 || n > POL_LIST_ENTRIES_MAX) {
		pol_args_type_fault(g, "max", "a whole number from 1 to 200000");
		n = POL_LIST_ENTRIES_MAX;
	}
	lua_pop(g->L, 1);
	return (uint32_t)n;
}
_Static_assert(POL_LIST_ENTRIES_MAX == 200000, "the text above says so");

/* The set of a list whose keys are right; 0 where its text is not. */
static uint32_t
list_load(struct pol_args *g, uint32_t file, uint32_t max, bool allow_empty)
{
	struct reading r = { .g = g, .file = file, .max = max };
	uint32_t set = pol_set_new(g->c, POL_SET_RANGES, &g->site);
	struct addr_set ranges;
	struct arena tmp;
	struct diag d;
	enum rc rc;

	CHECK(file < g->c->file_count);
	pol_charge(g->c, g->c->files[file].len / BYTES_PER_INSTRUCTION);
	if (!text_is_plain(g, file))
		return 0;
	arena_init(&tmp, g->c->a->cap_bytes);
	rc = read_entries(&r, &tmp, &ranges);	/* raises nothing */
	arena_fini(&tmp);
	if (rc != RC_OK)
		pol_raise_nomem(g->c);
	if (g->wrong)
		return 0;
	if (ranges.count == 0 && !allow_empty) {
		diag_set(&d, "empty-list", "%s: %s has no entries", g->what,
		    g->c->files[file].name);
		diag_hint(&d, "write allow_empty = true if that is meant");
		pol_args_value_fault(g, &d, "file");
		return 0;
	}
	g->c->sets.items[set].set = ranges;
	g->c->sets.items[set].done = true;
	return set;
}

void
pol_list_define(struct pol_args *g, uint32_t name)
{
	static const char *const keys[] = { "file", "max", "allow_empty" };
	struct pol_name *n = &g->c->names.items[name];
	uint32_t file, max;

	CHECK(n->kind == POL_KIND_LIST);
	if (!pol_args_begin(g, keys, ARRAY_LEN(keys), false))
		return;
	n->allow_empty = pol_args_bool(g, "allow_empty");
	max = take_max(g);
	file = take_file(g);
	if (file != POL_NO_FILE && !g->wrong)
		n->set = list_load(g, file, max, n->allow_empty);
}
