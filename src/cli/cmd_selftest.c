/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_selftest - the rooms, tried from within. */
#include <string.h>

#include "cli.h"
#include "rights.h"
#include "selftest.h"

int
cmd_selftest(struct cli *cli)
{
	const char *name = cli->opts.args[0];
	bool all = strcmp(name, "all") == 0, known = all, good = true;
	struct diag d = { 0 };

	for (int room = 0; room < ROOM__COUNT; room++) {
		if (!all && strcmp(name, rights_room_name((enum proc_room)room)) != 0)
			continue;
		known = true;
		good = selftest_run((enum proc_room)room) == 0 && good;
	}
	if (!known) {
		diag_set(&d, "usage", "there is no room %.32s", name);
		diag_hint(&d, "main, compile, build, ctl, signer, nic, store, or all");
		(void)cli_fail(cli, RC_INVALID, &d);
		return EXIT_USAGE;
	}
	return good ? EXIT_GOOD : EXIT_FAILED;
}
