/* SPDX-License-Identifier: Apache-2.0 */
/* opt_test - command lines that are right, and what is said of those that are not. */
#include "t.h"

#include "opt.h"

static int
run_none(struct cli *cli)
{
	(void)cli;
	return 0;
}

static const struct verb verbs[] = {
	{ .name = "judge", .args = "FILE", .args_min = 1, .args_max = 1,
	    .options = OPT_BIT(POLICY) | OPT_BIT(JSON) | OPT_BIT(FLOWS),
	    .required = OPT_BIT(POLICY), .summary = "judge", .detail = "", .run = run_none },
	{ .name = "status", .args = "", .options = OPT_BIT(SOCKET) | OPT_BIT(OUTPUT) |
	    OPT_BIT(CONFIRM), .summary = "status", .detail = "", .run = run_none },
};

/* Words parted by single spaces; an empty word is "". */
static enum rc
parse(const char *line, struct opts *o, struct diag *d)
{
	static char copy[256];
	char *argv[16] = { (char *)(uintptr_t)"ringfence" };
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *p = strtok(copy, " "); p != NULL; p = strtok(NULL, " "))
		argv[argc++] = strcmp(p, "\"\"") == 0 ? (char *)(uintptr_t)"" : p;
	memset(d, 0, sizeof(*d));
	return opt_parse(verbs, 2, argc, argv, o, d);
}

struct good_row {
	const char *name;
	const char *policy;	/* value of --policy or NULL */
	const char *arg;
	bool json;
};

static const struct good_row goods[] = {
	{ "judge f --policy d", "d", "f", false },
	{ "judge --policy=d f --json", "d", "f", true },
	{ "--quiet judge --policy d f", "d", "f", false },
	{ "judge --policy d -- --json", "d", "--json", false },
	{ "judge --policy d -", "d", "-", false },
	{ "judge --policy=a=b f", "a=b", "f", false },
	{ "judge f --json --json --policy --json", "--json", "f", true },
};

static void
test_good(const struct good_row *r)
{
	struct opts o;
	struct diag d;

	T_IS_INT(parse(r->name, &o, &d), RC_OK);
	T_IS_STR(d.text, "");
	if (!T_OK(o.verb == &verbs[0]))
		return;
	T_IS_STR(opt_value(&o, OPT_POLICY, NULL), r->policy);
	T_IS_UINT(o.arg_count, 1);
	T_IS_STR(o.args[0], r->arg);
	T_IS_INT(opt_has(&o, OPT_JSON), r->json);
}

struct bad_row {
	const char *name;
	const char *text, *hint;
};

static const struct bad_row bads[] = {
	{ "", "no verb", "ringfence help lists the verbs" },
	{ "juge f", "unknown verb juge", "did you mean judge?" },
	{ "zzzzzz", "unknown verb zzzzzz", "ringfence help lists the verbs" },
	{ "judge --polcy d f", "unknown option --polcy of judge", "did you mean --policy?" },
	{ "judge --pol d f", "unknown option --pol of judge", "" },
	{ "judge --policyx=d f", "unknown option --policyx of judge", "did you mean --policy?" },
	{ "judge --socket s --policy d f", "unknown option --socket of judge", "" },
	{ "--json judge f", "unknown option --json", "" },
	{ "judge -x f", "unknown option -x", "" },
	{ "judge --policy", "--policy needs a value: DIR", "" },
	{ "judge --policy= f", "--policy has an empty value", "" },
	{ "judge --policy \"\" f", "--policy has an empty value", "" },
	{ "judge --policy a --policy b f", "--policy is given twice", "" },
	{ "judge --json=1 --policy d f", "--json takes no value", "" },
	{ "judge -q1 --policy d f", "--quiet takes no value", "" },
	{ "judge --policy d", "judge needs FILE", "" },
	{ "judge f", "judge needs --policy DIR", "" },
	{ "judge a b --policy d", "judge: b is one argument too many", "" },
	{ "status a", "status: a is one argument too many", "" },
	{ "status -o", "--output needs a value: FILE", "" },
};

static void
test_bad(const struct bad_row *r)
{
	struct opts o;
	struct diag d;

	T_IS_INT(parse(r->name, &o, &d), RC_INVALID);
	T_IS_STR(d.code, "usage");
	T_IS_STR(d.text, r->text);
	T_IS_STR(d.hint, r->hint);
}

static void
test_short_value(void)
{
	struct opts o;
	struct diag d;

	T_IS_INT(parse("status -ofile", &o, &d), RC_OK);
	T_IS_STR(opt_value(&o, OPT_OUTPUT, NULL), "file");
	T_IS_INT(parse("status -o file", &o, &d), RC_OK);
	T_IS_STR(opt_value(&o, OPT_OUTPUT, NULL), "file");
	T_IS_STR(opt_value(&o, OPT_SOCKET, "other"), "other");
}

/* --help and --version ask for nothing else. */
static void
test_help(void)
{
	struct opts o;
	struct diag d;

	T_IS_INT(parse("judge --help", &o, &d), RC_OK);
	T_OK(opt_has(&o, OPT_HELP) && o.verb == &verbs[0]);
	T_IS_INT(parse("--version", &o, &d), RC_OK);
	T_OK(opt_has(&o, OPT_VERSION) && o.verb == NULL);
	T_IS_INT(parse("judge --version", &o, &d), RC_INVALID);
}

struct number_row {
	const char *name;
	bool good;
	uint32_t want;
};

static const struct number_row numbers[] = {
	{ "16", true, 16 }, { "15", false, 0 }, { "100", true, 100 }, { "101", false, 0 },
	{ "-1", false, 0 }, { "+20", false, 0 }, { "20x", false, 0 }, { "0x20", false, 0 },
	{ "99999999999999999999", false, 0 }, { "020", true, 20 },
};

static void
test_number(const struct number_row *r)
{
	char line[64];
	struct opts o;
	struct diag d;
	uint32_t n = 0;

	snprintf(line, sizeof(line), "judge --policy d f --flows=%s", r->name);
	T_IS_INT(parse(line, &o, &d), RC_OK);
	T_IS_INT(opt_number(&o, OPT_FLOWS, 16, 100, &n, &d), r->good ? RC_OK : RC_INVALID);
	T_IS_UINT(n, r->want);
}

static const struct number_row seconds[] = {
	{ "1", true, 1 }, { "0", false, 0 }, { "3600", true, 3600 }, { "3601", false, 0 },
	{ "60s", true, 60 }, { "60m", true, 3600 }, { "61m", false, 0 }, { "1h", true, 3600 },
	{ "2h", false, 0 }, { "0m", false, 0 }, { "s", false, 0 }, { "5x", false, 0 },
	{ "5ms", false, 0 }, { "-1", false, 0 }, { "1e3", false, 0 },
	{ "18446744073709551615h", false, 0 }, { "99999999999999999999", false, 0 },
};

static void
test_seconds(const struct number_row *r)
{
	char line[64];
	struct opts o;
	struct diag d;
	uint32_t n = 0;

	snprintf(line, sizeof(line), "status --confirm=%s", r->name);
	T_IS_INT(parse(line, &o, &d), RC_OK);
	T_IS_INT(opt_seconds(&o, OPT_CONFIRM, 3600, &n, &d), r->good ? RC_OK : RC_INVALID);
	T_IS_UINT(n, r->want);
}

int
main(void)
{
	T_ROWS(goods, test_good);
	T_ROWS(bads, test_bad);
	T_ROWS(numbers, test_number);
	T_ROWS(seconds, test_seconds);
	T_RUN(test_short_value);
	T_RUN(test_help);
	return t_done();
}
