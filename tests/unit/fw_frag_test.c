/* SPDX-License-Identifier: Apache-2.0 */
/* fw_frag_test - which fragments are followed: order, overlap, gaps, age, number. */
#include "t.h"

#include "fw_board.h"
#include "frames.h"
#include "fw_frag.h"

#define S FW_NS_PER_S

static struct fw_board *board;

static void
fresh(void)
{
	fw_board_destroy(&board);
	board = fw_board_create(256, 4096);
}

/* Bytes [lo, hi), units of 8, of datagram id; taken, and done with. */
static bool
take_at(uint8_t family, uint32_t id, uint16_t lo, uint16_t hi, bool more, uint64_t now_ns)
{
	struct fw_pkt *p = &board->fw.pkt;
	struct fw_frag *d;

	*p = (struct fw_pkt){ .kind = FW_KIND_IP, .frag_id = id, .frag_lo = lo, .frag_hi = hi,
		.frag_more = more, .tuple = { .family = family, .proto = 17,
		.frag = lo == 0 ? WIRE_FRAG_FIRST : WIRE_FRAG_REST, .src = { 10, 0, 0, 1 },
		.dst = { 10, 0, 0, 2 }, .vlan = WIRE_VLAN_NONE } };
	d = fw_frag_take(&board->fw, now_ns);
	if (d != NULL)
		fw_frag_done(&board->fw, d);
	return d != NULL;
}

static bool
take(uint32_t id, uint16_t lo, uint16_t hi, bool more)
{
	return take_at(4, id, lo, hi, more, 0);
}

static void
in_order(void)
{
	fresh();
	T_OK(take(1, 0, 10, true));
	T_OK(take(1, 10, 20, true));
	T_IS_UINT(board->fw.cfg.frags->count, 1);
	T_OK(take(1, 20, 21, false));
	T_IS_UINT(board->fw.cfg.frags->count, 0);	/* whole: forgotten */
	T_OK(!take(1, 10, 20, true));
}

static void
out_of_order(void)
{
	fresh();
	T_OK(!take(1, 10, 20, true));			/* without a first */
	T_OK(take(1, 0, 10, true));
	T_OK(take(1, 30, 40, false));
	T_OK(take(1, 20, 30, true));
	T_OK(take(1, 10, 20, true));
	T_IS_UINT(board->fw.cfg.frags->count, 0);
}

static void
overlaps(void)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		fresh();
		T_OK(take_at(family, 1, 0, 10, true, 0));
		T_OK(take_at(family, 1, 20, 30, true, 0));
		T_OK(!take_at(family, 1, 0, 10, true, 0));	/* the same again */
		T_OK(!take_at(family, 1, 9, 12, true, 0));
		T_OK(!take_at(family, 1, 15, 21, true, 0));
		T_OK(!take_at(family, 1, 22, 24, true, 0));
		T_OK(!take_at(family, 1, 5, 35, true, 0));
		T_OK(!take_at(family, 1, 15, 18, false, 0));	/* an end before what was seen */
		T_OK(take_at(family, 1, 10, 20, true, 0));	/* refused ones left no trace */
		T_OK(take_at(family, 1, 30, 31, false, 0));
	}
	fresh();
	T_OK(take(1, 0, 10, true));
	T_OK(take(1, 20, 30, false));
	T_OK(!take(1, 30, 31, true));			/* past the end */
	T_OK(!take(1, 12, 13, false));			/* a second end */
}

/* One byte run more than is kept. */
static void
gaps(void)
{
	fresh();
	T_OK(take(1, 0, 1, true));
	for (uint16_t i = 1; i < FW_FRAG_RANGES; i++)
		T_OK(take(1, (uint16_t)(4 * i), (uint16_t)(4 * i + 2), true));
	T_OK(!take(1, 4 * FW_FRAG_RANGES, 4 * FW_FRAG_RANGES + 2, true));
	T_OK(take(1, 6, 8, true));			/* joins two: there is room again */
	T_OK(take(1, 4 * FW_FRAG_RANGES, 4 * FW_FRAG_RANGES + 2, true));
}

static void
keys(void)
{
	fresh();
	T_OK(take(1, 0, 10, true));
	T_OK(!take(2, 10, 20, true));
	T_OK(!take_at(6, 1, 10, 20, true, 0));
	struct fw_pkt *p = &board->fw.pkt;

	T_OK(take(1, 10, 20, true));
	p->frag_lo = 20;
	p->frag_hi = 30;
	for (int i = 0; i < 4; i++) {
		struct fw_pkt keep = *p;

		switch (i) {
		case 0: p->tuple.src[3] = 9; break;
		case 1: p->tuple.dst[3] = 9; break;
		case 2: p->tuple.proto = 6; break;
		case 3: p->tuple.vlan = 1; break;
		}
		T_OK(fw_frag_take(&board->fw, 0) == NULL);
		*p = keep;
	}
	T_OK(fw_frag_take(&board->fw, 0) != NULL);
}

static void
age(void)
{
	fresh();
	T_OK(take_at(4, 1, 0, 10, true, 5));
	T_OK(take_at(4, 1, 10, 20, true, 30 * S + 4));
	T_OK(!take_at(4, 1, 20, 30, true, 30 * S + 5));
	T_IS_UINT(board->fw.cfg.frags->count, 0);
}

static void
number(void)
{
	fresh();
	for (uint32_t id = 0; id < FW_FRAG_DATAGRAMS; id++) {
		if (!take_at(6, id, 0, 10, true, id))
			T_OK(!"one of the 1,024 is refused");
	}
	T_OK(!take_at(6, 5000, 0, 10, true, 2000));
	T_IS_UINT(board->fw.stats.frag_full, 1);
	T_OK(!take_at(6, 5000, 10, 20, true, 2000));
	T_OK(take_at(6, 512, 10, 20, true, 2000));
	T_OK(!take_at(6, 5000, 0, 10, true, 30 * S - 1));
	T_OK(take_at(6, 5000, 0, 10, true, 30 * S));	/* the oldest has expired */
	T_IS_UINT(board->fw.cfg.frags->count, FW_FRAG_DATAGRAMS);
	fw_frag_expire(&board->fw, 60 * S, UINT32_MAX);
	T_IS_UINT(board->fw.cfg.frags->count, 0);
	for (uint32_t id = 0; id < FW_FRAG_DATAGRAMS; id++) {
		if (!take_at(4, id, 0, 10, true, 60 * S))
			T_OK(!"an entry is lost");
	}
}

int
main(void)
{
	T_RUN(in_order);
	T_RUN(out_of_order);
	T_RUN(overlaps);
	T_RUN(gaps);
	T_RUN(keys);
	T_RUN(age);
	T_RUN(number);
	fw_board_destroy(&board);
	return t_done();
}
