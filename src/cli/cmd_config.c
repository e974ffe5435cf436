/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_config - what the services' settings come to; and for the services, their file at work. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "config.h"
#include "config_lex.h"
#include "log.h"
#include "str.h"

static const char *const from_names[] = { [FROM_NOWHERE] = "not set", [FROM_DEFAULT] = "default",
	[FROM_FILE] = "file", [FROM_ENVIRONMENT] = "environment",
	[FROM_COMMAND_LINE] = "command line" };

/* What is wrong elsewhere in the file does not keep this service from its work: the NIC's start
 * must not hang on a slip in the daemon's section. What has no place is left to the caller. */
static enum rc
errors_of(const struct config *c, enum config_service s, struct diag *diag)
{
	diag_set(diag, "config", "the configuration of %s is refused", config_service_name(s));
	for (uint32_t i = 0; i < c->diags.count; i++) {
		const struct diag *d = &c->diags.items[i];

		if (d->line == 0)
			*diag = *d;
		else if (c->diag_of[i] == s || c->diag_of[i] == CONFIG_SERVICES)
			diag_print(d, stderr);
		else
			log_warn("config-ignored", "at=%s:%" PRIu32 ":%" PRIu32 " text=\"%s\"",
			    d->file, d->line, d->col, d->text);
	}
	return c->errors[s] + c->errors[CONFIG_SERVICES] > 0 ? RC_INVALID : RC_OK;
}

enum rc
cli_config(struct cli *cli, struct config *c, struct diag *diag)
{
	const char *name = cli->opts.verb->name;
	enum config_service s = config_service_find(name, strlen(name));
	enum rc rc = config_load(opt_value(&cli->opts, OPT_CONFIG, NULL), c);

	CHECK(s != CONFIG_SERVICES);
	if (rc != RC_OK && errors_of(c, s, diag) != RC_OK)
		return RC_INVALID;
	memset(diag, 0, sizeof(*diag));
	return config_merge(c, s, &cli->opts, NULL, diag);
}

/* What is wrong with the file; a file that cannot be read has no place. */
static void
errors_print(const struct cli *cli, enum rc rc, const struct config *c)
{
	if (!cli->json && c->diags.count == 1 && c->diags.items[0].file[0] == '\0')
		(void)cli_fail(cli, rc, &c->diags.items[0]);
	else
		cli_diags(cli, &c->diags);
}

/* --- show --- */

static void
value_print(const char *text)
{
	if (config_is_bare(text)) {
		printf("%s", text);
		return;
	}
	putchar('"');
	for (; *text != '\0'; text++)
		printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	putchar('"');
}

struct shown {
	const struct config *c;
	enum config_service service;
	const struct opts *o;
	const enum config_from *from;
	bool origin;
};

static const char *
value_of(const struct shown *w, enum opt_id id)
{
	if (!opt_has(w->o, id))
		return config_default(w->service, id);
	return opt_value_name(id) == NULL ? "yes" : w->o->value[id];
}

static void
key_print(const struct shown *w, enum opt_id id)
{
	const struct config_value *v = &w->c->values[w->service][id];
	const char *text = value_of(w, id);

	printf(text != NULL ? "%s = " : "# %s =", opt_name(id));
	if (text != NULL)
		value_print(text);
	if (w->origin && w->from[id] == FROM_FILE)
		printf("\t# %s:%" PRIu32, w->c->path, v->line);
	else if (w->origin)
		printf("\t# %s", from_names[w->from[id]]);
	printf("\n");
}

static void
key_json(const struct shown *w, enum opt_id id)
{
	const struct config_value *v = &w->c->values[w->service][id];
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc);
	const char *text = value_of(w, id);

	yyjson_mut_doc_set_root(doc, o);
	yyjson_mut_obj_add_str(doc, o, "service", config_service_name(w->service));
	yyjson_mut_obj_add_str(doc, o, "key", opt_name(id));
	if (text != NULL)
		yyjson_mut_obj_add_str(doc, o, "value", text);
	else
		yyjson_mut_obj_add_null(doc, o, "value");
	yyjson_mut_obj_add_str(doc, o, "origin", from_names[w->from[id]]);
	if (w->from[id] == FROM_FILE) {
		yyjson_mut_obj_add_str(doc, o, "file", w->c->path);
		yyjson_mut_obj_add_uint(doc, o, "line", v->line);
	}
	yyjson_mut_obj_add_bool(doc, o, "reload", config_is_live(w->service, id));
	cli_json(doc);
}

struct merged {
	struct opts o;
	enum config_from from[OPT__COUNT];
};

/* What a service needs may be missing here: it is shown as not set. */
static enum rc
service_merge(const struct cli *cli, const struct config *c, enum config_service s,
    struct merged *out, struct diag *diag)
{
	enum rc rc;

	out->o = cli->opts;
	rc = config_merge(c, s, &out->o, out->from, diag);
	return rc != RC_OK && strstr(diag->text, " needs --") == NULL ? rc : RC_OK;
}

static void
service_show(const struct cli *cli, const struct config *c, enum config_service s,
    const struct merged *m)
{
	struct shown w = { .c = c, .service = s, .o = &m->o, .from = m->from,
		.origin = opt_has(&cli->opts, OPT_ORIGIN) };
	uint64_t keys = config_keys(s);

	if (!cli->json)
		printf("[%s]\n", config_service_name(s));
	for (int i = 0; i < OPT__COUNT; i++)
		if ((keys & (UINT64_C(1) << i)) != 0)
			(cli->json ? key_json : key_print)(&w, (enum opt_id)i);
}

/* Nothing is printed before all of it is known to be good. */
static enum rc
services_show(const struct cli *cli, const struct config *c, enum config_service only,
    struct diag *diag)
{
	static struct merged merged[CONFIG_SERVICES];

	for (int s = 0; s < CONFIG_SERVICES; s++) {
		enum rc rc = only != CONFIG_SERVICES && s != (int)only ? RC_OK :
		    service_merge(cli, c, (enum config_service)s, &merged[s], diag);

		if (rc != RC_OK)
			return rc;
	}
	if (!cli->json && opt_has(&cli->opts, OPT_ORIGIN))
		printf("# %s, by %s\n", c->path[0] != '\0' ? c->path : "no file: " CONFIG_DEFAULT,
		    from_names[c->path_from]);
	for (int s = 0; s < CONFIG_SERVICES; s++)
		if (only == CONFIG_SERVICES || s == (int)only)
			service_show(cli, c, (enum config_service)s, &merged[s]);
	return RC_OK;
}

/* Options that no service shown has. */
static enum rc
options_check(const struct cli *cli, enum config_service only, struct diag *diag)
{
	uint64_t own = OPT_GLOBAL | OPT_BIT(CONFIG) | OPT_BIT(ORIGIN) | OPT_BIT(JSON);
	uint64_t may = own | (only != CONFIG_SERVICES ? config_keys(only) : 0);

	for (int i = 0; i < OPT__COUNT; i++)
		if ((cli->opts.set & ~may & (UINT64_C(1) << i)) != 0) {
			diag_set(diag, "usage", only == CONFIG_SERVICES ?
			    "config show --%s needs the name of the service" :
			    "--%s is no option of that service", opt_name((enum opt_id)i));
			return RC_INVALID;
		}
	return RC_OK;
}

static int
show(struct cli *cli)
{
	const char *name = cli->opts.arg_count > 1 ? cli->opts.args[1] : NULL;
	enum config_service only = name == NULL ? CONFIG_SERVICES :
	    config_service_find(name, strlen(name));
	struct diag d = { 0 };
	struct config c;
	enum rc rc = RC_OK;

	if (name != NULL && only == CONFIG_SERVICES) {
		diag_set(&d, "usage", "config show %.32s: it is nic or run", name);
		rc = RC_INVALID;
	}
	if (rc == RC_OK)
		rc = options_check(cli, only, &d);
	if (rc != RC_OK) {
		(void)cli_fail(cli, rc, &d);
		return EXIT_USAGE;
	}
	rc = config_load(opt_value(&cli->opts, OPT_CONFIG, NULL), &c);
	if (rc != RC_OK) {
		errors_print(cli, rc, &c);
		config_fini(&c);
		return EXIT_FAILED;
	}
	rc = services_show(cli, &c, only, &d);
	config_fini(&c);
	if (rc == RC_OK)
		return EXIT_GOOD;
	(void)cli_fail(cli, rc, &d);
	return EXIT_USAGE;
}

static int
check(struct cli *cli)
{
	const char *path = cli->opts.arg_count > 1 ? cli->opts.args[1] :
	    opt_value(&cli->opts, OPT_CONFIG, NULL);
	struct config c;
	enum rc rc = config_load(path, &c);

	errors_print(cli, rc, &c);
	if (rc == RC_OK && c.path[0] == '\0' && !cli->quiet)
		fprintf(stderr, "there is no %s: all is as by default\n", CONFIG_DEFAULT);
	config_fini(&c);
	return rc == RC_OK ? EXIT_GOOD : EXIT_FAILED;
}

int
cmd_config(struct cli *cli)
{
	static const char *const verbs[] = { "show", "check" };
	const char *verb = cli->opts.args[0], *near;
	struct diag d = { 0 };

	if (strcmp(verb, verbs[0]) == 0)
		return show(cli);
	if (strcmp(verb, verbs[1]) == 0)
		return check(cli);
	diag_set(&d, "usage", "config %.32s: show or check", verb);
	near = str_nearest(verb, verbs, ARRAY_LEN(verbs));
	if (near != NULL)
		diag_hint(&d, "did you mean %s?", near);
	(void)cli_fail(cli, RC_INVALID, &d);
	return EXIT_USAGE;
}
