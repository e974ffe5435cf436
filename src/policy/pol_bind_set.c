/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_bind_set - address sets in Lua: ip, label, any, any4, any6, and + - &.
 * Shape:   a set is userdata that holds an index in pol_ctx.sets. Operators make new expressions;
 *          nothing is computed before all files ran.
 */
#include <string.h>

#include "pol_bind.h"

enum {
	LIST_MAX = 1 << 17,		/* elements of one list */
	REPEATS_LOOKED_AT = 2000	/* beyond, the warning names the list only */
};

uint32_t
pol_set_new(struct pol_ctx *c, enum pol_set_op op, const struct pol_site *site)
{
	struct pol_set *s;

	if (!POL_VEC_ROOM(c, c->sets))
		pol_raise_nomem(c);
	s = &c->sets.items[c->sets.count];
	memset(s, 0, sizeof(*s));
	s->op = (uint8_t)op;
	s->site = *site;
	return c->sets.count++;
}

void
pol_set_push(lua_State *L, uint32_t set)
{
	uint32_t *u = lua_newuserdatauv(L, sizeof(*u), 0);

	CHECK(set < pol_ctx_of(L)->sets.count);
	*u = set;
	luaL_setmetatable(L, POL_META_SET);
}

bool
pol_set_test(lua_State *L, int idx, uint32_t *set)
{
	const uint32_t *u = luaL_testudata(L, idx, POL_META_SET);

	if (u == NULL)
		return false;
	*set = *u;
	CHECK(*set < pol_ctx_of(L)->sets.count);
	return true;
}

static bool
literal(struct pol_args *g, int idx, struct addr_range *out)
{
	size_t len;
	const char *text = lua_tolstring(g->L, idx, &len);
	struct diag d;

	CHECK(idx > 0);
	if (pol_lex_addr(text, len, out, &d))
		return true;
	if (strcmp(d.code, "bad-address") == 0) {
		for (unsigned kind = 0; kind < POL_KIND__COUNT; kind++) {
			if (kind == POL_KIND_APP)
				continue;
			for (uint32_t i = 0; i < g->c->names.count; i++)
				if (g->c->names.items[i].kind == kind &&
				    strcmp(g->c->names.items[i].text, text) == 0)
					diag_hint(&d, "a name is written %s \"%s\"",
					    pol_kind_names[kind], text);
		}
	}
	g->wrong = true;
	pol_report_value(g->c, &d, &g->site, text, len);
	return false;
}

/* Warns where the literals of a list overlap. */
static void
warn_repeats(struct pol_args *g, const struct addr_range *r, const char *const *texts, uint32_t n)
{
	struct diag d;

	for (uint32_t i = 1; i < n && n <= REPEATS_LOOKED_AT; i++) {
		for (uint32_t k = 0; k < i; k++) {
			char one[2 * ADDR_TEXT_BYTES], two[2 * ADDR_TEXT_BYTES];

			if (r[i].lo.family != r[k].lo.family || addr_cmp(&r[i].lo, &r[k].hi) > 0 ||
			    addr_cmp(&r[k].lo, &r[i].hi) > 0)
				continue;
			addr_range_print(&r[i], one);
			addr_range_print(&r[k], two);
			diag_set(&d, "repeated-address", "%s repeats addresses of %s in the same "
			    "list",
			    one, two);
			d.level = DIAG_WARNING;
			pol_report_value(g->c, &d, &g->site, texts[i], strlen(texts[i]));
			return;
		}
	}
	diag_set(&d, "repeated-address", "the list repeats addresses");
	d.level = DIAG_WARNING;
	pol_report(g->c, &d, &g->site);
}

/* texts[i] is what r[i] was read from; Lua keeps them for as long as this runs. */
static uint32_t
ranges_set(struct pol_args *g, const struct addr_range *r, const char *const *texts, uint32_t n)
{
	uint32_t s = pol_set_new(g->c, POL_SET_RANGES, &g->site);
	struct pol_set *set = &g->c->sets.items[s];
	uint64_t sum = 0, size;

	if (addr_set_from(g->c->a, r, n, &set->set) != RC_OK)
		pol_raise_nomem(g->c);
	set->done = true;
	for (uint32_t i = 0; i < n; i++) {
		struct addr_range one = r[i];
		struct addr_set single = { .ranges = &one, .count = 1 };

		size = addr_set_size(&single);
		sum = sum + size < sum ? UINT64_MAX : sum + size;
	}
	if (sum != UINT64_MAX && sum > addr_set_size(&set->set))
		warn_repeats(g, r, texts, n);
	return s;
}

static uint32_t
union_of(struct pol_ctx *c, uint32_t a, uint32_t b, const struct pol_site *site)
{
	uint32_t s;

	CHECK(b < c->sets.count);
	if (a == POL_NO_NAME)
		return b;
	s = pol_set_new(c, POL_SET_UNION, site);
	c->sets.items[s].a = a;
	c->sets.items[s].b = b;
	c->sets.items[s].listed = true;
	return s;
}

static uint32_t set_check(struct pol_args *g, int idx, const char *key, unsigned depth);

/* Strings of a list become one expression; sets and lists in it are joined to it. */
static uint32_t
list_check(struct pol_args *g, int idx, const char *key, unsigned depth)
{
	lua_Unsigned n = lua_rawlen(g->L, idx);
	uint32_t all = POL_NO_NAME, literals = 0;
	struct addr_range *r;
	const char **texts;
	bool wrong = false;
	struct diag d;

	CHECK(idx > 0 && depth > 0);
	if (n > LIST_MAX || depth > POL_NESTING_MAX) {
		diag_set(&d, "limit", "%s: a list of %llu elements, nested %u deep; at most %d and "
		    "%d",
		    g->what, (unsigned long long)n, depth, LIST_MAX, POL_NESTING_MAX);
		pol_args_value_fault(g, &d, key);
		return 0;
	}
	luaL_checkstack(g->L, 4, "lists nest too deep");
	pol_charge(g->c, n);
	r = pol_alloc(g->c, n, sizeof(*r));
	texts = pol_alloc(g->c, n, sizeof(*texts));
	for (lua_Unsigned i = 1; i <= n; i++) {
		if (lua_rawgeti(g->L, idx, (lua_Integer)i) == LUA_TSTRING) {
			texts[literals] = lua_tostring(g->L, -1);
			if (literal(g, lua_gettop(g->L), &r[literals]))
				literals++;
			else
				wrong = true;
		} else {
			uint32_t s = set_check(g, lua_gettop(g->L), key, depth + 1);

			wrong = wrong || s == 0;
			all = union_of(g->c, all, s, &g->site);
		}
		lua_pop(g->L, 1);
	}
	if (wrong)
		return 0;
	if (literals > 0)
		all = union_of(g->c, all, ranges_set(g, r, texts, literals), &g->site);
	if (all == POL_NO_NAME) {
		diag_set(&d, "empty-list", "%s: an empty list of addresses", g->what);
		if (key == NULL || strcmp(key, "from") == 0 || strcmp(key, "to") == 0)
			diag_hint(&d, "every address is written any");
		pol_args_value_fault(g, &d, key);
		return 0;
	}
	return all;
}

static uint32_t
set_check(struct pol_args *g, int idx, const char *key, unsigned depth)
{
	struct addr_range r;
	uint32_t set;
	struct diag d;

	if (pol_set_test(g->L, idx, &set))
		return set;
	if (lua_type(g->L, idx) == LUA_TSTRING)
		return literal(g, idx, &r) ? ranges_set(g, &r, NULL, 1) : 0;
	if (lua_istable(g->L, idx)) {
		lua_pushnil(g->L);
		while (lua_next(g->L, idx) != 0) {
			lua_pop(g->L, 1);
			if (lua_isinteger(g->L, -1))
				continue;
			lua_pop(g->L, 1);
			diag_set(&d, "bad-key", "%s: a list of addresses has no keys", g->what);
			diag_hint(&d, "labels are written label { key = \"value\" }");
			pol_args_value_fault(g, &d, key);
			return 0;
		}
		return list_check(g, idx, key, depth);
	}
	if (key == NULL)
		diag_set(&d, "bad-type", "%s: a set of addresses is wanted here, not %s", g->what,
		    pol_describe(g->L, idx));
	else
		diag_set(&d, "bad-type", "%s: %s must be a set of addresses, not %s", g->what, key,
		    pol_describe(g->L, idx));
	pol_args_value_fault(g, &d, key);
	return 0;
}

uint32_t
pol_set_check(struct pol_args *g, int idx, const char *key)
{
	return set_check(g, lua_absindex(g->L, idx), key, 1);
}

/* ip "10.0.0.0/8", ip { ... }: [-1, +1, m] */
static int
bind_ip(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = pol_site_here(c, POL_W_IP),
		.what = "ip" };
	struct diag d;
	uint32_t set;

	if (lua_gettop(L) > 1) {
		diag_set(&d, "bad-type", "ip takes one address or one list");
		diag_hint(&d, "write ip { \"10.0.0.1\", \"10.0.0.2\" }");
		pol_args_fault(&g, &d, NULL);
		lua_settop(L, 1);
	}
	if (!lua_istable(L, 1) && lua_type(L, 1) != LUA_TSTRING && !pol_set_test(L, 1, &set)) {
		diag_set(&d, "bad-type", "ip takes an address as text, or a list of them");
		diag_hint(&d, "write ip \"10.0.0.0/8\"");
		pol_args_fault(&g, &d, NULL);
		pol_set_push(L, 0);
		return 1;
	}
	pol_set_push(L, pol_set_check(&g, 1, NULL));
	return 1;
}

static int
label_cmp(const struct pol_label *a, const struct pol_label *b)
{
	return strcmp(a->key, b->key);
}

/* Labels of the table on the top of the stack, sorted by key; false where one is wrong. */
bool
pol_labels_check(struct pol_args *g, const char *key, const struct pol_label **out, uint32_t *count)
{
	int idx = lua_gettop(g->L);
	struct pol_label *l;
	uint32_t n = 0, cap = 0;
	struct diag d;

	CHECK(lua_istable(g->L, idx));
	lua_pushnil(g->L);
	while (lua_next(g->L, idx) != 0) {
		lua_pop(g->L, 1);
		cap++;
	}
	pol_charge(g->c, cap);
	l = pol_alloc(g->c, cap, sizeof(*l));
	lua_pushnil(g->L);
	while (lua_next(g->L, idx) != 0) {
		size_t klen, vlen;
		struct pol_label one;
		uint32_t i;

		diag_set(&d, "bad-label", "%s: a label is a name and a text, as role = \"web\"",
		    g->what);
		if (lua_type(g->L, -2) == LUA_TSTRING && lua_type(g->L, -1) == LUA_TSTRING) {
			one.key = pol_strdup(g->c, lua_tolstring(g->L, -2, &klen));
			one.value = pol_strdup(g->c, lua_tolstring(g->L, -1, &vlen));
			if (klen == 0 || klen > POL_NAME_BYTES_MAX || vlen > POL_NAME_BYTES_MAX)
				diag_set(&d, "limit", "%s: label \"%.64s\" or its value is longer "
				    "than "
				    "%d bytes", g->what, one.key, POL_NAME_BYTES_MAX);
			else if (strlen(one.key) == klen && strlen(one.value) == vlen)
				d.level = DIAG_NONE;
		}
		if (d.level != DIAG_NONE) {
			lua_pop(g->L, 2);
			pol_args_fault(g, &d, key);
			return false;
		}
		for (i = n++; i > 0 && label_cmp(&l[i - 1], &one) > 0; i--)
			l[i] = l[i - 1];
		l[i] = one;
		lua_pop(g->L, 1);
	}
	*out = l;
	*count = n;
	return true;
}

/* label { app = "pay", role = "web" }: workloads that have all of them. [-1, +1, m] */
static int
bind_label(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = pol_site_here(c, POL_W_LABEL),
		.what = "label" };
	const struct pol_label *labels;
	uint32_t s = 0, count;
	struct diag d;

	lua_settop(L, 1);
	if (!lua_istable(L, 1)) {
		diag_set(&d, "bad-type", "label takes a table, not %s", pol_describe(L, 1));
		diag_hint(&d, "write label { role = \"web\" }");
		pol_args_fault(&g, &d, NULL);
	} else if (pol_labels_check(&g, NULL, &labels, &count)) {
		if (count == 0) {
			diag_set(&d, "bad-label", "label needs at least one name and value");
			pol_args_fault(&g, &d, NULL);
		} else {
			s = pol_set_new(c, POL_SET_LABEL, &g.site);
			c->sets.items[s].labels = labels;
			c->sets.items[s].label_count = count;
		}
	}
	pol_set_push(L, s);
	return 1;
}

static const char *const op_signs[] = { [POL_SET_UNION] = "+", [POL_SET_MINUS] = "-",
	[POL_SET_AND] = "&" };

/* a + b, a - b, a & b; upvalue: the operator. [-2, +1, m] */
static int
set_operator(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	uint8_t op = (uint8_t)lua_tointeger(L, lua_upvalueindex(1));
	struct pol_site site = pol_site_line(c);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = site };
	uint32_t a, b, s = 0;

	CHECK(op == POL_SET_UNION || op == POL_SET_MINUS || op == POL_SET_AND);
	pol_site_find(c, &g.site, op_signs[op]);
	g.what = op_signs[op];
	a = pol_set_check(&g, 1, NULL);
	b = pol_set_check(&g, 2, NULL);
	if (a != 0 && b != 0) {
		s = pol_set_new(c, op, &site);
		c->sets.items[s].a = a;
		c->sets.items[s].b = b;
	}
	pol_set_push(L, s);
	return 1;
}

static int
set_bad_operator(lua_State *L)
{
	return luaL_error(L, "sets are joined by +, subtracted by - and intersected by &");
}

/* group "web" { ... }: the table of a name. [-2, +1, m] */
static int
set_call(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	uint32_t set = 0;
	struct pol_site site;

	CHECK(pol_set_test(L, 1, &set));
	if (set != 0 && c->sets.items[set].op == POL_SET_REF) {
		site = c->sets.items[set].site;
		c->last = site;
		return pol_name_define(L, c->sets.items[set].a, &site);
	}
	if (set == 0)
		lua_settop(L, 1);
	else
		return luaL_error(L, "a set of addresses is not called; only a name is, as "
		    "group \"web\" { ... }; several addresses are a list, as ip { ... }");
	return 1;
}

static const luaL_Reg set_meta[] = {
	{ "__call", set_call }, { "__bor", set_bad_operator }, { "__mul", set_bad_operator },
	{ "__bxor", set_bad_operator }, { "__concat", set_bad_operator }, { NULL, NULL }
};

static void
any_word(lua_State *L, enum pol_word word, uint8_t family)
{
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_site nowhere = { .file = POL_NO_FILE, .tok = POL_NO_TOK };
	uint32_t s = pol_set_new(c, POL_SET_ANY, &nowhere);

	CHECK(family == 0 || family == 4 || family == 6);
	c->sets.items[s].family = family;
	pol_set_push(L, s);
	lua_setfield(L, -2, pol_word_names[word]);
}

void
pol_bind_set_open(lua_State *L)
{
	static const struct { const char *event; uint8_t op; } operators[] = {
		{ "__add", POL_SET_UNION }, { "__sub", POL_SET_MINUS }, { "__band", POL_SET_AND }
	};

	luaL_newmetatable(L, POL_META_SET);
	luaL_setfuncs(L, set_meta, 0);
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		lua_pushinteger(L, operators[i].op);
		lua_pushcclosure(L, set_operator, 1);
		lua_setfield(L, -2, operators[i].event);
	}
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
	lua_pushcfunction(L, bind_ip);
	lua_setfield(L, -2, "ip");
	lua_pushcfunction(L, bind_label);
	lua_setfield(L, -2, "label");
	any_word(L, POL_W_ANY, 0);
	any_word(L, POL_W_ANY4, 4);
	any_word(L, POL_W_ANY6, 6);
}
