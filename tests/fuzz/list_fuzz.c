/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_fuzz - any bytes as the text of a list file, held against a slow reading of it.
 * Holds:   the same words in the same places; and as the file of a policy's list they are a set or
 *          errors that have a line.
 */
#include <stdlib.h>
#include <string.h>

#include "pol_ctx.h"
#include "pol_list.h"

enum { INPUT_BYTES_MAX = 16 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Byte by byte, a state and no look ahead: the words of one line at a time. */
static void
words_check(const uint8_t *data, size_t len)
{
	struct pol_list_scan s;
	struct pol_list_word w;
	uint32_t line = 1;
	size_t begin = 0;

	pol_list_scan_init(&s, data, len);
	for (size_t i = 0; i < len;) {
		unsigned on_line = 0;

		begin = i;
		while (i < len && data[i] != '\n' && data[i] != '\r') {
			size_t at = i;

			if (data[i] == '#' || data[i] == ';') {
				while (i < len && data[i] != '\n' && data[i] != '\r')
					i++;
				break;
			}
			if (data[i] == ' ' || data[i] == '\t') {
				i++;
				continue;
			}
			while (i < len && memchr(" \t\n\r#;", data[i], 6) == NULL)
				i++;
			CHECK(pol_list_next(&s, &w) == (on_line++ == 0 ? POL_LIST_ENTRY :
			    POL_LIST_SECOND));
			CHECK(w.text == (const char *)data + at && w.len == i - at);
			CHECK(w.line == line && w.col == at - begin + 1);
		}
		if (i < len && data[i] == '\r' && i + 1 < len && data[i + 1] == '\n')
			i++;
		i++;
		line++;
	}
	CHECK(pol_list_next(&s, &w) == POL_LIST_END);
}

static void
policy_check(const uint8_t *data, size_t len)
{
	static const char text[] = "list \"l\" { file = \"l\", max = 64, allow_empty = true }\n"
	    "segment \"s\" { members = \"10.0.0.1\", mode = \"enforce\", inbound { allow = tcp(1), "
	    "from = any - list \"l\" } }";
	const struct pol_limits limits = { .bytes_max = 16 << 20, .instructions_max = 200000,
		.close = true };
	struct pol_source files[2] = { { "a.pol", (const uint8_t *)text, sizeof(text) - 1 },
		{ "l", data, len } };
	struct pol_sources s = { files, 2 };
	struct pol_rules out;
	struct diags diags;
	struct arena arena;
	const char *broken;

	CHECK(diags_init(&diags));
	arena_init(&arena, 32 << 20);
	if (pol_eval_limited(&s, &limits, &arena, &out, &diags) == RC_OK)
		CHECK(diags.errors == 0 && pol_rules_check(&out, &broken));
	else
		CHECK(diags.errors > 0);
	for (uint32_t i = 0; i < diags.count; i++)
		CHECK(diags.items[i].line > 0 && diags.items[i].text[0] != '\0');
	arena_fini(&arena);
	diags_fini(&diags);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > INPUT_BYTES_MAX)
		return -1;
	words_check(data, len);
	policy_check(data, len);
	return 0;
}
