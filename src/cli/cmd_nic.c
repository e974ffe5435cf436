/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_nic - the software NIC as a process. */
#include <limits.h>
#include <string.h>

#include "cli.h"
#include "config.h"
#include "dir.h"
#include "softnic.h"

int
cmd_nic(struct cli *cli)
{
	struct softnic_cfg cfg = { 0 };
	struct image_profile profile = { 0 };
	struct config config;
	char store[PATH_MAX];
	struct diag d = { 0 };
	const char *socket;
	enum rc rc = cli_config(cli, &config, &d);
	int code;

	if (rc == RC_OK && opt_has(&cli->opts, OPT_FLOWS))
		rc = opt_number(&cli->opts, OPT_FLOWS, NIC_FLOWS_MIN, NIC_FLOWS_MAX,
		    &cfg.flow_count, &d);
	if (rc == RC_OK && opt_has(&cli->opts, OPT_PROFILE))
		rc = cli_profile(cli, &profile, &d);
	if (rc != RC_OK) {
		(void)cli_fail(cli, rc, &d);
		config_fini(&config);
		return EXIT_USAGE;
	}
	socket = opt_value(&cli->opts, OPT_SOCKET, DEFAULT_NIC);
	cfg.wire = opt_value(&cli->opts, OPT_WIRE, NULL);
	cfg.host = opt_value(&cli->opts, OPT_HOST, NULL);
	cfg.socket = socket;
	cfg.lines_max = (uint16_t)profile.lines;
	cfg.loads_max = (uint16_t)profile.loads;
	cfg.no_sandbox = opt_has(&cli->opts, OPT_NO_SANDBOX);
	(void)snprintf(store, sizeof(store), "%.4000s.image", socket);
	cfg.store = opt_value(&cli->opts, OPT_STORE, store);
	rc = dir_make_for(socket, &d);
	if (rc == RC_OK)
		rc = dir_make_for(cfg.store, &d);
	if (rc == RC_OK)
		rc = softnic_run(&cfg, &d);
	config_fini(&config);
	if (rc == RC_OK)
		return EXIT_GOOD;
	code = cli_fail(cli, rc, &d);
	return strcmp(d.code, "usage") == 0 ? EXIT_USAGE : code;
}
