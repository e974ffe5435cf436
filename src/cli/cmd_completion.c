/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_completion - completions of bash, zsh and fish, out of the tables of verbs and options.
 *
 * What a value is stands in its name for people: kinds[] tells what each name completes to. A name
 * in lower case is the word itself, or words parted by bars; only the first argument counts.
 */
#include <ctype.h>
#include <string.h>

#include "cli.h"

enum kind { KIND_NONE, KIND_FILE, KIND_DIR, KIND_WORDS, KIND_VERB };

static const struct {
	const char *value;
	enum kind kind;
	const char *words;
} kinds[] = {
	{ "DIR", KIND_DIR, NULL },
	{ "FILE", KIND_FILE, NULL },
	{ "PATH", KIND_FILE, NULL },
	{ "PORT", KIND_WORDS, "dev: tap: pcap:" },
	{ "SHELL", KIND_WORDS, "bash zsh fish" },
	{ "VERB", KIND_VERB, NULL },
	{ "WHEN", KIND_WORDS, "auto always never" },
};

static const struct option {
	const char *name;
	char letter;
	const char *value, *help;
} options[OPT__COUNT] = {
#define X(id, n, l, v, h) [OPT_##id] = { .name = n, .letter = l, .value = v, .help = h },
	OPTIONS(X)
#undef X
};

/* *words is set for KIND_WORDS; value "[VERB]" is as "VERB". */
static enum kind
kind_of(const char *value, char words[static 64])
{
	size_t len = strlen(value);

	if (value[0] == '[' && len > 2) {
		value++;
		len -= 2;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strlen(kinds[i].value) == len && memcmp(kinds[i].value, value, len) == 0) {
			(void)snprintf(words, 64, "%s",
			    kinds[i].words != NULL ? kinds[i].words : "");
			return kinds[i].kind;
		}
	if (!islower((unsigned char)value[0]))
		return KIND_NONE;
	(void)snprintf(words, 64, "%.*s", (int)MIN(len, strcspn(value, " ")), value);
	for (char *p = words; *p != '\0'; p++)
		if (*p == '|')
			*p = ' ';
	return KIND_WORDS;
}

/* Text within single quotes; a backslash goes before each of special. */
static void
put_quoted(const char *text, const char *special)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'') {
			fputs("'\\''", stdout);
			continue;
		}
		if (strchr(special, *text) != NULL)
			putchar('\\');
		putchar(*text);
	}
}

static bool
in(uint64_t mask, int id)
{
	return (mask & (UINT64_C(1) << id)) != 0;
}

static uint64_t
options_of(const struct verb *v)
{
	return OPT_GLOBAL | (v != NULL ? v->options : OPT_BIT(VERSION) | OPT_ASK);
}

static void
put_verbs(void)
{
	for (size_t i = 0; i < cli_verb_count; i++)
		if (!cli_verbs[i].hidden)
			printf("%s%s", i > 0 ? " " : "", cli_verbs[i].name);
}

/* --- bash --- */

static void
bash_reply(enum kind kind, const char *words)
{
	switch (kind) {
	case KIND_NONE:
		printf("return ;;\n");
		break;
	case KIND_FILE:
	case KIND_DIR:
		printf("_ringfence_reply -%c; return ;;\n", kind == KIND_DIR ? 'd' : 'f');
		break;
	case KIND_WORDS:
		printf("_ringfence_reply -W '%s'; return ;;\n", words);
		break;
	case KIND_VERB:
		printf("_ringfence_reply -W '");
		put_verbs();
		printf("'; return ;;\n");
	}
}

static void
bash_option_names(uint64_t mask)
{
	for (int i = 0; i < OPT__COUNT; i++)
		if (in(mask, i)) {
			printf("--%s ", options[i].name);
			if (options[i].letter != 0)
				printf("-%c ", options[i].letter);
		}
}

/* "--policy" or "--output|-o" as a pattern of case. */
static void
bash_pattern(const struct option *o)
{
	printf("--%s", o->name);
	if (o->letter != 0)
		printf("|-%c", o->letter);
}

static void
bash_verb(const struct verb *v)
{
	char words[64];
	enum kind kind = v != NULL ? kind_of(v->args, words) : KIND_VERB;

	printf("\t%s)\n\t\tcase $cur in\n\t\t-*) _ringfence_reply -W '",
	    v != NULL ? v->name : "''");
	bash_option_names(options_of(v));
	printf("'; return ;;\n\t\t*) ");
	bash_reply(kind, words);
	printf("\t\tesac ;;\n");
}

static void
bash_print(void)
{
	char words[64];

	fputs("# bash completion of ringfence, made by `ringfence completion bash`.\n"
	    "# shellcheck shell=bash\n"
	    "_ringfence_reply() # -f | -d | -W WORDS\n{\n"
	    "\t[ \"$1\" = -W ] || compopt -o filenames 2>/dev/null\n"
	    "\tmapfile -t COMPREPLY < <(compgen \"$@\" -- \"$cur\")\n"
	    "\t[[ ${COMPREPLY[0]} != *: ]] || compopt -o nospace 2>/dev/null\n}\n\n"
	    "_ringfence()\n{\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb='' i\n\n"
	    "\tCOMPREPLY=()\n"
	    "\t# --name=value arrives as three words\n"
	    "\tif [ \"$cur\" = = ]; then\n\t\tcur=''\n"
	    "\telif [ \"$prev\" = = ] && [ \"$COMP_CWORD\" -gt 2 ]; then\n"
	    "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n\tfi\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tcase ${COMP_WORDS[i]} in\n\t\t=) i=$((i + 1)) ;;\n\t\t", stdout);
	for (int i = 0, first = 1; i < OPT__COUNT; i++)
		if (in(options_of(NULL), i) && options[i].value != NULL) {
			printf("%s", first ? "" : "|");
			bash_pattern(&options[i]);
			first = 0;
		}
	fputs(") [ \"${COMP_WORDS[i+1]}\" = = ] || i=$((i + 1)) ;;\n"
	    "\t\t-*) ;;\n\t\t*) verb=${COMP_WORDS[i]}; break ;;\n\t\tesac\n\tdone\n"
	    "\tcase $prev in\n", stdout);
	for (int i = 0; i < OPT__COUNT; i++)
		if (options[i].value != NULL) {
			printf("\t");
			bash_pattern(&options[i]);
			printf(") ");
			bash_reply(kind_of(options[i].value, words), words);
		}
	printf("\tesac\n\tcase $verb in\n");
	bash_verb(NULL);
	for (size_t i = 0; i < cli_verb_count; i++)
		if (!cli_verbs[i].hidden)
			bash_verb(&cli_verbs[i]);
	printf("\tesac\n}\n\ncomplete -F _ringfence ringfence\n");
}

/* --- zsh --- */

static void
zsh_action(enum kind kind, const char *words)
{
	switch (kind) {
	case KIND_NONE:
		printf(" ");
		break;
	case KIND_FILE:
		printf("_files");
		break;
	case KIND_DIR:
		printf("_files -/");
		break;
	case KIND_WORDS:
		printf("(");
		put_quoted(words, ":");
		printf(")");
		break;
	case KIND_VERB:
		printf("(");
		put_verbs();
		printf(")");
	}
}

static void
zsh_option(const struct option *o)
{
	char words[64];

	if (o->letter != 0)
		printf(" \\\n\t\t'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter,
		    o->value != NULL ? "+" : "", o->name, o->value != NULL ? "=" : "");
	else
		printf(" \\\n\t\t'--%s%s[", o->name, o->value != NULL ? "=" : "");
	put_quoted(o->help, "[]");
	printf("]");
	if (o->value != NULL) {
		printf(":%s:", o->value);
		zsh_action(kind_of(o->value, words), words);
	}
	printf("'");
}

static void
zsh_options(uint64_t mask)
{
	for (int i = 0; i < OPT__COUNT; i++)
		if (in(mask, i))
			zsh_option(&options[i]);
}

static void
zsh_verb(const struct verb *v)
{
	char words[64];
	enum kind kind = kind_of(v->args, words);

	printf("\t%s)\n\t\t_arguments -s", v->name);
	zsh_options(options_of(v));
	if (v->args[0] != '\0') {
		printf(" \\\n\t\t'1:");
		put_quoted(v->args, "[]:");
		printf(":");
		zsh_action(kind, words);
		printf("'");
	}
	printf(" ;;\n");
}

static void
zsh_print(void)
{
	printf("#compdef ringfence\n"
	    "# zsh completion of ringfence, made by `ringfence completion zsh`.\n"
	    "_ringfence()\n{\n"
	    "\tlocal curcontext=\"$curcontext\" state line\n"
	    "\tlocal -a verbs\n"
	    "\ttypeset -A opt_args\n\n"
	    "\tverbs=(\n");
	for (size_t i = 0; i < cli_verb_count; i++) {
		if (cli_verbs[i].hidden)
			continue;
		printf("\t\t'%s:", cli_verbs[i].name);
		put_quoted(cli_verbs[i].summary, "");
		printf("'\n");
	}
	printf("\t)\n\t_arguments -C");
	zsh_options(options_of(NULL));
	printf(" \\\n\t\t'1:VERB:->verb' '*::argument:->rest'\n"
	    "\tcase $state in\n"
	    "\tverb)\n\t\t_describe verb verbs\n\t\treturn ;;\n"
	    "\trest) ;;\n\t*)\n\t\treturn ;;\n\tesac\n"
	    "\tcase $words[1] in\n");
	for (size_t i = 0; i < cli_verb_count; i++)
		if (!cli_verbs[i].hidden)
			zsh_verb(&cli_verbs[i]);
	printf("\tesac\n}\n\n"
	    "if [ \"$funcstack[1]\" = _ringfence ]; then\n\t_ringfence \"$@\"\n"
	    "else\n\tcompdef _ringfence ringfence\nfi\n");
}

/* --- fish --- */

static void
fish_action(enum kind kind, const char *words)
{
	switch (kind) {
	case KIND_NONE:
		break;
	case KIND_FILE:
		printf(" -F");
		break;
	case KIND_DIR:
		printf(" -a '(__fish_complete_directories)'");
		break;
	case KIND_WORDS:
		printf(" -a '%s'", words);
		break;
	case KIND_VERB:
		printf(" -a '");
		put_verbs();
		printf("'");
	}
}

static void
fish_text(const char *text)
{
	printf(" -d '");
	for (; *text != '\0'; text++)
		printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
	printf("'\n");
}

static void
fish_verb(const struct verb *v)
{
	const char *name = v != NULL ? v->name : NULL;
	char when[96], words[64];

	if (name != NULL)
		(void)snprintf(when, sizeof(when), "__fish_seen_subcommand_from %s", name);
	else
		(void)snprintf(when, sizeof(when), "__fish_use_subcommand");
	for (int i = 0; i < OPT__COUNT; i++) {
		const struct option *o = &options[i];

		if (!in(options_of(v), i))
			continue;
		printf("complete -c ringfence -n '%s' -l %s", when, o->name);
		if (o->letter != 0)
			printf(" -s %c", o->letter);
		if (o->value != NULL) {
			enum kind kind = kind_of(o->value, words);

			printf(kind == KIND_FILE ? " -r" : " -x");
			fish_action(kind, words);
		}
		fish_text(o->help);
	}
	if (v == NULL || v->args[0] == '\0')
		return;
	printf("complete -c ringfence -n '%s'", when);
	fish_action(kind_of(v->args, words), words);
	fish_text(v->args);
}

static void
fish_print(void)
{
	printf("# fish completion of ringfence, made by `ringfence completion fish`.\n"
	    "complete -c ringfence -f\n");
	for (size_t i = 0; i < cli_verb_count; i++) {
		if (cli_verbs[i].hidden)
			continue;
		printf("complete -c ringfence -n __fish_use_subcommand -a %s", cli_verbs[i].name);
		fish_text(cli_verbs[i].summary);
	}
	fish_verb(NULL);
	for (size_t i = 0; i < cli_verb_count; i++)
		if (!cli_verbs[i].hidden)
			fish_verb(&cli_verbs[i]);
}

int
cmd_completion(struct cli *cli)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = { { "bash", bash_print }, { "zsh", zsh_print }, { "fish", fish_print } };
	struct diag d = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(shells); i++)
		if (strcmp(cli->opts.args[0], shells[i].shell) == 0) {
			shells[i].print();
			return EXIT_GOOD;
		}
	diag_set(&d, "usage", "completion %.32s: bash, zsh or fish", cli->opts.args[0]);
	(void)cli_fail(cli, RC_INVALID, &d);
	return EXIT_USAGE;
}
