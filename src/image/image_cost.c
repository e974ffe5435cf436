/* SPDX-License-Identifier: Apache-2.0 */
/* image_cost - what a packet costs in a table: it follows from the header fields alone. */
#include "image_build.h"

void
image_half_cost(const struct wire_half *h, uint32_t *lines, uint32_t *loads)
{
	/* roots are read beside the half */
	uint32_t remote = h->remote_depth + (h->low_depth > 0 ? 1u + h->low_depth : 0u);
	uint32_t header = h->vlan_depth, sport = h->sport_depth, dport = h->dport_depth;

	header = (header > sport ? header : sport) + 1;
	header = (header > dport ? header : dport) + 2;
	*lines = 2 + remote + 1u + h->dport_depth + h->sport_depth + h->vlan_depth + 3u + 1 + 5;
	*loads = (remote > header ? remote : header) + 2;
}

void
image_body_cost(const uint8_t *body, uint32_t *lines, uint32_t *loads)
{
	*lines = *loads = 0;
	for (int dir = 0; dir < 2; dir++) {
		const struct wire_half *first = (const struct wire_half *)body + dir;
		const struct wire_half *more = (const struct wire_half *)(body +
		    (uint64_t)le32_get(first->next) * WIRE_LINE);
		uint32_t sum = 0, longest = 0;

		for (uint32_t i = 0; i < first->subs; i++) {
			uint32_t n, chain;

			image_half_cost(i == 0 ? first : more + (i - 1), &n, &chain);
			sum += n;
			longest = chain > longest ? chain : longest;
		}
		*lines = sum + 3 > *lines ? sum + 3 : *lines;
		*loads = longest + 3 > *loads ? longest + 3 : *loads;
	}
}
