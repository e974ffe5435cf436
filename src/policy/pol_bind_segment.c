/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_bind_segment - segment, inbound, outbound.
 * Shape:   a rule is userdata that holds an index in pol_ctx.rules; its segment takes it out of its
 *          table. A rule in two segments is two rules with one place.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pol_bind.h"

enum { WHY_BYTES_MAX = 256, VID_MAX = 4095, LINES_NAMED = 4 };

static const char *const mode_names[] = { "learn", "comply", "enforce" };
static const char *const later_keys[] = { "rate", "burst", "expires", "only" };

/* The built-in guard is run last, and is no part of what was written. */
static uint32_t
room_for(const struct pol_ctx *c, const struct pol_site *site, uint32_t max)
{
	return site->file == c->file_count - 1 ? max + POL_BUILTIN_MAX : max;
}

static int
place_order(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The lines that wrote most rules, with their number. */
static void
rules_hint(struct pol_ctx *c, struct diag *d)
{
	uint64_t *places = pol_alloc(c, (size_t)c->rules.count + 1, sizeof(*places));
	struct { uint64_t place; uint32_t count; } best[LINES_NAMED + 1] = { { 0, 0 } };
	char text[256] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < c->rules.count; i++)
		places[i] = (uint64_t)c->rules.items[i].site.file << 32 |
		    c->rules.items[i].site.line;
	places[c->rules.count] = UINT64_MAX;
	qsort(places, c->rules.count, sizeof(*places), place_order);
	for (uint32_t i = 0, first = 0; i < c->rules.count; i++) {
		if (places[i + 1] == places[i])
			continue;
		size_t k = LINES_NAMED;

		for (; k > 0 && best[k - 1].count < i + 1 - first; k--)
			best[k] = best[k - 1];
		best[k].place = places[i];
		best[k].count = i + 1 - first;
		first = i + 1;
	}
	for (size_t k = 0; k < LINES_NAMED && best[k].count > 0 && at < sizeof(text); k++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s:%" PRIu64 " (%u)",
		    k > 0 ? ", " : "", c->files[best[k].place >> 32].name,
		    best[k].place & UINT32_MAX, best[k].count);
	diag_hint(d, "most of them come from %s", text);
}

NORETURN static void
too_many_rules(struct pol_ctx *c, const struct pol_site *site)
{
	struct diag d;

	diag_set(&d, "limit", "this is rule %u; a policy has at most %d", c->rules.count + 1,
	    POL_RULES_MAX);
	rules_hint(c, &d);
	pol_report(c, &d, site);
	pol_raise_told(c);
}

static bool
rule_test(lua_State *L, int idx, uint32_t *rule)
{
	const uint32_t *u = luaL_testudata(L, idx, POL_META_RULE);

	if (u == NULL)
		return false;
	*rule = *u;
	CHECK(*rule < pol_ctx_of(L)->rules.count);
	return true;
}

/* Sorted and disjoint; touching ranges are joined. */
static void
take_vlans(struct pol_args *g, struct pol_draft_rule *r)
{
	struct pol_num_range *in;
	struct vlan_range *v;
	uint32_t count, n = 0;

	CHECK(r->vlan_count == 0);
	if (!pol_args_get(g, "vlan"))
		return;
	in = pol_ranges_check(g, -1, "vlan", "VLAN", VID_MAX, &count);
	lua_pop(g->L, 1);
	if (in == NULL)
		return;
	for (uint32_t i = 1; i < count; i++) {
		struct pol_num_range one = in[i];
		uint32_t k = i;

		for (; k > 0 && in[k - 1].lo > one.lo; k--)
			in[k] = in[k - 1];
		in[k] = one;
	}
	v = pol_alloc(g->c, count, sizeof(*v));
	for (uint32_t i = 0; i < count; i++) {
		if (n > 0 && in[i].lo <= (uint32_t)v[n - 1].hi + 1) {
			v[n - 1].hi = (uint16_t)MAX((uint32_t)v[n - 1].hi, in[i].hi);
			continue;
		}
		v[n].lo = (uint16_t)in[i].lo;
		v[n++].hi = (uint16_t)in[i].hi;
	}
	CHECK(n > 0 && n <= count);
	r->vlans = v;
	r->vlan_count = n;
}

static void
take_action(struct pol_args *g, struct pol_draft_rule *r)
{
	bool allow = pol_args_get(g, "allow"), deny;
	struct diag d;

	if (allow) {
		r->svc = pol_service_check(g, -1, "allow");
		lua_pop(g->L, 1);
	}
	deny = pol_args_get(g, "deny");
	if (deny && allow) {
		diag_set(&d, "two-actions", "%s has both allow and deny", g->what);
		diag_hint(&d, "write two rules; a deny beats every allow of its stage");
		pol_args_fault(g, &d, "deny");
	} else if (deny) {
		r->svc = pol_service_check(g, -1, "deny");
	} else if (!allow && !g->wrong) {
		pol_args_missing(g, "allow or deny", "write allow = tcp(443), or deny = any");
	}
	if (deny)
		lua_pop(g->L, 1);
	r->deny = deny;
}

static void
take_peer(struct pol_args *g, struct pol_draft_rule *r, bool inbound)
{
	const char *key = inbound ? "from" : "to", *other = inbound ? "to" : "from";
	struct diag d;

	if (pol_args_get(g, other)) {
		lua_pop(g->L, 1);
		diag_set(&d, "unknown-key", "%s has no key \"%s\"", g->what, other);
		diag_hint(&d, "an %s rule says %s = ...: the member is the other end", g->what,
		    key);
		pol_args_fault(g, &d, other);
	}
	if (pol_args_get(g, key)) {
		r->peer = pol_set_check(g, -1, key);
		lua_pop(g->L, 1);
	} else if (!g->wrong) {
		pol_args_missing(g, key, inbound ? "every peer is written from = any" :
		    "every peer is written to = any");
	}
}

/* inbound { ... }, outbound { ... }; upvalue: the word. [-1, +1, m] */
static int
bind_rule(lua_State *L)
{
	static const char *const keys[] = { "allow", "deny", "from", "to", "vlan", "count", "mode",
		"why", "log", "rate", "burst", "expires", "only" };
	enum pol_word word = (enum pol_word)lua_tointeger(L, lua_upvalueindex(1));
	bool inbound = word == POL_W_INBOUND;
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = pol_site_here(c, word),
		.what = pol_word_names[word] };
	struct pol_draft_rule r = { .site = g.site, .mode = POL_MODE_UNSAID,
		.dir = inbound ? WIRE_IN : WIRE_OUT };
	uint32_t *u;

	CHECK(word == POL_W_INBOUND || word == POL_W_OUTBOUND);
	lua_settop(L, 1);
	if (pol_args_begin(&g, keys, ARRAY_LEN(keys), false)) {
		take_action(&g, &r);
		take_peer(&g, &r, inbound);
		take_vlans(&g, &r);
		r.count = pol_args_bool(&g, "count");
		r.log = pol_args_bool(&g, "log");
		r.mode = (uint8_t)pol_args_choice(&g, "mode", mode_names, ARRAY_LEN(mode_names),
		    POL_MODE_UNSAID);
		r.why = pol_args_text(&g, "why", WHY_BYTES_MAX);
		pol_args_unsupported(&g, later_keys, ARRAY_LEN(later_keys));
	}
	r.wrong = g.wrong;
	if (c->rules.count >= room_for(c, &g.site, POL_RULES_MAX))
		too_many_rules(c, &g.site);
	if (!POL_VEC_ROOM(c, c->rules))
		pol_raise_nomem(c);
	u = lua_newuserdatauv(L, sizeof(*u), 0);
	*u = c->rules.count;
	c->rules.items[c->rules.count++] = r;
	luaL_setmetatable(L, POL_META_RULE);
	return 1;
}

struct rule_list {
	POL_VEC(uint32_t) v;
};

/* A rule used by a second segment is copied. */
static void
add_rule(struct pol_args *g, struct rule_list *out, uint32_t rule)
{
	struct pol_ctx *c = g->c;

	CHECK(rule < g->c->rules.count);
	if (c->rules.items[rule].used) {
		if (c->rules.count >= room_for(c, &g->site, POL_RULES_MAX))
			too_many_rules(c, &g->site);
		if (!POL_VEC_ROOM(c, c->rules))
			pol_raise_nomem(c);
		c->rules.items[c->rules.count] = c->rules.items[rule];
		c->rules.items[c->rules.count].site.seq = c->seq++;
		rule = c->rules.count++;
	}
	c->rules.items[rule].used = true;
	if (!pol_vec_room(c->a, &out->v.items, out->v.count, &out->v.cap, sizeof(uint32_t)))
		pol_raise_nomem(c);
	out->v.items[out->v.count++] = rule;
}

/* Rules of the list at idx, and of lists in it. */
static void
take_rules(struct pol_args *g, int idx, struct rule_list *out, unsigned depth)
{
	lua_Unsigned n = lua_rawlen(g->L, idx);
	struct diag d;

	CHECK(idx > 0 && depth > 0);
	luaL_checkstack(g->L, 4, "lists nest too deep");
	pol_charge(g->c, MIN(n, (lua_Unsigned)POL_EVAL_INSTRUCTIONS_MAX));
	for (lua_Unsigned i = 1; i <= n; i++) {
		uint32_t rule;
		int at;

		lua_rawgeti(g->L, idx, (lua_Integer)i);
		at = lua_gettop(g->L);
		if (rule_test(g->L, at, &rule)) {
			add_rule(g, out, rule);
		} else if (lua_istable(g->L, at) && lua_rawlen(g->L, at) > 0 &&
		    depth < POL_NESTING_MAX) {
			take_rules(g, at, out, depth + 1);
		} else {
			diag_set(&d, "bad-type", "%s: a rule is wanted in its list, not %s",
			    g->what,
			    pol_describe(g->L, at));
			diag_hint(&d, "a rule is written inbound { ... } or outbound { ... }");
			pol_args_fault(g, &d, NULL);
		}
		lua_settop(g->L, at - 1);
	}
}

static void
take_members(struct pol_args *g, struct pol_draft_segment *s)
{
	struct diag d;

	if (!pol_args_get(g, "members")) {
		pol_args_missing(g, "members", "write members = group \"web\", or another set");
		return;
	}
	if (lua_type(g->L, -1) == LUA_TSTRING && strcmp(lua_tostring(g->L, -1), "all") == 0) {
		s->members_all = true;
		if (s->stage != POL_GUARD) {
			diag_set(&d, "members-all", "%s: members = \"all\" is for stage guard only",
			    g->what);
			diag_hint(&d, "name the addresses; each gets a table of its own");
			pol_args_fault(g, &d, "members");
		}
	} else {
		s->members = pol_set_check(g, -1, "members");
	}
	lua_pop(g->L, 1);
}

int
pol_segment_define(lua_State *L, uint32_t name, const struct pol_site *site)
{
	static const char *const keys[] = { "members", "mode" };
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 2, .site = *site };
	struct pol_draft_segment s = { .name = name, .site = *site, .mode = WIRE_ENFORCE };
	struct rule_list rules = { .v = { .count = 0 } };
	struct diag d;
	bool has_mode;

	CHECK(name < c->names.count && c->names.items[name].kind == POL_KIND_SEGMENT);
	g.what = arena_printf(c->a, "segment \"%s\"", c->names.items[name].text);
	if (g.what == NULL)
		pol_raise_nomem(c);
	s.stage = site->file < c->file_count ? c->files[site->file].stage : POL_APP;
	if (c->segments.count >= room_for(c, &g.site, POL_SEGMENTS_MAX)) {
		diag_set(&d, "limit", "this is segment %u; a policy has at most %d",
		    c->segments.count + 1, POL_SEGMENTS_MAX);
		pol_args_fault(&g, &d, NULL);
		return 0;
	}
	if (!pol_args_begin(&g, keys, ARRAY_LEN(keys), true))
		return 0;
	take_members(&g, &s);
	has_mode = pol_args_get(&g, "mode");
	if (has_mode) {
		lua_pop(L, 1);
		s.mode = (uint8_t)pol_args_choice(&g, "mode", mode_names, ARRAY_LEN(mode_names),
		    WIRE_ENFORCE);
	} else {
		pol_args_missing(&g, "mode", "write mode = \"learn\", \"comply\" or \"enforce\"");
	}
	take_rules(&g, 2, &rules, 1);
	s.rules = rules.v.items;
	s.rule_count = rules.v.count;
	c->names.items[name].set = s.members;
	if (!POL_VEC_ROOM(c, c->segments))
		pol_raise_nomem(c);
	c->segments.items[c->segments.count++] = s;
	return 0;
}

void
pol_bind_segment_open(lua_State *L)
{
	static const enum pol_word words[] = { POL_W_INBOUND, POL_W_OUTBOUND };

	luaL_newmetatable(L, POL_META_RULE);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		lua_pushinteger(L, words[i]);
		lua_pushcclosure(L, bind_rule, 1);
		lua_setfield(L, -2, pol_word_names[words[i]]);
	}
}
