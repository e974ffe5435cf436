/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_flows - flows of the daemon, as a table or as JSON; with --follow as they are told.
 *
 * The list says the number of its newest event, and the stream begins after it: nothing is missed
 * and nothing comes twice. The daemon picks what it lists, this end what it follows, by one test.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cli.h"
#include "clock.h"
#include "flow_pick.h"
#include "service.h"
#include "str.h"
#include "verdict.h"

enum { LAST_DEFAULT = 20, LAST_MAX = 1000, CELL_BYTES = 64 };

enum column { COL_TIME, COL_STATE, COL_VERDICT, COL_PROTO, COL_SOURCE, COL_DESTINATION,
	COL_PACKETS, COL_BYTES, COL_RULE, COL_SEGMENT, COL__COUNT };

struct flows {
	struct cli *cli;
	struct flow_pick pick;
	struct str path;
	size_t width[COL__COUNT];
	bool following, headed;
};

static const struct {
	const char *name;
	uint8_t width;			/* at least */
	bool right;
} columns[COL__COUNT] = {
	[COL_TIME] = { "TIME", 12, false }, [COL_STATE] = { "STATE", 7, false },
	[COL_VERDICT] = { "VERDICT", 12, false }, [COL_PROTO] = { "PROTO", 5, false },
	[COL_SOURCE] = { "SOURCE", 19, false }, [COL_DESTINATION] = { "DESTINATION", 19, false },
	[COL_PACKETS] = { "PACKETS", 9, true }, [COL_BYTES] = { "BYTES", 13, true },
	[COL_RULE] = { "RULE", 12, false }, [COL_SEGMENT] = { "SEGMENT", 7, false }
};

/* --- what is asked for --- */

static void
add_escaped(struct str *s, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    strchr("-._~/:", c) != NULL)
			str_add_bytes(s, text, 1);
		else
			str_addf(s, "%%%02X", c);
	}
}

static enum rc
asked(struct flows *f, struct diag *diag)
{
	static const struct {
		enum opt_id id;
		const char *name;
	} parts[] = { { OPT_FROM, "from" }, { OPT_TO, "to" }, { OPT_VERDICT, "verdict" },
		{ OPT_PROTO, "proto" }, { OPT_PORT, "port" }, { OPT_SEGMENT, "segment" },
		{ OPT_SINCE, "since" } };
	const struct opts *o = &f->cli->opts;
	uint32_t last = LAST_DEFAULT;
	enum rc rc = opt_has(o, OPT_LAST) ?
	    opt_number(o, OPT_LAST, 1, LAST_MAX, &last, diag) : RC_OK;

	str_addf(&f->path, "/v1/flows?limit=%" PRIu32, last);
	for (size_t i = 0; rc == RC_OK && i < ARRAY_LEN(parts); i++) {
		if (!opt_has(o, parts[i].id))
			continue;
		rc = flow_pick_set(&f->pick, parts[i].name, o->value[parts[i].id],
		    clock_wall_ns(), diag);
		str_addf(&f->path, "&%s=", parts[i].name);
		add_escaped(&f->path, o->value[parts[i].id]);
	}
	return rc == RC_OK && f->path.failed ? RC_NOMEM : rc;
}

/* --- the table --- */

static void
end_text(yyjson_val *o, const char *addr, const char *port, char out[CELL_BYTES])
{
	const char *ip = ask_str(yyjson_obj_get(o, "IP"), addr);
	yyjson_val *key, *l4, *n;
	yyjson_obj_iter it;

	yyjson_obj_iter_init(yyjson_obj_get(o, "l4"), &it);
	key = yyjson_obj_iter_next(&it);
	l4 = key != NULL ? yyjson_obj_iter_get_val(key) : NULL;
	n = yyjson_obj_get(l4, port);
	if (n == NULL)
		(void)snprintf(out, CELL_BYTES, "%s", ip);
	else
		(void)snprintf(out, CELL_BYTES, strchr(ip, ':') != NULL ? "[%s]:%" PRIu64 :
		    "%s:%" PRIu64, ip, yyjson_get_uint(n));
}

static const char *
verdict_glyph(const char *verdict)
{
	return strcmp(verdict, "pass") == 0 ? "+" : strcmp(verdict, "drop") == 0 ? "x" : "~";
}

static void
both_ways(yyjson_val *o, const char *key, char out[CELL_BYTES])
{
	yyjson_val *n = yyjson_obj_get(o, key);

	(void)snprintf(out, CELL_BYTES, "%" PRIu64 "/%" PRIu64, ask_uint(n, "forward"),
	    ask_uint(n, "reverse"));
}

static void
cells_fill(const struct flows *f, yyjson_val *o, char cells[COL__COUNT][CELL_BYTES])
{
	yyjson_val *policy = yyjson_obj_get(o, "policy");
	const char *time = ask_str(o, "time"), *end = ask_str(o, "end");
	const char *verdict = ask_str(o, "verdict");

	(void)snprintf(cells[COL_TIME], CELL_BYTES, "%.12s", time + MIN((size_t)11, strlen(time)));
	(void)snprintf(cells[COL_STATE], CELL_BYTES, "%s", end[0] != '\0' ? end :
	    f->following ? ask_str(o, "event") : "live");
	(void)snprintf(cells[COL_VERDICT], CELL_BYTES, "%s %s", verdict_glyph(verdict), verdict);
	(void)snprintf(cells[COL_PROTO], CELL_BYTES, "%s", ask_str(o, "proto"));
	end_text(o, "source", "source_port", cells[COL_SOURCE]);
	end_text(o, "destination", "destination_port", cells[COL_DESTINATION]);
	both_ways(o, "packets", cells[COL_PACKETS]);
	both_ways(o, "bytes", cells[COL_BYTES]);
	if (ask_str(policy, "file")[0] != '\0')
		(void)snprintf(cells[COL_RULE], CELL_BYTES, "%.48s:%" PRIu64,
		    ask_str(policy, "file"), ask_uint(policy, "line"));
	else
		(void)snprintf(cells[COL_RULE], CELL_BYTES, "(%s)", ask_str(policy, "reason"));
	(void)snprintf(cells[COL_SEGMENT], CELL_BYTES, "%.60s", ask_str(policy, "segment"));
}

static void
widths_fit(struct flows *f, yyjson_val *o)
{
	char cells[COL__COUNT][CELL_BYTES];

	cells_fill(f, o, cells);
	for (int i = 0; i < COL__COUNT; i++)
		f->width[i] = MAX(f->width[i], strlen(cells[i]));
}

static void
cell_print(const struct flows *f, int column, const char *text, const char *ink)
{
	int pad = column == COL_SEGMENT ? 0 : (int)(f->width[column] - MIN(strlen(text),
	    f->width[column]));

	printf("%s%*s%s%s%s%*s", column == 0 ? "" : "  ", columns[column].right ? pad : 0, "", ink,
	    text, ink[0] != '\0' ? cli_ink(f->cli, PLAIN) : "", columns[column].right ? 0 : pad,
	    "");
}

static void
head_print(struct flows *f)
{
	f->headed = true;
	if (f->cli->quiet)
		return;
	for (int i = 0; i < COL__COUNT; i++)
		cell_print(f, i, columns[i].name, cli_ink(f->cli, BOLD));
	printf("\n");
}

static void
flow_print(struct flows *f, yyjson_val *o)
{
	char cells[COL__COUNT][CELL_BYTES];

	cells_fill(f, o, cells);
	for (int i = 0; i < COL__COUNT; i++)
		f->width[i] = MAX(f->width[i], strlen(cells[i]));
	if (!f->headed)
		head_print(f);
	for (int i = 0; i < COL__COUNT; i++) {
		enum cli_color c = i == COL_VERDICT ? cli_verdict_color(ask_str(o, "verdict")) :
		    i == COL_RULE ? CYAN : i == COL_STATE || i == COL_TIME ? DIM : PLAIN;

		cell_print(f, i, cells[i], c != PLAIN ? cli_ink(f->cli, c) : "");
	}
	printf("\n");
}

static void
flow_show(struct flows *f, yyjson_val *o)
{
	char *text = f->cli->json ? yyjson_val_write(o, 0, NULL) : NULL;

	if (text != NULL)
		puts(text);
	else
		flow_print(f, o);
	free(text);
}

/* Oldest first, so that the end of the table is now. */
static void
list_show(struct flows *f, yyjson_val *root)
{
	yyjson_val *list = yyjson_obj_get(root, "flows");
	size_t count = yyjson_arr_size(list);

	for (size_t i = 0; i < count; i++)
		widths_fit(f, yyjson_arr_get(list, i));
	for (size_t i = count; i > 0; i--)
		flow_show(f, yyjson_arr_get(list, i - 1));
	if (count == 0 && !f->following && !f->cli->json && !f->cli->quiet)
		fprintf(stderr, "no such flow is known\n");
	else if (yyjson_obj_get(root, "next") != NULL && !f->cli->json && !f->cli->quiet)
		fprintf(stderr, "older ones are not shown: --last takes up to %d\n", LAST_MAX);
}

/* --- following --- */

static struct addr
addr_of(const char *text)
{
	struct addr a = { .family = 0 };

	if (!addr_parse(text, strlen(text), &a))
		a.family = 0;
	return a;
}

static uint8_t
proto_of(const char *name)
{
	char room[PROTO_TEXT_BYTES];

	for (unsigned n = 0; n < 256; n++)
		if (strcmp(name, proto_name((uint8_t)n, room)) == 0)
			return (uint8_t)n;
	return 0;
}

static bool
picked(const struct flows *f, yyjson_val *o)
{
	yyjson_val *ip = yyjson_obj_get(o, "IP"), *policy = yyjson_obj_get(o, "policy"), *key;
	struct flow_facts facts = { .live = strcmp(ask_str(o, "state"), "live") == 0,
		.proto = proto_of(ask_str(o, "proto")), .rule = (uint32_t)ask_uint(policy, "rule"),
		.line = (uint32_t)ask_uint(policy, "line"), .file = ask_str(policy, "file"),
		.segment = ask_str(policy, "segment"), .last_ns = f->pick.since_ns };
	yyjson_obj_iter it;

	while (facts.verdict < WIRE_VERDICT__COUNT &&
	    strcmp(verdict_name(facts.verdict), ask_str(o, "verdict")) != 0)
		facts.verdict++;
	facts.ends[FLOW_PICK_FROM] = addr_of(ask_str(ip, "source"));
	facts.ends[FLOW_PICK_TO] = addr_of(ask_str(ip, "destination"));
	yyjson_obj_iter_init(yyjson_obj_get(o, "l4"), &it);
	if ((key = yyjson_obj_iter_next(&it)) != NULL) {
		yyjson_val *l4 = yyjson_obj_iter_get_val(key);

		facts.ports[0] = (uint16_t)ask_uint(l4, "source_port");
		facts.ports[1] = (uint16_t)ask_uint(l4, "destination_port");
	}
	return flow_pick_takes(&f->pick, &facts);
}

static bool
follow_line(void *arg, const char *line, size_t len)
{
	struct flows *f = arg;
	yyjson_doc *doc = yyjson_read(line, len, 0);
	yyjson_val *o = yyjson_doc_get_root(doc), *lost = yyjson_obj_get(o, "lost_events");

	if (lost != NULL && f->cli->json)
		puts(line);
	else if (lost != NULL)
		printf("%s%" PRIu64 " lines lost: this reader was too slow%s\n",
		    cli_ink(f->cli, YELLOW), yyjson_get_uint(lost), cli_ink(f->cli, PLAIN));
	else if (yyjson_is_obj(o) && picked(f, o))
		flow_show(f, o);
	yyjson_doc_free(doc);
	return fflush(stdout) == 0;
}

static void
follow_begins(void *arg)
{
	const struct flows *f = arg;

	if (!f->cli->quiet)
		fprintf(stderr, "following\n");
}

static enum rc
follow(struct flows *f, struct client *c, uint64_t number, struct diag *d)
{
	const struct client_request r = { .method = "GET", .path = "/v1/flows/stream",
		.accept = "application/x-ndjson", .last_id = &number };
	struct client_answer a = { 0 };
	enum rc rc = client_stream(c, &r, follow_begins, follow_line, f, &a, d);

	if (rc == RC_OK && a.status >= 300)
		rc = ask_problem(&a, d);
	client_answer_fini(&a);
	return rc;
}

int
cmd_flows(struct cli *cli)
{
	struct flows f = { .cli = cli, .following = opt_has(&cli->opts, OPT_FOLLOW) };
	struct client *c = NULL;
	yyjson_doc *doc = NULL;
	struct diag d = { 0 };
	enum rc rc = asked(&f, &d);
	bool usage = rc == RC_INVALID;
	int code;

	for (int i = 0; i < COL__COUNT; i++)
		f.width[i] = columns[i].width;
	if (rc == RC_OK)
		rc = ask_open(cli, &c, &d);
	if (rc == RC_OK)
		rc = ask_once(c, "GET", str_text(&f.path), NULL, &doc, NULL, &d);
	if (rc == RC_OK)
		list_show(&f, yyjson_doc_get_root(doc));
	if (rc == RC_OK && f.following && fflush(stdout) == 0)
		rc = follow(&f, c, ask_uint(yyjson_doc_get_root(doc), "number"), &d);
	yyjson_doc_free(doc);
	client_close(&c);
	str_fini(&f.path);
	if (rc == RC_OK)
		return EXIT_GOOD;
	code = cli_fail(cli, rc, &d);
	return usage || strcmp(d.code, "usage") == 0 ? EXIT_USAGE : code;
}
