/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_fuzz - any bytes as the text of a policy, with small budgets.
 * Holds:   it ends, with rules that pass every check or with an error that has a text; messages
 *          name lines that exist and hold no control characters; a second run says the same.
 */
#include <stdlib.h>
#include <string.h>

#include "pol_ctx.h"

enum { ARENA_BYTES_MAX = 32 << 20, INPUT_BYTES_MAX = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_diag(const struct diag *d, const uint8_t *data, size_t len)
{
	uint32_t lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n' || data[i] == '\r';
	CHECK(d->text[0] != '\0' && d->code[0] != '\0');
	CHECK(d->line <= lines || strcmp(d->file, POL_GUARD_FILE) == 0);
	CHECK(d->line == 0 || d->col > 0);
	for (const char *p = d->text; *p != '\0'; p++)
		CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
	for (const char *p = d->hint; *p != '\0'; p++)
		CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static enum rc
run(const uint8_t *data, size_t len, uint32_t *rules, char text[512])
{
	const struct pol_limits limits = { .bytes_max = 16 << 20, .instructions_max = 200000,
		.close = true };
	struct pol_source files[2] = { { "a.pol", data, len }, { "sub/b.pol", data, len } };
	struct pol_sources s = { files, 2 };
	struct pol_rules out;
	struct diags diags;
	struct arena arena;
	const char *broken;
	enum rc rc;

	if (!diags_init(&diags))
		abort();
	arena_init(&arena, ARENA_BYTES_MAX);
	rc = pol_eval_limited(&s, &limits, &arena, &out, &diags);
	CHECK((rc == RC_OK) == (diags.errors == 0));
	if (rc == RC_OK)
		CHECK(pol_rules_check(&out, &broken));
	for (uint32_t i = 0; i < diags.count; i++)
		check_diag(&diags.items[i], data, len);
	*rules = rc == RC_OK ? out.rule_count : 0;
	snprintf(text, 512, "%s", diags.count > 0 ? diags.items[0].text : "");
	arena_fini(&arena);
	diags_fini(&diags);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint32_t rules[2];
	char text[2][512];
	enum rc rc;

	if (len > INPUT_BYTES_MAX)
		return -1;
	rc = run(data, len, &rules[0], text[0]);
	CHECK(run(data, len, &rules[1], text[1]) == rc);
	CHECK(rules[0] == rules[1]);
	CHECK(strcmp(text[0], text[1]) == 0);
	return 0;
}
