/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_lib - what of Lua's own library a policy sees.
 * Does:    takes the harmless functions of base, string and math; replaces those that show
 *          addresses, depend on hash order, or loop in C without a bound (pol_lib_text.c; those of
 *          table are Lua, in lua/prelude.lua, where the budget counts them); all is read-only.
 * Shape:   one table of words in the registry. A file's environment is an empty table whose
 *          metatable looks words up, and raises for an unknown one.
 */
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "embed.h"
#include "pol_vm.h"
#include "str.h"

enum { NEAR_MAX = 256 };	/* names a misspelt one is compared with */

const char pol_lib_words_key = 0;
static const char env_meta_key = 0;

/* --- base ------------------------------------------------------------------------------------ */

const char *
pol_tostring(lua_State *L, int idx, size_t *len)
{
	switch (lua_type(L, idx)) {
	case LUA_TNUMBER:
	case LUA_TSTRING:
	case LUA_TBOOLEAN:
	case LUA_TNIL:
		return luaL_tolstring(L, idx, len);
	case LUA_TUSERDATA:
		if (luaL_getmetafield(L, idx, "__name") == LUA_TSTRING)
			return lua_tolstring(L, -1, len);
		break;
	default:
		break;
	}
	lua_pushstring(L, luaL_typename(L, idx));
	return lua_tolstring(L, -1, len);
}

static int
lib_tostring(lua_State *L)
{
	luaL_checkany(L, 1);
	(void)pol_tostring(L, 1, NULL);
	return 1;
}

/* Order of keys: numbers by value, then strings by bytes, then false, true. */
static int
key_cmp(lua_State *L, int a, int b)
{
	int ta = lua_type(L, a), tb = lua_type(L, b);

	if (ta != tb) {
		static const int rank[] = { [LUA_TNUMBER] = 0, [LUA_TSTRING] = 1,
		    [LUA_TBOOLEAN] = 2 };

		return rank[ta] - rank[tb];
	}
	if (ta == LUA_TSTRING) {
		size_t na, nb;
		const char *sa = lua_tolstring(L, a, &na), *sb = lua_tolstring(L, b, &nb);
		int r = memcmp(sa, sb, MIN(na, nb));

		return r != 0 ? r : (na > nb) - (na < nb);
	}
	if (ta == LUA_TBOOLEAN)
		return lua_toboolean(L, a) - lua_toboolean(L, b);
	if (lua_compare(L, a, b, LUA_OPLT))
		return -1;
	return lua_compare(L, b, a, LUA_OPLT) ? 1 : 0;
}

/* keys[at] sinks in the heap keys[1..n], in the list at stack index 2. */
static void
heap_sink(lua_State *L, lua_Integer at, lua_Integer n)
{
	CHECK(at >= 1 && n >= 0);
	for (;;) {
		lua_Integer kid = at * 2;

		if (kid > n)
			return;
		lua_rawgeti(L, 2, kid);
		if (kid < n) {
			lua_rawgeti(L, 2, kid + 1);
			if (key_cmp(L, -2, -1) < 0) {
				kid++;
				lua_remove(L, -2);
			} else {
				lua_pop(L, 1);
			}
		}
		lua_rawgeti(L, 2, at);
		if (key_cmp(L, -1, -2) >= 0) {
			lua_pop(L, 2);
			return;
		}
		lua_rawseti(L, 2, kid);
		lua_rawseti(L, 2, at);
		at = kid;
	}
}

/* [-0, +1, e] the sorted list of the keys of the table at 1; the stack holds nothing else. */
static int
push_sorted_keys(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	lua_Integer n = 0;

	CHECK(lua_gettop(L) == 1);
	lua_newtable(L);
	lua_pushnil(L);
	while (lua_next(L, 1) != 0) {
		int t = lua_type(L, -2);

		lua_pop(L, 1);
		if (t != LUA_TNUMBER && t != LUA_TSTRING && t != LUA_TBOOLEAN)
			return luaL_error(L, "pairs: a key is a %s; the order of these would not "
			    "be the "
			    "same on every run", lua_typename(L, t));
		lua_pushvalue(L, -1);
		lua_rawseti(L, 2, ++n);
	}
	pol_charge(c, (uint64_t)n * 8);
	for (lua_Integer i = n / 2; i >= 1; i--)
		heap_sink(L, i, n);
	for (lua_Integer i = n; i > 1; i--) {
		lua_rawgeti(L, 2, 1);
		lua_rawgeti(L, 2, i);
		lua_rawseti(L, 2, 1);
		lua_rawseti(L, 2, i);
		heap_sink(L, 1, i - 1);
	}
	return 1;
}

/* Upvalues: keys, table, place. */
static int
pairs_step(lua_State *L)
{
	lua_Integer i = lua_tointeger(L, lua_upvalueindex(3)) + 1;

	for (;; i++) {
		if (lua_rawgeti(L, lua_upvalueindex(1), i) == LUA_TNIL)
			return 1;
		lua_pushvalue(L, -1);
		if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
			break;
		lua_settop(L, 0);	/* removed since */
	}
	lua_pushinteger(L, i);
	lua_replace(L, lua_upvalueindex(3));
	return 2;
}

/* pairs(t): in the order of the keys, not of the hash. */
static int
lib_pairs(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	(void)push_sorted_keys(L);
	lua_pushvalue(L, 1);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, pairs_step, 3);
	return 1;
}

/* next(t): the first key and value in the order of pairs, or nil. */
static int
lib_next(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!lua_isnoneornil(L, 2))
		return luaL_error(L, "next takes a table only; to go on, use pairs");
	lua_settop(L, 1);
	(void)push_sorted_keys(L);
	if (lua_rawgeti(L, 2, 1) == LUA_TNIL)
		return 1;
	lua_pushvalue(L, -1);
	lua_rawget(L, 1);
	return 2;
}

/* --- words and environments ------------------------------------------------------------------ */

static int
read_only(lua_State *L)
{
	return luaL_error(L, "this table cannot be changed");
}

/* [-1, +1, m] an empty, closed table that reads from the one on top. */
static void
push_read_only(lua_State *L)
{
	lua_newtable(L);
	lua_newtable(L);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, read_only);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_remove(L, -2);
}

/* The word or global nearest to name, NULL where none is near. The env is at index 1. */
static const char *
nearest_global(lua_State *L, const char *name)
{
	const char *names[NEAR_MAX];
	size_t n = 0;

	CHECK(name != NULL);
	for (int pass = 0; pass < 2; pass++) {
		if (pass == 0)
			lua_rawgetp(L, LUA_REGISTRYINDEX, &pol_lib_words_key);
		else
			lua_pushvalue(L, 1);
		lua_pushnil(L);
		while (n < NEAR_MAX && lua_next(L, -2) != 0) {
			lua_pop(L, 1);
			if (lua_type(L, -1) != LUA_TSTRING)
				continue;
			/* sorted by insertion: which of two equally near names is told must not
			 * depend on the hash */
			const char *s = lua_tostring(L, -1);
			size_t i = n++;

			for (; i > 0 && strcmp(names[i - 1], s) > 0; i--)
				names[i] = names[i - 1];
			names[i] = s;
		}
	}
	/* one or two letters are near to everything */
	return strlen(name) < 3 ? NULL : str_nearest(name, names, n);
}

static int
env_index(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	const char *name, *near;
	struct pol_site site;
	struct diag d;

	lua_settop(L, 2);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &pol_lib_words_key);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, -2) != LUA_TNIL)
		return 1;
	if (lua_type(L, 2) != LUA_TSTRING)
		return 1;
	name = lua_tostring(L, 2);
	site = pol_site_line(c);
	pol_site_find(c, &site, name);
	diag_set(&d, "unknown-name", "\"%.64s\" is not defined", name);
	near = nearest_global(L, name);
	if (near != NULL)
		diag_hint(&d, "did you mean \"%s\"?", near);
	for (uint32_t i = 0; i < c->names.count; i++)
		if (c->names.items[i].defined && strcmp(c->names.items[i].text, name) == 0)
			diag_hint(&d, "a name is written %s \"%s\"",
			    pol_kind_names[c->names.items[i].kind], name);
	pol_report(c, &d, &site);
	pol_raise_told(c);
}

static int
env_newindex(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &pol_lib_words_key);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, -2) != LUA_TNIL)
		return luaL_error(L, "\"%s\" is a word of the language; choose another name",
		    lua_tostring(L, 2));
	lua_settop(L, 3);
	lua_rawset(L, 1);
	return 0;
}

void
pol_lib_push_env(lua_State *L)
{
	lua_newtable(L);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &env_meta_key);
	lua_setmetatable(L, -2);
}

/* [-0, +0, m] copies names, up to a NULL, from the table at from to the one at to. */
static void
copy_names(lua_State *L, int from, int to, const char *const *names)
{
	for (; *names != NULL; names++) {
		lua_getfield(L, from, *names);
		CHECK(!lua_isnil(L, -1));
		lua_setfield(L, to, *names);
	}
}

static const char *const base_names[] = { "assert", "error", "getmetatable", "ipairs", "rawequal",
	"rawget", "rawlen", "select", "tonumber", "type", NULL };
static const char *const string_names[] = { "byte", "char", "len", "lower", "reverse", "sub",
	"upper", NULL };
static const char *const math_names[] = { "abs", "ceil", "floor", "fmod", "huge", "max",
	"maxinteger", "min", "mininteger", "modf", "pi", "sqrt", "tointeger", "type", "ult", NULL };

static const luaL_Reg base_own[] = {
	{ "next", lib_next }, { "pairs", lib_pairs }, { "tostring", lib_tostring }, { NULL, NULL }
};
/* [-0, +1, m] the library opener's table, with the chosen names and our own, in a fresh one. */
static void
push_library(lua_State *L, lua_CFunction open, const char *const *names, const luaL_Reg *own)
{
	int top = lua_gettop(L);

	lua_newtable(L);
	if (open != NULL) {
		lua_pushcfunction(L, open);
		lua_call(L, 0, 1);
		copy_names(L, top + 2, top + 1, names);
		lua_settop(L, top + 1);
	}
	luaL_setfuncs(L, own, 0);
}

/* [-0, +0, e] runs the prelude with the base functions it needs; it fills the table library. */
static void
run_prelude(lua_State *L, int words, int table)
{
	static const char *const needs[] = { "error", "type", "select", "rawlen" };

	if (luaL_loadbufferx(L, (const char *)embed_prelude, embed_prelude_len, "=prelude", "t") !=
	    LUA_OK)
		lua_error(L);
	for (size_t i = 0; i < ARRAY_LEN(needs); i++)
		lua_getfield(L, words, needs[i]);
	lua_call(L, ARRAY_LEN(needs), 1);
	CHECK(lua_isfunction(L, -1));
	lua_pushvalue(L, table);
	lua_call(L, 1, 0);
}

static void
make_env_meta(lua_State *L)
{
	lua_newtable(L);
	lua_pushcfunction(L, env_index);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, env_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &env_meta_key);
}

/* The methods of strings: as the string table, closed. */
static void
close_string_meta(lua_State *L, int string_table)
{
	CHECK(string_table > 0);
	lua_pushliteral(L, "");
	lua_newtable(L);
	lua_pushvalue(L, string_table);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}

void
pol_lib_open(lua_State *L)
{
	int words, base, lib;

	lua_newtable(L);
	words = lua_gettop(L);
	/* base opens into the table of globals; what is not taken from there is dropped with it */
	lua_pushcfunction(L, luaopen_base);
	lua_call(L, 0, 1);
	base = lua_gettop(L);
	copy_names(L, base, words, base_names);
	lua_newtable(L);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	lua_settop(L, words);
	luaL_setfuncs(L, base_own, 0);

	push_library(L, luaopen_string, string_names, pol_lib_string);
	close_string_meta(L, words + 1);
	push_read_only(L);
	lua_setfield(L, words, "string");
	push_library(L, luaopen_math, math_names, (const luaL_Reg[]){ { NULL, NULL } });
	push_read_only(L);
	lua_setfield(L, words, "math");
	push_library(L, NULL, NULL, pol_lib_table);
	lib = lua_gettop(L);
	run_prelude(L, words, lib);
	push_read_only(L);
	lua_setfield(L, words, "table");
	CHECK(lua_gettop(L) == words);

	pol_bind_set_open(L);
	pol_bind_service_open(L);
	pol_bind_name_open(L);
	pol_bind_segment_open(L);
	pol_bind_file_open(L);
	CHECK(lua_gettop(L) == words);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &pol_lib_words_key);
	make_env_meta(L);
}
