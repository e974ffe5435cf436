/* SPDX-License-Identifier: Apache-2.0 */
/* config_test - configuration files that are right, and what is said of those that are not. */
#include <stdlib.h>
#include <string.h>

#include "t.h"

#include "config.h"
#include "config_lex.h"

struct good_row {
	const char *name, *file;
	enum config_service service;
	enum opt_id id;
	const char *value;	/* NULL = not set */
};

static const struct good_row goods[] = {
	{ "empty", "", CONFIG_RUN, OPT_POLICY, NULL },
	{ "comments", "\n# c\n \t\n", CONFIG_RUN, OPT_POLICY, NULL },
	{ "tight", "[run]\npolicy=/a\n", CONFIG_RUN, OPT_POLICY, "/a" },
	{ "blanks", "[run]\n\tpolicy\t=  /a#b  # c\n", CONFIG_RUN, OPT_POLICY, "/a#b" },
	{ "quoted", "[run]\npolicy = \"/a b\"# c\n", CONFIG_RUN, OPT_POLICY, "/a b" },
	{ "escapes", "[run]\npolicy = \"\\\"\\\\ # \"\n", CONFIG_RUN, OPT_POLICY, "\"\\ # " },
	{ "utf-8", "[run] # c\npolicy = /\xc3\xa4\n", CONFIG_RUN, OPT_POLICY, "/\xc3\xa4" },
	{ "two services", "[run]\nsocket = a\n[nic]\nsocket = b\n", CONFIG_NIC, OPT_SOCKET, "b" },
	{ "section again", "[run]\nsocket = a\n[nic]\nsocket = b\n[run]\nnic = c\n",
	    CONFIG_RUN, OPT_NIC, "c" },
	{ "no", "[run]\nno-sandbox = no\n", CONFIG_RUN, OPT_NO_SANDBOX, "no" },
	{ "v6", "[run]\nlisten = [::1]:8443\n", CONFIG_RUN, OPT_LISTEN, "[::1]:8443" },
	{ "least", "[nic]\nflows = 16\n", CONFIG_NIC, OPT_FLOWS, "16" },
};

static void
test_good(const struct good_row *r)
{
	struct config c = { 0 };

	T_IS_INT(config_parse("f", r->file, strlen(r->file), &c), RC_OK);
	T_IS_UINT(c.diags.errors, 0);
	T_IS_STR(c.values[r->service][r->id].text, r->value);
	config_fini(&c);
}

struct bad_row {
	const char *name, *file;
	uint32_t line, col;
	const char *code, *text, *hint;
	size_t len;		/* 0 = to the NUL */
};

static const struct bad_row bads[] = {
	{ "before a section", "policy = a\n", 1, 1, "no-section",
	    "a key before the first section",
	    "write [nic] or [run] above it", 0 },
	{ "section", "[rum]\npolicy = a\n", 1, 2, "unknown-section",
	    "unknown section [rum]: it is [nic] or [run]", "did you mean [run]?", 0 },
	{ "key", "[run]\n polcy = a\n", 2, 2, "unknown-key", "unknown key polcy of [run]",
	    "did you mean policy?", 0 },
	{ "other service's key", "[run]\nwire = dev:a\n", 2, 1, "unknown-key",
	    "unknown key wire of [run]", "", 0 },
	{ "config is no key", "[run]\nconfig = a\n", 2, 1, "unknown-key",
	    "unknown key config of [run]", "", 0 },
	{ "twice", "[run]\nsocket = a\n\nsocket = a\n", 4, 1, "repeated-key",
	    "socket is set twice, first in line 2", "", 0 },
	{ "no equals", "[run]\nsocket\n", 2, 7, "syntax", "expected = after the key", "", 0 },
	{ "no value", "[run]\nsocket =\n", 2, 9, "syntax", "expected a value after =", "", 0 },
	{ "empty value", "[run]\nsocket = \"\"\n", 2, 11, "bad-value",
	    "socket has an empty value", "", 0 },
	{ "two words", "[run]\nsocket = a b\n", 2, 12, "syntax",
	    "expected the end of the line: a value with blanks stands in quotes", "", 0 },
	{ "open quote", "[run]\nsocket = \"a\n", 2, 10, "quote",
	    "a quote that is not closed on its line",
	    "within quotes \\\" is a quote and \\\\ a backslash; nothing else is escaped", 0 },
	{ "escape", "[run]\nsocket = \"\\n\"\n", 2, 10, "quote",
	    "a quote that is not closed on its line",
	    "within quotes \\\" is a quote and \\\\ a backslash; nothing else is escaped", 0 },
	{ "carriage return", "[run]\r\n", 1, 6, "control-byte", "a carriage return",
	    "lines end with a line feed alone", 0 },
	{ "NUL after a key", "[run]\nstate \0= a\n", 2, 7, "control-byte",
	    "control byte 0x00", "", 17 },
	{ "NUL in a value", "[run]\nnic = a\0b\n", 2, 8, "control-byte", "control byte 0x00",
	    "", 16 },
	{ "encoding", "[run]\nnic = \xff\n", 2, 7, "encoding", "byte 0xff is no UTF-8", "", 0 },
	{ "no newline", "[run]\nnic = a", 2, 8, "no-newline",
	    "the last line has no newline at its end",
	    "the file may have been cut short", 0 },
	{ "flag", "[run]\nverbose = on\n", 2, 11, "bad-value",
	    "verbose is \"on\"; it takes yes or no",
	    "", 0 },
	{ "listen", "[run]\nlisten = 8443\n", 2, 10, "bad-value",
	    "listen is \"8443\"; it takes ADDRESS:PORT or [IPV6]:PORT, in numbers", "", 0 },
	{ "flows below", "[nic]\nflows = 15\n", 2, 9, "bad-value",
	    "flows is \"15\"; it takes a number of 16 to 4194304", "", 0 },
	{ "flows above", "[nic]\nflows = 4194305\n", 2, 9, "bad-value",
	    "flows is \"4194305\"; it takes a number of 16 to 4194304", "", 0 },
	{ "flows far above", "[nic]\nflows = 99999999999999999999\n", 2, 9, "bad-value",
	    "flows is \"99999999999999999999\"; it takes a number of 16 to 4194304", "", 0 },
	{ "port kind", "[nic]\nwire = eth0\n", 2, 8, "bad-value",
	    "wire is \"eth0\"; it takes dev:IFNAME, tap:IFNAME or pcap:FILE", "", 0 },
	{ "port empty", "[nic]\nwire = dev:\n", 2, 8, "bad-value",
	    "wire is \"dev:\"; it takes dev:IFNAME, tap:IFNAME or pcap:FILE", "", 0 },
	{ "no key", "= a\n", 1, 1, "syntax", "expected a key, or a section as [run]", "", 0 },
	{ "open bracket", "[run\n", 1, 1, "syntax", "expected a key, or a section as [run]",
	    "", 0 },
};

static void
test_bad(const struct bad_row *r)
{
	struct config c = { 0 };
	const struct diag *d;

	T_IS_INT(config_parse("f", r->file, r->len != 0 ? r->len : strlen(r->file), &c),
	    RC_INVALID);
	T_IS_UINT(c.diags.errors, 1);
	d = &c.diags.items[0];
	T_IS_STR(d->file, "f");
	T_IS_UINT(d->line, r->line);
	T_IS_UINT(d->col, r->col);
	T_IS_STR(d->code, r->code);
	T_IS_STR(d->text, r->text);
	T_IS_STR(d->hint, r->hint);
	config_fini(&c);
}

/* One over the bound is refused with both numbers, the bound itself taken. */
static void
test_too_long(void)
{
	char text[CONFIG_VALUE_BYTES_MAX + 64];

	for (int over = 0; over < 2; over++) {
		struct config c = { 0 };
		int n = snprintf(text, sizeof(text), "[run]\nstate = ");

		memset(text + n, 'a', (size_t)CONFIG_VALUE_BYTES_MAX + (size_t)over);
		n += CONFIG_VALUE_BYTES_MAX + over;
		text[n++] = '\n';
		T_IS_INT(config_parse("f", text, (size_t)n, &c), over ? RC_INVALID : RC_OK);
		if (over)
			T_IS_STR(c.diags.items[0].text, "state has 1024 bytes; at most 1023");
		config_fini(&c);
	}
}

/* All that is wrong is told, each counted for its service. */
static void
test_all(void)
{
	const char *text = "[nic]\nwyre = a\nhots = b\n[run]\npolcy = c\n";
	struct config c = { 0 };

	T_IS_INT(config_parse("f", text, strlen(text), &c), RC_INVALID);
	T_IS_UINT(c.diags.errors, 3);
	T_IS_UINT(c.errors[CONFIG_NIC], 2);
	T_IS_UINT(c.errors[CONFIG_RUN], 1);
	T_IS_UINT(c.errors[CONFIG_SERVICES], 0);
	config_fini(&c);
}

/* The command line wins, the file comes next, the default last; what is needed may be in the
 * file. */
static void
test_merge(void)
{
	const char *text = "[nic]\nwire = dev:f\nhost = dev:g\nno-sandbox = yes\n";
	enum config_from from[OPT__COUNT];
	struct opts o = { .set = OPT_BIT(WIRE) };
	struct config c = { 0 };
	struct diag d = { 0 };

	o.value[OPT_WIRE] = "dev:c";
	T_IS_INT(config_parse("f", text, strlen(text), &c), RC_OK);
	T_IS_INT(config_merge(&c, CONFIG_NIC, &o, from, &d), RC_OK);
	T_IS_STR(opt_value(&o, OPT_WIRE, ""), "dev:c");
	T_IS_STR(opt_value(&o, OPT_HOST, ""), "dev:g");
	T_OK(opt_has(&o, OPT_NO_SANDBOX));
	T_OK(!opt_has(&o, OPT_SOCKET));
	T_IS_INT(from[OPT_WIRE], FROM_COMMAND_LINE);
	T_IS_INT(from[OPT_HOST], FROM_FILE);
	T_IS_INT(from[OPT_SOCKET], FROM_DEFAULT);
	T_IS_INT(from[OPT_FLOWS], FROM_NOWHERE);
	config_fini(&c);
	memset(&o, 0, sizeof(o));
	T_IS_INT(config_merge(&c, CONFIG_NIC, &o, NULL, &d), RC_INVALID);
	T_IS_STR(d.text, "nic needs --wire PORT");
	o = (struct opts){ .set = OPT_BIT(LISTEN) };
	o.value[OPT_LISTEN] = "x";
	T_IS_INT(config_merge(&c, CONFIG_RUN, &o, NULL, &d), RC_INVALID);
	T_IS_STR(d.text, "--listen x: it takes ADDRESS:PORT or [IPV6]:PORT, in numbers");
}

static void
test_bare(void)
{
	T_OK(config_is_bare("/a#b"));
	T_OK(!config_is_bare(""));
	T_OK(!config_is_bare("#a"));
	T_OK(!config_is_bare("a b"));
	T_OK(!config_is_bare(" a"));
	T_OK(!config_is_bare("a\\"));
	T_OK(!config_is_bare("\"a\""));
}

int
main(void)
{
	T_ROWS(goods, test_good);
	T_ROWS(bads, test_bad);
	T_RUN(test_too_long);
	T_RUN(test_all);
	T_RUN(test_merge);
	T_RUN(test_bare);
	return t_done();
}
