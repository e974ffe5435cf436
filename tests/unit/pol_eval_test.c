/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_eval - from text to rules: the same every time, places exact, memory failing at each step.
 */
#include "hash.h"
#include "pol_ctx.h"
#include "t.h"

enum { ARENA_BYTES_MAX = 64 << 20 };

static const struct pol_limits limits = { .bytes_max = 64 << 20, .instructions_max = 10000000,
	.close = true };

static const char *const example[] = {
	"a.pol", "policy \"payments\" { stage = \"app\", owner = \"team-pay\" }\n"
	"workload \"web-1\" { ip = \"10.20.3.7\", labels = { app = \"pay\", role = \"web\" } }\n"
	"workload \"db-1\" { ip = { \"10.20.4.2\", \"fd00:20:4::2\" }, labels = { role = \"db\" } "
	    "}\n"
	"local web = group \"web\" { label { app = \"pay\", role = \"web\" } }\n"
	"local pg = app \"postgres\" { tcp(5432), state = \"flags\" }\n"
	"segment \"pay-db\" { members = group \"db\", mode = \"comply\",\n"
	"  inbound { allow = pg, from = any - web, count = true, vlan = \"10-20\" },\n"
	"  outbound { deny = any, to = \"192.0.2.0/24\", why = \"CHG-1\", log = true } }\n",
	"b.pol", "group \"db\" { ip \"10.20.4.0/28\", ip \"fd00:20:4::/124\" }\n"
	"local kinds = { web = 80, tls = 443, dns = 53, ldap = 389, ssh = 22, smtp = 25 }\n"
	"for name, port in pairs(kinds) do\n"
	"  app(name) { tcp(port) }\n"
	"  segment(\"s-\" .. name) { members = \"10.1.0.\" .. port % 256, mode = \"learn\",\n"
	"    inbound { allow = app(name), from = label { role = \"db\" } } }\n"
	"end\n",
};

static void
example_sources(struct pol_source files[2], struct pol_sources *s)
{
	for (size_t i = 0; i < 2; i++)
		files[i] = (struct pol_source){ example[2 * i],
			(const uint8_t *)example[2 * i + 1], strlen(example[2 * i + 1]) };
	*s = (struct pol_sources){ files, 2 };
}

static void
one_file(struct pol_source *file, struct pol_sources *s, const char *text)
{
	*file = (struct pol_source){ "a.pol", (const uint8_t *)text, strlen(text) };
	*s = (struct pol_sources){ file, 1 };
}

/* A hash over everything but pointers. */
static uint64_t
digest_pos(uint64_t h, const struct pol_pos *p)
{
	uint32_t v[4] = { p->file, p->line, p->col, p->seq };

	return fnv1a64(h, v, sizeof(v));
}

static uint64_t
digest_set(uint64_t h, const struct addr_set *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		char text[2 * ADDR_TEXT_BYTES];

		addr_range_print(&s->ranges[i], text);
		h = fnv1a64(h, text, strlen(text) + 1);
	}
	return h;
}

static uint64_t
digest(const struct pol_rules *r)
{
	uint64_t h = FNV1A64_INIT;

	for (uint32_t i = 0; i < r->segment_count; i++) {
		h = fnv1a64(h, r->segments[i].name, strlen(r->segments[i].name));
		h = digest_pos(h, &r->segments[i].pos);
		h = digest_set(h, &r->segments[i].members);
	}
	for (uint32_t i = 0; i < r->rule_count; i++) {
		const struct pol_rule *rule = &r->rules[i];

		h = digest_pos(h, &rule->pos);
		h = fnv1a64(h, &rule->segment, sizeof(rule->segment));
		h = digest_set(h, &rule->peer);
		for (uint32_t k = 0; k < rule->service_count; k++) {
			char text[SERVICE_TEXT_BYTES];

			service_print(&rule->services[k].atom, text);
			h = fnv1a64(h, text, strlen(text));
			h = fnv1a64(h, &rule->services[k].state, 1);
		}
	}
	return h;
}

static enum rc
eval(const struct pol_sources *s, const struct pol_limits *l, size_t arena_bytes, uint64_t *h,
    struct diag *first)
{
	struct pol_rules rules;
	struct diags diags;
	struct arena arena;
	enum rc rc;

	memset(first, 0, sizeof(*first));
	if (!diags_init(&diags))
		return RC_NOMEM;
	arena_init(&arena, arena_bytes);
	rc = pol_eval_limited(s, l, &arena, &rules, &diags);
	T_OK((rc == RC_OK) == (diags.errors == 0));
	if (diags.count > 0)
		*first = diags.items[0];
	*h = rc == RC_OK ? digest(&rules) : 0;
	arena_fini(&arena);
	diags_fini(&diags);
	return rc;
}

static void
same_every_time(void)
{
	struct pol_source files[2];
	struct pol_sources s;
	uint64_t first, h;
	struct diag d;

	example_sources(files, &s);
	T_IS_INT(eval(&s, &limits, ARENA_BYTES_MAX, &first, &d), RC_OK);
	T_OK(first != 0);
	for (int i = 0; i < 100; i++) {
		/* memory laid out differently: other addresses must not be seen */
		void *p = malloc((size_t)(i + 1) * 97);

		T_IS_INT(eval(&s, &limits, ARENA_BYTES_MAX, &h, &d), RC_OK);
		T_IS_UINT(h, first);
		free(p);
	}
}

/* The n-th allocation of Lua fails, n = 1 and up: an error each time, until it succeeds. */
static void
lua_memory_fails(void)
{
	struct pol_source files[2];
	struct pol_limits l = limits;
	struct pol_sources s;
	uint64_t h = 0;
	struct diag d;
	enum rc rc;

	example_sources(files, &s);
	for (l.fail_alloc = 1; l.fail_alloc < 100000; l.fail_alloc++) {
		rc = eval(&s, &l, ARENA_BYTES_MAX, &h, &d);
		if (rc == RC_OK)
			break;
		if (!T_IS_INT(rc, RC_NOMEM) || !T_IS_STR(d.code, "memory"))
			break;
	}
	T_IS_INT(rc, RC_OK);
	T_OK(l.fail_alloc > 100);
}

/* The arena's cap raised stepwise: an error each time, until it succeeds. */
static void
arena_fails(void)
{
	struct pol_source files[2];
	struct pol_sources s;
	uint64_t h = 0;
	size_t cap;
	struct diag d;
	enum rc rc = RC_NOMEM;

	example_sources(files, &s);
	for (cap = 1; cap < ARENA_BYTES_MAX && rc != RC_OK; cap += 4096) {
		rc = eval(&s, &limits, cap, &h, &d);
		if (rc != RC_OK && (!T_IS_INT(rc, RC_NOMEM) || !T_IS_STR(d.code, "memory")))
			break;
	}
	T_IS_INT(rc, RC_OK);
	T_OK(cap > 4096);
}

struct place {
	const char *name;
	const char *text;
	uint32_t line, col;
};

/* Where a rule's word stands, however its table is laid out. */
static const struct place places[] = {
	{ "one line", "segment 's' { members = '10.0.0.1', mode = 'learn', inbound { allow = any, "
	    "from = any } }", 1, 53 },
	{ "table below its word", "segment 's' { members = '10.0.0.1', mode = 'learn',\n  inbound\n"
	    "\n  {\n allow = any,\n from = any\n}\n}", 2, 3 },
	{ "nested tables on many lines", "segment 's' {\n members = {\n'10.0.0.1'\n},\n"
	    "mode = 'learn',\n\tinbound {\n\t\tallow = {\n\t\t\ttcp(\n1,\n2),\n},\n"
	    "from = {\n any\n,\n}\n,}}", 6, 2 },
	{ "with parentheses", "segment('s')({ members = '10.0.0.1', mode = 'learn',\n"
	    " inbound(\n{ allow = any, from = any }) })", 2, 2 },
	{ "by another name", "local i = inbound\nsegment 's' { members = '10.0.0.1', mode = "
	    "'learn',\n"
	    "    i { allow = any, from = any } }", 3, 5 },
	{ "by a function's tail", "local function r(x)\n  return inbound { allow = x, from = any "
	    "}\nend\n"
	    "segment 's' { members = '10.0.0.1', mode = 'learn', r(any) }", 2, 10 },
	{ "after comments and long strings", "--[==[ inbound {\n ]] ]==] local x = [[\ninbound "
	    "{\n]]\n"
	    "-- inbound {\nsegment 's' { members = '10.0.0.1', mode = 'learn', --[[ x ]] inbound "
	    "{\n"
	    "allow = any, from = any, why = 'inbound {' } }", 6, 63 },
	{ "lines that end in CR LF", "-- one\r\n-- two\r\nsegment 's' { members = '10.0.0.1', mode "
	    "= "
	    "'learn',\r\n inbound { allow = any, from = any } }\r\n", 4, 2 },
	{ "after a tab and UTF-8", "segment 's' { members = '10.0.0.1', mode = 'learn', -- "
	    "\xc3\xa4\n"
	    "\t--[[\xc3\xa4]] inbound { allow = any, from = any } }", 2, 11 },
};

static void
rule_place(const struct place *p)
{
	struct pol_source file;
	struct pol_sources s;
	struct pol_rules rules;
	struct diags diags;
	struct arena arena;
	bool found = false;

	one_file(&file, &s, p->text);
	arena_init(&arena, ARENA_BYTES_MAX);
	if (!T_OK(diags_init(&diags)))
		return;
	if (!T_IS_INT(pol_eval_limited(&s, &limits, &arena, &rules, &diags), RC_OK))
		diags_print(&diags, stdout);
	for (uint32_t i = 0; i < rules.rule_count; i++) {
		if (strcmp(rules.files[rules.rules[i].pos.file], "a.pol") != 0)
			continue;
		found = true;
		T_IS_UINT(rules.rules[i].pos.line, p->line);
		T_IS_UINT(rules.rules[i].pos.col, p->col);
	}
	T_OK(found);
	arena_fini(&arena);
	diags_fini(&diags);
}

/* Two rules on a line have two columns, in the order of the text. */
static void
rules_on_one_line(void)
{
	static const char text[] = "segment 's' { members = '10.0.0.1', mode = 'learn',\n"
	    "inbound { allow = tcp(1), from = any }, inbound { allow = tcp(2), from = any } }";
	struct pol_source file;
	struct pol_sources s;
	struct pol_rules rules;
	struct diags diags;
	struct arena arena;
	uint32_t cols[2] = { 0, 0 }, n = 0;

	one_file(&file, &s, text);
	arena_init(&arena, ARENA_BYTES_MAX);
	if (!T_OK(diags_init(&diags)))
		return;
	T_IS_INT(pol_eval_limited(&s, &limits, &arena, &rules, &diags), RC_OK);
	for (uint32_t i = 0; i < rules.rule_count; i++)
		if (strcmp(rules.files[rules.rules[i].pos.file], "a.pol") == 0 && n < 2) {
			T_IS_UINT(rules.rules[i].services[0].atom.dport_lo, n + 1);
			cols[n++] = rules.rules[i].pos.col;
		}
	T_IS_UINT(cols[0], 1);
	T_IS_UINT(cols[1], 41);
	arena_fini(&arena);
	diags_fini(&diags);
}

/* One step each side of the local IPs a NIC has. */
static void
local_ips(void)
{
	static const struct { const char *members; enum rc want; } rows[] = {
		{ "10.0.0.0/20", RC_OK }, { "10.0.0.0-10.0.16.0", RC_INVALID },
		{ "fd00::/116", RC_OK }, { "fd00::/115", RC_INVALID }, { "::/0", RC_INVALID },
	};
	char text[200];
	struct pol_source file;
	struct pol_sources s;
	uint64_t h;
	struct diag d;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "segment 's' { members = '%s', mode = 'learn' }",
		    rows[i].members);
		one_file(&file, &s, text);
		T_IS_INT(eval(&s, &limits, ARENA_BYTES_MAX, &h, &d), rows[i].want);
		if (rows[i].want != RC_OK)
			T_IS_STR(d.code, "limit");
	}
	/* two segments share them; an address in both counts once */
	one_file(&file, &s, "segment 'a' { members = '10.0.0.0/20', mode = 'learn' }\n"
	    "segment 'b' { members = '10.0.15.255', mode = 'learn' }");
	T_IS_INT(eval(&s, &limits, ARENA_BYTES_MAX, &h, &d), RC_OK);
	one_file(&file, &s, "segment 'a' { members = '10.0.0.0/20', mode = 'learn' }\n"
	    "segment 'b' { members = '10.0.16.0', mode = 'learn' }");
	T_IS_INT(eval(&s, &limits, ARENA_BYTES_MAX, &h, &d), RC_INVALID);
	T_IS_STR(d.text, "with segment \"b\" there are 4097 local IPs; at most 4096 in all");
	T_IS_UINT(d.line, 2);
}

int
main(void)
{
	T_RUN(same_every_time);
	T_RUN(lua_memory_fails);
	T_RUN(arena_fails);
	T_ROWS(places, rule_place);
	T_RUN(rules_on_one_line);
	T_RUN(local_ips);
	return t_done();
}
