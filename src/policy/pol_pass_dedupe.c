/* SPDX-License-Identifier: Apache-2.0 */
/* pol_pass_dedupe - rules that match the same packets: the first of the list stays. */
#include "pol_pass.h"

struct key {
	uint32_t dir, peer_id, service_id, vlan_id;	/* no padding: compared as bytes */
};

enum rc
pol_pass_dedupe(struct pol_job *j, struct pol_list *l)
{
	struct arena tmp;
	struct pol_intern seen;
	uint32_t *first = NULL;
	enum rc rc;

	arena_init(&tmp, j->scratch.cap_bytes);
	rc = pol_intern_init(&seen, &tmp, l->count);
	if (rc == RC_OK)
		first = arena_array(&tmp, l->count, sizeof(*first));
	if (rc == RC_OK && first == NULL)
		rc = RC_NOMEM;
	for (uint32_t i = 0; rc == RC_OK && i < l->count; i++) {
		const struct pol_item *it = l->items[i];
		struct key k = { it->rule.dir, it->peer_id, it->service_id, it->vlan_id };
		uint32_t before = seen.count, id;

		if (l->covered_by[i] != UINT32_MAX)
			continue;
		rc = pol_intern_add(&seen, &k, sizeof(k), &id);
		if (rc != RC_OK)
			break;
		if (id == before)
			first[id] = it->src;
		else
			l->covered_by[i] = first[id];
	}
	arena_fini(&tmp);
	return rc;
}
