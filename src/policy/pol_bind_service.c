/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_bind_service - services in Lua: tcp, udp, sctp, icmp, icmp6, proto.
 * Shape:   a service is userdata that holds an index in pol_ctx.svcs; ICMP carries type << 8 | code
 *          in the place of the destination port (service.h).
 * Source:  names of ICMP types: RFC 792, 1191, 4443, 4861, 2710, 3810.
 */
#include <string.h>

#include "pol_bind.h"
#include "str.h"

enum { RANGES_MAX = POL_SCRATCH, ATOMS_MAX = 4096, PORT_MAX = 65535, ANY_CODE = -1 };

struct icmp_name {
	const char *name;
	uint8_t type;
	int16_t code;		/* ANY_CODE = every code */
};

static const struct icmp_name icmp4_names[] = {
	{ "echo", 8, ANY_CODE }, { "echo-reply", 0, ANY_CODE },
	{ "unreachable", 3, ANY_CODE }, { "net-unreachable", 3, 0 }, { "host-unreachable", 3, 1 },
	{ "proto-unreachable", 3, 2 }, { "port-unreachable", 3, 3 }, { "frag-needed", 3, 4 },
	{ "admin-prohibited", 3, 13 },
	{ "redirect", 5, ANY_CODE }, { "router-advert", 9, ANY_CODE },
	{ "router-solicit", 10, ANY_CODE }, { "time-exceeded", 11, ANY_CODE },
	{ "parameter-problem", 12, ANY_CODE }, { "timestamp", 13, ANY_CODE },
	{ "timestamp-reply", 14, ANY_CODE },
};

static const struct icmp_name icmp6_names[] = {
	{ "unreachable", 1, ANY_CODE }, { "no-route", 1, 0 }, { "admin-prohibited", 1, 1 },
	{ "addr-unreachable", 1, 3 }, { "port-unreachable", 1, 4 },
	{ "packet-too-big", 2, ANY_CODE }, { "time-exceeded", 3, ANY_CODE },
	{ "parameter-problem", 4, ANY_CODE }, { "echo", 128, ANY_CODE },
	{ "echo-reply", 129, ANY_CODE }, { "mld-query", 130, ANY_CODE },
	{ "mld-report", 131, ANY_CODE }, { "mld-done", 132, ANY_CODE },
	{ "router-solicit", 133, ANY_CODE }, { "router-advert", 134, ANY_CODE },
	{ "neighbour-solicit", 135, ANY_CODE }, { "neighbor-solicit", 135, ANY_CODE },
	{ "neighbour-advert", 136, ANY_CODE }, { "neighbor-advert", 136, ANY_CODE },
	{ "redirect", 137, ANY_CODE }, { "mld2-report", 143, ANY_CODE },
};

uint32_t
pol_service_new(struct pol_ctx *c, enum pol_svc_op op, const struct pol_site *site)
{
	struct pol_svc *s;

	if (!POL_VEC_ROOM(c, c->svcs))
		pol_raise_nomem(c);
	s = &c->svcs.items[c->svcs.count];
	memset(s, 0, sizeof(*s));
	s->op = (uint8_t)op;
	s->site = *site;
	return c->svcs.count++;
}

void
pol_service_push(lua_State *L, uint32_t svc)
{
	uint32_t *u = lua_newuserdatauv(L, sizeof(*u), 0);

	CHECK(svc < pol_ctx_of(L)->svcs.count);
	*u = svc;
	luaL_setmetatable(L, POL_META_SERVICE);
}

bool
pol_service_test(lua_State *L, int idx, uint32_t *svc)
{
	const uint32_t *u = luaL_testudata(L, idx, POL_META_SERVICE);

	if (u == NULL)
		return false;
	*svc = *u;
	CHECK(*svc < pol_ctx_of(L)->svcs.count);
	return true;
}

static uint32_t
service_list(struct pol_args *g, int idx, const char *key, unsigned depth)
{
	lua_Unsigned n = lua_rawlen(g->L, idx);
	uint32_t *kids, svc;
	bool wrong = false;
	struct diag d;

	CHECK(idx > 0 && depth > 0);
	if (n == 0 || n > ATOMS_MAX || depth > POL_NESTING_MAX) {
		if (n == 0)
			diag_set(&d, "empty-list", "%s: an empty list of services", g->what);
		else
			diag_set(&d, "limit", "%s: %llu services, nested %u deep; at most %d and "
			    "%d",
			    g->what, (unsigned long long)n, depth, ATOMS_MAX, POL_NESTING_MAX);
		diag_hint(&d, "every service is written any");
		pol_args_value_fault(g, &d, key);
		return 0;
	}
	luaL_checkstack(g->L, 4, "lists nest too deep");
	kids = pol_alloc(g->c, n, sizeof(*kids));
	for (lua_Unsigned i = 0; i < n; i++) {
		int at;

		lua_rawgeti(g->L, idx, (lua_Integer)i + 1);
		at = lua_gettop(g->L);
		if (lua_istable(g->L, at))
			kids[i] = service_list(g, at, key, depth + 1);
		else
			kids[i] = pol_service_check(g, at, key);
		wrong = wrong || kids[i] == 0;
		lua_settop(g->L, at - 1);
	}
	if (wrong)
		return 0;
	svc = pol_service_new(g->c, POL_SVC_LIST, &g->site);
	g->c->svcs.items[svc].kids = kids;
	g->c->svcs.items[svc].count = (uint32_t)n;
	return svc;
}

static bool
has_text_key(lua_State *L, int idx)
{
	lua_pushnil(L);
	while (lua_next(L, idx) != 0) {
		lua_pop(L, 1);
		if (lua_type(L, -1) == LUA_TSTRING) {
			lua_pop(L, 1);
			return true;
		}
	}
	return false;
}

uint32_t
pol_service_check(struct pol_args *g, int idx, const char *key)
{
	uint32_t svc, set;
	struct diag d;

	idx = lua_absindex(g->L, idx);
	if (pol_service_test(g->L, idx, &svc))
		return svc;
	if (lua_istable(g->L, idx) && !has_text_key(g->L, idx))
		return service_list(g, idx, key, 1);
	if (pol_set_test(g->L, idx, &set)) {
		if (set == 0)
			return 0;
		if (g->c->sets.items[set].op == POL_SET_ANY && g->c->sets.items[set].family == 0)
			return pol_service_new(g->c, POL_SVC_ANY, &g->site);
	}
	diag_set(&d, "bad-type", "%s: %s%smust be a service, not %s", g->what, key == NULL ? "" :
	    key,
	    key == NULL ? "" : " ", pol_describe(g->L, idx));
	if (lua_type(g->L, idx) == LUA_TSTRING)
		diag_hint(&d, "write app \"%.40s\", or tcp(443)", lua_tostring(g->L, idx));
	else if (lua_type(g->L, idx) == LUA_TNUMBER)
		diag_hint(&d, "write tcp(%s) or udp(%s)", pol_describe(g->L, idx),
		    pol_describe(g->L, idx));
	else if (lua_istable(g->L, idx))
		diag_hint(&d, "several services are a list: { tcp(80), tcp(443) }");
	pol_args_value_fault(g, &d, key);
	return 0;
}

/* Adds what the value at idx says to out[*n]; false where it is wrong. */
static bool
add_ranges(struct pol_args *g, int idx, const char *key, const char *what, uint32_t max,
    struct pol_num_range *out, uint32_t *n)
{
	const char *text, *why;
	uint32_t got = 0;
	size_t len;
	struct diag d;

	CHECK(*n <= RANGES_MAX);
	if (lua_type(g->L, idx) == LUA_TNUMBER) {
		lua_Integer v = lua_tointeger(g->L, idx);

		if (lua_isinteger(g->L, idx) && v >= 0 && v <= (lua_Integer)max &&
		    *n < RANGES_MAX) {
			out[(*n)++] = (struct pol_num_range){ (uint32_t)v, (uint32_t)v };
			return true;
		}
		text = pol_describe(g->L, idx);
		diag_set(&d, "bad-number", "%s: %s %s is not a whole number from 0 to %u", g->what,
		    what, text, (unsigned)max);
		g->wrong = true;
		pol_report_value(g->c, &d, &g->site, text, strlen(text));
		return false;
	}
	if (lua_type(g->L, idx) != LUA_TSTRING) {
		diag_set(&d, "bad-type", "%s: a %s is a number or a range as text, not %s", g->what,
		    what, pol_describe(g->L, idx));
		pol_args_value_fault(g, &d, key);
		return false;
	}
	text = lua_tolstring(g->L, idx, &len);
	why = pol_lex_ranges(text, len, max, out + *n, RANGES_MAX - *n, &got);
	if (why != NULL) {
		diag_set(&d, "bad-number", "%s: %s \"%.64s\" %s", g->what, what, text, why);
		diag_hint(&d, "write a number, \"20-29\" or \"20,30\"; from 0 to %u",
		    (unsigned)max);
		g->wrong = true;
		pol_report_value(g->c, &d, &g->site, text, len);
		return false;
	}
	*n += got;
	CHECK(*n <= RANGES_MAX);
	return true;
}

struct pol_num_range *
pol_ranges_check(struct pol_args *g, int idx, const char *key, const char *what, uint32_t max,
    uint32_t *count)
{
	struct pol_num_range *out, *fit;
	bool good = true;

	CHECK(max < UINT32_MAX);
	if (g->c->scratch == NULL)
		g->c->scratch = pol_alloc(g->c, RANGES_MAX, sizeof(*out));
	out = g->c->scratch;
	*count = 0;
	idx = lua_absindex(g->L, idx);
	if (lua_istable(g->L, idx)) {
		lua_Unsigned n = MIN(lua_rawlen(g->L, idx), (lua_Unsigned)RANGES_MAX + 1);

		for (lua_Unsigned i = 1; i <= n && good; i++) {
			lua_rawgeti(g->L, idx, (lua_Integer)i);
			good = add_ranges(g, lua_gettop(g->L), key, what, max, out, count);
			lua_pop(g->L, 1);
		}
		if (good && n == 0) {
			struct diag d;

			diag_set(&d, "empty-list", "%s: an empty list of %ss", g->what, what);
			pol_args_value_fault(g, &d, key);
			good = false;
		}
	} else {
		good = add_ranges(g, idx, key, what, max, out, count);
	}
	if (!good)
		return NULL;
	CHECK(*count > 0);
	fit = pol_alloc(g->c, *count, sizeof(*fit));
	memcpy(fit, out, *count * sizeof(*fit));
	return fit;
}

/* One expression of n atoms. */
static uint32_t
atoms_service(struct pol_args *g, const struct service *atoms, uint32_t n)
{
	uint32_t svc = pol_service_new(g->c, POL_SVC_ATOMS, &g->site);

	CHECK(n > 0);
	g->c->svcs.items[svc].atoms = atoms;
	g->c->svcs.items[svc].count = n;
	return svc;
}

/* Every pair of a destination and a source range. NULL is "all". */
static uint32_t
port_atoms(struct pol_args *g, uint8_t proto, const struct pol_num_range *dst, uint32_t dst_count,
    const struct pol_num_range *src, uint32_t src_count)
{
	static const struct pol_num_range all = { 0, PORT_MAX };
	struct service *atoms;
	uint32_t n = 0;
	struct diag d;

	CHECK((dst == NULL) == (dst_count == 0));
	if (dst == NULL) {
		dst = &all;
		dst_count = 1;
	}
	if (src == NULL) {
		src = &all;
		src_count = 1;
	}
	if ((uint64_t)dst_count * src_count > ATOMS_MAX) {
		diag_set(&d, "limit", "%s: %u pairs of port ranges; at most %d", g->what,
		    (unsigned)(dst_count * src_count), ATOMS_MAX);
		pol_args_fault(g, &d, NULL);
		return 0;
	}
	atoms = pol_alloc(g->c, (size_t)dst_count * src_count, sizeof(*atoms));
	for (uint32_t i = 0; i < dst_count; i++)
		for (uint32_t k = 0; k < src_count; k++)
			atoms[n++] = (struct service){ .proto = proto,
				.sport_lo = (uint16_t)src[k].lo, .sport_hi = (uint16_t)src[k].hi,
				.dport_lo = (uint16_t)dst[i].lo, .dport_hi = (uint16_t)dst[i].hi };
	return atoms_service(g, atoms, n);
}

/* The arguments 1..n of a call as one list in place of them; a nil among them is a fault. */
static void
pack_arguments(struct pol_args *g, const char *what)
{
	lua_State *L = g->L;
	int n = lua_gettop(L);
	struct diag d;

	for (int i = 1; i <= n && !g->wrong; i++) {
		if (!lua_isnil(L, i))
			continue;
		diag_set(&d, "bad-type", "%s: a %s is a number or a range as text, not nil",
		    g->what,
		    what);
		pol_args_fault(g, &d, NULL);
	}
	lua_createtable(L, n, 0);
	lua_insert(L, 1);
	for (int i = n; i >= 1; i--)
		lua_rawseti(L, 1, i);
}

/* tcp(80, 443), tcp "8000-8099", tcp(), tcp { dst = 443, src = "1024-65535" }. [-n, +1, m] */
static int
bind_ports(lua_State *L)
{
	static const char *const keys[] = { "dst", "src" };
	enum pol_word word = (enum pol_word)lua_tointeger(L, lua_upvalueindex(1));
	uint8_t proto = (uint8_t)lua_tointeger(L, lua_upvalueindex(2));
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = pol_site_here(c, word),
		.what = pol_word_names[word] };
	struct pol_num_range *dst = NULL, *src = NULL;
	uint32_t dst_count = 0, src_count = 0, svc = 0;
	struct diag d;

	if (lua_gettop(L) == 0) {
		pol_service_push(L, port_atoms(&g, proto, NULL, 0, NULL, 0));
		return 1;
	}
	if (lua_gettop(L) > 1 || !lua_istable(L, 1))
		pack_arguments(&g, "port");
	if (!g.wrong && pol_args_begin(&g, keys, ARRAY_LEN(keys), true)) {
		bool list = pol_args_list(&g) > 0, has_dst;

		if (list)
			dst = pol_ranges_check(&g, 1, NULL, "port", PORT_MAX, &dst_count);
		has_dst = pol_args_get(&g, "dst");
		if (has_dst && list) {
			diag_set(&d, "bad-key", "%s has ports as a list and as dst", g.what);
			pol_args_fault(&g, &d, "dst");
		} else if (has_dst) {
			dst = pol_ranges_check(&g, -1, "dst", "port", PORT_MAX, &dst_count);
		}
		if (pol_args_get(&g, "src"))
			src = pol_ranges_check(&g, -1, "src", "port", PORT_MAX, &src_count);
		if (!g.wrong && dst == NULL && src == NULL) {
			diag_set(&d, "empty-list", "%s { } names no port", g.what);
			diag_hint(&d, "every port is written %s()", g.what);
			pol_args_fault(&g, &d, NULL);
		}
	}
	if (!g.wrong)
		svc = port_atoms(&g, proto, dst, dst_count, src, src_count);
	pol_service_push(L, svc);
	return 1;
}

static struct service
icmp_atom(uint8_t proto, uint8_t type, int code)
{
	struct service s = { .proto = proto, .family = proto == PROTO_ICMP ? 4 : 6,
		.sport_hi = PORT_MAX };

	s.dport_lo = (uint16_t)(type << 8 | (code == ANY_CODE ? 0 : code));
	s.dport_hi = (uint16_t)(type << 8 | (code == ANY_CODE ? 255 : code));
	return s;
}

static bool
icmp_by_name(struct pol_args *g, uint8_t proto, int idx, struct service *out)
{
	const struct icmp_name *table = proto == PROTO_ICMP ? icmp4_names : icmp6_names;
	size_t count = proto == PROTO_ICMP ? ARRAY_LEN(icmp4_names) : ARRAY_LEN(icmp6_names), len;
	const char *names[ARRAY_LEN(icmp6_names)], *near;
	const char *text = lua_tolstring(g->L, idx, &len);
	struct diag d;

	CHECK(proto == PROTO_ICMP || proto == PROTO_ICMP6);
	CHECK(count <= ARRAY_LEN(names));
	for (size_t i = 0; i < count; i++) {
		names[i] = table[i].name;
		if (strcmp(text, names[i]) == 0) {
			*out = icmp_atom(proto, table[i].type, table[i].code);
			return true;
		}
	}
	diag_set(&d, "unknown-icmp", "%s has no type \"%.64s\"", g->what, text);
	near = str_nearest(text, names, count);
	if (near != NULL)
		diag_hint(&d, "did you mean \"%s\"?", near);
	else
		diag_hint(&d, "write a name, as \"echo\", or numbers: %s(TYPE) or %s(TYPE, CODE)",
		    g->what, g->what);
	g->wrong = true;
	pol_report_value(g->c, &d, &g->site, text, len);
	return false;
}

/* icmp(3), icmp(3, 4) at stack 1 and 2. */
static bool
icmp_by_number(struct pol_args *g, uint8_t proto, struct service *out)
{
	lua_Integer v[2] = { 0, ANY_CODE };
	int n = lua_gettop(g->L);
	struct diag d;

	diag_set(&d, "bad-number", "%s takes a type and a code, each from 0 to 255", g->what);
	for (int i = 0; i < n && i < 2; i++) {
		if (!lua_isinteger(g->L, i + 1))
			n = 3;
		v[i] = lua_tointeger(g->L, i + 1);
		if (v[i] < 0 || v[i] > 255)
			n = 3;
	}
	if (n > 2) {
		diag_hint(&d, "several types are a list of services: { %s(3), %s(11) }", g->what,
		    g->what);
		pol_args_fault(g, &d, NULL);
		return false;
	}
	*out = icmp_atom(proto, (uint8_t)v[0], (int)v[1]);
	return true;
}

/* icmp "echo", icmp("echo", "unreachable"), icmp(3, 4), icmp(). [-n, +1, m] */
static int
bind_icmp(lua_State *L)
{
	enum pol_word word = (enum pol_word)lua_tointeger(L, lua_upvalueindex(1));
	uint8_t proto = (uint8_t)lua_tointeger(L, lua_upvalueindex(2));
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = pol_site_here(c, word),
		.what = pol_word_names[word] };
	struct service *atoms;
	uint32_t n = 0, args;
	struct diag d;

	if (lua_gettop(L) == 1 && lua_istable(L, 1)) {
		if (pol_args_begin(&g, NULL, 0, true) && !g.wrong) {
			uint32_t len = MIN(pol_args_list(&g), (uint32_t)RANGES_MAX);

			luaL_checkstack(L, (int)len + 1, "too many types");
			for (uint32_t i = 1; i <= len; i++)
				lua_rawgeti(L, 1, i);
			if (len == 0) {
				diag_set(&d, "empty-list", "%s { } names no type", g.what);
				diag_hint(&d, "every type is written %s()", g.what);
				pol_args_fault(&g, &d, NULL);
			}
		}
		lua_remove(L, 1);
	}
	args = (uint32_t)lua_gettop(L);
	atoms = pol_alloc(c, args + 1, sizeof(*atoms));
	if (args == 0 && !g.wrong) {
		atoms[n] = icmp_atom(proto, 0, ANY_CODE);
		atoms[n].dport_hi = PORT_MAX;
		n++;
	}
	for (uint32_t i = 1; i <= args && !g.wrong; i++) {
		if (lua_type(L, (int)i) == LUA_TSTRING) {
			if (icmp_by_name(&g, proto, (int)i, &atoms[n]))
				n++;
		} else if (i == 1 && icmp_by_number(&g, proto, &atoms[n])) {
			n++;
			break;
		} else if (!g.wrong) {
			diag_set(&d, "bad-type", "%s: names and numbers are not mixed", g.what);
			pol_args_fault(&g, &d, NULL);
		}
	}
	pol_service_push(L, g.wrong ? 0 : atoms_service(&g, atoms, n));
	return 1;
}

/* proto(89), proto(47, 50). [-n, +1, m] */
static int
bind_proto(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	struct pol_args g = { .L = L, .c = c, .idx = 1, .site = pol_site_here(c, POL_W_PROTO),
		.what = "proto" };
	struct pol_num_range *r;
	struct service *atoms;
	uint32_t n = 0, count, svc = 0, total = 0;
	struct diag d;

	if (lua_gettop(L) == 0) {
		diag_set(&d, "empty-list", "proto needs a protocol number");
		diag_hint(&d, "every protocol is written any");
		pol_args_fault(&g, &d, NULL);
		pol_service_push(L, 0);
		return 1;
	}
	if (lua_gettop(L) > 1 || !lua_istable(L, 1))
		pack_arguments(&g, "protocol");
	if (!g.wrong && pol_args_begin(&g, NULL, 0, true) && !g.wrong) {
		r = pol_ranges_check(&g, 1, NULL, "protocol", 255, &count);
		for (uint32_t i = 0; r != NULL && i < count; i++)
			total += r[i].hi - r[i].lo + 1;
		if (total > 0 && total <= ATOMS_MAX) {
			atoms = pol_alloc(c, total, sizeof(*atoms));
			for (uint32_t i = 0; i < count; i++)
				for (uint32_t p = r[i].lo; p <= r[i].hi; p++)
					atoms[n++] = (struct service){ .proto = (uint8_t)p,
						.sport_hi = PORT_MAX, .dport_hi = PORT_MAX };
			svc = atoms_service(&g, atoms, n);
		} else if (!g.wrong) {
			diag_set(&d, "limit", "proto: %u protocols; at most %d", (unsigned)total,
			    ATOMS_MAX);
			pol_args_fault(&g, &d, NULL);
		}
	}
	pol_service_push(L, svc);
	return 1;
}

static int
service_bad_operator(lua_State *L)
{
	return luaL_error(L, "services are joined in a list, as { tcp(80), tcp(443) }");
}

/* app "web" { ... }. [-2, +1, m] */
static int
service_call(lua_State *L)
{
	struct pol_ctx *c = pol_ctx_of(L);
	uint32_t svc = 0;
	struct pol_site site;

	CHECK(pol_service_test(L, 1, &svc));
	if (svc != 0 && c->svcs.items[svc].op == POL_SVC_REF) {
		site = c->svcs.items[svc].site;
		c->last = site;
		return pol_name_define(L, c->svcs.items[svc].name, &site);
	}
	if (svc != 0)
		return luaL_error(L, "a service is not called; only a name is, as "
		    "app \"web\" { ... }");
	lua_settop(L, 1);
	return 1;
}

static const luaL_Reg service_meta[] = {
	{ "__call", service_call }, { "__add", service_bad_operator },
	{ "__sub", service_bad_operator }, { "__band", service_bad_operator },
	{ "__bor", service_bad_operator }, { "__concat", service_bad_operator }, { NULL, NULL }
};

void
pol_bind_service_open(lua_State *L)
{
	static const struct { enum pol_word word; uint8_t proto; lua_CFunction fn; } words[] = {
		{ POL_W_TCP, PROTO_TCP, bind_ports }, { POL_W_UDP, PROTO_UDP, bind_ports },
		{ POL_W_SCTP, PROTO_SCTP, bind_ports }, { POL_W_ICMP, PROTO_ICMP, bind_icmp },
		{ POL_W_ICMP6, PROTO_ICMP6, bind_icmp }, { POL_W_PROTO, 0, bind_proto }
	};
	struct pol_site nowhere = { .file = POL_NO_FILE, .tok = POL_NO_TOK };

	luaL_newmetatable(L, POL_META_SERVICE);
	luaL_setfuncs(L, service_meta, 0);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		lua_pushinteger(L, words[i].word);
		lua_pushinteger(L, words[i].proto);
		lua_pushcclosure(L, words[i].fn, 2);
		lua_setfield(L, -2, pol_word_names[words[i].word]);
	}
	pol_service_push(L, pol_service_new(pol_ctx_of(L), POL_SVC_CONTROL, &nowhere));
	lua_setfield(L, -2, pol_word_names[POL_W_CONTROL]);
}
