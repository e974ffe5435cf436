/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_daemon - run, and the verbs that ask the daemon: reload, status, watch, counters. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "cli.h"
#include "ask.h"
#include "diag_json.h"
#include "log.h"

enum { RELOAD_TIMEOUT_MS = 180000 };	/* two compiles to the end of their budgets, and a load */

int
cmd_run(struct cli *cli)
{
	const struct agent_cfg cfg = {
		.version = RINGFENCE_VERSION,
		.nic = opt_value(&cli->opts, OPT_NIC, DEFAULT_NIC),
		.policy = opt_value(&cli->opts, OPT_POLICY, DEFAULT_POLICY),
		.state = opt_value(&cli->opts, OPT_STATE, DEFAULT_STATE),
		.socket = opt_value(&cli->opts, OPT_SOCKET, DEFAULT_SOCKET)
	};
	struct diag d = { 0 };
	enum rc rc;

	log_verbose(opt_has(&cli->opts, OPT_VERBOSE));
	rc = agent_run(&cfg, &d);
	return rc == RC_OK ? EXIT_GOOD : cli_fail(cli, rc, &d);
}

/* --- reload --- */

static void
messages_print(const struct cli *cli, yyjson_val *root)
{
	yyjson_val *v;
	yyjson_arr_iter it;
	struct diag d;

	fflush(stdout);
	yyjson_arr_iter_init(yyjson_obj_get(root, "messages"), &it);
	while ((v = yyjson_arr_iter_next(&it)) != NULL)
		if (diag_from_json(v, &d) && (d.level == DIAG_ERROR || !cli->quiet))
			diag_print(&d, stderr);
}

/* The exit code says what check would say; that the NIC is not there is another thing. */
static int
reload_exit(const struct cli *cli, yyjson_val *root)
{
	struct diag d = { 0 };
	const char *rc = ask_str(root, "rc");

	if (yyjson_get_bool(yyjson_obj_get(root, "ok")))
		return EXIT_GOOD;
	if (diag_from_json(yyjson_obj_get(root, "refused"), &d) && !cli->json)
		(void)cli_fail(cli, RC_INVALID, &d);
	if (yyjson_get_bool(yyjson_obj_get(root, "no_fit")))
		return EXIT_NO_FIT;
	if (strcmp(rc, "peer") == 0 || strcmp(rc, "timeout") == 0)
		return EXIT_UNREACHABLE;
	return EXIT_FAILED;
}

static void
reload_print(const struct cli *cli, yyjson_val *root)
{
	bool ok = yyjson_get_bool(yyjson_obj_get(root, "ok"));
	uint64_t generation = ask_uint(root, "generation");

	messages_print(cli, root);
	if (ok && yyjson_get_bool(yyjson_obj_get(root, "changed")))
		printf("%sgeneration %" PRIu64 "%s is enforced (compiled in %.1f ms, loaded in "
		    "%.1f ms)\n", cli_ink(cli, GREEN), generation, cli_ink(cli, PLAIN),
		    (double)(ask_uint(root, "eval_us") + ask_uint(root, "build_us")) / 1000,
		    (double)ask_uint(root, "load_us") / 1000);
	else if (ok)
		printf("nothing changed: generation %" PRIu64 " stays\n", generation);
	else if (!cli->quiet && generation != 0)
		fprintf(stderr, "refused: generation %" PRIu64 " stays enforced\n", generation);
	else if (!cli->quiet)
		fprintf(stderr, "refused: nothing is enforced\n");
}

/* One request, one answer, printed by fn or as it came. */
static int
ask_once(struct cli *cli, const char *verb, int timeout_ms,
    void (*print)(const struct cli *cli, yyjson_val *root),
    int (*code)(const struct cli *cli, yyjson_val *root))
{
	struct diag d = { 0 };
	yyjson_doc *doc = NULL;
	struct ask q;
	char *line;
	int exit_code = EXIT_GOOD;
	enum rc rc = ask_begin(cli, verb, &q, &d);

	if (rc == RC_OK)
		rc = ask_next(&q, timeout_ms, &line, &doc, &d);
	if (rc == RC_OK) {
		if (cli->json)
			puts(line);
		else
			print(cli, yyjson_doc_get_root(doc));
		if (code != NULL)
			exit_code = code(cli, yyjson_doc_get_root(doc));
	} else {
		exit_code = cli_fail(cli, rc, &d);
	}
	yyjson_doc_free(doc);
	ask_end(&q);
	return exit_code;
}

int
cmd_reload(struct cli *cli)
{
	return ask_once(cli, "reload", RELOAD_TIMEOUT_MS, reload_print, reload_exit);
}

/* --- status --- */

static void
status_line(const char *name, const char *value)
{
	if (value[0] != '\0')
		printf("%-12s %s\n", name, value);
}

static void
status_counts(const char *name, yyjson_val *o)
{
	yyjson_obj_iter it;
	yyjson_val *key;
	bool first = true;

	if (o == NULL)
		return;
	printf("%-12s", name);
	yyjson_obj_iter_init(o, &it);
	while ((key = yyjson_obj_iter_next(&it)) != NULL) {
		printf("%s %s %" PRIu64, first ? "" : ",", yyjson_get_str(key),
		    yyjson_get_uint(yyjson_obj_iter_get_val(key)));
		first = false;
	}
	printf("\n");
}

static void
status_nic(const struct cli *cli, yyjson_val *nic)
{
	const char *state = ask_str(nic, "state"), *error = ask_str(nic, "error");
	bool up = strcmp(state, "up") == 0;

	printf("%-12s %s%s%s, %s, since %.19sZ\n", "nic", cli_ink(cli, up ? GREEN : RED), state,
	    cli_ink(cli, PLAIN), ask_str(nic, "path"), ask_str(nic, "since"));
	status_line("", error);
}

static void
status_policy(const struct cli *cli, yyjson_val *p)
{
	yyjson_val *ok = yyjson_obj_get(p, "ok");
	struct diag d;

	if (ok == NULL) {
		printf("%-12s %s, being compiled\n", "policy", ask_str(p, "dir"));
		return;
	}
	printf("%-12s %s, %s%s%s: %" PRIu64 " errors, %" PRIu64 " warnings\n", "policy",
	    ask_str(p, "dir"), cli_ink(cli, yyjson_get_bool(ok) ? GREEN : RED),
	    yyjson_get_bool(ok) ? "good" : "refused", cli_ink(cli, PLAIN),
	    ask_uint(p, "errors"), ask_uint(p, "warnings"));
	if (diag_from_json(yyjson_obj_get(p, "refused"), &d))
		status_line("", d.text);
	if (!yyjson_get_bool(ok))
		messages_print(cli, p);
}

static void
status_print(const struct cli *cli, yyjson_val *root)
{
	const char *alarm = ask_str(yyjson_obj_get(root, "state"), "alarm");
	uint64_t generation = ask_uint(root, "generation");

	if (generation != 0)
		printf("%-12s %s%" PRIu64 "%s, sha256 %.16s\n", "generation",
		    cli_ink(cli, BOLD), generation, cli_ink(cli, PLAIN),
		    ask_str(root, "sha256"));
	else
		printf("%-12s none: what the NIC enforces is not known, or it denies all\n",
		    "generation");
	if (yyjson_obj_get(root, "tables") != NULL)
		printf("%-12s %" PRIu64 ", rules %" PRIu64 ", counters %" PRIu64 ", %" PRIu64
		    " bytes\n", "tables", ask_uint(root, "tables"), ask_uint(root, "rules"),
		    ask_uint(root, "counters"), ask_uint(root, "bytes"));
	status_nic(cli, yyjson_obj_get(root, "nic"));
	status_counts("traffic", yyjson_obj_get(root, "traffic"));
	status_counts("losses", yyjson_obj_get(root, "losses"));
	status_policy(cli, yyjson_obj_get(root, "policy"));
	if (alarm[0] != '\0')
		printf("%-12s %sALARM%s %s\n", "state", cli_ink(cli, RED), cli_ink(cli, PLAIN),
		    alarm);
	printf("%-12s %s, up %" PRIu64 " s\n", "daemon", ask_str(root, "version"),
	    ask_uint(root, "uptime_s"));
}

int
cmd_status(struct cli *cli)
{
	return ask_once(cli, "status", ASK_TIMEOUT_MS, status_print, NULL);
}

/* --- counters --- */

static void
counters_print(const struct cli *cli, yyjson_val *root)
{
	yyjson_arr_iter it;
	yyjson_val *o;

	printf("%12s %16s  %-24s %s\n", "packets", "bytes", "rule", "segment");
	yyjson_arr_iter_init(yyjson_obj_get(root, "counters"), &it);
	while ((o = yyjson_arr_iter_next(&it)) != NULL) {
		char place[200];

		(void)snprintf(place, sizeof(place), "%s:%" PRIu64, ask_str(o, "file"),
		    ask_uint(o, "line"));
		printf("%12" PRIu64 " %16" PRIu64 "  %s%-24s%s %s\n", ask_uint(o, "packets"),
		    ask_uint(o, "bytes"), cli_ink(cli, CYAN), place, cli_ink(cli, PLAIN),
		    ask_str(o, "segment"));
	}
}

int
cmd_counters(struct cli *cli)
{
	return ask_once(cli, "counters", ASK_TIMEOUT_MS, counters_print, NULL);
}

/* --- watch --- */

static void
end_print(yyjson_val *o, const char *addr, const char *port)
{
	const char *text = ask_str(o, addr);
	bool v6 = strchr(text, ':') != NULL;

	if (yyjson_obj_get(o, port) == NULL)
		printf("%s", text);
	else
		printf(v6 ? "[%s]:%" PRIu64 : "%s:%" PRIu64, text, ask_uint(o, port));
}

static void
alert_print(const struct cli *cli, yyjson_val *o)
{
	const char *verdict = ask_str(o, "verdict"), *flags = ask_str(o, "flags");
	uint64_t suppressed = ask_uint(o, "suppressed");

	if (yyjson_obj_get(o, "lost") != NULL) {
		printf("%s%" PRIu64 " lines lost: this reader was too slow%s\n",
		    cli_ink(cli, YELLOW), ask_uint(o, "lost"), cli_ink(cli, PLAIN));
		return;
	}
	printf("%.12s  ", ask_str(o, "time") + MIN((size_t)11, strlen(ask_str(o, "time"))));
	if (verdict[0] != '\0') {
		printf("%s%-10s%s %-3s ", cli_ink(cli, cli_verdict_color(verdict)), verdict,
		    cli_ink(cli, PLAIN), ask_str(o, "direction"));
		if (yyjson_obj_get(o, "src") != NULL) {
			end_print(o, "src", "sport");
			printf(" > ");
			end_print(o, "dst", "dport");
			printf(" %s%s%s", ask_str(o, "proto"), flags[0] ? " " : "", flags);
		} else {
			printf("%" PRIu64 " bytes", ask_uint(o, "bytes"));
		}
		printf("  %s", ask_str(o, "reason"));
	}
	if (yyjson_obj_get(o, "file") != NULL)
		printf("  %s%s:%" PRIu64 "%s  %s", cli_ink(cli, CYAN), ask_str(o, "file"),
		    ask_uint(o, "line"), cli_ink(cli, PLAIN), ask_str(o, "segment"));
	printf("  generation %" PRIu64, ask_uint(o, "generation"));
	if (ask_str(o, "why")[0] != '\0')
		printf("  (%s)", ask_str(o, "why"));
	if (suppressed > 0)
		printf("  %s+%" PRIu64 " not shown%s", cli_ink(cli, DIM), suppressed,
		    cli_ink(cli, PLAIN));
	printf("\n");
}

static void
watch_begins(const struct cli *cli, yyjson_val *o)
{
	if (!cli->quiet)
		fprintf(stderr, "watching generation %" PRIu64 "\n", ask_uint(o, "generation"));
}

int
cmd_watch(struct cli *cli)
{
	uint32_t count = 0, seen = 0;
	struct diag d = { 0 };
	struct ask q;
	enum rc rc;
	int code;

	if (opt_has(&cli->opts, OPT_COUNT) &&
	    opt_number(&cli->opts, OPT_COUNT, 1, UINT32_MAX, &count, &d) != RC_OK) {
		(void)cli_fail(cli, RC_INVALID, &d);
		return EXIT_USAGE;
	}
	rc = ask_begin(cli, "watch", &q, &d);
	while (rc == RC_OK && (count == 0 || seen < count)) {
		yyjson_doc *doc;
		char *line;

		rc = ask_next(&q, -1, &line, &doc, &d);
		if (rc != RC_OK)
			break;
		if (yyjson_obj_get(yyjson_doc_get_root(doc), "watching") != NULL)
			watch_begins(cli, yyjson_doc_get_root(doc));
		else if (cli->json)
			puts(line);
		else
			alert_print(cli, yyjson_doc_get_root(doc));
		seen += yyjson_obj_get(yyjson_doc_get_root(doc), "verdict") != NULL;
		yyjson_doc_free(doc);
		if (fflush(stdout) != 0)
			break;
	}
	code = rc == RC_OK ? EXIT_GOOD : cli_fail(cli, rc, &d);
	ask_end(&q);
	return code;
}
