/* SPDX-License-Identifier: Apache-2.0 */
/* image_cost - what a packet costs in a table: it follows from the header fields alone. */
#include "image_build.h"

/* The group table's header, a node a level, a leaf. */
uint32_t
image_groups_lines(const struct wire_groups *g)
{
	return 1 + (g->depth + 1u) * (g->key_bytes == 16 ? 2 : 1);
}

/* An axis: levels below the root, which is read beside the half, and a class. */
static uint32_t
axis_loads(uint8_t depth, le32 classes_at)
{
	return depth - 1u + (le32_get(classes_at) != 0);
}

void
image_half_cost(const struct wire_half *h, const struct wire_groups *g, uint32_t *lines,
    uint32_t *loads)
{
	uint32_t remote = h->remote_depth + (h->low_depth > 0 ? 1u + h->low_depth : 0u);
	uint32_t vlan = axis_loads(h->vlan_depth, h->vlan_at);
	uint32_t sport = axis_loads(h->sport_depth, h->sport_at);
	uint32_t dport = axis_loads(h->dport_depth, h->dport_at);
	uint32_t b = h->b_shift > 0 ? 2 : 1, m = h->m_shift > 0 ? 2 : 1;
	uint32_t head = MAX(MAX(vlan, sport), 1u) + 1;	/* the protocol's class is a load */
	uint32_t service = MAX(head, dport) + b;

	/* of the header, of four roots, of the protocol, of the first product */
	*lines = 2 + 4 + 1 + 1 + remote + vlan + sport + dport + b + m + (h->group != 0 ? 2 : 0);
	if (h->group != 0) {
		/* the set is looked for beside bucket and half; then gmap and X */
		remote = MAX(remote, g->depth + 1u) + 1;
	}
	*loads = MAX(remote, service) + m;
}

void
image_body_cost(const uint8_t *body, const struct wire_groups *g, uint32_t *lines, uint32_t *loads)
{
	*lines = *loads = 0;
	for (int dir = 0; dir < 2; dir++) {
		const struct wire_half *first = (const struct wire_half *)body + dir;
		const struct wire_half *more = (const struct wire_half *)(body +
		    (uint64_t)le32_get(first->next) * WIRE_LINE);
		uint32_t sum = first->group != 0 ? image_groups_lines(g) : 0, longest = 0;

		for (uint32_t i = 0; i < first->subs; i++) {
			uint32_t n, chain;

			image_half_cost(i == 0 ? first : more + (i - 1), g, &n, &chain);
			sum += n;
			longest = chain > longest ? chain : longest;
		}
		*lines = sum + 3 > *lines ? sum + 3 : *lines;
		*loads = longest + 3 > *loads ? longest + 3 : *loads;
	}
}
