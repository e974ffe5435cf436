/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plan - what a reload of the daemon's directory would change. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cli.h"

enum { FLOWS_SHOWN = 10 };

static void
lines_print(const struct cli *cli, yyjson_val *list, char sign, enum cli_color color,
    uint64_t count)
{
	yyjson_arr_iter it;
	yyjson_val *o;

	yyjson_arr_iter_init(list, &it);
	while ((o = yyjson_arr_iter_next(&it)) != NULL)
		printf("%s%c %s:%" PRIu64 "  %s%s\n", cli_ink(cli, color), sign,
		    ask_str(o, "file"), ask_uint(o, "line"), ask_str(o, "segment"),
		    cli_ink(cli, PLAIN));
	if (count > yyjson_arr_size(list))
		printf("%c %" PRIu64 " more\n", sign, count - yyjson_arr_size(list));
}

static void
effects_print(yyjson_val *list, bool detailed)
{
	yyjson_arr_iter it, ex;
	yyjson_val *o, *e;

	yyjson_arr_iter_init(list, &it);
	while ((o = yyjson_arr_iter_next(&it)) != NULL) {
		size_t shown = 0;

		printf("%-3s %s", ask_str(o, "direction"), ask_str(o, "local"));
		if (ask_uint(o, "locals") > 1)
			printf(" and %" PRIu64 " more", ask_uint(o, "locals") - 1);
		printf(": %" PRIu64 " classes gained, %" PRIu64 " lost, %" PRIu64 " other\n",
		    ask_uint(o, "gained"), ask_uint(o, "lost"), ask_uint(o, "other"));
		yyjson_arr_iter_init(yyjson_obj_get(o, "examples"), &ex);
		while ((e = yyjson_arr_iter_next(&ex)) != NULL && (detailed || shown++ < 2)) {
			yyjson_val *by = yyjson_obj_get(e, "new");

			printf("    %s: %s, then %s  %s:%" PRIu64 "\n", ask_str(e, "packet"),
			    ask_str(e, "was"), ask_str(e, "becomes"), ask_str(by, "file"),
			    ask_uint(by, "line"));
		}
	}
}

static void
flow_print(const struct cli *cli, yyjson_val *o)
{
	yyjson_val *by = yyjson_obj_get(o, "new");
	const char *becomes = ask_str(o, "becomes");

	printf("    %-5s %s: %s, then %s%s%s %s", ask_str(o, "state"), ask_str(o, "packet"),
	    ask_str(o, "was"), cli_ink(cli, cli_verdict_color(becomes)), becomes,
	    cli_ink(cli, PLAIN), ask_str(o, "reason"));
	if (ask_str(by, "file")[0] != '\0')
		printf("  %s:%" PRIu64, ask_str(by, "file"), ask_uint(by, "line"));
	printf("\n");
}

/* The lines that cut, the heaviest first. */
static void
cutters_print(yyjson_val *flows)
{
	yyjson_arr_iter it;
	yyjson_val *o;

	yyjson_arr_iter_init(yyjson_obj_get(flows, "cut_by"), &it);
	while ((o = yyjson_arr_iter_next(&it)) != NULL) {
		if (ask_str(o, "file")[0] != '\0')
			printf("  by %s:%" PRIu64 "  %s", ask_str(o, "file"), ask_uint(o, "line"),
			    ask_str(o, "segment"));
		else
			printf("  by no line");
		printf(" (%s): %" PRIu64 " live, %" PRIu64 " ended\n", ask_str(o, "reason"),
		    ask_uint(o, "live"), ask_uint(o, "ended"));
	}
	if (ask_uint(flows, "cut_by_left_out") > 0)
		printf("  and by %" PRIu64 " lines more\n", ask_uint(flows, "cut_by_left_out"));
}

/* How much of the traffic the plan is of. */
static void
judged_print(const struct cli *cli, yyjson_val *flows, uint64_t live, uint64_t ended)
{
	uint64_t known = ask_uint(flows, "known"), lost = ask_uint(flows, "lost");

	if (!yyjson_get_bool(yyjson_obj_get(flows, "told")))
		printf("flows: the NIC tells none now\n");
	printf("flows judged: %" PRIu64 " live, %" PRIu64 " ended\n", live, ended);
	if (known > live + ended)
		printf("flows not judged: %" PRIu64 "\n", known - live - ended);
	if (lost > 0)
		printf("%sflows not known: %" PRIu64 " were lost or forgotten%s\n",
		    cli_ink(cli, YELLOW), lost, cli_ink(cli, PLAIN));
}

/* What becomes of the flows that the daemon knows. */
static void
flows_print(const struct cli *cli, yyjson_val *flows)
{
	static const char *const kinds[] = { "cut", "let", "other" };
	yyjson_val *live = yyjson_obj_get(flows, "live"), *ended = yyjson_obj_get(flows, "ended");
	yyjson_val *list = yyjson_obj_get(flows, "changes"), *o;
	size_t shown = 0, most = opt_has(&cli->opts, OPT_DETAILED) ? SIZE_MAX : FLOWS_SHOWN;
	uint64_t left = ask_uint(flows, "changes_left_out");
	yyjson_arr_iter it;

	judged_print(cli, flows, ask_uint(live, "judged"), ask_uint(ended, "judged"));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		uint64_t count[2] = { ask_uint(live, kinds[i]), ask_uint(ended, kinds[i]) };

		if (i > 0 && count[0] + count[1] == 0)
			continue;
		printf("flows %s: %" PRIu64 " live, %" PRIu64 " ended\n", kinds[i], count[0],
		    count[1]);
		if (i == 0)
			cutters_print(flows);
	}
	yyjson_arr_iter_init(list, &it);
	while ((o = yyjson_arr_iter_next(&it)) != NULL && shown < most) {
		flow_print(cli, o);
		shown++;
	}
	left += yyjson_arr_size(list) - shown;
	if (left > 0)
		printf("    and %" PRIu64 " flows more\n", left);
}

static void
plan_print(const struct cli *cli, yyjson_val *root)
{
	yyjson_val *was = yyjson_obj_get(root, "old"), *is = yyjson_obj_get(root, "new");
	static const char *const names[] = { "tables", "rules", "counters", "bytes" };

	if (!yyjson_get_bool(yyjson_obj_get(root, "changed"))) {
		printf("nothing changes: generation %" PRIu64 " has these tables\n",
		    ask_uint(root, "generation"));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		printf("%-8s %10" PRIu64 " -> %" PRIu64 "\n", names[i], ask_uint(was, names[i]),
		    ask_uint(is, names[i]));
	lines_print(cli, yyjson_obj_get(root, "removed"), '-', RED,
	    ask_uint(root, "removed_count"));
	lines_print(cli, yyjson_obj_get(root, "added"), '+', GREEN, ask_uint(root, "added_count"));
	if (ask_uint(root, "locals_added") + ask_uint(root, "locals_removed") > 0)
		printf("local IPs: %" PRIu64 " added, %" PRIu64 " removed\n",
		    ask_uint(root, "locals_added"), ask_uint(root, "locals_removed"));
	effects_print(yyjson_obj_get(root, "effects"), opt_has(&cli->opts, OPT_DETAILED));
	if (ask_uint(root, "effects_left_out") > 0)
		printf("and %" PRIu64 " tables more that change\n",
		    ask_uint(root, "effects_left_out"));
	flows_print(cli, yyjson_obj_get(root, "flows"));
}

int
cmd_plan(struct cli *cli)
{
	struct client *c = NULL;
	yyjson_doc *doc = NULL;
	struct diag d = { 0 };
	char *text = NULL;
	int code = EXIT_GOOD;
	enum rc rc = ask_open(cli, &c, &d);

	if (rc == RC_OK)
		rc = ask_policy(c, "/v1/policy/plan", opt_value(&cli->opts, OPT_POLICY, NULL),
		    &text, &doc, NULL, &d);
	if (rc == RC_OK) {
		yyjson_val *root = yyjson_doc_get_root(doc);

		if (cli->json)
			fputs(text, stdout);
		else
			plan_print(cli, root);
		if (yyjson_get_bool(yyjson_obj_get(root, "changed")))
			code = EXIT_CHANGES;
	} else {
		code = cli_fail(cli, rc, &d);
		if (strcmp(d.code, "usage") == 0)
			code = EXIT_USAGE;
	}
	free(text);
	yyjson_doc_free(doc);
	client_close(&c);
	return code;
}
