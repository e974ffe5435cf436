/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of fw_match.c once more, for processors with 512-bit vectors. */
#include "fw_match.h"

#if defined(FW_MATCH_PICKS)
#pragma GCC target("avx512bw,avx512vl,avx512dq,bmi,bmi2,popcnt")

#define FW_MATCH_WIDE 1
#undef FW_MATCH_API
#define FW_MATCH_API static inline __attribute__((unused))
#define fw_table_find wide_table_find
#define fw_table_guard wide_table_guard
#define fw_match wide_match
#define fw_match_batch wide_match_batch
#define fw_match_action wide_match_action
#include "fw_match.c"
#undef fw_match_wide
#undef fw_match_batch_wide

uint32_t
fw_match_wide(const uint8_t *image, struct fw_table table, const struct fw_key *k,
    bool *is_default)
{
	return wide_match(image, table, k, is_default);
}

void
fw_match_batch_wide(const uint8_t *image, const uint8_t *locals, const struct fw_key *keys,
    uint32_t count, struct fw_lane *lanes, struct fw_table *tables, uint32_t *index)
{
	wide_match_batch(image, locals, keys, count, lanes, tables, index);
}
#endif
