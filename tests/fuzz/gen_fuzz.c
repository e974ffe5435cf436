/* SPDX-License-Identifier: Apache-2.0 */
/* gen_fuzz - any bytes as a file of the state, with a checksum that is right: what is taken can be
 * written, and is taken again. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "gen.h"
#include "roles.h"

enum { CRC_AT = GEN_HEAD_BYTES - 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
sum(uint8_t *p, size_t len)
{
	put_le32(p + CRC_AT, crc32c(crc32c(0, p, CRC_AT), p + GEN_HEAD_BYTES,
	    len - GEN_HEAD_BYTES));
}

static void
again(struct gen *g)
{
	struct diags ds = { 0 };
	struct diag d = { 0 };
	struct gen *back;
	uint8_t *out;
	size_t len;

	CHECK(gen_encode(g, &out, &len) == RC_OK);
	if (g->messages != NULL && diags_init(&ds))
		(void)!messages_take(g->messages, g->messages_len, &ds);
	diags_fini(&ds);
	CHECK(gen_decode(out, len, &back, &d) == RC_OK);
	CHECK(back->number == g->number && back->posted == g->posted &&
	    gen_same_symbols(back, g));
	gen_destroy(&back);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gen *g = NULL;
	struct diag d = { 0 };
	uint8_t *p;

	if (size < GEN_HEAD_BYTES)
		return 0;
	p = malloc(size);
	CHECK(p != NULL);
	memcpy(p, data, size);
	sum(p, size);
	if (gen_decode(p, size, &g, &d) == RC_OK)
		again(g);
	else
		CHECK(g == NULL);
	gen_destroy(&g);
	free(p);
	return 0;
}
