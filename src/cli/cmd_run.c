/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run - the daemon as a process: its options, and what a reload takes of its file anew. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "cli.h"
#include "config.h"
#include "log.h"

struct run {
	struct opts given;		/* on the command line */
	struct opts started;		/* with what the file said at the start */
	struct config first;		/* values of started point into it */
	struct opts opts;		/* with what it says now */
	struct config config;
	struct agent_cfg cfg;
};

/* What may change while it runs. */
static void
live_take(struct run *r)
{
	r->cfg.policy = opt_value(&r->opts, OPT_POLICY, DEFAULT_POLICY);
	r->cfg.keys = opt_value(&r->opts, OPT_KEYS, DEFAULT_KEYS);
	r->cfg.config = r->config.path;
	log_verbose(opt_has(&r->opts, OPT_VERBOSE));
}

static bool
same(const struct opts *a, const struct opts *b, enum opt_id id)
{
	const char *x = opt_value(a, id, ""), *y = opt_value(b, id, "");

	if (opt_has(a, id) != opt_has(b, id))
		return false;
	return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

/* Main was confined to what its options named at the start: a directory elsewhere is out of its
 * reach for good. */
static enum rc
reach_check(const struct run *r, const struct opts *next, const struct config *c, enum opt_id id,
    struct diag *diag)
{
	const struct config_value *v = &c->values[CONFIG_RUN][id];
	int fd;

	if (same(&r->opts, next, id) || !opt_has(next, id))
		return RC_OK;
	fd = open(next->value[id], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)close(fd);
		return RC_OK;
	}
	diag_set(diag, "config", "%s = %.200s cannot be opened by the running daemon",
	    opt_name(id), next->value[id]);
	diag_place(diag, c->path, v->line, v->col);
	diag_hint(diag, "what is outside the directories it started with needs a restart");
	return RC_DENIED;
}

static void
restart_log(const struct run *r, const struct opts *next)
{
	uint64_t keys = config_keys(CONFIG_RUN);

	for (int i = 0; i < OPT__COUNT; i++)
		if ((keys & (UINT64_C(1) << i)) != 0 &&
		    !config_is_live(CONFIG_RUN, (enum opt_id)i) &&
		    !same(&r->started, next, (enum opt_id)i))
			log_warn("config-restart", "key=%s text=\"a change of it needs a "
			    "restart\"", opt_name((enum opt_id)i));
}

static enum rc
reread(void *arg, struct diag *diag)
{
	struct run *r = arg;
	struct opts next = r->given;
	struct config c;
	enum rc rc = config_load(opt_value(&r->given, OPT_CONFIG, NULL), &c);

	if (rc != RC_OK && c.errors[CONFIG_RUN] + c.errors[CONFIG_SERVICES] == 0)
		rc = RC_OK;	/* it is the other service's */
	for (uint32_t i = 0; rc != RC_OK && i < c.diags.count; i++)
		if (c.diag_of[i] != CONFIG_NIC) {
			*diag = c.diags.items[i];
			break;
		}
	if (rc == RC_OK)
		rc = config_merge(&c, CONFIG_RUN, &next, NULL, diag);
	if (rc == RC_OK)
		rc = reach_check(r, &next, &c, OPT_POLICY, diag);
	if (rc == RC_OK)
		rc = reach_check(r, &next, &c, OPT_KEYS, diag);
	if (rc != RC_OK) {
		config_fini(&c);
		return rc;
	}
	restart_log(r, &next);
	config_fini(&r->config);
	r->config = c;
	r->opts = next;
	live_take(r);
	return RC_OK;
}

int
cmd_run(struct cli *cli)
{
	struct run r = { .given = cli->opts };
	struct diag d = { 0 };
	enum rc rc = cli_config(cli, &r.first, &d);
	const struct opts *o = &r.started;

	if (rc != RC_OK) {
		(void)cli_fail(cli, rc, &d);
		config_fini(&r.first);
		return EXIT_USAGE;
	}
	r.started = r.opts = cli->opts;
	r.cfg = (struct agent_cfg){
		.version = RINGFENCE_VERSION,
		.nic = opt_value(o, OPT_NIC, DEFAULT_NIC),
		.state = opt_value(o, OPT_STATE, DEFAULT_STATE),
		.socket = opt_value(o, OPT_SOCKET, DEFAULT_SOCKET),
		.group = opt_value(o, OPT_GROUP, NULL),
		.listen = opt_value(o, OPT_LISTEN, NULL),
		.takeover = opt_has(o, OPT_TAKEOVER),
		.no_sandbox = opt_has(o, OPT_NO_SANDBOX),
		.reread = reread, .reread_arg = &r
	};
	(void)memcpy(r.config.path, r.first.path, sizeof(r.config.path));
	live_take(&r);
	rc = agent_run(&r.cfg, &d);
	config_fini(&r.config);
	config_fini(&r.first);
	return rc == RC_OK ? EXIT_GOOD : cli_fail(cli, rc, &d);
}
