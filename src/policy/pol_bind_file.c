/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_bind_file - what is said of files and of the whole directory: policy, include, defaults; and
 * the words that are refused: test, prove.
 */
#include <string.h>

#include "pol_bind.h"
#include "str.h"

static const char *const stage_names[] = { "guard", "infra", "app", "default" };

/* The policy statement's site, and the calls it may not follow. */
static bool
policy_is_first(struct pol_ctx *c, const struct pol_site *site)
{
	struct pol_file *f = pol_file_lexed(c, site->file);

	return f == NULL || site->tok == POL_NO_TOK || site->tok == 0;
}

/* policy "name" { stage = ..., owner = ... }: [-1, +1, m] */
static int
bind_policy(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = pol_site_here(c, POL_W_POLICY),
		.what = "policy" };
	struct pol_file *f;
	const char *text = "";
	struct diag d;
	size_t len = 0;

	CHECK(g.site.file < c->file_count);
	f = &c->files[g.site.file];
	if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) {
		diag_set(&d, "bad-name", "policy takes a name in quotes");
		diag_hint(&d, "write policy \"name\" { stage = \"app\" }");
		pol_args_fault(&g, &d, NULL);
	} else {
		text = lua_tolstring(L, 1, &len);
		g.wrong = !pol_name_check(c, &g.site, "policy", text, len);
	}
	if (f->policy.line != 0) {
		diag_set(&d, "repeated-policy", "a second policy statement; the first is at %s",
		    pol_site_text(c, &f->policy));
		pol_args_fault(&g, &d, NULL);
	} else if (!policy_is_first(c, &g.site)) {
		diag_set(&d, "policy-not-first", "policy must be the first statement of its file");
		diag_hint(&d, "what stands before it would be of stage app");
		pol_args_fault(&g, &d, NULL);
	}
	f->policy = g.site;
	if (!g.wrong && strcmp(text, "guard") == 0)
		f->is_guard = true;
	lua_newuserdatauv(L, 1, 0);
	luaL_setmetatable(L, POL_META_STATEMENT);
	return 1;
}

static int
policy_call(lua_State *L)
{
	static const char *const keys[] = { "stage", "owner" };
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_site here = pol_site_line(c);
	struct pol_args g = { .L = L, .c = c, .idx = 2, .what = "policy" };
	struct pol_file *f;

	CHECK(here.file < c->file_count);
	f = &c->files[here.file];
	g.site = f->policy;
	lua_settop(L, 2);
	if (pol_args_begin(&g, keys, ARRAY_LEN(keys), false)) {
		f->stage = (uint8_t)pol_args_choice(&g, "stage", stage_names,
		    ARRAY_LEN(stage_names), POL_APP);
		(void)pol_args_text(&g, "owner", POL_NAME_BYTES_MAX);
	}
	lua_settop(L, 1);
	return 1;
}

/* False where path leaves the directory or is not plain. */
static bool
path_is_inside(const char *path, size_t len)
{
	const char *p = path;

	CHECK(path != NULL);
	if (len == 0 || strlen(path) != len || path[0] == '/' || strchr(path, '\\') != NULL)
		return false;
	for (;;) {
		const char *end = strchr(p, '/');
		size_t n = end == NULL ? strlen(p) : (size_t)(end - p);

		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		if (end == NULL)
			return true;
		p = end + 1;
	}
}

static uint32_t
find_file(const struct pol_ctx *c, const char *path)
{
	uint32_t lo = 0, hi = c->file_count - 1;

	CHECK(c->file_count > 0);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int r = strcmp(c->files[mid].name, path);

		if (r == 0)
			return mid;
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return POL_NO_FILE;
}

static void
unknown_file(struct pol_args *g, const char *path, struct diag *d)
{
	uint32_t n = g->c->file_count - 1;
	const char **names = pol_alloc(g->c, n, sizeof(*names)), *near;

	for (uint32_t i = 0; i < n; i++)
		names[i] = g->c->files[i].name;
	diag_set(d, "unknown-file", "there is no file \"%.200s\" in the policy directory", path);
	near = str_nearest(path, names, n);
	if (near != NULL)
		diag_hint(d, "did you mean \"%s\"?", near);
	else
		diag_hint(d, "paths are relative to the policy directory, not to this file");
}

bool
pol_file_find(struct pol_args *g, int idx, uint32_t *file, struct diag *d)
{
	size_t len;
	const char *path = lua_tolstring(g->L, idx, &len);

	CHECK(path != NULL);
	if (!path_is_inside(path, len)) {
		diag_set(d, "bad-path", "%s: a path is relative to the policy directory and stays "
		    "in it", g->what);
		diag_hint(d, "write a path as \"sub/file\", with plain names between the slashes");
		return false;
	}
	*file = find_file(g->c, path);
	if (*file == POL_NO_FILE)
		unknown_file(g, path, d);
	return *file != POL_NO_FILE;
}

/* include "sub/file.pol": [-1, +0, e] */
static int
bind_include(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = pol_site_here(c, POL_W_INCLUDE),
		.what = "include" };
	const char *path;
	size_t len;
	uint32_t file;
	struct diag d;
	bool go_on;

	if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) {
		diag_set(&d, "bad-path", "include takes one path in quotes");
		diag_hint(&d, "write include \"sub/file.pol\"");
		pol_args_fault(&g, &d, NULL);
		return 0;
	}
	path = lua_tolstring(L, 1, &len);
	if (!pol_file_find(&g, 1, &file, &d)) {
		pol_report_value(c, &d, &g.site, path, len);
		return 0;
	}
	if (c->depth >= POL_NESTING_MAX) {
		diag_set(&d, "limit", "includes nest deeper than %d", POL_NESTING_MAX);
		pol_args_fault(&g, &d, NULL);
		return 0;
	}
	c->depth++;
	go_on = pol_vm_run(c, file);
	c->depth--;
	if (!go_on)
		return luaL_error(L, "stopped");
	return 0;
}

static void
take_fates(struct pol_args *g)
{
	static const char *const fates[] = { "drop", "pass" };
	static const char *const keys[] = { "unsegmented", "non_ip" };
	struct pol_defaults *def = &g->c->defaults;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		bool drop = pol_args_choice(g, keys[i], fates, ARRAY_LEN(fates), 1) == 0;

		*(i == 0 ? &def->unsegmented : &def->non_ip) = drop ? WIRE_DROP : WIRE_PASS;
	}
}

/* defaults { ... }: once per directory. [-1, +0, m] */
static int
bind_defaults(lua_State *L)
{
	static const char *const keys[] = { "unsegmented", "non_ip", "fragments", "midstream",
		"live_flows", "control" };
	static const char *const fragments[] = { "follow-first", "drop" };
	static const char *const midstream[] = { "pick-up", "drop" };
	static const char *const live_flows[] = { "cut", "drain" };
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = pol_site_here(c, POL_W_DEFAULTS),
		.what = "defaults" };
	struct diag d;

	lua_settop(L, 1);
	if (c->defaults_site.line != 0) {
		diag_set(&d, "repeated-defaults", "defaults are stated twice: here and at %s",
		    pol_site_text(c, &c->defaults_site));
		diag_hint(&d, "they hold for the whole directory: state them once");
		pol_args_fault(&g, &d, NULL);
		return 0;
	}
	c->defaults_site = g.site;
	if (!pol_args_begin(&g, keys, ARRAY_LEN(keys), false))
		return 0;
	take_fates(&g);
	c->defaults.fragments_drop = pol_args_choice(&g, "fragments", fragments, 2, 0) == 1;
	c->defaults.midstream_drop = pol_args_choice(&g, "midstream", midstream, 2, 0) == 1;
	c->defaults.live_flows_drain = pol_args_choice(&g, "live_flows", live_flows, 2, 0) == 1;
	if (pol_args_get(&g, "control")) {
		c->control = pol_service_check(&g, -1, "control");
		lua_pop(L, 1);
	}
	return 0;
}

/* test, prove; upvalue: the word. The result may be called with a table. [-1, +1, m] */
static int
bind_later(lua_State *L)
{
	enum pol_word word = (enum pol_word)lua_tointeger(L, lua_upvalueindex(1));
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_site site = pol_site_here(c, word);
	struct diag d;

	CHECK(word < POL_W__COUNT);
	diag_set(&d, "unsupported", "%s is not yet supported", pol_word_names[word]);
	diag_hint(&d, "remove it: it is refused so that it is not silently without effect");
	pol_report(c, &d, &site);
	c->test_told = true;
	pol_set_push(L, 0);
	return 1;
}

/* allow, deny, never, always: words of test and prove, whose error has been told by then. */
static int
bind_test_word(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	const char *word = lua_tostring(L, lua_upvalueindex(1));
	struct pol_site site = pol_site_line(c);
	struct diag d;

	if (!c->test_told) {
		pol_site_find(c, &site, word);
		diag_set(&d, "unknown-name", "\"%s\" is a word of test and prove only", word);
		diag_hint(&d, "a rule is written inbound { %s = ... }",
		    strcmp(word, "deny") == 0 ? "deny" : "allow");
		pol_report(c, &d, &site);
	}
	pol_set_push(L, 0);
	return 1;
}

static const luaL_Reg file_words[] = {
	{ "policy", bind_policy }, { "include", bind_include }, { "defaults", bind_defaults },
	{ NULL, NULL }
};

void
pol_bind_file_open(lua_State *L)
{
	static const enum pol_word later[] = { POL_W_TEST, POL_W_PROVE };
	static const char *const test_words[] = { "allow", "deny", "never", "always" };

	luaL_newmetatable(L, POL_META_STATEMENT);
	lua_pushcfunction(L, policy_call);
	lua_setfield(L, -2, "__call");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
	luaL_setfuncs(L, file_words, 0);
	for (size_t i = 0; i < ARRAY_LEN(later); i++) {
		lua_pushinteger(L, later[i]);
		lua_pushcclosure(L, bind_later, 1);
		lua_setfield(L, -2, pol_word_names[later[i]]);
	}
	for (size_t i = 0; i < ARRAY_LEN(test_words); i++) {
		lua_pushstring(L, test_words[i]);
		lua_pushvalue(L, -1);
		lua_pushcclosure(L, bind_test_word, 1);
		lua_rawset(L, -3);
	}
}
