/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_policy - check, compile: policy work without a NIC. */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "cli.h"
#include "file.h"
#include "pol_bill.h"

enum { BILL_LINES_MAX = 40 };		/* of text; JSON has them all */

/* Whether the image fits what --profile grants. */
static void
profile_json(const struct cli *cli, const struct compile_result *r, yyjson_mut_doc *doc,
    yyjson_mut_val *o)
{
	struct image_profile p = { 0 };
	struct diag ignored = { 0 };
	yyjson_mut_val *v;

	if (!opt_has(&cli->opts, OPT_PROFILE) || cli_profile(cli, &p, &ignored) != RC_OK)
		return;
	v = yyjson_mut_obj_add_obj(doc, o, "profile");
	(void)yyjson_mut_obj_add_uint(doc, v, "lines_max", p.lines);
	(void)yyjson_mut_obj_add_uint(doc, v, "loads_max", p.loads);
	if (r->image != NULL)
		(void)yyjson_mut_obj_add_bool(doc, v, "fits", !r->no_fit);
}

/* With --json the last object: what came out. */
static void
outcome_json(const struct cli *cli, const struct compile_result *r, const char *output)
{
	char frame[2 * POL_EXAMPLE_BYTES_MAX + 1];
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc);
	char hex[SHA256_HEX];

	yyjson_mut_doc_set_root(doc, o);
	(void)yyjson_mut_obj_add_bool(doc, o, "ok", r->rc == RC_OK);
	(void)yyjson_mut_obj_add_uint(doc, o, "errors", r->diags.errors);
	(void)yyjson_mut_obj_add_uint(doc, o, "warnings", r->diags.warnings);
	if (r->rc == RC_OK) {
		hex_encode(r->sha256, SHA256_BYTES, hex);
		(void)yyjson_mut_obj_add_uint(doc, o, "tables", r->info.tables);
		(void)yyjson_mut_obj_add_uint(doc, o, "rules", r->info.rules);
		(void)yyjson_mut_obj_add_uint(doc, o, "counters", r->info.counters);
		(void)yyjson_mut_obj_add_uint(doc, o, "bytes", r->image_len);
		(void)yyjson_mut_obj_add_strcpy(doc, o, "sha256", hex);
		if (output != NULL)
			(void)yyjson_mut_obj_add_strcpy(doc, o, "output", output);
	} else {
		(void)yyjson_mut_obj_add_bool(doc, o, "no_fit", r->no_fit);
	}
	profile_json(cli, r, doc, o);
	hex_encode(r->example, r->example_len, frame);
	if (r->example_len > 0)
		(void)yyjson_mut_obj_add_str(doc, o, "counterexample", frame);
	cli_json(doc);
}

static void
outcome_print(const struct cli *cli, const struct compile_result *r, const char *output)
{
	char hex[SHA256_HEX];

	if (cli->json) {
		outcome_json(cli, r, output);
		return;
	}
	if (r->rc != RC_OK) {
		if (!cli->quiet)
			fprintf(stderr, "%" PRIu32 " error%s, %" PRIu32 " warning%s\n",
			    r->diags.errors, r->diags.errors == 1 ? "" : "s", r->diags.warnings,
			    r->diags.warnings == 1 ? "" : "s");
		return;
	}
	hex_encode(r->sha256, SHA256_BYTES, hex);
	printf("%sok%s: %" PRIu32 " tables, %" PRIu32 " rules, %" PRIu32 " counters, %zu bytes, "
	    "sha256 %.16s", cli_ink(cli, GREEN), cli_ink(cli, PLAIN), r->info.tables,
	    r->info.rules, r->info.counters, r->image_len, hex);
	if (r->diags.warnings > 0)
		printf(", %" PRIu32 " warning%s", r->diags.warnings,
		    r->diags.warnings == 1 ? "" : "s");
	if (output != NULL)
		printf(", in %s", output);
	printf("\n");
}

int
cmd_check(struct cli *cli)
{
	struct compile_result r;
	int code;
	enum rc rc;

	if (opt_has(&cli->opts, OPT_SOCKET) || opt_has(&cli->opts, OPT_REMOTE))
		return cmd_check_asked(cli);
	rc = cli_compile(cli, cli->opts.args[0], &r, &code);
	if (rc == r.rc)
		outcome_print(cli, &r, NULL);
	compile_result_fini(&r);
	return code;
}

static enum rc
output_write(struct compile_result *r, const char *path, struct diag *diag)
{
	char sym_path[PATH_MAX];
	uint8_t *text;
	size_t len;
	enum rc rc;

	if (snprintf(sym_path, sizeof(sym_path), "%s.sym", path) >= (int)sizeof(sym_path)) {
		diag_set(diag, "path-length", "the path is too long: %.64s...", path);
		return RC_LIMIT;
	}
	/* An image is no generation yet; the file says 1, as `judge` does. */
	r->symbols.generation = 1;
	rc = image_symbols_encode(&r->symbols, &r->arena, &text, &len);
	if (rc == RC_OK)
		rc = file_replace(sym_path, text, len, 0644, diag);
	if (rc == RC_OK)
		rc = file_replace(path, r->image, r->image_len, 0644, diag);
	return rc;
}

static enum rc
bill_print(const struct cli *cli, struct compile_result *r)
{
	struct pol_bill bill;
	enum rc rc = pol_bill_make(r->image, r->image_len, &r->symbols, &r->arena, &bill);

	return rc == RC_OK ? pol_bill_print(&bill, cli->json ? UINT32_MAX : BILL_LINES_MAX,
	    cli->json, stdout) : rc;
}

int
cmd_compile(struct cli *cli)
{
	const char *path = opt_value(&cli->opts, OPT_OUTPUT, NULL);
	bool bill = opt_has(&cli->opts, OPT_BILL);
	bool bounded = opt_has(&cli->opts, OPT_PROFILE);
	struct compile_result r;
	struct diag d = { 0 };
	int code;
	enum rc rc;

	if (path == NULL && !bill && !bounded) {
		diag_set(&d, "usage", "compile needs --output FILE, --bill or --profile");
		(void)cli_fail(cli, RC_INVALID, &d);
		return EXIT_USAGE;
	}
	rc = cli_compile(cli, cli->opts.args[0], &r, &code);
	if (rc == RC_OK) {
		if (path != NULL)
			rc = output_write(&r, path, &d);
		if (rc == RC_OK && bill)
			rc = bill_print(cli, &r);
		if (rc != RC_OK)
			code = cli_fail(cli, rc, &d);
	}
	if (rc == r.rc)
		outcome_print(cli, &r, path);
	if (rc == RC_OK && bounded && !cli->json)
		printf("fits profile %s\n", opt_value(&cli->opts, OPT_PROFILE, ""));
	compile_result_fini(&r);
	return code;
}
