/* SPDX-License-Identifier: Apache-2.0 */
/* opt - the tables at work. */
#include "opt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

enum { NAMES_MAX = 64 };

struct option {
	const char *name;
	char letter;
	const char *value;	/* NULL = takes none */
	const char *help;
};

static const struct option options[OPT__COUNT] = {
#define X(id, n, l, v, h) [OPT_##id] = { .name = n, .letter = l, .value = v, .help = h },
	OPTIONS(X)
#undef X
};

_Static_assert(OPT__COUNT <= 64, "options fit a mask");

/* Before the verb stands what every verb takes, --version, and whom to ask. */
static uint64_t
allowed(const struct verb *v)
{
	return OPT_GLOBAL | (v != NULL ? v->options : OPT_BIT(VERSION) | OPT_ASK);
}

static enum rc
unknown_option(const struct verb *v, const char *word, size_t len, struct diag *diag)
{
	const char *names[OPT__COUNT], *near;
	char name[65];
	size_t n = 0;

	for (int i = 0; i < OPT__COUNT; i++)
		if ((allowed(v) & (UINT64_C(1) << i)) != 0)
			names[n++] = options[i].name;
	snprintf(name, sizeof(name), "%.*s", (int)MIN(len, sizeof(name) - 1), word);
	near = str_nearest(name, names, n);
	diag_set(diag, "usage", "unknown option --%s%s%s", name, v != NULL ? " of " : "",
	    v != NULL ? v->name : "");
	if (near != NULL)
		diag_hint(diag, "did you mean --%s?", near);
	return RC_INVALID;
}

static enum rc
unknown_verb(const struct verb *verbs, size_t count, const char *word, struct diag *diag)
{
	const char *names[NAMES_MAX], *near;
	size_t n = 0;

	CHECK(count <= NAMES_MAX);
	for (size_t i = 0; i < count; i++)
		if (!verbs[i].hidden)
			names[n++] = verbs[i].name;
	near = str_nearest(word, names, n);
	diag_set(diag, "usage", "unknown verb %.64s", word);
	if (near != NULL)
		diag_hint(diag, "did you mean %s?", near);
	else
		diag_hint(diag, "ringfence help lists the verbs");
	return RC_INVALID;
}

/* What a parse stands at. */
struct parse {
	char *const *argv;
	int argc, at;
	struct opts *o;
	struct diag *diag;
};

static enum rc
take(struct parse *p, int id, const char *value, bool has_value)
{
	const struct option *opt = &options[id];

	if (opt->value == NULL && has_value) {
		diag_set(p->diag, "usage", "--%s takes no value", opt->name);
		return RC_INVALID;
	}
	if (opt->value != NULL && !has_value) {
		if (p->at + 1 >= p->argc) {
			diag_set(p->diag, "usage", "--%s needs a value: %s", opt->name, opt->value);
			return RC_INVALID;
		}
		value = p->argv[++p->at];
	}
	if (opt->value != NULL && value[0] == '\0') {
		diag_set(p->diag, "usage", "--%s has an empty value", opt->name);
		return RC_INVALID;
	}
	if ((p->o->set & (UINT64_C(1) << id)) != 0 && opt->value != NULL) {
		diag_set(p->diag, "usage", "--%s is given twice", opt->name);
		return RC_INVALID;
	}
	p->o->set |= UINT64_C(1) << id;
	p->o->value[id] = value;
	return RC_OK;
}

static enum rc
long_option(struct parse *p, const char *word)
{
	const char *eq = strchr(word, '=');
	size_t len = eq != NULL ? (size_t)(eq - word) : strlen(word);

	for (int i = 0; i < OPT__COUNT; i++)
		if (strlen(options[i].name) == len && memcmp(options[i].name, word, len) == 0 &&
		    (allowed(p->o->verb) & (UINT64_C(1) << i)) != 0)
			return take(p, i, eq != NULL ? eq + 1 : NULL, eq != NULL);
	return unknown_option(p->o->verb, word, len, p->diag);
}

static enum rc
short_option(struct parse *p, const char *word)
{
	for (int i = 0; i < OPT__COUNT; i++)
		if (options[i].letter != 0 && options[i].letter == word[0] &&
		    (allowed(p->o->verb) & (UINT64_C(1) << i)) != 0)
			return take(p, i, word + 1, word[1] != '\0');
	diag_set(p->diag, "usage", "unknown option -%.16s", word);
	return RC_INVALID;
}

static enum rc
argument(struct parse *p, const struct verb *verbs, size_t count, const char *word)
{
	struct opts *o = p->o;

	if (o->verb == NULL) {
		for (size_t i = 0; i < count; i++)
			if (strcmp(verbs[i].name, word) == 0) {
				o->verb = &verbs[i];
				return RC_OK;
			}
		return unknown_verb(verbs, count, word, p->diag);
	}
	if (o->arg_count >= o->verb->args_max || o->arg_count >= OPT_ARGS_MAX) {
		diag_set(p->diag, "usage", "%s: %.64s is one argument too many", o->verb->name,
		    word);
		return RC_INVALID;
	}
	o->args[o->arg_count++] = word;
	return RC_OK;
}

enum rc
opt_required(const struct verb *v, const struct opts *o, struct diag *diag)
{
	for (int i = 0; i < OPT__COUNT; i++)
		if ((v->required & ~o->set & (UINT64_C(1) << i)) != 0) {
			diag_set(diag, "usage", "%s needs --%s %s", v->name, options[i].name,
			    options[i].value);
			return RC_INVALID;
		}
	return RC_OK;
}

static enum rc
complete(const struct opts *o, struct diag *diag)
{
	const struct verb *v = o->verb;

	if ((o->set & (OPT_BIT(HELP) | OPT_BIT(VERSION))) != 0)
		return RC_OK;
	if (v == NULL) {
		diag_set(diag, "usage", "no verb");
		diag_hint(diag, "ringfence help lists the verbs");
		return RC_INVALID;
	}
	if (o->arg_count < v->args_min) {
		diag_set(diag, "usage", "%s needs %s", v->name, v->args);
		return RC_INVALID;
	}
	for (int i = 0; i < OPT__COUNT; i++)
		if ((o->set & ~(allowed(v) | OPT_BIT(VERSION)) & (UINT64_C(1) << i)) != 0)
			return unknown_option(v, options[i].name, strlen(options[i].name), diag);
	/* what a service needs may stand in its file */
	return (v->options & OPT_BIT(CONFIG)) != 0 ? RC_OK : opt_required(v, o, diag);
}

enum rc
opt_parse(const struct verb *verbs, size_t verb_count, int argc, char *const argv[],
    struct opts *out, struct diag *diag)
{
	struct parse p = { .argv = argv, .argc = argc, .o = out, .diag = diag };
	bool only_args = false;
	enum rc rc = RC_OK;

	memset(out, 0, sizeof(*out));
	for (p.at = 1; p.at < argc && rc == RC_OK; p.at++) {
		const char *word = argv[p.at];

		if (only_args || word[0] != '-' || word[1] == '\0')
			rc = argument(&p, verbs, verb_count, word);
		else if (strcmp(word, "--") == 0)
			only_args = true;
		else if (word[1] == '-')
			rc = long_option(&p, word + 2);
		else
			rc = short_option(&p, word + 1);
	}
	return rc == RC_OK ? complete(out, diag) : rc;
}

const char *
opt_name(enum opt_id id)
{
	return options[id].name;
}

const char *
opt_value_name(enum opt_id id)
{
	return options[id].value;
}

bool
opt_has(const struct opts *o, enum opt_id id)
{
	return (o->set & (UINT64_C(1) << id)) != 0;
}

const char *
opt_value(const struct opts *o, enum opt_id id, const char *dflt)
{
	return opt_has(o, id) ? o->value[id] : dflt;
}

enum rc
opt_number(const struct opts *o, enum opt_id id, uint32_t lo, uint32_t hi, uint32_t *out,
    struct diag *diag)
{
	const char *text = o->value[id];
	char *end;
	unsigned long long n;

	CHECK(opt_has(o, id) && text != NULL);
	n = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < lo || n > hi) {
		diag_set(diag, "usage", "--%s %.32s: a number of %" PRIu32 " to %" PRIu32,
		    options[id].name, text, lo, hi);
		return RC_INVALID;
	}
	*out = (uint32_t)n;
	return RC_OK;
}

bool
opt_pair(const char *text, uint32_t hi, uint32_t *first, uint32_t *second)
{
	uint32_t *out[2] = { first, second };

	for (int i = 0; i < 2; i++) {
		char *end;
		unsigned long long n = strtoull(text, &end, 10);

		if (text[0] < '0' || text[0] > '9' || *end != (i == 0 ? ',' : '\0') || n > hi)
			return false;
		*out[i] = (uint32_t)n;
		text = end + 1;
	}
	return true;
}

enum rc
opt_seconds(const struct opts *o, enum opt_id id, uint32_t hi, uint32_t *out, struct diag *diag)
{
	static const char units[] = "smh";
	static const uint32_t in_s[] = { 1, 60, 3600 };
	const char *text = o->value[id], *unit = NULL;
	char *end;
	unsigned long long n;

	CHECK(opt_has(o, id) && text != NULL);
	n = strtoull(text, &end, 10);
	if (*end != '\0' && end[1] == '\0')
		unit = strchr(units, *end);
	if (unit != NULL && n <= hi)
		n *= in_s[unit - units];
	if (text[0] < '0' || text[0] > '9' || (*end != '\0' && unit == NULL) || n < 1 || n > hi) {
		diag_set(diag, "usage", "--%s %.32s: 1 to %" PRIu32 " seconds, also as 90s, 5m or "
		    "1h", options[id].name, text, hi);
		return RC_INVALID;
	}
	*out = (uint32_t)n;
	return RC_OK;
}

static void
help_options(uint64_t mask, FILE *out)
{
	for (int i = 0; i < OPT__COUNT; i++) {
		const struct option *o = &options[i];
		char left[40];

		if ((mask & (UINT64_C(1) << i)) == 0)
			continue;
		if (o->letter != 0)
			snprintf(left, sizeof(left), "-%c, --%s%s%s", o->letter, o->name,
			    o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
		else
			snprintf(left, sizeof(left), "    --%s%s%s", o->name,
			    o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
		fprintf(out, "  %-22s %s\n", left, o->help);
	}
}

void
opt_help(const struct verb *verbs, size_t verb_count, FILE *out)
{
	fprintf(out, "usage: ringfence VERB [OPTION]... [ARGUMENT]...\n\n");
	for (size_t i = 0; i < verb_count; i++)
		if (!verbs[i].hidden)
			fprintf(out, "  %-10s %-7s %s\n", verbs[i].name, verbs[i].args,
			    verbs[i].summary);
	fprintf(out, "\nOptions of every verb:\n");
	help_options(OPT_GLOBAL | OPT_BIT(VERSION), out);
	fprintf(out, "\n`ringfence VERB --help` tells more; ringfence(1) all of it.\n");
}

void
opt_help_verb(const struct verb *v, FILE *out)
{
	fprintf(out, "usage: ringfence %s", v->name);
	if (v->args[0] != '\0')
		fprintf(out, " %s", v->args);
	for (int i = 0; i < OPT__COUNT; i++) {
		uint64_t bit = UINT64_C(1) << i;

		if ((v->options & bit) == 0)
			continue;
		fprintf(out, (v->required & bit) != 0 ? " --%s%s%s" : " [--%s%s%s]",
		    options[i].name, options[i].value != NULL ? " " : "",
		    options[i].value != NULL ? options[i].value : "");
	}
	fprintf(out, "\n\n%s.\n", v->summary);
	if (v->detail[0] != '\0')
		fprintf(out, "%s\n", v->detail);
	fprintf(out, "\n");
	help_options(v->options | OPT_GLOBAL, out);
}
