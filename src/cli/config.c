/* SPDX-License-Identifier: Apache-2.0 */
/* config - the file parsed, found, and put under the command line. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"
#include "config_lex.h"
#include "file.h"
#include "str.h"

struct parse {
	struct config *c;
	struct config_scan scan;
	enum config_service service;	/* CONFIG_SERVICES: before the first section */
	bool unknown_section;		/* keys in it say nothing more */
};

static void
found(struct config *c, enum config_service of, const struct diag *d)
{
	if (c->diags.count < DIAGS_MAX)
		c->diag_of[c->diags.count] = (uint8_t)of;
	diags_add(&c->diags, d);
	c->errors[of]++;
}

/* An error at the last word: text and hint are in d. */
static void
wrong(struct parse *p, struct diag *d)
{
	const struct config_scan *s = &p->scan;
	size_t n = 0;

	diag_place(d, p->c->path, s->line, config_col(s));
	for (const unsigned char *b = s->line_start; b < s->lim && *b != '\n' &&
	    n < sizeof(d->source) - 1; b++)
		d->source[n++] = (char)(*b < 0x20 || *b >= 0x7f ? *b == '\t' ? '\t' : '?' : *b);
	d->source[n] = '\0';
	found(p->c, p->service, d);
}

/* The scan stands at p->scan.start; what stands there is no part of any line. */
static void
wrong_token(struct parse *p, enum config_token t, const char *expected)
{
	struct diag d = { 0 };

	if (t == CONFIG_CONTROL && *p->scan.start == '\r') {
		diag_set(&d, "control-byte", "a carriage return");
		diag_hint(&d, "lines end with a line feed alone");
	} else if (t == CONFIG_CONTROL) {
		diag_set(&d, "control-byte", "control byte 0x%02x", *p->scan.start);
	} else if (t == CONFIG_UNCLOSED) {
		diag_set(&d, "quote", "a quote that is not closed on its line");
		diag_hint(&d, "within quotes \\\" is a quote and \\\\ a backslash; nothing else is "
		    "escaped");
	} else {
		diag_set(&d, "syntax", "expected %s", expected);
	}
	wrong(p, &d);
}

static void
section_take(struct parse *p)
{
	const char *const names[] = { config_service_name(CONFIG_NIC),
		config_service_name(CONFIG_RUN) };
	const struct config_scan *s = &p->scan;
	char word[33];
	const char *near;
	struct diag d = { 0 };

	p->service = config_service_find((const char *)s->start, s->len);
	p->unknown_section = p->service == CONFIG_SERVICES;
	if (!p->unknown_section)
		return;
	(void)snprintf(word, sizeof(word), "%.*s", (int)MIN(s->len, sizeof(word) - 1), s->start);
	near = str_nearest(word, names, ARRAY_LEN(names));
	diag_set(&d, "unknown-section", "unknown section [%s]: it is [nic] or [run]", word);
	if (near != NULL)
		diag_hint(&d, "did you mean [%s]?", near);
	wrong(p, &d);
}

/* OPT__COUNT: it is none, which was told. */
static enum opt_id
key_find(struct parse *p)
{
	const struct config_scan *s = &p->scan;
	const char *names[OPT__COUNT], *near;
	uint64_t keys = config_keys(p->service);
	struct diag d = { 0 };
	char word[65];
	size_t n = 0;

	for (int i = 0; i < OPT__COUNT; i++) {
		const char *name = opt_name((enum opt_id)i);

		if ((keys & (UINT64_C(1) << i)) == 0)
			continue;
		if (strlen(name) == s->len && memcmp(name, s->start, s->len) == 0)
			return (enum opt_id)i;
		names[n++] = name;
	}
	(void)snprintf(word, sizeof(word), "%.*s", (int)MIN(s->len, sizeof(word) - 1), s->start);
	near = str_nearest(word, names, n);
	diag_set(&d, "unknown-key", "unknown key %s of [%s]", word,
	    config_service_name(p->service));
	if (near != NULL)
		diag_hint(&d, "did you mean %s?", near);
	wrong(p, &d);
	return OPT__COUNT;
}

/* The bytes of the last value without their escapes. */
static char *
value_copy(const struct config_scan *s)
{
	char *out = malloc(s->len + 1);
	size_t n = 0;

	CHECK(out != NULL);	/* at most a file's size, at the start of a process */
	for (size_t i = 0; i < s->len; i++) {
		if (s->start[i] == '\\')
			i++;
		out[n++] = (char)s->start[i];
	}
	out[n] = '\0';
	return out;
}

static bool
value_good(struct parse *p, enum opt_id id, const char *value)
{
	const char *want = NULL;
	struct diag d = { 0 };

	if (value[0] == '\0')
		diag_set(&d, "bad-value", "%s has an empty value", opt_name(id));
	else if (strlen(value) > CONFIG_VALUE_BYTES_MAX)
		diag_set(&d, "too-long", "%s has %zu bytes; at most %d", opt_name(id),
		    strlen(value), CONFIG_VALUE_BYTES_MAX);
	else if (!config_form_check(id, value, &want))
		diag_set(&d, "bad-value", "%s is \"%.64s\"; it takes %s", opt_name(id), value,
		    want);
	else
		return true;
	wrong(p, &d);
	return false;
}

/* The key was read; true where the line's end is to be read. */
static bool
value_take(struct parse *p)
{
	struct config_scan key = p->scan;
	struct config_value *slot;
	struct diag d = { 0 };
	enum config_token t;
	enum opt_id id = p->unknown_section ? OPT__COUNT : key_find(p);

	t = config_next(&p->scan);
	if (t != CONFIG_EQUALS) {
		wrong_token(p, t, "= after the key");
		return false;
	}
	t = config_next_value(&p->scan);
	if (t != CONFIG_VALUE) {
		wrong_token(p, t, "a value after =");
		return false;
	}
	if (id == OPT__COUNT)
		return true;
	slot = &p->c->values[p->service][id];
	if (slot->text != NULL) {
		p->scan.start = key.start;
		diag_set(&d, "repeated-key", "%s is set twice, first in line %" PRIu32,
		    opt_name(id), slot->line);
		wrong(p, &d);
		return true;
	}
	slot->text = value_copy(&p->scan);
	slot->line = p->scan.line;
	slot->col = config_col(&p->scan);
	(void)value_good(p, id, slot->text);
	return true;
}

static void
line_take(struct parse *p, enum config_token t)
{
	struct diag d = { 0 };
	bool more = true;

	if (t == CONFIG_SECTION) {
		section_take(p);
	} else if (t == CONFIG_KEY && p->service == CONFIG_SERVICES && !p->unknown_section) {
		diag_set(&d, "no-section", "a key before the first section");
		diag_hint(&d, "write [nic] or [run] above it");
		wrong(p, &d);
		more = false;
	} else if (t == CONFIG_KEY) {
		more = value_take(p);
	} else {
		wrong_token(p, t, "a key, or a section as [run]");
		more = false;
	}
	if (more) {
		t = config_next_value(&p->scan);
		if (t == CONFIG_NEWLINE || t == CONFIG_END)
			return;
		wrong_token(p, t, "the end of the line: a value with blanks stands in quotes");
	}
	config_skip_line(&p->scan);
}

static void
bytes_check(struct parse *p, const uint8_t *text, size_t len)
{
	size_t at = utf8_check(text, len);
	struct config_scan *s = &p->scan;
	struct diag d = { 0 };

	if (at < len) {
		for (size_t i = 0; i < at; i++)
			if (text[i] == '\n') {
				s->line++;
				s->line_start = text + i + 1;
			}
		s->start = text + at;
		diag_set(&d, "encoding", "byte 0x%02x is no UTF-8", text[at]);
		wrong(p, &d);
	} else if (len > 0 && text[len - 1] != '\n') {
		for (size_t i = 0; i < len; i++)
			if (text[i] == '\n') {
				s->line++;
				s->line_start = text + i + 1;
			}
		s->start = text + len;
		diag_set(&d, "no-newline", "the last line has no newline at its end");
		diag_hint(&d, "the file may have been cut short");
		wrong(p, &d);
	}
}

enum rc
config_parse(const char *path, const void *text, size_t len, struct config *out)
{
	struct parse p = { .c = out, .service = CONFIG_SERVICES };
	enum config_token t;

	if (out->diags.items == NULL && !diags_init(&out->diags))
		return RC_NOMEM;
	(void)snprintf(out->path, sizeof(out->path), "%s", path);
	config_scan_init(&p.scan, text, len);
	bytes_check(&p, text, len);
	if (out->diags.errors > 0)
		return RC_INVALID;
	config_scan_init(&p.scan, text, len);
	while ((t = config_next(&p.scan)) != CONFIG_END)
		if (t != CONFIG_NEWLINE)
			line_take(&p, t);
	return out->diags.errors > 0 ? RC_INVALID : RC_OK;
}

enum rc
config_load(const char *path, struct config *out)
{
	const char *env = getenv(CONFIG_ENV);
	char real[PATH_MAX];
	struct diag d = { 0 };
	uint8_t *text = NULL;
	size_t len;
	enum rc rc;

	memset(out, 0, sizeof(*out));
	if (!diags_init(&out->diags))
		return RC_NOMEM;
	out->path_from = path != NULL ? FROM_COMMAND_LINE :
	    env != NULL && env[0] != '\0' ? FROM_ENVIRONMENT : FROM_DEFAULT;
	if (path == NULL)
		path = out->path_from == FROM_ENVIRONMENT ? env : CONFIG_DEFAULT;
	if (realpath(path, real) == NULL) {
		if (errno == ENOENT && out->path_from == FROM_DEFAULT)
			return RC_OK;
		rc = rc_from_errno(errno);
		diag_set(&d, "config", "%s: %s%s", path, strerror(errno),
		    out->path_from == FROM_ENVIRONMENT ? ", of " CONFIG_ENV : "");
	} else {
		rc = file_read(AT_FDCWD, real, CONFIG_FILE_BYTES_MAX, &text, &len, &d);
	}
	if (rc == RC_OK)
		rc = config_parse(path, text, len, out);
	else
		found(out, CONFIG_SERVICES, &d);
	free(text);
	return rc;
}

void
config_fini(struct config *c)
{
	for (int s = 0; s < CONFIG_SERVICES; s++)
		for (int i = 0; i < OPT__COUNT; i++)
			free(c->values[s][i].text);
	diags_fini(&c->diags);
	memset(c, 0, sizeof(*c));
}

enum rc
config_merge(const struct config *c, enum config_service service, struct opts *o,
    enum config_from *from, struct diag *diag)
{
	uint64_t keys = config_keys(service);

	for (int i = 0; i < OPT__COUNT; i++) {
		const struct config_value *v = &c->values[service][i];
		enum opt_id id = (enum opt_id)i;
		enum config_from f = FROM_COMMAND_LINE;
		const char *want;

		if ((keys & (UINT64_C(1) << i)) == 0)
			continue;
		if (opt_has(o, id)) {
			if (opt_value_name(id) != NULL &&
			    !config_form_check(id, o->value[i], &want)) {
				diag_set(diag, "usage", "--%s %.64s: it takes %s", opt_name(id),
				    o->value[i], want);
				return RC_INVALID;
			}
		} else if (v->text != NULL) {
			f = FROM_FILE;
			if (opt_value_name(id) != NULL || strcmp(v->text, "yes") == 0) {
				o->set |= UINT64_C(1) << i;
				o->value[i] = v->text;
			}
		} else {
			f = config_default(service, id) != NULL ? FROM_DEFAULT : FROM_NOWHERE;
		}
		if (from != NULL)
			from[i] = f;
	}
	return opt_required(config_verb(service), o, diag);
}
