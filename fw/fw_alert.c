/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket is full after burst / rate seconds of quiet; only a full one with nothing to tell may
 * be given to another rule. */
#include "fw_alert.h"

#include "fw_mem.h"
#include "fw_port.h"

_Static_assert(FW_ALERT_SLOTS % FW_ALERT_WAYS == 0, "sets are whole");

/* May be put off until the slot is asked for: what two calls add, the second adds alone. */
static void
refill(struct fw *fw, struct fw_alert_slot *s, uint64_t now_ns)
{
	uint64_t step = fw->alert_step_ns;
	uint64_t quiet_ns = now_ns > s->refilled_ns ? now_ns - s->refilled_ns : 0;
	uint64_t room = fw->cfg.alert_burst - s->tokens, add;

	FW_CHECK(s->tokens <= fw->cfg.alert_burst);
	if (room != 0 && quiet_ns < step)	/* drops at a rate: no division each */
		return;
	add = room != 0 ? quiet_ns / step : 0;
	if (add >= room) {
		s->tokens = fw->cfg.alert_burst;
		s->refilled_ns = now_ns;
	} else {
		s->tokens += (uint32_t)add;
		s->refilled_ns += add * step;
	}
}

/* What a bucket is for. Verdicts no rule made have id 0: one for each reason. Never 0. */
static uint64_t
cause_of(uint32_t rule_id, uint8_t reason)
{
	return rule_id != 0 ? rule_id : (uint64_t)1 << 32 | reason;
}

static uint32_t
cause_rule(uint64_t cause)
{
	return cause >> 32 != 0 ? 0 : (uint32_t)cause;
}

static struct fw_alert_slot *
slot_of(struct fw *fw, uint32_t rule_id, uint8_t reason, uint64_t now_ns)
{
	uint32_t set = (rule_id != 0 ? rule_id ^ rule_id >> 16 : reason) %
	    (FW_ALERT_SLOTS / FW_ALERT_WAYS);
	struct fw_alert_slot *first = fw->cfg.alert_slots + (size_t)set * FW_ALERT_WAYS;
	uint64_t cause = cause_of(rule_id, reason);

	for (struct fw_alert_slot *s = first; s < first + FW_ALERT_WAYS; s++) {
		if (s->cause == cause) {
			refill(fw, s, now_ns);
			return s;
		}
	}
	for (struct fw_alert_slot *s = first; s < first + FW_ALERT_WAYS; s++) {
		if (s->cause != 0)
			refill(fw, s, now_ns);
		if (s->cause == 0 || (s->suppressed == 0 && s->tokens == fw->cfg.alert_burst)) {
			*s = (struct fw_alert_slot){ .refilled_ns = now_ns, .cause = cause,
				.tokens = fw->cfg.alert_burst };
			return s;
		}
	}
	return first;
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

/* The bucket, one token less; NULL where it had none, and the alert is counted as suppressed. */
static struct fw_alert_slot *
token_take(struct fw *fw, uint32_t rule_id, uint8_t reason, uint64_t now_ns)
{
	struct fw_alert_slot *s = slot_of(fw, rule_id, reason, now_ns);

	if (s->tokens == 0) {
		fw->stats.alerts_suppressed++;
		if (s->suppressed < UINT32_MAX)
			s->suppressed++;
		return NULL;
	}
	s->tokens--;
	return s;
}

static void
raise(struct fw *fw, struct fw_alert_slot *s, struct fw_alert *a)
{
	if (tell(fw, s, a))
		fw->stats.alerts_told++;
	else
		fw->stats.alerts_lost++;
}

/* An alert is put together once it is known to be told: of a flood, few are. */
void
fw_alert_frame(struct fw *fw, const struct fw_verdict *v, const uint8_t *frame, uint32_t len,
    uint64_t now_ns)
{
	struct fw_alert_slot *s;

	for (uint32_t i = 0; i < v->hop_count; i++) {
		const struct fw_hop *hop = &v->hops[i];

		if (hop->verdict == WIRE_PASS && !hop->log)
			continue;
		s = token_take(fw, hop->rule_id, hop->reason, now_ns);
		if (s != NULL)
			raise(fw, s, &(struct fw_alert){ .time_ns = now_ns, .verdict = v,
			    .hop = i, .rule_id = hop->rule_id, .generation = hop->generation,
			    .frame = frame, .frame_bytes = len });
	}
	if (v->hop_count == 0 && (v->verdict != WIRE_PASS || v->log)) {
		s = token_take(fw, v->rule_id, v->reason, now_ns);
		if (s != NULL)
			raise(fw, s, &(struct fw_alert){ .time_ns = now_ns, .verdict = v,
			    .rule_id = v->rule_id, .generation = v->generation,
			    .frame = frame, .frame_bytes = len });
	}
}

void
fw_alert_sweep(struct fw *fw, uint64_t now_ns)
{
	for (uint32_t n = 0; n < FW_ALERT_SWEEP; n++) {
		struct fw_alert_slot *s = &fw->cfg.alert_slots[fw->alert_sweep];
		struct fw_alert a = { .time_ns = now_ns, .rule_id = cause_rule(s->cause),
			.generation = fw->generation };

		fw->alert_sweep = (fw->alert_sweep + 1) % FW_ALERT_SLOTS;
		if (s->cause == 0 || s->suppressed == 0)
			continue;
		refill(fw, s, now_ns);
		if (s->tokens == 0)
			continue;
		s->tokens--;
		(void)tell(fw, s, &a);
	}
}
