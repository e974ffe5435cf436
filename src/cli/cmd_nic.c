/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_nic - the software NIC as a process. */
#include <limits.h>
#include <string.h>

#include "cli.h"
#include "dir.h"
#include "softnic.h"

int
cmd_nic(struct cli *cli)
{
	const char *socket = opt_value(&cli->opts, OPT_SOCKET, DEFAULT_NIC);
	struct softnic_cfg cfg = {
		.wire = opt_value(&cli->opts, OPT_WIRE, NULL),
		.host = opt_value(&cli->opts, OPT_HOST, NULL), .socket = socket,
		.no_sandbox = opt_has(&cli->opts, OPT_NO_SANDBOX)
	};
	char store[PATH_MAX];
	struct diag d = { 0 };
	enum rc rc;
	int code;

	if (opt_has(&cli->opts, OPT_FLOWS) &&
	    opt_number(&cli->opts, OPT_FLOWS, 16, 1 << 22, &cfg.flow_count, &d) != RC_OK) {
		(void)cli_fail(cli, RC_INVALID, &d);
		return EXIT_USAGE;
	}
	(void)snprintf(store, sizeof(store), "%.4000s.image", socket);
	cfg.store = opt_value(&cli->opts, OPT_STORE, store);
	rc = dir_make_for(socket, &d);
	if (rc == RC_OK)
		rc = dir_make_for(cfg.store, &d);
	if (rc == RC_OK)
		rc = softnic_run(&cfg, &d);
	if (rc == RC_OK)
		return EXIT_GOOD;
	code = cli_fail(cli, rc, &d);
	return strcmp(d.code, "usage") == 0 ? EXIT_USAGE : code;
}
