/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_judge_asked - a capture judged by what a daemon enforces. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cli.h"
#include "http.h"
#include "str.h"

static enum rc
capture_read(const char *path, struct str *out, struct diag *diag)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
	char buf[65536];
	size_t n;
	enum rc rc = RC_OK;

	if (f == NULL) {
		diag_set(diag, "file", "cannot open %s: %s", path, strerror(errno));
		return rc_from_errno(errno);
	}
	while (rc == RC_OK && (n = fread(buf, 1, sizeof(buf), f)) > 0) {
		str_add_bytes(out, buf, n);
		if (out->len > HTTP_BODY_BYTES_MAX) {
			diag_set(diag, "too-long", "%s has more than %d bytes; --policy judges it "
			    "here", path, HTTP_BODY_BYTES_MAX);
			rc = RC_LIMIT;
		}
	}
	if (rc == RC_OK && ferror(f)) {
		diag_set(diag, "file", "cannot read %s: %s", path, strerror(errno));
		rc = RC_IO;
	}
	if (f != stdin)
		(void)fclose(f);
	return rc == RC_OK && out->failed ? RC_NOMEM : rc;
}

static void
verdict_print(const struct cli *cli, yyjson_val *o)
{
	const char *name = ask_str(o, "verdict");

	printf("%s%s%s %s", cli_ink(cli, cli_verdict_color(name)), name, cli_ink(cli, PLAIN),
	    ask_str(o, "reason"));
	if (ask_str(o, "file")[0] != '\0')
		printf("  %s%s:%" PRIu64 "%s  %s", cli_ink(cli, CYAN), ask_str(o, "file"),
		    ask_uint(o, "line"), cli_ink(cli, PLAIN), ask_str(o, "segment"));
	printf("\n");
}

/* One frame, and its hops below it. */
static void
line_print(const struct cli *cli, const char *line, size_t len)
{
	yyjson_doc *doc = yyjson_read(line, len, 0);
	yyjson_val *o = yyjson_doc_get_root(doc), *hop;
	yyjson_arr_iter it;

	if (yyjson_is_obj(o)) {
		printf("%7" PRIu64 "  %.15s  ", ask_uint(o, "frame"),
		    strlen(ask_str(o, "time")) > 26 ? ask_str(o, "time") + 11 : "-");
		verdict_print(cli, o);
		yyjson_arr_iter_init(yyjson_obj_get(o, "hops"), &it);
		while ((hop = yyjson_arr_iter_next(&it)) != NULL) {
			printf("         %-3s %-15s ", ask_str(hop, "direction"),
			    ask_str(hop, "local"));
			verdict_print(cli, hop);
		}
	}
	yyjson_doc_free(doc);
}

int
cmd_judge_asked(struct cli *cli)
{
	struct client_request r = { .method = "POST", .path = "/v1/judge",
		.accept = "application/x-ndjson", .type = "application/vnd.tcpdump.pcap" };
	struct client_answer a = { 0 };
	struct client *c = NULL;
	struct str capture = { 0 };
	struct diag d = { 0 };
	const char *p, *lf;
	int code = EXIT_GOOD;
	enum rc rc = capture_read(cli->opts.args[0], &capture, &d);

	r.body = str_text(&capture);
	r.body_len = capture.len;
	if (rc == RC_OK)
		rc = ask_open(cli, &c, &d);
	if (rc == RC_OK)
		rc = client_ask(c, &r, &a, &d);
	if (rc == RC_OK && a.status != 200)
		rc = ask_problem(&a, &d);
	if (rc == RC_OK && cli->json)
		fwrite(a.body, 1, a.body_len, stdout);
	for (p = a.body; rc == RC_OK && !cli->json && a.body_len > 0 &&
	    (lf = memchr(p, '\n', a.body_len - (size_t)(p - a.body))) != NULL; p = lf + 1)
		line_print(cli, p, (size_t)(lf - p));
	if (rc != RC_OK) {
		code = cli_fail(cli, rc, &d);
		if (strcmp(d.code, "usage") == 0)
			code = EXIT_USAGE;
	}
	client_answer_fini(&a);
	client_close(&c);
	str_fini(&capture);
	return code;
}
