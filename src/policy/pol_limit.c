/* SPDX-License-Identifier: Apache-2.0 */
/* pol_limit - which lines are to blame, and messages with a place. */
#include "pol_job.h"

#include <stdlib.h>
#include <string.h>

enum { LINES_NAMED = 4 };

void
pol_say(struct pol_job *j, struct diag *d, enum diag_level level, const struct pol_pos *pos)
{
	d->level = level;
	if (pos != NULL) {
		CHECK(pos->file < j->r->file_count);
		diag_place(d, j->r->files[pos->file], pos->line, MAX(pos->col, 1));
	}
	diags_add(j->diags, d);
}

/* Rules are in order of file and line, so those of one line stand together. */
void
pol_lines_heaviest(struct pol_job *j, const uint32_t *weights, char out[POL_LINES_TEXT_BYTES])
{
	struct { uint64_t weight; uint32_t rule; } best[LINES_NAMED] = { { 0, 0 } };
	const struct pol_rules *r = j->r;
	size_t at = 0;

	for (uint32_t i = 0; i < r->rule_count; ) {
		uint64_t sum = 0;
		uint32_t first = i;

		for (; i < r->rule_count && r->rules[i].pos.file == r->rules[first].pos.file &&
		    r->rules[i].pos.line == r->rules[first].pos.line; i++)
			sum += weights[i];
		for (size_t k = 0; k < LINES_NAMED; k++)
			if (sum > best[k].weight) {
				memmove(&best[k + 1], &best[k],
				    (LINES_NAMED - 1 - k) * sizeof(best[0]));
				best[k].weight = sum;
				best[k].rule = first;
				break;
			}
	}
	out[0] = '\0';
	for (size_t k = 0; k < LINES_NAMED && best[k].weight > 0; k++) {
		const struct pol_pos *p = &r->rules[best[k].rule].pos;
		int n = snprintf(out + at, POL_LINES_TEXT_BYTES - at, "%s%s:%u (%llu)",
		    k > 0 ? ", " : "", r->files[p->file], p->line,
		    (unsigned long long)best[k].weight);

		if (n < 0 || (size_t)n >= POL_LINES_TEXT_BYTES - at) {
			out[at] = '\0';
			return;
		}
		at += (size_t)n;
	}
}
