/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_explain - one packet: by the rules of a directory, or by what the daemon enforces. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cli.h"
#include "query.h"
#include "str.h"

/* --- print --- */

static void
place_print(const struct cli *cli, yyjson_val *o)
{
	if (yyjson_obj_get(o, "file") != NULL)
		printf("  %s%s:%" PRIu64 "%s  %s", cli_ink(cli, CYAN), ask_str(o, "file"),
		    ask_uint(o, "line"), cli_ink(cli, PLAIN), ask_str(o, "segment"));
	if (ask_str(o, "why")[0] != '\0')
		printf("  (%s)", ask_str(o, "why"));
}

static void
near_print(const struct cli *cli, yyjson_val *o)
{
	yyjson_val *misses = yyjson_obj_get(o, "misses"), *m;
	yyjson_arr_iter it;

	printf("     nearest allow");
	place_print(cli, o);
	printf("\n");
	if (yyjson_arr_size(misses) == 0)
		printf("       matches, and a deny or an earlier stage beats it\n");
	yyjson_arr_iter_init(misses, &it);
	while ((m = yyjson_arr_iter_next(&it)) != NULL)
		printf("       %s is %s, it takes %s\n", ask_str(m, "axis"), ask_str(m, "value"),
		    ask_str(m, "bound"));
}

static void
explain_print(const struct cli *cli, yyjson_val *root)
{
	const char *verdict = ask_str(root, "verdict");
	yyjson_arr_iter it;
	yyjson_val *h;

	printf("%s%s%s %s  %s\n", cli_ink(cli, cli_verdict_color(verdict)), verdict,
	    cli_ink(cli, PLAIN), ask_str(root, "reason"), ask_str(root, "packet"));
	yyjson_arr_iter_init(yyjson_obj_get(root, "hops"), &it);
	while ((h = yyjson_arr_iter_next(&it)) != NULL) {
		const char *local = ask_str(h, "local"), *v = ask_str(h, "verdict");

		printf("  %s%-3s %s%s %s%s%s %s", cli_ink(cli, DIM), ask_str(h, "direction"),
		    local[0] != '\0' ? local : "no local IP", cli_ink(cli, PLAIN),
		    cli_ink(cli, cli_verdict_color(v)), v, cli_ink(cli, PLAIN),
		    ask_str(h, "reason"));
		if (yyjson_get_bool(yyjson_obj_get(h, "reply")))
			printf(", as an answer");
		place_print(cli, h);
		printf("\n");
		if (yyjson_obj_get(h, "nearest_allow") != NULL)
			near_print(cli, yyjson_obj_get(h, "nearest_allow"));
	}
}

/* --- ask --- */

/* "/v1/explain?packet=" and the packet, percent-encoded. */
static void
path_make(const char *packet, struct str *out)
{
	str_add(out, "/v1/explain?packet=");
	for (const char *p = packet; *p != '\0'; p++) {
		bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
		    (*p >= 'A' && *p <= 'Z') || *p == '.' || *p == '-';

		if (plain)
			str_add_bytes(out, p, 1);
		else
			str_addf(out, "%%%02X", (unsigned)(unsigned char)*p);
	}
}

static enum rc
daemon_explain(const struct cli *cli, const char *packet, char **text, struct diag *d)
{
	struct str path = { 0 };
	struct client *c = NULL;
	enum rc rc = ask_open(cli, &c, d);

	path_make(packet, &path);
	if (rc == RC_OK)
		rc = ask_once(c, "GET", str_text(&path), text, NULL, NULL, d);
	client_close(&c);
	str_fini(&path);
	return rc;
}

/* The same answer, by children of this process. */
static enum rc
query_text(struct cli *cli, const struct query_ask *ask, char **text, struct diag *d)
{
	struct query_answer got;
	struct query *q = NULL;
	enum rc rc = query_start(ask, &q, d);

	if (rc == RC_OK)
		rc = query_wait(q, cli_progress, cli, &got, d);
	if (rc == RC_OK) {
		*text = malloc(got.len + 1);
		if (*text == NULL)
			rc = RC_NOMEM;
	}
	if (rc == RC_OK) {
		memcpy(*text, got.text, got.len);
		(*text)[got.len] = '\0';
		if (got.status != 200) {
			struct client_answer a = { .status = got.status, .body = *text,
				.body_len = got.len };

			rc = ask_problem(&a, d);
		}
	}
	query_destroy(&q);
	return rc;
}

static enum rc
policy_explain(struct cli *cli, const char *packet, char **text, struct diag *d)
{
	struct query_ask ask = { .kind = QUERY_EXPLAIN,
		.arg = { (const uint8_t *)packet, strlen(packet) } };
	struct diags diags;
	uint8_t *sources = NULL;
	enum rc rc = RC_NOMEM;

	if (diags_init(&diags))
		rc = compile_sources_read(opt_value(&cli->opts, OPT_POLICY, NULL), &diags, &sources,
		    &ask.sources[0].len);
	if (rc != RC_OK && diags.count > 0)
		*d = diags.items[0];
	ask.sources[0].p = sources;
	if (rc == RC_OK)
		rc = query_text(cli, &ask, text, d);
	free(sources);
	diags_fini(&diags);
	return rc;
}

int
cmd_explain(struct cli *cli)
{
	const char *packet = cli->opts.args[0];
	struct diag d = { 0 };
	yyjson_doc *doc;
	char *text = NULL;
	int code = EXIT_GOOD;
	enum rc rc;

	if (opt_has(&cli->opts, OPT_POLICY) &&
	    (opt_has(&cli->opts, OPT_SOCKET) || opt_has(&cli->opts, OPT_REMOTE))) {
		diag_set(&d, "usage", "--policy is a directory, --socket and --remote a daemon: "
		    "one of them");
		rc = RC_INVALID;
	} else {
		rc = opt_has(&cli->opts, OPT_POLICY) ? policy_explain(cli, packet, &text, &d) :
		    daemon_explain(cli, packet, &text, &d);
	}
	if (rc != RC_OK) {
		code = cli_fail(cli, rc, &d);
		if (strcmp(d.code, "usage") == 0 || strcmp(d.code, "packet") == 0)
			code = EXIT_USAGE;
	} else if (cli->json) {
		fputs(text, stdout);
	} else {
		doc = yyjson_read(text, strlen(text), 0);
		explain_print(cli, yyjson_doc_get_root(doc));
		yyjson_doc_free(doc);
	}
	free(text);
	return code;
}
