/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_place - from a running Lua call to file, line and column, and messages there.
 * Does:    Lua names the line of a call's opening token; the file's tokens name the word before
 *          it, which may stand a line above. Several calls of one word on a line are told apart by
 *          order: each call takes the next one, and a loop starts over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pol_ctx.h"
#include "str.h"

const char *const pol_word_names[POL_W__COUNT] = {
	[POL_W_POLICY] = "policy", [POL_W_WORKLOAD] = "workload", [POL_W_GROUP] = "group",
	[POL_W_LABEL] = "label", [POL_W_IP] = "ip", [POL_W_LIST] = "list", [POL_W_APP] = "app",
	[POL_W_TCP] = "tcp", [POL_W_UDP] = "udp", [POL_W_SCTP] = "sctp", [POL_W_ICMP] = "icmp",
	[POL_W_ICMP6] = "icmp6", [POL_W_PROTO] = "proto", [POL_W_SEGMENT] = "segment",
	[POL_W_INBOUND] = "inbound", [POL_W_OUTBOUND] = "outbound", [POL_W_INCLUDE] = "include",
	[POL_W_DEFAULTS] = "defaults", [POL_W_TEST] = "test", [POL_W_PROVE] = "prove",
	[POL_W_ANY] = "any", [POL_W_ANY4] = "any4", [POL_W_ANY6] = "any6",
	[POL_W_CONTROL] = "control",
};

enum { SOURCE_COL_MAX = 200 };	/* a caret further right helps nobody */

bool
pol_vec_room(struct arena *a, void *items_ptr, uint32_t count, uint32_t *cap, size_t size)
{
	void **items = items_ptr;
	uint32_t more = *cap == 0 ? 16 : *cap * 2;
	void *p;

	CHECK(count <= *cap);
	if (count < *cap)
		return true;
	if (*cap > UINT32_MAX / 4)
		return false;
	p = arena_array(a, more, size);
	if (p == NULL)
		return false;
	if (count > 0)
		memcpy(p, *items, count * size);
	*items = p;
	*cap = more;
	return true;
}

/* NULL where file is none or memory is out. */
struct pol_file *
pol_file_lexed(struct pol_ctx *c, uint32_t file)
{
	struct pol_file *f;

	if (file >= c->file_count)
		return NULL;
	f = &c->files[file];
	if (!f->lexed) {
		if (pol_lex(f->text, f->len, c->a, &f->toks) != RC_OK)
			return NULL;
		for (unsigned i = 0; i < POL_W__COUNT; i++)
			f->last[i] = POL_NO_TOK;
		f->lexed = true;
	}
	return f;
}

/* Control characters and broken ends of a cut made '?': one message is one line. */
static void
printable(char *s)
{
	size_t len = strlen(s), good = utf8_check(s, len);

	if (good < len)
		s[good] = '\0';
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

static void
source_line(const uint8_t *text, size_t len, uint32_t line, char *out, size_t cap)
{
	const uint8_t *p = text, *end = text + len;
	uint32_t at = 1;
	size_t n = 0;

	CHECK(cap > 1);
	while (p < end && at < line) {
		if (*p == '\n' || *p == '\r') {
			if (p + 1 < end && (p[1] == '\n' || p[1] == '\r') && p[1] != *p)
				p++;
			at++;
		}
		p++;
	}
	for (; p < end && *p != '\n' && *p != '\r' && n + 1 < cap; p++)
		out[n++] = *p == '\t' || (*p >= 0x20 && *p != 0x7f) ? (char)*p : '?';
	out[n] = '\0';
	n = utf8_check(out, n);
	out[n] = '\0';
}

void
pol_sources_quote(const struct pol_sources *s, struct diags *diags)
{
	CHECK(s != NULL && diags != NULL);
	for (uint32_t i = 0; i < diags->count; i++) {
		struct diag *d = &diags->items[i];

		if (d->line == 0 || d->source[0] != '\0' || d->col > SOURCE_COL_MAX)
			continue;
		for (uint32_t k = 0; k < s->count; k++)
			if (strcmp(s->items[k].path, d->file) == 0)
				source_line(s->items[k].text, s->items[k].len, d->line, d->source,
				    sizeof(d->source));
	}
}

static bool
told_already(const struct diags *ds, const struct diag *d)
{
	for (uint32_t i = 0; i < ds->count; i++) {
		const struct diag *e = &ds->items[i];

		if (e->line == d->line && e->col == d->col && strcmp(e->code, d->code) == 0 &&
		    strcmp(e->file, d->file) == 0 && strcmp(e->text, d->text) == 0)
			return true;
	}
	return false;
}

void
pol_report(struct pol_ctx *c, struct diag *d, const struct pol_site *site)
{
	CHECK(d->level != DIAG_NONE);
	printable(d->text);
	printable(d->hint);
	if (site != NULL && site->file < c->file_count && site->line > 0) {
		const struct pol_file *f = &c->files[site->file];

		diag_place(d, f->name, site->line, MAX(site->col, 1u));
		if (d->col <= SOURCE_COL_MAX)
			source_line(f->text, f->len, site->line, d->source, sizeof(d->source));
	} else if (site != NULL && site->file < c->file_count) {
		diag_place(d, c->files[site->file].name, 0, 0);
	}
	printable(d->file);
	if (!told_already(c->diags, d))
		diags_add(c->diags, d);
}

static void
site_move(struct pol_site *s, const struct pol_file *f, uint32_t tok)
{
	CHECK(tok < f->toks.count);
	s->tok = tok;
	s->line = f->toks.items[tok].line;
	s->col = pol_tok_col(&f->toks, tok);
}

/* Of a key written more than once the last, which is the one that Lua keeps. */
static uint32_t
last_key(const struct pol_toks *ts, uint32_t brace, const char *key)
{
	uint32_t tok = POL_NO_TOK;

	for (unsigned n = 0; n < 4; n++) {
		uint32_t next = pol_tok_key(ts, brace, key, n);

		if (next == POL_NO_TOK)
			break;
		tok = next;
	}
	return tok;
}

void
pol_report_key(struct pol_ctx *c, struct diag *d, const struct pol_site *site, const char *key,
    bool value)
{
	struct pol_site at = *site;
	struct pol_file *f = site->tok == POL_NO_TOK ? NULL : pol_file_lexed(c, site->file);

	CHECK(key != NULL);
	if (f != NULL) {
		uint32_t tok = last_key(&f->toks, pol_tok_table(&f->toks, site->tok), key);

		if (tok != POL_NO_TOK)
			site_move(&at, f, value && tok + 2 < f->toks.count ? tok + 2 : tok);
	}
	pol_report(c, d, &at);
}

void
pol_report_value(struct pol_ctx *c, struct diag *d, const struct pol_site *site, const char *value,
    size_t len)
{
	struct pol_site at = *site;
	struct pol_file *f = site->tok == POL_NO_TOK ? NULL : pol_file_lexed(c, site->file);

	CHECK(value != NULL);
	if (f != NULL)
		site_move(&at, f, pol_tok_value(&f->toks, site->tok, value, len));
	pol_report(c, d, &at);
}

/* The token `name` whose argument opens on line, the first after from; POL_NO_TOK = none. */
static uint32_t
find_call(const struct pol_toks *ts, const char *name, uint32_t line, uint32_t from)
{
	uint32_t i = pol_tok_line(ts, line);

	CHECK(name != NULL && line > 0);
	if (from != POL_NO_TOK && from + 1 > i)
		i = from + 2;
	for (; i < ts->count && ts->items[i].line == line; i++) {
		uint32_t kind = ts->items[i].kind;

		if ((kind == POL_TOK_OPEN || kind == POL_TOK_STRING) && i > 0 &&
		    pol_tok_is(ts, i - 1, name))
			return i - 1;
	}
	return POL_NO_TOK;
}

/* By its own name, else by the name it was called by; Lua finds that by walking the function from
 * its beginning, so it is asked last. */
static void
find_word(struct pol_ctx *c, struct pol_site *s, enum pol_word word)
{
	struct pol_file *f = pol_file_lexed(c, s->file);
	lua_Debug ar;
	uint32_t tok;

	if (f == NULL)
		return;
	tok = find_call(&f->toks, pol_word_names[word], s->line, f->last[word]);
	if (tok == POL_NO_TOK)
		tok = find_call(&f->toks, pol_word_names[word], s->line, POL_NO_TOK);
	if (tok != POL_NO_TOK)
		f->last[word] = tok;
	else if (lua_getstack(c->L, 0, &ar) != 0 && lua_getinfo(c->L, "n", &ar) != 0 &&
	    ar.name != NULL)
		tok = find_call(&f->toks, ar.name, s->line, POL_NO_TOK);
	if (tok != POL_NO_TOK)
		site_move(s, f, tok);
}

struct pol_site
pol_site_line(struct pol_ctx *c)
{
	struct pol_site s = { .file = POL_NO_FILE, .col = 1, .tok = POL_NO_TOK };
	lua_Debug ar;

	for (int level = 0; s.file == POL_NO_FILE && lua_getstack(c->L, level, &ar); level++) {
		if (lua_getinfo(c->L, "Sl", &ar) == 0)
			break;
		if (strncmp(ar.source, "=#", 2) != 0 || ar.currentline < 1)
			continue;
		s.file = (uint32_t)strtoul(ar.source + 2, NULL, 10);
		s.line = (uint32_t)ar.currentline;
	}
	CHECK(s.file == POL_NO_FILE || s.file < c->file_count);
	s.seq = c->seq++;
	c->last = s;
	return s;
}

struct pol_site
pol_site_here(struct pol_ctx *c, enum pol_word word)
{
	struct pol_site s = pol_site_line(c);

	CHECK(word < POL_W__COUNT);
	if (s.file != POL_NO_FILE)
		find_word(c, &s, word);
	c->last = s;
	return s;
}

void
pol_site_find(struct pol_ctx *c, struct pol_site *s, const char *text)
{
	struct pol_file *f = pol_file_lexed(c, s->file);

	if (f == NULL)
		return;
	for (uint32_t t = pol_tok_line(&f->toks, s->line);
	    t + 1 < f->toks.count && f->toks.items[t].line == s->line; t++) {
		if (pol_tok_is(&f->toks, t, text)) {
			site_move(s, f, t);
			return;
		}
	}
}

const char *
pol_site_text(struct pol_ctx *c, const struct pol_site *site)
{
	const char *text;

	if (site->file >= c->file_count)
		return "?";
	text = arena_printf(c->a, "%s:%u", c->files[site->file].name, (unsigned)site->line);
	return text == NULL ? "?" : text;
}

static int
diag_cmp(const struct diag *a, const struct diag *b)
{
	int r = strcmp(a->file, b->file);

	if (r != 0)
		return r;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->col == b->col ? 0 : a->col < b->col ? -1 : 1;
}

void
pol_diags_sort(struct diags *ds)
{
	for (uint32_t i = 1; i < ds->count; i++) {
		struct diag d = ds->items[i];
		uint32_t j = i;

		for (; j > 0 && diag_cmp(&ds->items[j - 1], &d) > 0; j--)
			ds->items[j] = ds->items[j - 1];
		ds->items[j] = d;
	}
}
