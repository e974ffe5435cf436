/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pol_jail - hostile policies, each run in a child with limits: contained, and told exactly.
 * Does:    one row per attack: loops that dodge the budget, memory bombs, what is not there,
 *          shared state, nesting. The child prints its first message; the parent compares.
 * Limits:  small budgets, so that the whole table takes a second; the real ones are run once.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pol_ctx.h"
#include "t.h"

#define BUDGET "error budget: the policy ran more than 1000000 instructions"
#define MEMORY "error memory: the policy needs more than its 8 MiB of memory"

enum { TEXT_MAX = 4096, CPU_S = 5, AS_BYTES = 512 << 20 };

static const struct pol_limits small = { .bytes_max = 8 << 20, .instructions_max = 1000000 };

struct attack {
	const char *name;
	const char *text;
	const char *want;	/* "" = compiles */
};

static const struct attack attacks[] = {
	/* loops */
	{ "endless loop", "while true do end", "a.pol:1:1: " BUDGET },
	{ "empty for", "\nfor i = 1, math.maxinteger do end", "a.pol:2:1: " BUDGET },
	{ "repeat", "repeat until false", "a.pol:1:1: " BUDGET },
	{ "goto", "::a:: goto a", "a.pol:1:1: " BUDGET },
	{ "loop in an iterator", "for x in function() return 1 end do end", "a.pol:1:1: " BUDGET },
	{ "loop in a comparison", "table.sort({3, 1, 2}, function() while true do end end)",
	    "a.pol:1:1: " BUDGET },
	{ "comparison without order", "local t = {} for i = 1, 500 do t[i] = i end\n"
	    "table.sort(t, function() return true end)", "" },
	{ "loop in __close", "local x <close> = nil\nwhile true do end", "a.pol:2:1: " BUDGET },
	{ "move to the end of numbers", "table.move({}, 1, math.maxinteger - 1, 2)",
	    "a.pol:1:1: " BUDGET },
	{ "insert in a long list", "local t = {} for i = 1, 1e9 do table.insert(t, 1, i) end",
	    "a.pol:1:1: " BUDGET },
	{ "pairs again and again", "local t = {} for i = 1, 2000 do t[i] = i end\n"
	    "while true do for k in pairs(t) do break end end", "a.pol:2:1: " BUDGET },
	{ "concat again and again", "local t = {} for i = 1, 2000 do t[i] = 'x' end\n"
	    "while true do local s = table.concat(t) end", "a.pol:2:1: " BUDGET },
	{ "find again and again", "local s = string.rep('a', 1000000)\n"
	    "while true do local x = s:find('aaab') end", "a.pol:2:1: " BUDGET },
	{ "recursion by tail", "local function f() return f() end f()", "a.pol:1:1: " BUDGET },
	/* protected calls and their kin are not there */
	{ "pcall", "while true do pcall(function() while true do end end) end",
	    "a.pol:1:15: error unknown-name: \"pcall\" is not defined" },
	{ "xpcall", "xpcall(function() end, function() while true do end end)",
	    "a.pol:1:1: error unknown-name: \"xpcall\" is not defined" },
	{ "coroutine", "coroutine.wrap(function() while true do end end)()",
	    "a.pol:1:1: error unknown-name: \"coroutine\" is not defined" },
	{ "__gc", "setmetatable({}, { __gc = function() while true do end end })",
	    "a.pol:1:1: error unknown-name: \"setmetatable\" is not defined" },
	{ "collectgarbage", "collectgarbage('stop')",
	    "a.pol:1:1: error unknown-name: \"collectgarbage\" is not defined" },
	/* memory */
	{ "rep of a gigabyte", "local s = string.rep('x', 1 << 30)",
	    "a.pol:1:18: error lua: string.rep: more than 1048576 bytes" },
	{ "rep of nothing", "local s = string.rep('', math.maxinteger)", "" },
	{ "doubling", "local s = 'x' while true do s = s .. s end", "a.pol:1:1: " MEMORY },
	{ "a long table", "local t = {} for i = 1, 1e8 do t[i] = i end", "a.pol:1:1: " MEMORY },
	{ "concat of much", "local t = {} for i = 1, 20 do t[i] = string.rep('x', 100000) end\n"
	    "table.concat(t)", "a.pol:2:7: error lua: table.concat: more than 1048576 bytes" },
	{ "unpack of much", "local t = {} for i = 1, 1000 do t[i] = i end\nlocal a = "
	    "table.unpack(t)",
	    "a.pol:2:17: error lua: table.unpack: more than 200 values" },
	{ "unpack to the end of numbers", "local a = table.unpack({}, 0, math.maxinteger)",
	    "a.pol:1:17: error lua: table.unpack: more than 200 values" },
	{ "wide format", "local s = string.format('%99999d', 1)",
	    "a.pol:1:18: error lua: string.format: no conversion '%999'" },
	{ "sets without end", "local s = any while true do s = s + s end", "a.pol:1:1: " BUDGET },
	/* what is not there */
	{ "os", "os.execute('id')", "a.pol:1:1: error unknown-name: \"os\" is not defined" },
	{ "io", "io.open('/etc/passwd')", "a.pol:1:1: error unknown-name: \"io\" is not defined" },
	{ "require", "require 'x'", "a.pol:1:1: error unknown-name: \"require\" is not defined" },
	{ "package", "package.loadlib('x', 'y')",
	    "a.pol:1:1: error unknown-name: \"package\" is not defined" },
	{ "debug", "debug.getregistry()", "a.pol:1:1: error unknown-name: \"debug\" is not "
	    "defined" },
	{ "load", "load('x = 1')()", "a.pol:1:1: error unknown-name: \"load\" is not defined" },
	{ "dofile", "dofile('b.pol')", "a.pol:1:1: error unknown-name: \"dofile\" is not defined" },
	{ "loadfile", "loadfile('b.pol')",
	    "a.pol:1:1: error unknown-name: \"loadfile\" is not defined" },
	{ "print", "print(1)", "a.pol:1:1: error unknown-name: \"print\" is not defined" },
	{ "_G", "local g = _G", "a.pol:1:11: error unknown-name: \"_G\" is not defined" },
	{ "dump", "local s = string.dump(function() end)",
	    "a.pol:1:18: error lua: attempt to call a nil value (field 'dump')" },
	{ "patterns", "local s = ('a'):rep(30):gsub('a?', 'a')",
	    "a.pol:1:25: error lua: attempt to call a nil value (method 'gsub')" },
	{ "slow pattern is plain text", "if ('aaaa'):find('.-.-.-.-b') then error('found') end",
	    "" },
	{ "bytecode", "\033Lua\x54", "a.pol:1:1: error bytecode: compiled Lua is refused: a policy "
	    "is "
	    "text" },
	{ "script line", "#!/bin/sh\n", "a.pol:1:1: error encoding: the file begins with #: a "
	    "policy "
	    "is not a script" },
	{ "byte order mark", "\xef\xbb\xbf-- x", "a.pol:1:1: error encoding: the file begins with "
	    "a "
	    "byte order mark" },
	{ "not UTF-8", "-- ok\n-- \xff", "a.pol:2:4: error encoding: byte 0xff is not valid "
	    "UTF-8" },
	/* shared state */
	{ "methods of strings", "getmetatable('').__index.upper = error",
	    "a.pol:1:1: error lua: attempt to index a boolean value" },
	{ "library table", "string.upper = error",
	    "a.pol:1:1: error lua: this table cannot be changed" },
	{ "table library by its own insert", "table.insert(table, 1)",
	    "a.pol:1:7: error lua: this table cannot be changed" },
	{ "a word of the language", "ip = nil",
	    "a.pol:1:1: error lua: \"ip\" is a word of the language; choose another name" },
	{ "environment replaced", "_ENV = {} x = 1", "" },
	{ "metatable of a set", "getmetatable(any).__add = nil",
	    "a.pol:1:1: error lua: attempt to index a boolean value" },
	{ "addresses", "local t = tostring({}) .. tostring(error) .. tostring(any)\n"
	    "if t ~= 'tablefunctionringfence.set' then error(t) end", "" },
	{ "address in a format", "local s = string.format('%p', {})",
	    "a.pol:1:18: error lua: string.format: no conversion '%p'" },
	{ "pairs over tables", "for k in pairs({ [{}] = 1 }) do end", "a.pol:1:10: error lua: "
	    "pairs: a "
	    "key is a table; the order of these would not be the same on every run" },
	/* depth */
	{ "deep recursion", "local function f() return 1 + f() end f()",
	    "a.pol:1:1: " MEMORY },
	{ "includes itself", "include 'a.pol'", "" },
	{ "include out of the directory", "include '../x.pol'", "a.pol:1:9: error bad-path: "
	    "include: a "
	    "path is relative to the policy directory and stays in it" },
	{ "include by absolute path", "include '/etc/passwd'", "a.pol:1:9: error bad-path: "
	    "include: a "
	    "path is relative to the policy directory and stays in it" },
	{ "list out of the directory", "list 'l' { file = 'a/../../x' }", "a.pol:1:19: error "
	    "bad-path: list \"l\": a path is relative to the policy directory and stays in it" },
	{ "list by absolute path", "list 'l' { file = '/etc/passwd' }", "a.pol:1:19: error "
	    "bad-path: list \"l\": a path is relative to the policy directory and stays in it" },
	{ "names with control characters", "group('a\\27[2J')({ '10.0.0.1' })", "a.pol:1:1: error "
	    "bad-name: group: a name holds no control characters, \" or \\" },
	{ "a name of a megabyte", "group(string.rep('x', 1000000))", "a.pol:1:1: error limit: "
	    "group: a "
	    "name of 1000000 bytes; at most 64" },
	{ "error with a table", "error({})",
	    "a.pol:1:1: error lua: error() with a table instead of a text" },
	{ "every address as members", "segment 's' { members = any, mode = 'learn' }",
	    "a.pol:1:25: error members-any: segment \"s\": members cannot be any: each member has "
	    "a "
	    "table, and a NIC has 4096" },
	{ "services that explode", "local l = {} for i = 1, 200 do l[i] = 2 * i end\n"
	    "local s = tcp { dst = l, src = l }",
	    "a.pol:2:11: error limit: tcp: 40000 pairs of port ranges; at most 4096" },
	{ "apps that explode", "local t = {} for i = 1, 60 do t[i] = 2 * i end local a = tcp(t)\n"
	    "for i = 1, 20 do a = { a, a } end\n"
	    "segment 's' { members = '10.0.0.1', mode = 'learn', inbound { allow = a, from = any } "
	    "}",
	    "a.pol:1:58: error limit: more than 4096 services in one place, or apps nested deeper "
	    "than "
	    "100" },
};

static void
set_limits(void)
{
	struct rlimit cpu = { CPU_S, CPU_S }, core = { 0, 0 };

	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &core);
#ifndef RF_SANITIZE
	struct rlimit as = { AS_BYTES, AS_BYTES };

	setrlimit(RLIMIT_AS, &as);
#endif
}

/* In the child: evaluates and writes the first message. */
static void
child(int fd, const struct pol_sources *s, const struct pol_limits *limits)
{
	struct pol_rules rules;
	struct diags diags;
	struct arena arena;
	char text[TEXT_MAX] = "";
	enum rc rc;

	set_limits();
	arena_init(&arena, AS_BYTES);
	if (!diags_init(&diags))
		_exit(3);
	rc = pol_eval_limited(s, limits, &arena, &rules, &diags);
	if (diags.count > 0) {
		const struct diag *d = &diags.items[0];

		snprintf(text, sizeof(text), "%s:%u:%u: %s %s: %s", d->file, d->line, d->col,
		    d->level == DIAG_ERROR ? "error" : "warning", d->code, d->text);
	}
	if ((rc == RC_OK) != (diags.errors == 0) ||
	    write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		_exit(4);
	_exit(0);
}

/* What a child says of one file a.pol; "killed N" or "exit N" where it does not end well. */
static void
run(const char *policy, const struct pol_limits *limits, char out[TEXT_MAX])
{
	struct pol_source file = { "a.pol", (const uint8_t *)policy, strlen(policy) };
	struct pol_sources s = { &file, 1 };
	size_t len = 0;
	ssize_t n;
	int fds[2], status = 0;
	pid_t pid;

	out[0] = '\0';
	if (!T_OK(pipe(fds) == 0))
		return;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child(fds[1], &s, limits);
	}
	close(fds[1]);
	while (pid > 0 && len + 1 < TEXT_MAX && (n = read(fds[0], out + len,
	    TEXT_MAX - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(fds[0]);
	if (!T_OK(pid > 0) || !T_OK(waitpid(pid, &status, 0) == pid))
		return;
	if (WIFSIGNALED(status))
		snprintf(out, TEXT_MAX, "killed %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		snprintf(out, TEXT_MAX, "exit %d", WEXITSTATUS(status));
}

static void
contained(const struct attack *a)
{
	char got[TEXT_MAX];

	run(a->text, &small, got);
	T_IS_STR(got, a->want);
}

/* Brackets, blocks and expressions nested far beyond what is allowed. */
static void
nesting(void)
{
	static const struct {
		const char *before, *open, *close, *want;
	} rows[] = {
		{ "local x = ", "{", "}", "a.pol:1:111: error nesting: brackets nest deeper than "
		    "100" },
		{ "local x = ", "(", ")", "a.pol:1:111: error nesting: brackets nest deeper than "
		    "100" },
		{ "", "do ", "end ", "a.pol:1:592: error syntax: C stack overflow near 'do'" },
		{ "local x = 1", "..1", "", "a.pol:1:1: error syntax: malformed number near "
		    "'1..1..1'" },
		{ "local x = ", "not ", "nil", "a.pol:1:1: error syntax: C stack overflow near "
		    "'not'" },
	};
	static char text[1 << 20];
	char got[TEXT_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = (size_t)snprintf(text, sizeof(text), "%s", rows[i].before);

		for (int k = 0; k < 10000; k++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", rows[i].open);
		for (int k = 0; k < 10000 && rows[i].close[0] != '\0'; k++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", rows[i].close);
		run(text, &small, got);
		/* what Lua itself says of depth names no exact word: only that it is told */
		if (strstr(rows[i].want, "nesting") != NULL)
			T_IS_STR(got, rows[i].want);
		else
			T_OK(strncmp(got, "a.pol:1:", 8) == 0 && strstr(got,
			    "error syntax") != NULL);
	}
}

/* The budgets that are in force, once each. */
static void
real_budgets(void)
{
	const struct pol_limits real = { .bytes_max = POL_EVAL_BYTES_MAX,
		.instructions_max = POL_EVAL_INSTRUCTIONS_MAX };
	char got[TEXT_MAX];

	run("while true do end", &real, got);
	T_IS_STR(got, "a.pol:1:1: error budget: the policy ran more than 100000000 instructions");
	run("local s = 'x' while true do s = s .. s end", &real, got);
	T_IS_STR(got, "a.pol:1:1: error memory: the policy needs more than its 256 MiB of memory");
	run("local function f() return 1 + f() end f()", &real, got);
	T_IS_STR(got, "a.pol:1:1: error lua: stack overflow");
	run("local t = {} for i = 1, 200000 do t[i] = inbound { allow = any, from = any } end",
	    &real, got);
	T_IS_STR(got, "a.pol:1:42: error limit: this is rule 100001; a policy has at most 100000");
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	T_ROWS(attacks, contained);
	T_RUN(nesting);
	T_RUN(real_budgets);
	return t_done();
}
