/* SPDX-License-Identifier: Apache-2.0 */
/* diag - messages with a place, kept and printed. */
#include "diag.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void
diag_set(struct diag *d, const char *code, const char *fmt, ...)
{
	va_list ap;

	if (d == NULL)
		return;
	CHECK(code != NULL);
	CHECK(fmt != NULL);
	memset(d, 0, sizeof(*d));
	d->level = DIAG_ERROR;
	snprintf(d->code, sizeof(d->code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
}

void
diag_place(struct diag *d, const char *file, uint32_t line, uint32_t col)
{
	if (d == NULL)
		return;
	snprintf(d->file, sizeof(d->file), "%s", file == NULL ? "" : file);
	d->line = line;
	d->col = col;
}

void
diag_hint(struct diag *d, const char *fmt, ...)
{
	va_list ap;

	if (d == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(d->hint, sizeof(d->hint), fmt, ap);
	va_end(ap);
}

bool
diags_init(struct diags *ds)
{
	CHECK(ds != NULL);
	memset(ds, 0, sizeof(*ds));
	ds->items = calloc(DIAGS_MAX, sizeof(*ds->items));
	return ds->items != NULL;
}

void
diags_fini(struct diags *ds)
{
	if (ds == NULL)
		return;
	free(ds->items);
	memset(ds, 0, sizeof(*ds));
}

void
diags_add(struct diags *ds, const struct diag *d)
{
	CHECK(ds != NULL);
	CHECK(d->level == DIAG_WARNING || d->level == DIAG_ERROR);
	if (d->level == DIAG_ERROR)
		ds->errors++;
	else
		ds->warnings++;
	if (ds->count < DIAGS_MAX)
		ds->items[ds->count++] = *d;
}

void
diag_print(const struct diag *d, FILE *out)
{
	const char *level = d->level == DIAG_WARNING ? "warning" : "error";

	if (d->file[0] != '\0' && d->line != 0)
		fprintf(out, "%s:%" PRIu32 ":%" PRIu32 ": ", d->file, d->line, d->col);
	else if (d->file[0] != '\0')
		fprintf(out, "%s: ", d->file);
	fprintf(out, "%s %s: %s\n", level, d->code, d->text);
	if (d->source[0] != '\0') {
		fprintf(out, "    %s\n    ", d->source);
		for (uint32_t i = 1; i < d->col && i <= sizeof(d->source); i++)
			fputc(i <= strlen(d->source) && d->source[i - 1] == '\t' ? '\t' : ' ', out);
		fputs("^\n", out);
	}
	if (d->hint[0] != '\0')
		fprintf(out, "    hint: %s\n", d->hint);
}

void
diags_print(const struct diags *ds, FILE *out)
{
	for (uint32_t i = 0; i < ds->count; i++)
		diag_print(&ds->items[i], out);
	if (ds->errors + ds->warnings > ds->count)
		fprintf(out, "and %" PRIu32 " more messages\n",
		    ds->errors + ds->warnings - ds->count);
}
