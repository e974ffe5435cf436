/* SPDX-License-Identifier: Apache-2.0 */
/* query_doc - what the query child answers, as documents; for query_role.c. NULL: out of memory. */
#ifndef QUERY_DOC_H
#define QUERY_DOC_H

#include <yyjson.h>

#include "flow_judge.h"
#include "flow_list.h"
#include "pol_explain.h"
#include "pol_plan.h"

/* query_unpack.c: a request's body as sources are encoded, in the arena. False with a message. */
MUST_CHECK bool query_unpack(const uint8_t *body, size_t len, struct arena *a, uint8_t **out,
    size_t *out_len, struct diag *d);

/* query_flows.c: flows that are known, as the old tables and the new judge them. */
enum { QUERY_FLOW_KINDS = 3 };
struct query_flows {
	bool told;
	uint32_t known;
	uint64_t lost;
	uint32_t judged[2];		/* ended, live */
	uint32_t counts[2][QUERY_FLOW_KINDS];	/* cut, let, other */
	struct flow_change *changes;	/* in the arena, as is the room of lines */
	uint32_t change_count;
	struct cut_line *lines;
};
/* Images as flow_judge takes them. RC_INVALID: the bytes are no list of flows. */
MUST_CHECK enum rc query_flows_judge(const uint8_t *p, size_t len, const uint8_t *old_image,
    const uint8_t *new_image, struct arena *a, struct query_flows *out);

struct query_plan {
	const uint8_t *old_image, *new_image;
	size_t old_len, new_len;
	const struct image_symbols *old_symbols, *new_symbols;
	const struct pol_plan *plan;
	const struct query_flows *flows;
};
yyjson_mut_doc *query_plan_doc(const struct query_plan *q);
void query_flows_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct query_plan *q);
/* File, line, segment; of NULL nothing. */
void query_symbol_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct image_symbol *s);

yyjson_mut_doc *query_explain_doc(const struct pol_rules *r, const struct pol_packet *p,
    const struct pol_explained *e);

#endif
