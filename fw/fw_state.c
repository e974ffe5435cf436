/* SPDX-License-Identifier: Apache-2.0 */
/* Start, commit, housekeeping: what happens to struct fw between two frames. */
#include "fw_state.h"

#include "fw_alert.h"
#include "fw_count.h"
#include "fw_frag.h"
#include "fw_judge.h"
#include "fw_mem.h"
#include "fw_port.h"

void
fw_init(struct fw *fw, const struct fw_cfg *cfg)
{
	FW_CHECK(cfg->bank[0] != NULL && cfg->bank[1] != NULL && cfg->bank[0] != cfg->bank[1]);
	FW_CHECK(((uintptr_t)cfg->bank[0] | (uintptr_t)cfg->bank[1]) % WIRE_LINE == 0);
	FW_CHECK(cfg->flow_tags != NULL && (uintptr_t)cfg->flow_tags % 16 == 0);
	FW_CHECK(cfg->flows != NULL && cfg->flow_count >= 2 * FW_FLOW_WAYS);
	FW_CHECK((cfg->flow_count & (cfg->flow_count - 1)) == 0);
	FW_CHECK(cfg->frags != NULL && cfg->counters != NULL && cfg->alert_slots != NULL);
	FW_CHECK(cfg->counter_count <= WIRE_COUNTERS_MAX);
	FW_CHECK(cfg->alert_rate >= 1 && cfg->alert_rate <= 1000000 && cfg->alert_burst >= 1);
	memset(fw, 0, sizeof(*fw));
	fw->cfg = *cfg;
	fw->active = FW_BANK_NONE;
	memset(cfg->flows, 0, (size_t)cfg->flow_count * sizeof(*cfg->flows));
	memset(cfg->flow_tags, 0, (size_t)cfg->flow_count * sizeof(*cfg->flow_tags));
	memset(cfg->counters, 0, (size_t)cfg->counter_count * sizeof(*cfg->counters));
	memset(cfg->alert_slots, 0, FW_ALERT_SLOTS * sizeof(*cfg->alert_slots));
	fw_frag_reset(cfg->frags);
}

const uint8_t *
fw_image(const struct fw *fw)
{
	return fw->active == FW_BANK_NONE ? NULL : fw->cfg.bank[fw->active];
}

uint32_t
fw_bank_staged(const struct fw *fw)
{
	return fw->active == 0 ? 1 : 0;
}

/* What datagrams in flight still count belongs to the old image's counters. */
static void
frags_uncount(struct fw *fw)
{
	for (uint32_t i = 0; i < FW_FRAG_DATAGRAMS; i++)
		fw->cfg.frags->items[i].hops[0].counter = fw->cfg.frags->items[i].hops[1].counter =
		    WIRE_COUNTER_NONE;
}

void
fw_image_activate(struct fw *fw, uint32_t bank, uint32_t len, uint32_t generation,
    bool keep_counters)
{
	FW_CHECK(bank == fw_bank_staged(fw) || (fw->active == FW_BANK_NONE && bank < 2));
	FW_CHECK(len <= fw->cfg.bank_bytes && generation != 0);
	fw_count_carry(fw, fw->cfg.bank[bank], keep_counters);
	frags_uncount(fw);
	fw->active = bank;
	fw->image_bytes = len;
	fw->generation = generation;
	fw->activation++;
}

void
fw_image_drop(struct fw *fw)
{
	FW_CHECK(fw->active != FW_BANK_NONE);
	frags_uncount(fw);
	fw->active = FW_BANK_NONE;
	fw->image_bytes = 0;
	fw->generation = 0;
	fw->activation++;
}

void
fw_sweep(struct fw *fw, uint64_t now_ns)
{
	for (uint32_t n = 0; n < FW_FLOW_SWEEP; n++) {
		struct fw_flow *f = &fw->cfg.flows[fw->flow_sweep];

		fw->flow_sweep = (fw->flow_sweep + 1) & (fw->cfg.flow_count - 1);
		if (!f->live)
			continue;
		if (now_ns >= f->deadline_ns)
			fw_flow_end(fw, f);
		else if (fw->active != FW_BANK_NONE)
			(void)fw_judge_flow(fw, f);
	}
	fw_frag_expire(fw, now_ns, FW_FLOW_SWEEP);
	fw_alert_sweep(fw, now_ns);
}
