/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse - fw_parse on every frame of 0..FRAME_MAX bytes reads inside the frame.
 * bounds: frames of 0 to 96 bytes
 * seconds: 12
 * unwind: 17
 * options:
 * plant: fw_parse.c s/ || len - off < TAG_BYTES//
 */
#include "prove.h"

#include "fw_parse.c"

#ifndef FRAME_MAX
#define FRAME_MAX 96
#endif

int
main(void)
{
	uint32_t len = nondet_u32();
	struct fw_pkt pkt;
	uint8_t *frame;

	__CPROVER_assume(len <= FRAME_MAX);
	frame = any_bytes(len);
	fw_parse(frame, len, &pkt);
	__CPROVER_assert(pkt.kind <= FW_KIND_IP, "kind is one of the four");
	__CPROVER_assert(pkt.why < FW_WHY__COUNT, "why is one of the list");
	__CPROVER_assert((pkt.fault == 0) == (pkt.why == FW_WHY_NONE), "a fault has a reason");
	return 0;
}
