/* SPDX-License-Identifier: Apache-2.0 */
/* cut - are the headers of a cut frame all there? */
#include "cut.h"

#include <stdlib.h>
#include <string.h>

#include "fw_parse.h"

static bool
tuple_equal(const struct fw_tuple *a, const struct fw_tuple *b)
{
	return a->family == b->family && a->proto == b->proto && a->tcp_flags == b->tcp_flags &&
	    a->frag == b->frag && memcmp(a->src, b->src, sizeof(a->src)) == 0 &&
	    memcmp(a->dst, b->dst, sizeof(a->dst)) == 0 && a->sport == b->sport &&
	    a->dport == b->dport && a->vlan == b->vlan;
}

static bool
inner_equal(const struct fw_inner *a, const struct fw_inner *b)
{
	return memcmp(a->src, b->src, sizeof(a->src)) == 0 &&
	    memcmp(a->dst, b->dst, sizeof(a->dst)) == 0 && a->sport == b->sport &&
	    a->dport == b->dport && a->proto == b->proto && a->echo == b->echo;
}

static bool
facts_equal(const struct fw_pkt *a, const struct fw_pkt *b)
{
	return tuple_equal(&a->tuple, &b->tuple) && a->kind == b->kind && a->fault == b->fault &&
	    a->why == b->why && a->echo == b->echo && a->has_inner == b->has_inner &&
	    a->frag_more == b->frag_more && a->echo_id == b->echo_id &&
	    a->frag_lo == b->frag_lo && a->frag_hi == b->frag_hi && a->frag_id == b->frag_id &&
	    (!a->has_inner || inner_equal(&a->inner, &b->inner));
}

const uint8_t *
cut_fill(struct cut *c, const uint8_t *frame, uint32_t len_bytes, uint32_t orig_bytes,
    uint32_t *judged_bytes)
{
	struct fw_pkt zeros, ones;

	CHECK(len_bytes <= orig_bytes);
	*judged_bytes = len_bytes;
	if (len_bytes == orig_bytes || len_bytes == 0 || orig_bytes > CUT_BYTES_MAX)
		return frame;
	if (c->buf == NULL)
		c->buf = malloc(CUT_BYTES_MAX);
	if (c->buf == NULL)
		return frame;
	memcpy(c->buf, frame, len_bytes);
	memset(c->buf + len_bytes, 0xff, orig_bytes - len_bytes);
	fw_parse(c->buf, orig_bytes, &ones);
	memset(c->buf + len_bytes, 0, orig_bytes - len_bytes);
	fw_parse(c->buf, orig_bytes, &zeros);
	if (!facts_equal(&zeros, &ones))
		return frame;
	*judged_bytes = orig_bytes;
	return c->buf;
}

void
cut_fini(struct cut *c)
{
	free(c->buf);
	c->buf = NULL;
}
