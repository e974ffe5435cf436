/* SPDX-License-Identifier: Apache-2.0 */
/* cli - output, colour, exit codes. */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "diag_json.h"
#include "pcap.h"
#include "profile.h"
#include "str.h"

enum { PROGRESS_AFTER_MS = 1000, PROGRESS_EVERY_MS = 10000 };

static bool
env_set(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && v[0] != '\0';
}

/* NO_COLOR and CLICOLOR_FORCE as their conventions say; the option wins over both. */
static bool
color_wanted(const char *when, int fd)
{
	const char *term = getenv("TERM");

	if (strcmp(when, "always") == 0)
		return true;
	if (strcmp(when, "never") == 0 || env_set("NO_COLOR"))
		return false;
	if (env_set("CLICOLOR_FORCE") && strcmp(getenv("CLICOLOR_FORCE"), "0") != 0)
		return true;
	return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

enum rc
cli_begin(struct cli *cli, struct diag *diag)
{
	const char *when = opt_value(&cli->opts, OPT_COLOR, "auto");

	if (strcmp(when, "auto") != 0 && strcmp(when, "always") != 0 &&
	    strcmp(when, "never") != 0) {
		diag_set(diag, "usage", "--color %.32s: auto, always or never", when);
		return RC_INVALID;
	}
	cli->json = opt_has(&cli->opts, OPT_JSON);
	cli->quiet = opt_has(&cli->opts, OPT_QUIET);
	cli->color = !cli->json && color_wanted(when, STDOUT_FILENO);
	cli->talk_color = color_wanted(when, STDERR_FILENO);
	cli->since_ns = clock_mono_ns();
	return RC_OK;
}

/* A flat switch. */
int
cli_exit(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return EXIT_GOOD;
	case RC_DENIED:
		return EXIT_DENIED;
	case RC_PEER:
	case RC_TIMEOUT:
	case RC_AGAIN:
		return EXIT_UNREACHABLE;
	case RC_CONFLICT:
	case RC_STALE:
		return EXIT_CONFLICT;
	default:
		return EXIT_FAILED;
	}
}

int
cli_fail(const struct cli *cli, enum rc rc, const struct diag *d)
{
	const char *red = cli->talk_color ? "\033[31m" : "";
	const char *off = cli->talk_color ? "\033[0m" : "";
	char place[32] = "";

	if (d->file[0] != '\0' && d->line != 0)
		(void)snprintf(place, sizeof(place), ":%" PRIu32 ":%" PRIu32, d->line, d->col);
	if (d->level == DIAG_NONE)
		fprintf(stderr, "ringfence: %serror%s: %s\n", red, off, rc_name(rc));
	else
		fprintf(stderr, "ringfence: %s%s%s%serror%s %s: %s\n", d->file, place,
		    d->file[0] != '\0' ? ": " : "", red, off, d->code, d->text);
	if (d->hint[0] != '\0')
		fprintf(stderr, "    hint: %s\n", d->hint);
	return cli_exit(rc);
}

int
cli_end(const struct cli *cli, int code)
{
	struct diag d = { 0 };

	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (errno == EPIPE)
		return code;	/* who reads has seen enough */
	diag_set(&d, "output", "standard output: %s", strerror(errno));
	return cli_fail(cli, RC_IO, &d);
}

const char *
cli_ink(const struct cli *cli, enum cli_color c)
{
	static const char *const codes[] = { [PLAIN] = "\033[0m", [BOLD] = "\033[1m",
		[DIM] = "\033[2m", [RED] = "\033[31m", [GREEN] = "\033[32m",
		[YELLOW] = "\033[33m", [CYAN] = "\033[36m" };

	return cli->color ? codes[c] : "";
}

enum cli_color
cli_verdict_color(const char *verdict)
{
	return strcmp(verdict, "pass") == 0 ? GREEN : strcmp(verdict, "drop") == 0 ? RED : YELLOW;
}

void
cli_progress(void *arg, const char *what)
{
	struct cli *cli = arg;
	uint64_t ms = (clock_mono_ns() - cli->since_ns) / NS_PER_MS;

	if (cli->quiet || ms < (cli->told ? PROGRESS_EVERY_MS : PROGRESS_AFTER_MS))
		return;
	fprintf(stderr, "ringfence: %s ...\n", what);
	cli->told = true;
	cli->since_ns = clock_mono_ns();
}

void
cli_json(yyjson_mut_doc *doc)
{
	size_t len;
	char *text = doc == NULL ? NULL : yyjson_mut_write(doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE,
	    &len);

	CHECK(text != NULL);	/* memory */
	fwrite(text, 1, len, stdout);
	fputc('\n', stdout);
	free(text);
	yyjson_mut_doc_free(doc);
}

void
cli_diags(const struct cli *cli, const struct diags *ds)
{
	if (!cli->json && !cli->quiet) {
		diags_print(ds, stderr);
		return;
	}
	for (uint32_t i = 0; i < ds->count; i++) {
		yyjson_mut_doc *doc;

		if (!cli->json) {
			if (ds->items[i].level == DIAG_ERROR)
				diag_print(&ds->items[i], stderr);
			continue;
		}
		doc = yyjson_mut_doc_new(NULL);
		yyjson_mut_doc_set_root(doc, diag_json(doc, &ds->items[i]));
		cli_json(doc);
	}
}

/* "all", "none", or names with commas between. */
static enum rc
passes_parse(const char *text, unsigned *out, struct diag *d)
{
	*out = strcmp(text, "all") == 0 ? POL_PASS_ALL : 0;
	if (*out != 0 || strcmp(text, "none") == 0)
		return RC_OK;
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ","), i = 0;
		const char *near;
		char word[32];

		(void)snprintf(word, sizeof(word), "%.*s", (int)MIN(len, sizeof(word) - 1), p);
		while (i < POL_PASS_COUNT && strcmp(word, pol_pass_names[i]) != 0)
			i++;
		if (i == POL_PASS_COUNT) {
			diag_set(d, "usage", "no pass is called '%s'", word);
			near = str_nearest(word, pol_pass_names, POL_PASS_COUNT);
			if (near != NULL)
				diag_hint(d, "did you mean %s?", near);
			else
				diag_hint(d, "passes are dedupe, shadow, merge, aggregate, fold; "
				    "or all, or none");
			return RC_INVALID;
		}
		*out |= 1u << i;
		p += len;
		if (*p == '\0')
			return RC_OK;
	}
}

static enum rc
example_write(const char *path, const uint8_t *frame, size_t len, struct diag *d)
{
	struct pcap_writer *w;
	struct diag ignored = { 0 };
	enum rc rc = pcap_writer_open(path, &w, d), closed;

	if (rc != RC_OK)
		return rc;
	rc = pcap_writer_add(w, 0, frame, (uint32_t)len, (uint32_t)len, d);
	closed = pcap_writer_close(&w, rc == RC_OK ? d : &ignored);
	return rc == RC_OK ? closed : rc;
}

void
cli_example(const struct cli *cli, const uint8_t *frame, size_t len)
{
	const char *path = opt_value(&cli->opts, OPT_COUNTEREXAMPLE, NULL);
	struct diag d = { 0 };

	if (path != NULL && len > 0 && example_write(path, frame, len, &d) != RC_OK)
		(void)cli_fail(cli, RC_IO, &d);
}

enum rc
cli_profile(const struct cli *cli, struct image_profile *out, struct diag *diag)
{
	const char *text = opt_value(&cli->opts, OPT_PROFILE, "0,0");

	if (opt_pair(text, PROFILE_MAX, &out->lines, &out->loads))
		return RC_OK;
	diag_set(diag, "usage", "--profile %.32s: %s", text, PROFILE_WANT);
	return RC_INVALID;
}

enum rc
cli_compile(struct cli *cli, const char *dir, struct compile_result *out, int *exit_code)
{
	struct compile *c = NULL;
	struct diag d = { 0 };
	struct image_profile profile;
	unsigned passes;
	enum rc rc = passes_parse(opt_value(&cli->opts, OPT_PASSES, "all"), &passes, &d);

	if (rc == RC_OK)
		rc = cli_profile(cli, &profile, &d);
	memset(out, 0, sizeof(*out));
	if (rc != RC_OK) {
		(void)cli_fail(cli, rc, &d);
		*exit_code = EXIT_USAGE;
		return rc;
	}
	rc = compile_start(dir, &c);
	if (rc == RC_OK)
		compile_passes(c, passes);
	if (rc == RC_OK)
		rc = compile_wait(c, cli_progress, cli, out);
	compile_destroy(&c);
	if (rc != RC_OK) {
		diag_set(&d, "compile", "the compiler cannot run: %s", rc_name(rc));
		*exit_code = cli_fail(cli, rc, &d);
		return rc;
	}
	if (out->rc == RC_OK)
		out->rc = profile_fits(out->image, &out->symbols, &profile, &d);
	if (out->rc == RC_LIMIT && d.level != DIAG_NONE) {
		out->no_fit = true;
		diags_add(&out->diags, &d);
	}
	cli_diags(cli, &out->diags);
	cli_example(cli, out->example, out->example_len);
	*exit_code = out->rc == RC_OK ? EXIT_GOOD : out->no_fit ? EXIT_NO_FIT : EXIT_FAILED;
	return out->rc;
}
