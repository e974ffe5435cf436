/* SPDX-License-Identifier: Apache-2.0 */
/* Every frame is in exactly one of three totals; a sum that does not add up is a bug. */
#include "fw_count.h"

#include "fw_port.h"

static void
count_rule(struct fw *fw, uint16_t counter, uint32_t rule_id, uint32_t bytes)
{
	if (counter == WIRE_COUNTER_NONE || counter >= fw->cfg.counter_count)
		return;
	struct fw_counter *c = &fw->cfg.counters[counter];

	c->rule_id = rule_id;
	c->packets++;
	c->bytes += bytes;
}

void
fw_count_frame(struct fw *fw, const struct fw_verdict *v, uint32_t bytes)
{
	struct fw_stats *s = &fw->stats;

	FW_CHECK(v->verdict < WIRE_VERDICT__COUNT && v->reason < WIRE_REASON__COUNT);
	s->frames++;
	s->bytes += bytes;
	s->reasons[v->reason]++;
	*(v->verdict == WIRE_PASS ? &s->passed : v->verdict == WIRE_DROP ? &s->dropped :
	    &s->would_dropped) += 1;
	FW_CHECK(s->frames == s->passed + s->dropped + s->would_dropped);
	if (v->hop_count == 0)
		count_rule(fw, v->counter, v->rule_id, bytes);
	for (uint32_t i = 0; i < v->hop_count; i++)
		count_rule(fw, v->hops[i].counter, v->hops[i].rule_id, bytes);
}
