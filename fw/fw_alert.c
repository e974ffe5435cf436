/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket is full after burst / rate seconds of quiet; only a full one with nothing to tell may
 * be given to another rule. */
#include "fw_alert.h"

#include "fw_mem.h"
#include "fw_port.h"

_Static_assert(FW_ALERT_SLOTS % FW_ALERT_WAYS == 0, "sets are whole");

static uint64_t
interval_ns(const struct fw *fw)
{
	return FW_NS_PER_S / fw->cfg.alert_rate;
}

static void
refill(struct fw *fw, struct fw_alert_slot *s, uint64_t now_ns)
{
	uint64_t step = interval_ns(fw);
	uint64_t add = now_ns > s->refilled_ns ? (now_ns - s->refilled_ns) / step : 0;
	uint64_t room = fw->cfg.alert_burst - s->tokens;

	FW_CHECK(s->tokens <= fw->cfg.alert_burst);
	if (add >= room) {
		s->tokens = fw->cfg.alert_burst;
		s->refilled_ns = now_ns;
	} else {
		s->tokens += (uint32_t)add;
		s->refilled_ns += add * step;
	}
}

/* Verdicts no rule made have id 0: one bucket for each reason. */
static bool
slot_is(const struct fw_alert_slot *s, uint32_t rule_id, uint8_t reason)
{
	return s->used && s->rule_id == rule_id && (rule_id != 0 || s->reason == reason);
}

static struct fw_alert_slot *
slot_of(struct fw *fw, uint32_t rule_id, uint8_t reason, uint64_t now_ns)
{
	uint32_t set = (rule_id != 0 ? rule_id ^ rule_id >> 16 : reason) %
	    (FW_ALERT_SLOTS / FW_ALERT_WAYS);
	struct fw_alert_slot *first = fw->cfg.alert_slots + (size_t)set * FW_ALERT_WAYS;
	struct fw_alert_slot *take = NULL;

	for (uint32_t way = 0; way < FW_ALERT_WAYS; way++) {
		struct fw_alert_slot *s = first + way;

		if (s->used)
			refill(fw, s, now_ns);
		if (slot_is(s, rule_id, reason))
			return s;
		if (take == NULL && (!s->used ||
		    (s->suppressed == 0 && s->tokens == fw->cfg.alert_burst)))
			take = s;
	}
	if (take == NULL)
		return first;
	*take = (struct fw_alert_slot){ .refilled_ns = now_ns, .rule_id = rule_id,
		.tokens = fw->cfg.alert_burst, .used = 1, .reason = reason };
	return take;
}

/* True: it was taken. Where there is no room it is counted as lost, and its suppressed count stays
 * in the bucket. */
static bool
tell(struct fw *fw, struct fw_alert_slot *s, struct fw_alert *a)
{
	a->suppressed = s->suppressed;
	if (fw->cfg.alert == NULL || !fw->cfg.alert(fw->cfg.alert_arg, a))
		return false;
	s->suppressed = 0;
	return true;
}

static void
raise(struct fw *fw, struct fw_alert *a, uint8_t reason)
{
	struct fw_alert_slot *s = slot_of(fw, a->rule_id, reason, a->time_ns);

	if (s->tokens == 0) {
		fw->stats.alerts_suppressed++;
		if (s->suppressed < UINT32_MAX)
			s->suppressed++;
		return;
	}
	s->tokens--;
	s->verdict = a->verdict->verdict;
	if (tell(fw, s, a))
		fw->stats.alerts_told++;
	else
		fw->stats.alerts_lost++;
}

void
fw_alert_frame(struct fw *fw, const struct fw_verdict *v, const uint8_t *frame, uint32_t len,
    uint64_t now_ns)
{
	struct fw_alert a = { .time_ns = now_ns, .verdict = v, .frame = frame,
		.frame_bytes = len };

	for (uint32_t i = 0; i < v->hop_count; i++) {
		const struct fw_hop *hop = &v->hops[i];

		if (hop->verdict == WIRE_PASS && !hop->log)
			continue;
		a.hop = i;
		a.rule_id = hop->rule_id;
		a.generation = hop->generation;
		raise(fw, &a, hop->reason);
	}
	if (v->hop_count == 0 && (v->verdict != WIRE_PASS || v->log)) {
		a.hop = 0;
		a.rule_id = v->rule_id;
		a.generation = v->generation;
		raise(fw, &a, v->reason);
	}
}

void
fw_alert_sweep(struct fw *fw, uint64_t now_ns)
{
	for (uint32_t n = 0; n < FW_ALERT_SWEEP; n++) {
		struct fw_alert_slot *s = &fw->cfg.alert_slots[fw->alert_sweep];
		struct fw_alert a = { .time_ns = now_ns, .rule_id = s->rule_id,
			.generation = fw->generation };

		fw->alert_sweep = (fw->alert_sweep + 1) % FW_ALERT_SLOTS;
		if (!s->used || s->suppressed == 0)
			continue;
		refill(fw, s, now_ns);
		if (s->tokens == 0)
			continue;
		s->tokens--;
		(void)tell(fw, s, &a);
	}
}
