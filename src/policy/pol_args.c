/* SPDX-License-Identifier: Apache-2.0 */
/* pol_args - table arguments: every key known, every type right, each fault at its own word. */
#include <string.h>

#include "pol_bind.h"
#include "str.h"

enum { UNKNOWN_MAX = 16, SHOW_BYTES = 64 };

void *
pol_alloc(struct pol_ctx *c, size_t count, size_t size)
{
	void *p = arena_array(c->a, count, size);

	if (p == NULL)
		pol_raise_nomem(c);
	return p;
}

const char *
pol_strdup(struct pol_ctx *c, const char *s)
{
	char *p = arena_strdup(c->a, s);

	if (p == NULL)
		pol_raise_nomem(c);
	return p;
}

const char *
pol_describe(lua_State *L, int idx)
{
	struct pol_ctx *c = pol_ctx_of(L);
	const char *text = NULL;
	size_t len;

	CHECK(idx != 0);
	switch (lua_type(L, idx)) {
	case LUA_TSTRING:
		text = lua_tolstring(L, idx, &len);
		text = arena_printf(c->a, "\"%.*s\"%s", SHOW_BYTES, text,
		    len > SHOW_BYTES ? "..." : "");
		break;
	case LUA_TNUMBER:
		lua_pushvalue(L, idx);
		text = arena_strdup(c->a, lua_tostring(L, -1));
		lua_pop(L, 1);
		break;
	case LUA_TBOOLEAN:
		return lua_toboolean(L, idx) ? "true" : "false";
	case LUA_TTABLE:
		return "a table";
	case LUA_TFUNCTION:
		return "a function (was it meant to be called?)";
	case LUA_TNIL:
		return "nil";
	default:
		if (luaL_testudata(L, idx, POL_META_SET) != NULL)
			return "a set of addresses";
		if (luaL_testudata(L, idx, POL_META_SERVICE) != NULL)
			return "a service";
		if (luaL_testudata(L, idx, POL_META_RULE) != NULL)
			return "a rule";
		return "a statement";
	}
	if (text == NULL)
		pol_raise_nomem(c);
	return text;
}

void
pol_args_fault(struct pol_args *g, struct diag *d, const char *key)
{
	CHECK(d->level != DIAG_NONE);
	if (d->level == DIAG_ERROR)
		g->wrong = true;
	if (key != NULL)
		pol_report_key(g->c, d, &g->site, key, false);
	else
		pol_report(g->c, d, &g->site);
}

void
pol_args_value_fault(struct pol_args *g, struct diag *d, const char *key)
{
	CHECK(d->level == DIAG_ERROR);
	g->wrong = true;
	if (key != NULL)
		pol_report_key(g->c, d, &g->site, key, true);
	else
		pol_report(g->c, d, &g->site);
}

void
pol_args_type_fault(struct pol_args *g, const char *key, const char *want)
{
	struct diag d;

	diag_set(&d, "bad-type", "%s: %s must be %s, not %s", g->what, key, want,
	    pol_describe(g->L, -1));
	pol_args_value_fault(g, &d, key);
}

void
pol_args_missing(struct pol_args *g, const char *key, const char *hint)
{
	struct diag d;

	CHECK(key != NULL && hint != NULL);
	diag_set(&d, "missing-key", "%s needs %s", g->what, key);
	diag_hint(&d, "%s", hint);
	pol_args_fault(g, &d, NULL);
}

static void
unknown_key(struct pol_args *g, const char *key, const char *const *keys, size_t count)
{
	const char *near = str_nearest(key, keys, count);
	char all[200] = "";
	struct diag d;
	size_t at = 0;

	CHECK(key != NULL);
	diag_set(&d, "unknown-key", "%s has no key \"%.64s\"", g->what, key);
	if (strcmp(key, "state") == 0) {	/* near to "rate", and meant in earnest */
		diag_hint(&d, "state is a key of app: app \"dns\" { udp(53), state = \"none\" }");
	} else if (near != NULL) {
		diag_hint(&d, "did you mean \"%s\"?", near);
	} else if (count > 0) {
		for (size_t i = 0; i < count && at < sizeof(all); i++)
			at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s",
			    i == 0 ? "" : ", ", keys[i]);
		diag_hint(&d, "its keys are %s", all);
	}
	pol_args_fault(g, &d, key);
}

/* A key written twice in the braces: Lua would keep the last silently. */
static void
repeated_keys(struct pol_args *g, const char *const *keys, size_t count)
{
	struct pol_file *f = pol_file_lexed(g->c, g->site.file);
	uint32_t brace;

	CHECK(g->idx > 0);
	if (f == NULL || g->site.tok == POL_NO_TOK)
		return;
	brace = pol_tok_table(&f->toks, g->site.tok);
	for (size_t i = 0; brace != POL_NO_TOK && i < count; i++) {
		struct diag d;

		if (pol_tok_key(&f->toks, brace, keys[i], 1) == POL_NO_TOK)
			continue;
		diag_set(&d, "repeated-key", "%s has \"%s\" twice", g->what, keys[i]);
		pol_args_fault(g, &d, keys[i]);
	}
}

static bool
known_key(const char *key, size_t len, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(keys[i]) == len && memcmp(keys[i], key, len) == 0)
			return true;
	return false;
}

/* Sorted, so that the order of messages is not the hash's. */
static void
add_sorted(const char **names, size_t *n, const char *name)
{
	size_t i;

	if (*n == UNKNOWN_MAX)
		return;
	for (i = (*n)++; i > 0 && strcmp(names[i - 1], name) > 0; i--)
		names[i] = names[i - 1];
	names[i] = name;
}

static void
odd_key(struct pol_args *g, bool list_allowed)
{
	struct diag d;

	diag_set(&d, "bad-key", "%s has a key that is not a name%s", g->what,
	    list_allowed ? " nor a place in its list" : "");
	pol_args_fault(g, &d, NULL);
}

bool
pol_args_begin(struct pol_args *g, const char *const *keys, size_t key_count, bool list_allowed)
{
	const char *unknown[UNKNOWN_MAX];
	size_t unknown_count = 0, list = 0, odd = 0, len;
	struct diag d;

	CHECK(g->idx > 0);
	if (!lua_istable(g->L, g->idx)) {
		diag_set(&d, "bad-type", "%s takes a table, not %s", g->what,
		    lua_isnone(g->L, g->idx) ? "nothing" : pol_describe(g->L, g->idx));
		diag_hint(&d, "write %s { ... }", g->what);
		pol_args_fault(g, &d, NULL);
		return false;
	}
	lua_pushnil(g->L);
	while (lua_next(g->L, g->idx) != 0) {
		lua_pop(g->L, 1);
		if (lua_type(g->L, -1) == LUA_TSTRING) {
			const char *key = lua_tolstring(g->L, -1, &len);

			if (!known_key(key, len, keys, key_count))
				add_sorted(unknown, &unknown_count, key);
		} else if (lua_isinteger(g->L, -1) && lua_tointeger(g->L, -1) >= 1) {
			list++;
		} else {
			odd++;
		}
	}
	for (size_t i = 0; i < unknown_count; i++)
		unknown_key(g, unknown[i], keys, key_count);
	if (odd > 0)
		odd_key(g, list_allowed);
	if (list > 0 && !list_allowed) {
		diag_set(&d, "bad-key", "%s takes named values only, as key = value", g->what);
		pol_args_fault(g, &d, NULL);
	} else if (list != pol_args_list(g)) {
		diag_set(&d, "bad-list", "%s: the list has a gap (a nil) in it", g->what);
		pol_args_fault(g, &d, NULL);
	}
	repeated_keys(g, keys, key_count);
	return true;
}

bool
pol_args_get(struct pol_args *g, const char *key)
{
	CHECK(g->idx > 0 && key != NULL);
	lua_pushstring(g->L, key);
	if (lua_rawget(g->L, g->idx) != LUA_TNIL)
		return true;
	lua_pop(g->L, 1);
	return false;
}

uint32_t
pol_args_list(const struct pol_args *g)
{
	return (uint32_t)MIN(lua_rawlen(g->L, g->idx), (lua_Unsigned)UINT32_MAX);
}

bool
pol_args_bool(struct pol_args *g, const char *key)
{
	bool v = false;

	if (!pol_args_get(g, key))
		return false;
	if (lua_isboolean(g->L, -1))
		v = lua_toboolean(g->L, -1);
	else
		pol_args_type_fault(g, key, "true or false");
	lua_pop(g->L, 1);
	return v;
}

const char *
pol_args_text(struct pol_args *g, const char *key, size_t max_bytes)
{
	const char *text = NULL;
	size_t len;
	struct diag d;

	CHECK(max_bytes > 0 && max_bytes < 512);
	if (!pol_args_get(g, key))
		return NULL;
	if (lua_type(g->L, -1) != LUA_TSTRING) {
		pol_args_type_fault(g, key, "a text");
	} else {
		text = lua_tolstring(g->L, -1, &len);
		diag_set(&d, "bad-text", "%s: %s holds control characters or is not UTF-8", g->what,
		    key);
		if (len > max_bytes)
			diag_set(&d, "limit", "%s: %s is %zu bytes long; at most %zu", g->what, key,
			    len, max_bytes);
		else if (strlen(text) == len && utf8_check(text, len) == len &&
		    strpbrk(text, "\001\002\003\004\005\006\007\b\t\n\v\f\r\016\017\020\021\022\023"
		    "\024\025\026\027\030\031\032\033\034\035\036\037\177") == NULL)
			d.level = DIAG_NONE;
		if (d.level != DIAG_NONE) {
			pol_args_value_fault(g, &d, key);
			text = NULL;
		} else {
			text = pol_strdup(g->c, text);
		}
	}
	lua_pop(g->L, 1);
	return text;
}

int
pol_args_choice(struct pol_args *g, const char *key, const char *const *names, size_t count,
    int otherwise)
{
	const char *text = "", *near;
	char all[120] = "";
	size_t at = 0;
	struct diag d;

	CHECK(count > 0);
	if (!pol_args_get(g, key))
		return otherwise;
	if (lua_type(g->L, -1) == LUA_TSTRING)
		text = lua_tostring(g->L, -1);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text, names[i]) == 0) {
			lua_pop(g->L, 1);
			return (int)i;
		}
		at += (size_t)snprintf(all + at, sizeof(all) - at, "%s\"%s\"",
		    i == 0 ? "" : i + 1 == count ? " or " : ", ", names[i]);
		CHECK(at < sizeof(all));
	}
	diag_set(&d, "bad-value", "%s: %s must be %s, not %s", g->what, key, all,
	    pol_describe(g->L, -1));
	near = str_nearest(text, names, count);
	if (near != NULL)
		diag_hint(&d, "did you mean \"%s\"?", near);
	pol_args_value_fault(g, &d, key);
	lua_pop(g->L, 1);
	return otherwise;
}

void
pol_args_unsupported(struct pol_args *g, const char *const *keys, size_t count)
{
	CHECK(keys != NULL);
	for (size_t i = 0; i < count; i++) {
		struct diag d;

		if (!pol_args_get(g, keys[i]))
			continue;
		lua_pop(g->L, 1);
		diag_set(&d, "unsupported", "%s: %s is not yet supported", g->what, keys[i]);
		diag_hint(&d, "remove it: it is refused so that it is not silently without effect");
		pol_args_fault(g, &d, keys[i]);
	}
}
