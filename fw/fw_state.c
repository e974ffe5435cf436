/* SPDX-License-Identifier: Apache-2.0 */
/* Start, commit, housekeeping: what happens to struct fw between two frames. */
#include "fw_state.h"

#include "fw_alert.h"
#include "fw_count.h"
#include "fw_frag.h"
#include "fw_judge.h"
#include "fw_mem.h"
#include "fw_port.h"
#include "fw_seen.h"
#include "fw_track.h"

void
fw_init(struct fw *fw, const struct fw_cfg *cfg)
{
	FW_CHECK(cfg->bank[0] != NULL && cfg->bank[1] != NULL && cfg->bank[0] != cfg->bank[1]);
	FW_CHECK(((uintptr_t)cfg->bank[0] | (uintptr_t)cfg->bank[1]) % WIRE_LINE == 0);
	FW_CHECK(cfg->flow_tags != NULL && (uintptr_t)cfg->flow_tags % 16 == 0);
	FW_CHECK(cfg->flows != NULL && (uintptr_t)cfg->flows % 64 == 0 && cfg->openings != NULL);
	FW_CHECK(cfg->flow_bounds != NULL && cfg->flow_count >= 2 * FW_FLOW_WAYS);
	FW_CHECK((cfg->flow_count & (cfg->flow_count - 1)) == 0);
	FW_CHECK(cfg->tallies != NULL && (uintptr_t)cfg->tallies % 64 == 0);
	FW_CHECK(cfg->seen != NULL && (uintptr_t)cfg->seen % 64 == 0);
	FW_CHECK(cfg->seen_sets != NULL && (uintptr_t)cfg->seen_sets % 16 == 0);
	FW_CHECK(cfg->seen_count >= FW_SEEN_WAYS);
	FW_CHECK((cfg->seen_count & (cfg->seen_count - 1)) == 0);
	FW_CHECK(cfg->frags != NULL && cfg->counters != NULL && cfg->alert_slots != NULL);
	FW_CHECK(cfg->counter_count <= WIRE_COUNTERS_MAX);
	FW_CHECK(cfg->alert_rate >= 1 && cfg->alert_rate <= 1000000 && cfg->alert_burst >= 1);
	memset(fw, 0, sizeof(*fw));
	fw->cfg = *cfg;
	fw->active = FW_BANK_NONE;
	fw->alert_step_ns = FW_NS_PER_S / cfg->alert_rate;
	memset(cfg->flows, 0, (size_t)cfg->flow_count * sizeof(*cfg->flows));
	memset(cfg->flow_tags, 0, (size_t)cfg->flow_count * sizeof(*cfg->flow_tags));
	memset(cfg->flow_bounds, 0,
	    (size_t)cfg->flow_count / FW_FLOW_WAYS * sizeof(*cfg->flow_bounds));
	memset(cfg->tallies, 0, (size_t)cfg->flow_count * sizeof(*cfg->tallies));
	memset(cfg->openings, 0, (size_t)cfg->flow_count * sizeof(*cfg->openings));
	memset(cfg->seen, 0, (size_t)cfg->seen_count * sizeof(*cfg->seen));
	memset(cfg->seen_sets, 0, cfg->seen_count / FW_SEEN_WAYS * sizeof(*cfg->seen_sets));
	memset(cfg->counters, 0, (size_t)cfg->counter_count * sizeof(*cfg->counters));
	memset(cfg->alert_slots, 0, FW_ALERT_SLOTS * sizeof(*cfg->alert_slots));
	fw_frag_reset(cfg->frags);
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

/* O(FW_FLOW_SWEEP_ASKED). */
static void
flows_sweep(struct fw *fw, uint64_t now_ns)
{
	uint32_t count = fw->asked_left > 0 ? FW_FLOW_SWEEP_ASKED : FW_FLOW_SWEEP;

	fw->asked_left -= fw->asked_left < count ? fw->asked_left : count;
	for (uint32_t n = 0; n < count; n++) {
		uint32_t index = fw->flow_sweep;
		struct fw_flow *f = &fw->cfg.flows[index];

		fw->flow_sweep = (index + 1) & (fw->cfg.flow_count - 1);
		if (fw->cfg.flow_tags[index] == 0)
			continue;
		if (now_ns >= f->deadline_ns)
			fw_flow_expire(fw, f, now_ns);
		else if (fw->active != FW_BANK_NONE && fw_judge_flow(fw, f, now_ns))
			fw_track_look(fw, f, now_ns);
	}
}

void
fw_sweep(struct fw *fw, uint64_t now_ns)
{
	flows_sweep(fw, now_ns);
	fw_seen_sweep(fw, now_ns);
	fw_frag_expire(fw, now_ns, FW_FLOW_SWEEP);
	fw_alert_sweep(fw, now_ns);
}
