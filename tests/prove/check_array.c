/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_array - what the check says of one array is so, wherever it is said to lie and however long
 * it is said to be: in a body of BODY bytes of any content, the cell at any index.
 * bounds: a body of 64 bytes
 * seconds: 3
 * unwind: 34
 * options:
 * replace: bad:refused
 * plant: fw_image_body.c s/c >= limit/c > limit/
 * plant: fw_image_body.c s/WIRE_LINE + bytes > p/WIRE_LINE + bytes > 2 + p/
 */
#include "prove.h"

#include "fw_image_body.c"

/* Where a refusal points to is not looked at. */
bool
refused(const struct part *p, const void *what)
{
	(void)p, (void)what;
	return false;
}

#ifndef BODY
#define BODY 64			/* bytes */
#endif

static struct wire_half half;

static void
cells_prove(const struct part *p)
{
	uint32_t at = nondet_u32(), limit = nondet_u32();
	uint64_t count = (uint64_t)nondet_u32() << 32 | nondet_u32(), i;
	bool none = nondet_u8() & 1;
	uint16_t c;

	/* as sizes of two 16-bit fields and a shift are */
	__CPROVER_assume(count < UINT64_C(1) << 48);
	if (!cells(p, le32_put(at), count, limit, none))
		return;
	__CPROVER_assert((uint64_t)at * WIRE_LINE + count * 2 <= BODY, "inside the body");
	i = nondet_u32();
	__CPROVER_assume(i < count);
	c = le16_get(*(const le16 *)(p->v->image + p->body + at * WIRE_LINE + i * 2));
	__CPROVER_assert(c < limit || (none && c == WIRE_CELL_NONE), "below the limit");
}

int
main(void)
{
	struct fw_view v = { .image = any_bytes(WIRE_LINE + BODY), .len = WIRE_LINE + BODY };
	struct part p = { .v = &v, .half = &half, .body = WIRE_LINE,
		.body_bytes = BODY };

	__CPROVER_havoc_object(&half);
	cells_prove(&p);
	return 0;
}
