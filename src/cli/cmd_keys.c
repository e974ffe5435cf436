/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_keys - the keys of the TLS channel. */
#include <string.h>

#include "cli.h"
#include "keys.h"

static enum rc
keys_make(const struct opts *o, struct diag *diag)
{
	const char *names[KEYS_SANS_MAX + 1];
	char text[2048];
	uint32_t count = 0;

	(void)snprintf(text, sizeof(text), "%s", opt_value(o, OPT_SAN, ""));
	for (char *save = NULL, *p = strtok_r(text, ",", &save); p != NULL &&
	    count < ARRAY_LEN(names); p = strtok_r(NULL, ",", &save))
		names[count++] = p;
	return keys_init(o->args[1], names, count, diag);
}

static void
made_tell(const char *const args[])
{
	if (strcmp(args[0], "init") == 0)
		fprintf(stderr, "made in %s\n", args[1]);
	else if (strcmp(args[0], "client") == 0)
		fprintf(stderr, "made %s/%s.crt and %s/%s.key\n", args[1], args[2], args[1],
		    args[2]);
	else
		fprintf(stderr, "revoked; a daemon reads it at its next reload\n");
}

int
cmd_keys(struct cli *cli)
{
	const struct opts *o = &cli->opts;
	bool init = strcmp(o->args[0], "init") == 0, client = strcmp(o->args[0], "client") == 0;
	bool revoke = strcmp(o->args[0], "revoke") == 0;
	enum keys_role role;
	struct diag d = { 0 };
	enum rc rc;

	if ((!init && !client && !revoke) || o->arg_count != (init ? 2 : 3) ||
	    (opt_has(o, OPT_SAN) && !init) || (opt_has(o, OPT_ROLE) && !client)) {
		diag_set(&d, "usage", "keys takes: init DIR [--san NAME,...]; client DIR NAME "
		    "[--role ROLE]; revoke DIR FILE");
		(void)cli_fail(cli, RC_INVALID, &d);
		return EXIT_USAGE;
	}
	if (!keys_role_parse(opt_value(o, OPT_ROLE, "view"), &role)) {
		diag_set(&d, "usage", "\"%s\" is no role", opt_value(o, OPT_ROLE, ""));
		diag_hint(&d, "view or operate");
		(void)cli_fail(cli, RC_INVALID, &d);
		return EXIT_USAGE;
	}
	rc = init ? keys_make(o, &d) : client ? keys_client(o->args[1], o->args[2], role, &d) :
	    keys_revoke(o->args[1], o->args[2], &d);
	if (rc != RC_OK)
		return cli_fail(cli, rc, &d);
	if (!cli->quiet)
		made_tell(o->args);
	return EXIT_GOOD;
}
