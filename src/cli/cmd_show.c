/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_show - texts of policies: the built-in guard, and those that a daemon keeps. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "cli.h"
#include "pol.h"

/* What "show policy [GENERATION] [FILE]" names; generation 0 = what is enforced. */
struct shown {
	uint32_t generation;
	const char *file;		/* NULL = all */
};

static int
usage(const struct cli *cli, struct diag *d)
{
	(void)cli_fail(cli, RC_INVALID, d);
	return EXIT_USAGE;
}

static bool
generation_read(const char *text, uint32_t *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*out = (uint32_t)n;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && n > 0 && n <= UINT32_MAX;
}

/* A generation where it is all digits, else a file. */
static bool
shown_read(const struct opts *o, struct shown *out, struct diag *d)
{
	uint32_t at = 1;

	memset(out, 0, sizeof(*out));
	if (at < o->arg_count && o->args[at][strspn(o->args[at], "0123456789")] == '\0') {
		if (!generation_read(o->args[at], &out->generation)) {
			diag_set(d, "usage", "\"%.32s\" is no generation", o->args[at]);
			return false;
		}
		at++;
	}
	if (at < o->arg_count)
		out->file = o->args[at++];
	if (at == o->arg_count)
		return true;
	diag_set(d, "usage", "show policy takes a generation, then a file: \"%.32s\" is neither",
	    o->args[at]);
	return false;
}

/* As it is; towards a terminal no byte that such a one obeys. Others may have written the text. */
static void
text_print(const char *p, size_t len)
{
	bool terminal = isatty(STDOUT_FILENO) == 1;
	unsigned char before = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];
		bool obeyed = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ||
		    (before == 0xc2 && c < 0xa0);	/* C1 in UTF-8 */

		putchar(terminal && obeyed ? '?' : c);
		before = c;
	}
	if (len > 0 && p[len - 1] != '\n' && terminal)
		putchar('\n');
}

/* Several files have their names before them, as head(1) does it. */
static enum rc
files_print(const struct cli *cli, yyjson_val *root, const char *only, struct diag *d)
{
	yyjson_val *list = yyjson_obj_get(root, "files"), *f, *text;
	bool named = only == NULL && yyjson_arr_size(list) > 1;
	size_t shown = 0;
	yyjson_arr_iter it;

	yyjson_arr_iter_init(list, &it);
	while ((f = yyjson_arr_iter_next(&it)) != NULL) {
		if (only != NULL && strcmp(ask_str(f, "path"), only) != 0)
			continue;
		text = yyjson_obj_get(f, "text");
		if (named)
			printf("%s%s==> %s <==%s\n", shown > 0 ? "\n" : "", cli_ink(cli, BOLD),
			    ask_str(f, "path"), cli_ink(cli, PLAIN));
		text_print(ask_str(f, "text"), yyjson_get_len(text));
		shown++;
	}
	if (shown > 0 || only == NULL)
		return RC_OK;
	diag_set(d, "not-found", "generation %" PRIu64 " has no file %.200s",
	    ask_uint(root, "generation"), only);
	return RC_INVALID;
}

static int
show_policy(struct cli *cli)
{
	char path[64] = "/v1/policy", *text = NULL;
	struct client *c = NULL;
	yyjson_doc *doc = NULL;
	struct diag d = { 0 };
	struct shown s;
	int code = EXIT_GOOD;
	enum rc rc;

	if (!shown_read(&cli->opts, &s, &d))
		return usage(cli, &d);
	if (cli->json && s.file != NULL) {
		diag_set(&d, "usage", "--json prints all files of the generation");
		return usage(cli, &d);
	}
	if (s.generation != 0)
		(void)snprintf(path, sizeof(path), "/v1/generations/%" PRIu32 "/policy",
		    s.generation);
	rc = ask_open(cli, &c, &d);
	if (rc == RC_OK)
		rc = ask_once(c, "GET", path, &text, &doc, NULL, &d);
	if (rc == RC_OK && cli->json)
		fputs(text, stdout);
	else if (rc == RC_OK)
		rc = files_print(cli, yyjson_doc_get_root(doc), s.file, &d);
	if (rc != RC_OK) {
		code = cli_fail(cli, rc, &d);
		code = strcmp(d.code, "usage") == 0 ? EXIT_USAGE : code;
	}
	free(text);
	yyjson_doc_free(doc);
	client_close(&c);
	return code;
}

static int
show_guard(struct cli *cli)
{
	struct diag d = { 0 };
	const char *text;
	size_t len;

	if (cli->opts.arg_count > 1 || (cli->opts.set & ~OPT_GLOBAL) != 0) {
		diag_set(&d, "usage", "show guard takes nothing more");
		return usage(cli, &d);
	}
	text = pol_guard_text(&len);
	fwrite(text, 1, len, stdout);
	return EXIT_GOOD;
}

int
cmd_show(struct cli *cli)
{
	const char *what = cli->opts.args[0];
	struct diag d = { 0 };

	if (strcmp(what, "guard") == 0)
		return show_guard(cli);
	if (strcmp(what, "policy") == 0)
		return show_policy(cli);
	diag_set(&d, "usage", "show %.32s: it is guard or policy", what);
	return usage(cli, &d);
}
