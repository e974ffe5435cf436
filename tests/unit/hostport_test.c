/* SPDX-License-Identifier: Apache-2.0 */
/* hostport_test - every form that is taken, and the nearest that is none. */
#include "hostport.h"

#include "t.h"

struct row {
	const char *name;		/* the text */
	const char *host, *port;	/* host NULL: it is refused */
};

static const struct row rows[] = {
	{ "a", "a", "" }, { "nic-7.example_net:1", "nic-7.example_net", "1" },
	{ "127.0.0.1:65535", "127.0.0.1", "65535" }, { "a:0", "a", "0" },
	{ "a:00080", "a", "00080" }, { "[::1]", "::1", "" },
	{ "[fd00::7]:8443", "fd00::7", "8443" },
	{ "[fe80::1%eth0]:8443", "fe80::1%eth0", "8443" }, { "[x]", NULL, NULL },
	{ "[127.0.0.1]:1", NULL, NULL },
	{ "", NULL, NULL }, { ":1", NULL, NULL }, { "a:", NULL, NULL }, { "a:65536", NULL, NULL },
	{ "a:000080", NULL, NULL }, { "a:1a", NULL, NULL }, { "a:https", NULL, NULL },
	{ "a:-1", NULL, NULL }, { "a:1:2", NULL, NULL }, { "::1", NULL, NULL },
	{ "::1:8443", NULL, NULL }, { "[::1", NULL, NULL }, { "::1]", NULL, NULL },
	{ "[]", NULL, NULL }, { "[]:1", NULL, NULL }, { "[::1]8443", NULL, NULL },
	{ "[::1]:", NULL, NULL }, { "[[::1]]", NULL, NULL }, { "a b", NULL, NULL },
	{ " a", NULL, NULL }, { "a ", NULL, NULL }, { "a,b", NULL, NULL }, { "a/b", NULL, NULL },
	{ "u@a", NULL, NULL }, { "%61", NULL, NULL }, { "a\\b", NULL, NULL }
};

static void
parsed(const struct row *r)
{
	struct hostport hp;
	bool got = hostport_parse(r->name, strlen(r->name), &hp);

	if (!T_OK(got == (r->host != NULL)) || !got)
		return;
	T_IS_STR(hp.host, r->host);
	T_IS_STR(hp.port, r->port);
	T_OK(hp.bracketed == (r->name[0] == '['));
}

/* Of the length that fits, and one byte more; the text ends where it is said to. */
static void
lengths(void)
{
	char text[HOSTPORT_HOST_BYTES + 8];
	struct hostport hp;

	memset(text, 'a', sizeof(text));
	T_OK(hostport_parse(text, HOSTPORT_HOST_BYTES - 1, &hp));
	T_IS_UINT(strlen(hp.host), HOSTPORT_HOST_BYTES - 1);
	T_OK(!hostport_parse(text, HOSTPORT_HOST_BYTES, &hp));
	text[0] = '[';
	text[1] = ':';
	text[HOSTPORT_HOST_BYTES] = ']';
	T_OK(hostport_parse(text, HOSTPORT_HOST_BYTES + 1, &hp));
	T_IS_UINT(strlen(hp.host), HOSTPORT_HOST_BYTES - 1);
	text[HOSTPORT_HOST_BYTES] = 'a';
	text[HOSTPORT_HOST_BYTES + 1] = ']';
	T_OK(!hostport_parse(text, HOSTPORT_HOST_BYTES + 2, &hp));
	T_OK(hostport_parse("a:80443", 4, &hp));
	T_IS_STR(hp.port, "80");
}

int
main(void)
{
	T_ROWS(rows, parsed);
	T_RUN(lengths);
	return t_done();
}
