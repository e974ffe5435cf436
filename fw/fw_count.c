/* SPDX-License-Identifier: Apache-2.0 */
/* Every frame is in exactly one of three totals; a sum that does not add up is a bug. */
#include "fw_count.h"

#include "fw_match.h"
#include "fw_port.h"

static void
count_rule(struct fw *fw, uint16_t counter, uint32_t bytes)
{
	if (counter == WIRE_COUNTER_NONE || counter >= fw->cfg.counter_count)
		return;
	struct fw_counter *c = &fw->cfg.counters[counter];

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
		count_rule(fw, v->counter, bytes);
	for (uint32_t i = 0; i < v->hop_count; i++)
		count_rule(fw, v->hops[i].counter, bytes);
}

static uint32_t
slot_of(uint32_t rule_id)
{
	return (rule_id ^ rule_id >> 15) & (FW_COUNTER_HASH - 1);
}

/* The old counter of a rule, or counter_count. Half of the slots are free, so probing ends. */
static uint32_t
old_counter(const struct fw *fw, uint32_t rule_id)
{
	for (uint32_t at = slot_of(rule_id);; at = (at + 1) & (FW_COUNTER_HASH - 1)) {
		if (fw->counter_of[at] == 0)
			return fw->cfg.counter_count;
		if (fw->cfg.counters[fw->counter_of[at] - 1].rule_id == rule_id)
			return fw->counter_of[at] - 1u;
	}
}

static void
index_old(struct fw *fw)
{
	for (uint32_t i = 0; i < FW_COUNTER_HASH; i++)
		fw->counter_of[i] = 0;
	for (uint32_t i = 0; i < fw->cfg.counter_count; i++) {
		struct fw_counter *c = &fw->cfg.counters[i];

		c->next_packets = c->next_bytes = 0;
		c->next_rule_id = 0;
		if (c->rule_id == 0)
			continue;
		uint32_t at = slot_of(c->rule_id);

		while (fw->counter_of[at] != 0)
			at = (at + 1) & (FW_COUNTER_HASH - 1);
		fw->counter_of[at] = (uint16_t)(i + 1);
	}
}

static void
carry_action(struct fw *fw, const struct fw_action *a, bool keep)
{
	if (a->counter == WIRE_COUNTER_NONE || a->counter >= fw->cfg.counter_count)
		return;
	struct fw_counter *c = &fw->cfg.counters[a->counter];
	uint32_t old = keep ? old_counter(fw, a->rule_id) : fw->cfg.counter_count;

	if (c->next_rule_id == 0 || a->rule_id < c->next_rule_id)
		c->next_rule_id = a->rule_id;
	if (old < fw->cfg.counter_count) {
		c->next_packets = fw->cfg.counters[old].packets;
		c->next_bytes = fw->cfg.counters[old].bytes;
	}
}

void
fw_count_carry(struct fw *fw, const uint8_t *image, bool keep)
{
	const struct wire_image_hdr *h = fw_image_hdr(image);
	const struct wire_body *dir = (const struct wire_body *)(image +
	    (size_t)le32_get(h->bodies_at) * WIRE_LINE);

	_Static_assert(FW_COUNTER_HASH > 2 * WIRE_COUNTERS_MAX, "probing finds a free slot");
	index_old(fw);
	for (uint32_t i = 0; i < le32_get(h->body_count); i++) {
		struct fw_table table = { le32_get(dir[i].line), le32_get(dir[i].slots) };
		const struct wire_half *half = (const struct wire_half *)(image +
		    (size_t)table.body * WIRE_LINE);
		uint32_t rules = le16_get(half->rules);

		for (uint32_t rule = 0; rule <= rules; rule++) {
			struct fw_action a;

			fw_match_action(image, table, rule, &a);
			carry_action(fw, &a, keep);
		}
	}
	for (uint32_t i = 0; i < fw->cfg.counter_count; i++) {
		struct fw_counter *c = &fw->cfg.counters[i];

		c->rule_id = c->next_rule_id;
		c->packets = c->next_packets;
		c->bytes = c->next_bytes;
	}
}
