/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_bind_name - what has a name: workload, group, list, app, segment.
 * Shape:   `group "web"` gives a reference, a set; calling that with a table defines the name. One
 *          space of names per kind for the whole directory; resolved when all files ran.
 */
#include <string.h>

#include "hash.h"
#include "pol_bind.h"
#include "str.h"

enum { VNIC_MAX = 65535 };

const char *const pol_kind_names[POL_KIND__COUNT] = { "workload", "group", "list", "app",
	"segment" };

/* --- the table of names ---------------------------------------------------------------------- */

static uint32_t
name_slot(const struct pol_ctx *c, uint8_t kind, const char *text)
{
	uint64_t h = fnv1a64(FNV1A64_INIT ^ kind, text, strlen(text));
	uint32_t i = (uint32_t)h & (c->name_cap - 1);

	for (;; i = (i + 1) & (c->name_cap - 1)) {
		const struct pol_name *n;

		if (c->name_table[i] == 0)
			return i;
		n = &c->names.items[c->name_table[i] - 1];
		if (n->kind == kind && strcmp(n->text, text) == 0)
			return i;
	}
}

static bool
name_table_grow(struct pol_ctx *c)
{
	uint32_t cap = c->name_cap == 0 ? 256 : c->name_cap * 2;
	uint32_t *table = arena_array(c->a, cap, sizeof(*table));

	if (table == NULL)
		return false;
	c->name_table = table;
	c->name_cap = cap;
	for (uint32_t i = 0; i < c->names.count; i++)
		table[name_slot(c, c->names.items[i].kind, c->names.items[i].text)] = i + 1;
	return true;
}

uint32_t
pol_name_get(struct pol_ctx *c, enum pol_kind kind, const char *text)
{
	struct pol_name *n;
	uint32_t slot;

	CHECK(text != NULL && kind < POL_KIND__COUNT);
	if (c->names.count >= c->name_cap / 2 && !name_table_grow(c))
		return POL_NO_NAME;
	slot = name_slot(c, (uint8_t)kind, text);
	if (c->name_table[slot] != 0)
		return c->name_table[slot] - 1;
	if (!POL_VEC_ROOM(c, c->names))
		return POL_NO_NAME;
	n = &c->names.items[c->names.count];
	memset(n, 0, sizeof(*n));
	n->kind = (uint8_t)kind;
	n->state = POL_STATE_UNSAID;
	n->text = arena_strdup(c->a, text);
	if (n->text == NULL)
		return POL_NO_NAME;
	c->name_table[slot] = ++c->names.count;
	return c->names.count - 1;
}

bool
pol_name_check(struct pol_ctx *c, const struct pol_site *site, const char *what, const char *text,
    size_t len)
{
	struct diag d;

	d.level = DIAG_NONE;
	if (len == 0)
		diag_set(&d, "bad-name", "%s has an empty name", what);
	else if (len > POL_NAME_BYTES_MAX)
		diag_set(&d, "limit", "%s: a name of %zu bytes; at most %d", what, len,
		    POL_NAME_BYTES_MAX);
	else if (utf8_check(text, len) != len)
		diag_set(&d, "bad-name", "%s: the name is not valid UTF-8", what);
	else if (control_find(text, len) < len || memchr(text, '"', len) != NULL ||
	    memchr(text, '\\', len) != NULL)
		diag_set(&d, "bad-name", "%s: a name holds no control characters, \" or \\", what);
	if (d.level == DIAG_NONE)
		return true;
	pol_report_value(c, &d, site, text, len);
	return false;
}

void
pol_name_refer(struct pol_ctx *c, uint32_t name, const struct pol_site *site)
{
	struct pol_name *n = &c->names.items[name];

	CHECK(site != NULL);
	CHECK(name < c->names.count);
	if (!n->referred) {
		n->referred = true;
		n->first_ref = *site;
	}
}

/* --- definitions ----------------------------------------------------------------------------- */

static bool
count_within(struct pol_args *g, enum pol_kind kind, uint32_t max)
{
	uint32_t n = 0;
	struct diag d;

	CHECK(max > 0);
	for (uint32_t i = 0; i < g->c->names.count; i++)
		n += g->c->names.items[i].kind == kind && g->c->names.items[i].defined;
	if (n < max)
		return true;
	diag_set(&d, "limit", "more than %u %ss", (unsigned)max, pol_kind_names[kind]);
	pol_args_fault(g, &d, NULL);
	return false;
}

/* Joins the list part of the table at idx to one set. */
static uint32_t
list_set(struct pol_args *g)
{
	uint32_t n = pol_args_list(g);

	lua_createtable(g->L, (int)MIN(n, 4096u), 0);
	for (uint32_t i = 1; i <= n; i++) {
		lua_rawgeti(g->L, g->idx, i);
		lua_rawseti(g->L, -2, i);
	}
	return pol_set_check(g, -1, NULL);
}

static void
define_group(struct pol_args *g, uint32_t name)
{
	static const char *const keys[] = { "allow_empty" };
	struct pol_name *n = &g->c->names.items[name];
	uint32_t set = 0;
	struct diag d;

	CHECK(name < g->c->names.count);
	if (!pol_args_begin(g, keys, ARRAY_LEN(keys), true) ||
	    !count_within(g, POL_KIND_GROUP, POL_GROUPS_MAX))
		return;
	n->allow_empty = pol_args_bool(g, "allow_empty");
	if (pol_args_list(g) > 0) {
		set = list_set(g);
	} else if (n->allow_empty) {
		set = pol_set_new(g->c, POL_SET_RANGES, &g->site);
		g->c->sets.items[set].done = true;
	} else if (!g->wrong) {
		diag_set(&d, "empty-group", "%s has no members", g->what);
		diag_hint(&d, "write allow_empty = true if that is meant");
		pol_args_fault(g, &d, NULL);
	}
	n->set = set;
}

static void
define_workload(struct pol_args *g, uint32_t name)
{
	static const char *const keys[] = { "ip", "labels", "vnic" };
	struct pol_name *n = &g->c->names.items[name];

	CHECK(name < g->c->names.count);
	if (!pol_args_begin(g, keys, ARRAY_LEN(keys), false))
		return;
	if (pol_args_get(g, "ip")) {
		n->set = pol_set_check(g, -1, "ip");
		lua_pop(g->L, 1);
	} else {
		pol_args_missing(g, "ip", "write ip = \"10.0.0.1\", or a list of addresses");
	}
	if (pol_args_get(g, "labels")) {
		if (!lua_istable(g->L, -1))
			pol_args_type_fault(g, "labels", "a table, as { role = \"web\" }");
		else if (!pol_labels_check(g, "labels", &n->labels, &n->label_count))
			n->label_count = 0;
		lua_settop(g->L, g->idx);
	}
	if (pol_args_get(g, "vnic")) {
		if (!lua_isinteger(g->L, -1) || lua_tointeger(g->L, -1) < 0 ||
		    lua_tointeger(g->L, -1) > VNIC_MAX)
			pol_args_type_fault(g, "vnic", "a whole number from 0 to 65535");
		lua_pop(g->L, 1);
	}
}

static void
define_app(struct pol_args *g, uint32_t name)
{
	static const char *const keys[] = { "state" };
	static const char *const states[] = { "none", "flags", "flow" };
	struct pol_name *n = &g->c->names.items[name];
	uint32_t count;
	struct diag d;

	CHECK(name < g->c->names.count);
	if (!pol_args_begin(g, keys, ARRAY_LEN(keys), true))
		return;
	n->state = (uint8_t)pol_args_choice(g, "state", states, ARRAY_LEN(states),
	    POL_STATE_UNSAID);
	count = pol_args_list(g);
	if (count == 0) {
		if (!g->wrong) {
			diag_set(&d, "empty-list", "%s has no services", g->what);
			diag_hint(&d, "write app \"web\" { tcp(80, 443) }");
			pol_args_fault(g, &d, NULL);
		}
		return;
	}
	lua_createtable(g->L, (int)MIN(count, 4096u), 0);
	for (uint32_t i = 1; i <= count; i++) {
		lua_rawgeti(g->L, g->idx, i);
		lua_rawseti(g->L, -2, i);
	}
	n->svc = pol_service_check(g, -1, NULL);
}

int
pol_name_define(lua_State *L, uint32_t name, const struct pol_site *site)
{
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_name *n = &c->names.items[name];
	struct pol_args g = { .L = L, .c = c, .idx = 2, .site = *site };
	struct diag d;

	CHECK(name < c->names.count);
	lua_settop(L, 2);
	g.what = arena_printf(c->a, "%s \"%s\"", pol_kind_names[n->kind], n->text);
	if (g.what == NULL)
		pol_raise_nomem(c);
	if (n->defined) {
		diag_set(&d, "repeated-name", "%s is defined twice: here and at %s", g.what,
		    pol_site_text(c, &n->site));
		diag_hint(&d, "names are shared by all files of the directory");
		pol_args_fault(&g, &d, NULL);
		lua_settop(L, 1);
		return 1;
	}
	n->site = *site;
	switch (n->kind) {
	case POL_KIND_GROUP:
		define_group(&g, name);
		break;
	case POL_KIND_LIST:
		if (count_within(&g, POL_KIND_LIST, POL_GROUPS_MAX))
			pol_list_define(&g, name);
		break;
	case POL_KIND_WORKLOAD:
		define_workload(&g, name);
		break;
	case POL_KIND_APP:
		define_app(&g, name);
		break;
	default:
		CHECK(n->kind == POL_KIND_SEGMENT);
		pol_segment_define(L, name, site);
		break;
	}
	c->names.items[name].defined = true;
	lua_settop(L, 1);
	return 1;
}

/* The one argument of a named word as text: NULL and a message where it is none. */
static const char *
take_name(struct pol_args *g)
{
	size_t len;
	const char *text;
	struct diag d;

	if (lua_type(g->L, 1) != LUA_TSTRING || lua_gettop(g->L) != 1) {
		diag_set(&d, "bad-name", "%s takes a name in quotes", g->what);
		diag_hint(&d, "write %s \"name\" { ... }", g->what);
		pol_args_fault(g, &d, NULL);
		return NULL;
	}
	text = lua_tolstring(g->L, 1, &len);
	return pol_name_check(g->c, &g->site, g->what, text, len) ? text : NULL;
}

/* workload "x", group "x", list "x", segment "x", app "x"; upvalues: word, kind. [-1, +1, m] */
static int
bind_named(lua_State *L)
{
	enum pol_word word = (enum pol_word)lua_tointeger(L, lua_upvalueindex(1));
	enum pol_kind kind = (enum pol_kind)lua_tointeger(L, lua_upvalueindex(2));
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = pol_site_here(c, word),
		.what = pol_word_names[word] };
	const char *text = take_name(&g);
	uint32_t name = POL_NO_NAME, node = 0;

	CHECK(kind < POL_KIND__COUNT);
	if (text != NULL) {
		name = pol_name_get(c, kind, text);
		if (name == POL_NO_NAME)
			pol_raise_nomem(c);
		pol_name_refer(c, name, &g.site);
	}
	if (kind == POL_KIND_APP) {
		if (name != POL_NO_NAME) {
			node = pol_service_new(c, POL_SVC_REF, &g.site);
			c->svcs.items[node].name = name;
		}
		pol_service_push(L, node);
	} else {
		if (name != POL_NO_NAME) {
			node = pol_set_new(c, POL_SET_REF, &g.site);
			c->sets.items[node].a = name;
		}
		pol_set_push(L, node);
	}
	return 1;
}

void
pol_bind_name_open(lua_State *L)
{
	static const struct { enum pol_word word; enum pol_kind kind; } words[] = {
		{ POL_W_WORKLOAD, POL_KIND_WORKLOAD }, { POL_W_GROUP, POL_KIND_GROUP },
		{ POL_W_LIST, POL_KIND_LIST }, { POL_W_APP, POL_KIND_APP },
		{ POL_W_SEGMENT, POL_KIND_SEGMENT }
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		lua_pushinteger(L, words[i].word);
		lua_pushinteger(L, words[i].kind);
		lua_pushcclosure(L, bind_named, 2);
		lua_setfield(L, -2, pol_word_names[words[i].word]);
	}
}
