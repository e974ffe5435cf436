/* SPDX-License-Identifier: Apache-2.0 */
/* pol_image - build, encode, check, prove; a refusal of the encoder is told in lines. */
#include "pol_image.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>

/* The encoder knows ids; people know lines. One line is named once. */
static void
heavy_place(const struct image_heavy *heavy, const struct image_symbols *s, struct diag *d)
{
	const struct image_symbol *named[IMAGE_HEAVY_MAX];
	char lines[sizeof(d->hint)];
	uint32_t n = 0;
	size_t at = 0;

	lines[0] = '\0';
	for (uint32_t i = 0; i < heavy->count; i++) {
		const struct image_symbol *y = image_symbol_find(s, heavy->rule_ids[i]);
		bool again = y == NULL;
		int more;

		for (uint32_t k = 0; k < n && !again; k++)
			again = named[k]->line == y->line && strcmp(named[k]->file, y->file) == 0;
		if (again)
			continue;
		more = snprintf(lines + at, sizeof(lines) - at, "%s%s:%u", n > 0 ? ", " : "",
		    y->file, y->line);
		if (more < 0 || (size_t)more >= sizeof(lines) - at) {
			lines[at] = '\0';
			break;
		}
		at += (size_t)more;
		named[n++] = y;
	}
	if (n == 0)
		return;
	diag_place(d, named[0]->file, named[0]->line, MAX(named[0]->col, 1u));
	diag_hint(d, "these lines multiply most: %s", lines);
}

static enum rc
fail(enum rc rc, struct diag *d, struct diags *diags)
{
	if (d->level == DIAG_NONE)
		diag_set(d, "image", "the tables cannot be built: %s", rc_name(rc));
	diags_add(diags, d);
	return rc;
}

static enum rc
pack(const struct pol_rules *r, unsigned passes, const struct image_reuse *before, struct arena *a,
    struct pol_image *out, struct diags *diags)
{
	struct image_heavy heavy = { .count = 0 };
	struct diag d = { .level = DIAG_NONE };
	enum rc rc;

	memset(out, 0, sizeof(*out));
	out->passes = passes;
	rc = pol_build(r, passes, a, &out->input, &out->symbols, diags);
	if (rc != RC_OK)
		return rc;
	out->step = POL_IMAGE_ENCODE;
	rc = image_encode_over(&out->input, before, &out->bytes, &out->len, &out->keys, &heavy, &d);
	if (rc != RC_OK) {
		heavy_place(&heavy, &out->symbols, &d);
		return fail(rc, &d, diags);
	}
	out->step = POL_IMAGE_CHECK;
	rc = image_check(out->bytes, out->len, &d);
	if (rc != RC_OK) {
		pol_image_fini(out);
		return fail(rc, &d, diags);
	}
	out->step = POL_IMAGE_PROVE;
	return RC_OK;
}

enum rc
pol_image_pack(const struct pol_rules *r, unsigned passes, struct arena *a, struct pol_image *out,
    struct diags *diags)
{
	return pack(r, passes, NULL, a, out, diags);
}

static bool
warned_before(const struct diags *diags, const char *file, const struct pol_pos *pos)
{
	for (uint32_t i = 0; i < diags->count; i++) {
		const struct diag *d = &diags->items[i];

		if (strcmp(d->code, "shadowed") == 0 && d->line == pos->line &&
		    d->col == MAX(pos->col, 1u) && strcmp(d->file, file) == 0)
			return true;
	}
	return false;
}

/* Rules that stand in a table and never decide there: the passes find those that one rule's ports
 * cover, the proof finds all. */
static void
warn_undecided(const struct pol_rules *r, const struct pol_image *p, struct diags *diags)
{
	for (uint32_t i = 0; i < r->rule_count; i++) {
		const struct pol_pos *pos = &r->rules[i].pos;
		const char *file = r->files[pos->file];
		struct diag d;

		if (p->proof.decides[i] || file[0] == '<' ||
		    image_symbol_find(&p->symbols, p->names.rule_ids[i]) == NULL ||
		    warned_before(diags, file, pos))
			continue;
		if (p->proof.instead[i] == UINT32_MAX) {
			diag_set(&d, "never-matches", "no packet can match this rule");
		} else {
			const struct pol_pos *by = &r->rules[p->proof.instead[i]].pos;

			diag_set(&d, "shadowed", "this rule never decides: others take all of its "
			    "packets first, among them %s:%u", r->files[by->file], by->line);
		}
		d.level = DIAG_WARNING;
		diag_place(&d, file, pos->line, MAX(pos->col, 1u));
		diags_add(diags, &d);
	}
}

enum rc
pol_image_prove(const struct pol_rules *r, struct arena *a, struct pol_image *p,
    struct diags *diags)
{
	struct diag d = { .level = DIAG_NONE };
	enum rc rc;

	CHECK(p->step == POL_IMAGE_PROVE && p->bytes != NULL);
	rc = pol_names_get(r, p->passes, a, &p->names);
	if (rc == RC_OK)
		rc = pol_prove(r, &p->names, p->bytes, p->len, a, &p->proof, &d);
	if (rc == RC_OK) {
		warn_undecided(r, p, diags);
		p->step = POL_IMAGE_DONE;
		return RC_OK;
	}
	if (rc != RC_CONFLICT)
		pol_image_fini(p);
	return fail(rc, &d, diags);
}

static enum rc
make(const struct pol_rules *r, unsigned passes, const struct image_reuse *before, struct arena *a,
    struct pol_image *out, struct diags *diags)
{
	enum rc rc = pack(r, passes, before, a, out, diags);
	uint64_t since_ns = clock_mono_ns();

	if (rc == RC_OK)
		rc = pol_image_prove(r, a, out, diags);
	out->prove_ns = clock_mono_ns() - since_ns;
	return rc;
}

enum rc
pol_image_make_over(const struct pol_rules *r, unsigned passes, const struct image_reuse *before,
    struct arena *a, struct pol_image *out, struct diags *diags)
{
	const struct diags said = *diags;
	enum rc rc = make(r, passes, before, a, out, diags);

	if (rc == RC_OK || out->keys.reused == 0)
		return rc;
	/* What was kept may be to blame: its messages are no news to the user. */
	pol_image_fini(out);
	diags->count = said.count;
	diags->errors = said.errors;
	diags->warnings = said.warnings;
	return make(r, passes, NULL, a, out, diags);
}

enum rc
pol_image_make(const struct pol_rules *r, unsigned passes, struct arena *a, struct pol_image *out,
    struct diags *diags)
{
	return make(r, passes, NULL, a, out, diags);
}

void
pol_image_fini(struct pol_image *p)
{
	free(p->bytes);
	image_keys_fini(&p->keys);
	p->bytes = NULL;
	p->len = 0;
}
