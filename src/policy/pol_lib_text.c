/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_lib_text - our own find, split, format, rep, concat and unpack.
 * Does:    what Lua's string and table libraries do in C without a bound, with one: no patterns,
 *          capped results, and every loop charged to the instruction budget.
 */
#include <stdio.h>
#include <string.h>

#include "pol_vm.h"

enum {
	REP_BYTES_MAX = 1 << 20,	/* of string.rep and table.concat */
	UNPACK_MAX = 200		/* values of table.unpack in a call */
};

static int
lib_rep(lua_State *L)
{
	size_t len, sep_len, each, total;
	const char *s = luaL_checklstring(L, 1, &len);
	lua_Integer n = luaL_checkinteger(L, 2);
	const char *sep = luaL_optlstring(L, 3, "", &sep_len);
	luaL_Buffer b;

	if (n <= 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if (!size_add(len, sep_len, &each) || !size_mul(each, (size_t)n, &total) ||
	    total > REP_BYTES_MAX)
		return luaL_error(L, "string.rep: more than %d bytes", REP_BYTES_MAX);
	pol_charge(pol_ctx_of(L), total / 16 + (each == 0 ? 0 : (uint64_t)n / 8));
	if (each == 0)
		n = 0;
	luaL_buffinit(L, &b);
	for (lua_Integer i = 0; i < n; i++) {
		luaL_addlstring(&b, s, len);
		if (i + 1 < n)
			luaL_addlstring(&b, sep, sep_len);
	}
	luaL_pushresult(&b);
	return 1;
}

/* Plain search, linear for short needles and charged for long ones. */
static const char *
find_plain(lua_State *L, const char *s, size_t n, const char *what, size_t m)
{
	CHECK(s != NULL && what != NULL);
	pol_charge(pol_ctx_of(L), n / 16 + 1);
	if (m == 0)
		return s;
	for (const char *p = s; (size_t)(s + n - p) >= m; p++) {
		p = memchr(p, what[0], (size_t)(s + n - p) - m + 1);
		if (p == NULL)
			return NULL;
		pol_charge(pol_ctx_of(L), m / 16);
		if (memcmp(p, what, m) == 0)
			return p;
	}
	return NULL;
}

/* string.find(s, text [, from]): first and last index, or nil. No patterns. */
static int
lib_find(lua_State *L)
{
	size_t n, m, from;
	const char *s = luaL_checklstring(L, 1, &n), *what = luaL_checklstring(L, 2, &m), *p;
	lua_Integer at = luaL_optinteger(L, 3, 1);

	if (at < 0)
		at = (lua_Integer)n + at + 1;
	from = at <= 1 ? 0 : (size_t)at - 1;
	p = from > n ? NULL : find_plain(L, s + from, n - from, what, m);
	if (p == NULL) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, p - s + 1);
	lua_pushinteger(L, p - s + (lua_Integer)m);
	return 2;
}

/* string.split(s, separator): list of the parts between. */
static int
lib_split(lua_State *L)
{
	size_t n, m;
	const char *s = luaL_checklstring(L, 1, &n), *sep = luaL_checklstring(L, 2, &m), *p;
	lua_Integer count = 0;

	luaL_argcheck(L, m > 0, 2, "the separator is empty");
	lua_newtable(L);
	while ((p = find_plain(L, s, n, sep, m)) != NULL) {
		lua_pushlstring(L, s, (size_t)(p - s));
		lua_rawseti(L, -2, ++count);
		n -= (size_t)(p - s) + m;
		s = p + m;
	}
	lua_pushlstring(L, s, n);
	lua_rawseti(L, -2, ++count);
	return 1;
}

/* One conversion at p (after '%') up to its letter, which is returned; 0 where it is none. */
static char
take_conversion(const char **p, const char *end, char spec[16])
{
	size_t n = 0, digits = 0;

	spec[n++] = '%';
	while (*p < end && n < 5 && memchr("-+ #0", **p, 5) != NULL)
		spec[n++] = *(*p)++;
	for (; *p < end && digits < 2 && **p >= '0' && **p <= '9'; digits++)
		spec[n++] = *(*p)++;
	if (*p < end && **p == '.') {
		spec[n++] = *(*p)++;
		for (digits = 0; *p < end && digits < 2 && **p >= '0' && **p <= '9'; digits++)
			spec[n++] = *(*p)++;
	}
	spec[n] = '\0';
	CHECK(n < 12);
	return *p < end ? *(*p)++ : '\0';
}

/* Adds argument arg by spec and letter; false where the letter is unknown. */
static bool
add_conversion(lua_State *L, luaL_Buffer *b, int arg, char spec[16], char letter)
{
	size_t n = strlen(spec), len;
	char out[420];
	const char *s;
	int got;

	CHECK(spec[0] == '%');
	switch (letter) {
	case 'd': case 'i': case 'x': case 'X': case 'o':
		memcpy(spec + n, "ll", 2);
		spec[n + 2] = letter;
		spec[n + 3] = '\0';
		got = snprintf(out, sizeof(out), spec, (long long)luaL_checkinteger(L, arg));
		break;
	case 'e': case 'E': case 'f': case 'g': case 'G':
		spec[n] = letter;
		spec[n + 1] = '\0';
		got = snprintf(out, sizeof(out), spec, (double)luaL_checknumber(L, arg));
		break;
	case 'c':
		luaL_addchar(b, (char)luaL_checkinteger(L, arg));
		return true;
	case 's':
		luaL_checkany(L, arg);
		s = pol_tostring(L, arg, &len);
		if (n == 1 || len >= 100) {
			luaL_addvalue(b);
			return true;
		}
		spec[n] = 's';
		spec[n + 1] = '\0';
		got = snprintf(out, sizeof(out), spec, s);
		lua_pop(L, 1);
		break;
	default:
		return false;
	}
	CHECK(got >= 0);
	luaL_addlstring(b, out, MIN((size_t)got, sizeof(out) - 1));
	return true;
}

/* string.format: %d %i %x %X %o %c %e %f %g %s %%, width and precision of two digits. */
static int
lib_format(lua_State *L)
{
	size_t n;
	const char *p = luaL_checklstring(L, 1, &n), *end = p + n;
	luaL_Buffer b;
	int arg = 1, top = lua_gettop(L);	/* above lies the buffer */

	luaL_buffinit(L, &b);
	while (p < end) {
		char spec[16], letter;

		if (*p != '%') {
			luaL_addchar(&b, *p++);
			continue;
		}
		p++;
		if (p < end && *p == '%') {
			luaL_addchar(&b, *p++);
			continue;
		}
		letter = take_conversion(&p, end, spec);
		luaL_argcheck(L, ++arg <= top, arg, "no value");
		if (!add_conversion(L, &b, arg, spec, letter))
			return luaL_error(L, "string.format: no conversion '%s%c'", spec,
			    letter >= ' ' && letter < 0x7f ? letter : '?');
	}
	luaL_pushresult(&b);
	return 1;
}

static int
lib_concat(lua_State *L)
{
	lua_Integer i, last;
	size_t total = 0, len, sep_len;
	const char *sep;
	luaL_Buffer b;

	luaL_checktype(L, 1, LUA_TTABLE);
	sep = luaL_optlstring(L, 2, "", &sep_len);
	i = luaL_optinteger(L, 3, 1);
	last = luaL_optinteger(L, 4, (lua_Integer)lua_rawlen(L, 1));
	luaL_buffinit(L, &b);
	for (; i <= last; i++) {
		int t = lua_rawgeti(L, 1, i);

		if (t != LUA_TSTRING && t != LUA_TNUMBER)
			return luaL_error(L, "table.concat: value %I is a %s", (LUAI_UACINT)i,
			    lua_typename(L, t));
		(void)lua_tolstring(L, -1, &len);
		total += len + sep_len;
		if (total > REP_BYTES_MAX)
			return luaL_error(L, "table.concat: more than %d bytes", REP_BYTES_MAX);
		pol_charge(pol_ctx_of(L), 2 + len / 16);
		luaL_addvalue(&b);
		if (i < last)
			luaL_addlstring(&b, sep, sep_len);
		if (i == LUA_MAXINTEGER)
			break;
	}
	luaL_pushresult(&b);
	return 1;
}

static int
lib_unpack(lua_State *L)
{
	lua_Integer i, last;

	luaL_checktype(L, 1, LUA_TTABLE);
	i = luaL_optinteger(L, 2, 1);
	last = luaL_optinteger(L, 3, (lua_Integer)lua_rawlen(L, 1));
	if (i > last)
		return 0;
	if ((uint64_t)last - (uint64_t)i >= UNPACK_MAX)
		return luaL_error(L, "table.unpack: more than %d values", UNPACK_MAX);
	luaL_checkstack(L, UNPACK_MAX, "too many values");
	for (lua_Integer k = 0; k <= last - i; k++)
		lua_rawgeti(L, 1, i + k);
	return (int)(last - i + 1);
}

const luaL_Reg pol_lib_string[] = {
	{ "find", lib_find }, { "format", lib_format }, { "rep", lib_rep }, { "split", lib_split },
	{ NULL, NULL }
};
const luaL_Reg pol_lib_table[] = {
	{ "concat", lib_concat }, { "unpack", lib_unpack }, { NULL, NULL }
};
