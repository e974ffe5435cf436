/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_daemon - the verbs that ask the daemon: reload, status, watch, counters. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "ask.h"
#include "diag_json.h"

enum { RELOAD_TIMEOUT_S = 180 };	/* two compiles to the end of their budgets, and a load */

/* What the options are wrong about is usage. */
static int
ask_fail(const struct cli *cli, enum rc rc, const struct diag *d)
{
	int code = cli_fail(cli, rc, d);

	return strcmp(d->code, "usage") == 0 ? EXIT_USAGE : code;
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
	if (ask_uint(root, "errors") > 0)	/* a proof that failed is no conflict of two */
		return EXIT_FAILED;
	if (strcmp(rc, "peer") == 0 || strcmp(rc, "timeout") == 0)
		return EXIT_UNREACHABLE;
	return strcmp(rc, "conflict") == 0 ? EXIT_CONFLICT : EXIT_FAILED;
}

/* What a job ended with, as JSON or by print; the exit code that it means. */
static int
outcome_tell(const struct cli *cli, yyjson_doc *doc,
    void (*print)(const struct cli *cli, yyjson_val *root))
{
	yyjson_val *o = yyjson_obj_get(yyjson_doc_get_root(doc), "outcome");
	char *text = cli->json ? yyjson_val_write(o, 0, NULL) : NULL;
	uint8_t frame[POL_EXAMPLE_BYTES_MAX];
	size_t len;

	if (text != NULL)
		puts(text);
	else
		print(cli, o);
	free(text);
	if (hex_decode(ask_str(o, "counterexample"), frame, sizeof(frame), &len))
		cli_example(cli, frame, len);
	return reload_exit(cli, o);
}

static void
reload_print(const struct cli *cli, yyjson_val *root)
{
	bool ok = yyjson_get_bool(yyjson_obj_get(root, "ok"));
	uint64_t generation = ask_uint(root, "generation");

	messages_print(cli, root);
	if (ok && yyjson_get_bool(yyjson_obj_get(root, "changed")))
		printf("%sgeneration %" PRIu64 "%s is enforced (compiled in %.1f ms, loaded in "
		    "%.1f ms, %" PRIu64 " bytes sent, %" PRIu64 " kept)\n",
		    cli_ink(cli, GREEN), generation, cli_ink(cli, PLAIN),
		    (double)(ask_uint(root, "eval_us") + ask_uint(root, "build_us")) / 1000,
		    (double)ask_uint(root, "load_us") / 1000, ask_uint(root, "loaded_bytes"),
		    ask_uint(root, "copied_bytes"));
	else if (ok)
		printf("nothing changed: generation %" PRIu64 " stays\n", generation);
	else if (!cli->quiet && generation != 0)
		fprintf(stderr, "refused: generation %" PRIu64 " stays enforced\n", generation);
	else if (!cli->quiet)
		fprintf(stderr, "refused: nothing is enforced\n");
}

/* One request, one answer, printed by fn or as it came. */
static int
ask_and_print(struct cli *cli, const char *method, const char *path,
    void (*print)(const struct cli *cli, yyjson_val *root))
{
	struct client *c = NULL;
	yyjson_doc *doc = NULL;
	struct diag d = { 0 };
	char *text = NULL;
	enum rc rc = ask_open(cli, &c, &d);

	if (rc == RC_OK)
		rc = ask_once(c, method, path, &text, &doc, NULL, &d);
	if (rc == RC_OK && cli->json)
		fputs(text, stdout);
	else if (rc == RC_OK)
		print(cli, yyjson_doc_get_root(doc));
	free(text);
	yyjson_doc_free(doc);
	client_close(&c);
	return rc == RC_OK ? EXIT_GOOD : ask_fail(cli, rc, &d);
}

/* Asks for a job until it is done; *doc holds it then. */
static enum rc
job_wait(struct cli *cli, struct client *c, const char *location, yyjson_doc **doc,
    struct diag *diag)
{
	char path[128];
	enum rc rc;

	(void)snprintf(path, sizeof(path), "%s?wait=1", location);
	for (int i = 0; i < RELOAD_TIMEOUT_S; i++) {
		const char *state;

		rc = ask_once(c, "GET", path, NULL, doc, NULL, diag);
		state = ask_str(yyjson_doc_get_root(*doc), "state");
		if (rc != RC_OK || strcmp(state, "done") == 0)
			return rc;
		if (strcmp(state, "cancelled") == 0) {
			diag_set(diag, "cancelled", "somebody cancelled it; nothing changed");
			return RC_CONFLICT;
		}
		yyjson_doc_free(*doc);
		*doc = NULL;
		cli_progress(cli, "reload");
	}
	diag_set(diag, "timeout", "the daemon has not finished for %d s", RELOAD_TIMEOUT_S);
	return RC_TIMEOUT;
}

int
cmd_reload(struct cli *cli)
{
	char location[80] = "", path[80] = "/v1/policy/reload";
	struct client *c = NULL;
	yyjson_doc *doc = NULL;
	struct diag d = { 0 };
	uint32_t confirm_s = 0;
	int code = EXIT_GOOD;
	enum rc rc = opt_has(&cli->opts, OPT_CONFIRM) ?
	    opt_seconds(&cli->opts, OPT_CONFIRM, 3600, &confirm_s, &d) : RC_OK;

	if (rc != RC_OK) {
		(void)cli_fail(cli, rc, &d);
		return EXIT_USAGE;
	}
	if (confirm_s > 0)
		(void)snprintf(path, sizeof(path), "/v1/policy/reload?confirm=%" PRIu32, confirm_s);
	rc = ask_open(cli, &c, &d);
	if (rc == RC_OK)
		rc = ask_policy(c, path, opt_value(&cli->opts, OPT_POLICY, NULL), NULL, NULL,
		    location, &d);
	if (rc == RC_OK)
		rc = job_wait(cli, c, location, &doc, &d);
	if (rc == RC_OK)
		code = outcome_tell(cli, doc, reload_print);
	yyjson_doc_free(doc);
	client_close(&c);
	return rc == RC_OK ? code : ask_fail(cli, rc, &d);
}

static void
check_print(const struct cli *cli, yyjson_val *o)
{
	messages_print(cli, o);
	if (yyjson_get_bool(yyjson_obj_get(o, "ok")) && !cli->quiet)
		printf("tables %" PRIu64 ", rules %" PRIu64 ", counters %" PRIu64 ", %" PRIu64
		    " bytes\n", ask_uint(o, "tables"), ask_uint(o, "rules"),
		    ask_uint(o, "counters"), ask_uint(o, "bytes"));
}

/* The daemon compiles the text that it is sent: by its version, within its bounds. */
int
cmd_check_asked(struct cli *cli)
{
	struct client *c = NULL;
	yyjson_doc *doc = NULL;
	char location[80] = "";
	struct diag d = { 0 };
	int code = EXIT_GOOD;
	enum rc rc = ask_open(cli, &c, &d);

	if (rc == RC_OK)
		rc = ask_policy(c, "/v1/policy/check", cli->opts.args[0], NULL, NULL, location,
		    &d);
	if (rc == RC_OK)
		rc = job_wait(cli, c, location, &doc, &d);
	if (rc == RC_OK)
		code = outcome_tell(cli, doc, check_print);
	yyjson_doc_free(doc);
	client_close(&c);
	return rc == RC_OK ? code : ask_fail(cli, rc, &d);
}

static void
enforced_print(const struct cli *cli, yyjson_val *root)
{
	printf("%sgeneration %" PRIu64 "%s is enforced\n", cli_ink(cli, GREEN),
	    ask_uint(root, "generation") + ask_uint(root, "active"), cli_ink(cli, PLAIN));
}

int
cmd_confirm(struct cli *cli)
{
	return ask_and_print(cli, "POST", "/v1/policy/confirm", enforced_print);
}

int
cmd_rollback(struct cli *cli)
{
	char path[96] = "/v1/policy/rollback", *end = NULL;
	struct diag d = { 0 };

	if (cli->opts.arg_count > 0) {
		unsigned long n = strtoul(cli->opts.args[0], &end, 10);

		if (*end != '\0' || n == 0 || n > UINT32_MAX) {
			diag_set(&d, "usage", "\"%s\" is no generation", cli->opts.args[0]);
			(void)cli_fail(cli, RC_INVALID, &d);
			return EXIT_USAGE;
		}
		(void)snprintf(path, sizeof(path), "/v1/policy/rollback?generation=%lu", n);
	}
	return ask_and_print(cli, "POST", path, enforced_print);
}

static void
history_print(const struct cli *cli, yyjson_val *root)
{
	yyjson_arr_iter it;
	yyjson_val *o;

	printf("%10s  %-20s %6s %6s %8s  %s\n", "generation", "written", "tables", "rules", "bytes",
	    "sha256");
	yyjson_arr_iter_init(yyjson_obj_get(root, "generations"), &it);
	while ((o = yyjson_arr_iter_next(&it)) != NULL)
		printf("%10" PRIu64 "%s %.19sZ %6" PRIu64 " %6" PRIu64 " %8" PRIu64 "  %s%.16s%s\n",
		    ask_uint(o, "generation"), yyjson_get_bool(yyjson_obj_get(o, "active")) ?
		    "*" : " ", ask_str(o, "written"), ask_uint(o, "tables"), ask_uint(o, "rules"),
		    ask_uint(o, "bytes"), cli_ink(cli, DIM), ask_str(o, "sha256"),
		    cli_ink(cli, PLAIN));
}

int
cmd_history(struct cli *cli)
{
	return ask_and_print(cli, "GET", "/v1/generations", history_print);
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
status_flows(const struct cli *cli, yyjson_val *o)
{
	uint64_t lost = ask_uint(o, "lost") + ask_uint(o, "unseen_packets");

	if (o == NULL)
		return;
	printf("%-12s live %" PRIu64 ", opened %" PRIu64 ", ended %" PRIu64 ", kept %" PRIu64
	    ", %slost %" PRIu64 "%s%s\n", "flows", ask_uint(o, "live"),
	    ask_uint(o, "opened") + ask_uint(o, "seen_opened"),
	    ask_uint(o, "ended") + ask_uint(o, "seen_ended"), ask_uint(o, "kept"),
	    cli_ink(cli, lost > 0 ? YELLOW : PLAIN), lost, cli_ink(cli, PLAIN),
	    yyjson_get_bool(yyjson_obj_get(o, "told")) ? "" : "; the NIC tells none now");
}

static void
status_nic(const struct cli *cli, yyjson_val *nic)
{
	const char *state = ask_str(nic, "state"), *error = ask_str(nic, "error");
	uint64_t lines = ask_uint(nic, "lines_max"), loads = ask_uint(nic, "loads_max");
	const char *alarm = ask_str(nic, "alarm");
	bool up = strcmp(state, "up") == 0;

	printf("%-12s %s%s%s, %s, since %.19sZ\n", "nic", cli_ink(cli, up ? GREEN : RED), state,
	    cli_ink(cli, PLAIN), ask_str(nic, "path"), ask_str(nic, "since"));
	status_line("", error);
	if (lines > 0 || loads > 0)
		printf("%-12s profile %" PRIu64 " lines, %" PRIu64 " loads a packet%s\n", "", lines,
		    loads, lines == 0 || loads == 0 ? " (0: any)" : "");
	if (alarm[0] != '\0')
		printf("%-12s %sALARM%s %s\n", "", cli_ink(cli, RED), cli_ink(cli, PLAIN), alarm);
}

static void
status_wait(const struct cli *cli, yyjson_val *o)
{
	if (o != NULL)
		printf("%-12s %sto be confirmed%s within %" PRIu64 " s, else %" PRIu64
		    " again\n", "", cli_ink(cli, BOLD), cli_ink(cli, PLAIN),
		    ask_uint(o, "seconds_left"), ask_uint(o, "former"));
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
	if (yyjson_get_bool(yyjson_obj_get(p, "posted")))
		status_line("", "what is enforced was posted; reload enforces the directory");
	if (diag_from_json(yyjson_obj_get(p, "undone"), &d))
		printf("%-12s %sUNDONE%s %s\n", "", cli_ink(cli, RED), cli_ink(cli, PLAIN), d.text);
	if (diag_from_json(yyjson_obj_get(p, "refused"), &d))
		status_line("", d.text);
	if (!yyjson_get_bool(ok))
		messages_print(cli, p);
}

/* Silent where everything is in force. */
static void
status_sandbox(const struct cli *cli, yyjson_val *o)
{
	yyjson_val *missing = yyjson_obj_get(o, "missing"), *v;
	yyjson_arr_iter it;

	if (o != NULL && !yyjson_get_bool(yyjson_obj_get(o, "on")))
		printf("%-12s %sOFF%s: unsupported, and unsafe\n", "sandbox", cli_ink(cli, RED),
		    cli_ink(cli, PLAIN));
	if (yyjson_arr_size(missing) == 0)
		return;
	printf("%-12s in force, without", "sandbox");
	yyjson_arr_iter_init(missing, &it);
	while ((v = yyjson_arr_iter_next(&it)) != NULL)
		printf(" %s", yyjson_get_str(v));
	printf("\n");
}

static void
status_alarm(const struct cli *cli, yyjson_val *root, const char *part)
{
	const char *alarm = ask_str(yyjson_obj_get(root, part), "alarm");

	if (alarm[0] != '\0')
		printf("%-12s %sALARM%s %s\n", part, cli_ink(cli, RED), cli_ink(cli, PLAIN),
		    alarm);
}

static void
status_print(const struct cli *cli, yyjson_val *root)
{
	uint64_t generation = ask_uint(root, "generation");

	if (generation != 0)
		printf("%-12s %s%" PRIu64 "%s, sha256 %.16s\n", "generation",
		    cli_ink(cli, BOLD), generation, cli_ink(cli, PLAIN),
		    ask_str(root, "sha256"));
	else
		printf("%-12s none: what the NIC enforces is not known, or it denies all\n",
		    "generation");
	status_wait(cli, yyjson_obj_get(root, "unconfirmed"));
	if (yyjson_obj_get(root, "tables") != NULL)
		printf("%-12s %" PRIu64 ", rules %" PRIu64 ", counters %" PRIu64 ", %" PRIu64
		    " bytes\n", "tables", ask_uint(root, "tables"), ask_uint(root, "rules"),
		    ask_uint(root, "counters"), ask_uint(root, "bytes"));
	status_nic(cli, yyjson_obj_get(root, "nic"));
	status_counts("traffic", yyjson_obj_get(root, "traffic"));
	status_flows(cli, yyjson_obj_get(root, "flows"));
	status_counts("losses", yyjson_obj_get(root, "losses"));
	status_policy(cli, yyjson_obj_get(root, "policy"));
	status_alarm(cli, root, "state");
	status_alarm(cli, root, "tls");
	status_sandbox(cli, yyjson_obj_get(root, "sandbox"));
	printf("%-12s %s, up %" PRIu64 " s%s\n", "daemon", ask_str(root, "version"),
	    ask_uint(root, "uptime_s"),
	    yyjson_get_bool(yyjson_obj_get(root, "starting")) ? ", starting" : "");
}

int
cmd_status(struct cli *cli)
{
	return ask_and_print(cli, "GET", "/v1/status", status_print);
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
	return ask_and_print(cli, "GET", "/v1/counters", counters_print);
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

	if (yyjson_obj_get(o, "lost_events") != NULL) {
		printf("%s%" PRIu64 " lines lost: this reader was too slow%s\n",
		    cli_ink(cli, YELLOW), ask_uint(o, "lost_events"), cli_ink(cli, PLAIN));
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

struct watch {
	struct cli *cli;
	uint32_t count, seen;	/* count 0 = no end */
};

static bool
watch_line(void *arg, const char *line, size_t len)
{
	struct watch *w = arg;
	yyjson_doc *doc = yyjson_read(line, len, 0);
	yyjson_val *o = yyjson_doc_get_root(doc);

	if (w->cli->json)
		puts(line);
	else if (o != NULL)
		alert_print(w->cli, o);
	w->seen += yyjson_obj_get(o, "verdict") != NULL;
	yyjson_doc_free(doc);
	return fflush(stdout) == 0 && (w->count == 0 || w->seen < w->count);
}

static void
watch_begins(void *arg)
{
	const struct watch *w = arg;

	if (!w->cli->quiet)
		fprintf(stderr, "watching\n");
}

int
cmd_watch(struct cli *cli)
{
	const struct client_request r = { .method = "GET", .path = "/v1/alerts",
		.accept = "application/x-ndjson" };
	struct watch w = { .cli = cli };
	struct client_answer a = { 0 };
	struct client *c = NULL;
	struct diag d = { 0 };
	enum rc rc;

	if (opt_has(&cli->opts, OPT_COUNT) &&
	    opt_number(&cli->opts, OPT_COUNT, 1, UINT32_MAX, &w.count, &d) != RC_OK) {
		(void)cli_fail(cli, RC_INVALID, &d);
		return EXIT_USAGE;
	}
	rc = ask_open(cli, &c, &d);
	if (rc == RC_OK)
		rc = client_stream(c, &r, watch_begins, watch_line, &w, &a, &d);
	if (rc == RC_OK && a.status >= 300)
		rc = ask_problem(&a, &d);
	client_answer_fini(&a);
	client_close(&c);
	return rc == RC_OK ? EXIT_GOOD : ask_fail(cli, rc, &d);
}
