/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_vm - one Lua state: memory cap, budget, running files, errors to messages.
 * Does:    a chunk is named "=#N", N the file's index, so that every place Lua prints is short and
 *          parses back. A message handler makes a diag of an error while the stack is still there.
 */
#include "pol_vm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HOOK_INSTRUCTIONS = 50,		/* also how exact the place of a memory error is */
	TRACE_LEVELS = 8
};

struct pol_ctx *
pol_ctx_of(lua_State *L)
{
	struct pol_ctx *c;

	memcpy(&c, lua_getextraspace(L), sizeof(c));
	return c;
}

/* --- bounds ---------------------------------------------------------------------------------- */

static void *
vm_alloc(void *ud, void *p, size_t osize, size_t nsize)
{
	struct pol_ctx *c = ud;
	size_t had = p == NULL ? 0 : osize;
	void *q;

	CHECK(c->used_bytes >= had);
	if (nsize == 0) {
		free(p);
		c->used_bytes -= had;
		return NULL;
	}
	if (nsize > had) {
		c->allocs++;
		if (c->limits.fail_alloc != 0 && c->allocs >= c->limits.fail_alloc)
			return NULL;
		if (nsize - had > c->limits.bytes_max - c->used_bytes)
			return NULL;
	}
	q = realloc(p, nsize);
	if (q != NULL)
		c->used_bytes += nsize - had;
	CHECK(c->used_bytes <= c->limits.bytes_max);
	return q;
}

/* Remembers the innermost line of a policy file. */
static void
note_place(struct pol_ctx *c, lua_State *L)
{
	lua_Debug ar;

	for (int level = 0; lua_getstack(L, level, &ar); level++) {
		if (lua_getinfo(L, "Sl", &ar) == 0)
			return;
		if (strncmp(ar.source, "=#", 2) == 0 && ar.currentline > 0) {
			c->last.file = (uint32_t)strtoul(ar.source + 2, NULL, 10);
			c->last.line = (uint32_t)ar.currentline;
			c->last.col = 1;
			c->last.tok = POL_NO_TOK;
			CHECK(c->last.file < c->file_count);
			return;
		}
	}
}

static void
vm_hook(lua_State *L, lua_Debug *ar)
{
	struct pol_ctx *c = pol_ctx_of(L);

	UNUSED(ar);
	c->left -= c->over_budget ? 1 : HOOK_INSTRUCTIONS;
	note_place(c, L);
	if (c->left > 0)
		return;
	if (!c->over_budget) {
		c->over_budget = true;
		lua_sethook(L, vm_hook, LUA_MASKCOUNT, 1);
	}
	(void)MAY_RAISE(luaL_error(L, "budget"));
}

void
pol_charge(struct pol_ctx *c, uint64_t n)
{
	c->left -= (int64_t)MIN(n, (uint64_t)INT64_MAX / 2);
	if (c->left > 0)
		return;
	c->over_budget = true;
	note_place(c, c->L);
	lua_sethook(c->L, vm_hook, LUA_MASKCOUNT, 1);
	(void)MAY_RAISE(luaL_error(c->L, "budget"));
}

NORETURN void
pol_raise_told(struct pol_ctx *c)
{
	c->raised = true;
	lua_pushlightuserdata(c->L, c);
	lua_error(c->L);
	abort();
}

NORETURN void
pol_raise_nomem(struct pol_ctx *c)
{
	c->no_memory = true;
	lua_pushlightuserdata(c->L, c);
	lua_error(c->L);
	abort();
}

static int
vm_panic(lua_State *L)
{
	UNUSED(L);
	check_failed(__FILE__, __LINE__, "no Lua error outside lua_pcall");
}

/* --- errors ---------------------------------------------------------------------------------- */

static void
report_budget(struct pol_ctx *c)
{
	struct diag d;

	diag_set(&d, "budget", "the policy ran more than %" PRId64 " instructions",
	    c->limits.instructions_max);
	diag_hint(&d, "a loop that never ends?");
	pol_report(c, &d, &c->last);
}

static void
report_memory(struct pol_ctx *c)
{
	struct diag d;

	diag_set(&d, "memory", "the policy needs more than its %zu MiB of memory",
	    c->limits.bytes_max >> 20);
	diag_hint(&d, "the place is where it last called or looped");
	pol_report(c, &d, &c->last);
}

/* "#N:L: text": takes the place, returns text; text itself where there is no such prefix. */
static const char *
take_prefix(struct pol_ctx *c, const char *text, struct pol_site *site)
{
	unsigned long file, line;
	char *end;

	CHECK(text != NULL);
	if (strncmp(text, "prelude:", 8) == 0) {
		line = strtoul(text + 8, &end, 10);
		return line > 0 && end[0] == ':' && end[1] == ' ' ? end + 2 : text;
	}
	if (text[0] != '#')
		return text;
	file = strtoul(text + 1, &end, 10);
	if (*end != ':' || end == text + 1 || file >= c->file_count)
		return text;
	line = strtoul(end + 1, &end, 10);
	if (end[0] != ':' || end[1] != ' ' || line > UINT32_MAX)
		return text;
	site->file = (uint32_t)file;
	site->line = (uint32_t)line;
	site->col = 1;
	site->tok = POL_NO_TOK;
	return end + 2;
}

/* What stands between quotes after `before`: the word Lua complains of. */
static bool
quoted_word(const char *text, const char *before, char *out, size_t cap)
{
	const char *p = strstr(text, before), *end;

	if (p == NULL)
		return false;
	p += strlen(before);
	end = strchr(p, '\'');
	if (end == NULL || end == p || (size_t)(end - p) >= cap)
		return false;
	memcpy(out, p, (size_t)(end - p));
	out[end - p] = '\0';
	return true;
}

static void
point_at_word(struct pol_ctx *c, struct pol_site *site, const char *text)
{
	static const char *const before[] = { "near '", "(global '", "(local '", "(field '",
		"(method '", "(upvalue '", "(constant '" };
	char word[64];

	for (size_t i = 0; i < ARRAY_LEN(before) && site->tok == POL_NO_TOK; i++)
		if (quoted_word(text, before[i], word, sizeof(word)))
			pol_site_find(c, site, word);
}

/* Where a library function raised: the word it was called by in the policy. */
static void
point_at_callee(struct pol_ctx *c, struct pol_site *site)
{
	static const char *const signs[][2] = { { "add", "+" }, { "sub", "-" }, { "band", "&" },
		{ "bor", "|" }, { "mul", "*" }, { "bxor", "~" }, { "concat", ".." } };
	const char *name = NULL;
	lua_Debug ar;

	if (site->tok != POL_NO_TOK || site->line != c->last.line)
		return;
	for (int level = 1; lua_getstack(c->L, level, &ar) != 0; level++) {
		if (lua_getinfo(c->L, "Sn", &ar) == 0 || strncmp(ar.source, "=#", 2) == 0)
			break;
		name = ar.name;
		for (size_t i = 0; i < ARRAY_LEN(signs) && name != NULL; i++)
			if (strcmp(ar.namewhat, "metamethod") == 0 && strcmp(name,
			    signs[i][0]) == 0)
				name = signs[i][1];
	}
	if (name != NULL)
		pol_site_find(c, site, name);
}

/* The level that runs at site, or -1. */
static int
level_of(lua_State *L, const struct pol_site *site)
{
	lua_Debug ar;

	for (int level = 0; lua_getstack(L, level, &ar) != 0; level++)
		if (lua_getinfo(L, "Sl", &ar) != 0 && strncmp(ar.source, "=#", 2) == 0 &&
		    strtoul(ar.source + 2, NULL, 10) == site->file &&
		    (uint32_t)ar.currentline == site->line)
			return level;
	return -1;
}

/* Names the lines that led to site, innermost first. */
static void
hint_calls(struct pol_ctx *c, lua_State *L, struct diag *d, const struct pol_site *site)
{
	char text[200] = "";
	size_t at = 0;
	unsigned levels = 0;
	lua_Debug ar;

	CHECK(site != NULL);
	for (int level = level_of(L, site) + 1;
	    levels < TRACE_LEVELS && lua_getstack(L, level, &ar) != 0; level++) {
		int n;

		if (lua_getinfo(L, "Sl", &ar) == 0 || strncmp(ar.source, "=#", 2) != 0)
			continue;
		n = snprintf(text + at, sizeof(text) - at, "%s%s:%d", at == 0 ? "" : ", ",
		    c->files[strtoul(ar.source + 2, NULL, 10)].name, ar.currentline);
		if (n < 0 || (size_t)n >= sizeof(text) - at)
			break;
		at += (size_t)n;
		levels++;
	}
	if (levels > 0)
		diag_hint(d, "called from %s", text);
}

/* The message handler: [-1, +1, -]. Leaves the light userdata that says "told". */
static int
vm_message(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	const char *text;
	struct pol_site site;
	struct diag d;

	if (c->over_budget || c->no_memory || c->raised)
		goto told;
	c->raised = true;
	note_place(c, L);
	site = c->last;
	if (lua_type(L, 1) == LUA_TSTRING) {
		text = take_prefix(c, lua_tostring(L, 1), &site);
		diag_set(&d, "lua", "%s", text);
		point_at_word(c, &site, text);
		point_at_callee(c, &site);
	} else {
		point_at_callee(c, &site);
		diag_set(&d, "lua", "error() with a %s instead of a text", luaL_typename(L, 1));
	}
	hint_calls(c, L, &d, &site);
	if (d.hint[0] == '\0' && strstr(d.text, "arithmetic on a string") != NULL)
		diag_hint(&d, "addresses are joined as sets: ip \"10.0.0.1\" + ip \"10.0.0.2\"");
	pol_report(c, &d, &site);
told:
	lua_settop(L, 0);
	lua_pushlightuserdata(L, c);
	return 1;
}

/* What a slip in the notation looks like to Lua, and what was meant. First match counts. */
static const char *
syntax_hint(const char *what)
{
	static const struct {
		const char *has, *hint;
	} slips[] = {
		{ "<eof>", "the file ends inside { or (: is one not closed?" },
		{ "unfinished string", "a text ends on its line, with the quote it began with" },
		{ "'}' expected", "is a comma missing before it?" },
		{ "syntax error near", "a name is written in quotes, as group \"web\"" },
		{ "<name> expected near '\"", "a value follows =, as mode = \"enforce\"" },
		{ "unexpected symbol near '['", "a list is written { ... }" },
	};

	for (size_t i = 0; i < ARRAY_LEN(slips); i++)
		if (strstr(what, slips[i].has) != NULL)
			return slips[i].hint;
	return NULL;
}

static void
report_syntax(struct pol_ctx *c, uint32_t file, const char *text)
{
	struct pol_site site = { .file = file, .line = 1, .col = 1, .tok = POL_NO_TOK };
	const char *what = take_prefix(c, text, &site);
	const char *hint = syntax_hint(what);
	struct diag d;

	diag_set(&d, "syntax", "%s", what);
	point_at_word(c, &site, what);
	if (hint != NULL)
		diag_hint(&d, "%s", hint);
	pol_report(c, &d, &site);
}

/* --- files ----------------------------------------------------------------------------------- */

static bool
check_nesting(struct pol_ctx *c, uint32_t file)
{
	struct pol_file *f = pol_file_lexed(c, file);
	struct pol_site site = { .file = file };
	struct diag d;

	if (f == NULL) {
		c->no_memory = true;
		return false;
	}
	if (f->toks.deep == POL_NO_TOK)
		return true;
	site.line = f->toks.items[f->toks.deep].line;
	site.col = pol_tok_col(&f->toks, f->toks.deep);
	diag_set(&d, "nesting", "brackets nest deeper than %d", POL_NESTING_MAX);
	pol_report(c, &d, &site);
	return false;
}

/* [-0, +1, m] the file's main function; nothing where it is refused. */
static bool
load_file(struct pol_ctx *c, uint32_t file)
{
	struct pol_file *f = &c->files[file];
	struct pol_source src = { f->name, f->text, f->len };
	struct pol_site site = { .file = file };
	char chunk[16];
	struct diag d;
	int status;

	CHECK(file < c->file_count);
	if (!pol_text_check(&src, &d)) {
		site.line = d.line;
		site.col = d.col;
		pol_report(c, &d, &site);
		return false;
	}
	if (!check_nesting(c, file))
		return false;
	snprintf(chunk, sizeof(chunk), "=#%u", (unsigned)file);
	c->last = (struct pol_site){ .file = file, .line = 1, .col = 1, .tok = POL_NO_TOK };
	status = luaL_loadbufferx(c->L, (const char *)f->text, f->len, chunk, "t");
	if (status == LUA_ERRMEM)
		c->no_memory = true;
	else if (status != LUA_OK)
		report_syntax(c, file, lua_tostring(c->L, -1));
	if (status != LUA_OK) {
		lua_pop(c->L, 1);
		return false;
	}
	return true;
}

/* [-1, +0, -] sets the environment of the function on top; protected, as it allocates. */
static int
set_env(lua_State *L)
{
	pol_lib_push_env(L);
	if (lua_setupvalue(L, 1, 1) == NULL)
		return luaL_error(L, "a chunk without _ENV");
	return 0;
}

bool
pol_vm_run(struct pol_ctx *c, uint32_t file)
{
	lua_State *L = c->L;
	struct pol_file *f = &c->files[file];
	int status, top = lua_gettop(L);

	CHECK(file < c->file_count);
	if (f->ran)
		return true;
	f->ran = true;
	if (!lua_checkstack(L, 8)) {
		c->no_memory = true;
		return false;
	}
	lua_pushcfunction(L, vm_message);
	if (!load_file(c, file)) {
		f->aborted = true;
		goto out;
	}
	lua_pushcfunction(L, set_env);
	lua_pushvalue(L, top + 2);
	status = lua_pcall(L, 1, 0, top + 1);
	if (status == LUA_OK)
		status = lua_pcall(L, 0, 0, top + 1);
	if (status == LUA_ERRMEM) {
		c->no_memory = true;
	} else if (status != LUA_OK) {
		f->aborted = true;
		if (status == LUA_ERRERR && !c->raised) {
			struct diag d;

			diag_set(&d, "lua", "errors nest too deep");
			pol_report(c, &d, &c->last);
		}
	}
	c->raised = false;
out:
	lua_settop(L, top);
	return !c->over_budget && !c->no_memory;
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool
is_top_level(const char *path)
{
	size_t n = strlen(path);

	return strchr(path, '/') == NULL && n > 4 && strcmp(path + n - 4, ".pol") == 0;
}

static int
open_libs(lua_State *L)
{
	pol_lib_open(L);
	return 0;
}

/* True where a user file declares policy "guard": the built-in one then stays out. */
static bool
guard_replaced(const struct pol_ctx *c)
{
	uint32_t guard = c->file_count - 1;

	CHECK(c->files[guard].is_guard);
	for (uint32_t i = 0; i < guard; i++)
		if (c->files[i].is_guard)
			return true;
	return false;
}

static bool
run_all(struct pol_ctx *c)
{
	uint32_t guard = c->file_count - 1, top = 0;

	for (uint32_t i = 0; i < guard; i++) {
		if (!is_top_level(c->files[i].name))
			continue;
		top++;
		if (!pol_vm_run(c, i))
			return false;
	}
	if (top == 0) {
		struct diag d;

		diag_set(&d, "no-policy", "no .pol file in the policy directory");
		pol_report(c, &d, NULL);
	}
	/* what stopped a file may be a bound that the guard would only meet again */
	for (uint32_t i = 0; i < guard; i++)
		if (c->files[i].aborted)
			return true;
	return guard_replaced(c) || pol_vm_run(c, guard);
}

static enum rc
ctx_init(struct pol_ctx *c, const struct pol_sources *s, const struct pol_limits *limits,
    struct arena *a, struct diags *diags)
{
	struct pol_file *guard;

	memset(c, 0, sizeof(*c));
	c->a = a;
	c->diags = diags;
	c->limits = *limits;
	c->left = limits->instructions_max;
	c->last = (struct pol_site){ .file = POL_NO_FILE };
	c->control = POL_NO_NAME;
	c->defaults.unsegmented = c->defaults.non_ip = WIRE_PASS;
	c->files = arena_array(a, (size_t)s->count + 1, sizeof(*c->files));
	if (c->files == NULL || !POL_VEC_ROOM(c, c->sets) || !POL_VEC_ROOM(c, c->svcs))
		return RC_NOMEM;
	c->sets.count = c->svcs.count = 1;	/* 0 is "wrong" */
	c->sets.items[0].done = c->sets.items[0].wrong = true;
	for (uint32_t i = 0; i < s->count; i++) {
		CHECK(i == 0 || strcmp(s->items[i - 1].path, s->items[i].path) < 0);
		c->files[i].name = s->items[i].path;
		c->files[i].text = s->items[i].text;
		c->files[i].len = s->items[i].len;
		c->files[i].stage = POL_APP;
	}
	guard = &c->files[s->count];
	guard->name = POL_GUARD_FILE;
	guard->text = (const uint8_t *)pol_guard_text(&guard->len);
	guard->stage = POL_APP;
	guard->is_guard = true;
	c->file_count = s->count + 1;
	return RC_OK;
}

static bool
vm_start(struct pol_ctx *c)
{
	c->L = lua_newstate(vm_alloc, c);
	if (c->L == NULL)
		return false;
	memcpy(lua_getextraspace(c->L), &c, sizeof(c));
	lua_atpanic(c->L, vm_panic);
	lua_pushcfunction(c->L, open_libs);
	if (lua_pcall(c->L, 0, 0, 0) != LUA_OK)
		return false;
	lua_sethook(c->L, vm_hook, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
	return true;
}

enum rc
pol_eval_limited(const struct pol_sources *s, const struct pol_limits *limits, struct arena *a,
    struct pol_rules *out, struct diags *diags)
{
	struct pol_ctx *c;
	enum rc rc = RC_NOMEM;

	CHECK(s != NULL && limits != NULL && out != NULL && diags != NULL);
	CHECK(limits->instructions_max > 0);
	memset(out, 0, sizeof(*out));
	c = arena_alloc(a, sizeof(*c));
	if (c == NULL || ctx_init(c, s, limits, a, diags) != RC_OK) {
		struct diag d;

		diag_set(&d, "memory", "no memory to begin with");
		diags_add(diags, &d);
		return RC_NOMEM;
	}
	if (!vm_start(c))
		c->no_memory = true;
	else if (run_all(c))
		rc = pol_resolve(c, out);
	if (c->over_budget) {
		report_budget(c);
		rc = RC_LIMIT;
	} else if (c->no_memory || rc == RC_NOMEM) {
		report_memory(c);
		rc = RC_NOMEM;
	}
	if (limits->close && c->L != NULL) {
		lua_sethook(c->L, NULL, 0, 0);
		lua_close(c->L);
		CHECK(c->used_bytes == 0);
	}
	pol_diags_sort(diags);
	CHECK(diags->errors > 0 || rc == RC_OK);
	if (diags->errors == 0) {
		const char *broken;

		CHECK(pol_rules_check(out, &broken));
	}
	return diags->errors > 0 && rc == RC_OK ? RC_INVALID : rc;
}

enum rc
pol_eval(const struct pol_sources *s, struct arena *a, struct pol_rules *out, struct diags *diags)
{
	const struct pol_limits limits = {
		.bytes_max = POL_EVAL_BYTES_MAX,
		.instructions_max = POL_EVAL_INSTRUCTIONS_MAX,
	};

	return pol_eval_limited(s, &limits, a, out, diags);
}
